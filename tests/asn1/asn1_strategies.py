"""Hypothesis strategies: values of any type of a schema, and damage to messages."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from golden_messages import messages
from hypothesis import strategies as st

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.runtime import text_octets
from dissectors.asn1.tlv import length_octets, tlv
from dissectors.asn1.versions import SPECS, Spec
from dissectors.asn1.writer import encode_value

# private tags that no type uses: members that no version knows
_UNKNOWN = (b"\xdf\x7d", b"\xdf\x8f\x01", b"\xff\x7e", b"\xd9")
_ANY = st.characters(codec="utf-8")
_ALPHABETS = {
    "PrintableString": "ABCxyz019 '()+,-./:=?",
    "NumericString": "0123456789 ",
    "IA5String": "".join(map(chr, range(0x20, 0x7F))),
    "VisibleString": "".join(map(chr, range(0x20, 0x7F))),
}


@lru_cache(maxsize=1)
def x509_objects() -> dict[str, tuple[str, ...]]:
    """Return a few X.509 objects from the golden messages, by the name of their type."""
    found: dict[str, set[str]] = {"Certificate": set(), "CertificateList": set()}
    keys = {"euiccCertificate": "Certificate", "crl": "CertificateList",
            "eimPublicKey": "SubjectPublicKeyInfo"}  # fmt: skip

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for name, one in value.items():
                if name in keys and isinstance(one, str) and len(one) > 40:
                    found.setdefault(keys[name], set()).add(one)
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    for message in messages():
        if message.result == "valid":
            walk(message.value)
    return {name: tuple(sorted(ones)) for name, ones in found.items()}


elements = st.recursive(
    st.tuples(st.sampled_from([b"\x04", b"\x0c", b"\x80", b"\x9f\x70"]), st.binary(max_size=6)).map(
        lambda pair: tlv(pair[0], pair[1])
    ),
    lambda inner: st.tuples(
        st.sampled_from([b"\x30", b"\xbf\x64"]), st.lists(inner, max_size=2)
    ).map(lambda pair: tlv(pair[0], *pair[1])),
    max_leaves=4,
)


def _bits(names: tuple[tuple[int, str], ...], size: m.Range | None) -> st.SearchStrategy[Any]:
    if names:
        # DER leaves trailing zero bits out, so a set of bits has one form
        return st.sets(st.integers(0, 40), max_size=6).map(_named_bits)
    return st.lists(st.booleans(), max_size=20).map(_plain_bits)


def _named_bits(on: set[int]) -> dict[str, Any]:
    return _plain_bits([bit in on for bit in range(max(on, default=-1) + 1)])


def _plain_bits(bits: list[bool]) -> dict[str, Any]:
    octets = bytearray((len(bits) + 7) // 8)
    for place, bit in enumerate(bits):
        octets[place // 8] |= bit << (7 - place % 8)
    return {"value": octets.hex(), "length": len(bits)}


def _bounds(size: m.Range | None, most: int) -> tuple[int, int]:
    low = (size.low if size else 0) or 0
    high = size.high if size and size.high is not None else most
    return low, max(low, min(high, most))


def _integers(names: tuple[tuple[int, str], ...], limits: m.Range | None) -> st.SearchStrategy[Any]:
    low = limits.low if limits and limits.low is not None else -(2**80)
    high = limits.high if limits and limits.high is not None else 2**80
    known = dict(names)
    numbers = st.integers(low, high).map(lambda number: known.get(number, number))
    return st.one_of(st.sampled_from(list(known.values())), numbers) if known else numbers


_ARCS = st.tuples(
    st.one_of(st.tuples(st.integers(0, 1), st.integers(0, 39)),
              st.tuples(st.just(2), st.integers(0, 2**40))),
    st.lists(st.integers(0, 2**70), max_size=4),
).map(lambda pair: ".".join(map(str, [*pair[0], *pair[1]])))  # fmt: skip


def _times(form: str) -> st.SearchStrategy[str]:
    years = (1950, 2049) if form == "UTCTime" else (1, 9999)
    moments = st.datetimes(datetime(years[0], 1, 1), datetime(years[1], 12, 31))

    def text(moment: datetime) -> str:
        digits = f"{moment.year:04d}{moment.replace(tzinfo=UTC):%m%d%H%M%S}Z"
        return digits[2:] if form == "UTCTime" else digits

    return moments.map(text)


def values(schema: m.Schema, type_: m.Type, unknown: bool = False) -> st.SearchStrategy[Any]:
    """Return a strategy of values; with `unknown`, members that no version knows stand in some."""
    shape = schema.shape(type_)
    match shape:
        case m.Boolean():
            return st.booleans()
        case m.Null():
            return st.none()
        case m.Integer(names, limits):
            return _integers(names, limits)
        case m.Bits(names, size):
            return _bits(names, size)
        case m.Octets(size):
            low, high = _bounds(size, 24)
            return st.binary(min_size=low, max_size=high).map(bytes.hex)
        case m.Text(charset, size):
            low, high = _bounds(size, 24)
            return st.text(_ALPHABETS.get(charset, _ANY), min_size=low, max_size=high).filter(
                lambda text: _fits(text, charset)
            )
        case m.Oid():
            return _ARCS
        case m.Time(form):
            return _times(form)
        case m.Open():
            return elements.map(bytes.hex)
        case m.Leaf(name):
            return st.sampled_from(x509_objects()[name])
        case m.ListOf(element, size, is_set):
            low, high = _bounds(size, 3)
            lists = st.lists(values(schema, element, unknown), min_size=low, max_size=high)
            if is_set:
                return lists.map(
                    lambda ones: sorted(ones, key=lambda v: encode_value(schema, element, v))
                )
            return lists
        case m.Choice(arms):
            return st.one_of([
                values(schema, arm.type, unknown).map(lambda value, name=arm.name: {name: value})
                for arm in arms
            ])  # fmt: skip
        case m.Sequence(fields):
            return _sequences(schema, fields, unknown)
    raise AssertionError(shape)


def _fits(text: str, charset: str) -> bool:
    try:
        text_octets(text, charset)
    except ValueError:
        return False
    return True


def _sequences(
    schema: m.Schema, fields: tuple[m.Field, ...], unknown: bool
) -> st.SearchStrategy[Any]:
    mandatory = {f.name: values(schema, f.type, unknown) for f in fields if not f.optional}
    optional = {
        f.name: values(schema, f.type, unknown).filter(lambda value, f=f: value != f.default)
        for f in fields
        if f.optional
    }
    order = [f.name for f in fields]
    plain = st.fixed_dictionaries(mandatory, optional=optional).map(
        lambda found: {name: found[name] for name in order if name in found}
    )
    # an open type would take an unknown element for its own
    if not unknown or any(not schema.first_tags(f.type) for f in fields):
        return plain
    strange = st.lists(
        st.tuples(st.integers(0, len(fields)), st.sampled_from(_UNKNOWN), st.binary(max_size=4)),
        max_size=2,
    )
    return st.tuples(plain, strange).map(_with_strange)


def _with_strange(pair: tuple[dict[str, Any], list[tuple[int, bytes, bytes]]]) -> dict[str, Any]:
    members = list(pair[0].items())
    for place, tag, contents in pair[1]:
        inner = tlv(b"\x04", contents) if tag[0] & 0x20 else contents
        members.insert(min(place, len(members)), (f"?{tag.hex()}", tlv(tag, inner).hex()))
    found: dict[str, Any] = {}
    for name, value in members:
        found[name if name not in found else f"{name}#2"] = value
    return found


@lru_cache(maxsize=2048)
def _cached(spec: Spec, name: str, unknown: bool) -> st.SearchStrategy[Any]:
    schema = codec.load(spec).schema
    return values(schema, schema.types[name], unknown)


@st.composite
def typed_values(draw: st.DrawFn, unknown: bool = False) -> tuple[Spec, str, Any]:
    """Draw a version, one of its types, and a value of it."""
    spec = draw(st.sampled_from(SPECS))
    name = draw(st.sampled_from(codec.load(spec).names()))
    return spec, name, draw(_cached(spec, name, unknown))


# --- damage ---

_LIES = (b"\x00", b"\x7f", b"\x80", b"\x81\x01", b"\x82\x00\x01", b"\x84\xff\xff\xff\xff",
         b"\x88" + b"\x7f" * 8)  # fmt: skip


def _tlv_starts(data: bytes) -> list[int]:
    """Return places that look like elements, so that damage hits tags and lengths."""
    return [
        at for at in range(len(data) - 1) if data[at] in b"\x30\xa0\xa1\xbf\x80\x81\x5a\x04\x02"
    ]


@st.composite
def damaged_messages(draw: st.DrawFn) -> tuple[Spec, str, bytes]:
    """Draw a golden message in one of its versions, with one to four faults."""
    one = draw(st.sampled_from(messages()))
    spec = draw(st.sampled_from(SPECS))
    name = (
        one.type
        if one.type in codec.load(spec)
        else draw(st.sampled_from(codec.load(spec).names()))
    )
    data = one.data
    for _ in range(draw(st.integers(1, 4))):
        data = _damage(draw, data)
    return spec, name, data


def _damage(draw: st.DrawFn, data: bytes) -> bytes:
    places = _tlv_starts(data) or [0]
    at = min(
        draw(st.one_of(st.sampled_from(places), st.integers(0, max(0, len(data) - 1)))), len(data)
    )
    kind = draw(
        st.sampled_from(["flip", "cut", "insert", "splice", "lie", "wrap", "endless", "long"])
    )
    match kind:
        case "flip" if data:
            octet = data[at] ^ (1 << draw(st.integers(0, 7)))
            return data[:at] + bytes([octet]) + data[at + 1 :]
        case "cut":
            return data[:at]
        case "insert":
            return data[:at] + draw(st.binary(min_size=1, max_size=8)) + data[at:]
        case "splice":
            other = draw(st.sampled_from(messages())).data
            end = draw(st.integers(0, len(other)))
            return data[:at] + other[:end] + data[draw(st.integers(at, len(data))) :]
        case "lie":
            lie = draw(st.sampled_from(_LIES))
            return data[: at + 1] + lie + data[at + 2 :]
        case "wrap":
            tag = draw(st.sampled_from([b"\x30", b"\xa0", b"\xbf\x51", b"\x24"]))
            inner = data[at:]
            for _ in range(draw(st.integers(1, 60))):
                inner = tag + length_octets(len(inner)) + inner
            return data[:at] + inner
        case "endless":
            depth = draw(st.integers(1, 60))
            return (
                data[:at] + b"\x30\x80" * depth + data[at:] + b"\0\0" * draw(st.integers(0, depth))
            )
        case "long":
            return data[:at] + b"\xbf" + b"\x80" * draw(st.integers(0, 8)) + data[at:]
    return data
