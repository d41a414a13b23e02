"""An HTTPS (or plain HTTP) client: one address, one connection at a time, kept while it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import h11
from cryptography import x509

from sgprobe.exchange import Request, Response
from sgprobe.links.http_side import HttpClientSide
from sgprobe.links.tape import Address, Tape, TcpTape
from sgprobe.links.tls import Alert, TlsFailure, TlsSession, TlsSettings, make_context

_READ = 65536


class Unreachable(Exception):
    """The server cannot be reached, or went away before its answer was whole."""


class HttpsClient:
    """Asks one server."""

    def __init__(
        self,
        address: Address,
        settings: TlsSettings | None,
        *,
        name: str = "",
        tape: Tape | None = None,
        key_line: Callable[[bytes], None] | None = None,
        timeout: float = 30.0,
        check_name: bool = True,
    ) -> None:
        self._address = address
        self._name = name
        self._tape = tape
        self._key_line = key_line
        self._timeout = timeout
        self._check_name = check_name and settings is not None and settings.verify
        self._context = (
            make_context(settings, False, self._secret) if settings is not None else None
        )
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._session: TlsSession | None = None
        self._side: HttpClientSide | None = None
        self._track: TcpTape | None = None
        self.alerts: list[Alert] = []
        self.server_chain: list[x509.Certificate] = []

    def _secret(self, line: bytes) -> None:
        if self._tape is not None:
            self._tape.secret(line)
        if self._key_line is not None:
            self._key_line(line)

    async def ask(self, request: Request) -> Response:
        """Send a request and return its answer; raises Unreachable."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(request)
        except TimeoutError:
            await self.close()
            raise Unreachable(f"no answer within {self._timeout:g} s") from None
        except OSError as error:
            await self.close()
            raise Unreachable(error.strerror or str(error)) from None
        except TlsFailure as error:
            await self.close()
            raise Unreachable(f"TLS: {error}") from None
        except h11.RemoteProtocolError as error:
            await self.close()
            raise Unreachable(f"HTTP: {error}") from None

    async def _ask(self, request: Request) -> Response:
        if self._side is None or not self._side.reusable:
            await self.close()
            await self._connect()
        assert self._side is not None
        self._send(self._side.ask(request))
        while True:
            for part in await self._receive():
                response = self._side.receive(part)
                if response is not None:
                    if not self._side.reusable:
                        await self.close()
                    return response

    async def _connect(self) -> None:
        host, port = self._address
        self._reader, self._writer = await asyncio.open_connection(host, port)
        if self._tape is not None:
            here = self._writer.get_extra_info("sockname")[:2]
            self._track = self._tape.connection(here, self._address)
        authority = self._name or (host if ":" not in host else f"[{host}]")
        if port not in (80, 443):
            authority = f"{authority}:{port}" if ":" not in self._name else self._name
        self._side = HttpClientSide(authority)
        if self._context is None:
            return
        sni = self._name.split(":")[0]
        self._session = TlsSession(self._context, False, sni)
        self._session.receive(b"")
        self._put(self._session.outgoing())
        while not self._session.established:
            data = await self._reader.read(_READ)
            if not data:
                raise Unreachable("the server closed the connection during the TLS handshake")
            if self._track is not None:
                self._track.data(1, data)
            try:
                self._session.receive(data)
            finally:
                self._put(self._session.outgoing())
        self.server_chain = self._session.peer_chain
        if self._check_name and sni and not name_matches(self.server_chain[0], sni):
            raise TlsFailure(f"the server's certificate is not for {sni}")

    def _send(self, data: bytes) -> None:
        if self._session is not None:
            self._session.send(data)
            data = self._session.outgoing()
        self._put(data)

    def _put(self, data: bytes) -> None:
        if data and self._writer is not None:
            if self._track is not None:
                self._track.data(0, data)
            self._writer.write(data)

    async def _receive(self) -> list[bytes]:
        assert self._reader is not None
        data = await self._reader.read(_READ)
        if data and self._track is not None:
            self._track.data(1, data)
        if self._session is None:
            return [data]
        if not data:
            return [b""]
        plain = self._session.receive(data)
        self._put(self._session.outgoing())
        return [*plain, b""] if self._session.over else plain

    async def close(self) -> None:
        """Close the connection, if there is one."""
        writer, self._writer, self._side = self._writer, None, None
        session, self._session = self._session, None
        if writer is None:
            return
        if session is not None:
            self.alerts += session.alerts
            session.close()
            last = session.outgoing()
            if last and not writer.is_closing():
                if self._track is not None:
                    self._track.data(0, last)
                writer.write(last)
        if self._track is not None:
            self._track.end(0)
            self._track = None
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            return  # the other side was faster


def name_matches(certificate: x509.Certificate, name: str) -> bool:
    """Say whether a certificate is for a DNS name; without names, its common name counts."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        names = []
    if not names:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        names = [str(one.value) for one in common]
    wanted = name.lower()
    parent = wanted.partition(".")[2]
    return any(one.lower() in (wanted, f"*.{parent}") for one in names)
