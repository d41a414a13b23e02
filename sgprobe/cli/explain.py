"""Tell a case as prose, with a Mermaid diagram.

sgprobe explain ESIPA-EIM-GEP-006
sgprobe explain my-cases/MY-CASE-001.case.yaml
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sgprobe.cases.errors import did_you_mean
from sgprobe.cases.explain import explain
from sgprobe.cases.load import CASE_ENDING, load_case
from sgprobe.cases.suite import load_suite, near, suite_root
from sgprobe.cli.command import USAGE, UserError
from sgprobe.data import data_dir
from sgprobe.fileerror import FileError, render, safe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe explain`."""
    parser.add_argument("case", metavar="ID|FILE", help="the id of a case, or its file")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe explain`."""
    path = _find(arguments.case)
    try:
        print(explain(load_case(path, near(path)), load_suite(suite_root(path))), end="")
    except FileError as error:
        for problem in error.problems:
            print(render(problem), file=sys.stderr)
        return USAGE
    return 0


def _find(text: str) -> Path:
    path = Path(text)
    if text.endswith(CASE_ENDING):
        if not path.is_file():
            raise UserError(f"{safe(text)}: no such file")
        return path
    ident = text.partition("[")[0]
    known = {
        one.name.removesuffix(CASE_ENDING): one
        for one in data_dir("suites").rglob("*" + CASE_ENDING)
    }
    if ident not in known:
        raise UserError(
            f"there is no case {safe(ident)[:60]!r}",
            did_you_mean(ident, known) or "`sgprobe check` counts the cases",
        )
    return known[ident]
