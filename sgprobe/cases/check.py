"""Checks files and folders of cases, steps and suite data, all without a peer."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dissectors.asn1.versions import Spec
from sgprobe.cases import model as m
from sgprobe.cases import plan
from sgprobe.cases.compile_steps import Run, compile_steps
from sgprobe.cases.errors import CaseError, Problems, shown
from sgprobe.cases.load import CASE_ENDING, STEPS_ENDING, load_case, load_steps_file
from sgprobe.cases.packages import check_packages
from sgprobe.cases.references import Is, Reference, Scope
from sgprobe.cases.suite import INDEX, Suite, load_suite, near, suite_root
from sgprobe.fileerror import Problem
from sgprobe.yamlnode import Source


@dataclass(slots=True)
class Checked:
    """What was looked at, and everything that is wrong with it."""

    cases: list[m.Case] = field(default_factory=list)
    files: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        """Return the problems that are no warnings."""
        return [problem for problem in self.problems if not problem.warning]


def files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """Return the case and steps files of paths, folders searched, in a stable order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(
                one
                for one in path.rglob("*.yaml")
                if one.name.endswith((CASE_ENDING, STEPS_ENDING))
            )
        else:
            yield path


def check_paths(paths: Iterable[Path], specs: tuple[Spec, ...] = ()) -> Checked:
    """Check files and folders; a folder that is a whole suite has its data checked too."""
    # what is read stays: the collector would walk it again and again, a quarter of the time
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _check_paths(list(paths), specs)
    finally:
        if collecting:
            gc.enable()


def _check_paths(paths: list[Path], specs: tuple[Spec, ...]) -> Checked:
    checked = Checked()
    found = Problems()
    seen: dict[str, Source] = {}
    roots: set[Path] = set()
    for path in files_of(paths):
        checked.files += 1
        root = suite_root(path)
        suite = load_suite(root)
        if root not in roots:
            roots.add(root)
            found.extend(suite.problems)
            found.extend(check_packages(suite))
        if path.name.endswith(STEPS_ENDING):
            _steps(path, suite, specs, found)
        else:
            _case(path, suite, specs, checked, found, seen)
    for path in paths:
        if path.is_dir() and (path / INDEX).is_file() and path.resolve() not in roots:
            suite = load_suite(path.resolve())
            found.extend([*suite.problems, *check_packages(suite)])
    checked.problems = list(found.all)
    return checked


def _case(
    path: Path,
    suite: Suite,
    specs: tuple[Spec, ...],
    checked: Checked,
    found: Problems,
    seen: dict[str, Source],
) -> None:
    try:
        case = load_case(path, near(path))
    except CaseError as error:
        found.extend(error.problems)
        return
    checked.cases.append(case)
    first = seen.setdefault(case.id, case.source)
    if first is not case.source:
        place = Source(case.source.file, case.source.line, 1, case.source.line, 2)
        found.add(
            place, f"{shown(case.id)} is the id of {first.file} already", "an id is given once"
        )
    found.extend(plan.check(case, suite, specs))


def _steps(path: Path, suite: Suite, specs: tuple[Spec, ...], found: Problems) -> None:
    """Check a steps file as each role under test could call it: it has to fit one of them."""
    try:
        file = load_steps_file(path, path.name.removesuffix(STEPS_ENDING), near(path))
    except CaseError as error:
        found.extend(error.problems)
        return
    best: tuple[Problem, ...] | None = None
    for spec in {
        one[-1] for one in suite.specs.values() if one and (not specs or one[-1] in specs)
    }:
        for role in m.ROLES:
            problems = Problems()
            run = Run(
                suite, spec, role, problems, Scope(suite.references()), {}, suite.package_types()
            )
            for name in file.inputs:
                run.scope.add(Reference(name.text, Is.ANY, "an input"))
            compile_steps(file.steps, run)
            for name in file.outputs:
                if run.scope.find(name.text) is None:
                    problems.add(
                        name.source,
                        f"{shown(name.text)} is declared as output and never captured",
                        "`capture:` keeps it",
                    )
            if best is None or len(problems) < len(best):
                best = problems.all
            if not best:
                return
    found.extend(best or ())
