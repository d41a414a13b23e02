"""The codec: bytes to values or trees and back, for one spec version."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from dissectors.asn1 import cache
from dissectors.asn1.model import Schema, Type, Value
from dissectors.asn1.node import Node
from dissectors.asn1.runtime import FAULTS
from dissectors.asn1.versions import SPECS, Spec, parse_spec
from dissectors.asn1.writer import EncodeError, encode_value
from dissectors.finding import Finding, Severity

# beyond these many octets only the patient reader goes, which counts the elements it keeps: two
# octets of a message can be an object of a hundred
FAST_LIMIT, FULL_LIMIT = 4 << 20, 1 << 20
# what `regular` returns in place of a value; None is a value
NOT_REGULAR = object()
# a quarter of the time that a call of the class takes, and there is one per message
_new = tuple.__new__


class Decoded(NamedTuple):
    """What one message says: its value (None where nothing could be read) and what is wrong."""

    type: str
    value: Value
    findings: tuple[Finding, ...]
    raw: bytes

    @property
    def ok(self) -> bool:
        """Say whether no finding is an error."""
        return not any(one.severity is Severity.ERROR for one in self.findings)


class Tree(NamedTuple):
    """The same as a typed tree; `root` is None where nothing could be read."""

    type: str
    root: Node | None
    findings: tuple[Finding, ...]
    raw: bytes

    @property
    def ok(self) -> bool:
        """Say whether no finding is an error."""
        return not any(one.severity is Severity.ERROR for one in self.findings)

    def octets(self, path: str) -> bytes:
        """Return the exact bytes of the element at `path`, tag and length included."""
        node = self.root.find(path) if self.root is not None else None
        if node is None:
            raise KeyError(f"{self.type} has no {path} here")
        return self.raw[node.start : node.end]


class Codec:
    """Decodes and encodes the types of one spec version."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        generated = cache.decoders_of(spec, False)
        self._fast = generated["DECODERS"]
        self._tags: dict[bytes, list[str]] = generated["TAGS"]
        self._digests: dict[str, str] = generated["DIGESTS"]

    @property
    def schema(self) -> Schema:
        """Return the resolved types."""
        return cache.schema_of(self.spec)

    def __contains__(self, type_name: str) -> bool:
        return type_name in self._fast

    def types_of_tag(self, tag: bytes) -> list[str]:
        """Return the types that begin with a tag."""
        return self._tags.get(tag, [])

    def digest(self, type_name: str) -> str | None:
        """Return what says how a type is built, or None where there is no such type."""
        return self._digests.get(type_name)

    def names(self) -> list[str]:
        """Return the names of all types."""
        return [name for name in self._fast if ":" not in name]

    def type(self, name: str) -> Type:
        """Return a type by name; KeyError says which names are near."""
        if name not in self._fast:
            other = newest_with(name)
            near = near_names(name, self.names())
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            hint = f"; {other.spec} has it" if other is not None else hint
            raise KeyError(f"{self.spec} has no type {name[:60]!r}{hint}")
        return self.schema.types[name]

    def decode(self, type_name: str, data: bytes) -> Decoded:
        """Decode in fast mode: the value, and findings if there is anything to find."""
        if len(data) <= FAST_LIMIT:
            try:
                value, end = self._fast[type_name](data, 0)
                if end == len(data):
                    return _new(Decoded, (type_name, value, (), data))
            except FAULTS:
                pass  # not regular, or not there: the patient reader says what
        tree = self._read(type_name, data)
        value = tree.root.to_value() if tree.root is not None else None
        return Decoded(type_name, value, tree.findings, data)

    def regular(self, type_name: str, data: bytes) -> Value:
        """Return the value of a message that is regular DER of this type, else NOT_REGULAR."""
        if len(data) > FAST_LIMIT:
            return NOT_REGULAR
        try:
            value, end = self._fast[type_name](data, 0)
        except FAULTS:
            return NOT_REGULAR
        return value if end == len(data) else NOT_REGULAR

    def fast_decoder(self, type_name: str) -> Callable[[bytes, int], tuple[Value, int]]:
        """Return the generated function of fast mode; it raises one of FAULTS if need be."""
        decoder: Callable[[bytes, int], tuple[Value, int]] = self._fast[type_name]
        return decoder

    def full_decoder(self, type_name: str) -> Callable[[bytes, int], tuple[Node, int]]:
        """Return the generated function of full mode; it raises one of FAULTS if need be."""
        decoder: Callable[[bytes, int], tuple[Node, int]]
        decoder = cache.decoders_of(self.spec, True)["DECODERS"][type_name]
        return decoder

    def tree(self, type_name: str, data: bytes) -> Tree:
        """Decode in full mode: every element with its path, tag and byte range."""
        if len(data) <= FULL_LIMIT:
            try:
                root, end = self.full_decoder(type_name)(data, 0)
                if end == len(data):
                    return Tree(type_name, root, (), data)
            except FAULTS:
                pass  # not regular, or not there: the patient reader says what
        return self._read(type_name, data)

    def _read(self, type_name: str, data: bytes) -> Tree:
        from dissectors.asn1.reader import Reader

        self.type(type_name)
        reader = Reader(self.schema, data)
        root = reader.message(type_name)
        return Tree(type_name, root, tuple(reader.findings), data)

    def encode(self, type_name: str, value: Value | Decoded) -> bytes:
        """Encode a JER value; an unmodified `Decoded` gives its own bytes back, whatever they are.

        Raises EncodeError, which names the member that is wrong.
        """
        if isinstance(value, Decoded):
            again = self.decode(value.type, value.raw)
            if value.type == type_name and again.value == value.value:
                return value.raw
            value = value.value
        try:
            encoded: bytes = cache.encoders_of(self.spec)[type_name](value)
            return encoded
        except FAULTS:
            return encode_value(self.schema, self.type(type_name), value)


def near_names(name: str, names: list[str]) -> list[str]:
    """Return up to three names that a person may have meant."""
    import difflib

    small = name.lower()
    same = [one for one in names if one.lower() == small]
    part = [one for one in names if len(small) > 2 and small in one.lower()]
    return (same or part or difflib.get_close_matches(name, names, 3))[:3]


def newest_with(name: str) -> Codec | None:
    """Return the codec of the newest version that has a type, of any specification."""
    return next((load(spec) for spec in reversed(SPECS) if name in load(spec)), None)


@lru_cache(maxsize=16)
def _load(spec: Spec) -> Codec:
    return Codec(spec)


def load(spec: Spec | str) -> Codec:
    """Return the codec of a spec version, such as "SGP.32@1.2"."""
    return _load(parse_spec(spec) if isinstance(spec, str) else spec)


__all__ = ["Codec", "Decoded", "EncodeError", "Tree", "load"]
