"""All TCP connections of a capture: found by their addresses, opened, renewed, bounded."""

from __future__ import annotations

from collections import deque
from typing import Final

from dissectors.link.codes import PACKET_CUT
from dissectors.link.flows import (
    Generations,
    Opener,
    Shard,
    ends,
    lower_port_first,
    reverse,
)
from dissectors.link.held import HALF, MASK
from dissectors.link.limits import Limits
from dissectors.link.notes import Notes
from dissectors.link.stream import Flow
from dissectors.link.tcp import Stream
from dissectors.link.tcp_side import ACK, FIN, RECENT, RST, SYN, WINDOW, Recent, Side

# What stands in the table for both directions of a connection that nobody wants.
SKIPPED: Final = Side(0)

# A SYN that was seen: its sequence number, its frame, and what it acknowledges (-1: nothing).
_Syn = tuple[int, int, int]


class TcpFlows:
    """The table of connections; `sides` is read by the bulk path."""

    def __init__(self, opener: Opener, notes: Notes, limits: Limits, shard: Shard) -> None:
        self.opener = opener
        self.notes = notes
        self.limits = limits
        self.sides: dict[bytes, Side] = {}
        self.recent: list[Recent | None] = [None] * RECENT
        self.resets: deque[tuple[int, Stream]] = deque()
        self.held = 0  # bytes behind holes, of all connections
        self.gaps = 0
        self.opened = 0
        self.frame = 0
        self.time = 0.0
        self._shard = shard
        self._skipped = 0
        # Handshakes are kept apart until data comes: a flood of them touches no connection.
        self._syns: Generations[_Syn] = Generations(limits.half_open)

    def segment(
        self,
        key: bytes,
        seq: int,
        ack: int,
        flags: int,
        payload: tuple[bytes, int, int, int],
        frames: tuple[int, ...],
        time: float,
    ) -> None:
        """Take a segment that the bulk path left; payload is buffer, start, end, bytes missing."""
        side = self.sides.get(key)
        if side is SKIPPED:
            return
        buffer, start, end, missing = payload
        self.frame, self.time = frames[-1], time
        if side is not None and side.calm and seq == side.next and flags & ~8 == ACK:
            peer = side.peer
            if (peer.next - ack) & MASK < HALF and not missing:
                if end > start:
                    data = buffer[start:end]
                    self.recent[self.frame % RECENT] = (side, seq, data, side.last)
                    side.last = self.frame
                    side.next = (seq + end - start) & MASK
                    side.data(side.index, data, frames, time)
                return
        if flags & SYN:
            self._syn(key, seq, ack if flags & ACK else -1, time)
            seq = (seq + 1) & MASK
            side = self.sides.get(key)
            if side is SKIPPED:
                return
        if end == start and missing:
            self.notes.add(PACKET_CUT, f"the capture cut all {missing} bytes of a segment", frames)
        if side is not None and self._over(side, key, seq, end - start):
            self._remove(side.stream)
            side = None
        if side is None:
            if flags & RST or (end == start and not (flags & FIN and self._begun(key))):
                return
            side = self._create(key, seq)
            if side is None:
                return
        if not side.stream.closed:
            side.stream.receive(side, seq, ack, flags, buffer[start:end], missing, frames, time)

    def flow(self, stream: Stream) -> Flow:
        """Number and name a connection, and say which side is the client."""
        source, destination = ends(stream.key)
        one, two = stream.sides
        if stream.client is None:
            stream.client = two if lower_port_first(stream.key) else one
        if stream.client is two:
            one.index, two.index = 1, 0
            source, destination = destination, source
        self.opened += 1
        return Flow(stream.first, "tcp", source, destination)

    def skip(self, key: bytes) -> None:
        """Pass over both directions of a connection from here on."""
        if self._skipped >= self.limits.skipped:
            for known in [k for k, side in self.sides.items() if side is SKIPPED]:
                del self.sides[known]
            self._skipped = 0
        self._skipped += 1
        self.sides[key] = self.sides[reverse(key)] = SKIPPED

    def sweep(self, frame: int, time: float) -> None:
        """End the connections whose reset is long enough ago."""
        while self.resets and self.resets[0][0] + self.limits.linger_frames < frame:
            reset, stream = self.resets.popleft()
            if stream.reset == reset:
                stream.finish(time)

    def close(self, time: float) -> None:
        """End all connections, in the order in which they began."""
        streams = {side.stream for side in self.sides.values() if side is not SKIPPED}
        for stream in sorted(streams, key=lambda stream: stream.first):
            stream.finish(time)
        self.sides.clear()

    def _syn(self, key: bytes, seq: int, ack: int, time: float) -> None:
        side = self.sides.get(key)
        if side is None:
            if self._shard.foreign(key, reverse(key)):
                self.skip(key)
            elif (self._syns.get(key) or (-1,))[0] != seq:
                self._syns.put(key, (seq, self.frame, ack))
            return
        begin = (seq + 1) & MASK
        stream = side.stream
        if side.start == begin:
            return
        if stream.closed or stream.reset:
            self._remove(stream)
            self._syns.put(key, (seq, self.frame, ack))
            return
        side_was_open = side.next >= 0 and not side.virgin
        if not side_was_open:
            stream.begin(side, begin)
            if ack >= 0:
                stream.begin(side.peer, ack)
            if stream.client is None and stream.flow is None:
                stream.client = side if ack < 0 else side.peer
            stream.settle(time)
            return
        if ack < 0:
            # RFC 9293 §3.5.2: a SYN alone does not end the connection; its answer or data will.
            stream.renew = True
            self._syns.put(key, (seq, self.frame, ack))
            return
        asked = self._syns.get(reverse(key))
        if stream.renew and asked and (asked[0] + 1) & MASK == ack and side.peer.start != ack:
            self._remove(stream)
            self._syns.put(key, (seq, self.frame, ack))

    def _over(self, side: Side, key: bytes, seq: int, length: int) -> bool:
        """Tell whether a segment shows that its connection has given way to a new one."""
        stream = side.stream
        if not length:
            return False
        if stream.renew and seq != side.next:
            syn = self._syns.get(key)
            if syn and (syn[0] + 1) & MASK == seq != side.start:
                return True
        return stream.foreign(side, seq)

    def _begun(self, key: bytes) -> bool:
        """Tell whether a handshake was seen: then a FIN may have been stored before the data."""
        return bool(self._syns.get(key) or self._syns.get(reverse(key)))

    def _remove(self, stream: Stream) -> None:
        stream.finish(self.time)
        self.sides.pop(stream.key, None)
        self.sides.pop(reverse(stream.key), None)

    def _create(self, key: bytes, seq: int) -> Side | None:
        back = reverse(key)
        if self._shard.foreign(key, back):
            self.skip(key)
            return None
        if len(self.sides) - 2 * self._skipped >= 2 * self.limits.flows:
            self._evict()
        mine, theirs = self._syns.pop(key), self._syns.pop(back)
        if mine and (seq - mine[0]) & MASK > WINDOW:
            mine = None
        first = min([self.frame, *(syn[1] for syn in (mine, theirs) if syn)])
        stream = Stream(self, key, first)
        side, peer = stream.sides
        for syn, sender in ((mine, side), (theirs, peer)):
            if syn:
                stream.begin(sender, (syn[0] + 1) & MASK)
                if syn[2] >= 0:
                    stream.begin(sender.peer, syn[2])
                stream.client = sender if syn[2] < 0 else sender.peer
        self.sides[key], self.sides[back] = side, peer
        return side

    def _evict(self) -> None:
        """Close the quietest quarter: closed ones first, then those where one side was silent."""
        streams = {side.stream for side in self.sides.values() if side is not SKIPPED}

        def rank(stream: Stream) -> tuple[bool, bool, int]:
            one, two = stream.sides
            both = one.last > 0 and two.last > 0
            return (not stream.closed, both, max(one.last, two.last, stream.first))

        for stream in sorted(streams, key=rank)[: max(len(streams) // 4, 1)]:
            stream.finish(self.time, evicted=True)
            self._remove(stream)
