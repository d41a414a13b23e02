"""A command to the card with its answer, put together from APDUs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dissectors.finding import Finding


class CardKind(StrEnum):
    """What the APDUs of a message do."""

    STORE_DATA = "store-data"  # one ES10 command
    LOAD_BPP = "load-bpp"  # the STORE DATA chains of one Bound Profile Package
    SELECT = "select"
    MANAGE_CHANNEL = "manage-channel"
    TERMINAL_CAPABILITY = "terminal-capability"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CardMessage:
    """One command and its answer on one logical channel, blocks and GET RESPONSE joined."""

    channel: int
    kind: CardKind
    header: bytes  # CLA INS P1 P2 of the last command APDU, before GET RESPONSE
    command: bytes  # ES10: the whole command TLV; SELECT: the AID
    response: bytes  # without status words
    sw: int  # the last status word
    command_frames: tuple[int, ...]
    response_frames: tuple[int, ...]
    command_time: float  # of the first block
    time: float  # of the last status word
    isdr: bool | None  # the ISD-R is selected on the channel; None when no SELECT was seen
    problems: tuple[Finding, ...] = ()
    chains: tuple[CardMessage, ...] = ()  # LOAD_BPP: one for each segment

    @property
    def status(self) -> str:
        """Return the status word as four hex digits."""
        return f"{self.sw:04X}"
