"""CSV of chosen fields, and XML in the shape of PDML for scripts written for tshark."""

from __future__ import annotations

import csv
import json
from typing import Any, TextIO
from xml.sax.saxutils import quoteattr

from dissectors.trace.message import Message
from dissectors.trace.read import Trace
from dissectors.trace.render import Style
from dissectors.trace.render.words import walk

_DEFAULT = ("n", "time", "src", "dst", "interface", "function", "kind", "type", "status")
# a spreadsheet must not take a product's text for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvForm:
    """One row per message; a field is a member of the NDJSON object or a path into its value."""

    def __init__(self, out: TextIO, style: Style) -> None:
        self._fields = style.fields or _DEFAULT
        self._rows = csv.writer(out, lineterminator="\n")
        self._rows.writerow(self._fields)

    def message(self, message: Message) -> None:
        """Print one row."""
        members = message.as_dict()
        self._rows.writerow([_cell(_pick(members, name)) for name in self._fields])

    def finish(self, trace: Trace) -> None:
        """Nothing comes last."""


def _pick(members: dict[str, Any], name: str) -> Any:
    """Return a member, or all values in the message whose path ends with `name`."""
    if name in members:
        return members[name]
    dotted = "." + name.removeprefix("value.")
    found = [value for path, value in walk(members["value"])
             if ("." + path) == dotted or ("." + path).endswith(dotted)]  # fmt: skip
    return found[0] if len(found) == 1 else found or ""


def _cell(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        text = "|".join(str(one) for one in value)
    elif isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


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
        for path, value in walk(message.value, "", 100_000):
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
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
    return quoteattr(text)
