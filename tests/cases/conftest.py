"""A case that is right, and what checks a change of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sgprobe.cases import plan
from sgprobe.cases.errors import CaseError
from sgprobe.cases.load import load_text
from sgprobe.cases.suite import Suite, load_suite
from sgprobe.data import data_dir
from sgprobe.fileerror import Problem, render


@pytest.fixture(scope="session")
def suite() -> Suite:
    return load_suite(data_dir("suites"))


@pytest.fixture(scope="session")
def problems(suite: Suite) -> Callable[[str], tuple[Problem, ...]]:
    def of(text: str, name: str = "X.case.yaml") -> tuple[Problem, ...]:
        try:
            case = load_text(text, name)
        except CaseError as error:
            return error.problems
        return plan.check(case, suite)

    return of


@pytest.fixture(scope="session")
def told(problems: Callable[[str], tuple[Problem, ...]]) -> Callable[[str], str]:
    """Return what a person reads of the problems of a text."""

    def of(text: str, name: str = "X.case.yaml") -> str:
        lines = text.splitlines()
        return "\n".join(render(one, lambda file: lines) for one in problems(text, name))

    return of
