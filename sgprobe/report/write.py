"""Every report by its name, and one call that writes those asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeAlias

from sgprobe.events import RunEnded
from sgprobe.report import matrix, matrix_forms
from sgprobe.report.annotations import write_annotations
from sgprobe.report.compare import RESULTS, Comparison
from sgprobe.report.console import Console
from sgprobe.report.folder import NoResults, read_run
from sgprobe.report.html import write_html
from sgprobe.report.junit import write_junit
from sgprobe.report.results import write_results
from sgprobe.report.run import Run
from sgprobe.report.summary import write_summary
from sgprobe.report.table import write_csv
from sgprobe.report.text import plain

# form: the file or folder that it is written to, below the results folder
FILES = {
    "html": "report.html",
    "junit": "junit.xml",
    "json": RESULTS,
    "csv": "results.csv",
    "summary": "summary.md",
    "allure": "allure",
    "matrix": "matrix.html",
}
# forms that are printed, and have no file
PRINTED = ("console", "github")
FORMS = (*FILES, *PRINTED)
USUAL = ("html", "junit", "json", "csv", "summary")
ALL, NONE = "all", "none"
# the matrix has three forms: for reading, for a spreadsheet, for a document
_MATRICES = ("html", "csv", "md")

_WRITERS: dict[str, Callable[[Run, TextIO, Comparison | None], None]] = {
    "html": write_html,
    "junit": lambda run, out, _: write_junit(run, out),
    "json": lambda run, out, _: write_results(run, out),
    "csv": lambda run, out, _: write_csv(run, out),
    "summary": write_summary,
}

# what the suites say of requirements and cases; the matrix takes it as data
Catalogue: TypeAlias = tuple[Iterable[matrix.Requirement], Iterable[matrix.Coverage]]


def render(
    run: Run,
    folder: Path,
    forms: Iterable[str] = USUAL,
    *,
    comparison: Comparison | None = None,
    links: Mapping[str, str] | None = None,
    catalogue: Callable[[], Catalogue] | None = None,
) -> list[Path]:
    """Write reports into a folder and return their paths; each replaces the one before it."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for form in dict.fromkeys(forms):
        path = folder / FILES[form]
        if form == "allure":
            from sgprobe.report.allure.writer import write_allure  # attrs and pluggy: 60 ms

            write_allure(run, path, clean=True, links=links)
            written.append(path)
        elif form == "matrix":
            written += _matrix(run, path, catalogue)
        else:
            with _whole(path) as out:
                _WRITERS[form](run, out, comparison)
            written.append(path)
    return written


def _matrix(run: Run, path: Path, catalogue: Callable[[], Catalogue] | None) -> list[Path]:
    known: Catalogue = catalogue() if catalogue is not None else ((), ())
    found = matrix.build(*known, [run])
    paths = [path.with_suffix(f".{kind}") for kind in _MATRICES]
    for kind, one in zip(_MATRICES, paths, strict=True):
        with _whole(one) as out:
            matrix_forms.FORMS[kind](found, out)
    return paths


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """Open a file that is there once it is whole."""
    half = path.with_name(path.name + ".part")
    with half.open("w", encoding="utf-8", newline="") as out:
        yield out
    half.replace(path)


def chosen(names: Iterable[str]) -> list[str]:
    """Return the forms of some names; raises LookupError with the name that is none."""
    found: list[str] = []
    for name in names:
        if name == ALL:
            found += FILES
        elif name in FORMS:
            found.append(name)
        elif name != NONE:
            raise LookupError(name)
    return list(dict.fromkeys(found))


def write_reports(
    folder: Path,
    names: Iterable[str],
    said: TextIO,
    *,
    printed: TextIO | None = None,
    catalogue: Callable[[], Catalogue] | None = None,
    env: Mapping[str, str] = os.environ,
) -> list[Path]:
    """Write the reports of a run that has just ended, and say where they are.

    On GitHub Actions the annotations go to `printed` and the summary to the page of the job.
    """
    forms = []
    for name in names:
        try:
            forms += chosen([name])
        except LookupError:
            said.write(f"no report {plain(name)!r}; known: {', '.join(FORMS)}\n")
    on_github = env.get("GITHUB_ACTIONS") == "true" and printed is not None
    if not forms and not on_github:
        return []
    try:
        run = read_run(folder)
    except NoResults as error:
        said.write(f"no report: {error}\n")
        return []
    files = [form for form in dict.fromkeys(forms) if form in FILES]
    written = render(run, folder, files, catalogue=catalogue)
    for path in written:
        said.write(f"{plain(str(path))}\n")
    if on_github and printed is not None:
        write_annotations(run, printed)
        page = env.get("GITHUB_STEP_SUMMARY")
        if page:
            with Path(page).open("a", encoding="utf-8") as out:
                write_summary(run, out)
    return written


def write_alluredir(folder: Path, alluredir: Path, patterns: Iterable[tuple[str, str]] = ()) -> int:
    """Write the results that `pytest --alluredir` asks for; returns how many."""
    from sgprobe.report.allure.writer import write_allure

    return write_allure(read_run(folder), alluredir, links=dict(patterns))


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
