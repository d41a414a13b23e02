"""All flows of datagrams in a capture: UDP, and GSMTAP frames that come without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dissectors.finding import finding
from dissectors.link.codes import FLOW_EVICTED, PACKET_CUT
from dissectors.link.flows import Opener, Shard, answers, ends, reverse
from dissectors.link.limits import Limits
from dissectors.link.notes import Notes
from dissectors.link.stream import DatagramFlow, Flow

_TOLD: Final = 8
GSMTAP_PORT: Final = 4729
# GSMTAP as a link type has no addresses: its one flow has unspecified ones and GSMTAP's port.
GSMTAP_KEY: Final = bytes(8) + GSMTAP_PORT.to_bytes(2, "big") * 2


class Direction:
    """One direction of a flow of datagrams."""

    __slots__ = ("datagram", "index", "last", "sink", "told")

    def __init__(
        self,
        sink: DatagramFlow | None,
        datagram: Callable[[int, bytes, tuple[int, ...], float], None],
        index: int,
    ) -> None:
        self.sink = sink
        self.datagram = datagram
        self.index = index
        self.last = 0  # frame of the last datagram
        self.told = 0


def _nothing(side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
    """Take a datagram that nobody wants."""


# What stands in the table for both directions of a flow that nobody wants.
UNWANTED: Final = Direction(None, _nothing, 0)


class UdpFlows:
    """The table of datagram flows; `directions` is read by the bulk path."""

    def __init__(self, opener: Opener, notes: Notes, limits: Limits, shard: Shard) -> None:
        self.directions: dict[bytes, Direction] = {}
        self.opened = 0
        self._opener = opener
        self._notes = notes
        self._limits = limits
        self._shard = shard
        self._skipped = 0

    def datagram(
        self, key: bytes, data: bytes, missing: int, frames: tuple[int, ...], time: float
    ) -> None:
        """Take a datagram; `missing` bytes at its end were not captured."""
        direction = self.directions.get(key) or self._create(key, frames[-1])
        if direction is UNWANTED:
            return
        direction.last = frames[-1]
        if missing and direction.sink is not None:
            direction.told += 1
            self._notes.count()
            if direction.told <= _TOLD:
                direction.sink.problem(
                    finding(PACKET_CUT, f"the capture cut {missing} bytes of a datagram"), frames
                )
        direction.datagram(direction.index, data, frames, time)

    def close(self) -> None:
        """Tell all flows that the capture is over, in the order in which they began."""
        sinks = {id(d.sink): d.sink for d in self.directions.values() if d.sink is not None}
        self.directions.clear()
        for sink in sinks.values():
            sink.close()

    def _create(self, key: bytes, frame: int) -> Direction:
        back = reverse(key)
        if self._shard.foreign(key, back, datagrams=True):
            return self._skip(key, back)
        if len(self.directions) - 2 * self._skipped >= 2 * self._limits.flows:
            self._evict()
        source, destination = ends(key)
        index = int(answers(key))
        if index:
            source, destination = destination, source
        transport = "gsmtap" if key == GSMTAP_KEY else "udp"
        sink = self._opener.datagrams(Flow(frame, transport, source, destination))
        self.opened += 1
        if sink is None:
            return self._skip(key, back)
        # Where both ends are the same the second entry would hide the first.
        self.directions[back] = Direction(sink, sink.datagram, 1 - index)
        direction = self.directions[key] = Direction(sink, sink.datagram, index)
        return direction

    def _skip(self, key: bytes, back: bytes) -> Direction:
        if self._skipped >= self._limits.skipped:
            for known in [k for k, d in self.directions.items() if d is UNWANTED]:
                del self.directions[known]
            self._skipped = 0
        self._skipped += 1
        self.directions[key] = self.directions[back] = UNWANTED
        return UNWANTED

    def _evict(self) -> None:
        """Forget the quietest quarter of the flows."""
        last: dict[int, int] = {}
        sinks: dict[int, DatagramFlow] = {}
        for direction in self.directions.values():
            sink = direction.sink
            if sink is not None:
                sinks[id(sink)] = sink
                last[id(sink)] = max(last.get(id(sink), 0), direction.last)
        quiet = sorted(last, key=last.__getitem__)[: max(len(last) // 4, 1)]
        gone = set(quiet)
        for key in [key for key, one in self.directions.items() if id(one.sink) in gone]:
            del self.directions[key]
        for place in quiet:
            self._notes.count()
            text = "too many flows are open; this quiet one is closed"
            sinks[place].problem(finding(FLOW_EVICTED, text), ())
            sinks[place].close()
