"""Bodies that HTTP and CoAP carry: which message a body is, and packets for those that are none."""

from __future__ import annotations

from typing import Any, ClassVar

from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet

from dissectors.finding import finding
from dissectors.layers.base import NOTES, Note, Shown
from dissectors.layers.generate import class_of
from dissectors.spec.functions import Function
from dissectors.trace import codes
from dissectors.trace.message import REQUEST, RESPONSE
from dissectors.trace.recognise import Body, Media, recognise


class OtherBody(Packet):
    """A body that is no message of the tables; its bytes are kept."""

    name = "body of no known message"
    fields_desc = NOTES

    def do_dissect(self, s: bytes) -> bytes:
        """Keep all bytes and say that they say nothing."""
        text = f"{len(s)} octets that begin with {s[:4].hex(' ').upper()} are no message"
        self.fields["undecoded"] = s
        self.fields["problems"] = (finding(codes.BODY, text),)
        self.explicit = 1
        return b""

    def self_build(self) -> bytes:
        """Return the bytes."""
        octets: bytes = self.undecoded
        return octets


class NoBody(Packet):
    """A message without a body: an answer that only a status makes."""

    name = "message without a body"
    fields_desc: ClassVar[list[Any]] = [
        Shown(Note("function", None)),
        Shown(Note("kind", None)),
        *NOTES,
    ]

    def mysummary(self) -> Any:
        """Return the name of the message."""
        return f"{self.function} {self.kind} without a body", [TCP, UDP]


def body_class(body: Body, otherwise: type[Packet]) -> type[Packet]:
    """Return the packet class of a body; `otherwise` where it is none of ours."""
    found = recognise(body)
    if found is None:
        return otherwise
    if found.type is None:
        return OtherBody
    function: Function = found.function
    return class_of(function.interface, function.name, found.kind, found.type)


class RspBody(Packet):
    """What HTTP and CoAP are bound to: its bytes decide which message class stands there."""

    name = "RSP body"
    kind: ClassVar[str] = REQUEST

    @classmethod
    def choose(cls, octets: bytes, path: str, media: Media, otherwise: type[Packet]) -> Any:
        """Return the class of a body that went to `path`, empty for an answer."""
        return body_class(Body(cls.kind, path, octets, media), otherwise)


__all__ = ["REQUEST", "RESPONSE", "Media", "NoBody", "OtherBody", "RspBody", "body_class"]
