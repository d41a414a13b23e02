"""Hunts mutants with the cases that are said to catch them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from sgprobe.cases.load import CASE_ENDING
from sgprobe.cases.runsets import ORDINARY_SCALE
from sgprobe.cases.suite import Suite, load_suite
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.played import Options
from sgprobe.events import Verdict
from sgprobe.fileerror import FileError, render
from sgprobe.mutants.mutant import Mutant, compile_says, load_mutants

CAUGHT, SURVIVED, BROKEN = "caught", "survived", "broken"
# of throughput: as much as a fault needs to show
_SCALE = ORDINARY_SCALE / 20


@dataclass(frozen=True, slots=True)
class Kill:
    """What one case has made of one mutant: caught, survived, or broken with the reason."""

    mutant: str
    case: str
    outcome: str
    item: str = ""
    reason: str = ""
    seconds: float = 0.0


@cache
def _suite() -> Suite:
    return load_suite(data_dir("suites"))


@cache
def _mutants() -> dict[str, Mutant]:
    return load_mutants(_suite())


@cache
def case_paths() -> dict[str, Path]:
    """Return the case files by id."""
    found = sorted(data_dir("suites").rglob("*" + CASE_ENDING))
    return {path.name.removesuffix(CASE_ENDING): path for path in found}


def _in_silence() -> None:
    """Leave out what a planted fault does to its reference: the verdict is what counts."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)


def hunt(pairs: Iterable[tuple[str, str]], jobs: int, out: Path) -> Iterator[Kill]:
    """Try mutants against cases, in several processes."""
    if jobs <= 1:
        _in_silence()
        for mutant, case in pairs:
            yield try_one(mutant, case, out)
        return
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_in_silence
    ) as pool:
        waiting = [pool.submit(try_one, mutant, case, out) for mutant, case in pairs]
        for one in waiting:
            yield one.result()


def try_one(name: str, case: str, out: Path) -> Kill:
    """Run the items of a case against a mutant until one of them catches it."""
    begun = time.monotonic()
    mutant = _mutants()[name]
    path = case_paths().get(case)
    if path is None:
        return Kill(name, case, BROKEN, reason="there is no such case")
    try:
        kill = _try(mutant, case, path, out)
    except FileError as error:
        kill = Kill(name, case, BROKEN, reason=render(error.problems[0]))
    return replace(kill, seconds=time.monotonic() - begun)


def _try(mutant: Mutant, case: str, path: Path, out: Path) -> Kill:
    suite = _suite()
    plain = Options(out=out / mutant.name, off=mutant.off, scale=_SCALE,
                    ixit={name: one.default for name, one in suite.catalogue.settings.items()
                          if one.default})  # fmt: skip
    bench = Bench(Choice(options=plain))
    broken = ""
    items = [one for one in bench.ready(path) if one.plan.compiled.role == mutant.role]
    for ready in items:
        says = compile_says(mutant, suite, ready.plan.spec)
        bench.choice = replace(
            bench.choice,
            options=replace(
                plain, says=says, client=mutant.client, serves=mutant.serves, coap=mutant.coap
            ),
        )
        if ready.verdict is not None:
            continue
        result = bench.run(ready, lambda event: None)
        if result.judged is Verdict.FAIL:
            return Kill(mutant.name, case, CAUGHT, ready.id, result.reason or result.warnings[0])
        if result.judged is Verdict.ERROR:
            broken = f"{ready.id}: {result.reason}"
    if broken:
        return Kill(mutant.name, case, BROKEN, reason=broken)
    reason = "" if items else f"the case does not test the {mutant.role}"
    return Kill(mutant.name, case, SURVIVED, reason=reason)
