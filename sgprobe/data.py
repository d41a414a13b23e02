"""Finds the rooms of data (suites, vectors, report templates), in a checkout or installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_dir(room: str) -> Path:
    """Return the folder of `room` ("suites", "vectors", "reports/templates")."""
    for base in (_PACKAGE.parent, _PACKAGE / "_data"):
        path = base / room
        # a checkout is told apart from site-packages by its pyproject.toml
        if path.is_dir() and (base.name == "_data" or (base / "pyproject.toml").is_file()):
            return path
    raise FileNotFoundError(f"the data folder {room!r} is missing: reinstall sgprobe")
