"""One direction of a TCP connection: what is handed on, what waits, what is known of its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dissectors.link.held import HALF, MASK, Held

if TYPE_CHECKING:
    from dissectors.link.tcp import Stream

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10

# Sequence numbers further away than this belong to no window in use.
WINDOW: Final = 1 << 26

# Segments handed on last, of all connections: copies are compared with them.
RECENT: Final = 512


def after(left: int, right: int) -> bool:
    """Tell whether sequence number `left` comes after `right`."""
    return 0 < (left - right) & MASK < HALF


class Side:
    """One direction of a connection.

    `next` is the sequence number to hand on next, -1 if unknown. While `calm`, a segment at `next`
    with nothing but data goes straight to `data`: this is the bulk path, in frames.py.
    """

    __slots__ = (
        "acked",
        "acked_mark",
        "calm",
        "data",
        "early",
        "ended",
        "fin",
        "held",
        "index",
        "last",
        "lost",
        "next",
        "peer",
        "start",
        "stray",
        "stray_next",
        "stream",
        "virgin",
    )
    peer: Side
    stream: Stream
    data: Callable[[int, bytes, tuple[int, ...], float], None]

    def __init__(self, index: int) -> None:
        self.index = index
        self.next = -1
        self.calm = False
        self.last = 0  # frame of the last data, the place in the table of recent segments
        self.start = -1  # sequence number of the first byte, if its SYN was seen
        self.virgin = False  # the first byte is not settled yet
        self.acked = -1  # what the peer acknowledged beyond `next`
        self.held = Held()
        self.acked_mark = -1  # what `next` was then
        self.early: tuple[tuple[int, ...], float] | None = None  # a FIN before all data
        self.fin = -1  # sequence number of the FIN
        self.ended = False
        self.lost: list[tuple[int, int]] | None = None
        self.stray = 0
        self.stray_next = -1


# (direction, sequence number, data, frame of the direction's segment before)
Recent = tuple[Side, int, bytes, int]
