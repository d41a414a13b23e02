"""Case to plans: every version, role and variant that the case claims; all that can fail fails."""

from __future__ import annotations

from dissectors.asn1.versions import Spec
from sgprobe import ics
from sgprobe.cases import model as m
from sgprobe.cases import planned as p
from sgprobe.cases.compile_around import compile_peers, compile_trace
from sgprobe.cases.compile_steps import Run, compile_steps
from sgprobe.cases.errors import CaseError, Problems, did_you_mean, listed, shown
from sgprobe.cases.messages import Message, alike
from sgprobe.cases.paths import part
from sgprobe.cases.references import Is, Reference, Scope
from sgprobe.cases.suite import Suite
from sgprobe.cases.variants import Variant, expand
from sgprobe.fileerror import Problem
from sgprobe.yamlnode import Scalar, Source

# how deep steps files are looked into
_CALLS = 8


def check(case: m.Case, suite: Suite, specs: tuple[Spec, ...] = ()) -> tuple[Problem, ...]:
    """Return everything that is wrong with a case in the versions that it claims."""
    return _build(case, suite, specs, once=True)[1]


def plans(case: m.Case, suite: Suite, specs: tuple[Spec, ...] = ()) -> tuple[p.Plan, ...]:
    """Return the runs of a case; raises CaseError if anything is wrong in any version."""
    compiled, problems = _build(case, suite, specs)
    errors = [problem for problem in problems if not problem.warning]
    if errors:
        raise CaseError(errors)
    condition = ics.parse(case.applies_if.text) if case.applies_if is not None else None
    return tuple(
        p.Plan(case, variant, one, applies(condition, variant))
        for one in compiled
        for variant in expand(case)
        if variant.role == one.role
    )


def applies(condition: ics.Expression | None, variant: Variant) -> ics.Expression | None:
    """Return what has to hold for a variant: the case's condition, and those of its points."""
    parts: list[ics.Expression] = [condition] if condition is not None else []
    parts += [ics.Name(name, 0) for name in variant.conditions()]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else ics.Both(tuple(parts))


def _build(
    case: m.Case, suite: Suite, specs: tuple[Spec, ...], *, once: bool = False
) -> tuple[list[p.Compiled], tuple[Problem, ...]]:
    """Compile a case for each version; if `once`, one time for versions that build it alike."""
    general = Problems()
    _general(case, suite, general)
    try:
        claimed = suite.versions(case)
    except CaseError as error:
        general.extend(error.problems)
        return [], general.all
    chosen = tuple(spec for spec in claimed if not specs or spec in specs)
    compiled: list[p.Compiled] = []
    found: dict[Spec, Problems] = {}
    seen: set[Message] = set()
    for spec in chosen:
        twin = next((one for one in found if _alike(seen, one, spec)), None) if once else None
        if twin is not None:
            found[spec] = found[twin]
            continue
        found[spec] = problems = Problems()
        for role in case.roles:
            compiled.append(_compile(case, suite, spec, role, problems, seen))
    general.extend(merge({spec: problems.all for spec, problems in found.items()}))
    return compiled, general.all


def _alike(seen: set[Message], one: Spec, other: Spec) -> bool:
    return one.name == other.name and all(alike(message, one, other) for message in seen)


def merge(found: dict[Spec, tuple[Problem, ...]]) -> list[Problem]:
    """Return the problems of several versions; one that not all have says which have it."""
    places: dict[Source, dict[Spec, list[Problem]]] = {}
    for spec, problems in found.items():
        for problem in problems:
            places.setdefault(problem.source, {}).setdefault(spec, []).append(problem)
    merged = []
    for by_spec in places.values():
        newest = list(by_spec)[-1]
        for problem in by_spec[newest]:
            if len(by_spec) == len(found):
                merged.append(problem)
                continue
            names = ", ".join(map(str, by_spec))
            text = problem.text if names in problem.text else f"{problem.text}, in {names}"
            merged.append(Problem(problem.source, text, problem.hint, problem.warning))
    return merged


def _compile(
    case: m.Case, suite: Suite, spec: Spec, role: str, problems: Problems, seen: set[Message]
) -> p.Compiled:
    scope = Scope(suite.references())
    axes = {axis.name.text: axis for axis in case.axes}
    for name in axes:
        scope.add(Reference(name, Is.ANY, "an axis"))
    run = Run(suite, spec, role, problems, scope, axes, suite.package_types(), seen=seen)
    given = compile_steps(case.given, run)
    peers = compile_peers(case.peers, run, case.roles)
    steps = compile_steps(case.steps, run)
    trace = compile_trace(case.trace, run)
    cleanup = compile_steps(case.cleanup, run)
    for name, key in run.captured.items():
        if name not in scope.used:
            problems.add(
                key.source,
                f"{shown(name)} is captured and never used",
                f"use ${name} in a later step, or leave the capture out",
            )
    return p.Compiled(spec, role, given, steps, cleanup, peers, trace)


def _general(case: m.Case, suite: Suite, problems: Problems) -> None:
    """Look at what does not depend on a version."""
    for text in case.covers:
        if text.text not in suite.requirements:
            problems.add(
                text.source,
                f"{shown(text.text)} is not a requirement of suites/requirements",
                did_you_mean(text.text, suite.requirements),
            )
    if case.applies_if is not None:
        _expression(case.applies_if, suite, problems)
    for axis in case.axes:
        if axis.name.text in suite.references():
            problems.add(axis.name.source, f"${axis.name.text} has a meaning already")
    if not expand(case):
        problems.add(case.source, "'except' removes every variant")
    if not _checks(case, suite):
        key = case.source
        place = Source(key.file, key.line, key.column, key.line, key.column + 1)
        problems.add(
            place,
            "the case checks nothing: no message of the IUT, no assert, no quiet, no trace",
            "its verdict could never be pass",
        )


def _checks(case: m.Case, suite: Suite) -> bool:
    return bool(case.trace) or any(_is_check(step, case.roles, suite) for step in case.steps)


def _is_check(step: m.Step, roles: tuple[str, ...], suite: Suite, depth: int = 0) -> bool:
    match step:
        case m.MessageStep(arrow):
            own = {face for role in roles for face in m.faces(role)}
            return arrow.sender == m.IUT or arrow.sender in own
        case m.StateStep():
            return step.compare
        case m.QuietStep():
            return True
        case m.GroupStep(_, branches):
            return any(_is_check(one, roles, suite) for branch in branches for one in branch)
        case m.DoStep(call) if depth < _CALLS:
            try:
                file = suite.steps(call.text.replace(m.BY_ROLE, roles[0] if roles else ""))
            except CaseError:
                return True  # what is wrong with it is told where it is called
            return file is not None and any(
                _is_check(one, roles, suite, depth + 1) for one in file.steps
            )
    return False


def _expression(text: Scalar, suite: Suite, problems: Problems) -> None:
    try:
        expression = ics.parse(text.text)
    except ics.ExpressionError as error:
        problems.add(part(text, error.start, error.end), str(error), error.hint)
        return
    for name, start in ics.names(expression):
        if name not in suite.questions and not _is_setting(name, suite):
            problems.add(
                part(text, start, start + len(name)),
                f"{shown(name)} is not a question of suites/ics",
                did_you_mean(name, suite.questions) or f"known are {listed(suite.questions, 6)}",
            )


def _is_setting(name: str, suite: Suite) -> bool:
    return name.startswith("ixit.") and name.removeprefix("ixit.") in suite.ixit
