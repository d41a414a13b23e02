"""A flow of datagrams whose first datagrams decide what reads it: CoAP, DTLS or GSMTAP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissectors.finding import Finding, Severity
from dissectors.link.coap.message import decode
from dissectors.link.coap.observer import Observer
from dissectors.link.dtls_stream import DtlsFlow
from dissectors.link.gsmtap import UDP_PORT, GsmtapSink
from dissectors.link.stream import DatagramSink, Flow
from dissectors.link.tls_records import looks_like_dtls
from dissectors.trace.card_carrier import CardCarrier
from dissectors.trace.coap_carrier import CoapCarrier

if TYPE_CHECKING:
    from dissectors.trace.assembly import Assembly
    from dissectors.trace.message import Message

# RFC 7252 §12.6, §12.7
_COAP, _COAPS = 5683, 5684
# other traffic on a port is given this many datagrams to turn out to be ours
_PATIENCE = 4
# what a flow that only looks like CoAP had to say, until it is known
_KEPT = 16


class Datagrams:
    """Chooses the layers above one UDP flow, or above one DTLS flow."""

    __slots__ = (
        "_cards",
        "_dtls",
        "_flow",
        "_home",
        "_inner",
        "_kept",
        "_last",
        "_misses",
        "_observer",
        "_ports",
        "_secure",
        "_sink",
    )

    def __init__(self, home: Assembly, flow: Flow, secure: bool = False) -> None:
        self._home = home
        self._flow = flow
        self._secure = secure
        self._sink: DatagramSink | None = None
        self._dtls: DtlsFlow | None = None
        self._inner: Datagrams | None = None
        self._observer: Observer | None = None
        self._cards: GsmtapSink | None = None
        self._misses = 0
        self._ports = (flow.client.port, flow.server.port)
        self._last = 0.0
        # None: this flow is known to be ours, what it says is told at once
        self._kept: list[tuple[Finding, tuple[int, ...]]] | None = None

    def datagram(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Pass a datagram on to the layer above, once it is known."""
        if self._sink is None:
            if self._misses >= _PATIENCE:
                return
            self._sink = self._choose(data)
            if self._sink is None:
                self._misses += 1
                return
        self._last = time
        self._sink.datagram(side, data, frames, time)

    def _on_our_port(self) -> bool:
        return (_COAPS if self._secure else _COAP) in self._ports

    def _choose(self, data: bytes) -> DatagramSink | None:
        home = self._home
        if not self._secure and looks_like_dtls(data):
            self._inner = Datagrams(home, self._flow, secure=True)
            self._dtls = DtlsFlow(
                self._flow, home.keys, self._inner, home.cids, home.on_session, home.psk
            )
            return self._dtls
        if not self._secure and UDP_PORT in self._ports and data[:1] == b"\x02":
            # a tracer sends what it sees from one port: who is card and who device is in the APDU
            ends = ("device", "card")
            card = CardCarrier(self._flow.number, ends, home.on_message, home.spec)
            self._cards = GsmtapSink(card.message, home.note)
            return self._cards
        if self._is_coap(data):
            ours = self._on_our_port()
            self._kept = None if ours else []
            carrier = CoapCarrier(
                self._flow,
                self._secure,
                home.on_message if ours else self._first_message,
                home.note if ours else self._keep,
                home.on_record,
                home.spec,
            )
            self._observer = Observer(
                carrier, records=home.on_record is not None, budget=home.coap_budget
            )
            return self._observer
        return None

    def _is_coap(self, data: bytes) -> bool:
        """Take CoAP on its ports; elsewhere where it is right to the last byte."""
        if self._on_our_port():
            return True
        message, findings = decode(data)
        if message is None:
            return False
        return not any(one.severity is Severity.ERROR for one in findings) and (
            message.code == 0 or message.code >> 5 in (0, 2, 4, 5)
        )

    # -- a flow on a port of others is ours once it has carried a message of ours

    def _first_message(self, message: Message) -> None:
        kept, self._kept = self._kept, None
        for finding, frames in kept or ():
            self._home.note(finding, frames)
        self._home.on_message(message)

    def _keep(self, finding: Finding, frames: tuple[int, ...]) -> None:
        if self._kept is None:
            self._home.note(finding, frames)
        elif len(self._kept) < _KEPT:
            self._kept.append((finding, frames))

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Pass a finding of a lower layer on; none of a flow that is not ours."""
        if self._sink is not None:
            self._sink.problem(finding, frames)
        elif self._on_our_port():
            self._home.note(finding, frames)

    def close(self) -> None:
        """Tell the layers above that nothing comes after."""
        if self._dtls is not None:
            self._dtls.close()
        if self._inner is not None:
            self._inner.close()
        if self._observer is not None:
            self._observer.end()
        if self._cards is not None:
            self._cards.finish(self._last)
