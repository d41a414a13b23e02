"""IP datagrams from their fragments: a bounded table, first copy wins, overlaps reported."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from dissectors.link.codes import (
    FRAGMENT_CONFLICT,
    FRAGMENT_INCOMPLETE,
    FRAGMENT_OVERLAP,
    FRAME_MALFORMED,
)
from dissectors.link.fault import FrameFault
from dissectors.link.held import Held, Piece
from dissectors.link.ip import Packet
from dissectors.link.limits import Limits
from dissectors.link.notes import Notes

_MAX_DATAGRAM: Final = 65_535
# A fragment of a datagram that is complete is a copy if it comes this soon, else a new datagram:
# identifications are used again.
_COPIES_WITHIN: Final = 1.0

_Key = tuple[bytes, int, int]


class _Datagram:
    """The fragments of one datagram so far."""

    __slots__ = ("done", "held", "protocol", "time", "total")

    def __init__(self, time: float) -> None:
        self.held = Held()
        self.total = -1
        self.protocol = -1
        self.time = time
        self.done = False


class Fragments:
    """Collects fragments; gives the datagram once it is whole."""

    def __init__(self, notes: Notes, limits: Limits) -> None:
        self._notes = notes
        self._limits = limits
        self._table: OrderedDict[_Key, _Datagram] = OrderedDict()
        self._bytes = 0

    def add(
        self, packet: Packet, buffer: bytes, frame: int, time: float
    ) -> tuple[int, bytes, tuple[int, ...]] | None:
        """Take a fragment; return protocol, payload and frames of a datagram that it completes."""
        fragment = packet.fragment
        assert fragment is not None
        data = buffer[packet.start : packet.end]
        if packet.missing:
            raise FrameFault(FRAGMENT_INCOMPLETE, "the capture cut a fragment")
        if not data or (fragment.more and len(data) & 7):
            raise FrameFault(FRAME_MALFORMED, f"a fragment has {len(data)} bytes, not 8 times n")
        if fragment.offset + len(data) > _MAX_DATAGRAM:
            raise FrameFault(FRAME_MALFORMED, "a fragment ends beyond 65,535 bytes")
        # RFC 8200 §4.5 leaves the protocol of an IPv6 fragment out of what identifies it.
        ipv4 = len(packet.addresses) == 8
        key = (packet.addresses, fragment.ident, packet.protocol if ipv4 else -1)
        self._expire(time)
        datagram = self._table.get(key)
        if datagram is not None and datagram.done:
            if abs(time - datagram.time) < _COPIES_WITHIN:
                return None
            del self._table[key]
            datagram = None
        if datagram is None:
            datagram = self._table[key] = _Datagram(time)
        if not fragment.more and datagram.total < 0:
            datagram.total = fragment.offset + len(data)
        self._insert(datagram, Piece(fragment.offset, data, (frame,), time), frame)
        if not fragment.offset:
            datagram.protocol = packet.protocol
        if datagram.held.size == datagram.total and datagram.protocol >= 0:
            return self._complete(datagram, time)
        self._bound(key, datagram)
        return None

    def close(self) -> None:
        """Report what never became whole."""
        while self._table:
            self._drop()

    def _insert(self, datagram: _Datagram, piece: Piece, frame: int) -> None:
        end = piece.seq + len(piece.data)
        pieces = datagram.held.pieces
        reach = pieces[-1].seq + len(pieces[-1].data) if pieces else 0
        if 0 <= datagram.total < max(end, reach):
            raise FrameFault(FRAME_MALFORMED, "a fragment lies beyond the last one")
        added, differs = datagram.held.add(piece, 0)
        self._bytes += added
        if differs:
            text = f"fragments of a datagram overlap at byte {piece.seq} and differ"
            self._notes.add(FRAGMENT_CONFLICT, text, (frame,))
        elif 0 < added < len(piece.data):
            text = f"fragments of a datagram overlap at byte {piece.seq}"
            self._notes.add(FRAGMENT_OVERLAP, text, (frame,))

    def _complete(self, datagram: _Datagram, time: float) -> tuple[int, bytes, tuple[int, ...]]:
        pieces = datagram.held.pieces
        payload = b"".join(piece.data for piece in pieces)
        frames = tuple(sorted({frame for piece in pieces for frame in piece.frames}))
        self._bytes -= datagram.held.size
        datagram.held = Held()
        datagram.done = True
        datagram.time = time
        return datagram.protocol, payload, frames

    def _bound(self, key: _Key, datagram: _Datagram) -> None:
        if len(datagram.held.pieces) > self._limits.fragments:
            self._table.move_to_end(key, last=False)
            self._drop()
        while self._bytes > self._limits.fragment_bytes or (
            len(self._table) > self._limits.datagrams
        ):
            self._drop()

    def _expire(self, time: float) -> None:
        while self._table:
            oldest = next(iter(self._table.values()))
            if time - oldest.time <= self._limits.fragment_age:
                return
            self._drop()

    def _drop(self) -> None:
        (_, ident, _), datagram = self._table.popitem(last=False)
        if datagram.done:
            return
        self._bytes -= datagram.held.size
        frames = tuple(sorted({f for piece in datagram.held.pieces for f in piece.frames}))
        self._notes.add(
            FRAGMENT_INCOMPLETE,
            f"datagram {ident} of {len(frames)} fragments is not complete",
            frames[:16],
        )
