"""Sequence diagrams as files: Mermaid text for documents, SVG for tickets and reports."""

from __future__ import annotations

from typing import TextIO

from dissectors.trace.message import Message
from dissectors.trace.read import Trace
from dissectors.trace.render import Style
from dissectors.trace.render.sequence import MOST, Arrow, Diagram, Note, build
from dissectors.trace.render.svg import draw

# what Mermaid would read as its own signs
_SIGNS = {"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "%": "#37;"}


class _Picture:
    """Keeps what a picture needs; drawing waits for the end."""

    def __init__(self, out: TextIO, style: Style) -> None:
        self._out = out
        self._style = style
        self._messages: list[Message] = []
        self._more = 0

    def message(self, message: Message) -> None:
        """Keep one message, up to what one picture shows."""
        if len(self._messages) < MOST:
            self._messages.append(message)
        else:
            self._more += 1

    def _diagram(self, trace: Trace) -> Diagram:
        return build(self._messages, trace, self._style, self._more)


class SvgForm(_Picture):
    """One self-contained SVG file."""

    def finish(self, trace: Trace) -> None:
        """Draw the diagram."""
        self._out.write(draw(self._diagram(trace)))


class MermaidForm(_Picture):
    """A `sequenceDiagram`."""

    def finish(self, trace: Trace) -> None:
        """Print the diagram."""
        diagram = self._diagram(trace)
        lines = ["sequenceDiagram"]
        for index, lane in enumerate(diagram.lanes or ["nobody"]):
            lines.append(f"    participant p{index} as {_mermaid(lane.replace(chr(10), ' '))}")
        last = max(len(diagram.lanes) - 1, 0)
        whole = f"p0,p{last}" if last else "p0"
        for row in diagram.rows:
            lines += _arrow(row) if isinstance(row, Arrow) else _note(row, whole)
        for note in diagram.notes:
            lines += _note(note, whole)
        self._out.write("\n".join(lines) + "\n")


def _arrow(arrow: Arrow) -> list[str]:
    sign = "-->>" if arrow.is_answer else "->>"
    detail = " · ".join(part for part in (arrow.detail, arrow.folded) if part)
    text = _mermaid(arrow.label) + (f"<br/>{_mermaid(detail)}" if detail else "")
    lines = [f"    p{arrow.source}{sign}p{arrow.target}: {text}"]
    if arrow.faults:
        ends = sorted({arrow.source, arrow.target})
        over = ",".join(f"p{end}" for end in ends)
        faults = "<br/>".join(f"⚠ {_mermaid(fault)}" for fault in arrow.faults)
        lines.append(f"    Note over {over}: {faults}")
    # Mermaid colours no single arrow: a red field stands behind a fault
    return ["    rect rgb(253, 226, 226)", *lines, "    end"] if arrow.bad else lines


def _note(note: Note, over: str) -> list[str]:
    line = f"    Note over {over}: {'⚠ ' if note.is_fault else ''}{_mermaid(note.text)}"
    return ["    rect rgb(253, 226, 226)", line, "    end"] if note.is_fault else [line]


def _mermaid(text: str) -> str:
    return "".join(_SIGNS.get(char, char) for char in text)
