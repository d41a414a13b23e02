"""Tag, length and contents: the few functions that build and walk raw DER."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


class TlvError(ValueError):
    """The bytes are not DER; `offset` says where."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(f"{text} at offset {offset}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Tlv:
    """One element: its identifier octets and where it, its contents and its end stand."""

    tag: bytes
    start: int
    body: int
    end: int


def length_octets(length: int) -> bytes:
    """Return length octets in the shortest form. X.690 §10.1."""
    if length < 0x80:
        return bytes([length])
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def tlv(tag: bytes | str, *parts: bytes) -> bytes:
    """Return one element; `tag` is identifier octets or their hex."""
    octets = bytes.fromhex(tag) if isinstance(tag, str) else tag
    contents = b"".join(parts)
    return octets + length_octets(len(contents)) + contents


def read_tag(data: bytes, start: int, end: int) -> int:
    """Return the offset after the identifier octets at `start`."""
    if start >= end:
        raise TlvError("no tag", start)
    if data[start] & 0x1F != 0x1F:
        return start + 1
    for offset in range(start + 1, min(end, start + 6)):
        if data[offset] < 0x80:
            return offset + 1
    raise TlvError("unfinished or oversized tag", start)


def read_tlv(data: bytes, start: int = 0, end: int | None = None) -> Tlv:
    """Read one strict DER element at `start`; it must end by `end`."""
    limit = len(data) if end is None else end
    at = read_tag(data, start, limit)
    tag = data[start:at]
    if at >= limit:
        raise TlvError("no length", at)
    length, body = data[at], at + 1
    if length > 0x7F:
        count = length & 0x7F
        if count == 0 or count > 4:
            raise TlvError("indefinite or oversized length", at)
        body += count
        length = int.from_bytes(data[at + 1 : body], "big")
        if body > limit or length < 0x80 or length >> (8 * count - 8) == 0:
            raise TlvError("length is not minimal or cut short", at)
    if body + length > limit:
        raise TlvError(f"{length} octets announced, {limit - body} there", at)
    return Tlv(tag, start, body, body + length)


def split(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Tlv]:
    """Walk the elements that stand side by side in `data[start:end]`."""
    limit = len(data) if end is None else end
    while start < limit:
        element = read_tlv(data, start, limit)
        yield element
        start = element.end
