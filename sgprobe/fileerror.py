"""Errors in files that people write: the place, the line with a caret, and what to do next."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sgprobe.yamlnode import Source

_WIDEST = 200
# no file that a person writes is longer; what is behind is shown to nobody
_MOST_OCTETS = 4 << 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file; a warning does not spoil it."""

    source: Source
    text: str
    hint: str = ""
    warning: bool = False

    def head(self) -> str:
        """Return the place and the text on one line."""
        word = "warning: " if self.warning else ""
        return f"{self.source}: {word}{self.text}"


class FileError(Exception):
    """A file that a person wrote is wrong; `problems` are all that were found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.head() for problem in self.problems))


def lines_of(file: str) -> list[str]:
    """Return the lines of a file, none where it cannot be read."""
    try:
        with Path(file).open("rb") as opened:
            return opened.read(_MOST_OCTETS).decode("utf-8", "replace").splitlines()
    except (OSError, ValueError):
        return []


def safe(text: str) -> str:
    """Return text without characters that a terminal obeys."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}"
                   for c in text)  # fmt: skip


def width(text: str) -> int:
    """Return the columns that text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def render(problem: Problem, lines: Callable[[str], list[str]] = lines_of) -> str:
    """Return a problem with its line, a caret under it, and the hint."""
    source = problem.source
    out = [safe(problem.head())]
    known = lines(source.file)
    if 0 < source.line <= len(known):
        out += _excerpt(known[source.line - 1], source)
    if problem.hint:
        out.append(f"  hint: {safe(problem.hint)}")
    return "\n".join(out)


def _excerpt(line: str, source: Source) -> list[str]:
    text = safe(line)
    start = min(source.column - 1, len(text))
    end = source.end_column - 1 if source.end_line == source.line else len(text)
    end = min(max(end, start + 1), max(len(text), start + 1))
    if len(text) > _WIDEST:
        # a window around the place, for nobody reads lines without end
        first = max(0, start - _WIDEST // 2)
        text = text[first : first + _WIDEST]
        start, end = start - first, min(end - first, len(text))
    gutter = max(5, len(str(source.line)))
    pad = " " * width(text[:start])
    carets = "^" * max(1, width(text[start:end]))
    return [f"{source.line:>{gutter}} | {text}", f"{'':>{gutter}} | {pad}{carets}"]
