"""What generated decoders and encoders call. They know only regular DER: anything else raises.

`Irregular`, an IndexError or a UnicodeDecodeError from generated code means: not canonical, or not
of this type. The caller then reads the message again with `reader.py`, which says what is wrong.
"""

from __future__ import annotations

from typing import Any

from dissectors.asn1.node import Node
from dissectors.asn1.tlv import length_octets, read_tag

# everything that generated code may raise on bytes or values that are not regular
FAULTS = (IndexError, KeyError, TypeError, ValueError, AttributeError)
_CACHE_LIMIT = 2048
# only what is small is remembered by its bytes
_CACHE_OCTETS = 2048
# levels of an element of unknown type that are looked at
MAX_DEPTH = 32
# octets of an INTEGER or OBJECT IDENTIFIER that are read as a number
MAX_NUMBER = 256


class Irregular(ValueError):
    """The bytes are not the canonical encoding of a known shape."""


def long_length(data: bytes, at: int, first: int) -> tuple[int, int]:
    """Read the octets after a first length octet above 127; return length and contents offset."""
    if first == 0x81:
        length = data[at]
        if length < 0x80:
            raise Irregular
        return length, at + 1
    if first == 0x82:
        length = data[at] << 8 | data[at + 1]
        if length < 0x100:
            raise Irregular
        return length, at + 2
    if not 0x83 <= first <= 0x84:
        raise Irregular
    end = at + first - 0x80
    length = int.from_bytes(data[at:end], "big")
    if data[at] == 0:
        raise Irregular
    return length, end


def integer(data: bytes, start: int, end: int) -> int:
    """Read minimal two's complement. X.690 §8.3."""
    first = data[start]
    if end - start > 1:
        if first in (0x00, 0xFF) and (first ^ data[start + 1]) < 0x80:
            raise Irregular
    elif end <= start:
        raise Irregular
    if end - start > MAX_NUMBER:
        raise Irregular
    return int.from_bytes(data[start:end], "big", signed=True)


def bits(data: bytes, start: int, end: int) -> dict[str, Any]:
    """Read a BIT STRING without named bits. X.697 §24."""
    unused = data[start]
    if unused > 7 or end <= start:
        raise Irregular
    if unused and (end - start < 2 or data[end - 1] & ((1 << unused) - 1)):
        raise Irregular
    return {"value": data[start + 1 : end].hex(), "length": (end - start - 1) * 8 - unused}


def named_bits(data: bytes, start: int, end: int) -> dict[str, Any]:
    """Read a BIT STRING with named bits: trailing zero bits are stripped. X.690 §11.2.2."""
    value = bits(data, start, end)
    if end - start > 1 and not data[end - 1] >> data[start] & 1:
        raise Irregular
    return value


_oids: dict[bytes, str] = {}


def oid(contents: bytes) -> str:
    """Read an OBJECT IDENTIFIER as dotted text. X.690 §8.19."""
    known = _oids.get(contents)
    if known is not None:
        return known
    if not contents or contents[-1] & 0x80 or len(contents) > MAX_NUMBER:
        raise Irregular
    arcs: list[int] = []
    arc, fresh = 0, True
    for octet in contents:
        if fresh and octet == 0x80:
            raise Irregular
        arc = arc << 7 | octet & 0x7F
        fresh = octet < 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    top = min(arcs[0] // 40, 2)
    text = ".".join(str(number) for number in (top, arcs[0] - 40 * top, *arcs[1:]))
    if len(_oids) >= _CACHE_LIMIT:
        _oids.clear()
    _oids[contents] = text
    return text


def oid_octets(text: str) -> bytes:
    """Return the contents of an OBJECT IDENTIFIER given as dotted text."""
    arcs = [int(part) for part in text.split(".")]
    if len(arcs) < 2 or arcs[0] > 2 or min(arcs) < 0 or (arcs[0] < 2 and arcs[1] > 39):
        raise ValueError(f"{text} is no object identifier")
    out = bytearray()
    for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(arc & 0x7F | 0x80)
        out += bytes(reversed(digits))
    return bytes(out)


_PRINTABLE = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"
)


def text(contents: bytes, charset: str) -> str:
    """Read a character string other than UTF8String."""
    if charset in ("TeletexString", "T61String"):
        return contents.decode("latin-1")
    if charset == "BMPString":
        return contents.decode("utf-16-be")
    if charset == "UniversalString":
        return contents.decode("utf-32-be")
    if charset == "PrintableString" and not _PRINTABLE.issuperset(contents):
        raise Irregular
    if charset == "NumericString" and not frozenset(b"0123456789 ").issuperset(contents):
        raise Irregular
    return contents.decode("ascii")


def text_octets(value: str, charset: str) -> bytes:
    """Return the contents of a character string."""
    codecs = {"UTF8String": "utf-8", "TeletexString": "latin-1", "T61String": "latin-1",
              "BMPString": "utf-16-be", "UniversalString": "utf-32-be"}  # fmt: skip
    contents = value.encode(codecs.get(charset, "ascii"))
    text(contents, charset) if charset != "UTF8String" else None
    return contents


def time(contents: bytes, form: str) -> str:
    """Read a UTCTime or GeneralizedTime as DER writes it: to the second, in Z."""
    value = contents.decode("ascii")
    digits = 12 if form == "UTCTime" else 14
    if len(value) != digits + 1 or value[-1] != "Z" or not value[:-1].isdigit():
        raise Irregular
    return value


_regular: dict[bytes, str] = {}


def regular(data: bytes) -> str:
    """Return one TLV as hex, if all of it is DER as far as can be seen without its type."""
    known = _regular.get(data)
    if known is not None:
        return known
    if not skim(data, 0, len(data)):
        raise Irregular
    if len(_regular) >= _CACHE_LIMIT:
        _regular.clear()
    text = data.hex()
    if len(data) <= _CACHE_OCTETS:
        _regular[data] = text
    return text


def skim(data: bytes, start: int, end: int) -> bool:
    """Say whether `data[start:end]` is exactly one TLV, regular all the way down."""
    at, limit, outer = start, end, list[int]()
    while True:
        first = data[at]
        at += 1
        if first & 0x1F == 0x1F:
            if data[at] == 0x80 or data[at] < 0x1F:
                return False
            at = read_tag(data, at - 1, limit)
        length = data[at]
        at += 1
        if length > 0x7F:
            length, at = long_length(data, at, length)
        stop = at + length
        if stop > limit or (stop != end and not outer):
            return False
        if first & 0x20:
            if len(outer) > MAX_DEPTH:
                return False
            outer.append(limit)
            limit = stop
        else:
            at = stop
        while at == limit:
            if not outer:
                return True
            limit = outer.pop()


def element_end(data: bytes, start: int) -> int:
    """Return the offset after the regular TLV at `start`."""
    at = start + 1
    if data[start] & 0x1F == 0x1F:
        at = read_tag(data, start, len(data))
    length, body = data[at], at + 1
    if length > 0x7F:
        length, body = long_length(data, body, length)
    if body + length > len(data):
        raise Irregular
    return body + length


def leaf(data: bytes, tag_is_sequence: bool, start: int, body: int, end: int) -> str:
    """Return an X.509 object as hex with its outer 30, whatever tag replaced it."""
    if end > len(data) or body == end:
        raise Irregular
    if tag_is_sequence:
        return regular(data[start:end])
    if data[body] == 0x30 and element_end(data, body) == end:
        raise Irregular
    return regular(b"\x30" + length_octets(end - body) + data[body:end])


def wrap(tag: bytes, contents: bytes) -> bytes:
    """Return one TLV."""
    length = len(contents)
    if length < 0x80:
        return tag + _SHORT[length] + contents
    return tag + length_octets(length) + contents


_SHORT = [bytes([length]) for length in range(0x80)]


def integer_octets(number: int) -> bytes:
    """Return minimal two's complement."""
    if number.__class__ is not int:
        raise TypeError("not an integer")
    bits_needed = number.bit_length() if number >= 0 else (~number).bit_length()
    if bits_needed >= 8 * MAX_NUMBER:
        raise ValueError(f"a number of more than {MAX_NUMBER} octets")
    return number.to_bytes(bits_needed // 8 + 1, "big", signed=True)


def bits_octets(value: dict[str, Any] | str, named: bool) -> bytes:
    """Return the contents of a BIT STRING given as {"value": hex, "length": n}, or as hex."""
    if isinstance(value, str):
        octets = bytes.fromhex(value)
        length = len(octets) * 8
    else:
        octets, length = bytes.fromhex(value["value"]), value["length"]
        if length.__class__ is not int or len(octets) != (length + 7) // 8 or len(value) != 2:
            raise ValueError("value and length do not agree")
    unused = -length % 8
    if unused and octets[-1] & ((1 << unused) - 1):
        raise ValueError("bits after the length are not zero")
    if named and octets and not octets[-1] >> unused & 1:
        raise ValueError("the last named bit is zero: DER leaves trailing zero bits out")
    return bytes([unused]) + octets


def leaf_octets(value: str, tag: bytes) -> bytes:
    """Return an X.509 object given as hex, with `tag` in place of its outer 30."""
    data = bytes.fromhex(value)
    if data[0] != 0x30 or element_end(data, 0) != len(data):
        raise ValueError("not one SEQUENCE")
    if tag == b"\x30":
        return data
    return tag + data[1:]


def open_octets(value: str) -> bytes:
    """Return an open type's TLV given as hex."""
    data = bytes.fromhex(value)
    if element_end(data, 0) != len(data):
        raise ValueError("not one TLV")
    return data


def bad() -> bytes:
    """Refuse a value of the wrong type."""
    raise TypeError


__all__ = ["FAULTS", "Irregular", "Node"]
