"""What a YAML file holds, as text with its places; nothing is given a type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a file: lines and columns are counted from 1; the end is exclusive."""

    file: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One text; `plain` says that it stands without quotes."""

    text: str
    source: Source
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence, written in brackets if `flow`."""

    items: tuple[Node, ...]
    source: Source
    flow: bool = False

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file, in braces if `flow`; no key stands twice."""

    entries: tuple[tuple[Scalar, Node], ...]
    source: Source
    flow: bool = False

    def get(self, name: str) -> Node | None:
        """Return the value of a key."""
        return next((node for key, node in self.entries if key.text == name), None)

    def key(self, name: str) -> Scalar | None:
        """Return the key itself, for its place."""
        return next((key for key, _ in self.entries if key.text == name), None)

    def names(self) -> tuple[str, ...]:
        """Return the keys' texts."""
        return tuple(key.text for key, _ in self.entries)


Node: TypeAlias = Scalar | Items | Mapping


def kind(node: Node) -> str:
    """Return what a node is, in a person's words."""
    if isinstance(node, Scalar):
        return "text" if node.text else "nothing"
    return "a list" if isinstance(node, Items) else "a mapping"
