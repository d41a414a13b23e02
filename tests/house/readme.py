"""Finds the marked command blocks of the documents, for .ci/run and for the snippet tests.

A block is marked by a comment on the line before it: `<!-- ci: NAME -->`. A `console` block shows
what its commands print; an `sh` block is run as a whole and ends with 0, or with the code of
`<!-- ci: NAME exit CODE -->`; `needs PROGRAM` skips it without that program. Names that end in
`-command` set things up: .ci/run runs them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")),
             *sorted((ROOT / "examples").rglob("*.md"))]  # fmt: skip
_BLOCK = re.compile(
    r"<!-- ci: ([\w-]+)(?: exit (\d))?(?: needs (\w+))? -->\s*```(sh|console)\n(.*?)```", re.DOTALL
)

# the ports that documents and examples name
_PORT = re.compile(r"\b184\d\d\b")


@dataclass(frozen=True, slots=True)
class Block:
    """One marked block."""

    document: Path
    name: str
    code: int
    needs: str
    kind: str
    text: str


def marked(path: Path) -> list[Block]:
    """Return the marked blocks of a document."""
    text = path.read_text(encoding="utf-8")
    return [Block(path, name, int(code or 0), needs, kind, body.strip())
            for name, code, needs, kind, body in _BLOCK.findall(text)]  # fmt: skip


def blocks(path: Path = ROOT / "README.md") -> dict[str, str]:
    """Return the marked blocks of a document by name."""
    return {block.name: block.text for block in marked(path)}


def environment() -> dict[str, str]:
    """Return an environment in which `sgprobe` is that of this interpreter."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def set_up(script: str, folder: Path) -> str:
    """Lay the data rooms and a copy of the examples into a folder; free ports for those named."""
    free: dict[str, str] = {}

    def other(found: re.Match[str]) -> str:
        return free.setdefault(found[0], _free_port())

    for name in ("vectors", "suites"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "examples", folder / "examples")
    for path in (folder / "examples").rglob("*"):
        if path.is_file():
            path.write_text(_PORT.sub(other, path.read_text(encoding="utf-8")), encoding="utf-8")
    return _PORT.sub(other, script)


def _free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def play(script: str, folder: Path, seconds: float = 150) -> tuple[int, str]:
    """Run a script in a folder, end what it left running, return its exit code and output."""
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment(), text=True,
        stdout=(folder / ".output").open("w"), stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        code = process.wait(seconds)
    finally:
        # the group is our own: it began with this process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return code, (folder / ".output").read_text(encoding="utf-8")


if __name__ == "__main__":
    print(blocks()[sys.argv[1]])
