"""Errands of a role: when they are due, and not after the end."""

from __future__ import annotations

import asyncio
from typing import Any

from sgprobe.exchange import Request, Response
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import Directory
from sgprobe.host.errands import Errands
from sgprobe.links.clock import ScenarioClock
from sgprobe.peers.effects import Now, Procedure


class Role:
    """Has an errand at each of some moments."""

    def __init__(self, *due: float) -> None:
        self.due = list(due)
        self.done: list[float] = []

    def errand_at(self) -> float | None:
        return self.due[0] if self.due else None

    def errands(self) -> Procedure[int]:
        now = yield Now()
        self.due.pop(0)
        self.done.append(now)
        return 1


def played(role: Role, work: Any) -> None:
    async def play() -> None:
        clock = ScenarioClock(start=1000.0)
        errands = Errands(role, Conductor(Directory(clock=clock), clock))
        try:
            await work(errands, clock)
        finally:
            await errands.stop()

    asyncio.run(play())


async def answered(request: Request, caller: Any) -> Response:
    return Response(204)


def test_errands_are_run_one_after_the_other_as_they_are_due() -> None:
    role = Role(1060.0, 4660.0)

    async def work(errands: Errands, clock: ScenarioClock) -> None:
        served = errands.serving(answered)
        assert (await served(Request("/x", "", b""), None)).status == 204
        assert role.done == []
        await clock.sleep(7200)

    played(role, work)
    assert [round(one) for one in role.done] == [1060, 4660]


def test_who_has_nothing_to_do_waits_for_nothing() -> None:
    role = Role()

    async def work(errands: Errands, clock: ScenarioClock) -> None:
        errands.wake()
        assert errands._task is None
        role.due.append(1060.0)
        errands.wake()
        await clock.sleep(120)

    played(role, work)
    assert len(role.done) == 1


def test_what_is_due_after_the_end_is_left() -> None:
    role = Role(9000.0)

    async def work(errands: Errands, clock: ScenarioClock) -> None:
        errands.wake()
        await asyncio.sleep(0)

    played(role, work)
    assert role.done == []
