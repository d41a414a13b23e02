"""An HTTPS (or plain HTTP) server: sockets below, `Request` in and `Response` out above."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from sgprobe.exchange import Request, Response
from sgprobe.links.fault import Fault, FaultPlan
from sgprobe.links.http_side import HttpServerSide, ServerSide, make_server_side
from sgprobe.links.tape import Address, Tape, TcpTape
from sgprobe.links.tls import Alert, TlsFailure, TlsSession, TlsSettings, make_context

# who asked: address, the certificates that came in TLS, the protocol version
Handler = Callable[[Request, "Caller"], Awaitable[Response]]


class Caller:
    """What a handler may know of the connection that a request came on."""

    __slots__ = ("address", "session")

    def __init__(self, address: Address, session: TlsSession | None) -> None:
        self.address = address
        self.session = session


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
        key_line: Callable[[bytes], None] | None = None,
        idle: float = 60.0,
    ) -> None:
        self.handler = handler
        self.tape = tape
        self.faults = faults
        self.idle = idle
        self.requests = 0
        self.alerts: list[Alert] = []
        self._key_line = key_line
        self.context = make_context(settings, True, self._secret) if settings is not None else None
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self.open: set[_Connection] = set()

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
            lambda: _Connection(self), self._host, self._port, backlog=4096
        )

    async def stop(self) -> None:
        """Close the listener and all connections."""
        if self._server is not None:
            self._server.close()
            for connection in list(self.open):
                connection.abort()
            await self._server.wait_closed()

    async def __aenter__(self) -> HttpsServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class _Connection(asyncio.Protocol):
    """One connection: socket, TLS, HTTP, and the answers on their way."""

    def __init__(self, home: HttpsServer) -> None:
        self._home = home
        self._transport: asyncio.Transport | None = None
        self._tape: TcpTape | None = None
        self._session = TlsSession(home.context, True) if home.context is not None else None
        self._side: ServerSide | None = None if self._session else HttpServerSide()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._caller = Caller(("", 0), self._session)

    # --- asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._home.open.add(self)
        peer = transport.get_extra_info("peername")[:2]
        self._caller = Caller(peer, self._session)
        if self._home.tape is not None:
            here = transport.get_extra_info("sockname")[:2]
            self._tape = self._home.tape.connection(peer, here)
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._home.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._tape is not None:
            if exc is None:
                self._tape.end(0)
            else:
                self._tape.reset(0)
        for task in self._tasks:
            task.cancel()
        if self._session is not None:
            self._home.alerts += self._session.alerts

    def data_received(self, data: bytes) -> None:
        self._rest()
        if self._tape is not None:
            self._tape.data(0, data)
        if self._session is None:
            self._take(data)
            return
        try:
            plain = self._session.receive(data)
        except TlsFailure:
            self._flush()
            self._close()
            return
        self._flush()
        for part in plain:
            self._take(part)
        if self._session.over:
            self._close()

    def eof_received(self) -> bool:
        return False

    # --- below ---

    def _rest(self) -> None:
        """Start the time anew after which a silent connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._home.idle, self._close)

    def _write(self, data: bytes) -> None:
        if not data:
            return
        if self._session is not None:
            self._session.send(data)
            self._flush()
        else:
            self._put(data)

    def _flush(self) -> None:
        if self._session is not None:
            self._put(self._session.outgoing())

    def _put(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            if self._tape is not None:
                self._tape.data(1, data)
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._session is not None:
            self._session.close()
            self._flush()
        if self._tape is not None:
            self._tape.end(1)
        self._transport.close()

    def abort(self) -> None:
        """Break the connection off with a reset."""
        if self._transport is not None and not self._transport.is_closing():
            if self._tape is not None:
                self._tape.reset(1)
            self._transport.abort()

    # --- above ---

    def _take(self, plain: bytes) -> None:
        if self._side is None:
            assert self._session is not None
            self._side = make_server_side(self._session.alpn, plain)
        for stream, request in self._side.receive(plain):
            self._home.requests += 1
            task = asyncio.ensure_future(self._answer(stream, request, self._home.requests))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._write(self._side.outgoing())
        if self._side.broken and not self._tasks:
            self._close()

    async def _answer(self, stream: Any, request: Request, number: int) -> None:
        fault = self._home.faults(request, number) if self._home.faults is not None else None
        if fault is not None and fault.reset:
            self.abort()
            return
        response = await self._home.handler(request, self._caller)
        if fault is not None:
            if fault.silence:
                return
            if fault.delay:
                await asyncio.sleep(fault.delay)
            response = _with_fault(response, fault)
        assert self._side is not None
        cut = fault.cut if fault is not None else None
        self._write(self._side.answer(stream, response, cut))
        if cut is not None:
            # what is cut must reach the other side before the reset does
            await asyncio.sleep(0.01)
            self.abort()
        elif self._side.broken or self._side.finished:
            self._close()


def _with_fault(response: Response, fault: Fault) -> Response:
    names = {name.lower() for name, _ in fault.headers}
    kept = tuple(pair for pair in response.headers if pair[0].lower() not in names)
    status = fault.status if fault.status is not None else response.status
    return Response(status, response.media, response.body, kept + fault.headers)
