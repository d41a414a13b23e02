"""APDUs over TCP: each message is its length in two octets and its octets.

The protocol is that of vpcd, the virtual reader of PC/SC: a message of one octet is a command to
the slot (0 power off, 1 power on, 2 reset, 4 tell the ATR), all else is a command APDU. The reader
asks, the card answers; only the ATR and APDUs are answered. A virtual card calls vpcd, which
listens; without vpcd the card listens, and the reader calls.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import cast

from sgprobe.links.card import ReaderGone
from sgprobe.links.card_slot import MAX_ANSWER, ServedCard
from sgprobe.links.tape import Address

VPCD_PORT = 35963
POWER_OFF, POWER_ON, RESET, ATR = 0, 1, 2, 4
_MOST = 0xFFFF
_MOST_READERS = 16
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class Frames:
    """Cuts what comes in into messages."""

    def __init__(self) -> None:
        self._held = bytearray()

    def take(self, data: bytes) -> Iterator[bytes]:
        """Take bytes; give the messages that are whole."""
        held = self._held
        held += data
        at = 0
        while len(held) >= at + 2:
            end = at + 2 + int.from_bytes(held[at : at + 2], "big")
            if end > len(held):
                break
            yield bytes(held[at + 2 : end])
            at = end
        del held[:at]


def frame(message: bytes) -> bytes:
    """Return a message with its length."""
    if len(message) > _MOST:
        raise ReaderGone(f"a message of {len(message)} octets; {_MOST} is the most")
    return len(message).to_bytes(2, "big") + message


class _Quick(asyncio.Protocol):
    """One connection that acknowledges at once.

    vpcd writes length and body apart; with Nagle there and a late ACK here, each APDU would cost
    40 ms. Linux forgets the wish with each answer that we send, so it is told again.
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.frames = Frames()
        self._socket: socket.socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._socket = transport.get_extra_info("socket")
        assert self._socket is not None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._quick()

    def _quick(self) -> None:
        if _QUICKACK is not None and self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def data_received(self, data: bytes) -> None:
        for message in self.frames.take(data):
            self.message(message)

    def message(self, message: bytes) -> None:
        raise NotImplementedError

    def say(self, message: bytes) -> None:
        """Send one message."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(frame(message))
            self._quick()


class _CardSide(_Quick):
    """Answers for a card."""

    def __init__(self, card: ServedCard) -> None:
        super().__init__()
        self._card = card
        loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = loop.create_future()

    def message(self, message: bytes) -> None:
        try:
            if len(message) != 1:
                self.say(self._card.answer(message))
            elif message[0] == ATR:
                self.say(self._card.atr)
            elif message[0] in (POWER_ON, RESET):
                self._card.reset()
        except ReaderGone:
            # a device that was taken away says nothing
            if self.transport is not None:
                self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result(None)


class _Closed(asyncio.Protocol):
    """Takes a connection and ends it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


class VirtualCard:
    """A card in a slot of vpcd: any PC/SC program on the machine sees it."""

    def __init__(self, card: ServedCard, address: Address = ("127.0.0.1", VPCD_PORT)) -> None:
        self._card = card
        self._address = address
        self._side: _CardSide | None = None

    async def insert(self) -> None:
        """Put the card into the slot; raises ReaderGone where vpcd does not listen."""
        loop = asyncio.get_running_loop()
        host, port = self._address
        try:
            _, self._side = await loop.create_connection(lambda: _CardSide(self._card), host, port)
        except OSError as error:
            raise ReaderGone(
                f"vpcd does not listen on {host}:{port} ({error.strerror or error}); "
                "is pcscd running, with vsmartcard-vpcd installed?"
            ) from None

    async def served(self) -> None:
        """Wait until the slot is gone."""
        assert self._side is not None
        await self._side.gone

    async def remove(self) -> None:
        """Take the card out."""
        if self._side is not None and self._side.transport is not None:
            self._side.transport.close()
            await self._side.gone

    async def __aenter__(self) -> VirtualCard:
        await self.insert()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.remove()


class CardServer:
    """A card that listens; readers take turns on it, as nothing keeps them apart."""

    def __init__(self, card: ServedCard, host: str = "127.0.0.1", port: int = 0) -> None:
        self._card = card
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._open: set[_CardSide] = set()

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._side, self._host, self._port)

    def _side(self) -> asyncio.BaseProtocol:
        if len(self._open) >= _MOST_READERS:
            return _Closed()
        side = _CardSide(self._card)
        self._open.add(side)
        side.gone.add_done_callback(lambda _: self._open.discard(side))
        return side

    @property
    def address(self) -> Address:
        """Return where it listens."""
        assert self._server is not None
        return cast(Address, self._server.sockets[0].getsockname()[:2])

    async def stop(self) -> None:
        """Close the listener and all connections."""
        if self._server is not None:
            self._server.close()
            for side in list(self._open):
                if side.transport is not None:
                    side.transport.abort()
            await self._server.wait_closed()

    async def __aenter__(self) -> CardServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class _ReaderSide(_Quick):
    """Asks a card, one command after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: asyncio.Future[bytes] | None = None
        self._over = False

    async def ask(self, message: bytes, seconds: float) -> bytes:
        if self._over:
            raise ReaderGone("the card closed the connection")
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self.say(message)
        try:
            async with asyncio.timeout(seconds):
                return await waiting
        except TimeoutError:
            # an answer that came now would be taken for that of the next command
            self.end("the card did not answer in time")
            raise ReaderGone(f"the card did not answer within {seconds:g} s") from None

    def message(self, message: bytes) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.done():
            self.end("the card answered what nobody asked")
        else:
            waiting.set_result(message)

    @property
    def over(self) -> bool:
        """Say whether the connection has ended."""
        return self._over

    def end(self, text: str) -> None:
        self._over = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ReaderGone(text))
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end("the card closed the connection")


class TcpReader:
    """Reads a card that listens."""

    def __init__(self, address: Address, timeout: float = 30.0) -> None:
        self._address = address
        self._timeout = timeout
        self._side: _ReaderSide | None = None
        self._turn = asyncio.Lock()

    async def transmit(self, apdu: bytes) -> bytes:
        """Send one command and return the response; raises ReaderGone."""
        if len(apdu) < 2:
            raise ReaderGone(f"{apdu.hex()} is no command: one octet is for the slot")
        async with self._turn:
            return (await (await self._connected()).ask(apdu, self._timeout))[:MAX_ANSWER]

    async def atr(self) -> bytes:
        """Return the ATR."""
        async with self._turn:
            return await (await self._connected()).ask(bytes([ATR]), self._timeout)

    async def reset(self) -> None:
        """Reset the card; one that had gone away is looked for again."""
        async with self._turn:
            if self._side is not None and self._side.over:
                self._side = None
            (await self._connected()).say(bytes([RESET]))

    async def _connected(self) -> _ReaderSide:
        if self._side is None:
            host, port = self._address
            try:
                _, self._side = await asyncio.get_running_loop().create_connection(
                    _ReaderSide, host, port
                )
            except OSError as error:
                text = f"no card listens on {host}:{port} ({error.strerror or error})"
                raise ReaderGone(text) from None
            self._side.say(bytes([POWER_ON]))
        return self._side

    async def close(self) -> None:
        """Let go of the card."""
        if self._side is not None:
            self._side.say(bytes([POWER_OFF]))
            self._side.end("the reader was closed")
            self._side = None
