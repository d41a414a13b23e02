"""A vendor's codec as a table: paths in its messages on one side, canonical fields on the other.

A path is names and dots; `[]` behind a name walks a list, and both sides of a row have as many.
`=text` is a fixed value, `$name` one that the adapter knows, and `as FORM` says how octets stand.
RB-61.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.codec import EncodeError
from dissectors.asn1.tlv import TlvError, read_tlv, tlv
from dissectors.spec.identity import iccid_octets, iccid_text
from sgprobe.factory.model import ErrorClass
from sgprobe.fileerror import FileError, Problem
from sgprobe.yamlfile import read_file
from sgprobe.yamlnode import Mapping as Node
from sgprobe.yamlnode import Scalar, Source

_STEP = re.compile(r"([^.\[\]]+)(\[\])?(?:\.|$)")


class NoMessage(ValueError):
    """The octets are no message of the binding, or a message cannot be built."""


# how a canonical value stands on the wire, and back
_FORMS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "hex": (lambda octets: octets.hex(), bytes.fromhex),
    "HEX": (lambda octets: octets.hex().upper(), bytes.fromhex),
    "base64": (
        lambda octets: base64.b64encode(octets).decode(),
        lambda text: base64.b64decode(text, validate=True),
    ),
    "eid": (lambda text: text, lambda text: text),
    "iccid": (lambda text: iccid_octets(text).hex(), lambda text: iccid_text(bytes.fromhex(text))),
    "text": (str, str),
    "suite": (lambda number: {1: "c1", 2: "h1", 3: "h1s"}[number],
              lambda name: {"c1": 1, "h1": 2, "h1s": 3}[name]),
    "yes": (lambda value: "yes" if value else "no", lambda text: text == "yes"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One path of the vendor's and what it means."""

    vendor: str
    canonical: str
    form: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: how it is encoded, and its rows."""

    encoding: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that is asked of the other side."""

    call: str
    request: Message
    answer: Message
    # an encoded message that stands within the request, by its path there
    parts: Mapping[str, tuple[str, Message]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """The codec of one binding."""

    name: str
    operations: Mapping[str, Operation]
    # paths whose values, joined by a slash, are the vendor's code
    error_paths: tuple[str, ...]
    classes: Mapping[str, ErrorClass]

    def code_of(self, value: Any) -> str:
        """Return the vendor's error code in an answer, "" where there is none."""
        parts = [str(one) for path in self.error_paths for _, one in walk(value, path)]
        return "/".join(parts) if len(parts) == len(self.error_paths) else ""

    def error_class(self, code: str) -> ErrorClass:
        """Return the class of a vendor's code."""
        return self.classes.get(code, ErrorClass.OTHER)


# --- values ---


def build(message: Message, canonical: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    """Return the vendor's value of a canonical one."""
    made: dict[str, Any] = {}
    for row in message.rows:
        if row.canonical.startswith("="):
            _put(made, row.vendor, (), row.canonical[1:])
        elif row.canonical.startswith("$"):
            _put(made, row.vendor, (), known[row.canonical[1:]])
        else:
            for places, value in walk(canonical, row.canonical):
                if value not in (None, "", b"", (), {}):
                    _put(made, row.vendor, places, _form(row)[0](value))
    return made


def read(message: Message, value: Any) -> dict[str, Any]:
    """Return the canonical value of a vendor's one."""
    made: dict[str, Any] = {}
    for row in message.rows:
        if row.canonical[:1] in ("=", "$"):
            continue
        for places, one in walk(value, row.vendor):
            try:
                _put(made, row.canonical, places, _form(row)[1](one))
            except (ValueError, TypeError, KeyError, binascii.Error) as error:
                raise NoMessage(f"{row.vendor}: {error}") from None
    return made


def put_part(value: Any, path: str, form: str, octets: bytes) -> None:
    """Put an encoded message into its place in a larger one."""
    _put(value, path, (), _FORMS[form][0](octets))


def _form(row: Row) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    return _FORMS[row.form] if row.form else (lambda value: value, lambda value: value)


def walk(value: Any, path: str) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Give every value at a path, with the places in the lists on the way."""
    found: list[tuple[tuple[int, ...], Any]] = [((), value)]
    for name, listed in _STEP.findall(path):
        below: list[tuple[tuple[int, ...], Any]] = []
        for places, one in found:
            inner = one.get(name) if isinstance(one, Mapping) else getattr(one, name, None)
            if inner is None:
                continue
            if not listed:
                below.append((places, inner))
            elif isinstance(inner, list | tuple):
                below += [((*places, at), item) for at, item in enumerate(inner)]
        found = below
    yield from found


def _put(made: dict[str, Any], path: str, places: tuple[int, ...], value: Any) -> None:
    steps = _STEP.findall(path)
    wanted = list(places)
    at: Any = made
    for number, (name, listed) in enumerate(steps):
        last = number == len(steps) - 1
        if not listed:
            if last:
                at[name] = value
            else:
                at = at.setdefault(name, {})
            continue
        items = at.setdefault(name, [])
        place = wanted.pop(0)
        while len(items) <= place:
            items.append({})
        if last:
            items[place] = value
        else:
            at = items[place]


# --- octets ---


def encode(message: Message, value: Any) -> bytes:
    """Return the octets of a vendor's value."""
    kind, _, rest = message.encoding.partition(" ")
    if kind == "json":
        octets = json.dumps(value, separators=(",", ":")).encode()
        return tlv(rest, octets) if rest else octets
    spec, _, name = rest.partition(" ")
    try:
        return codec.load(spec).encode(name, value)
    except (EncodeError, ValueError, TypeError, KeyError) as error:
        raise NoMessage(str(error)) from None


def decode(message: Message, octets: bytes) -> Any:
    """Return the vendor's value in octets."""
    kind, _, rest = message.encoding.partition(" ")
    if kind == "json":
        return _json(octets, rest)
    spec, _, name = rest.partition(" ")
    decoded = codec.load(spec).decode(name, octets)
    if decoded.value is None or not decoded.ok:
        raise NoMessage(f"no {name}")
    return decoded.value


def _json(octets: bytes, tag: str) -> Any:
    try:
        if tag:
            element = read_tlv(octets)
            if element.tag.hex().upper() != tag or element.end != len(octets):
                raise NoMessage(f"no {tag}")
            octets = octets[element.body :]
        return json.loads(octets)
    except (TlvError, ValueError, RecursionError) as error:
        raise NoMessage(str(error)) from None


# --- files ---


def load_table(path: Path) -> Table:
    """Read a table; FileError says what is wrong, and where."""
    root = read_file(path)
    top = _mapping(root)
    operations = {
        key.text: _operation(_mapping(node)) for key, node in _need(top, "operations").entries
    }
    errors = _need(top, "errors")
    classes = {}
    for key, node in _need(errors, "classes").entries:
        word = _text(node)
        if word not in set(ErrorClass):
            raise _wrong(node.source, f"{word!r} is no class", ", ".join(ErrorClass))
        classes[key.text] = ErrorClass(word)
    name, error_path = top.get("binding"), errors.get("path")
    if name is None or error_path is None:
        raise _wrong(top.source, "binding and errors.path are needed")
    return Table(_text(name), operations, tuple(_text(error_path).split()), classes)


def _operation(node: Node) -> Operation:
    call = node.get("call")
    parts = {}
    found = node.get("parts")
    if found is not None:
        for key, part in _mapping(found).entries:
            inner = _mapping(part)
            form = inner.get("as")
            parts[key.text] = (_text(form) if form is not None else "base64", _message(inner))
    return Operation(
        _text(call) if call is not None else "",
        _message(_need(node, "request")),
        _message(_need(node, "answer")),
        parts,
    )


def _message(node: Node) -> Message:
    encoding = node.get("encoding")
    fields = node.get("fields")
    rows = []
    for key, meaning in _mapping(fields).entries if fields is not None else ():
        word, _, form = _text(meaning).partition(" as ")
        if form and form not in _FORMS:
            raise _wrong(meaning.source, f"{form!r} is no form", ", ".join(_FORMS))
        if word[:1] not in ("=", "$") and word.count("[]") != key.text.count("[]"):
            raise _wrong(meaning.source, "both sides of a row walk as many lists")
        rows.append(Row(key.text, word, form))
    return Message(_text(encoding) if encoding is not None else "json", tuple(rows))


def _mapping(node: Any) -> Node:
    if not isinstance(node, Node):
        raise _wrong(node.source, "a mapping is wanted here")
    return node


def _need(node: Node, name: str) -> Node:
    found = node.get(name)
    if found is None:
        raise _wrong(node.source, f"{name} is missing")
    return _mapping(found)


def _text(node: Any) -> str:
    if not isinstance(node, Scalar):
        raise _wrong(node.source, "a text is wanted here")
    return node.text


def _wrong(source: Source, text: str, hint: str = "") -> FileError:
    return FileError([Problem(source, text, hint)])
