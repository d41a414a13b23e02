"""DTLS 1.2 records. RFC 6347 §4.1, §4.2; connection IDs: RFC 9146 §4.

Status: record and handshake headers, alerts; what is protected stays closed here, `RspSession`
opens it with a key log. A record with a connection ID says nowhere how long the ID is: it is the
one with which the length fits the datagram.
"""

from __future__ import annotations

from typing import Any, ClassVar

from scapy.fields import (
    BitField,
    ByteEnumField,
    ByteField,
    IntField,
    PacketListField,
    ShortField,
    StrField,
    XShortEnumField,
)
from scapy.layers.inet import UDP
from scapy.packet import Packet, bind_bottom_up, bind_layers

from dissectors.finding import Finding, finding
from dissectors.layers.base import LayerError
from dissectors.layers.framed import FRAMED_NOTES, FramedPacket
from dissectors.link.dtls_fragments import split_fragments
from dissectors.link.dtls_records import HEADER
from dissectors.link.tls_codes import BAD_HANDSHAKE, DTLS_NOT_RECORDS
from dissectors.link.tls_handshake import Message
from dissectors.link.tls_records import ContentType
from dissectors.link.tls_session import Alert

# CoAP over DTLS: RFC 7252 §12.7
PORT = 5684
_VERSIONS = {0xFEFF: "DTLS 1.0", 0xFEFD: "DTLS 1.2"}
# records of one datagram, each the payload of the one before
_RECORDS = 64
_LEVELS = {1: "warning", 2: "fatal"}

Parsed = tuple[dict[str, Any] | None, bytes, tuple[Finding, ...]]


def _names(numbers: type) -> dict[int, str]:
    """Return the constants of a class by number."""
    return {v: name.lower() for name, v in vars(numbers).items() if isinstance(v, int)}


class DtlsHandshake(FramedPacket):
    """One fragment of a handshake message."""

    name = "DTLS handshake"
    fields_desc: ClassVar[list[Any]] = [
        ByteEnumField("msg_type", Message.CLIENT_HELLO, _names(Message)),
        # None: as long as the body
        IntField("length", None),
        ShortField("message_seq", 0),
        IntField("fragment_offset", 0),
        StrField("body", b""),
        *FRAMED_NOTES,
    ]
    wire = ("msg_type", "length", "message_seq", "fragment_offset", "body")

    def parse(self, octets: bytes) -> Parsed:
        """Read the first fragment; what comes after it is the payload."""
        found, fault = split_fragments(octets)
        if not found:
            return None, b"", (finding(BAD_HANDSHAKE, fault or "no bytes"),)
        one = found[0]
        fields = {
            "msg_type": one.kind,
            "length": one.length,
            "message_seq": one.sequence,
            "fragment_offset": one.offset,
            "body": one.data,
        }
        return fields, octets[12 + len(one.data) :], ()

    def frame(self, payload: bytes) -> bytes:
        """Write the fragment."""
        body = bytes(self.body)
        length = len(body) if self.length is None else self.length
        try:
            return b"".join((
                bytes((self.msg_type,)), length.to_bytes(3, "big"),
                self.message_seq.to_bytes(2, "big"), self.fragment_offset.to_bytes(3, "big"),
                len(body).to_bytes(3, "big"), body, payload,
            ))  # fmt: skip
        except (OverflowError, ValueError, TypeError, AttributeError) as error:
            raise LayerError(f"DTLS handshake: {error}") from None


class DtlsAlert(Packet):
    """An alert that is not protected."""

    name = "DTLS alert"
    fields_desc: ClassVar[list[Any]] = [
        ByteEnumField("level", 2, _LEVELS),
        ByteField("description", 0),
    ]

    def mysummary(self) -> str:
        """Return level and name."""
        return str(Alert(0, self.level, self.description, False, ()))


class DtlsContent(Packet):
    """Content that is protected, or has no header of its own."""

    name = "DTLS content"
    fields_desc: ClassVar[list[Any]] = [StrField("load", b"")]


class DtlsRecord(FramedPacket):
    """One record; the next one of the datagram is its payload."""

    name = "DTLS record"
    fields_desc: ClassVar[list[Any]] = [
        ByteEnumField("type", ContentType.HANDSHAKE, _names(ContentType)),
        XShortEnumField("version", 0xFEFD, _VERSIONS),
        ShortField("epoch", 0),
        BitField("sequence", 0, 48),
        StrField("cid", b""),
        # None: as long as the content
        ShortField("length", None),
        PacketListField("content", [], DtlsContent),
        *FRAMED_NOTES,
    ]
    wire = ("type", "version", "epoch", "sequence", "cid", "length")

    def parse(self, octets: bytes) -> Parsed:
        """Read the first record; what comes after it is the payload."""
        if len(octets) < HEADER:
            return None, b"", _fault(f"{len(octets)} bytes, a header has {HEADER}")
        cid, start, length = b"", HEADER, int.from_bytes(octets[11:13], "big")
        if octets[0] == ContentType.TLS12_CID:
            size = _cid_size(octets)
            if size is None:
                return None, b"", _fault("no length of a connection ID fits the datagram")
            cid, start = octets[11 : 11 + size], HEADER + size
            length = len(octets) - start
        problems: tuple[Finding, ...] = ()
        if start + length > len(octets):
            problems = _fault(f"{length} bytes announced, {len(octets) - start} there")
        epoch = int.from_bytes(octets[3:5], "big")
        content, broken = _content(octets[0], epoch, octets[start : start + length])
        fields = {
            "type": octets[0],
            "version": int.from_bytes(octets[1:3], "big"),
            "epoch": epoch,
            "sequence": int.from_bytes(octets[5:11], "big"),
            "cid": cid,
            "length": length,
            "content": content,
        }
        return fields, octets[start + length :], (*problems, *broken)

    def frame(self, payload: bytes) -> bytes:
        """Write the record."""
        try:
            content = _joined(self.content)
            length = len(content) if self.length is None else self.length
            return b"".join((
                bytes((self.type,)), self.version.to_bytes(2, "big"), self.epoch.to_bytes(2, "big"),
                self.sequence.to_bytes(6, "big"), bytes(self.cid), length.to_bytes(2, "big"),
                content, payload,
            ))  # fmt: skip
        except (OverflowError, TypeError, ValueError, AttributeError) as error:
            raise LayerError(f"DTLS record: {error}") from None

    def _state(self) -> bytes | None:
        state = super()._state()
        return None if state is None else state + _joined(self.content)

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Read what follows as the next record; beyond the first ones it stays bytes."""
        count, lower = 1, self.underlayer
        while isinstance(lower, DtlsRecord):
            count, lower = count + 1, lower.underlayer
        return DtlsRecord if count < _RECORDS else DtlsContent


def _joined(content: list[Any]) -> bytes:
    if not all(isinstance(one, Packet | bytes) for one in content):
        raise LayerError("DTLS record: content is a list of packets")
    return b"".join(bytes(one) for one in content)


def _fault(text: str) -> tuple[Finding, ...]:
    return (finding(DTLS_NOT_RECORDS, text),)


def _cid_size(octets: bytes) -> int | None:
    """Return the length of a connection ID with which the record fills the datagram."""
    for size in range(1, min(255, len(octets) - HEADER) + 1):
        at = 11 + size
        if octets[at] << 8 | octets[at + 1] == len(octets) - HEADER - size:
            return size
    return None


def _content(kind: int, epoch: int, content: bytes) -> tuple[list[Packet], tuple[Finding, ...]]:
    """Return what is inside a record that is not protected: epoch 0 never is."""
    if epoch == 0 and kind == ContentType.HANDSHAKE:
        found, fault = split_fragments(content)
        parts: list[Packet] = []
        at = 0
        for one in found:
            end = at + 12 + len(one.data)
            parts.append(DtlsHandshake(content[at:end]))
            at = end
        if at < len(content):
            parts.append(DtlsContent(content[at:]))
        return parts, (finding(BAD_HANDSHAKE, fault, offset=at),) if fault else ()
    if epoch == 0 and kind == ContentType.ALERT and len(content) == 2:
        return [DtlsAlert(content)], ()
    return [DtlsContent(content)] if content else [], ()


bind_layers(UDP, DtlsRecord, dport=PORT, sport=PORT)
bind_bottom_up(UDP, DtlsRecord, dport=PORT)
bind_bottom_up(UDP, DtlsRecord, sport=PORT)
