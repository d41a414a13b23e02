"""Text that a product may have had a hand in, made safe before any report shows it."""

from __future__ import annotations

import re

from dissectors.trace.render.words import printable


def plain(text: str) -> str:
    """Return one line of text; what moves a cursor, hides or turns around is written out."""
    return text if text.isprintable() else printable(text)


def plain_lines(text: str) -> list[str]:
    """Return the lines of a text, each of them safe."""
    return [plain(line.replace("\t", "    ")) for line in text.split("\n")]


def short(text: str, most: int) -> str:
    """Return a text cut in the middle where it is longer than `most`."""
    if len(text) <= most:
        return text
    tail = most // 4
    return f"{text[: most - tail - 1]}…{text[-tail:]}"


_PLACE = re.compile(r" \[[^\[\]]+:\d+\]$")


def headline(reason: str) -> str:
    """Return the first line of a reason, without the place in the case that stands at its end."""
    return _PLACE.sub("", reason.split("\n")[0])


def many(count: int, one: str, more: str = "") -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else more or one + 's'}".replace(",", " ")


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
