"""Finds the marked command blocks of the documents, for .ci/run and for the snippet tests.

A block is marked by a comment on the line before it: `<!-- ci: NAME -->`. A `console` block shows
what its commands print; an `sh` block is run as a whole and ends with 0, or with the code of
`<!-- ci: NAME exit CODE -->`; `needs PROGRAM` skips it without that program. Names that end in
`-command` set things up: .ci/run runs them.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ended import begun
from free_ports import FreePorts

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")),
             *sorted((ROOT / "examples").rglob("*.md"))]  # fmt: skip
_BLOCK = re.compile(
    r"<!-- ci: ([\w-]+)(?: exit (\d))?(?: needs (\w+))? -->\s*```(sh|console)\n(.*?)```", re.DOTALL
)


# where a document says how long a person waits, what was begun before is waited for first
_PRELUDE = f"""\
sleep() {{ {shlex.quote(sys.executable)} {shlex.quote(str(ROOT / "tests/house/listening.py"))} \
$(jobs -p); command sleep "$@"; }}
"""
# the exit code of a script that is not over after its time, as timeout(1) has it
HANGS = 124


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
    ports = FreePorts()
    for name in ("vectors", "suites"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "examples", folder / "examples")
    for path in (folder / "examples").rglob("*"):
        if path.is_file():
            path.write_text(ports.put(path.read_text(encoding="utf-8")), encoding="utf-8")
    return ports.put(script)


def play(script: str, folder: Path, seconds: float = 600) -> tuple[int, str]:
    """Run a script in a folder, end what it left running, return its exit code and output."""
    told = folder / ".output"
    command = ["bash", "-euo", "pipefail", "-c", _PRELUDE + script]
    with told.open("w") as out, begun(command, cwd=folder, env=environment(), stdout=out,
                                      stderr=subprocess.STDOUT) as process:  # fmt: skip
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = HANGS
    return code, told.read_text(encoding="utf-8")


if __name__ == "__main__":
    print(blocks()[sys.argv[1]])
