"""Which requirement is covered by which case, and what came of it.

sgprobe matrix                                  every requirement, its cases, and what has none
sgprobe matrix RESULTS --format html --out matrix.html
sgprobe matrix RUN1 RUN2 --format csv           a column for each product
sgprobe matrix --uncovered                      requirements without a case alone
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from sgprobe.cases.catalogue import Purposes, load_purposes
from sgprobe.cases.load import CASE_ENDING, load_case
from sgprobe.cases.suite import load_suite, near
from sgprobe.cli.command import USAGE, UserError
from sgprobe.cli.report import load_run
from sgprobe.data import data_dir
from sgprobe.fileerror import FileError, render
from sgprobe.report import matrix
from sgprobe.report.matrix_forms import FORMS, said
from sgprobe.report.text import plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe matrix`."""
    parser.add_argument("folders", nargs="*", metavar="RESULTS", help="results folders of runs")
    parser.add_argument("--format", choices=tuple(FORMS), default="md", help="default: md")
    parser.add_argument("--out", metavar="FILE", help="default: print it")
    parser.add_argument("--suites", metavar="DIR", help="a suites folder of your own")
    parser.add_argument("--uncovered", action="store_true", help="what has no case alone")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe matrix`."""
    root = Path(arguments.suites) if arguments.suites else data_dir("suites")
    if not root.is_dir():
        raise UserError(f"{plain(str(root))}: no such folder")
    try:
        requirements, cases = catalogue(root)
    except FileError as error:
        for problem in error.problems:
            print(render(problem), file=sys.stderr)
        return USAGE
    runs = [load_run([folder]) for folder in arguments.folders]
    found = matrix.build(requirements, cases, runs)
    shown = found
    if arguments.uncovered:
        shown = matrix.Matrix(found.products, [row for row in found.rows if not row.covered])
    text = io.StringIO()
    FORMS[arguments.format](shown, text)
    if arguments.out is None:
        print(text.getvalue(), end="")
        return 0
    try:
        with Path(arguments.out).open("w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
    except OSError as error:
        raise UserError(f"{plain(arguments.out)}: {error.strerror}") from None
    print(f"{plain(arguments.out)}: {said(found)}")
    return 0


def catalogue(root: Path) -> tuple[list[matrix.Requirement], list[matrix.Coverage]]:
    """Return the requirements of a suites folder and what covers them; raises FileError."""
    suite = load_suite(root)
    purposes = load_purposes(root)
    requirements = [
        matrix.Requirement(one.id, one.clause, one.text, one.level, one.firm)
        for one in suite.requirements.values()
    ]
    cases: dict[str, matrix.Coverage] = {}
    for path in sorted(root.rglob("*" + CASE_ENDING)):
        case = load_case(path, near(path))
        cases[case.id] = matrix.Coverage(
            case.id,
            case.title,
            case.roles,
            tuple(one.text for one in case.covers),
            True,
            _official(purposes, case.id),
        )
    for row in purposes.rows.values():
        if row.id not in cases:
            cases[row.id] = matrix.Coverage(
                row.id, row.title, row.roles, row.covers, False, _official(purposes, row.id)
            )
    return requirements, list(cases.values())


def _official(purposes: Purposes, ident: str) -> tuple[tuple[str, str], ...]:
    """Return the official cases of a row with how sure their names are; a topic is no case."""
    row = purposes.rows.get(ident)
    if row is None:
        return ()
    found = []
    for name in row.official:
        known = purposes.official.get(name.split(" #")[0])
        if known is not None and not known.topic and known.role in row.roles:
            found.append((name, known.mark))
    return tuple(found)
