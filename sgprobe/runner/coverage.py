"""What the suites say of requirements, as data for the requirement matrix."""

from __future__ import annotations

from pathlib import Path

from sgprobe.cases.catalogue import Purposes, load_purposes
from sgprobe.cases.load import CASE_ENDING, load_case
from sgprobe.cases.suite import load_suite, near
from sgprobe.data import data_dir
from sgprobe.fileerror import FileError, Problem
from sgprobe.report import matrix


def coverage(
    root: Path | None = None, problems: list[Problem] | None = None
) -> tuple[list[matrix.Requirement], list[matrix.Coverage]]:
    """Return the requirements of a suites folder and what covers them."""
    root = root or data_dir("suites")
    suite = load_suite(root)
    purposes = load_purposes(root)
    requirements = [
        matrix.Requirement(one.id, one.clause, one.text, one.level, one.firm)
        for one in suite.requirements.values()
    ]
    cases: dict[str, matrix.Coverage] = {}
    for path in sorted(root.rglob("*" + CASE_ENDING)):
        try:
            case = load_case(path, near(path))
        except FileError as error:
            # a file that cannot be read covers nothing; its row of the catalogue stays without
            if problems is not None:
                problems += error.problems
            continue
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
