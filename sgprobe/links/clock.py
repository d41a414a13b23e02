"""Two clocks: the wall's, and a scenario's that jumps over every wait."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import Protocol

# so long nothing may travel on a socket before a scenario clock jumps
_GRACE = 0.01
# so long what a jump has set off may take to begin
_START = 0.002

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

    def hold(self) -> AbstractContextManager[None]:
        """Keep time from jumping while something is waited for that the system does."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""


@asynccontextmanager
async def deadline(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError in what stands inside once so many seconds of the clock have passed."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:
        alarm = clock.call_at(clock.now() + seconds, lambda: scope.reschedule(loop.time()))
        try:
            yield
        finally:
            alarm.cancel()


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

    def hold(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScenarioClock:
    """Runs with the wall, and jumps to the next thing that is due where all else only waits.

    A 72-hour window passes in a millisecond. Whatever travels on a socket takes its real time: a
    link says so by `touch`, and the clock stands a moment before it jumps. It counts only moments
    in which the event loop had nothing else to do: one process, one loop. Held, or never quiet, it
    runs with the wall: what is due happens at its time.
    """

    def __init__(self, start: float | None = None, grace: float = _GRACE) -> None:
        self._ahead = 0.0 if start is None else start - time.time()
        self._grace = grace
        self._due: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._quiet_from = 0.0
        self._holds = 0
        self._armed: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._sweep_at = 64

    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Jump ahead; what is due on the way happens at its own time, in order."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        target = self.now() + seconds
        while self._due and self._due[0][0] <= target:
            self._next()
        self._ahead = max(self._ahead, target - time.time())

    def touch(self) -> None:
        self._quiet_from = time.monotonic() + self._grace

    @contextmanager
    def hold(self) -> Iterator[None]:
        self._holds += 1
        self._arm_again()
        try:
            yield
        finally:
            self._holds -= 1
            self.touch()
            self._arm_again()

    def call_at(self, when: float, act: Act) -> Alarm:
        alarm = Alarm(when, act)
        heapq.heappush(self._due, (when, next(self._order), alarm))
        if len(self._due) > self._sweep_at:
            # most alarms of busy links are taken back long before they are due
            self._due = [entry for entry in self._due if entry[2].act is not None]
            heapq.heapify(self._due)
            self._sweep_at = 64 + 2 * len(self._due)
        if self._due[0][2] is alarm:
            self._arm_again()
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

    def _arm_again(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        self._arm()

    def _arm(self) -> None:
        if self._armed is None and self._due:
            now = time.monotonic()
            delay = max(0.0, self._due[0][0] - self.now())
            if not self._holds:
                delay = min(delay, max(0.0, self._quiet_from - now))
            self._armed_for = now + delay
            self._armed = asyncio.get_running_loop().call_later(delay, self._jump)

    def _jump(self) -> None:
        self._armed = None
        now = time.monotonic()
        if now - self._armed_for > self._grace / 2:
            # the loop was at work: what came in meanwhile waits to be read, and goes first
            self._quiet_from = now + self._grace
        elif self._due and (self._due[0][0] <= self.now() or self._is_quiet(now)):
            self._next()
        self._arm()

    def _is_quiet(self, now: float) -> bool:
        return not self._holds and now >= self._quiet_from

    def _next(self) -> None:
        """Go to the next thing that is due, and have it happen."""
        when, _, alarm = heapq.heappop(self._due)
        act, alarm.act = alarm.act, None
        if act is not None:
            self._ahead += max(0.0, when - self.now())
            act()
            self._quiet_from = max(self._quiet_from, time.monotonic() + _START)
