"""Draws a sequence diagram as one self-contained SVG."""

from __future__ import annotations

from itertools import pairwise
from textwrap import wrap
from xml.sax.saxutils import escape

from dissectors.trace.render.sequence import Arrow, Diagram, Note

_LEFT, _TOP, _MARGIN = 150, 92, 24
_ROW, _LINE_HEIGHT, _HEAD = 50, 16, 46
_LEAST, _ROOM, _WIDEST = 170, 40, 560  # between two lanes
_NARROW = 860  # no picture is narrower: faults are told in whole lines
_BIG, _SMALL = 7.3, 6.2  # mean width of a letter
_LONG = 1400  # a picture of this height has its lanes named at the foot as well
_INK, _FAINT, _LINE, _FAULT, _BACK = "#1f2933", "#616e7c", "#cbd2d9", "#c81e1e", "#ffffff"
_HEAD_BACK, _FAULT_BACK = "#f5f7fa", "#fdecec"
_ASK, _ANSWER = "#1d4ed8", "#0f766e"
_FONT = "system-ui, 'DejaVu Sans', 'Liberation Sans', sans-serif"


def draw(diagram: Diagram) -> str:
    """Return a diagram as SVG text."""
    lanes = _places(diagram)
    width = max((lanes[-1] if lanes else 0) + _edge(diagram) + _MARGIN, _NARROW)
    right = width - _MARGIN
    rows: list[str] = []
    bottom = _TOP
    for row in diagram.rows:
        if isinstance(row, Arrow):
            drawn, height = _arrow(row, lanes, bottom, right)
        else:
            drawn, height = _note(row, bottom, right)
        rows.append(drawn)
        bottom += height
    foot = bottom + 6
    after = foot + (_HEAD + 8 if foot > _LONG else 0)
    for note in diagram.notes:
        drawn, height = _note(note, after, right)
        rows.append(drawn)
        after += height
    height = after + _MARGIN
    heads = [_lane(lane, lanes[index], foot) for index, lane in enumerate(diagram.lanes)]
    if foot > _LONG:
        heads += [_box(lane, lanes[index], foot) for index, lane in enumerate(diagram.lanes)]
    markers = (("ask", _ASK), ("answer", _ANSWER), ("fault", _FAULT))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="{_FONT}" font-size="13" role="img">',
            "<title>eSIM message sequence</title>",
            f"<desc>{escape(diagram.summary)}</desc>",
            f'<rect width="{width}" height="{height}" fill="{_BACK}"/>',
            "<defs>",
            *(_tip(name, ink) for name, ink in markers),
            "</defs>",
            _text(12, 26, diagram.summary.split(" in ")[0], size=11, ink=_FAINT),
            _text(12, 42, " in ".join(diagram.summary.split(" in ")[1:]), size=11, ink=_FAINT),
            *heads,
            *rows,
            "</svg>\n",
        ]
    )


def _places(diagram: Diagram) -> list[int]:
    """Return where the lanes stand: as far apart as what is written between them asks for."""
    count = len(diagram.lanes)
    apart = [
        max(_LEAST, (_head_width(one) + _head_width(two)) // 2 + 16)
        for one, two in pairwise(diagram.lanes)
    ]
    for arrow in diagram.arrows:
        first, last = sorted((arrow.source, arrow.target))
        need = _label_width(arrow) + _ROOM
        if first < last:
            share = min(need, _WIDEST * (last - first)) // (last - first)
            for between in range(first, last):
                apart[between] = max(apart[between], share)
    left = _LEFT + (_head_width(diagram.lanes[0]) // 2 if count else 0)
    free = _NARROW - left - sum(apart) - _edge(diagram) - _MARGIN
    if apart and free > 0:
        apart = [gap + free // len(apart) for gap in apart]
    places = [left] if count else []
    for gap in apart:
        places.append(places[-1] + gap)
    return places


def _edge(diagram: Diagram) -> int:
    """Return the room right of the last lane: for its head, and for messages to itself."""
    last = len(diagram.lanes) - 1
    own = [_label_width(a) // 2 for a in diagram.arrows if a.source == a.target == last]
    head = _head_width(diagram.lanes[-1]) // 2 if diagram.lanes else 0
    return max([head, 60, *own])


def _label_width(arrow: Arrow) -> int:
    return int(max(len(arrow.label) * _BIG, len(_below(arrow)) * _SMALL))


def _head_width(lane: str) -> int:
    role, _, host = lane.partition("\n")
    return int(max(96, 9 * len(role) + 36, 7 * len(host) + 24))


def _below(arrow: Arrow) -> str:
    return " · ".join(part for part in (arrow.detail, arrow.folded) if part)


def _tip(name: str, ink: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
        f'markerHeight="8" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" '
        f'fill="{ink}"/></marker>'
    )


def _text(
    x: int, y: int, text: str, *, size: int = 13, ink: str = _INK, anchor: str = "start",
    bold: bool = False,
) -> str:  # fmt: skip
    # a white edge keeps words readable where they cross a line
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" fill="{ink}" font-size="{size}" text-anchor="{anchor}"{weight} '
        f'paint-order="stroke" stroke="{_BACK}" stroke-width="3">{escape(text)}</text>'
    )


def _lane(lane: str, x: int, foot: int) -> str:
    line = (
        f'<line x1="{x}" y1="{_TOP - 28}" x2="{x}" y2="{foot}" stroke="{_LINE}" '
        'stroke-width="1.5"/>'
    )
    return f"{line}\n{_box(lane, x, _TOP - 28 - _HEAD)}"


def _box(lane: str, x: int, y: int) -> str:
    role, _, host = lane.partition("\n")
    width = _head_width(lane)
    parts = [
        f'<rect x="{x - width // 2}" y="{y}" width="{width}" height="{_HEAD}" rx="6" '
        f'fill="{_HEAD_BACK}" stroke="{_LINE}"/>',
        f'<text x="{x}" y="{y + (21 if host else 28)}" text-anchor="middle" font-weight="600" '
        f'fill="{_INK}">{escape(role)}</text>',
    ]
    if host:
        parts.append(
            f'<text x="{x}" y="{y + 36}" text-anchor="middle" fill="{_FAINT}" '
            f'font-size="11">{escape(host)}</text>'
        )
    return "\n".join(parts)


def _arrow(arrow: Arrow, lanes: list[int], y: int, right: int) -> tuple[str, int]:
    start, end = lanes[arrow.source], lanes[arrow.target]
    kind = "fault" if arrow.bad else "answer" if arrow.is_answer else "ask"
    ink = {"fault": _FAULT, "answer": _ANSWER, "ask": _ASK}[kind]
    dash = ' stroke-dasharray="6 4"' if arrow.is_answer else ""
    stroke = f'stroke="{ink}" stroke-width="1.6" marker-end="url(#{kind})"{dash}'
    middle, line = (start + end) // 2, y + 22
    below = _FAULT if arrow.refused else _FAINT
    faults = [row for fault in arrow.faults for row in _wrapped(f"⚠ {fault}", right)]
    height = _ROW + _LINE_HEIGHT * len(faults)
    parts = [f"<g>\n<title>{escape(arrow.hint)}</title>"]
    if faults:
        parts.append(
            f'<rect x="4" y="{y - 2}" width="{right + 16}" height="{height - 4}" rx="4" '
            f'fill="{_FAULT_BACK}" fill-opacity="0.6"/>'
        )
    parts += [
        _text(12, line + 4, arrow.time, size=11, ink=_FAINT),
        _text(_LEFT - 18, line + 4, f"#{arrow.frames}" if arrow.frames else "", size=11,
              ink=_FAINT, anchor="end"),
        _text(middle, line - 7, arrow.label, anchor="middle", bold=True),
        _text(middle, line + 16, _below(arrow), size=11, ink=below, anchor="middle"),
    ]  # fmt: skip
    if start == end:
        loop = f"M{start} {line - 4} h34 v10 h-31"
        parts.append(f'<path d="{loop}" fill="none" {stroke}/>')
    else:
        stop = end - (3 if end > start else -3)
        parts.append(f'<line x1="{start}" y1="{line}" x2="{stop}" y2="{line}" {stroke}/>')
    for number, fault in enumerate(faults):
        at = line + 33 + _LINE_HEIGHT * number
        parts.append(_text(*_inside(middle, at, fault, right), fault, size=11, ink=_FAULT))
    return "\n".join([*parts, "</g>"]), height


def _wrapped(text: str, right: int) -> list[str]:
    """Return a text as lines that fit between the times and the right edge."""
    return wrap(text, int((right - _LEFT) / _SMALL)) or [""]


def _inside(middle: int, y: int, text: str, right: int) -> tuple[int, int]:
    """Return where a text begins that shall be in the middle, and inside the picture."""
    width = int(len(text) * _SMALL)
    return max(_LEFT, min(middle - width // 2, right - width)), y


def _note(note: Note, y: int, right: int) -> tuple[str, int]:
    ink = _FAULT if note.is_fault else _FAINT
    lines = _wrapped(f"⚠ {note.text}" if note.is_fault else note.text, right)
    height = _LINE_HEIGHT * len(lines) + 14
    parts = ["<g>"]
    if note.is_fault:
        parts.append(
            f'<rect x="{_LEFT - 6}" y="{y}" width="{right - _LEFT + 12}" height="{height - 6}" '
            f'rx="4" fill="{_FAULT_BACK}" stroke="{_FAULT}" stroke-opacity="0.35"/>'
        )
    if note.frames:
        parts.append(
            _text(_LEFT - 18, y + 16, f"#{note.frames}", size=11, ink=_FAINT, anchor="end")
        )
    for number, text in enumerate(lines):
        at = _inside((_LEFT + right) // 2, y + 16 + _LINE_HEIGHT * number, text, right)
        parts.append(_text(*at, text, size=11, ink=ink))
    return "\n".join([*parts, "</g>"]), height
