"""The condition of a link, which may change while the link runs."""

from __future__ import annotations

import math
from collections.abc import Callable

from sgprobe.links.impairment import Fate, Impairment, Perfect, StreamFate, StreamWay


class Line:
    """An impairment that may be changed, and a link that may carry nothing at all.

    Then datagrams are lost, and what a TCP connection sends waits until the line is back, as TCP
    would repeat it. `carries` may say so at any moment, of datagrams alone.
    """

    def __init__(
        self, impairment: Impairment | None = None, carries: Callable[[], bool] = lambda: True
    ) -> None:
        self.impairment = impairment or Perfect()
        self.version = 0
        self.reaches = True
        self._carries = carries
        self._watchers: set[Callable[[], None]] = set()

    def use(self, impairment: Impairment) -> None:
        """Be in this condition from now on; its numbers count from here."""
        self.impairment = impairment
        self.version += 1

    def reach(self, reaches: bool) -> None:
        """Carry nothing, or everything again."""
        self.reaches = reaches
        if reaches:
            for watcher in list(self._watchers):
                watcher()

    def carries(self) -> bool:
        """Say whether anything gets through."""
        return self.reaches and self._carries()

    def watch(self, back: Callable[[], None]) -> None:
        """Have something called whenever the line is back."""
        self._watchers.add(back)

    def leave(self, back: Callable[[], None]) -> None:
        """Have it called no more."""
        self._watchers.discard(back)

    # --- an impairment ---

    def inward(self, data: bytes, now: float) -> Fate:
        return self.impairment.inward(data, now) if self.carries() else []

    def outward(self, data: bytes, now: float) -> Fate:
        return self.impairment.outward(data, now) if self.carries() else []

    def connection(self) -> tuple[StreamWay, StreamWay] | None:
        ways = _Ways(self)
        return _Way(ways, 0), _Way(ways, 1)


class OtherEnd(Line):
    """A line as its other end sees it: what is inward there is outward here."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def use(self, impairment: Impairment) -> None:
        self._line.use(impairment)

    def reach(self, reaches: bool) -> None:
        self._line.reach(reaches)

    def carries(self) -> bool:
        return self._line.carries()

    def watch(self, back: Callable[[], None]) -> None:
        self._line.watch(back)

    def leave(self, back: Callable[[], None]) -> None:
        self._line.leave(back)

    def inward(self, data: bytes, now: float) -> Fate:
        return self._line.outward(data, now)

    def outward(self, data: bytes, now: float) -> Fate:
        return self._line.inward(data, now)

    def connection(self) -> tuple[StreamWay, StreamWay] | None:
        ways = self._line.connection()
        return None if ways is None else (ways[1], ways[0])


class _Ways:
    """Both directions of one TCP connection."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._version = -1
        self._ways: tuple[StreamWay, StreamWay] | None = None

    def way(self, side: int) -> StreamWay | None:
        """Return a direction in the condition of now, None where nothing happens."""
        if self._version != self.line.version:
            self._version = self.line.version
            self._ways = self.line.impairment.connection()
        return None if self._ways is None else self._ways[side]


class _Way:
    """One direction of one TCP connection."""

    def __init__(self, ways: _Ways, side: int) -> None:
        self._ways = ways
        self._side = side

    def fate(self, data: bytes, now: float) -> StreamFate:
        if not self._ways.line.reaches:
            return [(math.inf, data)]
        way = self._ways.way(self._side)
        return [(0.0, data)] if way is None else way.fate(data, now)
