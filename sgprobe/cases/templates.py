"""Compiled fields: literals as JER values, references, matchers; each with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from dissectors.asn1.model import Value
from sgprobe.yamlnode import Source


@dataclass(frozen=True, slots=True)
class Literal:
    """A value, and the text of the author; `names` are the named numbers of its type."""

    value: Value
    text: str
    source: Source
    names: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that is known when the case runs."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class ByPoint:
    """A value that an axis decides: one template per point."""

    axis: str
    points: Mapping[str, Template]
    source: Source


@dataclass(frozen=True, slots=True)
class Matcher:
    """A `<…>`: its word of the closed list, and what stands behind the word."""

    word: str
    text: str
    source: Source
    low: float | None = None
    high: float | None = None
    names: tuple[str, ...] = ()
    parts: tuple[Template, ...] = ()
    inner: Template | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One named member of an object."""

    name: str
    template: Template
    source: Source


@dataclass(frozen=True, slots=True)
class Members:
    """An object: named members must match; others are free unless `exact`."""

    members: tuple[Member, ...]
    source: Source
    exact: bool = False
    choice: bool = False


@dataclass(frozen=True, slots=True)
class Elements:
    """A list: length and order match."""

    elements: tuple[Template, ...]
    source: Source
    is_set: bool = False


@dataclass(frozen=True, slots=True)
class AtIndexes:
    """Some elements of a list, by index; the others are free."""

    at: tuple[tuple[int, Template], ...]
    source: Source


Template: TypeAlias = Literal | Ref | ByPoint | Matcher | Members | Elements | AtIndexes


def children(template: Template) -> tuple[Template, ...]:
    """Return the templates directly inside one."""
    match template:
        case Members(members):
            return tuple(member.template for member in members)
        case Elements(elements):
            return elements
        case AtIndexes(at):
            return tuple(inside for _, inside in at)
        case ByPoint(_, points):
            return tuple(points.values())
        case Matcher():
            inner = () if template.inner is None else (template.inner,)
            return (*template.parts, *inner)
    return ()
