"""CSV of chosen fields, and XML in the shape of PDML for scripts written for tshark."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from typing import Any, TextIO
from xml.sax.saxutils import quoteattr

from dissectors.trace.message import Message
from dissectors.trace.paths import find, find_names, parse_path
from dissectors.trace.read import Trace
from dissectors.trace.render import Style
from dissectors.trace.render.words import printable, walk

_DEFAULT = ("n", "time", "src", "dst", "interface", "function", "kind", "type", "status")
_MEMBERS = frozenset({"n", "frames", "time", "src", "dst", "transport", "interface", "function",
                      "kind", "type", "spec", "status", "value", "flow", "sender",
                      "receiver"})  # fmt: skip
# a spreadsheet must not take a product's text for a formula
_FORMULA = ("=", "+", "-", "@")
_XML_DEEPEST = 100_000


class CsvForm:
    """One row per message; a field is a member of the message or a path into its value."""

    def __init__(self, out: TextIO, style: Style) -> None:
        fields = style.fields or _DEFAULT
        self._columns = [_column(name) for name in fields]
        # members of a value are found together, in one walk
        self._names = frozenset(column for column in self._columns if isinstance(column, str))
        self._write = out.write
        # of which the return value is what it was given to write
        self._quote = csv.writer(_Echo(), lineterminator="\n").writerow
        self._write(self._quote([_cell(name) for name in fields]))

    def message(self, message: Message) -> None:
        """Print one row."""
        self._write(self.line(message))

    def line(self, message: Message) -> str:
        """Return one row as text."""
        found = find_names(message.value, self._names) if self._names else {}
        text: str = self._quote(
            [
                _cell(_one(found.get(column, [])) if isinstance(column, str) else column(message))
                for column in self._columns
            ]
        )
        return text

    def numbered(self, line: str, number: int) -> str:
        """Return a row as it is; it has no column of numbers where it is made ahead of them."""
        return line

    def finish(self, trace: Trace) -> None:
        """Nothing comes last."""


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _column(name: str) -> str | Callable[[Message], Any]:
    """Return a member's name to be looked for, or what reads a column from a message; raises
    ValueError where the name is no path.
    """
    if name in _MEMBERS:
        return lambda message: getattr(message, name)
    if name == "bytes":
        return lambda message: message.octets.hex()
    if name in ("problem", "problems"):
        return lambda message: [problem.code for problem in message.problems]
    path = parse_path(name)
    if len(path) == 1 and isinstance(path[0], str):
        return path[0]
    return lambda message: _one(find(message.value, path))


def _one(found: list[Any]) -> Any:
    return found[0] if len(found) == 1 else found


def _cell(value: Any) -> str:
    if isinstance(value, str):
        if value.isalnum() and value.isascii():
            return value
        text = value
    elif value.__class__ is tuple and len(value) == 1 and value[0].__class__ is int:
        return str(value[0])
    elif isinstance(value, list | tuple) and not any(isinstance(one, dict | list) for one in value):
        text = "|".join("" if one is None else str(one) for one in value)
    elif isinstance(value, dict | list | tuple):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    else:
        return "" if value is None else str(value)
    if not text.isprintable():
        text = printable(text)
    return "'" + text if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-").replace(".", "", 1)
    return digits.isascii() and digits.isdigit()


class XmlForm:
    """`packet`, `proto` and `field` elements with the attributes that PDML readers know."""

    def __init__(self, out: TextIO, style: Style) -> None:
        self._out = out
        out.write('<?xml version="1.0" encoding="utf-8"?>\n<pdml version="0" creator="sgprobe">\n')

    def message(self, message: Message) -> None:
        """Print one packet."""
        rows = [f"<packet><!-- message {message.n} -->"]
        rows.append('  <proto name="geninfo">')
        for name, shown in (
            ("num", message.frames[-1] if message.frames else 0),
            ("timestamp", message.time),
            ("src", message.src),
            ("dst", message.dst),
        ):
            rows.append(f"    <field name={_attribute(name)} show={_attribute(shown)}/>")
        rows.append("  </proto>")
        size = len(message.octets)
        rows.append(f'  <proto name="esim" showname={_attribute(message.interface)} size="{size}">')
        for name in ("function", "kind", "type", "status", "transport"):
            value = getattr(message, name)
            if value is not None:
                rows.append(f'    <field name="esim.{name}" show={_attribute(value)}/>')
        rows.append(f'    <field name="esim.bytes" value="{message.octets.hex()}"/>')
        for path, value in walk(message.value, "", _XML_DEEPEST):
            if not isinstance(value, dict | list):
                shown = "" if value is None else value
                rows.append(f"    <field name={_attribute(path)} show={_attribute(shown)}/>")
        for problem in message.problems:
            text = f"{problem.severity}: {problem.code}: {problem.text}"
            rows.append(f'    <field name="esim.problem" show={_attribute(text)}/>')
        rows += ["  </proto>", "</packet>"]
        self._out.write("\n".join(rows) + "\n")

    def finish(self, trace: Trace) -> None:
        """Close the document."""
        self._out.write("</pdml>\n")


def _attribute(value: object) -> str:
    """Quote a text as XML 1.0 allows: control characters are escaped as their Python form."""
    return quoteattr(printable(str(value)))
