"""Check cases, steps files and suite data without a network.

sgprobe check                                everything in the suites
sgprobe check my-cases/ --format github      for annotations of a pull request
sgprobe check CASE.case.yaml --spec SGP.32@1.3
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sgprobe import __version__
from sgprobe.annotation import annotation
from sgprobe.cases.check import Checked, check_paths
from sgprobe.cli.command import USAGE, UserError
from sgprobe.cli.specs import add_spec, chosen_spec
from sgprobe.data import data_dir
from sgprobe.fileerror import Problem, render, safe

FORMATS = ("text", "json", "github", "sarif")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe check`."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files or folders; default: suites"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    add_spec(parser, "check this version alone; default: all that a case claims; `all` is that too")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe check`."""
    spec = None if arguments.spec == "all" else chosen_spec(arguments.spec)
    paths = [Path(text) for text in arguments.paths] or [data_dir("suites")]
    for path in paths:
        if not path.exists():
            raise UserError(
                f"{safe(str(path))}: no such file or folder",
                "without a path the suites are checked",
            )
    checked = check_paths(paths, (spec,) if spec is not None else ())
    if not checked.files and not checked.problems:
        raise UserError("no case here", "cases are files named <ID>.case.yaml")
    WRITERS[arguments.format](checked)
    return USAGE if checked.errors else 0


def _text(checked: Checked) -> None:
    for problem in checked.problems:
        print(render(problem))
    good = f"{len(checked.cases)} cases, {checked.files} files"
    wrong = len(checked.errors)
    words = f"{wrong} error{'s' if wrong != 1 else ''}" if wrong else "no error"
    print(f"{good}: {words}", file=sys.stderr if wrong else sys.stdout)


def _as_dict(problem: Problem) -> dict[str, Any]:
    source = problem.source
    return {
        "file": source.file,
        "line": source.line,
        "column": source.column,
        "endLine": source.end_line,
        "endColumn": source.end_column,
        "severity": "warning" if problem.warning else "error",
        "text": problem.text,
        "hint": problem.hint,
    }


def _json(checked: Checked) -> None:
    print(
        json.dumps(
            {
                "cases": len(checked.cases),
                "files": checked.files,
                "problems": [_as_dict(problem) for problem in checked.problems],
            },
            indent=2,
        )
    )


def _github(checked: Checked) -> None:
    for problem in checked.problems:
        source = problem.source
        text = problem.text + (f" ({problem.hint})" if problem.hint else "")
        level = "warning" if problem.warning else "error"
        print(annotation(level, text, file=source.file, line=source.line, column=source.column))


def _sarif(checked: Checked) -> None:
    results = [
        {
            "ruleId": "case",
            "level": "warning" if problem.warning else "error",
            "message": {"text": problem.text + (f" ({problem.hint})" if problem.hint else "")},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": Path(problem.source.file).as_posix()},
                        "region": {
                            "startLine": problem.source.line,
                            "startColumn": problem.source.column,
                            "endLine": problem.source.end_line,
                            "endColumn": problem.source.end_column,
                        },
                    }
                }
            ],
        }
        for problem in checked.problems
    ]
    print(
        json.dumps(
            {
                "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
                "version": "2.1.0",
                "runs": [
                    {
                        "tool": {
                            "driver": {
                                "name": "sgprobe",
                                "version": __version__,
                                "rules": [
                                    {
                                        "id": "case",
                                        "shortDescription": {"text": "The case can be run"},
                                    }
                                ],
                            }
                        },
                        "columnKind": "unicodeCodePoints",
                        "results": results,
                    }
                ],
            },
            indent=2,
        )
    )


WRITERS = {"text": _text, "json": _json, "github": _github, "sarif": _sarif}
