"""Keeps catalogue, cases and suites/not-yet.yaml in step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sgprobe import ics
from sgprobe.cases import model as m
from sgprobe.cases.catalogue import Purposes, section_of
from sgprobe.cases.errors import CaseError
from sgprobe.cases.load import CASE_ENDING, load_case
from sgprobe.cases.suite import Suite, near
from sgprobe.fileerror import Problem
from sgprobe.problems import Problems, did_you_mean, listed, shown
from sgprobe.yamltable import known_word, mapping_of

NOT_YET = "not-yet.yaml"
REMAKE = "python -m sgprobe.cases.catalogue_page --write"
LATER = "later"
STATES = {
    LATER: "no case was written yet",
    "needs-fact": "what a product has to do is not known well enough to judge it",
    "needs-hardware": "no simulation can show it",
}
_HEAD = f"""\
# Rows of the catalogue without a case; where a case has some of the roles only, ID[role].
# Made by `{REMAKE}`, which keeps the words that stand here.
"""


@dataclass(slots=True)
class Progress:
    """Which rows have cases, and the state of those that have none, by row and role."""

    cases: dict[str, list[m.Case]] = field(default_factory=dict)
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def done(self) -> dict[tuple[str, str], m.Case]:
        """Return the case of each row and role."""
        return {
            (ident, role): case
            for ident, cases in self.cases.items()
            for case in cases
            for role in case.roles
        }


def progress(root: Path, purposes: Purposes, suite: Suite) -> Progress:
    """Return how far the cases are; everything that is out of step is in `problems`."""
    found, problems = Progress(), Problems()
    _load_cases(root, found, problems)
    found.states = read_states(root / NOT_YET, purposes, problems)
    _requirements(purposes, suite, problems)
    for ident, cases in found.cases.items():
        for case in cases:
            _agrees(case, ident, purposes, problems)
    _complete(found, purposes, problems)
    found.problems = list(problems.all)
    return found


def read_states(path: Path, purposes: Purposes, problems: Problems) -> dict[tuple[str, str], str]:
    """Return the states that not-yet.yaml gives, by row and role."""
    states: dict[tuple[str, str], str] = {}
    node = mapping_of(path, problems, near) if path.is_file() else None
    for key, value in node.entries if node is not None else ():
        ident, _, role = key.text.removesuffix("]").partition("[")
        row = purposes.rows.get(ident)
        if row is None or (role and role not in row.roles):
            hint = did_you_mean(ident, purposes.rows) if row is None else listed(row.roles)
            problems.add(key.source, f"{shown(key.text)} is no row of the catalogue", hint)
            continue
        state = known_word(value, STATES, problems)
        for one in (role,) if role else row.roles:
            states[ident, one] = state
    return states


def _load_cases(root: Path, found: Progress, problems: Problems) -> None:
    for path in sorted(root.rglob("*" + CASE_ENDING)):
        try:
            case = load_case(path, near(path))
        except CaseError as error:
            problems.extend(error.problems)
            continue
        found.cases.setdefault(case.id, []).append(case)


def _requirements(purposes: Purposes, suite: Suite, problems: Problems) -> None:
    """Rows name requirements and questions that are there, and every requirement has a row."""
    covered: set[str] = set()
    for row in purposes.rows.values():
        covered.update(row.covers)
        known = [suite.requirements[one] for one in row.covers if one in suite.requirements]
        for name in row.covers:
            if name not in suite.requirements:
                hint = did_you_mean(name, suite.requirements)
                problems.add(row.source, f"{shown(name)} is no requirement", hint)
            elif not set(row.roles) & set(suite.requirements[name].roles):
                problems.add(row.source, f"{shown(name)} is not asked of {listed(row.roles)}")
        if known and row.level not in {one.level for one in known}:
            told = f"{shown(row.id)} is '{row.level}', its requirements are not"
            problems.add(row.source, told, "one of them has to have the level of the row")
        for name, _ in ics.names(ics.parse(row.ics)) if row.ics else ():
            if name not in suite.questions:
                hint = did_you_mean(name, suite.questions)
                problems.add(row.source, f"{shown(name)} is not a question of suites/ics", hint)
    for name in suite.requirements:
        if name not in covered and purposes.rows:
            first = next(iter(purposes.rows.values()))
            problems.add(first.source, f"no row covers the requirement {shown(name)}")


def _agrees(case: m.Case, ident: str, purposes: Purposes, problems: Problems) -> None:
    row = purposes.rows.get(ident)
    if row is None:
        hint = did_you_mean(ident, purposes.rows)
        problems.add(case.source, f"{shown(ident)} is no row of the catalogue", hint)
        return
    for role in case.roles:
        if role not in row.roles:
            told = f"the row {ident} is for {listed(row.roles)}, the case for {role}"
            problems.add(case.source, told)
    wanted = {section_of(one) for one in row.clauses}
    if wanted and not wanted & {(one.spec, one.section) for one in case.clauses}:
        told = f"the case names no clause of its row ({listed(row.clauses)})"
        problems.add(case.source, told)
    if not {one.text for one in case.covers} & set(row.covers):
        told = f"the case covers no requirement of its row ({listed(row.covers)})"
        problems.add(case.source, told)


def _complete(found: Progress, purposes: Purposes, problems: Problems) -> None:
    """Every row has, for each of its roles, a case or a state, and not both."""
    seen: dict[tuple[str, str], m.Case] = {}
    for ident, cases in found.cases.items():
        for case in cases:
            for role in case.roles:
                first = seen.setdefault((ident, role), case)
                if first is not case:
                    told = f"{shown(ident)} has a case for {role} already: {first.source.file}"
                    problems.add(case.source, told)
                if (ident, role) in found.states:
                    told = f"{shown(ident)} has a case and stands in {NOT_YET}"
                    problems.add(case.source, told, REMAKE)
    for row in purposes.rows.values():
        for role in row.roles:
            if (row.id, role) not in seen and (row.id, role) not in found.states:
                told = f"{shown(row.id)} has no case for {role} and no state in {NOT_YET}"
                problems.add(row.source, told, REMAKE)


def not_yet(
    purposes: Purposes, done: Iterable[tuple[str, str]], states: Mapping[tuple[str, str], str]
) -> str:
    """Return the file of all rows without a case; states that are known are kept."""
    finished = set(done)
    lines = [_HEAD.rstrip("\n")]
    for row in purposes.rows.values():
        left = {
            role: states.get((row.id, role), LATER)
            for role in row.roles
            if (row.id, role) not in finished
        }
        if len(left) == len(row.roles) and len(set(left.values())) == 1:
            lines.append(f"{row.id}: {left[row.roles[0]]}")
        else:
            lines += [f"{row.id}[{role}]: {state}" for role, state in left.items()]
    return "\n".join(lines) + "\n"
