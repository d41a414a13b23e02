"""CoAP. RFC 7252, RFC 7959; ESipa over CoAP: SGP.32 §6.1.

Status: every message format, read and written by `dissectors/link/coap`. Blocks are single packets
here; `RspSession` puts transfers together.
"""

from __future__ import annotations

from typing import Any, ClassVar

from scapy.config import conf
from scapy.fields import BitEnumField, BitField, ByteEnumField, ShortField, StrField
from scapy.layers.inet import UDP
from scapy.packet import Packet, bind_bottom_up, bind_layers, bind_top_down

from dissectors.finding import Finding
from dissectors.layers.base import LayerError
from dissectors.layers.body import REQUEST, RESPONSE, Media, RspBody
from dissectors.layers.coap_options import OptionsField
from dissectors.layers.framed import FRAMED_NOTES, FramedPacket
from dissectors.layers.generate import message_classes
from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.message import CoapEncodeError, CoapMessage, decode, encode_raw
from dissectors.spec.functions import ASN1_PATH, ESIPA, FUNCTIONS

# RFC 7252 §12.6; 5684 carries DTLS
PORT = 5683
# 42 is application/octet-stream, the usual stand-in; 50 is application/json
_OCTETS, _JSON = 42, 50

_CODES = {code: f"{codes.code_text(code)} {name}" for code, name in codes.CODE_NAMES.items()}
_TYPES = dict(enumerate(codes.TYPE_NAMES))


class Coap(FramedPacket):
    """One CoAP message."""

    name = "CoAP"
    fields_desc: ClassVar[list[Any]] = [
        BitField("version", 1, 2),
        BitEnumField("type", codes.CON, 2, _TYPES),
        # None: as long as the token is
        BitField("token_length", None, 4),
        ByteEnumField("code", codes.EMPTY, _CODES),
        ShortField("mid", 0),
        StrField("token", b""),
        OptionsField("options", None),
        *FRAMED_NOTES,
    ]
    wire = ("version", "type", "token_length", "code", "mid", "token", "options")

    def parse(self, octets: bytes) -> tuple[dict[str, Any] | None, bytes, tuple[Finding, ...]]:
        """Read one datagram as far as it goes."""
        message, findings = decode(octets)
        if message is None:
            return None, b"", findings
        fields = {
            "version": 1,
            "type": message.type,
            "token_length": octets[0] & 15,
            "code": message.code,
            "mid": message.mid,
            "token": message.token,
            "options": list(message.options),
        }
        return fields, message.payload, findings

    def frame(self, payload: bytes) -> bytes:
        """Write one datagram, right or wrong."""
        token, length = bytes(self.token), self.token_length
        message = CoapMessage(self.type, self.code, self.mid, token, self.pairs, payload)
        try:
            return encode_raw(message, version=self.version, token_length=length)
        except (CoapEncodeError, TypeError) as error:
            raise LayerError(f"CoAP: {error}") from None

    @property
    def pairs(self) -> opt.Options:
        """Return the options as our codec takes them."""
        return tuple(self.options or ())

    @property
    def path(self) -> str:
        """Return the Uri-Path as one path."""
        return opt.uri_path(self.pairs)

    def guess_payload_class(self, payload: bytes) -> Any:
        """Choose what a payload is read as: messages of ESipa, and blocks as bytes."""
        blocks = [opt.first_uint(self.pairs, number) for number in (opt.BLOCK1, opt.BLOCK2)]
        # a number above 0, or more to come: part of a body
        if any(block is not None and block >> 3 for block in blocks):
            return conf.raw_layer
        return CoapBody if codes.is_request(self.code) else CoapAnswer

    def mysummary(self) -> Any:
        """Return type, code and path."""
        text = f"CoAP {_TYPES.get(self.type, '')} {_CODES.get(self.code, self.code)}"
        return (f"{text} {self.path}" if codes.is_request(self.code) else text), [UDP]

    def answers(self, other: Packet) -> int:
        """Say whether this is the answer to another message (RFC 7252 §5.3.2)."""
        if not isinstance(other, Coap):
            return 0
        if self.type in (codes.ACK, codes.RST) and self.mid == other.mid:
            return 1
        return int(codes.is_response(self.code) and self.token == other.token != b"")


class CoapBody(RspBody):
    """The payload of a CoAP request."""

    name = "payload of a request"
    kind = REQUEST

    # Scapy looks for it in the class itself, not in its bases
    @classmethod
    def dispatch_hook(cls, _pkt: bytes = b"", *args: Any, **kargs: Any) -> Any:
        """Choose the class of a payload."""
        return _chosen(cls, _pkt, kargs.get("_underlayer"))


class CoapAnswer(RspBody):
    """The payload of a CoAP response."""

    name = "payload of a response"
    kind = RESPONSE

    @classmethod
    def dispatch_hook(cls, _pkt: bytes = b"", *args: Any, **kargs: Any) -> Any:
        """Choose the class of a payload."""
        return _chosen(cls, _pkt, kargs.get("_underlayer"))


def _chosen(cls: type[RspBody], octets: bytes, head: Packet | None) -> Any:
    if not octets or not isinstance(head, Coap):
        return cls
    is_json = opt.first_uint(head.pairs, opt.CONTENT_FORMAT) == _JSON
    path = head.path if cls.kind == REQUEST else ""
    return cls.choose(octets, path, Media.JSON if is_json else Media.OTHER, conf.raw_layer)


def _options(path: str) -> list[opt.Option]:
    return list(opt.sort((*opt.path_options(path), (opt.CONTENT_FORMAT, bytes((_OCTETS,))))))


bind_layers(UDP, Coap, dport=PORT, sport=PORT)
bind_bottom_up(UDP, Coap, dport=PORT)
bind_bottom_up(UDP, Coap, sport=PORT)
for _name, _made in message_classes(ESIPA).items():
    if any(_name == function.request for function in FUNCTIONS):
        bind_top_down(Coap, _made, code=codes.POST, options=_options(ASN1_PATH))
    elif any(_name == function.response for function in FUNCTIONS):
        bind_top_down(Coap, _made, code=codes.CHANGED, type=codes.ACK)
