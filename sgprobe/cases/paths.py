"""Dotted paths as authors write them: `a.b[0].c`, each piece with its column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from sgprobe.yamlnode import Scalar, Source

MAX_PIECES = 40
_PIECE = re.compile(r"([^.\[\]\s]+)|\[([0-9]{1,6})\]")

Place: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Piece:
    """A member's name or an index, and where it stands."""

    name: Place
    source: Source


class PathError(ValueError):
    """A text that is no path; `source` is the place."""

    def __init__(self, text: str, source: Source) -> None:
        super().__init__(text)
        self.source = source


def part(scalar: Scalar, start: int, end: int) -> Source:
    """Return the place of some characters of a text; the whole text where that is not certain."""
    source = scalar.source
    if source.line != source.end_line:
        return source
    shift = source.column + (0 if scalar.plain else 1)
    # a quoted text with escapes is longer in the file than it is
    written = source.end_column - source.column - (0 if scalar.plain else 2)
    if written != len(scalar.text):
        return source
    return Source(source.file, source.line, shift + start, source.line, shift + end)


@dataclass(frozen=True, slots=True)
class _Fault:
    text: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def _pieces(text: str) -> tuple[tuple[Place, int, int], ...] | _Fault:
    """Return names with their places in a text, or what is wrong and where."""
    at = 0
    pieces: list[tuple[Place, int, int]] = []
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            return _Fault(f"{text[at:][:20]!r} is no part of a path", at, len(text))
        name: Place = found[1] if found[1] is not None else int(found[2])
        pieces.append((name, found.start(), found.end()))
        at = found.end()
        if at < len(text) and text[at] == ".":
            at += 1
            if at == len(text):
                return _Fault("the path ends with a dot", at - 1, at)
        elif at < len(text) and text[at] != "[":
            return _Fault("a dot is due", at, at + 1)
    if not pieces:
        return _Fault("an empty path", 0, 1)
    if len(pieces) > MAX_PIECES:
        return _Fault(f"a path of {len(pieces)} pieces", 0, len(text))
    return tuple(pieces)


def split(scalar: Scalar) -> tuple[Piece, ...]:
    """Return the pieces of a path; raises PathError."""
    found = _pieces(scalar.text)
    if isinstance(found, _Fault):
        raise PathError(found.text, part(scalar, found.start, found.end))
    return tuple(Piece(name, part(scalar, start, end)) for name, start, end in found)


def joined(path: str, name: Place) -> str:
    """Return a path with one more piece."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name
