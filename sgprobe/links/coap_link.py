"""CoAP over UDP or DTLS: one socket with one endpoint, which asks and answers.

`Request` and `Response` are those of HTTPS links; what differs is mapped here, and what the facts
leave open (Content-Format, 2.04 or 2.05) is a setting. SGP.32 §6.1.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from OpenSSL import SSL

from dissectors.link.coap import options as opt
from dissectors.link.coap.endpoint import CoapEndpoint
from dissectors.link.coap.exchange import (
    Request as CoapRequest,
)
from dissectors.link.coap.exchange import (
    RequestArrived,
    RequestFailed,
    RequestKnobs,
    ResponseArrived,
    make_request,
    make_response,
)
from dissectors.link.coap.server import ServerKnobs
from dissectors.link.coap.transmission import MessageKnobs, Transmission
from sgprobe.exchange import Request, Response
from sgprobe.links.clock import Alarm, Clock, WallClock
from sgprobe.links.dtls import DtlsPeers, DtlsSession, make_context
from sgprobe.links.https_client import Unreachable
from sgprobe.links.impairment import Impairment, Perfect
from sgprobe.links.tape import Address, Tape
from sgprobe.links.tls import Alert, TlsSettings

ASN1_MEDIA = "application/x-gsma-rsp-asn1"
CoapHandler = Callable[[Request, Address], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Binding:
    """The uncertain points of the CoAP binding; the defaults are in use, not proved."""

    content_format: int | None = 42  # application/octet-stream; no number is registered for ours
    code_with_body: int = 0x44  # 2.04 Changed; 2.05 Content is seen as well
    szx: int = 6
    # HTTP status to CoAP code for what is refused
    codes: dict[int, int] = field(default_factory=lambda: {
        400: 0x80, 401: 0x81, 403: 0x83, 404: 0x84, 405: 0x85, 413: 0x8D, 415: 0x8F,
        500: 0xA0, 501: 0xA1, 503: 0xA3,
    })  # fmt: skip

    def code(self, response: Response) -> int:
        """Return the code of an answer."""
        if response.status < 300:
            return self.code_with_body if response.body else 0x44
        return self.codes.get(response.status, 0xA0 if response.status >= 500 else 0x80)

    def status(self, code: int) -> int:
        """Return the HTTP status that stands for a code."""
        if code >> 5 == 2:
            return 200
        back = {number: status for status, number in self.codes.items()}
        return back.get(code, 500 if code >> 5 == 5 else 400)


@dataclass(frozen=True, slots=True)
class CoapKnobs:
    """What a test may turn."""

    transmission: Transmission = field(default_factory=Transmission)
    message: MessageKnobs | None = None
    server: ServerKnobs | None = None
    request: RequestKnobs | None = None
    seed: int | None = None


class CoapLink(asyncio.DatagramProtocol):
    """One UDP socket; `settings` makes it DTLS, `handler` lets it answer."""

    def __init__(
        self,
        settings: TlsSettings | None,
        *,
        handler: CoapHandler | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        name: str = "",
        mtu: int = 1200,
        clock: Clock | None = None,
        tape: Tape | None = None,
        impairment: Impairment | None = None,
        binding: Binding | None = None,
        knobs: CoapKnobs | None = None,
        key_line: Callable[[bytes], None] | None = None,
    ) -> None:
        self.binding = binding or Binding()
        self._knobs = knobs or CoapKnobs()
        self._settings = settings
        self._handler = handler
        self._host, self._port, self._name, self._mtu = host, port, name, mtu
        self._clock = clock or WallClock()
        self._tape = tape
        self._impairment = impairment or Perfect()
        self._key_line = key_line
        self._peers: DtlsPeers | None = None
        self._context: SSL.Context | None = None
        self._calls: dict[Address, DtlsSession] = {}  # sessions that we began
        self._waiting: dict[int, asyncio.Future[Response]] = {}
        self._before_keys: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._handshakes: asyncio.TimerHandle | None = None  # the library reads the wall
        self._alarm: Alarm | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self.requests = 0
        self.alerts: list[Alert] = []
        rng = random.Random(self._knobs.seed)
        self.endpoint = CoapEndpoint(
            rng,
            parameters=self._knobs.transmission,
            message_knobs=self._knobs.message,
            server_knobs=self._knobs.server or ServerKnobs(szx=self.binding.szx),
        )

    # --- life ---

    async def start(self) -> None:
        """Open the socket."""
        if self._settings is not None:
            self._context = make_context(self._settings, False, self._secret)
            if self._handler is not None and self._settings.identity is not None:
                self._peers = DtlsPeers(
                    self._settings, self._secret, mtu=self._mtu, on_gone=self._gone
                )
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self._host, self._port)
        )
        self._transport = transport

    async def stop(self) -> None:
        """Say goodbye and close the socket."""
        for session in list(self._calls.values()):
            session.close()
            self._put(session.outgoing(), session.address)
            self._gone(session)
        self._calls.clear()
        for task in self._tasks:
            task.cancel()
        if self._handshakes is not None:
            self._handshakes.cancel()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._transport is not None:
            self._transport.close()

    async def __aenter__(self) -> CoapLink:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def address(self) -> Address:
        """Return where the socket is."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    def _secret(self, line: bytes) -> None:
        if self._tape is not None:
            self._tape.secret(line)
        if self._key_line is not None:
            self._key_line(line)

    def _gone(self, session: DtlsSession) -> None:
        self.alerts += session.alerts
        self.endpoint.forget(session.address, self._clock.now())

    # --- datagrams ---

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a datagram from the socket, as the impairment lets it through."""
        address = addr[:2]
        self._clock.touch()
        if self._tape is not None:
            self._tape.datagram(address, self.address, data)
        for delay, one in self._impairment.inward(data, self._clock.now()):
            self._later(delay, lambda one=one: self._take(one, address))  # type: ignore[misc]

    def error_received(self, exc: Exception) -> None:
        """Learn of an ICMP error: nobody listens there; the retransmission timer decides."""

    def _later(self, delay: float, act: Callable[[], None]) -> None:
        if delay <= 0:
            act()
        else:
            self._clock.call_at(self._clock.now() + delay, act)

    def _take(self, data: bytes, address: Address) -> None:
        if self._settings is None:
            self._plain(data, address)
        elif address in self._calls:
            session = self._calls[address]
            plain = session.receive(data)
            self._put(session.outgoing(), address)
            self._settle(session)
            for part in plain:
                self._plain(part, address)
        elif self._peers is not None:
            plain, out = self._peers.receive(data, address)
            self._put(out, address)
            for part in plain:
                self._plain(part, address)
        self._arm()

    def _plain(self, data: bytes, address: Address) -> None:
        self.endpoint.receive(data, address, self._clock.now())
        self._flush()

    def _send(self, data: bytes, address: Address) -> None:
        """Send one CoAP datagram, through DTLS where that is spoken."""
        if self._settings is None:
            self._put([data], address)
            return
        session = self._calls.get(address)
        if session is None and self._peers is not None:
            session = self._peers.sessions.get(address)
        if session is None:
            return  # the association is gone, and what it was asked with it
        if not session.established:
            self._before_keys.setdefault(address, []).append(data)
            return
        session.send(data)
        self._put(session.outgoing(), address)

    def _put(self, datagrams: list[bytes], address: Address) -> None:
        for data in datagrams:
            for delay, one in self._impairment.outward(data, self._clock.now()):
                self._later(delay, lambda one=one: self._wire(one, address))  # type: ignore[misc]

    def _wire(self, data: bytes, address: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            if self._tape is not None:
                self._tape.datagram(self.address, address, data)
            self._clock.touch()
            self._transport.sendto(data, address)

    def _settle(self, session: DtlsSession) -> None:
        """Send what waited for the handshake, or tell that it failed."""
        waiting = self._before_keys
        if session.established and session.address in waiting:
            for data in waiting.pop(session.address):
                self._send(data, session.address)
        if session.over:
            self._calls.pop(session.address, None)
            waiting.pop(session.address, None)
            self._gone(session)
            text = f"DTLS: {session.failure}" if session.failure else "the DTLS session ended"
            self._fail_all(text)

    def _fail_all(self, text: str) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Unreachable(text))
        self._waiting.clear()

    # --- time ---

    def _flush(self) -> None:
        now = self._clock.now()
        for event in self.endpoint.events():
            self._event(event)
        for datagram in self.endpoint.send(now):
            self._send(datagram.data, cast(Address, datagram.address))

    def _arm(self) -> None:
        """Wake up when the endpoint or a handshake wants to send again."""
        if self._handshakes is not None:
            self._handshakes.cancel()
            self._handshakes = None
        delays = [d for s in self._sessions() if (d := s.timeout()) is not None]
        if delays:
            loop = asyncio.get_running_loop()
            self._handshakes = loop.call_later(min(delays) + 0.001, self._on_handshake_timer)
        due = self.endpoint.timer()
        if self._alarm is not None and self._alarm.act is not None:
            if self._alarm.when == due:
                return
            self._alarm.cancel()
        self._alarm = self._clock.call_at(due, self._on_alarm) if due is not None else None

    def _sessions(self) -> list[DtlsSession]:
        """Return the associations whose handshake is under way."""
        sessions = [session for session in self._calls.values() if not session.established]
        if self._peers is not None:
            sessions += [self._peers.sessions[address] for address in self._peers.pending]
        return sessions

    def _on_handshake_timer(self) -> None:
        self._handshakes = None
        for session in self._sessions():
            if session.timeout() == 0.0:
                session.on_timeout()
                self._put(session.outgoing(), session.address)
                if session.address in self._calls:
                    self._settle(session)
        self._arm()

    def _on_alarm(self) -> None:
        self._alarm = None
        self.endpoint.handle_timer(self._clock.now())
        self._flush()
        self._arm()

    # --- requests and answers ---

    def _event(self, event: object) -> None:
        if isinstance(event, RequestArrived):
            self.requests += 1
            task = asyncio.ensure_future(self._answer(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif isinstance(event, ResponseArrived):
            future = self._waiting.pop(event.handle, None)
            if future is not None and not future.done():
                code, body = event.response.code, event.response.body
                future.set_result(Response(self.binding.status(code), ASN1_MEDIA if body else "",
                                           body, (("coap-code", opt_code(code)),)))  # fmt: skip
        elif isinstance(event, RequestFailed):
            future = self._waiting.pop(event.handle, None)
            if future is not None and not future.done():
                future.set_exception(Unreachable(f"CoAP: {event.text or event.failure}"))

    async def _answer(self, event: RequestArrived) -> None:
        now = self._clock.now
        if self._handler is None:
            self.endpoint.respond(event.reference, make_response(0x84), now())
        else:
            caller = cast(Address, event.address)
            response = await self._handler(_request(event.request), caller)
            content_format = self.binding.content_format if response.body else None
            self.endpoint.respond(
                event.reference,
                make_response(
                    self.binding.code(response), response.body, content_format=content_format
                ),
                now(),
            )
        self._flush()
        self._arm()

    async def ask(self, address: Address, request: Request) -> Response:
        """Send a request and return its answer; raises Unreachable."""
        if self._context is not None and address not in self._calls:
            session = DtlsSession(self._context, False, address, self._mtu, self._name)
            self._calls[address] = session
            session.receive(b"")
            self._put(session.outgoing(), address)
        content_format = self.binding.content_format if request.body else None
        asked = make_request(
            request.path, request.body, host=self._name or None, content_format=content_format
        )
        knobs = self._knobs.request or RequestKnobs(szx=self.binding.szx)
        handle = self.endpoint.request(asked, address, self._clock.now(), knobs)
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[handle] = future
        self._flush()
        self._arm()
        try:
            return await future
        finally:
            if self._waiting.pop(handle, None) is not None:
                self.endpoint.cancel(handle, self._clock.now())


def opt_code(code: int) -> str:
    """Return a code as "2.04"."""
    return f"{code >> 5}.{code & 31:02d}"


def _request(asked: CoapRequest) -> Request:
    return Request(opt.uri_path(asked.options), ASN1_MEDIA if asked.body else "", asked.body)
