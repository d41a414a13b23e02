"""The --tape option: every run that opens a link writes one capture, unless told not to."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path


def add_tape(parser: argparse.ArgumentParser) -> None:
    """Add --tape to a parser."""
    parser.add_argument("--tape", metavar="FILE", help="the capture, secrets inside "
                        "(default: a new sgprobe-….pcapng here; none: no capture)")  # fmt: skip


def tape_path(asked: str | None, what: str) -> Path | None:
    """Return where the capture of a run goes, or None where there is to be none."""
    if asked == "none":
        return None
    if asked is not None:
        return Path(asked)
    return Path(f"sgprobe-{what}-{datetime.now():%Y%m%d-%H%M%S}.pcapng")
