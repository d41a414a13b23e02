"""Every marked `console` block of the README is run, and prints what it shows."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from readme import ROOT, blocks

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SNIPPETS = [
    pytest.param(text, id=f"{path.stem}-{name}")
    for path in DOCUMENTS
    for name, text in blocks(path).items()
    if text.startswith("$ ")
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


@pytest.mark.parametrize("text", SNIPPETS)
def test_snippet_prints_what_it_shows(text: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command, shown in commands(text):
        assert shlex.split(command)[0] == "sgprobe"
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, env=environment, cwd=ROOT
        )
        assert done.stdout.rstrip() == shown, done.stdout + done.stderr
