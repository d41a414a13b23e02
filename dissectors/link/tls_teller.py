"""Hands the findings of one flow up, a bounded number of each kind."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from dissectors.finding import Code, Finding, finding

LISTED_PER_CODE = 64


class _Problems(Protocol):
    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None: ...


class Teller:
    """Tells a sink what is wrong; a flow full of faults does not fill the memory."""

    __slots__ = ("_sink", "_told")

    def __init__(self, sink: _Problems) -> None:
        self._sink = sink
        self._told: Counter[str] = Counter()

    def tell(self, code: Code, text: str, frames: tuple[int, ...], path: str = "record") -> None:
        """Make a finding and hand it up."""
        self.hand(finding(code, text, path), frames)

    def hand(self, found: Finding, frames: tuple[int, ...]) -> None:
        """Hand a finding up, with a last word at the limit of its kind."""
        self._told[found.code] += 1
        told = self._told[found.code]
        if told <= LISTED_PER_CODE:
            self._sink.problem(found, frames)
        elif told == LISTED_PER_CODE + 1:
            text = "more findings of this kind on this flow are not listed"
            self._sink.problem(Finding(found.code, found.severity, found.path, 0, text), frames)
