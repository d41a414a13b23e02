"""Counts by the scale of a plan, figures that are published, and limits that only warn."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sgprobe import events as e
from sgprobe.cases.match import Unresolved
from sgprobe.cases.runsets import ORDINARY_SCALE, load_runsets
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.played import LIMIT, Options
from sgprobe.engine.scale.figures import LAP, Laps, Published, counted, percentiles, publish, share
from sgprobe.events import Verdict
from sgprobe.runner.options import BenchOptions
from sgprobe.runner.session import Session

SUITES = data_dir("suites") / "ifpp"
FULL = Fraction(1)


@pytest.mark.parametrize(
    ("whole", "least", "scale", "count"),
    [
        (1_000_000, 1, ORDINARY_SCALE, 1000),
        (46_080, 128, ORDINARY_SCALE, 128),
        (46_080, 128, FULL, 46_080),
        (100, 1, ORDINARY_SCALE, 1),
        # never more than the case has
        (100, 500, ORDINARY_SCALE, 100),
    ],
)
def test_a_share(whole: int, least: int, scale: Fraction, count: int) -> None:
    done = share({"count": str(whole), "at-least": str(least)}, scale)
    assert done.count == count
    assert f"scale {scale}: {count} of {whole}" in str(done)
    assert counted(scale, f"{whole}.{least}") == str(count)


@pytest.mark.parametrize("given", [{"count": "0"}, {"count": "x"}, {"at-least": "-1"}])
def test_counts_that_are_none(given: dict[str, Any]) -> None:
    with pytest.raises(Unresolved):
        share(given, FULL)


def test_a_limit_warns() -> None:
    published = Published()
    done = share({"count": "1000"}, FULL)
    publish(published, "work", done, 10.0, {"per-second": "200", "at-most": "5 s"})
    figures, warnings = published.take()
    assert figures == ("work: 10.00 s, 100.0 a second (scale 1: 1000 of 1000)",)
    assert warnings == (
        "work: 100.00 a second, the plan has 200",
        "work: 10.00 s, the plan has 5 s",
    )
    publish(published, "work", done, 1.0, {"per-second": "200", "at-most": "5 s"})
    assert published.take()[1] == ()
    assert published.take() == ((), ())


def test_laps() -> None:
    published = Published()
    laps = Laps(published, ORDINARY_SCALE)
    for given in ({}, {"name": "one"}, {"name": "many", "count": "5000"}):
        asyncio.run(laps.trigger(LAP, dict(given)))
    one, many = published.figures
    assert one.startswith("one: ")
    assert many.endswith("(scale 1/1000: 5 of 5000)")
    with pytest.raises(Unresolved, match="knows no speed"):
        asyncio.run(laps.trigger(LAP, {"speed": "1"}))


def test_percentiles() -> None:
    assert percentiles([number / 1000 for number in range(100)]) == "p50 50, p95 95, p99 99 ms"
    assert percentiles([]) == "none"


def test_the_plan_says_how_much_and_how_long() -> None:
    ordinary = Session(BenchOptions())._options(None)
    full = Session(BenchOptions(plan="factory-scale"))._options(None)
    assert (ordinary.scale, ordinary.limit) == (ORDINARY_SCALE, LIMIT)
    assert (full.scale, full.limit) == (FULL, LIMIT * 1000)
    assert load_runsets().named("factory-scale").scale == FULL


def run(path: Path, off: str = "") -> tuple[Any, e.ItemEnded]:
    told: list[e.Event] = []
    options = Options(off=frozenset({off} - {""}), ixit={"command-limit": "30 s"})
    bench = Bench(Choice(options=options))
    (ready,) = bench.ready(path)
    result = bench.run(ready, told.append)
    ended = told[-1]
    assert isinstance(ended, e.ItemEnded)
    return result, ended


def test_a_result_has_its_figures_and_its_scale() -> None:
    result, ended = run(SUITES / "fpa" / "IFPP-PRF-012.case.yaml")
    assert result.verdict is Verdict.PASS
    assert any("scale 1/1000: 128 of 50000" in one for one in ended.figures)
    assert e.from_line(e.to_line(ended)) is not None


def test_what_is_lost_decides() -> None:
    result, ended = run(SUITES / "fpa" / "IFPP-PRF-012.case.yaml", "FPA.ITEM")
    assert result.verdict is Verdict.FAIL
    assert "lost" in result.reason
    assert ended.figures
