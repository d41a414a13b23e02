"""A client of one CoAP server, on a socket of its own, as an HttpsClient is of an HTTPS server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from cryptography import x509

from sgprobe.exchange import Request, Response
from sgprobe.links.clock import Clock, WallClock
from sgprobe.links.coap_link import CoapLink
from sgprobe.links.coap_shape import ShapedRequest, Which
from sgprobe.links.https_client import Unreachable
from sgprobe.links.tape import Address

# RFC 7252 §12.6, §12.7: where a server listens with DTLS, and where without
_SECURE, _INSECURE = 5684, 5683
# own host to bind to, peer, and whether DTLS is spoken
Make = Callable[[str, Address, bool], CoapLink]


class CoapClient:
    """Asks one server, from one socket; a test may have it ask from others as well."""

    def __init__(self, address: Address, make: Make, clock: Clock | None = None) -> None:
        self._address = address
        self._make = make
        self._clock = clock or WallClock()
        self._opening: dict[Which, asyncio.Task[tuple[CoapLink, Address]]] = {}
        self.server_chain: list[x509.Certificate] = []

    async def ask(self, request: Request) -> Response:
        """Send a request and return its answer; raises Unreachable."""
        self._clock.touch()
        which = request.shape.client if isinstance(request, ShapedRequest) else Which.USUAL
        if which not in self._opening:
            self._opening[which] = asyncio.ensure_future(self._open(which))
        opening = self._opening[which]
        try:
            # who gives up waiting does not end it for others
            link, address = await asyncio.shield(opening)
        except OSError as error:
            self._opening.pop(which, None)
            raise Unreachable(error.strerror or str(error)) from None
        except (OverflowError, UnicodeError):
            self._opening.pop(which, None)
            raise Unreachable(f"there is no address {self._address!r}") from None
        response = await link.ask(address, request)
        session = link.session(address)
        if session is not None:
            self.server_chain = session.peer_chain
        return response

    async def _open(self, which: Which) -> tuple[CoapLink, Address]:
        """Find the server, and open a socket that can reach it."""
        loop = asyncio.get_running_loop()
        # the system takes its own time for this
        with self._clock.hold():
            found = await loop.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)
            family, _, _, _, place = found[0]
            # what comes in is known by its address: a name will not do
            secure = which is not Which.INSECURE
            port = int(place[1])
            address = str(place[0]), _INSECURE if port == _SECURE and not secure else port
            link = self._make(_own_host(family, address), address, secure)
            await link.start()
        return link, address

    async def close(self) -> None:
        """Say goodbye and close the socket."""
        openings, self._opening = list(self._opening.values()), {}
        for opening in openings:
            await asyncio.wait([opening])
            if opening.exception() is None:
                await opening.result()[0].stop()


def _own_host(family: int, address: Address) -> str:
    """Return the host that the system sends from to an address."""
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect(address)
        return str(one.getsockname()[0])
