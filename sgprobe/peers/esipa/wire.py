"""Reading ESipa messages: decoded values for meaning, raw elements for what is passed on."""

from __future__ import annotations

from dissectors.asn1.codec import Codec, Decoded
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv, split, tlv
from sgprobe.peers.es9.asn1_binding import TOLERABLE, NotAsn1


def decode(codec: Codec, type_name: str, data: bytes) -> Decoded:
    """Decode a message; NotAsn1 says what makes it unreadable."""
    decoded = codec.decode(type_name, data)
    wrong = [one for one in decoded.findings if one.code not in TOLERABLE]
    if wrong or decoded.value is None:
        where = f"{wrong[0].path or type_name}: {wrong[0].text}" if wrong else "nothing to read"
        raise NotAsn1(f"{type_name}: {where}"[:300])
    return decoded


def read(codec: Codec, type_name: str, data: bytes) -> Value:
    """Return the value of a message."""
    return decode(codec, type_name, data).value


def elements(data: bytes) -> list[bytes]:
    """Return the elements inside the TLV `data`, each with its tag and length."""
    try:
        outer = read_tlv(data)
        return [data[one.start : one.end] for one in split(data, outer.body, outer.end)]
    except TlvError as error:
        raise NotAsn1(f"no TLV: {error}") from None


def parts(data: bytes) -> dict[str, bytes]:
    """Return the elements inside the TLV `data` by their tags; of a repeated tag the first."""
    found: dict[str, bytes] = {}
    for one in elements(data):
        found.setdefault(tag_of(one), one)
    return found


def tag_of(data: bytes) -> str:
    """Return the tag of a TLV as upper hex."""
    try:
        return read_tlv(data).tag.hex().upper()
    except TlvError as error:
        raise NotAsn1(f"no TLV: {error}") from None


def contents(data: bytes) -> bytes:
    """Return the contents of a TLV."""
    try:
        element = read_tlv(data)
    except TlvError as error:
        raise NotAsn1(f"no TLV: {error}") from None
    return data[element.body : element.end]


def number(data: bytes) -> int:
    """Return the INTEGER in a TLV."""
    return int.from_bytes(contents(data), "big", signed=True)


def integer(tag: str, value: int) -> bytes:
    """Return an INTEGER under a tag."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return tlv(tag, value.to_bytes(size, "big", signed=True))


def retag(data: bytes, tag: str) -> bytes:
    """Return an element under another tag, its contents untouched."""
    return tlv(tag, contents(data))


def optional(tag: str, value: bytes | None) -> bytes:
    """Return an OCTET STRING under a tag, nothing where there is no value."""
    return b"" if value is None else tlv(tag, value)
