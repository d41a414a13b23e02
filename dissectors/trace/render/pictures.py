"""Sequence diagrams: Mermaid text for documents, SVG for tickets and reports."""

from __future__ import annotations

from typing import TextIO
from xml.sax.saxutils import escape

from dissectors.trace.message import Message
from dissectors.trace.read import Trace
from dissectors.trace.render import Style
from dissectors.trace.render.sequence import MOST, Arrow, Diagram, build

_LEFT, _LANE, _TOP, _ROW = 150, 330, 84, 52
_INK, _FAINT, _LINE, _FAULT, _BACK = "#1f2933", "#616e7c", "#cbd2d9", "#c81e1e", "#ffffff"
_ASK, _ANSWER = "#1d4ed8", "#0f766e"


class _Picture:
    """Keeps what a picture needs; drawing waits for the end."""

    def __init__(self, out: TextIO, style: Style) -> None:
        self._out = out
        self._style = style
        self._messages: list[Message] = []
        self._over = 0

    def message(self, message: Message) -> None:
        """Keep one message, up to what one picture shows."""
        if len(self._messages) <= MOST:
            self._messages.append(message)
        else:
            self._over += 1

    def _diagram(self, trace: Trace) -> Diagram:
        diagram = build(self._messages, trace, self._style)
        if self._over:
            diagram.notes[0] = f"… and {self._over + 1} more messages"
        return diagram


class MermaidForm(_Picture):
    """A `sequenceDiagram`."""

    def finish(self, trace: Trace) -> None:
        """Print the diagram."""
        diagram = self._diagram(trace)
        lines = ["sequenceDiagram"]
        for index, lane in enumerate(diagram.lanes):
            shown = _mermaid(lane.replace("\n", " "))
            lines.append(f"    participant p{index} as {shown}")
        for arrow in diagram.arrows:
            sign = "-->>" if arrow.is_answer else "->>"
            detail = " · ".join(part for part in (arrow.detail, arrow.folded) if part)
            text = _mermaid(f"{arrow.label}") + (f"<br/>{_mermaid(detail)}" if detail else "")
            lines.append(f"    p{arrow.source}{sign}p{arrow.target}: {text}")
            if arrow.faults:
                ends = sorted({arrow.source, arrow.target})
                over = ",".join(f"p{end}" for end in ends)
                faults = "<br/>".join(_mermaid(fault) for fault in arrow.faults)
                lines.append(f"    Note over {over}: {faults}")
        if diagram.lanes:
            lines += [f"    Note over p0: {_mermaid(note)}" for note in diagram.notes]
        self._out.write("\n".join(lines) + "\n")


def _mermaid(text: str) -> str:
    """Escape what Mermaid would read as its own signs."""
    signs = {"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "%": "#37;"}
    return "".join(signs.get(char, char) for char in text)


class SvgForm(_Picture):
    """One self-contained SVG file."""

    def finish(self, trace: Trace) -> None:
        """Draw the diagram."""
        self._out.write(draw(self._diagram(trace)))


def draw(diagram: Diagram) -> str:
    """Return a diagram as SVG text."""
    lanes = max(len(diagram.lanes), 2)
    width = _LEFT + lanes * _LANE - 90
    rows, bottom = [], _TOP
    for arrow in diagram.arrows:
        rows.append(_arrow(arrow, bottom))
        bottom += _ROW + 17 * len(arrow.faults)
    notes = [f'<text x="{_LEFT}" y="{bottom + 26 + 18 * i}" fill="{_FAULT}" font-size="12">'
             f"{escape(note)}</text>" for i, note in enumerate(diagram.notes)]  # fmt: skip
    height = bottom + 30 + 18 * len(diagram.notes)
    heads = [_head(lane, _x(index), bottom) for index, lane in enumerate(diagram.lanes)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" '
        'font-family="system-ui, \'DejaVu Sans\', sans-serif" font-size="13">',
        "<title>eSIM message sequence</title>",
        f'<rect width="{width}" height="{height}" fill="{_BACK}"/>',
        "<defs>", *(_tip(name, ink) for name, ink in
                    (("ask", _ASK), ("answer", _ANSWER), ("fault", _FAULT))), "</defs>",
        *heads, *rows, *notes, "</svg>\n",
    ])  # fmt: skip


def _x(lane: int) -> int:
    return _LEFT + 60 + lane * _LANE


def _tip(name: str, ink: str) -> str:
    return (f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
            f'markerHeight="8" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" '
            f'fill="{ink}"/></marker>')  # fmt: skip


def _head(lane: str, x: int, bottom: int) -> str:
    role, _, host = lane.partition("\n")
    width = max(96, 9 * len(role) + 36, 7 * len(host) + 24)
    under = (f'<text x="{x}" y="50" text-anchor="middle" fill="{_FAINT}" font-size="11">'
             f"{escape(host)}</text>")  # fmt: skip
    return "\n".join([
        f'<line x1="{x}" y1="58" x2="{x}" y2="{bottom + 8}" stroke="{_LINE}" stroke-width="1.5"/>',
        f'<rect x="{x - width // 2}" y="14" width="{width}" height="44" rx="6" fill="#f5f7fa" '
        f'stroke="{_LINE}"/>',
        f'<text x="{x}" y="{35 if host else 41}" text-anchor="middle" font-weight="600" '
        f'fill="{_INK}">{escape(role)}</text>',
        under if host else "",
    ])  # fmt: skip


def _arrow(arrow: Arrow, y: int) -> str:
    start, end = _x(arrow.source), _x(arrow.target)
    bad = bool(arrow.faults) or arrow.refused
    kind = "fault" if bad else "answer" if arrow.is_answer else "ask"
    ink = {"fault": _FAULT, "answer": _ANSWER, "ask": _ASK}[kind]
    dash = ' stroke-dasharray="6 4"' if arrow.is_answer else ""
    stroke = f'stroke="{ink}" stroke-width="1.6" marker-end="url(#{kind})"{dash}'
    middle, line = (start + end) // 2, y + 22
    detail = " · ".join(part for part in (arrow.detail, arrow.folded) if part)
    parts = [
        f'<text x="12" y="{line + 1}" fill="{_FAINT}" font-size="11">{escape(arrow.time)}</text>',
        f'<text x="{_LEFT - 20}" y="{line + 1}" fill="{_FAINT}" font-size="11" '
        f'text-anchor="end">#{escape(arrow.frames)}</text>',
        f'<text x="{middle}" y="{line - 7}" text-anchor="middle" font-weight="600" '
        f'fill="{_INK}">{escape(arrow.label)}</text>',
        f'<text x="{middle}" y="{line + 15}" text-anchor="middle" font-size="11" '
        f'fill="{_FAULT if arrow.refused else _FAINT}">{escape(detail)}</text>',
    ]
    if start == end:
        loop = f"M{start} {line - 6} h40 v14 h-34"
        parts.append(f'<path d="{loop}" fill="none" {stroke}/>')
    else:
        stop = end - (3 if end > start else -3)
        parts.append(f'<line x1="{start}" y1="{line}" x2="{stop}" y2="{line}" {stroke}/>')
    for number, fault in enumerate(arrow.faults):
        shown = fault if len(fault) <= 90 else fault[:89] + "…"
        parts.append(f'<text x="{middle}" y="{line + 32 + 17 * number}" text-anchor="middle" '
                     f'font-size="11" fill="{_FAULT}">⚠ {escape(shown)}</text>')  # fmt: skip
    return "\n".join(parts)
