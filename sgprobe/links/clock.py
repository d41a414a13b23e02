"""Two clocks: the wall's, and a scenario's that jumps over every wait."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

# while datagrams travel in real time, a scenario clock waits so long before it jumps
_GRACE = 0.03

Act = Callable[[], None]


class Alarm:
    """Something that is to happen at a time; it may be taken back."""

    __slots__ = ("act", "handle", "when")

    def __init__(self, when: float, act: Act) -> None:
        self.when = when
        self.act: Act | None = act
        self.handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Take it back."""
        self.act = None
        if self.handle is not None:
            self.handle.cancel()


class Clock(Protocol):
    """What tells the time to everything that we simulate."""

    def now(self) -> float:
        """Return epoch seconds."""

    def call_at(self, when: float, act: Act) -> Alarm:
        """Have something happen at a time."""

    def touch(self) -> None:
        """Say that something is on its way: time does not jump over it."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""


class WallClock:
    """The time of the machine."""

    def now(self) -> float:
        return time.time()

    def call_at(self, when: float, act: Act) -> Alarm:
        alarm = Alarm(when, act)
        delay = max(0.0, when - time.time())
        alarm.handle = asyncio.get_running_loop().call_later(delay, act)
        return alarm

    def touch(self) -> None:
        """The wall waits for nobody."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScenarioClock:
    """Runs with the wall, and jumps to the next thing that is due where all else only waits.

    A 72-hour window passes in a millisecond. Whatever travels on a socket takes its real time: a
    link says so by `touch`, and the clock stands a moment before it jumps.
    """

    def __init__(self, start: float | None = None) -> None:
        self._ahead = 0.0 if start is None else start - time.time()
        self._due: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._quiet_from = 0.0
        self._armed: asyncio.TimerHandle | None = None

    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Jump ahead; what is due on the way happens first."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._ahead += seconds

    def touch(self) -> None:
        self._quiet_from = time.monotonic() + _GRACE

    def call_at(self, when: float, act: Act) -> Alarm:
        alarm = Alarm(when, act)
        heapq.heappush(self._due, (when, next(self._order), alarm))
        self._arm()
        return alarm

    async def sleep(self, seconds: float) -> None:
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        alarm = self.call_at(
            self.now() + max(0.0, seconds), lambda: None if over.done() else over.set_result(None)
        )
        try:
            await over
        finally:
            alarm.cancel()

    def _arm(self) -> None:
        if self._armed is None and self._due:
            delay = max(0.0, self._quiet_from - time.monotonic())
            self._armed = asyncio.get_running_loop().call_later(delay, self._jump)

    def _jump(self) -> None:
        self._armed = None
        while self._due and self._due[0][2].act is None:
            heapq.heappop(self._due)
        if self._due and time.monotonic() >= self._quiet_from:
            when, _, alarm = heapq.heappop(self._due)
            self._ahead += max(0.0, when - self.now())
            act, alarm.act = alarm.act, None
            if act is not None:
                act()
        self._arm()
