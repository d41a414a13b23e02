"""One line per message, for skimming."""

from __future__ import annotations

from typing import TextIO

from dissectors.finding import Severity
from dissectors.trace.message import Message
from dissectors.trace.read import Trace
from dissectors.trace.render import Style
from dissectors.trace.render.sessions import closing_lines
from dissectors.trace.render.words import (
    carrier_word,
    end_name,
    outcome,
    printable,
    telling,
    title,
)


class SummaryForm:
    """`n  seconds  from → to  carrier  type  what tells it apart`."""

    def __init__(self, out: TextIO, style: Style) -> None:
        self._out = out
        self._style = style
        self._start: float | None = None

    def message(self, message: Message) -> None:
        """Print one message."""
        if self._start is None:
            self._start = message.time
        ends = (
            f"{end_name(self._style, message.src, message.sender)} → "
            f"{end_name(self._style, message.dst, message.receiver)}"
        )
        said = outcome(message) or "  ".join(f"{name} {text}" for name, text in telling(message))
        marks = [p.code for p in message.problems if p.severity is not Severity.INFO]
        flow = f"flow {message.flow:<5} " if self._style.with_bytes else ""
        line = (
            f"{message.n:>5} {flow}{message.time - self._start:>9.3f} s  {ends:<12} "
            f"{carrier_word(message):<10} {title(message):<34} {printable(said)}"
        ).rstrip()
        if marks:
            line += f"  ! {', '.join(dict.fromkeys(marks))}"
        self._out.write(line + "\n")

    def finish(self, trace: Trace) -> None:
        """Print sessions and notes."""
        for line in closing_lines(trace, self._style.veil):
            self._out.write(line + "\n")
