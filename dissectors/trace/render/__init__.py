"""The forms in which messages are printed; a form is one class with three methods."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from dissectors.trace.message import Message
from dissectors.trace.read import Trace


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Style:
    """What a person asked of a form."""

    fields: tuple[str, ...] = ()
    with_bytes: bool = False
    # an address, with or without port, to the name of the role there
    roles: dict[str, str] = field(default_factory=dict)
    # hides in a text about the capture what is hidden in its messages
    veil: Callable[[str], str] = _as_it_is


class Renderer(Protocol):
    """Prints messages as they come, and what is known at the end."""

    def __init__(self, out: TextIO, style: Style) -> None: ...

    def message(self, message: Message) -> None:
        """Print one message, or keep it."""

    def finish(self, trace: Trace) -> None:
        """Print what comes last; `trace` has the sessions and notes."""


class LineRenderer(Renderer, Protocol):
    """A form of lines, which other processes can make before the messages have their numbers."""

    def line(self, message: Message) -> str:
        """Return the text of a message less its number."""

    def numbered(self, line: str, number: int) -> str:
        """Return that text with the number."""


# form: module and class; imported when asked for
FORMS = {
    "tree": ("dissectors.trace.render.tree", "TreeForm"),
    "summary": ("dissectors.trace.render.summary", "SummaryForm"),
    "ndjson": ("dissectors.trace.render.lines", "NdjsonForm"),
    "json": ("dissectors.trace.render.lines", "JsonForm"),
    "csv": ("dissectors.trace.render.tables", "CsvForm"),
    "xml": ("dissectors.trace.render.tables", "XmlForm"),
    "mermaid": ("dissectors.trace.render.pictures", "MermaidForm"),
    "svg": ("dissectors.trace.render.pictures", "SvgForm"),
}
# forms that machines read: sessions and notes go to the error stream instead
MACHINE_FORMS = frozenset({"ndjson", "json", "csv", "xml", "mermaid", "svg"})


def make(form: str, out: TextIO, style: Style) -> Renderer:
    """Return the renderer of a form."""
    module, name = FORMS[form]
    renderer: Renderer = getattr(importlib.import_module(module), name)(out, style)
    return renderer
