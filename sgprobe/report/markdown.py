"""Markdown that product text cannot bend."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sgprobe.report.text import plain, short

_SIGNS = re.compile(r"([\\`*_\[\]<>|~&#$!])|(?<=[a-z]):(?=//)|(?<=www)\.|@(?=\w)", re.I)


def md(text: str, most: int = 300) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _SIGNS.sub(lambda found: "\\" + found[0], plain(short(text, most)))


def code(text: str) -> str:
    """Return text as code; one that would end it is escaped instead."""
    text = plain(short(text, 300))
    return f"`{text}`" if text and not {"`", "|"} & set(text) else md(text)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return a table of cells that are Markdown already."""
    head = list(head)
    out = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    out += [f"| {' | '.join(row)} |" for row in rows]
    return out
