"""Which packet classes an interface has, and which class a message is: all from the spec tables."""

from __future__ import annotations

from functools import lru_cache

from dissectors.asn1 import codec
from dissectors.asn1.tlv import TlvError, read_tag
from dissectors.asn1.versions import SPECS
from dissectors.layers.asn1_message import packet_class
from dissectors.layers.json_message import json_class
from dissectors.layers.message import RspMessage
from dissectors.spec.functions import CARD, ES9, ES11, FUNCTIONS, Function
from dissectors.trace.message import REQUEST, RESPONSE

# the two wrappers of the ASN.1 binding of ES9+ and ES11: SGP.22 §6.6
_WRAPPERS = ("RemoteProfileProvisioningRequest", "RemoteProfileProvisioningResponse")


@lru_cache(maxsize=16)
def message_classes(interface: str) -> dict[str, type[RspMessage]]:
    """Return the packet classes of an interface by name."""
    found: dict[str, type[RspMessage]] = {}
    types = list(_WRAPPERS) if interface in (ES9, ES11) else []
    for function in FUNCTIONS:
        if function.interface != interface:
            continue
        types += [name for name in (function.request, function.response) if name is not None]
        if function.json is not None:
            for kind in (REQUEST, RESPONSE):
                made = json_class(function, kind)
                found[made.__name__] = made
    return {name: packet_class(name) for name in types} | found


@lru_cache(maxsize=512)
def function_named(interface: str, name: str) -> Function | None:
    """Return a function of the tables."""
    return next((f for f in FUNCTIONS if f.interface == interface and f.name == name), None)


def class_of(interface: str, function: str, kind: str, type_name: str) -> type[RspMessage]:
    """Return the packet class of a message: of its JSON function, else of its ASN.1 type."""
    known = function_named(interface, function)
    if known is not None and known.json == type_name:
        return json_class(known, kind)
    return packet_class(type_name)


@lru_cache(maxsize=2)
def _by_tag(kind: str) -> dict[bytes, dict[str, tuple[str, ...]]]:
    """Return the ES10 types of a direction by first tag, with the specifications that have them."""
    found: dict[bytes, dict[str, tuple[str, ...]]] = {}
    for function in FUNCTIONS:
        name = function.request if kind == REQUEST else function.response
        if function.interface not in CARD or name is None:
            continue
        for spec in SPECS:
            schema = codec.load(spec).schema
            if spec.name in function.specs and name in schema.types:
                for tag in schema.first_tags(schema.types[name]):
                    types = found.setdefault(tag, {})
                    types[name] = tuple(sorted({*types.get(name, ()), *function.specs}))
    return found


def card_types(kind: str, octets: bytes) -> list[tuple[str, tuple[str, ...]]]:
    """Return the ES10 types that begin as `octets` do, with their specifications."""
    try:
        tag = octets[: read_tag(octets, 0, len(octets))]
    except TlvError:
        return []
    return list(_by_tag(kind).get(tag, {}).items())
