"""What a TLS stream knows of one of its directions."""

from __future__ import annotations

from dissectors.link.tls_handshake import MessageCutter
from dissectors.link.tls_protection import Protection
from dissectors.link.tls_records import RecordCutter


class Direction:
    """One direction of the stream: its cutters, its keys and how far it has come."""

    __slots__ = (
        "cutter",
        "ended",
        "failures",
        "finished",
        "gapped",
        "hello",
        "messages",
        "noise_told",
        "over",
        "protection",
        "refused",
        "retried",
        "sent_data",
        "side",
        "stopped",
        "waiting",
        "waiting_bytes",
    )

    def __init__(self, side: int) -> None:
        self.side = side  # 0 the client's, 1 the server's
        self.cutter = RecordCutter()
        self.messages = MessageCutter()
        self.protection: Protection | None = None  # None: records are in clear
        self.hello = False  # its own hello was seen
        self.retried = False  # a HelloRetryRequest was seen, or answered
        self.finished = False  # TLS 1.3: its Finished was seen
        self.sent_data = False  # an application record was seen
        self.gapped = 0  # so many records are tried for a ChangeCipherSpec lost in a hole
        self.failures: list[tuple[int, ...]] = []  # frames of records that stayed closed in a row
        self.refused: list[tuple[int, ...]] = []  # frames of records behind a hole, likewise
        self.noise_told = False
        self.stopped = False  # what else comes is passed over
        self.over = False  # nothing else comes
        self.ended = False  # the sink has been told so
        self.waiting: list[tuple[bytes, bytes, tuple[int, ...], float]] = []
        self.waiting_bytes = 0
