"""The two clocks: jumps over what only waits, and stands while something travels."""

from __future__ import annotations

import asyncio
import time

import pytest
from links_kit import run, until

from sgprobe.links import clock as clocks
from sgprobe.links.clock import ScenarioClock, WallClock, deadline


def test_seventy_two_hours_pass_at_once() -> None:
    async def work() -> float:
        clock = ScenarioClock(start=1_000.0)
        await clock.sleep(72 * 3600)
        return clock.now()

    assert 1_000 + 72 * 3600 <= run(work()) < 1_000 + 72 * 3600 + 60


def test_things_happen_in_their_order_and_at_their_time() -> None:
    async def work() -> list[tuple[str, int]]:
        clock = ScenarioClock(start=0.0)
        seen: list[tuple[str, int]] = []
        for when, name in ((300.0, "c"), (100.0, "a"), (200.0, "b"), (200.0, "b2")):
            clock.call_at(when, lambda name=name: seen.append((name, round(clock.now()))))
        taken_back = clock.call_at(150.0, lambda: seen.append(("never", 0)))
        taken_back.cancel()
        await clock.sleep(400)
        return seen

    assert run(work()) == [("a", 100), ("b", 200), ("b2", 200), ("c", 300)]


def test_advance_lets_things_happen_at_their_own_time() -> None:
    async def work() -> list[int]:
        clock = ScenarioClock(start=0.0)
        seen: list[int] = []
        with clock.hold():
            for when in (20.0, 10.0, 5000.0):
                clock.call_at(when, lambda: seen.append(round(clock.now())))
            clock.advance(100.0)
            assert round(clock.now()) == 100
        with pytest.raises(ValueError, match="backwards"):
            clock.advance(-1)
        return seen

    assert run(work()) == [10, 20]


def test_the_clock_stands_while_something_travels() -> None:
    async def work() -> float:
        # a grace that a busy machine does not use up
        clock = ScenarioClock(start=0.0, grace=1.0)
        alarm = clock.call_at(1_000.0, lambda: None)
        for _ in range(20):
            clock.touch()
            await asyncio.sleep(0.005)
        seen = clock.now()
        alarm.cancel()
        return seen

    assert run(work()) < 10


def test_the_clock_stands_while_it_is_held_or_the_loop_is_busy() -> None:
    async def work() -> None:
        clock = ScenarioClock(start=0.0, grace=0.2)
        clock.call_at(1_000.0, lambda: None)
        with clock.hold():
            await asyncio.sleep(0.3)
            assert clock.now() < 100
        # a handler that computes: what it does next is not known before it is done
        clock.touch()
        time.sleep(0.5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert clock.now() < 100
        await clock.sleep(2_000)
        assert clock.now() >= 2_000

    run(work())


def test_alarms_that_are_taken_back_leave_nothing_behind() -> None:
    async def work() -> int:
        clock = ScenarioClock(start=0.0)
        with clock.hold():
            for _ in range(20_000):
                clock.call_at(1e6, lambda: None).cancel()
            return len(clock._due)

    assert run(work()) < 200


@pytest.mark.parametrize("clock", [WallClock(), ScenarioClock()])
def test_a_deadline_of_either_clock(clock: WallClock | ScenarioClock) -> None:
    async def work() -> None:
        async with deadline(clock, 60.0):
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            async with deadline(clock, 0.02):
                await asyncio.get_running_loop().create_future()

    run(work())


def test_what_a_jump_sets_off_begins_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is made right after a sleep runs before time jumps on to a far deadline."""
    # a moment that a busy machine does not use up
    monkeypatch.setattr(clocks, "_START", 1.0)

    async def go() -> float:
        clock = ScenarioClock(0.0)
        # an alarm that was taken back keeps the clock awake
        clock.call_at(60.0, lambda: None).cancel()
        began: list[float] = []

        async def work() -> None:
            began.append(clock.now())

        async def later() -> None:
            await asyncio.ensure_future(work())

        await clock.sleep(10.0)
        task = asyncio.ensure_future(later())
        await clock.sleep(30.0)
        await task
        return began[0]

    assert asyncio.run(go()) < 15.0


# --- what is due by the wall ---

# the wall's clock may be slewed against the one that tests measure with
SLEW = 0.02


def seconds_of(clock: ScenarioClock, *waits: float) -> list[float]:
    """Have something happen after so many seconds each; return when it did, by the wall."""
    began, happened = time.monotonic(), []
    for wait in waits:
        clock.call_at(clock.now() + wait, lambda: happened.append(time.monotonic() - began))
    return happened


def test_a_held_clock_runs_with_the_wall() -> None:
    async def work() -> None:
        clock = ScenarioClock(start=0.0)
        with clock.hold():
            # the earlier one is told later
            happened = seconds_of(clock, 3600.0, 0.2, 0.1)
            ahead = clock._ahead
            await until(lambda: len(happened) >= 2)
            assert len(happened) == 2
            assert happened[0] >= 0.1 - SLEW
            assert happened[1] >= 0.2 - SLEW
            assert clock._ahead == pytest.approx(ahead)
        # let go, it jumps
        await until(lambda: len(happened) == 3)

    run(work())


def test_a_clock_that_is_held_while_something_is_due_soon() -> None:
    async def work() -> None:
        clock = ScenarioClock(start=0.0)
        happened = seconds_of(clock, 0.2)
        with clock.hold():
            await until(lambda: happened)
            assert happened[0] >= 0.2 - SLEW

    run(work())


def test_a_link_that_is_never_quiet_does_not_stop_the_clock() -> None:
    async def work() -> None:
        # a grace that a busy machine does not use up
        clock = ScenarioClock(start=0.0, grace=1.0)
        happened = seconds_of(clock, 0.1, 3600.0)
        while not happened:
            clock.touch()
            await asyncio.sleep(0.004)
        assert len(happened) == 1
        assert happened[0] >= 0.1 - SLEW

    run(work())


def test_all_that_was_due_is_gone_when_the_clock_wants_to_jump() -> None:
    async def work() -> None:
        clock = ScenarioClock(start=0.0)
        happened = seconds_of(clock, 5.0)
        clock.touch()
        clock.advance(10.0)
        assert len(happened) == 1
        await asyncio.sleep(0.05)

    asyncio.run(work())
