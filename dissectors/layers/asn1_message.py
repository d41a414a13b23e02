"""Packets of ASN.1 messages: one class per type, with the members of all its versions as fields."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, ClassVar, cast

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.fits import decode_fitting
from dissectors.asn1.model import Value
from dissectors.asn1.print_tree import Line, tree_lines
from dissectors.asn1.versions import SPECS, Spec, parse_spec
from dissectors.finding import Finding
from dissectors.layers.base import LayerError
from dissectors.layers.message import RspMessage, member_names, message_fields
from dissectors.spec.functions import FUNCTIONS, message_specs

_FIRST = re.compile(r"[.\[/]")
# the one field of a type that is no SEQUENCE and no CHOICE
LIST, LEAF = "elements", "content"


class Asn1Message(RspMessage):
    """A message whose bytes are DER."""

    type_name: ClassVar[str] = ""
    # the specifications whose versions are tried, and the version that is built
    spec_names: ClassVar[tuple[str, ...]] = ()
    newest: ClassVar[str] = ""
    # members of type NULL: True is present
    flags: ClassVar[frozenset[str]] = frozenset()
    sole: ClassVar[str] = ""

    def decoded(self, octets: bytes) -> tuple[Value, str | None, tuple[Finding, ...]]:
        """Return what the version says that fits best."""
        decoded, specs = decode_fitting(self.type_name, octets, self.spec_names)
        return decoded.value, specs[-1], decoded.findings

    def encoded(self, value: Value) -> bytes:
        """Return the DER of a value in the version that `spec` names, else in the newest."""
        try:
            return codec.load(self.spec or self.newest).encode(self.type_name, value)
        except (ValueError, KeyError) as error:
            raise LayerError(f"{self.type_name}: {error.args[0]}") from None

    def value(self) -> Value:
        """Return the value that the fields make."""
        value = super().value()
        if self.sole:
            return value.get(self.sole)
        for name in self.flags & value.keys():
            if value[name] is True:
                value[name] = None
            elif value[name] is False:
                del value[name]
        return value

    def take(self, value: Value) -> bool:
        """Put a value into the fields; say whether it has any."""
        if self.sole:
            if value is not None:
                self.fields[self.sole] = value
            return value is not None
        known = super().take(value)
        others = self.fields.get("others") or {}
        for name in self.flags & others.keys():
            self.fields[self.members[name]] = True
            del others[name]
        if not others:
            self.fields.pop("others", None)
        return known

    def member_lines(self, name: str) -> list[str] | None:
        """Return a member as `sgprobe decode` prints it: digits and nested content opened."""
        try:
            octets = self.self_build()
            spec = parse_spec(self.spec or self.newest)
        except ValueError:
            return None
        wanted = next((wire for wire, field in self.members.items() if field == name), name)
        lines = _lines(spec, self.type_name, octets).get("" if self.sole else wanted)
        if not lines:
            return None
        top = lines[0].depth
        shown = [f"{'  ' * (one.depth - top - 1)}{one.name}" + (f": {one.text}" if one.text else "")
                 for one in lines[1:]]  # fmt: skip
        return [lines[0].text, *shown] if lines[0].text or not shown else shown


@lru_cache(maxsize=4)
def _lines(spec: Spec, type_name: str, octets: bytes) -> dict[str, list[Line]]:
    """Return the lines of a message by the member that they are of."""
    loaded = codec.load(spec)
    found: dict[str, list[Line]] = {}
    for line in tree_lines(loaded, loaded.tree(type_name, octets)):
        found.setdefault(_FIRST.split(line.path, maxsplit=1)[0], []).append(line)
    return found


def _names(type_name: str) -> tuple[str, ...]:
    known = message_specs().get(type_name)
    return tuple(sorted(known)) if known else tuple(dict.fromkeys(spec.name for spec in SPECS))


@lru_cache(maxsize=1024)
def packet_class(type_name: str) -> type[Asn1Message]:
    """Return the packet class of an ASN.1 type; raises LayerError where there is no such type."""
    names = _names(type_name)
    specs = [s for s in SPECS if s.name in names and type_name in codec.load(s)]
    if not specs:
        try:
            codec.load(SPECS[-1]).type(type_name)
        except KeyError as error:
            raise LayerError(error.args[0]) from None
    fields: dict[str, m.Field] = {}
    sole = ""
    flags = set()
    for spec in reversed(specs):
        schema = codec.load(spec).schema
        match schema.shape(schema.types[type_name]):
            case m.Sequence(found) | m.Choice(found):
                for field in found:
                    fields.setdefault(field.name, field)
                    if isinstance(schema.shape(field.type), m.Null):
                        flags.add(field.name)
            case m.ListOf():
                sole = LIST
            case _:
                sole = LEAF
    members = {sole: sole} if sole else member_names(fields)
    contents: dict[str, Any] = {
        "__doc__": _document(type_name),
        "__module__": _module(type_name),
        "name": type_name,
        "fields_desc": message_fields(list(members.values())),
        "members": members,
        "type_name": type_name,
        "spec_names": names,
        "newest": str(specs[-1]),
        "flags": frozenset(flags),
        "sole": sole,
    }
    make = cast(Any, type(Asn1Message))
    return cast(type[Asn1Message], make(type_name, (Asn1Message,), contents))


def _document(type_name: str) -> str:
    uses = [f"{f.interface} {f.name}, {f.clause}" for f in FUNCTIONS
            if type_name in (f.request, f.response)]  # fmt: skip
    return f"The ASN.1 type {type_name}: {'; '.join(uses) or 'part of other messages'}."


def _module(type_name: str) -> str:
    for function in FUNCTIONS:
        if type_name in (function.request, function.response):
            return f"dissectors.layers.{function.interface.lower().rstrip('+')}"
    return __name__
