"""Packets of the JSON bindings: one class per function and direction. SGP.22 §6.5, SGP.32 §6.4.

Members that hold DER are fields with the value inside; the base64 is made and taken away. Members
that no table names are in `others`.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import Any, ClassVar, cast

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from dissectors.asn1.versions import SPECS
from dissectors.finding import Finding
from dissectors.layers.base import LayerError
from dissectors.layers.message import RspMessage, member_names, message_fields
from dissectors.spec.functions import ESIPA, FUNCTIONS, IFPP, Function
from dissectors.spec.ifpp_paths import DER_MEMBERS
from dissectors.spec.json_members import MEMBERS, Member
from dissectors.trace import ifpp_json
from dissectors.trace.json_body import read_json
from dissectors.trace.json_functions import HEADER, parse
from dissectors.trace.message import REQUEST


class JsonMessage(RspMessage):
    """A message whose bytes are a JSON object."""

    function: ClassVar[Function] = FUNCTIONS[0]
    kind: ClassVar[str] = REQUEST

    def decoded(self, octets: bytes) -> tuple[Value, str | None, tuple[Finding, ...]]:
        """Return the object with its members opened."""
        read = read_json(self.function, self.kind, parse(octets), None)
        return read.value, read.specs[-1] if read.specs else None, read.problems

    def encoded(self, value: Value) -> bytes:
        """Return the JSON text, with base64 where the table asks for it."""
        spec = self.spec or _newest(self.function)
        try:
            if self.function.interface in IFPP:
                closed = ifpp_json.closed(value)
            else:
                closed = _closed_members(value, spec)
            return json.dumps(closed, separators=(",", ":"), ensure_ascii=False).encode()
        except (ValueError, TypeError, KeyError) as error:
            raise LayerError(f"{self.name}: {error.args[0]}") from None


def _newest(function: Function) -> str:
    name = "SGP.32" if function.interface == ESIPA else "SGP.22"
    return str([spec for spec in SPECS if spec.name == name][-1])


def _closed_members(members: dict[str, Value], spec: str) -> dict[str, Value]:
    closed: dict[str, Value] = {}
    for name, value in members.items():
        member = MEMBERS.get(name)
        if member is not None and isinstance(value, str | dict | list):
            try:
                closed[name] = _closed(member, value, spec)
            except ValueError as error:
                raise LayerError(f"{name}: {error.args[0]}") from None
        else:
            closed[name] = _closed_members(value, spec) if isinstance(value, dict) else value
    return closed


def _closed(member: Member, value: Value, spec: str) -> Value:
    """Return what stands in JSON; text that is no hex goes as it is, right or wrong."""
    if not isinstance(value, str):
        if member.type is None:
            raise LayerError("expected octets as hex")
        return base64.b64encode(codec.load(spec).encode(member.type, value)).decode()
    try:
        octets = bytes.fromhex(value)
    except ValueError:
        return value
    if member.tag is not None:
        octets = tlv(member.tag, octets)
    return base64.b64encode(octets).decode()


@lru_cache(maxsize=256)
def json_class(function: Function, kind: str) -> type[JsonMessage]:
    """Return the packet class of a function of a JSON binding."""
    interface = function.interface.rstrip("+").capitalize()
    direction = "Request" if kind == REQUEST else "Response"
    name = f"{interface}{function.name}{direction}Json"
    members = member_names(_members(function, kind))
    contents: dict[str, Any] = {
        "__doc__": f"{function.interface} {function.name}, {kind} in JSON: {function.clause}.",
        "__module__": f"dissectors.layers.{interface.lower()}",
        "name": name,
        "fields_desc": message_fields(list(members.values())),
        "members": members,
        "function": function,
        "kind": kind,
    }
    make = cast(Any, type(JsonMessage))
    return cast(type[JsonMessage], make(name, (JsonMessage,), contents))


def _members(function: Function, kind: str) -> list[str]:
    """Return the members of a body: those of the ASN.1 type, less the level of its alternatives."""
    type_name = function.request if kind == REQUEST else function.response
    if function.interface in IFPP:
        return [HEADER, *(name for name, one in DER_MEMBERS.items() if one == type_name)]
    names = {HEADER: None}
    for spec in reversed(SPECS):
        schema = codec.load(spec).schema
        if type_name is None or spec.name not in function.specs or type_name not in schema.types:
            continue
        match schema.shape(schema.types[type_name]):
            case m.Sequence(fields):
                names |= dict.fromkeys(field.name for field in fields)
            case m.Choice(arms):
                for arm in arms:
                    shape = schema.shape(arm.type)
                    if arm.name in MEMBERS:
                        names[arm.name] = None
                    elif isinstance(shape, m.Sequence):
                        names |= dict.fromkeys(field.name for field in shape.fields)
    return list(names)
