"""Finds the component or alternative that a tag stands for, in one look per element."""

from __future__ import annotations

from collections.abc import Iterable

from dissectors.asn1 import model as m


class Lookup:
    """The components of one SEQUENCE or the alternatives of one CHOICE, by their first tags."""

    __slots__ = ("_by_tag", "_open", "fields")

    def __init__(self, schema: m.Schema, fields: tuple[m.Field, ...]) -> None:
        self.fields = fields
        self._by_tag: dict[bytes, list[int]] = {}
        self._open: set[int] = set()
        for index, field in enumerate(fields):
            tags = schema.first_tags(field.type)
            for tag in tags:
                self._by_tag.setdefault(tag, []).append(index)
            if not tags:
                self._open.add(index)

    def component(self, tag: bytes, expected: int, seen: set[int]) -> int | None:
        """Find the component that an element is: the next in order, else any, else by its form."""
        index = _nearest(self._by_tag.get(tag, ()), expected, seen)
        if index is not None and index >= expected and index not in seen:
            return index
        # an open type takes any element at its place: a second OID after that of the algorithm
        if expected in self._open:
            return expected
        if index is not None:
            return index
        return _nearest(self._by_tag.get(other_form(tag), ()), expected, seen)

    def alternative(self, tag: bytes) -> int | None:
        """Find the alternative that an element is, else one that differs in its form alone."""
        found = self._by_tag.get(tag) or self._open or self._by_tag.get(other_form(tag))
        return min(found) if found else None

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._by_tag


def _nearest(indices: Iterable[int], expected: int, seen: set[int]) -> int | None:
    """Choose among components of one tag: not read yet, and not before the place in hand."""
    best: tuple[bool, bool] | None = None
    chosen = None
    for index in indices:
        rank = (index in seen, index < expected)
        if best is None or rank < best:
            best, chosen = rank, index
    return chosen


def other_form(tag: bytes) -> bytes:
    """Return a tag with its constructed bit the other way."""
    return bytes([tag[0] ^ 0x20]) + tag[1:]
