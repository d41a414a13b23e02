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

from sgprobe.cli.command import UserError
from sgprobe.cli.report import load_run
from sgprobe.data import data_dir
from sgprobe.fileerror import Problem, render
from sgprobe.report import matrix
from sgprobe.report.matrix_forms import FORMS, said
from sgprobe.report.text import plain
from sgprobe.runner.coverage import coverage


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
    problems: list[Problem] = []
    requirements, cases = coverage(root, problems)
    for problem in problems:
        print(render(problem), file=sys.stderr)
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
