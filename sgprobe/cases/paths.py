"""Dotted paths as authors write them: `a.b[0].c`, each piece with its column."""

from __future__ import annotations

import re
from dataclasses import dataclass
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


def split(scalar: Scalar, offset: int = 0) -> tuple[Piece, ...]:
    """Return the pieces of a path; raises PathError."""
    text, at, pieces = scalar.text, offset, []
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            raise PathError(f"{text[at:][:20]!r} is no part of a path", part(scalar, at, len(text)))
        name: Place = found[1] if found[1] is not None else int(found[2])
        pieces.append(Piece(name, part(scalar, found.start(), found.end())))
        at = found.end()
        if at < len(text) and text[at] == ".":
            at += 1
            if at == len(text):
                raise PathError("the path ends with a dot", part(scalar, at - 1, at))
        elif at < len(text) and text[at] != "[":
            raise PathError("a dot is due", part(scalar, at, at + 1))
    if not pieces:
        raise PathError("an empty path", scalar.source)
    if len(pieces) > MAX_PIECES:
        raise PathError(f"a path of {len(pieces)} pieces", scalar.source)
    return tuple(pieces)


def joined(path: str, name: Place) -> str:
    """Return a path with one more piece."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name
