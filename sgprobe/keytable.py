"""Tables of the keys of a file: what stands at each, a help sentence and an example."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

K = TypeVar("K", bound=Enum)


# no slots: a generic alias that is called sets an attribute of its own
@dataclass(frozen=True)
class TableKey(Generic[K]):
    """One key: what stands there, a help sentence, an example, and the keys inside it."""

    name: str
    kind: K
    help: str
    example: str
    required: bool = False
    inside: tuple[TableKey[K], ...] = ()


def table_lines(table: Iterable[TableKey[K]]) -> list[str]:
    """Return a table of keys in Markdown."""
    lines = ["| key | value | meaning | example |", "|---|---|---|---|"]
    for key in table:
        name = f"`{key.name}`" + (" (required)" if key.required else "")
        lines.append(f"| {name} | {key.kind.value} | {key.help} | `{key.example}` |")
    return lines
