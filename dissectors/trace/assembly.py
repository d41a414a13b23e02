"""Opens the flows of a capture: makes messages of whatever carries them."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.asn1.versions import Spec
from dissectors.finding import Finding
from dissectors.link.coap.transfers import Budget
from dissectors.link.dtls_registry import CidRegistry
from dissectors.link.http import OnMessage as OnHttp
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import DatagramFlow, Flow, StreamSink
from dissectors.link.tls_session import SessionInfo
from dissectors.trace.coap_carrier import OnRecord
from dissectors.trace.datagrams import Datagrams
from dissectors.trace.http_carrier import HttpCarrier, HttpHeads
from dissectors.trace.message import Message
from dissectors.trace.streams import Stream

TLS_KEY_LOG = 0x544C534B


class Assembly:
    """The opener of flows for `read_capture`; it holds what all flows of a capture share."""

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
        self.note = on_note
        self.spec = spec
        self.psk = psk
        self.on_record = on_record
        self.cids = CidRegistry()
        self.coap_budget = Budget()
        self.heads = HttpHeads()
        self.scanned = False

    def stream(self, flow: Flow) -> StreamSink | None:
        """Take a TCP flow."""
        return Stream(self, flow)

    def protected(self, flow: Flow) -> StreamSink:
        """Take what the TLS of a TCP flow protects."""
        return Stream(self, flow, secure=True)

    def http(self, flow: Flow, secure: bool) -> OnHttp:
        """Take the HTTP messages of one connection."""
        return HttpCarrier(flow, secure, self.on_message, self.spec, self.heads).message

    def datagrams(self, flow: Flow) -> DatagramFlow | None:
        """Take a UDP flow."""
        return Datagrams(self, flow)

    def secrets(self, kind: int, data: bytes) -> None:
        """Take a block of secrets that the capture carries."""
        if kind == TLS_KEY_LOG and not self.scanned:
            for problem in self.keys.add_text(data):
                self.note(problem, ())
