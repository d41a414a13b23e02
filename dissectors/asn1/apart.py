"""Where one version of a type differs from another, as a gate: a value that does not pass through
any difference fits both, and need not be tried in the other.

A gate is None (built alike), True (different as a whole), a list of one gate (for the elements of a
list), or pairs of a member's name in the newer version and the gate below it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from dissectors.asn1 import model as m

Gate: TypeAlias = "bool | list[Gate] | tuple[tuple[str, Gate], ...] | None"
Seeker: TypeAlias = Callable[[m.Value], bool]
_Tags = tuple[bytes, ...]


def gate(newer: m.Schema, older: m.Schema, type_name: str) -> Gate:
    """Return where the older version of a type differs; regular values of the newer are meant."""
    return _Comparison(newer, older).types(newer.types[type_name], older.types[type_name])


def seeker(gate: Gate) -> Seeker | None:
    """Return what says whether a JER value holds anything that the other version builds in another
    way; None where nothing can.
    """
    if gate is None or gate is False:
        return None
    if gate is True:
        return lambda value: True
    if isinstance(gate, list):
        element = seeker(gate[0])
        return None if element is None else lambda value: any(map(element, value))
    whole = frozenset(name for name, below in gate if below is True)
    deeper = [(name, seek) for name, below in gate if below is not True and (seek := seeker(below))]
    if not deeper:
        return lambda value: not whole.isdisjoint(value)
    if len(gate) == 1:
        only, inside = deeper[0]
        return lambda value: only in value and inside(value[only])

    def met(value: m.Value) -> bool:
        if not whole.isdisjoint(value):
            return True
        for name, seek in deeper:  # noqa: SIM110 -- any() takes twice as long
            if name in value and seek(value[name]):
                return True
        return False

    return met


class _Comparison:
    def __init__(self, newer: m.Schema, older: m.Schema) -> None:
        self._newer = newer
        self._older = older
        # a type inside itself is compared no further: it counts as different there
        self._done: dict[tuple[int, int], Gate] = {}

    def types(self, new: m.Type, old: m.Type) -> Gate:
        if new.tags != old.tags:
            return True
        one, two = self._newer.shape(new), self._older.shape(old)
        key = id(one), id(two)
        if key not in self._done:
            self._done[key] = True
            self._done[key] = self._shapes(one, two)
        return self._done[key]

    def _shapes(self, new: m.Shape, old: m.Shape) -> Gate:
        match new, old:
            case m.Sequence(fields), m.Sequence(others):
                return self._fields(fields, others)
            case m.Choice(arms), m.Choice(others):
                return self._arms(arms, others)
            case m.ListOf(element, size, is_set), m.ListOf(other, other_size, other_set):
                below = self.types(element, other)
                if (size, is_set) != (other_size, other_set):
                    return True
                return None if below is None else [below]
            case m.Integer(_, limits), m.Integer(_, others_):
                return None if limits == others_ else True
            case m.Bits(names, size), m.Bits(other_names, other_size):
                return None if (bool(names), size) == (bool(other_names), other_size) else True
        return None if new == old else True

    def _fields(self, fields: tuple[m.Field, ...], others: tuple[m.Field, ...]) -> Gate:
        pairs: list[tuple[str, Gate]] = []
        met: list[int] = []
        for field, at in zip(fields, self._places(fields, others), strict=True):
            if at is None:
                pairs.append((field.name, True))
                continue
            other = others[at]
            met.append(at)
            if _may_be_absent(field) and not _may_be_absent(other):
                return True  # what is not there cannot be looked for
            below = True if field.default != other.default else self.types(field.type, other.type)
            if below is not None:
                pairs.append((field.name, below))
        alone = [other for at, other in enumerate(others) if at not in met]
        if met != sorted(met) or not all(map(_may_be_absent, alone)):
            return True
        return tuple(pairs) or None

    def _arms(self, arms: tuple[m.Field, ...], others: tuple[m.Field, ...]) -> Gate:
        pairs: list[tuple[str, Gate]] = []
        for arm, at in zip(arms, self._places(arms, others), strict=True):
            below = True if at is None else self.types(arm.type, others[at].type)
            if below is not None:
                pairs.append((arm.name, below))
        return tuple(pairs) or None

    def _places(self, fields: tuple[m.Field, ...], others: tuple[m.Field, ...]) -> list[int | None]:
        """Return where each field stands in the older version: by its tags, if they are its own."""
        new = [self._newer.first_tags(field.type) for field in fields]
        old = [self._older.first_tags(other.type) for other in others]
        if new == old:
            return list(range(len(new)))
        alone = len(set(old)) == len(old) and () not in old
        return [old.index(tags) if alone and tags in old else None for tags in new]


def _may_be_absent(field: m.Field) -> bool:
    return field.optional or field.default is not None
