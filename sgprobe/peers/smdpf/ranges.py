"""Which sequence numbers of a station have come: sorted ranges, and the gaps between them."""

from __future__ import annotations

Ranges = list[list[int]]


def added(ranges: Ranges, first: int, last: int) -> Ranges:
    """Return the ranges with one more, those that touch put together."""
    whole: Ranges = []
    for low, high in sorted([*ranges, [first, last]]):
        if whole and low <= whole[-1][1] + 1:
            whole[-1][1] = max(whole[-1][1], high)
        else:
            whole.append([low, high])
    return whole


def overlaps(ranges: Ranges, first: int, last: int) -> bool:
    """Say whether a range shares a number with those that are there."""
    return any(low <= last and first <= high for low, high in ranges)


def gaps(ranges: Ranges, last: int = 0) -> Ranges:
    """Return what is missing from 1 up to the last number that came, or that there is."""
    missing: Ranges = []
    expected = 1
    for low, high in ranges:
        if low > expected:
            missing.append([expected, low - 1])
        expected = high + 1
    if last >= expected:
        missing.append([expected, last])
    return missing
