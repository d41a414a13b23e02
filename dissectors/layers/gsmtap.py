"""GSMTAP version 2 with SIM traffic, as SIM tracers send it to UDP 4729.

Status: the header, and command with response where both are in one packet; other parts of a TPDU
stay bytes, `RspSession` joins them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from scapy.fields import (
    ByteEnumField,
    ByteField,
    IntField,
    PacketField,
    ShortField,
    SignedByteField,
    StrField,
)
from scapy.layers.inet import UDP
from scapy.packet import Packet, bind_bottom_up, bind_layers

from dissectors.finding import Finding, finding
from dissectors.layers.apdu import Apdu, ApduResponse
from dissectors.layers.base import NOTES, LayerError
from dissectors.layers.framed import FRAMED_NOTES, FramedPacket
from dissectors.link import apdu_codes
from dissectors.link.gsmtap import TYPE_SIM, UDP_PORT, SimSubtype, split_apdu

_HEADER = 16
_SUBTYPES = {int(one): one.name.replace("_", " ") for one in SimSubtype}


class Gsmtap(FramedPacket):
    """A GSMTAP packet; the radio fields mean nothing for SIM traffic."""

    name = "GSMTAP"
    fields_desc: ClassVar[list[Any]] = [
        ByteField("version", 2),
        ByteEnumField("type", TYPE_SIM, {TYPE_SIM: "SIM"}),
        ByteField("timeslot", 0),
        ShortField("arfcn", 0),
        SignedByteField("signal", 0),
        ByteField("snr", 0),
        IntField("frame_number", 0),
        ByteEnumField("sub_type", SimSubtype.APDU, _SUBTYPES),
        ByteField("antenna", 0),
        ByteField("sub_slot", 0),
        ByteField("reserved", 0),
        # header octets after those that are known
        StrField("more", b""),
        *FRAMED_NOTES,
    ]
    wire = ("version", "type", "timeslot", "arfcn", "signal", "snr", "frame_number", "sub_type",
            "antenna", "sub_slot", "reserved", "more")  # fmt: skip

    def parse(self, octets: bytes) -> tuple[dict[str, Any] | None, bytes, tuple[Finding, ...]]:
        """Read the header."""
        size = octets[1] * 4 if len(octets) > 1 else 0
        if not _HEADER <= size <= len(octets):
            text = f"a header of {size} bytes in a packet of {len(octets)}"
            return None, b"", (finding(apdu_codes.GSMTAP, text),)
        fields: dict[str, Any] = {"version": octets[0]}
        rest = octets[2:_HEADER]
        for field in self.fields_desc[1:11]:
            rest, fields[field.name] = field.getfield(self, rest)
        fields["more"] = octets[_HEADER:size]
        problems: tuple[Finding, ...] = ()
        if octets[0] != 2:
            problems = (finding(apdu_codes.GSMTAP, f"version {octets[0]}, only 2 is read"),)
        return fields, octets[size:], problems

    def frame(self, payload: bytes) -> bytes:
        """Write the header."""
        more = bytes(self.more)
        more += bytes(-len(more) % 4)
        words = (_HEADER + len(more)) // 4
        try:
            octets = bytes((self.version, words))
            for field in self.fields_desc[1:11]:
                octets = field.addfield(self, octets, self.getfieldval(field.name))
        except (ValueError, TypeError) as error:
            raise LayerError(f"GSMTAP: {error}") from None
        return octets + more + payload

    def mysummary(self) -> Any:
        """Return what the packet holds."""
        return f"GSMTAP {_SUBTYPES.get(self.sub_type, self.sub_type)}", [UDP]


class SimExchange(Packet):
    """A command and its response, one after the other."""

    name = "APDU exchange"
    fields_desc: ClassVar[list[Any]] = [
        PacketField("command_apdu", None, Apdu),
        PacketField("response_apdu", None, ApduResponse),
        *NOTES,
    ]

    def do_dissect(self, s: bytes) -> bytes:
        """Split the bytes as the instruction tells."""
        command, response, guessed = split_apdu(s)
        if command:
            self.fields["command_apdu"] = Apdu(command)
        self.fields["response_apdu"] = ApduResponse(response)
        if guessed:
            text = f"instruction {s[1]:02X} is not known, its data may be misplaced"
            self.fields["problems"] = (finding(apdu_codes.GUESSED, text),)
        self.explicit = 1
        return b""

    def mysummary(self) -> str:
        """Return command and status word."""
        parts = (self.command_apdu, self.response_apdu)
        return " -> ".join(one.summary() for one in parts if one is not None)


bind_layers(UDP, Gsmtap, dport=UDP_PORT)
bind_bottom_up(UDP, Gsmtap, sport=UDP_PORT)
bind_layers(Gsmtap, SimExchange, type=TYPE_SIM, sub_type=int(SimSubtype.APDU))
