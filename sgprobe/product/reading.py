"""Reads mappings of a product file by the tables of keys; what is wrong goes to `problems`."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from dissectors.asn1.versions import SPECS, Spec, parse_spec
from sgprobe.durations import parse_duration
from sgprobe.problems import Problems, did_you_mean, listed, shown
from sgprobe.product.keys import ROLES, Key, Kind
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, Source, kind

_MAPPINGS = {Kind.TABLE, Kind.ANSWERS, Kind.SETTINGS, Kind.VERB, Kind.HEADERS, Kind.VALUES,
             Kind.TAKE}  # fmt: skip
_LISTS = {Kind.ROWS}
_LISTS_OF_TEXT = {Kind.WORDS}
_ONE_OR_MANY = {Kind.FILES, Kind.STATUSES, Kind.CALLS}
_ANYTHING = {Kind.TEMPLATE}
_READER = re.compile(r"pcsc(:.+)?|tcp:.+:[0-9]{1,5}|(at|at-aid|stdio):.+")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_PORTS = {"https": 443, "http": 80, "coaps": 5684}
CASE_ID = re.compile(r"[A-Z0-9]+(?:-[A-Z0-9]+)+(?:\[[^\[\]\s]{1,200}\])?")


def read_table(
    node: Mapping, table: tuple[Key, ...], problems: Problems, what: str
) -> dict[str, Node]:
    """Return the keys that are known and right, with what stands there."""
    known = {key.name: key for key in table}
    good: dict[str, Node] = {}
    for name, value in node.entries:
        key = known.get(name.text)
        if key is None:
            text = f"{shown(name.text)} is not a key of {what} ({listed(known, 16)})"
            problems.add(name.source, text, did_you_mean(name.text, known))
            continue
        if key.kind in _MAPPINGS | _LISTS and isinstance(value, Scalar) and not value.text:
            # a heading whose lines are comments still
            continue
        wrong = _wrong(key, value)
        if wrong:
            problems.add(value.source, wrong, f"such as `{key.name}: {key.example}`")
        else:
            good[name.text] = value
    for key in table:
        if key.required and node.key(key.name) is None:
            hint = f"such as `{key.name}: {key.example}`"
            problems.add(start_of(node), f"{what} needs the key '{key.name}'", hint)
    return good


def start_of(node: Node) -> Source:
    """Return the place of a node's first character, for long nodes."""
    source = node.source
    return Source(source.file, source.line, source.column, source.line, source.column + 1)


def _wrong(key: Key, value: Node) -> str:
    expected = f"'{key.name}' is {key.kind.value}"
    if key.kind in _ANYTHING:
        return ""
    if key.kind in _MAPPINGS:
        return "" if isinstance(value, Mapping) else f"{expected}, not {kind(value)}"
    if key.kind in _LISTS or key.kind in _LISTS_OF_TEXT:
        if not isinstance(value, Items):
            return f"{expected}, not {kind(value)}"
        if key.kind in _LISTS_OF_TEXT and not all(isinstance(one, Scalar) for one in value):
            return f"{expected}, and nothing else"
        return ""
    if key.kind in _ONE_OR_MANY:
        empty = isinstance(value, Scalar) and not value.text
        return f"{expected}, not nothing" if empty else ""
    if not isinstance(value, Scalar) or not value.text:
        return f"{expected}, not {kind(value)}"
    return _wrong_text(key, value.text, expected)


def _wrong_text(key: Key, text: str, expected: str) -> str:
    good = {
        Kind.ROLE: lambda: text in ROLES,
        Kind.SPEC: lambda: _spec(text) is not None,
        Kind.PLACE: lambda: read_place(text) is not None,
        Kind.READER: lambda: bool(_READER.fullmatch(text)),
        Kind.NAME: lambda: bool(_HOST.fullmatch(text)),
        Kind.NUMBER: lambda: text.isascii() and text.isdigit() and len(text) < 20,
        Kind.DIGITS: lambda: text.isascii() and text.isdigit(),
        Kind.OID: lambda: bool(re.fullmatch(r"[0-2](\.[0-9]{1,20}){1,20}", text)),
        Kind.TIME: lambda: parse_duration(text) is not None,
        Kind.DATE: lambda: read_date(text) is not None,
        Kind.CASE: lambda: bool(CASE_ID.fullmatch(text)),
        Kind.URL: lambda: read_url(text) is not None,
    }.get(key.kind)
    if good is None or good():
        return ""
    known = {
        Kind.ROLE: f" ({listed(ROLES, 12)})",
        Kind.SPEC: f" ({listed(map(str, SPECS), 12)})",
        Kind.URL: f" ({', '.join(one + '://…' for one in _PORTS)})",
    }.get(key.kind, "")
    return f"{expected}{known}, not {shown(text)}"


def _spec(text: str) -> Spec | None:
    try:
        return parse_spec(text)
    except ValueError:
        return None


def text_of(good: dict[str, Node], name: str) -> str:
    """Return a text, empty where it is absent or wrong."""
    value = good.get(name)
    return " ".join(value.text.split()) if isinstance(value, Scalar) else ""


def mapping_of(good: dict[str, Node], name: str) -> Mapping | None:
    """Return a mapping, None where it is absent or wrong."""
    value = good.get(name)
    return value if isinstance(value, Mapping) else None


def nodes_of(value: Node | None) -> tuple[Node, ...]:
    """Return a list's elements; one thing is a list of one."""
    if isinstance(value, Items):
        return value.items
    return () if value is None else (value,)


def read_date(text: str) -> date | None:
    """Return a day, None where the text is none."""
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2}", text) else None
    except ValueError:
        return None


def read_place(text: str) -> tuple[str, int] | None:
    """Return host and port, None where the text is none."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or any(c.isspace() for c in host) or not (port.isascii() and port.isdigit()):
        return None
    return (host, int(port)) if len(port) <= 5 and int(port) < 65536 else None


def read_url(text: str) -> tuple[SplitResult, int] | None:
    """Return a URL with its port, None where it is none, or holds what a URL here must not."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    odd = parts.query or parts.fragment or "@" in parts.netloc or any(c.isspace() for c in text)
    if parts.scheme not in _PORTS or not parts.hostname or odd:
        return None
    return parts, port if port is not None else _PORTS[parts.scheme]


def file_path(folder: Path, text: str) -> Path:
    """Return a path of the file, which is relative to the file's folder."""
    return folder / Path(text).expanduser()
