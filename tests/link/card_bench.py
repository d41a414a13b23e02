"""A card in a few lines, a device that talks to it, and a tracker that listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from dissectors.finding import Finding
from dissectors.link.apdu import (
    ISDR_AID,
    CommandApdu,
    ResponseApdu,
    get_response,
    open_channel,
    select,
    store_data,
)
from dissectors.link.apdu_message import CardMessage
from dissectors.link.apdu_tracker import CardTracker

Exchange = tuple[bytes, bytes]
hexed = bytes.fromhex
OK = hexed("9000")
GET_EID = hexed("BF3E035C015A")
EID = hexed("BF3E125A1089049032123451234512345678901235")


@dataclass
class Heard:
    """What a tracker handed up; every exchange is one frame."""

    messages: list[CardMessage] = field(default_factory=list)
    problems: list[tuple[Finding, tuple[int, ...]]] = field(default_factory=list)
    frame: int = 0

    def __post_init__(self) -> None:
        self.tracker = CardTracker(
            self.messages.append, lambda problem, frames: self.problems.append((problem, frames))
        )

    def play(self, exchanges: Iterable[Exchange]) -> Heard:
        for command, response in exchanges:
            self.frame += 1
            self.tracker.exchange(command, response, (self.frame,), float(self.frame))
        return self

    def finish(self) -> Heard:
        self.tracker.finish(float(self.frame))
        return self

    @property
    def codes(self) -> list[str]:
        own = [problem.code for message in self.messages for problem in message.problems]
        return own + [problem.code for problem, _ in self.problems]


def hear(*exchanges: tuple[bytes | str, bytes | str]) -> Heard:
    """Listen to exchanges given as bytes or hex, to their end."""
    raw = [tuple(hexed(x) if isinstance(x, str) else x for x in pair) for pair in exchanges]
    return Heard().play(raw).finish()  # type: ignore[arg-type]


class ToyCard:
    """A T=0 card: it collects blocks on each channel and lets its answers be fetched."""

    def __init__(self, answer: Callable[[int, bytes], bytes], piece: int = 256) -> None:
        self.answer = answer
        self.piece = piece  # bytes of one GET RESPONSE
        self.blocks: dict[int, bytes] = {}
        self.ready: dict[int, bytes] = {}

    def apdu(self, raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        channel = command.channel
        if command.ins == 0xE2:
            self.blocks[channel] = self.blocks.get(channel, b"") + command.data
            if command.last_block:
                self.ready[channel] = self.answer(channel, self.blocks.pop(channel))
                return self._offer(channel)
            return OK
        if command.ins == 0xC0:
            ready = self.ready.get(channel, b"")
            size = min(command.le or 0, self.piece)
            self.ready[channel] = ready[size:]
            return ready[:size] + self._offer(channel)
        return b"\x01\x90\x00" if command.ins == 0x70 else OK

    def _offer(self, channel: int) -> bytes:
        left = len(self.ready[channel])
        if not left:
            return OK
        return bytes((0x61, left if left < min(self.piece, 256) else min(self.piece, 256) % 256))


def transfer(card: ToyCard, command: bytes, channel: int, block: int) -> list[list[Exchange]]:
    """Send one ES10 command; every inner list is what T=0 allows nobody to interrupt."""
    steps: list[list[Exchange]] = []
    for raw in store_data(command, channel, block):
        answer = card.apdu(raw)
        step = [(raw, answer)]
        while (more := ResponseApdu.parse(answer).more) is not None:
            fetch = get_response(more, channel)
            answer = card.apdu(fetch)
            step.append((fetch, answer))
        steps.append(step)
    return steps


def selected(channel: int) -> list[Exchange]:
    """Open a channel and select the ISD-R on it."""
    opened = [] if channel == 0 else [(open_channel(), bytes((channel, 0x90, 0x00)))]
    return [*opened, (select(ISDR_AID, channel), OK)]
