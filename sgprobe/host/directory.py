"""Where names are: the address book that stands in for DNS on loopback, and the clients kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sgprobe.exchange import Request, Response
from sgprobe.links.clock import Clock, WallClock
from sgprobe.links.coap_binding import Binding
from sgprobe.links.coap_client import CoapClient
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.dtls_peers import Bounds
from sgprobe.links.handshake_fault import Spoil
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.impairment import Impairment
from sgprobe.links.tape import Address, Tape
from sgprobe.links.tls import TlsSettings

HTTPS, COAPS = "https", "coaps"
PORTS = {HTTPS: 443, "http": 80, COAPS: 5684, "coap": 5683}
_SECURE = (HTTPS, COAPS)


class Client(Protocol):
    """What asks one server, whatever carries it."""

    server_chain: list[x509.Certificate]

    async def ask(self, request: Request) -> Response:
        """Send a request and return its answer; raises Unreachable."""

    async def close(self) -> None:
        """Say goodbye."""


@dataclass(frozen=True, slots=True)
class Place:
    """One name's place: where it listens, and how to speak (D)TLS to it; None is in the clear.

    `carries` says whether anything gets through to it, where one process knows it.
    """

    address: Address
    settings: TlsSettings | None
    impairment: Impairment | None = None
    carries: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Coap:
    """How coaps:// is spoken: the binding, and what a test may turn."""

    binding: Binding = field(default_factory=Binding)
    knobs: CoapKnobs = field(default_factory=CoapKnobs)
    mtu: int = 1200


class Directory:
    """Finds a server by the authority of a URL; names it does not know are resolved.

    A name may have a place for each scheme, where `add` is told so.
    """

    def __init__(
        self,
        default: TlsSettings | None = None,
        *,
        tape: Tape | None = None,
        key_line: Callable[[bytes], None] | None = None,
        timeout: float = 30.0,
        clock: Clock | None = None,
        coap: Coap | None = None,
    ) -> None:
        self._places: dict[str, Place] = {}
        self._default = default
        self._tape = tape
        self._key_line = key_line
        self._timeout = timeout
        self.clock = clock or WallClock()
        self._coap = coap or Coap()
        self._clients: dict[str, Client] = {}
        # those that spoke to a place as it was before
        self._left: list[Client] = []
        self.asked: set[str] = set()  # hosts, for those who want to know who spoke to whom

    def add(self, name: str, place: Place, scheme: str = "") -> None:
        """Say where a name is, in one scheme or in all, and how it is spoken to from now on."""
        for address in [one for one in self._clients if urlsplit(one).hostname == name.lower()]:
            self._left.append(self._clients.pop(address))
        self._places[f"{scheme}://{name.lower()}" if scheme else name.lower()] = place

    def speak(self, name: str, settings: TlsSettings) -> None:
        """Say how TLS is spoken to a name from now on, where it is in this book."""
        for key in [one for one in self._places if one.rpartition("//")[2] == name.lower()]:
            place, scheme = self._places[key], key.rpartition("://")[0]
            self.add(name, replace(place, settings=settings), scheme)

    def client(self, address: str) -> Client:
        """Return the client for a URL's scheme and authority, such as https://eim.example.com."""
        if address not in self._clients:
            self._clients[address] = self._make(address)
        return self._clients[address]

    def bare(
        self, address: str, change: Callable[[TlsSettings], TlsSettings], spoil: Spoil | None
    ) -> HttpsClient:
        """Return a client for connections of their own, which nobody keeps."""
        client = self._make(address, change)
        if not isinstance(client, HttpsClient):
            raise Unreachable(f"{address}: only https:// has bare connections here")
        client.spoil = spoil
        return client

    def _make(
        self, address: str, change: Callable[[TlsSettings], TlsSettings] | None = None
    ) -> Client:
        parts = urlsplit(address if "://" in address else f"{HTTPS}://{address}")
        if parts.scheme not in PORTS or not parts.hostname:
            schemes = ", ".join(f"{name}://" for name in PORTS)
            raise Unreachable(f"{address}: only {schemes} are spoken here")
        self.asked.add(parts.hostname)
        place = self._place(parts.scheme, parts.netloc.lower(), parts.hostname)
        if place is None:
            port = parts.port or PORTS[parts.scheme]
            settings = self._default if parts.scheme in _SECURE else None
            place = Place((parts.hostname, port), settings)
        if change is not None and place.settings is not None:
            place = replace(place, settings=change(place.settings))
        name = parts.hostname if not _is_address(parts.hostname) else ""
        if parts.scheme.startswith("coap"):
            return self._coap_client(place, name)
        return HttpsClient(
            place.address,
            place.settings,
            name=name,
            tape=self._tape,
            impairment=place.impairment,
            clock=self.clock,
            key_line=self._key_line,
            timeout=self._timeout,
        )

    def _place(self, scheme: str, *names: str) -> Place | None:
        wanted = [*(f"{scheme}://{name}" for name in names), *names]
        return next((self._places[one] for one in wanted if one in self._places), None)

    def _coap_client(self, place: Place, name: str) -> CoapClient:
        def link(host: str, peer: Address, secure: bool) -> CoapLink:
            return CoapLink(
                place.settings if secure else None,
                host=host,
                name=name,
                mtu=self._coap.mtu,
                clock=self.clock,
                tape=self._tape,
                impairment=place.impairment,
                binding=self._coap.binding,
                knobs=self._coap.knobs,
                key_line=self._key_line,
                bounds=Bounds(patience=self._timeout),
                carries=place.carries,
                peer=peer,
            )

        return CoapClient(place.address, link, self.clock)

    def certificate(self, address: str) -> bytes | None:
        """Return the certificate that the server at an address has shown in TLS."""
        client = self._clients.get(address)
        if client is None or not client.server_chain:
            return None
        return client.server_chain[0].public_bytes(Encoding.DER)

    async def ask(self, address: str, request: Request) -> Response:
        """Send one request."""
        return await self.client(address).ask(request)

    async def close(self) -> None:
        """Close all connections."""
        for client in (*self._clients.values(), *self._left):
            await client.close()


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
