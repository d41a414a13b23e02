"""ES10 over APDUs: opens a channel to the ISD-R and carries command and response TLVs.

What carries the APDUs is one coroutine, so that a simulated card, a reader and a modem look alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dissectors.link.apdu import (
    ResponseApdu,
    close_channel,
    get_response,
    open_channel,
    select,
    store_data,
    terminal_capability,
)
from sgprobe.links.tape import Tape

Transmit = Callable[[bytes], Awaitable[bytes]]

# SGP.22 §4.1
ISDR = bytes.fromhex("A0000005591010FFFFFFFF8900000100")
# GET RESPONSE rounds of one answer: a bound on what a card that never ends can do
_ROUNDS = 1024
_FETCH, _TERMINAL_RESPONSE = 0x12, 0x14
# ETSI TS 102 223: command details, device identities, result "performed successfully"
_PERFORMED = bytes.fromhex("810301010082028281830100")


class CardStatus(Exception):
    """The card answered a status word instead of data."""

    def __init__(self, sw: int, what: str) -> None:
        super().__init__(f"{what}: status word {sw:04X}")
        self.sw = sw


class CardLink:
    """One logical channel to the ISD-R of one card."""

    def __init__(self, transmit: Transmit, *, tape: Tape | None = None, block: int = 255) -> None:
        self._transmit = transmit
        self._tape = tape
        self._block = block
        self._channel = 0
        self._open = False
        # the card asked for REFRESH: the device must reset it
        self.refresh_wanted = 0

    async def apdu(self, command: bytes) -> ResponseApdu:
        """Send one APDU."""
        answer = await self._transmit(command)
        if self._tape is not None:
            self._tape.apdu(command, answer)
        response = ResponseApdu.parse(answer)
        if response.sw >> 8 == 0x91:
            self.refresh_wanted = response.sw & 0xFF
        return response

    async def open(self) -> None:
        """Announce the device, open a logical channel and select the ISD-R."""
        await self.apdu(terminal_capability())  # cards that do not know it say so, no harm
        opened = await self.apdu(open_channel())
        if not opened.ok or not opened.data:
            raise CardStatus(opened.sw, "MANAGE CHANNEL")
        self._channel = opened.data[0]
        selected = await self._whole(select(ISDR, self._channel))
        if not selected.ok:
            raise CardStatus(selected.sw, "SELECT ISD-R")
        self._open = True

    async def command(self, command: bytes) -> bytes:
        """Send one command TLV or BPP segment; return the response, which may be empty."""
        if not self._open:
            await self.open()
        blocks = store_data(command, self._channel, self._block)
        for block in blocks[:-1]:
            response = await self.apdu(block)
            if not response.ok:
                raise CardStatus(response.sw, "STORE DATA")
        response = await self._whole(blocks[-1])
        if not response.ok:
            raise CardStatus(response.sw, "STORE DATA")
        return response.data

    async def _whole(self, command: bytes) -> ResponseApdu:
        """Send a command and fetch all of its response."""
        response = await self.apdu(command)
        if response.right_le is not None:
            response = await self.apdu(command[:-1] + bytes([response.right_le % 256]))
        data = response.data
        for _ in range(_ROUNDS):
            if response.more is None:
                return ResponseApdu(data, response.sw)
            response = await self.apdu(get_response(response.more, self._channel))
            data += response.data
        raise CardStatus(response.sw, "GET RESPONSE does not end")

    async def refresh(self) -> None:
        """Fetch the REFRESH that the card announced, perform it, and select the ISD-R again."""
        if self.refresh_wanted:
            wanted, self.refresh_wanted = self.refresh_wanted, 0
            await self.apdu(bytes((0x80, _FETCH, 0, 0, wanted)))
            done = bytes((0x80, _TERMINAL_RESPONSE, 0, 0, len(_PERFORMED))) + _PERFORMED
            await self.apdu(done)
        # after a REFRESH all logical channels are closed
        self._open = False

    async def close(self) -> None:
        """Close the logical channel."""
        if self._open:
            self._open = False
            await self.apdu(close_channel(self._channel))
