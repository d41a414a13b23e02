"""A TCP stream whose bytes decide what reads them: TLS, HTTP/2 or HTTP/1."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dissectors.finding import Finding
from dissectors.link.http1 import Http1Parser
from dissectors.link.http2 import Http2Parser
from dissectors.link.http2_frame import looks_like_http2
from dissectors.link.stream import Flow, StreamSink
from dissectors.link.tls_records import looks_like_tls
from dissectors.link.tls_stream import TlsStream

if TYPE_CHECKING:
    from dissectors.trace.assembly import Assembly

# bytes at the start of a direction that are held until they say what they are
_HELD = 64
# a capture may begin inside a message: so many later segments may still begin one
_PATIENCE = 256
# a start line as far as it tells HTTP/1 from other protocols of text; empty lines may come before
_HTTP1 = re.compile(rb"[\r\n]{0,8}(?:HTTP/1\.\d [1-9]|[A-Za-z]{3,20} (?:/|\*|https?://)|CONNECT )")


class Stream:
    """Chooses the layers above one TCP connection, or above one TLS session."""

    __slots__ = ("_first", "_flow", "_held", "_home", "_secure", "_sink", "_tries")

    def __init__(self, home: Assembly, flow: Flow, secure: bool = False) -> None:
        self._home = home
        self._flow = flow
        self._secure = secure
        self._sink: StreamSink | None = None
        self._tries = _PATIENCE
        # the bytes of each direction until they are known not to begin anything of ours
        self._first: list[bytearray | None] = [bytearray(), bytearray()]
        self._held: list[tuple[int, bytes, tuple[int, ...], float]] = []

    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take bytes until it is known what reads them."""
        if self._sink is not None:
            self._sink.data(side, data, frames, time)
            return
        if self._tries <= 0:
            return
        first = self._first[side]
        if first is None:
            self._tries -= 1
            self._sink = self._choose(data[:_HELD])
            if self._sink is not None:
                self._sink.data(side, data, frames, time)
            return
        first += data
        self._held.append((side, data, frames, time))
        self._sink = self._choose(bytes(first[:_HELD]))
        if self._sink is not None:
            held, self._held = self._held, []
            for one in held:
                self._sink.data(*one)
        elif len(first) >= _HELD:
            self._forget(side)

    def _forget(self, side: int) -> None:
        self._first[side] = None
        self._held = [one for one in self._held if one[0] != side]

    def _choose(self, first: bytes) -> StreamSink | None:
        home = self._home
        if not self._secure and looks_like_tls(first):
            inner = home.protected(self._flow)
            return TlsStream(self._flow, home.keys, inner, home.on_session, home.psk)
        if looks_like_http2(first):
            return Http2Parser(home.http(self._flow, self._secure), home.note)
        if _HTTP1.match(first):
            return Http1Parser(home.http(self._flow, self._secure), home.note)
        return None

    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None:
        """Pass a hole on; before anything is known it only means that the start is missing."""
        if self._sink is not None:
            self._sink.gap(side, missing, frames, time)
        elif self._tries > 0:
            self._forget(side)

    def end(self, side: int, frames: tuple[int, ...], time: float) -> None:
        """Pass the end on."""
        if self._sink is not None:
            self._sink.end(side, frames, time)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Pass a finding of a lower layer on."""
        if self._sink is not None:
            self._sink.problem(finding, frames)
        else:
            self._home.note(finding, frames)
