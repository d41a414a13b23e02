"""Every report by its name, and one call that writes those asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TextIO

from sgprobe.events import RunEnded
from sgprobe.report.annotations import write_annotations
from sgprobe.report.compare import RESULTS, Comparison
from sgprobe.report.console import Console
from sgprobe.report.html import write_html
from sgprobe.report.junit import write_junit
from sgprobe.report.results import write_results
from sgprobe.report.run import Run
from sgprobe.report.summary import write_summary
from sgprobe.report.table import write_csv

# form: the file that it is written to, below the results folder
FILES = {
    "html": "report.html",
    "junit": "junit.xml",
    "json": RESULTS,
    "csv": "results.csv",
    "md": "summary.md",
    "allure": "allure",
}
# forms that are printed, and have no file
PRINTED = ("console", "github")
FORMS = (*FILES, *PRINTED)
USUAL = ("html", "junit", "json", "csv", "md")

_WRITERS: dict[str, Callable[[Run, TextIO, Comparison | None], None]] = {
    "html": write_html,
    "junit": lambda run, out, _: write_junit(run, out),
    "json": lambda run, out, _: write_results(run, out),
    "csv": lambda run, out, _: write_csv(run, out),
    "md": write_summary,
}


def write_reports(
    run: Run,
    folder: Path,
    forms: Iterable[str] = USUAL,
    comparison: Comparison | None = None,
    links: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write reports into a folder and return their paths; each replaces the one before it."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for form in dict.fromkeys(forms):
        path = folder / FILES[form]
        if form == "allure":
            from sgprobe.report.allure.writer import write_allure  # attrs and pluggy: 60 ms

            write_allure(run, path, clean=True, links=links)
        else:
            half = path.with_name(path.name + ".part")
            with half.open("w", encoding="utf-8", newline="") as out:
                _WRITERS[form](run, out, comparison)
            half.replace(path)
        written.append(path)
    return written


def print_report(run: Run, form: str, out: TextIO, *, colour: bool = False) -> None:
    """Print a report that has no file."""
    if form == "github":
        write_annotations(run, out)
        return
    console = Console(out, tty=False, colour=colour, verbose=True)
    console.on(run.head)
    for item in run.items:
        for event in item.events():
            console.on(event)
    if run.end is not None:
        console.on(RunEnded(run.end.at, run.seconds, run.end.exit))
    console.finish()
