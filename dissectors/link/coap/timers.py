"""Deadlines of a sans-IO core: set, cancelled, and fired when the caller says what time it is."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

Action = Callable[[float], None]


class Timer:
    """One deadline; without an action it is cancelled or has fired."""

    __slots__ = ("action", "deadline")

    def __init__(self, deadline: float, action: Action) -> None:
        self.deadline = deadline
        self.action: Action | None = action


class Timers:
    """The deadlines of one core, in order of time and then of setting."""

    __slots__ = ("_cancelled", "_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._cancelled = 0

    def at(self, deadline: float, action: Action) -> Timer:
        """Call `action(now)` once `deadline` has come."""
        timer = Timer(deadline, action)
        self._serial += 1
        heappush(self._heap, (deadline, self._serial, timer))
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Let a deadline pass in silence."""
        if timer is None or timer.action is None:
            return
        timer.action = None
        self._cancelled += 1
        # Most timers of a busy endpoint are cancelled long before they are due.
        if self._cancelled > 64 and 2 * self._cancelled > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapify(self._heap)
            self._cancelled = 0

    def next(self) -> float | None:
        """Return the next deadline, or None where nothing is waited for."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def fire(self, now: float) -> None:
        """Run what is due at `now`; what it sets for later waits for the next call."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heappop(self._heap)[2])
        for timer in due:
            if timer.action is None:
                self._cancelled -= 1
                continue
            action, timer.action = timer.action, None
            action(now)
