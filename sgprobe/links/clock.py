"""Two clocks: the wall's, and a scenario's that jumps over every wait."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time to everything that we simulate."""

    def now(self) -> float:
        """Return epoch seconds."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""


class WallClock:
    """The time of the machine."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScenarioClock:
    """Runs with the wall, and jumps ahead where something would only wait.

    A 72-hour window passes in a millisecond. Answers on sockets still take their real time.
    """

    def __init__(self, start: float | None = None) -> None:
        self._ahead = 0.0 if start is None else start - time.time()

    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Jump ahead."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._ahead += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))
        # whoever else can go on now does so before the sleeper
        await asyncio.sleep(0)
