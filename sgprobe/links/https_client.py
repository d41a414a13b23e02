"""An HTTPS (or plain HTTP) client of one address; connections are kept while they live."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import h11
from cryptography import x509
from OpenSSL import SSL

from sgprobe.exchange import Request, Response
from sgprobe.links.clock import Clock, WallClock, deadline
from sgprobe.links.handshake_fault import Spoil
from sgprobe.links.http_side import HttpClientSide, PacedRequest
from sgprobe.links.impairment import Impairment
from sgprobe.links.pipe import CLIENT, Pipe
from sgprobe.links.tape import Address, Tape
from sgprobe.links.tls import (
    MAX_ALERTS,
    Alert,
    TlsFailure,
    TlsSession,
    TlsSettings,
    make_context,
    server_name,
    tell_time,
)

_KEPT = 4
_T = TypeVar("_T")


class Unreachable(Exception):
    """The server cannot be reached, or went away before its answer was whole."""


class HttpsClient:
    """Asks one server; requests that are asked at once go on connections of their own."""

    def __init__(
        self,
        address: Address,
        settings: TlsSettings | None,
        *,
        name: str = "",
        tape: Tape | None = None,
        impairment: Impairment | None = None,
        clock: Clock | None = None,
        key_line: Callable[[bytes], None] | None = None,
        timeout: float = 30.0,
        check_name: bool = True,
        spoil: Spoil | None = None,
    ) -> None:
        self._address = address
        self._name = name
        self._tape = tape
        self._impairment = impairment
        self._clock = clock or WallClock()
        self._key_line = key_line
        self._timeout = timeout
        self.spoil = spoil
        # takes faults out of what comes: a client that overlooks them
        self.mend: Spoil | None = None
        self._settings = settings
        self._check_name = check_name and settings is not None and settings.verify
        self._context = (
            make_context(settings, False, self._secret) if settings is not None else None
        )
        self._kept: list[_Connection] = []
        # the last session, for a client that resumes
        self._earlier: SSL.Session | None = None
        self.alerts: deque[Alert] = deque(maxlen=MAX_ALERTS)
        self.server_chain: list[x509.Certificate] = []

    def _secret(self, line: bytes) -> None:
        if self._tape is not None:
            self._tape.secret(line)
        if self._key_line is not None:
            self._key_line(line)

    async def ask(self, request: Request) -> Response:
        """Send a request and return its answer; raises Unreachable."""
        return await self._reaching(self._ask(request))

    async def greet(self, *, stay: bool = False) -> None:
        """Make a connection with its handshake, and close it or let the server do so.

        Raises Unreachable.
        """
        await self._reaching(self._greet(stay=stay))

    async def _greet(self, *, stay: bool) -> None:
        connection = await self._connect()
        try:
            if stay:
                await connection.gone
        finally:
            connection.close()
        await asyncio.wait([connection.gone], timeout=1.0)

    async def _reaching(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do what needs the server, and say in one way why it cannot be had."""
        self._clock.touch()
        try:
            async with deadline(self._clock, self._timeout):
                return await work
        except TimeoutError:
            raise Unreachable(f"no answer within {self._timeout:g} s") from None
        except OSError as error:
            raise Unreachable(error.strerror or str(error)) from None
        except (OverflowError, UnicodeError):
            raise Unreachable(f"there is no address {self._address!r}") from None
        except TlsFailure as error:
            raise Unreachable(f"TLS: {error}") from None
        except h11.RemoteProtocolError as error:
            raise Unreachable(f"HTTP: {error}") from None

    async def sleep(self, seconds: float) -> None:
        """Let time pass on the clock of the link."""
        await self._clock.sleep(seconds)

    async def _ask(self, request: Request) -> Response:
        connection = self._idle() or await self._connect()
        try:
            response = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        if connection.session is not None and self._settings and self._settings.resumes:
            # a ticket of TLS 1.3 comes after the handshake
            self._earlier = connection.session.resumable
        if connection.reusable and len(self._kept) < _KEPT:
            self._kept.append(connection)
        else:
            connection.close()
        return response

    def _idle(self) -> _Connection | None:
        """Return a connection that waits, and still lives."""
        while self._kept:
            connection = self._kept.pop()
            if connection.reusable:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        host, port = self._address
        sni = self._name.split(":")[0]
        if sni:
            server_name(sni)
        authority = self._name or (host if ":" not in host else f"[{host}]")
        if port not in (80, 443) and ":" not in self._name:
            authority = f"{authority}:{port}"
        connection = _Connection(self, HttpClientSide(authority), sni)
        loop = asyncio.get_running_loop()
        with self._clock.hold():
            await loop.create_connection(lambda: connection.pipe, host, port)
        try:
            await connection.ready()
            if connection.session is not None:
                self.server_chain = connection.session.peer_chain
                if self._check_name and sni and not name_matches(self.server_chain[0], sni):
                    raise TlsFailure(f"the server's certificate is not for {sni}")
        except BaseException:
            connection.close()
            raise
        return connection

    def make_session(self, sni: str) -> TlsSession | None:
        """Return a TLS session for a new connection."""
        if self._context is None or self._settings is None:
            return None
        tell_time(self._context, self._settings)
        session = TlsSession(self._context, False, sni if self._settings.sni else "",
                             check_peer=self._settings.check_peer)  # fmt: skip
        if self._earlier is not None:
            session.resume(self._earlier)
        return session

    def make_pipe(self, connection: _Connection) -> Pipe:
        """Return the pipe of a new connection."""
        return Pipe(connection, CLIENT, clock=self._clock, tape=self._tape,
                    impairment=self._impairment)  # fmt: skip

    async def close(self) -> None:
        """Close the connections that are kept, and let the sockets go."""
        gone = [connection.gone for connection in self._kept]
        for connection in self._kept:
            connection.close()
        self._kept.clear()
        if gone:
            await asyncio.wait(gone, timeout=1.0)


class _Connection:
    """One connection with one exchange at a time."""

    def __init__(self, home: HttpsClient, side: HttpClientSide, sni: str) -> None:
        self._home = home
        self._side = side
        self.session = home.make_session(sni)
        self.pipe = home.make_pipe(self)
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[Response] | None = None
        self._dead: Exception | None = None

    async def ready(self) -> None:
        """Wait for the handshake."""
        await self._ready

    async def ask(self, request: Request) -> Response:
        """Send a request and wait for its answer."""
        if self._dead is not None:
            raise self._dead
        self._answer = asyncio.get_running_loop().create_future()
        data = self._side.ask(request)
        if isinstance(request, PacedRequest):
            await self._say_slowly(data, len(data) - len(request.body), request.pace)
        else:
            self._say(data)
        return await self._answer

    def _say(self, data: bytes) -> None:
        if self.session is not None:
            self.session.send(data)
            self._flush()
        else:
            self.pipe.write(data)

    async def _say_slowly(self, data: bytes, head: int, pause: float) -> None:
        """Send the head at once and the rest octet by octet, until the server has enough of it."""
        self._say(data[:head])
        for at in range(head, len(data)):
            await self._home.sleep(pause)
            if self._dead is not None or (self._answer is not None and self._answer.done()):
                return
            self._say(data[at : at + 1])

    @property
    def reusable(self) -> bool:
        """Say whether it can carry another request."""
        return self._dead is None and not self.pipe.gone and self._side.reusable

    def close(self) -> None:
        """Say goodbye and close; who still waits is told that the server was first."""
        self._die(Unreachable("the server closed the connection"))
        if self.session is not None:
            self.session.close()
            self._flush()
        self.pipe.close()

    # --- from the pipe ---

    def opened(self) -> None:
        if self.session is None:
            self._ready.set_result(None)
            return
        self.session.receive(b"")
        self._flush()

    def received(self, data: bytes) -> None:
        if self._dead is not None:
            return
        if self.session is None:
            self._take(data)
            return
        if self._home.mend is not None and not self.session.established:
            data = self._home.mend(data)
        try:
            plain = self.session.receive(data)
        except TlsFailure as failure:
            self._flush()
            self._die(failure)
            return
        self._flush()
        if self.session.established and not self._ready.done():
            self._ready.set_result(None)
        for part in plain:
            self._take(part)
        if self.session.over:
            self._take(b"")
            self.close()

    def half_closed(self) -> None:
        if not self._ready.done():
            self._die(Unreachable("the server closed the connection during the TLS handshake"))
        self._take(b"")
        self.close()

    def closed(self, error: Exception | None) -> None:
        self._die(error or Unreachable("the server closed the connection"))
        if self.session is not None:
            self._home.alerts += self.session.alerts
            self.session.forget()
        if not self.gone.done():
            self.gone.set_result(None)

    # --- inside ---

    def _flush(self) -> None:
        if self.session is not None:
            data, spoil = self.session.outgoing(), self._home.spoil
            self.pipe.write(data if spoil is None else spoil(data))

    def _take(self, plain: bytes) -> None:
        waiting = self._answer
        if waiting is None or waiting.done():
            if plain:
                self._die(Unreachable("the server sent something that was not asked for"))
            return
        try:
            response = self._side.receive(plain)
        except h11.RemoteProtocolError as error:
            early = Unreachable("the server closed the connection before its answer was whole")
            self._die(error if plain else early)
            return
        if response is not None:
            waiting.set_result(response)

    def _die(self, error: Exception) -> None:
        """Note why the connection can carry no more, and tell who waits."""
        if self._dead is None:
            self._dead = error
        for waiting in (self._ready, self._answer):
            if waiting is not None and not waiting.done():
                waiting.set_exception(self._dead)
                # who waits may have given up
                waiting.exception()


def name_matches(certificate: x509.Certificate, name: str) -> bool:
    """Say whether a certificate is for a DNS name; a common name is none. RFC 9525 §6."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        return False
    wanted = {name.lower()}
    parent = name.lower().partition(".")[2]
    if "." in parent:
        wanted.add(f"*.{parent}")
    return any(one.lower() in wanted for one in names)
