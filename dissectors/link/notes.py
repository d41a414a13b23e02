"""Counts the findings of one capture and hands up only the first of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from dissectors.finding import Code, Finding, finding

# A capture cut to 64 bytes a packet has as many findings as packets: the first ones tell it.
LISTED_PER_CODE = 100


class Notes:
    """Takes findings that belong to no flow, and the count of those that do."""

    def __init__(self, hand: Callable[[Finding, tuple[int, ...]], None], *, quiet: bool) -> None:
        """Hand findings to `hand`; a quiet one (a further shard) only counts."""
        self._hand = hand
        self._quiet = quiet
        self._seen: Counter[Code] = Counter()
        self.total = 0

    def add(self, code: Code, text: str, frames: tuple[int, ...] = (), offset: int = 0) -> None:
        """Report a finding of the capture itself; beyond the first hundred of a kind, count it."""
        if self._quiet:
            return
        self.total += 1
        self._seen[code] += 1
        if self._seen[code] <= LISTED_PER_CODE:
            self._hand(finding(code, text, offset=offset), frames)

    def count(self) -> None:
        """Count a finding that went to a flow."""
        self.total += 1

    def close(self) -> None:
        """Say how many findings were counted but not listed."""
        for code, seen in self._seen.items():
            if seen > LISTED_PER_CODE:
                more = seen - LISTED_PER_CODE
                self._hand(finding(code, f"{more} more findings of this kind are not listed"), ())
