"""CoAP over UDP or DTLS: one socket with one endpoint, which asks and answers.

`Request` and `Response` are those of HTTPS links; `Binding` says how they stand in messages.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from dissectors.link.coap.codes import NOT_FOUND, SERVICE_UNAVAILABLE
from dissectors.link.coap.endpoint import CoapEndpoint
from dissectors.link.coap.exchange import (
    Event,
    Failure,
    RequestArrived,
    RequestFailed,
    RequestKnobs,
    ResponseArrived,
    make_response,
)
from dissectors.link.coap.exchange import Response as CoapResponse
from dissectors.link.coap.server import ServerKnobs
from dissectors.link.coap.transmission import MessageKnobs, Problem, Transmission
from sgprobe.exchange import Request, Response
from sgprobe.links.associations import Associations
from sgprobe.links.caller import Caller
from sgprobe.links.clock import Alarm, Clock, WallClock
from sgprobe.links.coap_binding import Binding
from sgprobe.links.coap_shape import ShapedRequest, Unanswered
from sgprobe.links.dtls import DtlsSession
from sgprobe.links.dtls_peers import Bounds
from sgprobe.links.dtls_peers_fault import PeersFault
from sgprobe.links.fault import Broken
from sgprobe.links.flight_fault import Flights, RecordFault
from sgprobe.links.handshake_fault import Spoil
from sgprobe.links.https_client import Unreachable
from sgprobe.links.impairment import Impairment
from sgprobe.links.tape import Address, Tape
from sgprobe.links.tls import Alert, TlsFailure, TlsSettings
from sgprobe.links.udp_port import UdpPort

CoapHandler = Callable[[Request, Caller], Awaitable[Response]]
# sees every CoAP datagram in the clear: whether we sent it, its bytes, the other side
Watcher = Callable[[bool, bytes, Address], None]

# what a datagram has beside one block of a body: records, tags, padding, header, options
_OVERHEAD = 128
_MOST_TASKS = 8192
# RFC 7252 §3: version 1; records of DTLS begin with less
_PLAIN = b"\x40"
_MOST_PROBLEMS = 256


@dataclass(frozen=True, slots=True)
class CoapKnobs:
    """What a test may turn."""

    transmission: Transmission = field(default_factory=Transmission)
    message: MessageKnobs | None = None
    server: ServerKnobs | None = None
    request: RequestKnobs | None = None
    seed: int | None = None
    cookies: bool = True  # DTLS: ask a client for a cookie first
    spoil: Spoil | None = None  # DTLS: a fault in handshakes
    flights: Flights | None = None  # DTLS, client: what becomes of its handshake on the way
    fault: PeersFault | None = None  # DTLS, server: what it gets wrong
    # DTLS: the client asks for an id of the association, the server gives one. RFC 9146
    connection_ids: bool = False
    watch: Watcher | None = None


class CoapLink:
    """One UDP socket; `settings` makes it DTLS, `handler` lets it answer.

    `carries` says whether anything gets through to those whom we call, where one process knows it.
    With a `peer` the link is for nobody else.
    """

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
        bounds: Bounds | None = None,
        carries: Callable[[], bool] = lambda: True,
        peer: Address | None = None,
    ) -> None:
        self.binding = binding or Binding()
        self._szx = min(self.binding.szx, largest_block(mtu))
        self._knobs = knobs or CoapKnobs()
        self._settings = settings
        self._handler = handler
        self._host, self._port_number, self._name, self._mtu = host, port, name, mtu
        self._bounds = bounds or Bounds()
        self._carries = carries
        self._clock = clock or WallClock()
        self._tape = tape
        self._key_line = key_line
        self._peer = peer
        self._port = UdpPort(self._take, clock=self._clock, tape=tape, impairment=impairment,
                             refused=self._refused)  # fmt: skip
        self.associations: Associations | None = None
        self._waiting: dict[int, tuple[asyncio.Future[Response], Address]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: Alarm | None = None
        # those that spoke no DTLS to a server which does not mind
        self._unprotected: set[Address] = set()
        self.requests = 0
        self.problems: deque[Problem] = deque(maxlen=_MOST_PROBLEMS)  # what was wrong with peers
        self.endpoint = CoapEndpoint(
            random.Random(self._knobs.seed),
            parameters=self._knobs.transmission,
            message_knobs=self._knobs.message,
            server_knobs=self._knobs.server or ServerKnobs(szx=self._szx),
        )

    # --- life ---

    async def start(self) -> None:
        """Open the socket."""
        if self._settings is not None:
            self.associations = Associations(
                self._port,
                self._settings,
                self._plain,
                self._gone,
                name=self._name,
                mtu=self._mtu,
                key_line=self._secret,
                listen=self._handler is not None and self._settings.identity is not None,
                bounds=self._bounds,
                cookies=self._knobs.cookies,
                spoil=self._knobs.spoil,
                flights=self._knobs.flights,
                fault=self._knobs.fault,
                connection_ids=self._knobs.connection_ids,
            )
        await self._port.open(self._host, self._port_number, self._peer)

    async def stop(self) -> None:
        """Say goodbye and close the socket."""
        if self.associations is not None:
            self.associations.close()
        for task in self._tasks:
            task.cancel()
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(Unreachable("the link was closed"))
        if self._alarm is not None:
            self._alarm.cancel()
        self._port.close()
        # asyncio closes the socket in its next round
        await asyncio.sleep(0)

    async def __aenter__(self) -> CoapLink:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def address(self) -> Address:
        """Return where the socket is."""
        return self._port.address

    @property
    def alerts(self) -> deque[Alert]:
        """Return the alerts of associations that are over."""
        return self.associations.alerts if self.associations is not None else deque()

    def session(self, address: Address) -> DtlsSession | None:
        """Return the DTLS association with an address."""
        return self.associations.session(address) if self.associations is not None else None

    def _secret(self, line: bytes) -> None:
        if self._tape is not None:
            self._tape.secret(line)
        if self._key_line is not None:
            self._key_line(line)

    # --- datagrams ---

    def _take(self, data: bytes, address: Address) -> None:
        if self._knobs.fault is PeersFault.OPEN and data[:1] >= _PLAIN:
            self._unprotected.add(address)
        if self.associations is not None and address not in self._unprotected:
            self.associations.take(data, address)
        else:
            self._plain(data, address)

    def _plain(self, data: bytes, address: Address) -> None:
        if self._knobs.watch is not None:
            self._knobs.watch(False, data, address)
        self.endpoint.receive(data, address, self._clock.now())
        self._flush()

    def _refused(self, address: Address) -> None:
        if self.associations is not None:
            self.associations.refused(address)

    def send(self, data: bytes, address: Address, fault: RecordFault | None = None) -> None:
        """Send one CoAP datagram, or bytes that are none, through DTLS where that is spoken."""
        if self._knobs.watch is not None:
            self._knobs.watch(True, data, address)
        if self.associations is not None and address not in self._unprotected:
            self.associations.send(data, address, fault)
        else:
            self._port.send([data], address)

    def _gone(self, address: Address, why: str) -> None:
        """Learn that an association is over, and tell who waits for its peer."""
        for handle, (future, asked) in list(self._waiting.items()):
            if asked == address:
                del self._waiting[handle]
                if not future.done():
                    future.set_exception(Unreachable(why))
        self.endpoint.forget(address, self._clock.now())

    # --- time ---

    def _flush(self, copies: int = 1, fault: RecordFault | None = None) -> None:
        while events := self.endpoint.events():
            for event in events:
                self._event(event)
        for datagram in self.endpoint.send(self._clock.now()):
            for _ in range(copies):
                self.send(datagram.data, cast(Address, datagram.address), fault)
        self._arm()

    def _arm(self) -> None:
        """Wake up when the endpoint wants to send again."""
        due = self.endpoint.timer()
        if self._alarm is not None:
            if self._alarm.when == due:
                return
            self._alarm.cancel()
        self._alarm = self._clock.call_at(due, self._on_alarm) if due is not None else None

    def _on_alarm(self) -> None:
        self._alarm = None
        # a timer of the wall may come a little early
        self.endpoint.handle_timer(self._clock.now())
        self._flush()

    # --- requests and answers ---

    def _event(self, event: Event) -> None:
        if isinstance(event, RequestArrived):
            self._begin(event)
        elif isinstance(event, Problem):
            self.problems.append(event)
        elif isinstance(event, ResponseArrived | RequestFailed):
            future, address = self._waiting.pop(event.handle, (None, ("", 0)))
            if isinstance(event, ResponseArrived):
                if future is not None and not future.done():
                    future.set_result(self.binding.from_response(event.response))
                return
            if future is not None and not future.done():
                text = f"{event.failure}" + (f" ({event.text})" if event.text else "")
                future.set_exception(Unreachable(f"CoAP: {text}"))
            if event.failure in (Failure.GAVE_UP, Failure.TIMEOUT) and self.associations:
                # a peer that lost its state answers nothing on the old association
                self.associations.drop(address, "the peer is silent")

    def _begin(self, event: RequestArrived) -> None:
        self.requests += 1
        if self._handler is None:
            self._respond(event.reference, make_response(NOT_FOUND))
        elif len(self._tasks) >= _MOST_TASKS:
            self._respond(event.reference, make_response(SERVICE_UNAVAILABLE))
        elif not self.binding.acceptable(event.request):
            self._respond(event.reference, self.binding.to_response(Response(406)))
        else:
            task = asyncio.ensure_future(self._answer(self._handler, event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _caller(self, address: Address) -> Caller:
        known = self.associations
        return Caller(address, known.session(address) if known is not None else None)

    async def _answer(self, handler: CoapHandler, event: RequestArrived) -> None:
        request = self.binding.from_request(event.request)
        try:
            response = await handler(request, self._caller(cast(Address, event.address)))
        except Broken:
            return
        except Exception as error:
            # a handler that fails is a fault of ours
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"the handler of {request.path[:80]} failed", "exception": error}
            )
            response = Response(500)
        self._respond(event.reference, self.binding.to_response(response))
        self._flush()

    def _respond(self, reference: int, response: CoapResponse) -> None:
        self.endpoint.respond(reference, response, self._clock.now())

    async def ask(
        self, address: Address, request: Request, knobs: RequestKnobs | None = None
    ) -> Response:
        """Send a request and return its answer; raises Unreachable."""
        shape = request.shape if isinstance(request, ShapedRequest) else None
        if shape is not None and shape.leaving is not None and self.associations is not None:
            self.associations.leave(address, shape.leaving)
        await self._reach(address)
        asked = self.binding.to_request(request, self._name)
        chosen = knobs or self._knobs.request or RequestKnobs(szx=self._szx)
        if shape is not None:
            if shape.datagram:
                self.send(shape.datagram, address)
                raise Unanswered("a datagram of the test's own")
            asked = shape.apply(asked)
            chosen = shape.knobs(asked.body, self._szx)
            if shape.moved:
                await self._port.move()
        handle = self.endpoint.request(asked, address, self._clock.now(), chosen)
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[handle] = (future, address)
        self._flush(shape.copies, shape.record) if shape is not None else self._flush()
        try:
            return await future
        except Unreachable as error:
            if shape is not None and shape.is_stray:
                raise Unanswered(str(error)) from None
            raise
        finally:
            if self._waiting.pop(handle, None) is not None:
                self.endpoint.cancel(handle, self._clock.now())

    async def _reach(self, address: Address) -> None:
        """Have an association where DTLS is spoken; raises Unreachable."""
        session = self.session(address)
        if self.associations is None or (session is not None and session.established):
            return
        if not self._carries():
            # the library's timer reads the wall, which a scenario clock does not wait for
            await self._clock.sleep(self._bounds.patience)
            if not self._carries():
                raise Unreachable(f"DTLS: no answer within {self._bounds.patience:g} s")
        try:
            with self._clock.hold():
                await self.associations.reach(address)
        except TlsFailure as error:
            raise Unreachable(f"DTLS: {error}") from None


def largest_block(mtu: int) -> int:
    """Return the size exponent of the largest block that fits a datagram. RFC 7959 §2.2."""
    return max((szx for szx in range(7) if (16 << szx) + _OVERHEAD <= mtu), default=0)
