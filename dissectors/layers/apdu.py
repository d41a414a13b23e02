"""APDUs and STORE DATA, which carries ES10. ISO 7816-3 §12.1, GlobalPlatform §11.11, SGP.22 §5.7.2.

Status: short and extended commands, responses, chains. A command that fits one block has its ES10
message as payload; `store_data` cuts longer ones, `RspSession` joins them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from scapy.config import conf
from scapy.fields import ByteEnumField, IntField, XByteField, XShortField
from scapy.packet import Packet, bind_top_down

from dissectors.asn1.fits import decode_fitting, weigh
from dissectors.finding import Finding, finding
from dissectors.layers.asn1_message import packet_class
from dissectors.layers.base import LayerError
from dissectors.layers.framed import FRAMED_NOTES, FramedPacket
from dissectors.layers.generate import card_types, message_classes
from dissectors.link import apdu, apdu_codes
from dissectors.link.apdu import ApduError, CommandApdu, Ins, ResponseApdu
from dissectors.link.apdu_chain import tlv_fault
from dissectors.spec.functions import CARD
from dissectors.trace.message import REQUEST, RESPONSE

_INSTRUCTIONS = {int(ins): ins.name.replace("_", " ") for ins in Ins}


class Apdu(FramedPacket):
    """A command; its data is the payload."""

    name = "APDU command"
    fields_desc: ClassVar[list[Any]] = [
        XByteField("cla", 0),
        ByteEnumField("ins", Ins.SELECT, _INSTRUCTIONS),
        XByteField("p1", 0),
        XByteField("p2", 0),
        # None: not sent
        IntField("le", None),
        *FRAMED_NOTES,
    ]
    wire = ("cla", "ins", "p1", "p2", "le")

    @classmethod
    def dispatch_hook(cls, _pkt: bytes = b"", *args: Any, **kargs: Any) -> Any:
        """Read STORE DATA as such."""
        return StoreData if _pkt[1:2] == bytes((Ins.STORE_DATA,)) else cls

    def parse(self, octets: bytes) -> tuple[dict[str, Any] | None, bytes, tuple[Finding, ...]]:
        """Take a command apart."""
        try:
            command = CommandApdu.parse(octets)
        except ApduError as error:
            return None, b"", (finding(apdu_codes.MALFORMED, str(error)),)
        fields = {name: getattr(command, name) for name in self.wire}
        return fields, command.data, ()

    def frame(self, payload: bytes) -> bytes:
        """Build a command."""
        try:
            return bytes(CommandApdu(self.cla, self.ins, self.p1, self.p2, payload, self.le))
        except (ApduError, ValueError, TypeError) as error:
            raise LayerError(f"APDU: {error}") from None

    def mysummary(self) -> str:
        """Return instruction and logical channel."""
        name = _INSTRUCTIONS.get(self.ins, f"INS {self.ins:02X}")
        return f"{name} channel {apdu.channel_of(self.cla)}"


class StoreData(Apdu):
    """STORE DATA; where one block is the whole command, the payload is its ES10 message."""

    name = "STORE DATA"
    fields_desc: ClassVar[list[Any]] = [
        XByteField("cla", 0x80),
        ByteEnumField("ins", Ins.STORE_DATA, _INSTRUCTIONS),
        XByteField("p1", apdu.LAST_BLOCK | apdu.BER_TLV | apdu.EXPECTS_RESPONSE),
        XByteField("p2", 0),
        IntField("le", None),
        *FRAMED_NOTES,
    ]

    def guess_payload_class(self, payload: bytes) -> Any:
        """Choose the ES10 command; a block of a chain stays bytes."""
        if self.p2 or not self.p1 & apdu.LAST_BLOCK or tlv_fault(payload):
            return conf.raw_layer
        return card_class(payload, REQUEST)

    def mysummary(self) -> str:
        """Return the place in the chain."""
        last = " (last)" if self.p1 & apdu.LAST_BLOCK else ""
        return f"STORE DATA channel {apdu.channel_of(self.cla)} block {self.p2}{last}"


class ApduResponse(FramedPacket):
    """A response; its data is the payload."""

    name = "APDU response"
    fields_desc: ClassVar[list[Any]] = [XShortField("sw", 0x9000), *FRAMED_NOTES]
    wire = ("sw",)

    def parse(self, octets: bytes) -> tuple[dict[str, Any] | None, bytes, tuple[Finding, ...]]:
        """Take a response apart."""
        try:
            response = ResponseApdu.parse(octets)
        except ApduError as error:
            return None, b"", (finding(apdu_codes.MALFORMED, str(error)),)
        return {"sw": response.sw}, response.data, ()

    def frame(self, payload: bytes) -> bytes:
        """Build a response."""
        try:
            return bytes(ResponseApdu(payload, self.sw))
        except (OverflowError, TypeError, AttributeError) as error:
            raise LayerError(f"APDU response: {error}") from None

    def guess_payload_class(self, payload: bytes) -> Any:
        """Choose the ES10 response; part of one, and other data, stay bytes."""
        return conf.raw_layer if tlv_fault(payload) else card_class(payload, RESPONSE)

    def mysummary(self) -> str:
        """Return the status word."""
        return f"SW {self.sw:04X}"


def card_class(octets: bytes, kind: str) -> Any:
    """Return the class of an ES10 command or response by its first tag, else that of bytes."""
    best: tuple[int, str] | None = None
    for name, specs in card_types(kind, octets):
        weight = weigh(decode_fitting(name, octets, specs)[0])
        if best is None or weight < best[0]:
            best = weight, name
    return conf.raw_layer if best is None else packet_class(best[1])


def store_data(message: Packet | bytes, channel: int = 0, block: int = 255) -> list[StoreData]:
    """Return the STORE DATA chain of an ES10 command."""
    try:
        return [StoreData(one) for one in apdu.store_data(bytes(message), channel, block)]
    except ApduError as error:
        raise LayerError(f"STORE DATA: {error}") from None


for _interface in CARD:
    for _name, _made in message_classes(_interface).items():
        bind_top_down(StoreData, _made, ins=Ins.STORE_DATA)
