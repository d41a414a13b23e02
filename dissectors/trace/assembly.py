"""Builds the stack of layers above each flow, by what its first bytes are."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.asn1.versions import Spec
from dissectors.finding import Finding
from dissectors.link.coap.transfers import Budget
from dissectors.link.dtls_registry import CidRegistry
from dissectors.link.http1 import Http1Parser, looks_like_http1
from dissectors.link.http2 import Http2Parser
from dissectors.link.http2_frame import looks_like_http2
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import DatagramSink, Flow, StreamSink
from dissectors.link.tls_records import looks_like_tls
from dissectors.link.tls_session import SessionInfo
from dissectors.link.tls_stream import TlsStream
from dissectors.trace.coap_carrier import OnRecord
from dissectors.trace.datagrams import Datagrams
from dissectors.trace.http_carrier import HttpCarrier
from dissectors.trace.message import Message

_OPEN_FLOWS = 100_000
# bytes of a stream that are looked at before it is given up as none of ours
_PATIENCE = 64
_TLS_LOG = 0x544C534B


class Assembly:
    """The opener of flows for `read_capture`: makes messages of whatever carries them."""

    def __init__(
        self,
        keys: KeyLog,
        on_message: Callable[[Message], None],
        on_session: Callable[[SessionInfo], None],
        on_note: Callable[[Finding, tuple[int, ...]], None],
        spec: Spec | None = None,
        psk: bytes | None = None,
        on_record: OnRecord | None = None,
    ) -> None:
        self.keys = keys
        self.on_message = on_message
        self.on_session = on_session
        self.spec = spec
        self.psk = psk
        self._on_note = on_note
        self.on_record = on_record
        self.cids = CidRegistry()
        self.coap_budget = Budget()
        self._open: dict[int, Datagrams] = {}
        self.scanned = False

    def stream(self, flow: Flow) -> StreamSink | None:
        """Take a TCP flow."""
        return _Stream(self, flow, secure=False)

    def datagrams(self, flow: Flow) -> DatagramSink | None:
        """Take a UDP flow."""
        sink = Datagrams(self, flow)
        self._open[flow.number] = sink
        if len(self._open) > _OPEN_FLOWS:
            # flows of datagrams have no end of their own: the oldest is taken to be over
            self._open.pop(next(iter(self._open))).end()
        return sink

    def finish(self) -> None:
        """Tell all flows of datagrams that the capture is over."""
        while self._open:
            self._open.pop(next(iter(self._open))).end()

    def secrets(self, kind: int, data: bytes) -> None:
        """Take a block of secrets that the capture carries."""
        if kind == _TLS_LOG and not self.scanned:
            for problem in self.keys.add_text(data):
                self._on_note(problem, ())

    def note(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Take a finding that belongs to no message."""
        self._on_note(finding, frames)


class _Stream:
    """A stream whose first bytes decide what reads it."""

    def __init__(self, home: Assembly, flow: Flow, secure: bool) -> None:
        self._home = home
        self._flow = flow
        self._secure = secure
        self._sink: StreamSink | None = None
        self._over = False
        self._first: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._held: list[tuple[int, bytes, tuple[int, ...], float]] = []

    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Pass bytes on to the layer above, once it is known."""
        if self._sink is not None:
            self._sink.data(side, data, frames, time)
            return
        if self._over:
            return
        self._held.append((side, data, frames, time))
        first = self._first[side]
        first += data
        self._sink = self._choose(bytes(first[:_PATIENCE]))
        if self._sink is not None:
            held, self._held = self._held, []
            for one in held:
                self._sink.data(*one)
        elif len(first) >= _PATIENCE:
            self._over = True
            self._held.clear()

    def _choose(self, first: bytes) -> StreamSink | None:
        home = self._home
        if not self._secure and looks_like_tls(first):
            inner = _Stream(home, self._flow, secure=True)
            return TlsStream(self._flow, home.keys, inner, home.on_session, home.psk)
        if looks_like_http2(first):
            return Http2Parser(self._carrier().message, home.note)
        if looks_like_http1(first):
            return Http1Parser(self._carrier().message, home.note)
        return None

    def _carrier(self) -> HttpCarrier:
        return HttpCarrier(self._flow, self._secure, self._home.on_message, self._home.spec)

    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None:
        """Pass a hole on; before anything is known it only means that the start is missing."""
        if self._sink is not None:
            self._sink.gap(side, missing, frames, time)
        else:
            self._first[side].clear()
            self._held = [one for one in self._held if one[0] != side]

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
