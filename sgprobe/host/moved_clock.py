"""The time of the machine, moved ahead by whoever operates a served role."""

from __future__ import annotations

import asyncio
import time

from sgprobe.links.clock import Act, Alarm, WallClock


class MovedClock(WallClock):
    """A wall clock that can be set; who sleeps by it wakes when its time has come that way."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._moved = asyncio.Event()

    def now(self) -> float:
        return time.time() + self._ahead

    def call_at(self, when: float, act: Act) -> Alarm:
        return super().call_at(when - self._ahead, act)

    def set(self, now: float) -> None:
        """Make it as late as this, in epoch seconds."""
        self._ahead = now - time.time()
        self._moved.set()

    async def sleep(self, seconds: float) -> None:
        end = self.now() + seconds
        while (left := end - self.now()) > 0:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), left)
            except TimeoutError:
                return
