"""Finds who catches a rule that is switched off: every case of the role is tried against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from sgprobe.cases.load import load_case
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.played import Options
from sgprobe.events import Verdict
from sgprobe.mutants.hunt import case_paths
from sgprobe.mutants.rules import TABLES

# the role that keeps the rules of a prefix; LPA is the client half of ES9+ in an IPA
ROLES = {
    "EIM": "eim", "IPA": "ipa", "SMDP": "smdp", "SMDS": "smds", "EUICC": "euicc", "LPA": "ipa",
    "FPA": "fpa", "JUDGE": "system", "SMDPF": "smdpf", "EUM": "euicc",
}  # fmt: skip
_ENOUGH = 3


def suggest(rules: Iterable[str], jobs: int, out: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each rule with the first cases that catch it."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [(rule, pool.submit(catchers, rule, out)) for rule in rules]
        for rule, one in waiting:
            yield rule, one.result()


def catchers(rule: str, out: Path) -> list[str]:
    """Return cases that fail while a rule is off; each is tried in its first variant."""
    role = ROLES[rule.partition(".")[0]]
    options = Options(out=out / rule, off=frozenset({rule}), ixit=_ixit())
    bench = Bench(Choice(options=options))
    found: list[str] = []
    for ident, path in case_paths().items():
        if role not in load_case(path).roles:
            continue
        ready = next((one for one in bench.ready(path)
                      if one.plan.compiled.role == role and one.verdict is None), None)  # fmt: skip
        if ready is None:
            continue
        if bench.run(ready, lambda event: None).judged is Verdict.FAIL:
            found.append(ident)
            if len(found) >= _ENOUGH:
                break
    return found


def _ixit() -> dict[str, str]:
    from sgprobe.cases.suite import load_suite
    from sgprobe.data import data_dir

    settings = load_suite(data_dir("suites")).catalogue.settings
    return {one.name: one.default for one in settings.values() if one.default}


def entry(rule: str, cases: list[str]) -> str:
    """Return a mutant as it stands in suites/mutants."""
    text = next((one.text for table in TABLES for one in table if one.name == rule), "")
    role = ROLES[rule.partition(".")[0]]
    name = rule.replace(".", "-") + "-OFF"
    return (f"{name}:\n  text: \"Not kept: {text}.\"\n  role: {role}\n  off: [{rule}]\n"
            f"  caught-by: [{', '.join(cases)}]\n")  # fmt: skip
