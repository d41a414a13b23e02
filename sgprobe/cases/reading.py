"""Reads mappings by the tables of keys: unknown keys, missing ones, and what stands at them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sgprobe.cases.errors import Problems, did_you_mean, listed, shown
from sgprobe.cases.keys import Key, Kind
from sgprobe.durations import parse_duration
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, Source, kind

ID = re.compile(r"[A-Z0-9]+(?:-[A-Z0-9]+)+")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
REFERENCE = re.compile(r"\$[A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*")
_PLAIN = {
    Kind.ID,
    Kind.NAME,
    Kind.TEXT,
    Kind.ROLE,
    Kind.EXPRESSION,
    Kind.DURATION,
    Kind.FLAG,
    Kind.REFERENCE,
    Kind.TRIGGER,
    Kind.STATE,
    Kind.LABEL,
    Kind.CALL,
    Kind.OTHERWISE,
    Kind.VERSION,
    Kind.REPLY,
    Kind.NUMBER,
    Kind.COUNT,
}
_MAPPINGS = {
    Kind.VARIANTS,
    Kind.PEERS,
    Kind.VALUES,
    Kind.CAPTURE,
    Kind.INPUTS,
    Kind.SELECT,
}
_LISTS = {Kind.STEPS, Kind.BRANCHES, Kind.TRACE, Kind.SELECTS}


class Reader:
    """One mapping of a file, read by its table of keys; what is wrong goes to `problems`."""

    def __init__(
        self, node: Mapping, table: Iterable[Key], problems: Problems, what: str, skip: str = ""
    ) -> None:
        self.node = node
        self._problems = problems
        self._table = {key.name: key for key in table}
        self._good: dict[str, Node] = {}
        for key, value in node.entries:
            if key.text == skip:
                continue
            known = self._table.get(key.text)
            if known is None:
                text = f"{shown(key.text)} is not a key of {what} ({listed(self._table, 14)})"
                problems.add(key.source, text, did_you_mean(key.text, self._table))
            elif fits(known, value, problems):
                self._good[key.text] = value
        for need in self._table.values():
            if need.required and node.key(need.name) is None:
                start = Source(
                    node.source.file,
                    node.source.line,
                    node.source.column,
                    node.source.line,
                    node.source.column + 1,
                )
                problems.add(
                    start,
                    f"{what} needs the key '{need.name}'",
                    f"such as `{need.name}: {need.example}`",
                )

    def scalar(self, name: str) -> Scalar | None:
        """Return a text, None where it is absent or wrong."""
        value = self._good.get(name)
        return value if isinstance(value, Scalar) else None

    def text(self, name: str) -> str:
        """Return a text as such, empty where it is absent or wrong."""
        value = self.scalar(name)
        return " ".join(value.text.split()) if value is not None else ""

    def mapping(self, name: str) -> Mapping | None:
        """Return a mapping, None where it is absent or wrong."""
        value = self._good.get(name)
        return value if isinstance(value, Mapping) else None

    def value(self, name: str) -> Node | None:
        """Return what stands there."""
        return self._good.get(name)

    def items(self, name: str) -> tuple[Node, ...]:
        """Return a list's elements; one text is a list of one."""
        value = self._good.get(name)
        if isinstance(value, Items):
            return value.items
        return () if value is None else (value,)

    def texts(self, name: str) -> tuple[Scalar, ...]:
        """Return a list's elements that are texts; others are problems."""
        found = []
        for item in self.items(name):
            if isinstance(item, Scalar) and item.text:
                found.append(item)
            else:
                self._problems.add(item.source, f"'{name}' holds texts, not {kind(item)}")
        return tuple(found)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the keys that are there and right."""
        return tuple(self._good)


def fits(key: Key, value: Node, problems: Problems) -> bool:
    """Say whether a value has the shape that its key asks for; if not, a problem says so."""
    wrong = _wrong(key, value)
    if wrong:
        problems.add(value.source, wrong, f"such as `{key.name}: {key.example}`")
    return not wrong


def _wrong(key: Key, value: Node) -> str:
    expected = f"'{key.name}' is {key.kind.value}"
    if key.kind in _PLAIN:
        if not isinstance(value, Scalar) or not value.text.strip():
            return f"{expected}, not {kind(value)}"
        return _wrong_text(key, value.text, expected)
    if key.kind in _MAPPINGS:
        # `fields:` of an empty mapping is written as nothing
        return "" if isinstance(value, Mapping) else f"{expected}, not {kind(value)}"
    if key.kind in _LISTS:
        return "" if isinstance(value, Items) else f"{expected}, not {kind(value)}"
    if key.kind in (Kind.FIELDS, Kind.MUTATE):
        return f"{expected}, not a list" if isinstance(value, Items) else ""
    if key.kind in (Kind.ROLES, Kind.TEXTS, Kind.CLAUSES):
        empty = isinstance(value, Scalar) and not value.text
        return f"{expected}, not {kind(value)}" if empty or isinstance(value, Mapping) else ""
    return ""


def _wrong_text(key: Key, text: str, expected: str) -> str:
    match key.kind:
        case Kind.ID if not ID.fullmatch(text):
            return f"{expected}, not {shown(text)}"
        case Kind.NAME | Kind.LABEL if "\n" in text or len(text) > 100:
            return f"{expected}, not {shown(text)}"
        case Kind.DURATION if not text.startswith("$") and parse_duration(text) is None:
            return f"{expected}, not {shown(text)}"
        case Kind.FLAG if text != "yes":
            return f"{expected}, not {shown(text)}"
        case Kind.OTHERWISE if text != "inconclusive":
            return f"{expected}, not {shown(text)}"
        case Kind.REFERENCE if not REFERENCE.fullmatch(text):
            return f"{expected}, not {shown(text)}"
        case Kind.NUMBER if not (text.isascii() and text.isdigit() and len(text) < 10):
            return f"{expected}, not {shown(text)}"
        case Kind.COUNT if not re.fullmatch(r"[0-9]{1,9}(\.\.[0-9]{1,9})?", text):
            return f"{expected}, not {shown(text)}"
    return ""
