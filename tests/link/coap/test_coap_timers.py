"""Deadlines: order, cancelling, and that cancelled ones are not kept."""

from __future__ import annotations

from dissectors.link.coap.timers import Timers


def test_timers_fire_in_order_of_time_and_then_of_setting() -> None:
    timers = Timers()
    fired: list[str] = []
    for name, at in (("late", 2.0), ("first", 1.0), ("second", 1.0)):
        timers.at(at, lambda now, name=name: fired.append(f"{name} {now}"))
    assert timers.next() == 1.0
    timers.fire(0.9)
    assert fired == []
    timers.fire(1.5)
    assert fired == ["first 1.5", "second 1.5"]
    assert timers.next() == 2.0
    timers.fire(100.0)
    assert timers.next() is None


def test_cancelled_timers_neither_fire_nor_stay() -> None:
    timers = Timers()
    fired: list[float] = []
    for _ in range(10_000):
        timers.cancel(timers.at(5.0, fired.append))
    kept = timers.at(6.0, fired.append)
    assert len(timers._heap) < 200
    assert timers.next() == 6.0
    timers.fire(10.0)
    assert fired == [10.0]
    timers.cancel(kept)
    assert timers.next() is None


def test_a_timer_may_cancel_one_that_is_due_with_it() -> None:
    timers = Timers()
    fired: list[str] = []
    timers.at(1.0, lambda now: timers.cancel(other))
    other = timers.at(1.0, lambda now: fired.append("other"))
    timers.fire(1.0)
    assert fired == []
    assert timers.next() is None


def test_what_a_timer_sets_waits_for_the_next_call() -> None:
    timers = Timers()
    fired: list[float] = []
    timers.at(1.0, lambda now: fired.append(now) or (timers.at(now, fired.append) and None))
    timers.fire(1.0)
    assert fired == [1.0]
    timers.fire(1.0)
    assert fired == [1.0, 1.0]
