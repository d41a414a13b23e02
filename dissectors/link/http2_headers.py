"""HPACK header blocks as a passive observer can read them (RFC 7541).

An endpoint fails on the first fault. An observer may have missed earlier blocks: what refers to
them stays unknown, later entries are right again, since the table counts from the newest.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache

from hpack.exceptions import HPACKError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from dissectors.link.http import Fields

UNKNOWN = "?"  # stands for a name or value that an uncaptured block carried
_STATIC: tuple[tuple[bytes, bytes], ...] = tuple(HeaderTable.STATIC_TABLE)
_DEFAULT_SIZE = 4096
_LARGEST_TABLE = 64 * 1024
_OVERHEAD = 32  # RFC 7541 §4.1

_Entry = tuple[bytes | None, bytes | None]


class HpackError(ValueError):
    """A header block that does not decode."""


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields of one block, with how many are unknown and whether a limit cut the list."""

    fields: Fields
    unknown: int
    cut: bool


class HeaderReader:
    """Decodes the header blocks of one direction, in their order."""

    __slots__ = ("_allowed", "_limit", "_most", "_size", "_table", "_used", "whole")

    def __init__(self, limit: int, most: int, whole: bool) -> None:
        self._limit = limit  # bytes of a decoded list
        self._most = most  # fields of a decoded list
        self._table: deque[_Entry] = deque()
        self._used = 0
        self.whole = whole
        self._allowed = _DEFAULT_SIZE
        self._size = _DEFAULT_SIZE
        if not whole:
            self.forget()

    def allow(self, size: int) -> None:
        """Learn the table size that the other end's SETTINGS allow the encoder."""
        # a smaller value counts from its acknowledgement on: the largest one seen stays allowed
        self._allowed = max(self._allowed, size)

    def forget(self) -> None:
        """Learn that a block was lost: the table's contents and size are unknown from here."""
        self._table.clear()
        self._used = 0
        self.whole = False
        self._size = _LARGEST_TABLE  # older entries than the encoder's do no harm

    def read(self, block: bytes) -> HeaderBlock:
        """Decode a block; on a fault the table is forgotten and an `HpackError` raised."""
        try:
            return self._read(block)
        except (HpackError, HPACKError, IndexError) as error:
            self.forget()
            reason = str(error) if isinstance(error, HpackError | HPACKError) else "it is cut short"
            raise HpackError(reason or type(error).__name__) from None

    def _read(self, block: bytes) -> HeaderBlock:
        fields: list[tuple[str, str]] = []
        room = self._limit
        unknown = 0
        cut = False
        at, size = 0, len(block)
        while at < size:
            first = block[at]
            if first & 0x80:  # §6.1
                index, at = _integer(block, at, 7)
                name, value = self._entry(index)
            elif first & 0x60 == 0x20:  # §6.3
                table_size, at = _integer(block, at, 5)
                if fields:
                    raise HpackError("a table size update stands after a field (§4.2)")
                self._resize(table_size)
                continue
            else:  # §6.2
                adds = first & 0x40
                index, at = _integer(block, at, 6 if adds else 4)
                if index:
                    name = self._entry(index)[0]
                else:
                    name, at = _string(block, at)
                value, at = _string(block, at)
                if adds:
                    self._add(name, value)
            room -= len(name or b"") + len(value or b"") + _OVERHEAD
            if room < 0 or len(fields) >= self._most:
                cut = True  # the rest is still read for the table's sake
            else:
                unknown += name is None or value is None
                fields.append((_text(name), _text(value)))
        return HeaderBlock(tuple(fields), unknown, cut)

    def _entry(self, index: int) -> _Entry:
        if 1 <= index <= len(_STATIC):
            return _STATIC[index - 1]
        place = index - len(_STATIC) - 1
        if index and place < len(self._table):
            return self._table[place]
        if index == 0 or self.whole:
            raise HpackError(f"index {index} is not in the table (§2.3.3)")
        return None, None

    def _add(self, name: bytes | None, value: bytes) -> None:
        self._table.appendleft((name, value))
        self._used += len(name or b"") + len(value) + _OVERHEAD
        self._shrink()

    def _resize(self, size: int) -> None:
        if size > self._allowed and self.whole:
            raise HpackError(f"table size {size} is beyond the {self._allowed} allowed (§4.2)")
        if size > _LARGEST_TABLE:
            self.whole = False  # entries that this reader drops may be referred to
        self._size = min(size, _LARGEST_TABLE)
        self._shrink()

    def _shrink(self) -> None:
        while self._used > self._size and self._table:
            name, value = self._table.pop()
            self._used -= len(name or b"") + len(value or b"") + _OVERHEAD


def _text(value: bytes | None) -> str:
    return UNKNOWN if value is None else value.decode("latin-1")


def _integer(block: bytes, at: int, prefix: int) -> tuple[int, int]:
    """Read an integer of §5.1; nothing in HTTP/2 needs more than 32 bits."""
    mask = (1 << prefix) - 1
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    for shift in range(0, 35, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise HpackError("an integer is longer than 32 bits (§5.1)")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    huffman = block[at] & 0x80
    length, at = _integer(block, at, 7)
    end = at + length
    if end > len(block):
        raise HpackError("a string is longer than its block (§5.2)")
    raw = block[at:end]
    if huffman:
        raw = _short_huffman(raw) if length <= 64 else decode_huffman(raw)
    return raw, end


@lru_cache(maxsize=2048)
def _short_huffman(raw: bytes) -> bytes:
    return decode_huffman(raw)
