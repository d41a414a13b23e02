"""JSON: one object a line, or one array."""

from __future__ import annotations

from typing import TextIO

from dissectors.trace.message import Message
from dissectors.trace.read import Trace
from dissectors.trace.render import Style

_NUMBER = '{"n":0'


class NdjsonForm:
    """One object a line."""

    def __init__(self, out: TextIO, style: Style) -> None:
        self._write = out.write

    def message(self, message: Message) -> None:
        """Print one message."""
        self._write(message.as_json() + "\n")

    def line(self, message: Message) -> str:
        """Return a line that waits for its number."""
        return message.as_json()[len(_NUMBER) :] + "\n"

    def numbered(self, line: str, number: int) -> str:
        """Return a line with its number."""
        return f'{{"n":{number}{line}'

    def finish(self, trace: Trace) -> None:
        """Nothing comes last."""


class JsonForm:
    """One array of the same objects."""

    def __init__(self, out: TextIO, style: Style) -> None:
        self._write = out.write
        self._lead = "[\n"

    def message(self, message: Message) -> None:
        """Print one message."""
        self._write(self._lead + message.as_json())
        self._lead = ",\n"

    def finish(self, trace: Trace) -> None:
        """Close the array."""
        self._write("[]\n" if self._lead == "[\n" else "\n]\n")
