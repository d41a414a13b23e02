"""Reads YAML as text with places: no types, no tags, no key twice, bounded in size and depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sgprobe.fileerror import FileError, Problem
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, Source

MAX_OCTETS = 1 << 20
MAX_DEPTH = 50
MAX_NODES = 50_000

# libyaml is ten times faster; the events are the same
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_STARTS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def read_file(path: Path | str, name: str | None = None) -> Node:
    """Return what a file holds; raises FileError, which names the place."""
    shown = str(path) if name is None else name
    try:
        with Path(path).open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
    except OSError as error:
        raise _error(Source(shown), f"cannot be read: {error.strerror or error}") from None
    return read(octets, shown)


def read(octets: bytes | str, name: str) -> Node:
    """Return what YAML text holds; raises FileError, which names the place."""
    if len(octets) > MAX_OCTETS:
        raise _error(Source(name), f"more than {MAX_OCTETS} octets", "split the file")
    if isinstance(octets, bytes):
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError as error:
            line = octets.count(b"\n", 0, error.start) + 1
            column = error.start - octets.rfind(b"\n", 0, error.start)
            raise _error(
                Source(name, line, column, line, column + 1),
                f"not UTF-8: octet {octets[error.start]:02X}",
                "save the file as UTF-8",
            ) from None
    else:
        text = octets
    return _Builder(name).build(text.removeprefix("\ufeff"))


def _error(source: Source, text: str, hint: str = "") -> FileError:
    return FileError([Problem(source, text, hint)])


class _Open:
    """A collection that is being read."""

    __slots__ = ("anchor", "event", "key", "nodes", "pairs", "seen", "size")

    def __init__(self, event: Any) -> None:
        self.event = event
        self.anchor: str | None = event.anchor
        self.nodes: list[Node] = []
        self.pairs: list[tuple[Scalar, Node]] = []
        self.seen: dict[str, int] = {}
        self.key: Scalar | None = None
        self.size = 1


class _Builder:
    """Makes nodes of parser events; a stack of its own, so that depth is bounded."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._root: Node | None = None
        self._documents = 0

    def build(self, text: str) -> Node:
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            raise self._marked(error, text) from None
        except (yaml.YAMLError, UnicodeError) as error:
            at = getattr(error, "position", None)
            place = self._position(text, at) if isinstance(at, int) else Source(self._name)
            reason = getattr(error, "reason", "") or str(error)
            raise _error(place, f"not YAML: {_one_line(reason)}") from None
        if self._root is None:
            raise _error(Source(self._name), "the file is empty")
        return self._root

    def _position(self, text: str, at: int) -> Source:
        before = text[:at]
        line = before.count("\n") + 1
        column = at - before.rfind("\n")
        return Source(self._name, line, column, line, column + 1)

    def _marked(self, error: Any, text: str) -> FileError:
        mark = error.problem_mark or error.context_mark
        source = Source(self._name)
        lines = text.splitlines()
        if mark is not None and mark.line < len(lines):
            line, column = mark.line + 1, mark.column + 1
            source = Source(self._name, line, column, line, column + 1)
        elif lines:
            # the text ended too early: point at its end, which a person can see
            column = len(lines[-1]) + 1
            source = Source(self._name, len(lines), column, len(lines), column + 1)
        words = error.problem or error.context or "cannot be read"
        return _error(source, f"not YAML: {_one_line(words)}", _yaml_hint(words))

    def _source(self, event: Any, end: Any = None) -> Source:
        start, stop = event.start_mark, (end or event).end_mark
        return Source(self._name, start.line + 1, start.column + 1, stop.line + 1, stop.column + 1)

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._no_tag(event)
            plain = event.style in (None, "")
            self._add(Scalar(event.value, self._source(event), plain), 1, event.anchor)
        elif kind in _STARTS:
            self._no_tag(event)
            if len(self._stack) >= MAX_DEPTH:
                raise _error(self._source(event), f"nested more than {MAX_DEPTH} deep")
            self._stack.append(_Open(event))
        elif kind in _ENDS:
            opened = self._stack.pop()
            source, flow = self._source(opened.event, event), bool(opened.event.flow_style)
            node: Node = (
                Mapping(tuple(opened.pairs), source, flow)
                if kind is yaml.MappingEndEvent
                else Items(tuple(opened.nodes), source, flow)
            )
            self._add(node, opened.size, opened.anchor)
        elif kind is yaml.AliasEvent:
            known = self._anchors.get(event.anchor or "")
            if known is None:
                text = f"no finished anchor {event.anchor!r} before this"
                raise _error(self._source(event), text)
            self._add(known[0], known[1], None)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise _error(self._source(event), "a second document", "one file, one document")

    def _no_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag != "!":
            raise _error(
                self._source(event),
                f"a tag {event.tag[:40]!r}: files have no tags",
                "write the text itself; the type of the field decides how it is read",
            )

    def _add(self, node: Node, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.size += size
        # aliases count as often as they are used: a small file may stand for a huge one
        if parent.size > MAX_NODES:
            raise _error(node.source, f"more than {MAX_NODES} values")
        if isinstance(parent.event, yaml.SequenceStartEvent):
            parent.nodes.append(node)
        elif parent.key is None:
            self._key(parent, node)
        else:
            parent.pairs.append((parent.key, node))
            parent.key = None

    def _key(self, parent: _Open, node: Node) -> None:
        if not isinstance(node, Scalar):
            raise _error(node.source, "a key is text", "quote it if it begins with [ or {")
        first = parent.seen.get(node.text)
        if first is not None:
            text = f"{node.text[:60]!r} stands twice: here and in line {first}"
            raise _error(node.source, text, "keep one of the two")
        parent.seen[node.text] = node.source.line
        parent.key = node


def _one_line(text: str) -> str:
    return " ".join(str(text).split())[:160]


def _yaml_hint(words: str) -> str:
    if "mapping values are not allowed" in words:
        return "a text that holds ': ' needs quotes"
    if "tab" in words or "\\t" in words:
        return "indent with spaces"
    if "start any token" in words:
        return "a text that begins with @, ` or % needs quotes; indent with spaces, not tabs"
    return ""
