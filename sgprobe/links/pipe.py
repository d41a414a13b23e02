"""One TCP connection between socket and session: tape, clock and impairment on the way."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from sgprobe.links.clock import Alarm, Clock
from sgprobe.links.impairment import Impairment, StreamWay
from sgprobe.links.line import Line
from sgprobe.links.tape import Address, Tape, TcpTape

CLIENT, SERVER = 0, 1
_RESET = struct.pack("ii", 1, 0)


# RFC 1122 §4.2.3.5: TCP gives a connection up whose data nobody acknowledges; 15 retries of Linux
_GIVEN_UP = 924.6


class PipeUser(Protocol):
    """What stands above a pipe."""

    def opened(self) -> None:
        """The connection is there."""

    def received(self, data: bytes) -> None:
        """Bytes came in."""

    def half_closed(self) -> None:
        """The other side will send no more; closing ours is for the user to do."""

    def closed(self, error: Exception | None) -> None:
        """The connection is gone."""


class Pipe(asyncio.Protocol):
    """Carries bytes for its user; `side` says which end of the connection we are."""

    def __init__(
        self,
        user: PipeUser,
        side: int,
        *,
        clock: Clock,
        tape: Tape | None = None,
        impairment: Impairment | None = None,
    ) -> None:
        self._user = user
        self._side = side
        self._clock = clock
        self._tape = tape
        self._track: TcpTape | None = None
        self._untaken: Tape | None = None
        self._transport: asyncio.Transport | None = None
        self._stops: set[str] = set()  # why nothing is read at the moment
        ways = impairment.connection() if impairment is not None else None
        self._inward = self._outward = None
        if ways is not None:
            self._inward = _Lane(ways[0], clock, self._deliver, self.reset)
            self._outward = _Lane(ways[1], clock, self._wire, self.reset)
        self._line = impairment if isinstance(impairment, Line) else None
        if self._line is not None:
            self._line.watch(self._back)
        self.here: Address = ("", 0)
        self.peer: Address = ("", 0)

    # --- asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = transport.get_extra_info("peername")[:2]
        self.here = transport.get_extra_info("sockname")[:2]
        if self._tape is not None:
            if self._side == CLIENT:
                self._track = self._tape.asked(self.here, self.peer)
            else:
                # a client on the same tape has connected for sure when its first octets come
                self._untaken = self._tape
        self._clock.touch()
        self._user.opened()

    def data_received(self, data: bytes) -> None:
        self._clock.touch()
        self._take()
        if self._track is not None:
            self._track.data(1 - self._side, data)
        if self._inward is not None:
            self._inward.put(data)
        else:
            self._user.received(data)

    def _take(self) -> None:
        """Begin the server's record of the connection, unless the client has one."""
        if self._untaken is not None:
            self._track = self._untaken.taken(self.peer, self.here)
            self._untaken = None

    def eof_received(self) -> bool:
        self._take()
        if self._track is not None:
            self._track.end(1 - self._side)
        if self._inward is None:
            self._user.half_closed()
        else:
            # what is still on its way comes first
            self._inward.then(self._half_closed)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._clock.touch()
        for lane in (self._inward, self._outward):
            if lane is not None:
                lane.drop()
        if self._line is not None:
            self._line.leave(self._back)
        self._take()
        if self._track is not None and exc is not None:
            self._track.reset(1 - self._side)
        self._user.closed(exc)

    def pause_writing(self) -> None:
        # who does not read what we answer gets no ear for more
        self.stop_reading("writing")

    def resume_writing(self) -> None:
        self.go_on_reading("writing")

    # --- for the user ---

    @property
    def gone(self) -> bool:
        """Say whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    @property
    def unsent(self) -> int:
        """Return how many octets wait for the other side to take them."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def stop_reading(self, reason: str) -> None:
        """Leave what comes in to the socket's own buffer."""
        if not self._stops and not self.gone:
            assert self._transport is not None
            self._transport.pause_reading()
        self._stops.add(reason)

    def go_on_reading(self, reason: str) -> None:
        """Read again, where no other reason stands against it."""
        if reason in self._stops:
            self._stops.remove(reason)
            if not self._stops and not self.gone:
                assert self._transport is not None
                self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if not data or self.gone:
            return
        if self._outward is not None:
            self._outward.put(data)
        else:
            self._wire(data)

    def close(self) -> None:
        """Close, once all is sent."""
        if self._outward is not None:
            self._outward.then(self._close)
        else:
            self._close()

    def reset(self) -> None:
        """Break the connection off with a reset."""
        if self.gone:
            return
        assert self._transport is not None
        self._take()
        if self._track is not None:
            self._track.reset(self._side)
        # closing a socket that does not linger sends RST
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    # --- below ---

    def _back(self) -> None:
        """Send on its way what waited for the line."""
        for lane in (self._inward, self._outward):
            if lane is not None:
                lane.back()

    def _deliver(self, data: bytes) -> None:
        if not self.gone:
            self._user.received(data)

    def _half_closed(self) -> None:
        if not self.gone:
            self._user.half_closed()

    def _wire(self, data: bytes) -> None:
        if self.gone:
            return
        assert self._transport is not None
        self._clock.touch()
        self._take()
        if self._track is not None:
            self._track.data(self._side, data)
        self._transport.write(data)

    def _close(self) -> None:
        if self.gone:
            return
        assert self._transport is not None
        self._take()
        if self._track is not None:
            self._track.end(self._side)
        self._transport.close()


class _Lane:
    """One direction with an impairment: each piece waits its time, and for those before it."""

    def __init__(
        self,
        way: StreamWay,
        clock: Clock,
        deliver: Callable[[bytes], None],
        breaks: Callable[[], None],
    ) -> None:
        self._way = way
        self._clock = clock
        self._deliver = deliver
        self._breaks = breaks
        self._queue: deque[tuple[float, Callable[[], None]]] = deque()
        self._alarm: Alarm | None = None
        self._last = 0.0
        # when the oldest piece began to wait for a line that carries nothing
        self._waiting_from = math.inf

    def put(self, data: bytes) -> None:
        """Send bytes on their way."""
        now = self._clock.now()
        for wait, piece in self._way.fate(data, now):
            self._last = max(self._last, now + wait)
            act = self._breaks if piece is None else _bound(self._deliver, piece)
            if self._last <= now and not self._queue:
                act()
            else:
                self._queue.append((self._last, act))
            if self._last == math.inf:
                self._waiting_from = min(self._waiting_from, now)
        self._arm()

    def then(self, act: Callable[[], None]) -> None:
        """Do something once all is through."""
        if self._queue:
            self._queue.append((self._last, act))
        else:
            act()

    def drop(self) -> None:
        """Forget what is under way."""
        self._queue.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def back(self) -> None:
        """Let go of what waited for the line, in its order."""
        now = last = self._clock.now()
        waited, self._waiting_from = now - self._waiting_from, math.inf
        if waited > _GIVEN_UP:
            self._queue.clear()
            self._last = now
            self._breaks()
            return
        queue = self._queue.copy()
        self._queue.clear()
        for when, act in queue:
            last = max(last, now if when == math.inf else when)
            self._queue.append((last, act))
        self._last = last
        self._due()

    def _arm(self) -> None:
        if self._queue and self._alarm is None and self._queue[0][0] != math.inf:
            self._alarm = self._clock.call_at(self._queue[0][0], self._due)

    def _due(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._queue and self._queue[0][0] <= self._clock.now():
            self._queue.popleft()[1]()
        self._arm()


def _bound(deliver: Callable[[bytes], None], piece: bytes) -> Callable[[], None]:
    return lambda: deliver(piece)
