"""The eUICC in the slot: a card link that does what a device does, and tells what it carried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from dissectors.link.apdu import (
    ApduError,
    CommandApdu,
    Ins,
    ResponseApdu,
    class_on,
    select,
    terminal_capability,
)
from sgprobe.cases.match import Unresolved
from sgprobe.links.card import ISDR, CardLink, CardStatus, Transmit
from sgprobe.links.tape import Tape

_CHANNEL_BITS = 0x43


@dataclass(frozen=True, slots=True)
class Carried:
    """How a message went: the commands that carried it, its channel, the last status word."""

    segments: int = 0
    channel: int = 0
    sw: int = 0x9000


class Slot(CardLink):
    """The link to the ISD-R; a REFRESH is performed before the next ES10 command.

    With `basic` the ISD-R is selected on the basic channel, and none is opened.
    """

    def __init__(
        self,
        transmit: Transmit,
        *,
        reset: Callable[[], Awaitable[None]] | None = None,
        tape: Tape | None = None,
        basic: bool = False,
    ) -> None:
        super().__init__(transmit, reset=reset, tape=tape)
        self._basic = basic
        self.carried = Carried()

    async def open(self) -> None:
        """Announce the device, open a channel where one is wanted, and select the ISD-R."""
        if not self._basic:
            await super().open()
            return
        await self.apdu(terminal_capability())
        selected = await self._whole(select(ISDR, 0))
        if not selected.ok:
            raise CardStatus(selected.sw, "SELECT ISD-R")
        self._open = True

    async def apdu(self, command: bytes) -> ResponseApdu:
        """Send one APDU, and count what carries data."""
        if command[1] == Ins.FETCH:
            # the case or the link itself sees to it
            self.refresh_wanted = 0
        response = await super().apdu(command)
        there = self.carried
        more = command[1] == Ins.STORE_DATA
        self.carried = Carried(there.segments + more, self._channel, response.sw)
        return response

    async def command(self, command: bytes) -> bytes:
        """Send one command TLV or segment."""
        if self.refresh_wanted:
            await self.refresh()
        return await super().command(command)

    async def raw(self, command: bytes, channel: int | None = None) -> ResponseApdu:
        """Send one APDU as it is, on the channel of the dialogue or another; fetch its response."""
        if not self._open:
            await self.open()
        try:
            asked = CommandApdu.parse(command)
        except ApduError as error:
            raise Unresolved(f"that is no APDU: {error}") from None
        own = self._channel
        self._channel = own if channel is None else channel
        try:
            cla = class_on(asked.cla & ~_CHANNEL_BITS, self._channel)
            return await self._whole(bytes(replace(asked, cla=cla)))
        finally:
            self._channel = own

    def begin(self) -> None:
        """Count from here."""
        self.carried = Carried(channel=self._channel)
