"""A card as links know it: what is served to others, and what reads a card of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from dissectors.link.apdu import (
    ApduError,
    CommandApdu,
    Ins,
    ResponseApdu,
    class_on,
    close_channel,
    open_channel,
    select,
)
from sgprobe.links.tape import Tape

_OK, _NOT_FOUND, _CHANNEL_CLOSED = b"\x90\x00", b"\x6a\x82", b"\x68\x81"
# ISO 7816-3 §12.1.3: no response to a command with short lengths is longer
MAX_ANSWER = 65_536 + 2
_CHANNELS = 4


@dataclass(frozen=True, slots=True)
class ServedCard:
    """A card that a link offers: what it answers, how it is reset, and its ATR."""

    apdu: Callable[[bytes], bytes]
    reset: Callable[[], bytes]
    atr: bytes
    tape: Tape | None = None

    def answer(self, command: bytes) -> bytes:
        """Answer one command."""
        response = self.apdu(command)
        if self.tape is not None:
            self.tape.apdu(command, response)
        return response

    def open(self, aid: bytes) -> int | None:
        """Select an application on a channel of its own; return the channel, None without one."""
        opened = ResponseApdu.parse(self.answer(open_channel()))
        if not opened.ok or not opened.data:
            return None
        channel = opened.data[0]
        selected = ResponseApdu.parse(self.answer(select(aid, channel)))
        if selected.ok or selected.more is not None:
            return channel
        self.answer(close_channel(channel))
        return None

    def close(self, channel: int) -> bool:
        """Close a channel; say whether it was open."""
        return ResponseApdu.parse(self.answer(close_channel(channel))).ok


class Reader(Protocol):
    """What reads a card: a PC/SC reader, a modem, another program."""

    async def transmit(self, apdu: bytes) -> bytes:
        """Send one command and return the response."""

    async def reset(self) -> None:
        """Power the card off and on, as far as the link can."""

    async def close(self) -> None:
        """Let go of the card."""


class ByAid:
    """For links that open channels by AID alone: stands in for MANAGE CHANNEL and SELECT.

    `opens` returns the link's own name for a channel, `sends` takes that name, or None for the
    basic channel.
    """

    def __init__(
        self,
        opens: Callable[[bytes], Awaitable[int | None]],
        closes: Callable[[int], Awaitable[None]],
        sends: Callable[[int | None, bytes], Awaitable[bytes]],
    ) -> None:
        self._opens = opens
        self._closes = closes
        self._sends = sends
        self._names: dict[int, int | None] = {}  # by channel; None: nothing is selected yet

    async def transmit(self, apdu: bytes) -> bytes:
        """Carry out one command."""
        try:
            command = CommandApdu.parse(apdu)
        except ApduError:
            return await self._sends(None, apdu)
        if command.ins == Ins.MANAGE_CHANNEL:
            return await self._manage(command)
        if command.channel == 0:
            return await self._sends(None, apdu)
        if command.channel not in self._names:
            return _CHANNEL_CLOSED
        if command.ins == Ins.SELECT and command.p1 == 0x04:
            return await self._select(command)
        return await self._sends(self._names[command.channel], apdu)

    async def _manage(self, command: CommandApdu) -> bytes:
        if command.p1 == 0x80:
            if command.p2 not in self._names:
                return _CHANNEL_CLOSED
            name = self._names.pop(command.p2)
            if name is not None:
                await self._closes(name)
            return _OK
        free = [number for number in range(1, _CHANNELS) if number not in self._names]
        if not free:
            return b"\x6a\x81"
        self._names[free[0]] = None
        return bytes([free[0]]) + _OK

    async def _select(self, command: CommandApdu) -> bytes:
        before = self._names[command.channel]
        if before is not None:
            await self._closes(before)
        name = await self._opens(command.data)
        self._names[command.channel] = name
        return _NOT_FOUND if name is None else _OK

    def forget(self) -> None:
        """Know that a reset has closed all channels."""
        self._names.clear()


def on_channel(apdu: bytes, channel: int) -> bytes:
    """Return a command on another logical channel."""
    return bytes([class_on(apdu[0] & 0x80, channel)]) + apdu[1:] if apdu else apdu
