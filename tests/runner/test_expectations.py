"""Every expectation of the five cases of the language can fail: each is turned round and run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sgprobe.cases import planned as p
from sgprobe.cases import templates as t
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice, Ready
from sgprobe.engine.played import Options
from sgprobe.events import Verdict
from sgprobe.mutants.hunt import case_paths

# one variant of each is enough: what is turned round is the same in all
CASES = {
    "ESIPA-EIM-GEP-006": "https-nist-p256",
    "RBK-IPA-CON-001": "https",
    "ES9P-DP-ACL-013": "nist-p256-empty",
    "RPL-EUI-CNT-001": "logical",
    "COAP-IPA-BLK-001": "coap-256-second-block-lost",
}
# rows that find nothing at all, such as `absent`, are turned round by `any`
_IXIT = {"rollback-window": "72 h", "answer-limit": "10 s"}


def turned(template: t.Template) -> Iterator[tuple[str, t.Template]]:
    """Yield a template once for each of its leaves, with that leaf turned round."""
    match template:
        case t.Members(members):
            for index, member in enumerate(members):
                for path, inside in turned(member.template):
                    changed = replace(member, template=inside)
                    kept = (*members[:index], changed, *members[index + 1 :])
                    yield f"{member.name}.{path}".rstrip("."), replace(template, members=kept)
        case t.Elements(elements):
            for index, element in enumerate(elements):
                for path, inside in turned(element):
                    kept = (*elements[:index], inside, *elements[index + 1 :])
                    yield f"[{index}].{path}", replace(template, elements=kept)
        case t.Matcher(word) if word in ("absent", "absent-or"):
            # both hold where nothing is there: ask for what is not there
            yield "", t.Literal("never-there", "never-there", template.source)
        case _:
            yield "", t.Matcher("not", f"<not {template}>", template.source, inner=template)


def variants_of(plan: p.Plan) -> Iterator[tuple[str, p.Plan]]:
    """Yield the plan once for each expectation in its body, with that one turned round."""
    compiled = plan.compiled
    for number, step in enumerate(compiled.steps):
        for name, changed in _turned_step(step):
            steps = (*compiled.steps[:number], changed, *compiled.steps[number + 1 :])
            yield (
                f"step {number + 1} {name}",
                replace(plan, compiled=replace(compiled, steps=steps)),
            )


def _turned_step(step: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(step, p.PlannedMessage) and step.expect:
        if step.template is not None:
            for path, template in turned(step.template):
                yield path, replace(step, template=template)
        for index, (name, binding) in enumerate(step.binding):
            for path, template in turned(binding):
                kept = (*step.binding[:index], (name, template), *step.binding[index + 1 :])
                yield f"{name}.{path}", replace(step, binding=kept)
    if isinstance(step, p.PlannedState) and step.step.compare:
        for path, template in turned(step.template):
            yield path, replace(step, template=template)


def ready_of(ident: str) -> Ready:
    found = Bench(Choice()).ready(case_paths()[ident])
    return next(one for one in found if CASES[ident] in one.id)


def all_turned() -> list[tuple[str, str]]:
    return [(ident, name) for ident in CASES for name, _ in variants_of(ready_of(ident).plan)]


@pytest.mark.parametrize(("ident", "name"), all_turned(), ids=lambda text: text[-60:])
def test_an_expectation_turned_round_fails(ident: str, name: str, tmp_path: Path) -> None:
    ready = ready_of(ident)
    plan = next(plan for known, plan in variants_of(ready.plan) if known == name)
    bench = Bench(Choice(options=Options(out=tmp_path, ixit=_IXIT)))
    result = bench.run(replace(ready, plan=plan), lambda event: None)
    assert result.judged is Verdict.FAIL, f"{result.verdict}: {result.reason}"


@pytest.mark.parametrize("ident", CASES)
def test_as_written_they_pass(ident: str, tmp_path: Path) -> None:
    bench = Bench(Choice(options=Options(out=tmp_path, ixit=_IXIT)))
    for ready in bench.ready(case_paths()[ident]):
        result = bench.run(ready, lambda event: None)
        assert result.verdict is Verdict.PASS, f"{ready.id}: {result.reason}"
        assert result.checks > 0


def test_the_cases_are_those_of_the_suite() -> None:
    assert set(CASES) <= {
        path.name.split(".")[0] for path in data_dir("suites").rglob("*.case.yaml")
    }
