"""One heading per message, its members indented, digits and nested content opened."""

from __future__ import annotations

import json
from typing import TextIO

from dissectors.asn1 import codec
from dissectors.asn1.print_tree import shorten, tree_lines
from dissectors.asn1.versions import grouped, parse_spec
from dissectors.finding import Severity
from dissectors.trace.message import Message
from dissectors.trace.read import Trace
from dissectors.trace.render import Style
from dissectors.trace.render.sessions import closing_lines
from dissectors.trace.render.words import carrier_word, end_name, printable, title


class TreeForm:
    """The form for reading."""

    def __init__(self, out: TextIO, style: Style) -> None:
        self._out = out
        self._style = style
        self._start: float | None = None

    def message(self, message: Message) -> None:
        """Print one message."""
        if self._start is None:
            self._start = message.time
        lines = [
            f"{message.n}  {title(message)}   {message.interface}   "
            f"{end_name(self._style, message.src, message.sender)} → "
            f"{end_name(self._style, message.dst, message.receiver)}   {carrier_word(message)}",
            f"   {message.time - self._start:.3f} s, {_frames(message)}, flow {message.flow}, "
            f"{message.src} → {message.dst}, "
            f"{len(message.octets)} octets{_versions(message)}",
        ]
        lines += self._body(message)
        for problem in message.problems:
            if problem.severity is Severity.INFO and not self._style.with_bytes:
                continue
            where = f" at {printable(problem.path)}" if problem.path else ""
            text = printable(problem.text)
            lines.append(f"   {problem.severity}: {problem.code}{where}: {text}")
        self._out.write("\n".join(lines) + "\n\n")

    def _body(self, message: Message) -> list[str]:
        if message.value is None:
            return []
        if message.type is None or not message.type[:1].isupper():
            return json_lines(message.value)
        if not message.octets:
            return json_lines(message.value)  # it was changed, and has no bytes of its own
        loaded = codec.load(parse_spec(message.spec[-1]))
        tree = loaded.tree(message.type, message.octets)
        lines = []
        for line in tree_lines(loaded, tree):
            if line.depth:
                place = f"{line.start:>6} {line.tag:<6}" if self._style.with_bytes else ""
                text = f": {line.text}" if line.text else ""
                lines.append(f"   {place}{'  ' * (line.depth - 1)}{line.name}{text}")
        return lines

    def finish(self, trace: Trace) -> None:
        """Print sessions and notes."""
        for line in closing_lines(trace, self._style.veil):
            self._out.write(line + "\n")


def _frames(message: Message) -> str:
    frames = message.frames
    if not frames:
        return "no frame"
    return f"frame {frames[-1]}" if len(frames) == 1 else f"frames {frames[0]}–{frames[-1]}"


def _versions(message: Message) -> str:
    return f", {grouped(message.spec)}" if message.spec else ""


def json_lines(value: object, depth: int = 0) -> list[str]:
    """Return a JSON value as indented lines, safe to print."""
    pad = "   " + "  " * depth
    if isinstance(value, dict):
        rows = []
        for name, below in value.items():
            rows += _member(pad, printable(str(name)), below, depth)
        return rows
    if isinstance(value, list):
        rows = []
        for index, below in enumerate(value):
            rows += _member(pad, f"[{index}]", below, depth)
        return rows
    return [pad + _plain(value)]


def _member(pad: str, name: str, value: object, depth: int) -> list[str]:
    if isinstance(value, dict | list) and value and depth < 40:
        return [f"{pad}{name}", *json_lines(value, depth + 1)]
    return [f"{pad}{name}: {_plain(value)}"]


def _plain(value: object) -> str:
    if isinstance(value, str):
        return printable(shorten(value) if len(value) > 120 else value) or "(empty)"
    return shorten(json.dumps(value))
