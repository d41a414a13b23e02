"""Packets whose header our own codecs read and write; they give their bytes back as they came."""

from __future__ import annotations

from typing import Any, ClassVar

from scapy.packet import Packet

from dissectors.finding import Finding
from dissectors.layers.base import NOTES, Hidden, Note, frozen

FRAMED_NOTES: list[Any] = [Hidden(Note("as_read", None)), *NOTES]
_NOT_MADE = frozenset(note.name for note in FRAMED_NOTES)


class FramedPacket(Packet):
    """A header around a payload, where the bytes of one depend on the other."""

    name = "framed"
    fields_desc = FRAMED_NOTES
    # the fields that the bytes depend on
    wire: ClassVar[tuple[str, ...]] = ()

    def parse(self, octets: bytes) -> tuple[dict[str, Any] | None, bytes, tuple[Finding, ...]]:
        """Return fields, payload and findings; no fields where not even a header is there."""
        raise NotImplementedError

    def frame(self, payload: bytes) -> bytes:
        """Return the bytes that the fields make around a payload; raises LayerError."""
        raise NotImplementedError

    def do_dissect(self, s: bytes) -> bytes:
        """Take the header and return the payload."""
        fields, payload, problems = self.parse(s)
        if fields is None:
            self.fields["undecoded"] = s
        else:
            self.fields.update(fields)
        if problems:
            self.fields["problems"] = problems
        self.fields["as_read"] = s, payload, self._state()
        self.explicit = 1
        return payload

    def _state(self) -> bytes | None:
        return frozen([self.getfieldval(name) for name in self.wire])

    def do_build(self) -> bytes:
        """Return the bytes as they were read, or new ones where fields or payload were changed."""
        packet: FramedPacket = self if self.explicit else next(iter(self))  # type: ignore[assignment]
        payload = packet.do_build_payload()
        read = packet.fields.get("as_read")
        if read is not None and read[1:] == (payload, packet._state()) and read[2] is not None:
            octets: bytes = read[0]
        else:
            octets = packet.frame(payload)
        for change in packet.post_transforms:
            octets = change(octets)
        return octets

    def _command(self, json: bool = False) -> list[tuple[str, Any]]:
        """Return what makes the same packet again; `command()` and `json()` print it."""
        return [pair for pair in super()._command(json) if pair[0] not in _NOT_MADE]

    def self_build(self) -> bytes:
        """Return the bytes without their payload."""
        return self.frame(b"")
