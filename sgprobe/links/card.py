"""ES10 over APDUs: opens a channel to the ISD-R and carries command and response TLVs.

What carries the APDUs is one coroutine, so that a simulated card, a reader and a modem look alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from dissectors.link.apdu import (
    CHANNELS,
    ApduError,
    CommandApdu,
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
_NO_DIAGNOSIS, _WRONG_LENGTH = 0x6F00, 0x6700  # ISO 7816-4 §5.6
# ETSI TS 102 223: command details, device identities, result "performed successfully"
_PERFORMED = bytes.fromhex("810301010082028281830100")


class CardStatus(Exception):
    """The card answered a status word instead of data."""

    def __init__(self, sw: int, what: str) -> None:
        super().__init__(f"{what}: status word {sw:04X}")
        self.sw = sw


class ReaderGone(CardStatus):
    """The card cannot be reached, or says nothing that is an answer."""

    def __init__(self, text: str) -> None:
        Exception.__init__(self, text)
        self.sw = _NO_DIAGNOSIS


class CardLink:
    """One logical channel to the ISD-R of one card."""

    def __init__(
        self,
        transmit: Transmit,
        *,
        reset: Callable[[], Awaitable[None]] | None = None,
        tape: Tape | None = None,
        block: int = 255,
    ) -> None:
        self._transmit = transmit
        # what a device does to a card for a REFRESH; a simulated card resets itself
        self._reset = reset
        self._tape = tape
        self._block = block
        self._channel = 0
        self._open = False
        # the card asked for REFRESH: the device must reset it
        self.refresh_wanted = 0

    async def apdu(self, command: bytes) -> ResponseApdu:
        """Send one APDU."""
        try:
            answer = await self._transmit(command)
        except ReaderGone:
            self._open = False
            raise
        if self._tape is not None:
            self._tape.apdu(command, answer)
        try:
            response = ResponseApdu.parse(answer)
        except ApduError as error:
            raise ReaderGone(f"the card gave no answer: {error}") from None
        if response.sw >> 8 == 0x91:
            self.refresh_wanted = response.sw & 0xFF
        return response

    async def open(self) -> None:
        """Announce the device, open a logical channel and select the ISD-R."""
        await self.apdu(terminal_capability())  # cards that do not know it say so, no harm
        opened = await self.apdu(open_channel())
        if not opened.ok or not opened.data:
            raise CardStatus(opened.sw, "MANAGE CHANNEL")
        if not 0 < opened.data[0] < CHANNELS:
            raise ReaderGone(f"the card opened channel {opened.data[0]}, which does not exist")
        self._channel = opened.data[0]
        selected = await self._whole(select(ISDR, self._channel))
        if not selected.ok:
            await self.apdu(close_channel(self._channel))
            raise CardStatus(selected.sw, "SELECT ISD-R")
        self._open = True

    async def command(self, command: bytes) -> bytes:
        """Send one command TLV or BPP segment; return the response, which may be empty."""
        if not self._open:
            await self.open()
        try:
            blocks = store_data(command, self._channel, self._block)
        except ApduError as error:
            raise CardStatus(_WRONG_LENGTH, f"STORE DATA cannot carry it: {error}") from None
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
            again = replace(CommandApdu.parse(command), le=response.right_le)
            response = await self.apdu(bytes(again))
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
            if self._reset is not None:
                await self._reset()
        # after a REFRESH all logical channels are closed
        self._open = False

    def restarted(self) -> None:
        """Forget the channel: the card has lost its power."""
        self._open = False
        self.refresh_wanted = 0

    async def close(self) -> None:
        """Close the logical channel."""
        if self._open:
            self._open = False
            await self.apdu(close_channel(self._channel))
