"""The lines of a case that a failure is about."""

from __future__ import annotations

from dataclasses import dataclass

from sgprobe.events import CaseText
from sgprobe.report.difference import rows
from sgprobe.report.run import Detail

_AROUND = 7  # lines above and below
_LONGEST = 60  # of one step
_MOST_STEPS = 6


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines from `first` to `last`, and those of them that are at fault."""

    lines: tuple[str, ...]
    first: int
    last: int
    marked: frozenset[int]


def excerpt(detail: Detail, case: CaseText | None) -> Excerpt | None:
    """Return what to show of a case; None where no step knows its line."""
    if case is None:
        return None
    lines = case.text.rstrip("\n").split("\n")
    marked: set[int] = set()
    for step in detail.bad_steps()[:_MOST_STEPS]:
        first = step.started.line
        if not 0 < first <= len(lines):
            continue
        # the line of each field that differs says more than all lines of the step
        found = rows(step.ended.difference) if step.ended else []
        fields = {row.line for row in found if row.leaf and not row.good}
        fields &= set(range(first, min(first + _LONGEST, len(lines) + 1)))
        last = min(max(first, step.started.end_line), first + _LONGEST, len(lines))
        marked |= {first, *fields} if fields else set(range(first, last + 1))
    if not marked:
        return None
    first = max(1, min(marked) - _AROUND)
    last = min(len(lines), max(marked) + _AROUND, first + 2 * _LONGEST)
    return Excerpt(tuple(lines), first, last, frozenset(marked))
