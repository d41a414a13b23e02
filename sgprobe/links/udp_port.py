"""One UDP socket with what a link has beside it: tape, clock and impairment."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from sgprobe.links.clock import Clock
from sgprobe.links.impairment import Impairment, Perfect
from sgprobe.links.tape import Address, Tape

# thousands of peers may speak in the same moment; the system grants what it allows
_BUFFER = 8 << 20


class UdpPort(asyncio.DatagramProtocol):
    """Hands datagrams up, and sends datagrams, as the impairment lets them through."""

    def __init__(
        self,
        receive: Callable[[bytes, Address], None],
        *,
        clock: Clock,
        tape: Tape | None = None,
        impairment: Impairment | None = None,
        refused: Callable[[Address], None] = lambda address: None,
    ) -> None:
        self._receive = receive
        self._clock = clock
        self._tape = tape
        self._impairment = impairment or Perfect()
        self._refused = refused
        self._peer: Address | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self.address: Address = ("", 0)

    async def open(self, host: str, port: int, peer: Address | None = None) -> None:
        """Open the socket; with a `peer` it hears nobody else, and learns where nobody listens."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(host, port), remote_addr=peer
        )
        self._peer = peer
        self._transport = transport
        self.address = transport.get_extra_info("sockname")[:2]
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)

    async def move(self) -> None:
        """Go on from another port of the same host."""
        left = self._transport
        await self.open(self.address[0], 0, self._peer)
        if left is not None:
            left.close()

    def close(self) -> None:
        """Close the socket; what is still on its way is lost."""
        if self._transport is not None:
            self._transport.close()

    # --- asyncio ---

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a datagram from the socket."""
        address = addr[:2]
        self._clock.touch()
        if self._tape is not None:
            self._tape.datagram(address, self.address, data)
        for delay, one in self._impairment.inward(data, self._clock.now()):
            self._later(delay, self._up, one, address)

    def error_received(self, exc: Exception) -> None:
        """Learn of an ICMP error, which anybody can forge: who stands above decides."""
        if self._peer is not None and isinstance(exc, ConnectionRefusedError):
            self._refused(self._peer)

    # --- both ways ---

    def send(self, datagrams: list[bytes], address: Address) -> None:
        """Send datagrams."""
        for data in datagrams:
            for delay, one in self._impairment.outward(data, self._clock.now()):
                self._later(delay, self._wire, one, address)

    def _later(
        self, delay: float, act: Callable[[bytes, Address], None], data: bytes, address: Address
    ) -> None:
        if delay <= 0:
            act(data, address)
        else:
            self._clock.call_at(self._clock.now() + delay, lambda: act(data, address))

    def _up(self, data: bytes, address: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._receive(data, address)

    def _wire(self, data: bytes, address: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            if self._tape is not None:
                self._tape.datagram(self.address, address, data)
            self._clock.touch()
            self._transport.sendto(data, None if self._peer is not None else address)
