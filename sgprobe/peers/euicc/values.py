"""Small conversions of JER values: bit strings as sets of places, tags in a run, raw elements."""

from __future__ import annotations

from collections.abc import Iterable

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import read_tag, read_tlv, split

# SGP.22, PprIds
PPR_UPDATE_CONTROL, PPR1, PPR2 = 0, 1, 2


def places(bits: Value) -> frozenset[int]:
    """Return the places of the bits that are set."""
    if bits is None:
        return frozenset()
    octets = bytes.fromhex(bits["value"])
    return frozenset(at for at in range(bits["length"]) if octets[at // 8] >> (7 - at % 8) & 1)


def bit_string(wanted: Iterable[int]) -> Value:
    """Return the JER value of a BIT STRING with these bits set and no zero at its end."""
    there = sorted(wanted)
    if not there:
        return {"value": "", "length": 0}
    length = there[-1] + 1
    number = sum(1 << (-length % 8) + length - 1 - at for at in there)
    return {"value": number.to_bytes((length + 7) // 8, "big").hex(), "length": length}


def bare_tags(data: bytes) -> list[bytes]:
    """Return the tags of a run of tags without lengths, as a tagList holds them."""
    tags = []
    at = 0
    while at < len(data):
        end = read_tag(data, at, len(data))
        tags.append(data[at:end])
        at = end
    return tags


def inner(data: bytes) -> list[bytes]:
    """Return the elements inside the one TLV `data`, each with its tag and length."""
    outer = read_tlv(data)
    return [data[one.start : one.end] for one in split(data, outer.body, outer.end)]
