"""GSMTAP version 2 with SIM traffic, as SIM tracers send it: read, split into APDUs, built."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from dissectors.finding import Finding, finding
from dissectors.link import apdu_codes as codes
from dissectors.link.apdu_message import CardMessage
from dissectors.link.apdu_tracker import CardTracker

UDP_PORT = 4729
TYPE_SIM = 4

# version, header length in words, type, timeslot, ARFCN, signal, SNR, frame number, subtype,
# antenna, sub-slot, reserved
_HEADER = struct.Struct("!BBBBHbBIBBBB")
_VERSION = 2


class SimSubtype(IntEnum):
    """What a GSMTAP packet of type SIM holds."""

    APDU = 0  # command and response, one after the other
    ATR = 1
    PPS_REQUEST = 2
    PPS_RESPONSE = 3
    TPDU_HEADER = 4
    TPDU_COMMAND = 5
    TPDU_RESPONSE = 6
    TPDU_STATUS = 7


class GsmtapError(ValueError):
    """Bytes that are no GSMTAP packet."""


@dataclass(frozen=True, slots=True)
class Gsmtap:
    """One GSMTAP packet; the radio fields mean nothing for SIM traffic."""

    payload: bytes
    subtype: int = SimSubtype.APDU
    type: int = TYPE_SIM

    @classmethod
    def parse(cls, packet: bytes) -> Gsmtap:
        """Take a packet apart."""
        if len(packet) < _HEADER.size:
            raise GsmtapError(f"{len(packet)} bytes, the header alone has {_HEADER.size}")
        version, words, kind, _, _, _, _, _, subtype, _, _, _ = _HEADER.unpack_from(packet)
        if version != _VERSION:
            raise GsmtapError(f"version {version}, only {_VERSION} is read")
        if not _HEADER.size <= words * 4 <= len(packet):
            raise GsmtapError(f"a header of {words * 4} bytes in a packet of {len(packet)}")
        return cls(packet[words * 4 :], subtype, kind)

    def __bytes__(self) -> bytes:
        """Build the packet."""
        words = _HEADER.size // 4
        header = _HEADER.pack(_VERSION, words, self.type, 0, 0, 0, 0, 0, self.subtype, 0, 0, 0)
        return header + self.payload


def build_gsmtap(command: bytes, response: bytes) -> bytes:
    """Build the packet that a tracer sends for one APDU exchange."""
    return bytes(Gsmtap(command + response))


# Instructions whose fifth byte tells the length of command data (cases 3 and 4) or of response data
# (cases 1 and 2). ETSI TS 102 221 §10.1.2, TS 102 222 §6, GlobalPlatform §11.1
_DATA_IN = frozenset(
    {
        0x04, 0x0E, 0x10, 0x14, 0x20, 0x22, 0x24, 0x26, 0x28, 0x2A, 0x2C, 0x32, 0x44, 0x50, 0x75,
        0x76, 0x7A, 0x82, 0x86, 0x87, 0x88, 0x89, 0xA2, 0xA4, 0xAA, 0xC2, 0xCB, 0xD0, 0xD4, 0xD6,
        0xD8, 0xDA, 0xDB, 0xDC, 0xDE, 0xE0, 0xE2, 0xE4, 0xE6, 0xE8, 0xF0,
    }
)  # fmt: skip
_DATA_OUT = frozenset({0x12, 0x70, 0x78, 0x84, 0xB0, 0xB2, 0xB8, 0xC0, 0xCA, 0xF2})
_GET_STATUS, _STATUS_P1 = 0xF2, 0x0F


def split_apdu(record: bytes) -> tuple[bytes, bytes, bool]:
    """Split command and response that stand one after the other.

    The third member tells whether the place was guessed, since the instruction is not known.
    """
    if len(record) < 7:
        cut = max(len(record) - 2, 0)
        return record[:cut], record[cut:], False
    instruction, p1, p3 = record[1], record[2], record[4]
    inward = instruction in _DATA_IN or (instruction == _GET_STATUS and p1 > _STATUS_P1)
    known = inward or instruction in _DATA_OUT
    data = 5 + p3
    if not known and len(record) >= data + 2:
        # as much as the fifth byte says and a status word fits both ways; more is a response
        inward = len(record) > data + 2
    if not inward or not p3 or len(record) < data + 2:
        return record[:5], record[5:], not known
    if len(record) > data + 2 and record[data] == 0:
        data += 1  # Le 00; no response that matters here begins with 00
    return record[:data], record[data:], not known


class GsmtapSink:
    """Takes the GSMTAP datagrams of one card and hands up whole card messages.

    A `DatagramSink`; `finish` hands up what is under way.
    """

    def __init__(
        self,
        on_message: Callable[[CardMessage], None],
        on_problem: Callable[[Finding, tuple[int, ...]], None],
    ) -> None:
        self._tracker = CardTracker(on_message, on_problem)
        self._on_problem = on_problem
        self._skipped: set[tuple[int, int]] = set()
        self._tpdu = b""
        self._answer = b""
        self._frames: tuple[int, ...] = ()

    def datagram(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take one whole datagram."""
        try:
            packet = Gsmtap.parse(data)
        except GsmtapError as error:
            self._on_problem(finding(codes.GSMTAP, str(error)), frames)
            return
        if packet.type == TYPE_SIM and packet.subtype == SimSubtype.APDU:
            command, response, guessed = split_apdu(packet.payload)
            if guessed:
                text = f"instruction {command[1]:02X} is not known, its data may be misplaced"
                self._on_problem(finding(codes.GUESSED, text), frames)
            self._tracker.exchange(command, response, frames, time)
        elif packet.type == TYPE_SIM and packet.subtype == SimSubtype.ATR:
            self._tracker.reset(frames, time)
        elif packet.type == TYPE_SIM and packet.subtype >= SimSubtype.TPDU_HEADER:
            self._part(packet, frames, time)
        elif packet.type != TYPE_SIM and (packet.type, packet.subtype) not in self._skipped:
            self._skipped.add((packet.type, packet.subtype))
            text = f"type {packet.type}, subtype {packet.subtype} is not SIM traffic"
            self._on_problem(finding(codes.GSMTAP_SKIPPED, text), frames)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Pass on a finding of a lower layer."""
        self._on_problem(finding, frames)

    def finish(self, time: float) -> None:
        """Hand up what is under way; nothing more comes."""
        self._tracker.finish(time)

    def _part(self, packet: Gsmtap, frames: tuple[int, ...], time: float) -> None:
        """Take one of the four parts that some tracers send apart."""
        if packet.subtype == SimSubtype.TPDU_HEADER:
            self._tpdu, self._answer, self._frames = packet.payload, b"", frames
            return
        self._frames = (*self._frames[-8:], *frames)
        if packet.subtype == SimSubtype.TPDU_COMMAND:
            self._tpdu += packet.payload[:65_536]
        elif packet.subtype == SimSubtype.TPDU_RESPONSE:
            self._answer += packet.payload[:65_536]
        elif packet.subtype == SimSubtype.TPDU_STATUS:
            self._tracker.exchange(self._tpdu, self._answer + packet.payload, self._frames, time)
            self._tpdu = self._answer = b""
        if len(self._tpdu) + len(self._answer) > 1 << 20:
            self._tpdu = self._answer = b""
