"""DTLS 1.2 records: what they authenticate, with or without connection ID; the replay window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

HEADER = 13
_CID_HEAD = b"\xff" * 8 + b"\x19"  # RFC 9146 §5: seq_num_placeholder, tls12_cid


def plain_head(record: bytes, at: int) -> bytes:
    """Return what an RFC 6347 record authenticates before its length: number, type, version."""
    return record[at + 3 : at + 11] + record[at : at + 3]


def cid_head(record: bytes, at: int, cid: bytes) -> bytes:
    """Return what a record with connection ID authenticates before its length (RFC 9146 §5)."""
    return b"".join((_CID_HEAD, bytes((len(cid),)), record[at : at + 11], cid))


@dataclass(slots=True)
class Sealed:
    """One protected record."""

    kind: int
    number: int  # epoch and sequence number
    head: bytes
    body: bytes | memoryview
    frames: tuple[int, ...]
    time: float


class Arrival(Enum):
    """How a record number relates to those before it."""

    NEW = "new"
    AGAIN = "again"
    AGAIN_TOLD = "again, and told so before"
    STALE = "too old to tell"


class ReplayWindow:
    """Remembers the authentic record numbers of one direction (RFC 6347 §4.1.2.6).

    The window is wider than a receiver's: a capture file may be more out of order than a network.
    """

    __slots__ = ("_seen", "_told", "_top")
    WIDTH = 4096
    _MASK = (1 << WIDTH) - 1

    def __init__(self) -> None:
        self._top = -1
        self._seen = 0  # bit i stands for the number _top - i
        self._told = 0  # repetitions that were told

    def arrive(self, number: int) -> Arrival:
        """Note an authentic record number and say whether it is new."""
        behind = self._top - number
        if behind < 0:
            if -behind < self.WIDTH:
                self._seen = (self._seen << -behind | 1) & self._MASK
                if self._told:
                    self._told = (self._told << -behind) & self._MASK
            else:
                self._seen, self._told = 1, 0
            self._top = number
            return Arrival.NEW
        if behind >= self.WIDTH:
            return Arrival.STALE
        bit = 1 << behind
        if not self._seen & bit:
            self._seen |= bit
            return Arrival.NEW
        if self._told & bit:
            return Arrival.AGAIN_TOLD
        self._told |= bit
        return Arrival.AGAIN
