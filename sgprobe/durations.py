"""Times as people write them: `500 ms`, `2 s`, `10 min`, `72 h`."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?(ms|s|min|h|d)")


def parse_duration(text: str) -> float | None:
    """Return seconds, None where the text is no time."""
    found = _WRITTEN.fullmatch(text)
    return float(found[1]) * _UNITS[found[2]] if found else None


def duration_text(seconds: float) -> str:
    """Return seconds in the largest unit that gives a whole number."""
    for unit in ("d", "h", "min", "s", "ms"):
        count = seconds / _UNITS[unit]
        if count >= 1 and abs(count - round(count)) < 1e-9:
            return f"{round(count)} {unit}"
    return f"{seconds:g} s"
