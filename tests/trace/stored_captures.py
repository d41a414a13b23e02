"""The stored captures, their index and their goldens."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from dissectors.link.keylog import KeyLog
from dissectors.trace.read import Options, Trace, read_trace

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "captures"
Row = dict[str, Any]


@cache
def index() -> dict[str, Row]:
    """Return the rows of the index by name."""
    return {row["name"]: row for row in json.loads((FOLDER / "index.json").read_text())}


def options(row: Row) -> Options:
    """Return how a capture is to be read: with its keys."""
    keys = KeyLog()
    if "keylog" in row:
        assert keys.add_text((FOLDER / row["keylog"]).read_bytes()) == []
    return Options(keys=keys, psk=bytes.fromhex(row.get("psk", "")) or None)


def arguments(row: Row) -> list[str]:
    """Return the same for the command line."""
    out = [str(FOLDER / row["file"])]
    if "keylog" in row:
        out += ["--keylog", str(FOLDER / row["keylog"])]
    if "psk" in row:
        out += ["--psk", row["psk"]]
    return out


def trace(name: str) -> Trace:
    """Decode a stored capture."""
    row = index()[name]
    return read_trace(FOLDER / row["file"], options(row))


def golden(name: str) -> str:
    """Return the golden NDJSON of a capture."""
    return (FOLDER / f"{name}.ndjson").read_text(encoding="utf-8")
