"""CSV for spreadsheets: one row an item, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from sgprobe.report.results import row
from sgprobe.report.run import Run
from sgprobe.report.text import plain

COLUMNS = (
    "id", "case", "variant", "verdict", "reason", "title", "iut", "spec", "interface", "function",
    "requirements", "clauses", "official", "certainty", "layer", "seconds", "frames", "capture",
    "warnings", "file", "line", "rerun",
)  # fmt: skip
# what makes a spreadsheet take text for a formula (OWASP, CSV injection)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: object) -> str:
    """Return the text of a cell; one that would be a formula begins with an apostrophe."""
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    text = "" if value is None else str(value)
    text = plain(text)
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text


def write_rows(rows: Iterable[Iterable[object]], out: TextIO) -> None:
    """Write rows as CSV."""
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    for one in rows:
        writer.writerow([cell(value) for value in one])


def write_csv(run: Run, out: TextIO) -> None:
    """Write the items of a run."""
    write_rows([COLUMNS], out)
    for item in run.items:
        values = row(item)
        write_rows([[values[name] for name in COLUMNS]], out)
