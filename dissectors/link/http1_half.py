"""One direction of an HTTP/1 connection as its reader sees it."""

from __future__ import annotations

from enum import IntEnum

from dissectors.finding import Finding
from dissectors.link.http import Kind
from dissectors.link.http1_chunked import ChunkedBody
from dissectors.link.http_draft import Draft, extend_trail


class State(IntEnum):
    """What the next bytes of a direction are."""

    HEAD = 0
    COUNTED = 1
    CHUNKED = 2
    TO_CLOSE = 3
    LOST = 4  # looking for the next start line
    OPAQUE = 5  # another protocol
    HTTP2 = 6


class Half:
    """What is buffered of one direction, and its message in the making."""

    __slots__ = (
        "buffer", "chunks", "draft", "fresh",
        "kind", "left", "notes", "scanned", "side", "skipped", "state",
        "trail",
    )  # fmt: skip

    def __init__(self, side: int) -> None:
        self.side = side
        self.state = State.HEAD
        self.buffer = bytearray()
        self.fresh = 0  # buffered bytes of the newest piece
        self.scanned = 0  # buffered bytes already searched
        self.left = 0  # body bytes to come
        self.skipped = 0  # bytes passed over while lost
        self.draft: Draft | None = None
        self.chunks: ChunkedBody | None = None
        self.kind: Kind | None = None
        self.notes: list[Finding] = []  # for the next message
        self.trail: list[int] = []  # frames of the buffered bytes

    def lose(self) -> None:
        """Give up the place in the message grammar; what is buffered is searched again."""
        self.state = State.LOST
        self.draft = None
        self.chunks = None
        self.scanned = 0

    def restart(self, frames: tuple[int, ...]) -> None:
        """Let the trail begin anew; what is buffered came with `frames`."""
        self.trail.clear()
        if self.buffer:
            extend_trail(self.trail, frames)
