"""An HTTPS (or plain HTTP) server: sockets below, `Request` in and `Response` out above."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

from OpenSSL import SSL

from sgprobe.exchange import Request, Response
from sgprobe.links.ca_hint import hinted
from sgprobe.links.caller import Caller
from sgprobe.links.clock import Clock, WallClock
from sgprobe.links.fault import Broken, Fault, FaultPlan
from sgprobe.links.handshake_fault import Spoil
from sgprobe.links.hello import client_hello, knows_brainpool_in_tls13, older_context
from sgprobe.links.http_side import HttpServerSide, ServerSide, make_server_side
from sgprobe.links.impairment import Impairment
from sgprobe.links.pipe import SERVER, Pipe
from sgprobe.links.tape import Address, Tape
from sgprobe.links.tls import (
    MAX_ALERTS,
    TLS12,
    Alert,
    TlsFailure,
    TlsSession,
    TlsSettings,
    make_context,
)

# who asked: address, the certificates that came in TLS, the protocol version
Handler = Callable[[Request, Caller], Awaitable[Response]]

# a connection that moves less than this in its idle time, and waits for nothing, is closed
_LEAST = 1024
# what a client may send ahead while its request is being answered
_AHEAD = 256 * 1024


class HttpsServer:
    """Listens on one address; give it port 0 to have a free one."""

    def __init__(
        self,
        handler: Handler,
        settings: TlsSettings | None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tape: Tape | None = None,
        faults: FaultPlan | None = None,
        spoil: Spoil | None = None,
        impairment: Impairment | None = None,
        clock: Clock | None = None,
        key_line: Callable[[bytes], None] | None = None,
        idle: float = 60.0,
        most: int = 20_000,
    ) -> None:
        self.handler = handler
        self.tape = tape
        self.faults = faults
        self.spoil = spoil
        # so many connections of TLS 1.2 are asked for another handshake, as soon as they stand
        self.anew = 0
        # takes faults out of what comes: a server that overlooks them
        self.mend: Spoil | None = None
        self.impairment = impairment
        self.clock = clock or WallClock()
        self.idle = idle
        self.most = most
        self.requests = 0
        self.refused = 0  # connections beyond the bound
        self.alerts: deque[Alert] = deque(maxlen=MAX_ALERTS)
        self.failures: deque[str] = deque(maxlen=MAX_ALERTS)  # handshakes and records that failed
        self._key_line = key_line
        self.check_peer: Callable[[tuple[bytes, ...]], str] | None = None
        self.context: SSL.Context | None = None
        self._older: SSL.Context | None = None
        self._by_hint: dict[bytes, SSL.Context] = {}
        if settings is not None:
            self.use(settings)
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self.open: set[_Connection] = set()

    def use(self, settings: TlsSettings) -> None:
        """Present another certificate, or ask for another one, from the next connection on."""
        self.context = make_context(settings, True, self._secret)
        self._older = older_context(settings, self._secret)
        self._by_hint = {
            one: make_context(
                replace(settings, identity=own, highest=min(settings.highest, TLS12)),
                True,
                self._secret,
            )
            for one, own in settings.by_hint
        }
        self.check_peer = settings.check_peer

    def make_session(self) -> TlsSession | None:
        """Return the TLS session of a new connection, None where HTTP is plain."""
        context, older, by_hint = self.context, self._older, self._by_hint
        if context is None:
            return None

        def choose(first: bytes) -> SSL.Context | None:
            hello = client_hello(first)
            if hello is None:
                return None
            wanted = next((by_hint[one] for one in hinted(hello) if one in by_hint), None)
            if wanted is not None or older is None:
                return wanted or context
            return context if knows_brainpool_in_tls13(hello) else older

        return TlsSession(context, True, check_peer=self.check_peer,
                          choose=choose if older is not None or by_hint else None)  # fmt: skip

    def _secret(self, line: bytes) -> None:
        if self.tape is not None:
            self.tape.secret(line)
        if self._key_line is not None:
            self._key_line(line)

    @property
    def address(self) -> Address:
        """Return where it listens."""
        assert self._server is not None
        return cast(Address, self._server.sockets[0].getsockname()[:2])

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self).pipe, self._host, self._port, backlog=4096
        )

    async def stop(self) -> None:
        """Close the listener and all connections."""
        if self._server is not None:
            self._server.close()
            for connection in list(self.open):
                connection.pipe.reset()
            await self._server.wait_closed()

    async def __aenter__(self) -> HttpsServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class _Connection:
    """One connection: TLS, HTTP, and the answers on their way."""

    def __init__(self, home: HttpsServer) -> None:
        self._home = home
        self.pipe = Pipe(self, SERVER, clock=home.clock, tape=home.tape,
                         impairment=home.impairment)  # fmt: skip
        self._session = home.make_session()
        self._side: ServerSide | None = None if self._session else HttpServerSide()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._caller = Caller(("", 0), self._session)
        self._moved = 0  # octets since the last look
        self._ahead = 0  # octets since the request that is being answered
        self._unsent = 0  # at the last look
        self._over = False  # the client will say no more

    # --- from the pipe ---

    def opened(self) -> None:
        home = self._home
        if len(home.open) >= home.most:
            home.refused += 1
            self.pipe.reset()
            return
        home.open.add(self)
        self._caller = Caller(self.pipe.peer, self._session)
        self._watch()

    def received(self, data: bytes) -> None:
        self._moved += len(data)
        if self._tasks:
            self._ahead += len(data)
            if self._ahead > _AHEAD:
                self.pipe.stop_reading("answer")
        if self._session is None:
            self._take(data)
            return
        if self._home.mend is not None and not self._session.established:
            data = self._home.mend(data)
        begun = self._session.established
        try:
            plain = self._session.receive(data)
        except TlsFailure as failure:
            self._home.failures.append(str(failure))
            self._flush()
            self.pipe.close()
            return
        if self._home.anew and self._session.established and not begun:
            self._home.anew -= 1
            self._session.ask_anew()
        self._flush()
        for part in plain:
            self._take(part)
        if self._session.over:
            self._over = True
            self._end()

    def half_closed(self) -> None:
        # who asked and then closed its side still gets the answer
        self._over = True
        self._end()

    def closed(self, error: Exception | None) -> None:
        self._home.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._session is not None:
            self._home.alerts += self._session.alerts
            self._session.forget()

    # --- below ---

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._home.idle, self._look)

    def _look(self) -> None:
        """Close a connection that stood still, or only trickled, since the last look."""
        unsent, moved = self.pipe.unsent, self._moved
        taken = unsent < self._unsent
        self._unsent, self._moved = unsent, 0
        if unsent and not taken and moved < _LEAST:
            self.pipe.reset()
        elif moved < _LEAST and not taken and not self._tasks:
            self._close()
        self._watch()

    def _write(self, data: bytes) -> None:
        if not data:
            return
        if self._session is not None:
            self._session.send(data)
            self._flush()
        else:
            self.pipe.write(data)

    def _flush(self) -> None:
        if self._session is not None:
            data, spoil = self._session.outgoing(), self._home.spoil
            self.pipe.write(data if spoil is None else spoil(data))

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._flush()
        self.pipe.close()

    # --- above ---

    def _take(self, plain: bytes) -> None:
        if self._side is None:
            assert self._session is not None
            self._side = make_server_side(self._session.alpn, plain)
        self._begin(self._side.receive(plain))

    def _begin(self, asked: list[tuple[Any, Request]]) -> None:
        assert self._side is not None
        for stream, request in asked:
            self._home.requests += 1
            # a whole request is progress, however small
            self._moved += _LEAST
            task = asyncio.ensure_future(self._answer(stream, request, self._home.requests))
            self._tasks.add(task)
            task.add_done_callback(self._answered)
        self._write(self._side.outgoing())
        self._end()

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self.pipe.gone:
            return
        error = task.exception()
        if error is not None:
            _report("an answer could not be sent", error)
            self.pipe.reset()
            return
        if not self._tasks:
            self._ahead = 0
            self.pipe.go_on_reading("answer")
        if self._side is not None:
            self._begin(self._side.next())

    def _end(self) -> None:
        """Close where nothing more is to come."""
        side = self._side
        if self._tasks or (side is not None and side.busy):
            return
        if self._over or (side is not None and (side.broken or side.finished)):
            self._close()

    async def _answer(self, stream: Any, request: Request, number: int) -> None:
        fault = self._home.faults(request, number) if self._home.faults is not None else None
        if fault is not None and fault.reset:
            self.pipe.reset()
            return
        cut = fault.cut if fault is not None else None
        try:
            response = await self._ask(request)
        except Broken as broken:
            if broken.response is None:
                self.pipe.reset()
                return
            response, cut = broken.response, broken.octets
        if fault is not None:
            if fault.delay:
                await self._home.clock.sleep(fault.delay)
            if fault.silence:
                return
            response = _with_fault(response, fault)
        assert self._side is not None
        self._write(self._side.answer(stream, response, cut))
        if cut is not None:
            # what is cut must reach the other side before the reset does
            with self._home.clock.hold():
                await asyncio.sleep(0.01)
            self.pipe.reset()

    async def _ask(self, request: Request) -> Response:
        """Have the request answered; a handler that fails is a fault of ours, and answers 500."""
        try:
            return await self._home.handler(request, self._caller)
        except Broken:
            raise
        except Exception as error:
            _report(f"the handler of {request.path[:80]} failed", error)
            return Response(500, headers=(("connection", "close"),))


def _report(text: str, error: BaseException) -> None:
    asyncio.get_running_loop().call_exception_handler({"message": text, "exception": error})


def _with_fault(response: Response, fault: Fault) -> Response:
    names = {name.lower() for name, _ in fault.headers}
    kept = tuple(pair for pair in response.headers if pair[0].lower() not in names)
    status = fault.status if fault.status is not None else response.status
    return Response(status, response.media, response.body, kept + fault.headers)
