"""Every marked block of README and docs is run: it prints what it shows, ends as it says."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from readme import DOCUMENTS, ROOT, Block, environment, marked, play, set_up

BLOCKS = [
    block for path in DOCUMENTS for block in marked(path) if not block.name.endswith("-command")
]


def params(kind: str) -> list[object]:
    return [
        pytest.param(block, id=f"{block.document.relative_to(ROOT)}-{block.name}")
        for block in BLOCKS
        if block.kind == kind
    ]


def commands(text: str) -> list[tuple[str, str]]:
    """Return the commands of a console block with the output shown below each."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in found]


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def slot_waits() -> bool:
    # a connection would be a card, so the port of vpcd is tried by binding it
    with socket.socket() as one:
        try:
            one.bind(("0.0.0.0", 35963))
        except OSError:
            return True
    return False


@pytest.mark.parametrize("block", params("console"))
def test_snippet_prints_what_it_shows(block: Block) -> None:
    for command, shown in commands(block.text):
        assert shlex.split(command)[0] == "sgprobe"
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, env=environment(), cwd=ROOT
        )
        assert trimmed(done.stdout) == trimmed(shown), done.stdout + done.stderr


@pytest.mark.parametrize("block", params("sh"))
def test_snippet_ends_as_it_says(block: Block, tmp_path: Path) -> None:
    if block.needs and shutil.which(block.needs) is None:
        pytest.skip(f"{block.needs} is not installed")
    if block.needs == "pcscd":
        pytest.importorskip("smartcard", reason="pyscard is not installed")
        if not slot_waits():
            pytest.skip("pcscd does not run, or has no virtual reader")
    code, output = play(set_up(block.text, tmp_path), tmp_path)
    assert code == block.code, output
