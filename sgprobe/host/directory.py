"""Where names are: the address book that stands in for DNS on loopback, and the clients kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from sgprobe.exchange import Request, Response
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.tape import Address, Tape
from sgprobe.links.tls import TlsSettings

_PORTS = {"https": 443, "http": 80, "coaps": 5684, "coap": 5683}


@dataclass(frozen=True, slots=True)
class Place:
    """One name's place: where it listens, and how to speak TLS to it; None is plain HTTP."""

    address: Address
    settings: TlsSettings | None


class Directory:
    """Finds a server by the authority of a URL; names it does not know are resolved."""

    def __init__(
        self,
        default: TlsSettings | None = None,
        *,
        tape: Tape | None = None,
        key_line: Callable[[bytes], None] | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._places: dict[str, Place] = {}
        self._default = default
        self._tape = tape
        self._key_line = key_line
        self._timeout = timeout
        self._clients: dict[str, HttpsClient] = {}
        self.asked: set[str] = set()  # hosts, for those who want to know who spoke to whom

    def add(self, name: str, place: Place) -> None:
        """Say where a name is."""
        self._places[name.lower()] = place

    def client(self, address: str) -> HttpsClient:
        """Return the client for a URL's scheme and authority, such as https://eim.example.com."""
        if address not in self._clients:
            self._clients[address] = self._make(address)
        return self._clients[address]

    def _make(self, address: str) -> HttpsClient:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise Unreachable(f"{address}: only https:// and http:// are spoken here")
        place = self._places.get(parts.netloc.lower()) or self._places.get(parts.hostname)
        self.asked.add(parts.hostname)
        if place is None:
            port = parts.port or _PORTS[parts.scheme]
            settings = self._default if parts.scheme == "https" else None
            place = Place((parts.hostname, port), settings)
        return HttpsClient(
            place.address,
            place.settings,
            name=parts.hostname if not _is_address(parts.hostname) else "",
            tape=self._tape,
            key_line=self._key_line,
            timeout=self._timeout,
        )

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
        for client in self._clients.values():
            await client.close()


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
