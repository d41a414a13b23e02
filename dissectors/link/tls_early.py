"""0-RTT data of TLS 1.3: handed up once it is known that the server took it."""

from __future__ import annotations

from dissectors.link import tls_codes
from dissectors.link.stream import StreamSink
from dissectors.link.tls_teller import Teller
from dissectors.link.tls_tracker import SessionTracker

MAX_HELD = 1 << 20  # bytes


class EarlyData:
    """Holds what a client sent early; refused early data is sent again and must not show twice."""

    __slots__ = ("_bytes", "_held", "_sink", "_teller", "side")

    def __init__(self, sink: StreamSink, teller: Teller) -> None:
        self._sink = sink
        self._teller = teller
        self.side = 0  # of the flow that the client is
        self._held: list[tuple[bytes, tuple[int, ...], float]] = []
        self._bytes = 0

    def take(
        self, tracker: SessionTracker, plain: bytes, frames: tuple[int, ...], time: float
    ) -> None:
        """Hand data up, hold it or leave it out, by what is known of the server's answer."""
        if tracker.early_data == "accepted":
            self._sink.data(self.side, plain, frames, time)
        elif self._bytes + len(plain) > MAX_HELD:
            text = "more 0-RTT data than is held; this is left out"
            self._teller.tell(tls_codes.EARLY_TOO_LONG, text, frames)
        else:
            self._held.append((plain, frames, time))
            self._bytes += len(plain)

    def release(self, tracker: SessionTracker) -> None:
        """Settle what is held; without an answer from the server it counts as taken."""
        if not self._held:
            return
        held, self._held, self._bytes = self._held, [], 0
        if tracker.early_data == "rejected":
            frames = tuple(dict.fromkeys(frame for _, each, _ in held for frame in each))
            text = "the server refused this 0-RTT data; what the client sends again is shown"
            self._teller.tell(tls_codes.EARLY_REJECTED, text, frames)
            return
        for plain, each, time in held:
            self._sink.data(self.side, plain, each, time)
