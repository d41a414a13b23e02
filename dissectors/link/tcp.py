"""One TCP connection: its segments put in order by sequence number, and by acknowledgment.

A segment is handed on when all bytes before it are, and when all bytes of the other side that it
acknowledges are: so an answer never comes before its question, whatever order frames were stored
in. What holds a segment up is given up as a gap when it is certain to be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dissectors.finding import Code, finding
from dissectors.link.codes import (
    FLOW_EVICTED,
    PACKET_CUT,
    TCP_AFTER_END,
    TCP_AFTER_RESET,
    TCP_CONFLICT,
    TCP_HELD,
    TCP_LATE,
    TCP_MID_FLOW,
    TCP_STRAY,
)
from dissectors.link.held import HALF, MASK, Held, Piece
from dissectors.link.stream import Flow, StreamSink
from dissectors.link.tcp_side import ACK, FIN, RECENT, RST, WINDOW, Side, after

if TYPE_CHECKING:
    from dissectors.link.tcp_flows import TcpFlows

# A direction whose start is not known waits for earlier bytes up to this far back.
_SLACK: Final = 1 << 20
# After so many segments far from the window, the connection is taken for a new one.
_STRAYS: Final = 16
# Findings of one kind that one connection lists.
_TOLD: Final = 8
# Gaps that are remembered, to tell late segments from copies.
_LOST: Final = 8
# Segments a copy is compared with, at most.
_LOOK_BACK: Final = 64


class Stream:
    """A connection: two directions and the sink of both."""

    __slots__ = (
        "client",
        "closed",
        "count",
        "first",
        "flow",
        "key",
        "renew",
        "reset",
        "resetter",
        "sides",
        "sink",
        "table",
        "told",
    )

    def __init__(self, table: TcpFlows, key: bytes, first: int) -> None:
        """Make the connection whose first direction is `key`, known since frame `first`."""
        self.table = table
        self.key = key
        self.first = first
        self.client: Side | None = None  # who sent the SYN
        self.flow: Flow | None = None
        self.sink: StreamSink | None = None
        self.count = 0
        self.closed = False
        self.renew = False  # a SYN that may begin a new connection was seen
        self.reset = 0  # frame of the reset
        self.resetter: Side | None = None
        self.told: dict[Code, int] | None = None
        one, two = Side(0), Side(1)
        one.peer, two.peer = two, one
        one.stream = two.stream = self
        self.sides = (one, two)

    # -- segments -------------------------------------------------------------------------------

    def receive(
        self,
        side: Side,
        seq: int,
        ack: int,
        flags: int,
        data: bytes,
        missing: int,
        frames: tuple[int, ...],
        time: float,
    ) -> None:
        """Take a segment; `missing` bytes after `data` were sent and not captured."""
        self.count += 1
        if side.next < 0 and not self._first(side, seq, flags, data):
            return
        distance = (seq - side.next) & MASK
        if WINDOW < distance <= MASK - WINDOW:
            self._stray(side, seq, frames)
            return
        ack = self._acknowledge(side.peer, ack) if flags & ACK else -1
        if flags & RST:
            self._reset(side)
            return
        behind = MASK + 1 - distance if distance >= HALF else 0
        if behind:
            if data:
                self._old(side, seq, data[:behind], frames)
            if behind > len(data):
                flags = missing = 0
            seq = side.next
            data = data[behind:]
        if data:
            self._take(side, seq, ack, data, missing, frames, time)
        if flags & FIN and side.fin < 0 and not side.ended:
            side.fin = (seq + len(data) + missing) & MASK
            self._hold(side, Piece(side.fin, b"", frames, time, ack=ack))
        self.settle(time)

    def _first(self, side: Side, seq: int, flags: int, data: bytes) -> bool:
        """Take the first segment known of a side whose SYN is not: where does it begin?"""
        if flags & RST:
            self._reset(side)
            return False
        if data or flags & FIN:
            side.next = (seq - _SLACK) & MASK
            side.virgin = True
            return True
        # Data captured late could still come before a segment without any.
        if self.count > 2 * self.table.limits.patience_segments:
            side.next = seq
            return True
        return False

    def _acknowledge(self, peer: Side, ack: int) -> int:
        """Note what is acknowledged; return it if not all of that is handed on yet, else -1."""
        if peer.next < 0:
            return ack
        ahead = (ack - peer.next) & MASK
        if not 0 < ahead < WINDOW:
            return -1
        if peer.acked < 0 or after(ack, peer.acked):
            peer.acked = ack
        peer.acked_mark = peer.next
        return ack

    def _take(
        self,
        side: Side,
        seq: int,
        ack: int,
        data: bytes,
        missing: int,
        frames: tuple[int, ...],
        time: float,
    ) -> None:
        if self.reset and self.resetter is side:
            self.reset, self.resetter = 0, None
            self._problem(TCP_AFTER_RESET, "data follows the reset of its sender", frames)
        if side.ended or (side.fin >= 0 and after((seq + len(data)) & MASK, side.fin)):
            self._problem(TCP_AFTER_END, "data follows the FIN of its sender", frames)
            if side.ended or not after(side.fin, seq):
                return
            data = data[: (side.fin - seq) & MASK]
        if missing:
            self._problem(PACKET_CUT, f"the capture cut {missing} bytes of a segment", frames)
        if self.closed:
            return
        if seq == side.next and (ack < 0 or side.peer.next < 0) and not side.held.pieces:
            self._deliver(side, data, frames, time)
            if missing and not self.closed:
                self._gap(side, (side.next + missing) & MASK, frames, time)
            return
        self._hold(side, Piece(seq, data, frames, time, ack=ack))

    def _hold(self, side: Side, piece: Piece) -> None:
        piece.mark, piece.at = side.peer.next, self.count
        added, differs = side.held.add(piece, side.next)
        self.table.held += added
        if differs:
            self._conflict(piece.frames)

    def _old(self, side: Side, seq: int, data: bytes, frames: tuple[int, ...]) -> None:
        """Compare bytes that were handed on with their first copy, as far as it is kept."""
        end = (seq + len(data)) & MASK
        for low, high in side.lost or ():
            if after(end, low) and after(high, seq):
                self._problem(TCP_LATE, "a segment came after its gap was given up", frames)
                return
        # RFC 9293 §3.8.4: a keep-alive may carry one byte of garbage.
        if len(data) == 1 and end == side.next:
            return
        recent, slot = self.table.recent, side.last
        for _ in range(_LOOK_BACK):
            entry = recent[slot % RECENT]
            if entry is None or entry[0] is not side:
                return
            _, begin, copy, slot = entry
            offset = (seq - begin) & MASK
            if offset < HALF:
                part = copy[offset : offset + len(data)]
                if part != data[: len(part)]:
                    self._conflict(frames)
                return
            skip = MASK + 1 - offset
            part = data[skip : skip + len(copy)]
            if part != copy[: len(part)]:
                self._conflict(frames)
                return

    def _reset(self, side: Side) -> None:
        if not self.reset and not self.closed:
            self.reset, self.resetter = self.table.frame, side
            self.table.resets.append((self.reset, self))
            for each in self.sides:
                each.calm = False

    def _stray(self, side: Side, seq: int, frames: tuple[int, ...]) -> None:
        if side.stray_next != side.next:
            side.stray_next, side.stray = side.next, 0
        side.stray += 1
        if side.stray == 1:
            self._problem(
                TCP_STRAY, f"sequence number {seq} is far from {side.next}, which is next", frames
            )

    def foreign(self, side: Side, seq: int) -> bool:
        """Tell whether a segment of the same ports belongs to another, later connection."""
        far = side.next >= 0 and WINDOW < (seq - side.next) & MASK <= MASK - WINDOW
        if self.closed:
            return far or (side.next < 0)
        return far and side.stray >= _STRAYS and side.stray_next == side.next

    def begin(self, side: Side, start: int) -> None:
        """Learn from a SYN or its acknowledgment that `start` is the first byte of `side`."""
        if side.next < 0 or (side.virgin and (start - side.next) & MASK <= _SLACK):
            side.next = side.start = start
            side.virgin = False

    # -- order ----------------------------------------------------------------------------------

    def settle(self, time: float, *, final: bool = False) -> None:
        """Hand on what is in order, and give up what is certain to be missing."""
        one, two = self.sides
        while (one.held.pieces or two.held.pieces) and not self.closed:
            while self._drain(one) | self._drain(two):
                pass
            waiting = [side for side in self.sides if side.held.pieces]
            waiting.sort(key=lambda side: side.held.pieces[0].at)
            if not final:
                waiting = [side for side in waiting if self._ripe(side, time)]
            if not waiting or self.closed:
                break
            self._force(waiting, final=final)
        quiet = (
            not self.closed
            and not one.held.pieces
            and not two.held.pieces
            and not self.reset
            and self.flow is not None
        )
        for side in self.sides:
            side.calm = quiet and side.fin < 0

    def _drain(self, side: Side) -> bool:
        """Hand on the held pieces that nothing is missing before; tell whether any was."""
        count = 0
        for piece in side.held.pieces:
            if piece.seq != side.next or _waits(piece, side.peer):
                break
            count += 1
            if piece.data:
                self._deliver(side, piece.data, piece.frames, piece.time)
            else:
                self._end(side, piece.frames, piece.time)
            if self.closed:
                return False
        if count:
            before = side.held.size
            side.held.take(count)
            self.table.held -= before - side.held.size
        return count > 0

    def _ripe(self, side: Side, time: float) -> bool:
        """Tell whether the first held piece of `side` has waited long enough."""
        pieces = side.held.pieces
        if not pieces:
            return False
        limits = self.table.limits
        first = pieces[0]
        if (
            len(pieces) > limits.held_segments
            or side.held.size > limits.held_bytes
            or self.table.held > limits.held_total
        ):
            self._problem(TCP_HELD, "too much waits behind a hole; it is given up", first.frames)
            return True
        age = time - first.time
        certain = (
            side.virgin
            or (first.seq == side.next)
            or (side.acked >= 0 and after(side.acked, side.next))
        )
        if certain:
            waited = self.count - first.at
            return waited >= limits.patience_segments or age >= limits.patience_acked
        return age >= limits.patience_unacked

    def _force(self, waiting: list[Side], *, final: bool) -> None:
        """Give up the hole that the earliest of the waiting segments stands behind."""
        for side in waiting:
            first, peer = side.held.pieces[0], side.peer
            if not _waits(first, peer):
                target = first.seq
                # What nobody acknowledged may still be sent again.
                partly = side.acked >= 0 and after(side.acked, side.next) and not side.virgin
                if partly and not final and after(target, side.acked):
                    target = side.acked
                self._gap(side, target, first.frames, first.time)
                return
        side = waiting[0]
        first, peer = side.held.pieces[0], side.peer
        target = first.ack
        if peer.held.pieces:
            second = peer.held.pieces[0].seq
            target = second if after(target, second) else target
        elif peer.next != first.mark:
            # The peer goes on without a hole: it is the acknowledgment that is wrong.
            target = peer.next
        if target == peer.next:
            first.ack = peer.acked = -1
        elif (target - 1) & MASK == peer.next and not peer.held.pieces:
            # One byte acknowledged after the last one is a FIN that was not captured.
            first.ack = -1
        else:
            self._gap(peer, target, first.frames, first.time)

    # -- the sink -------------------------------------------------------------------------------

    def _deliver(self, side: Side, data: bytes, frames: tuple[int, ...], time: float) -> None:
        if self.sink is None and not self._open():
            return
        frame = frames[-1]
        self.table.recent[frame % RECENT] = (side, side.next, data, side.last)
        side.last = frame
        side.next = (side.next + len(data)) & MASK
        side.data(side.index, data, frames, time)

    def _gap(self, side: Side, target: int, frames: tuple[int, ...], time: float) -> None:
        missing = (target - side.next) & MASK
        if side.virgin:
            side.virgin = False
            side.next = target
            if side.held.pieces[0].data:
                self._problem(TCP_MID_FLOW, "the capture begins inside this connection", frames)
            return
        if self.sink is None and not self._open():
            return
        side.lost = [*(side.lost or [])[1 - _LOST :], (side.next, target)]
        side.next = target
        self.table.gaps += 1
        if self.sink is not None:
            self.sink.gap(side.index, missing, frames, time)

    def _end(self, side: Side, frames: tuple[int, ...], time: float) -> None:
        side.ended = True
        side.calm = False
        # RFC 9293 §3.4: the FIN takes one sequence number.
        side.next = (side.next + 1) & MASK
        if self.sink is not None:
            self.sink.end(side.index, frames, time)
        else:
            side.early = (frames, time)
        if side.peer.ended:
            self._close()

    def _problem(self, code: Code, text: str, frames: tuple[int, ...]) -> None:
        if self.closed or (self.sink is None and not self._open()) or self.sink is None:
            return
        if self.told is None:
            self.told = {}
        told = self.told[code] = self.told.get(code, 0) + 1
        self.table.notes.count()
        if told <= _TOLD:
            self.sink.problem(finding(code, text), frames)

    def _conflict(self, frames: tuple[int, ...]) -> None:
        self._problem(TCP_CONFLICT, "the same bytes were sent twice and differ", frames)

    def _open(self) -> bool:
        """Ask for a sink; without one the connection is passed over from here on."""
        self.flow = self.table.flow(self)
        self.sink = self.table.opener.stream(self.flow)
        if self.sink is None:
            self.table.skip(self.key)
            self._close()
            return False
        for side in self.sides:
            side.data = self.sink.data
            if side.early is not None:
                self.sink.end(side.index, *side.early)
        return True

    def _close(self) -> None:
        self.closed = True
        self.sink = None
        for side in self.sides:
            side.calm = False
            self.table.held -= side.held.size
            side.held = Held()
            side.data = _nothing

    def finish(self, time: float, *, evicted: bool = False) -> None:
        """Hand on all that is held, end both directions, and let go of the sink."""
        if self.closed:
            return
        self.settle(time, final=True)
        if evicted and self.sink is not None:
            self._problem(FLOW_EVICTED, "too many flows are open; this quiet one is closed", ())
        for side in self.sides:
            if self.closed or side.ended:
                continue
            self._trailing_gap(side, time)
            if not self.closed:
                self._end(side, (), time)
        if not self.closed:
            self._close()

    def _trailing_gap(self, side: Side, time: float) -> None:
        if side.acked < 0 or side.acked_mark != side.next or side.virgin:
            return
        # As above, one byte is a FIN.
        if after(side.acked, side.next) and (side.acked - side.next) & MASK > 1:
            self._gap(side, side.acked, (), time)


def _waits(piece: Piece, peer: Side) -> bool:
    """Tell whether a piece acknowledges bytes of the other side that are not handed on yet."""
    if piece.ack < 0 or peer.next < 0 or peer.ended:
        return False
    return 0 < (piece.ack - peer.next) & MASK < WINDOW


def _nothing(side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
    """Take data of a closed connection."""
