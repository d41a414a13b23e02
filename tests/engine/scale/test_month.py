"""A month in compressed time: its days, its nights without an SM-DPf, and what it counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from sgprobe.engine.outcome import NotHere
from sgprobe.engine.scale.month import Factory, Month, Plan


def test_every_device_has_a_day() -> None:
    plan = Plan(devices=1000, days=22, stock=2, outages=2, stations=64)
    days = [plan.until(day) - plan.until(day - 1) for day in range(1, 23)]
    assert sum(days) == 1000
    assert max(days) - min(days) <= 1
    # a stock for days behind the last one is a stock for all
    assert plan.until(24) == 1000


@pytest.mark.parametrize("outages", [0, 1, 2, 5])
@pytest.mark.parametrize("days", [6, 22])
def test_the_nights_without_smdpf(days: int, outages: int) -> None:
    plan = Plan(1000, days, 2, outages, 64)
    away = [night for night in range(1, days + 1) if plan.is_away(night)]
    assert len(away) == outages
    assert 1 not in away


def test_a_stock_of_one_day_does_not_last_through_such_a_night(month: Any) -> None:
    """What the case is for: without stock the stations stand still, and are counted."""
    short = {}
    for stock in (1, 2):
        month.plan = replace(month.plan, stock=stock)
        factory = Factory(month.plan, month.folder / f"{stock}", month.world, month.setting)
        factory.run()
        factory.close()
        short[stock] = int(str(factory.row()["short"]))
        assert factory.away == 1
    assert short == {1: 2, 2: 0}


def test_a_month_takes_roles_of_the_bench(month: Any) -> None:
    month.setting.product = object()
    with pytest.raises(NotHere, match="of the bench's own"):
        asyncio.run(Month(month.setting, month.world, None).trigger("scale.month", {}))  # type: ignore[arg-type]


@pytest.fixture
def month(tmp_path: Any) -> Any:
    from types import SimpleNamespace

    from sgprobe.crypto.pki import TestPki

    world = SimpleNamespace(set=TestPki.load()["p256"])
    setting = SimpleNamespace(off=frozenset(), seed=1, product=None)
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    return SimpleNamespace(plan=Plan(8, 4, 2, 1, 2), folder=tmp_path, world=world, setting=setting)
