"""Finds the marked command blocks of the README, for .ci/run and for the snippet tests.

A block is marked by a comment on the line before it: `<!-- ci: NAME -->`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"<!-- ci: ([\w-]+) -->\s*```(?:sh|console)\n(.*?)```", re.DOTALL)


def blocks(path: Path = ROOT / "README.md") -> dict[str, str]:
    """Return the marked blocks of a document by name."""
    return {name: text.strip() for name, text in _BLOCK.findall(path.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    print(blocks()[sys.argv[1]])
