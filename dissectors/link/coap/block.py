"""Block1 and Block2: the option value, and the core that puts one body together from blocks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from heapq import heappop, heappush
from typing import Final

from dissectors.link.coap.options import uint_bytes

MAX_SZX: Final = 6
RESERVED_SZX: Final = 7
MAX_NUM: Final = (1 << 20) - 1


@dataclass(frozen=True, slots=True)
class Block:
    """The value of a Block option: number, more to come, size exponent (RFC 7959 §2.2)."""

    num: int
    more: bool
    szx: int

    def __str__(self) -> str:
        return f"{self.num}/{int(self.more)}/{self.size}"

    @property
    def size(self) -> int:
        """Return how many bytes a full block has."""
        return 16 << self.szx

    @property
    def offset(self) -> int:
        """Return where the block starts in the body."""
        return self.num * (16 << self.szx)

    def encode(self) -> bytes:
        """Return the option value."""
        return uint_bytes(self.num << 4 | self.more << 3 | self.szx)


@lru_cache(4096)
def parse_block(value: bytes) -> Block | None:
    """Return the block that an option value names, or None where it is longer than 3 bytes."""
    if len(value) > 3:
        return None
    number = int.from_bytes(value, "big")
    return Block(number >> 4, bool(number & 8), number & 7)


def cut(body: bytes, num: int, szx: int) -> tuple[Block, bytes]:
    """Return block `num` of a body and its bytes."""
    size = 16 << szx
    start = num * size
    return Block(num, start + size < len(body), szx), body[start : start + size]


class Placed(StrEnum):
    """What became of a block offered to an `Assembly`."""

    NEXT = "next"  # it follows what is there
    AHEAD = "ahead"  # it lies past a hole
    REPEATED = "repeated"  # its bytes were there already
    CHANGED = "changed"  # other bytes were there already; they stay
    ODD_SIZE = "odd-size"  # its length is not what its exponent says
    BEYOND = "beyond"  # it lies past the last block
    RESERVED = "reserved"  # its exponent is 7
    LIMIT = "limit"  # it lies past the largest body taken


class Assembly:
    """One body, put together from blocks of any size that come in any order.

    A strict assembly (`ahead` 0) takes only the block that is next and leaves the rest to its
    caller; a lenient one keeps up to `ahead` later blocks, and what it can of blocks of a wrong
    length. No byte at or past `limit` is kept, whatever a peer announces.
    """

    __slots__ = (
        "_ahead",
        "_high",
        "_keep",
        "_offsets",
        "_prefix",
        "end",
        "held",
        "limit",
        "overflowed",
    )

    def __init__(self, limit: int, ahead: int = 0) -> None:
        self.limit = limit
        self.end: int | None = None
        self.held = 0
        self.overflowed = False
        self._keep = ahead
        self._high = 0
        self._prefix = bytearray()
        self._ahead: dict[int, bytes] = {}
        self._offsets: list[int] = []

    @property
    def next_offset(self) -> int:
        """Return how many bytes from the start are there without a hole."""
        return len(self._prefix)

    @property
    def complete(self) -> bool:
        """Say whether the last block and all before it are there."""
        return self.end is not None and len(self._prefix) == self.end

    def body(self) -> bytes:
        """Return the bytes from the start up to the first hole."""
        return bytes(self._prefix)

    def missing(self) -> tuple[tuple[int, int | None], ...]:
        """Return the byte ranges that never came; the last is open where no end was seen."""
        ranges: list[tuple[int, int | None]] = []
        position = len(self._prefix)
        for offset in sorted(self._ahead):
            if offset > position:
                ranges.append((position, offset))
            position = max(position, offset + len(self._ahead[offset]))
        if self.end is None:
            ranges.append((position, None))
        elif position < self.end:
            ranges.append((position, self.end))
        return tuple(ranges)

    def add(self, block: Block, payload: bytes) -> Placed:
        """Take one block and say what became of it."""
        if block.szx == RESERVED_SZX:
            return Placed.RESERVED
        size = block.size
        odd = len(payload) > size or (block.more and len(payload) < size)
        if odd:
            if not self._keep:
                return Placed.ODD_SIZE
            payload = payload[:size]
        offset = block.offset
        end = offset + len(payload)
        if self.end is not None and (end > self.end or (not block.more and end != self.end)):
            return Placed.BEYOND
        if not block.more and end < max(self._high, len(self._prefix)):
            return Placed.BEYOND
        if end > self.limit:
            self.overflowed = True
            placed = Placed.LIMIT
        else:
            placed = self._place(offset, payload)
        if placed is Placed.CHANGED or (placed is Placed.AHEAD and not self._keep):
            return placed
        if not block.more:
            self.end = end
        return Placed.ODD_SIZE if odd else placed

    def _place(self, offset: int, payload: bytes) -> Placed:
        prefix = self._prefix
        there = len(prefix)
        if offset > there:
            return self._place_ahead(offset, payload)
        if offset == there and not self._offsets:
            prefix += payload
            self.held += len(payload)
            return Placed.NEXT
        overlap = prefix[offset : offset + len(payload)]
        if overlap != payload[: len(overlap)]:
            return Placed.CHANGED
        if len(overlap) == len(payload) and (payload or offset < there):
            return Placed.REPEATED
        prefix += payload[len(overlap) :]
        self.held += len(payload) - len(overlap)
        while self._offsets and self._offsets[0] <= len(prefix):
            at = heappop(self._offsets)
            chunk = self._ahead.pop(at)
            fresh = chunk[len(prefix) - at :]
            prefix += fresh
            self.held -= len(chunk) - len(fresh)
        return Placed.NEXT

    def _place_ahead(self, offset: int, payload: bytes) -> Placed:
        known = self._ahead.get(offset)
        if known is not None:
            return Placed.REPEATED if known == payload else Placed.CHANGED
        if not self._keep:
            return Placed.AHEAD
        if len(self._ahead) >= self._keep:
            self.overflowed = True
            return Placed.LIMIT
        self._ahead[offset] = payload
        heappush(self._offsets, offset)
        self._high = max(self._high, offset + len(payload))
        self.held += len(payload)
        return Placed.AHEAD
