"""One direction of an HTTP/2 connection: what is buffered and the frame in the making."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from dissectors.link.http import HttpLimits
from dissectors.link.http2_frame import DEFAULT_SIZE
from dissectors.link.http2_headers import HeaderReader
from dissectors.link.http_draft import extend_trail


class Start(IntEnum):
    """What the next bytes of a direction are."""

    PREFACE = 0
    FRAMES = 1
    LOST = 2  # looking for two frames in a row


@dataclass(slots=True)
class DataRest:
    """What is still to come of a DATA frame."""

    stream: int
    ends: bool
    left: int
    pad: int


@dataclass(slots=True)
class OpenBlock:
    """A header block that may go on in CONTINUATION frames."""

    stream: int
    promised: int  # stream of a PUSH_PROMISE, else 0
    ends: bool
    data: bytearray
    trail: list[int] = field(default_factory=list)


class Side:
    """The reading state of one direction."""

    __slots__ = (
        "block", "buffer",
        "fresh", "largest_frame", "reader", "rest", "scanned", "side", "skip", "skipped",
        "start", "trail",
    )  # fmt: skip

    def __init__(self, side: int, limits: HttpLimits) -> None:
        self.side = side
        self.start = Start.PREFACE
        self.buffer = bytearray()
        self.trail: list[int] = []  # frames of the buffered bytes
        self.fresh = 0  # buffered bytes of the newest piece
        self.scanned = 0  # buffered bytes already searched while lost
        self.skipped = 0  # bytes passed over while lost
        self.skip = 0  # bytes of an unread frame that are still to come
        self.rest: DataRest | None = None
        self.block: OpenBlock | None = None
        self.reader = HeaderReader(4 * limits.head, limits.fields, whole=True)
        self.largest_frame = DEFAULT_SIZE

    @property
    def frames(self) -> tuple[int, ...]:
        """Return the capture frames of the frame being read."""
        return tuple(self.trail)

    def take(self, data: bytes, frames: tuple[int, ...]) -> None:
        """Buffer the next bytes."""
        self.buffer += data
        self.fresh = len(data)
        extend_trail(self.trail, frames)

    def restart(self, frames: tuple[int, ...]) -> None:
        """Let the trail begin anew; what is buffered came with `frames`."""
        self.trail.clear()
        if self.buffer:
            extend_trail(self.trail, frames)

    def lose(self) -> None:
        """Give up the place in the frame grammar; what is buffered is searched again."""
        self.start = Start.LOST
        self.scanned = self.skip = 0
        self.rest = None
        self.block = None
        self.reader.forget()

    def clear(self) -> None:
        """Drop what is buffered and half read."""
        self.buffer.clear()
        self.trail.clear()
        self.skipped = self.scanned = self.skip = 0
        self.rest = None
        self.block = None
