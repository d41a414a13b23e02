"""The ways in which a product is made to act, as the product file declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from sgprobe.product.secrets import Hidden
from sgprobe.yamlnode import Node, Source

# where a URL or a segment of a path comes from: text, or `$name`
Part: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Take:
    """One output: where it stands in an answer, and what the product's words mean."""

    name: str
    where: str
    words: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP call."""

    method: str
    target: Part
    path: tuple[Part, ...]
    query: tuple[tuple[str, Part], ...]
    headers: tuple[tuple[str, Hidden], ...]
    body: Node | None
    expect: tuple[int, ...]
    take: tuple[Take, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Rest:
    """HTTP calls, one after the other."""

    calls: tuple[HttpCall, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments."""

    arguments: tuple[Part, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Python:
    """A function of a module, or of a file."""

    module: str
    function: str
    source: Source


@dataclass(frozen=True, slots=True)
class Prompt:
    """A person is asked to do it."""

    text: str
    ask: tuple[tuple[str, str], ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Fixed:
    """Nothing is done."""

    outputs: Mapping[str, str]
    source: Source


Way: TypeAlias = Rest | Command | Python | Prompt | Fixed
# of a verb: the way of every action that has none of its own
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Ways:
    """The operator of a product: a way for each verb and action that it has."""

    folder: Path
    file: str
    url: str = ""
    headers: tuple[tuple[str, Hidden], ...] = ()
    ways: Mapping[tuple[str, str], Way] = field(default_factory=dict)

    def find(self, verb: str, action: str) -> Way | None:
        """Return the way for an action, or the verb's own, or none."""
        return self.ways.get((verb, action)) or self.ways.get((verb, EVERY))
