"""Writes the reports that a person asked for, from the stream in a results folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from sgprobe.report.folder import read_run
from sgprobe.report.html import write_html
from sgprobe.report.junit import write_junit
from sgprobe.report.results import write_results
from sgprobe.report.run import Run
from sgprobe.report.summary import write_summary
from sgprobe.report.table import write_csv

ALLURE = "allure"
# kind: its file in the results folder, and what writes it
FILES: dict[str, tuple[str, Callable[[Run, TextIO], None]]] = {
    "html": ("report.html", write_html),
    "junit": ("junit.xml", write_junit),
    "json": ("results.json", write_results),
    "csv": ("results.csv", write_csv),
    "summary": ("summary.md", write_summary),
}
KINDS = (*FILES, ALLURE)


def write_reports(folder: Path, kinds: Iterable[str], told: TextIO) -> list[Path]:
    """Write reports into the folder of a run, and say where they are."""
    wanted = list(kinds)
    if "all" in wanted:
        wanted = list(KINDS)
    run = read_run(folder)
    written = []
    for kind in wanted:
        path = _write(run, folder, kind)
        written.append(path)
        print(f"{kind:<8}{path}", file=told)
    return written


def _write(run: Run, folder: Path, kind: str) -> Path:
    if kind == ALLURE:
        from sgprobe.report.allure.writer import write_allure

        write_allure(run, folder / ALLURE)
        return folder / ALLURE
    name, write = FILES[kind]
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as out:
        write(run, out)
    return path
