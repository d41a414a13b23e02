"""What all packets of this room share: fields that are notes, plain values, and one kind of error.

Notes are about a packet and not on the wire: its problems, the frames it came in, the bytes that
could not be decoded. They stand in `fields_desc`, so that `show()` prints them and every copy
keeps them.
"""

from __future__ import annotations

import marshal
from typing import Any

from scapy.fields import ConditionalField, Field
from scapy.packet import Packet
from scapy.volatile import VolatileValue

from dissectors.asn1.model import Value
from dissectors.finding import Finding

# levels of a value that a person may nest; no message has as many
_DEPTH = 100


class LayerError(ValueError):
    """A packet cannot be built as its fields say; the text names the field."""


class Note(Field[Any, Any]):
    """A field that puts nothing on the wire."""

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        """Add nothing."""
        return s

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:
        """Take nothing."""
        return s, self.default

    def do_copy(self, x: Any) -> Any:
        """Return the value itself: notes are not changed, they are replaced."""
        return x

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        """Return one line for each finding, or the value as text."""
        if isinstance(x, bytes):
            return x.hex()
        if isinstance(x, tuple):
            parts = [finding_text(one) if isinstance(one, Finding) else str(one) for one in x]
            return ("\n" if any(isinstance(one, Finding) for one in x) else ", ").join(parts)
        return str(x)


class Shown(ConditionalField):
    """A field that is shown where it has a value; nothing else depends on it."""

    def __init__(self, fld: Any) -> None:
        super().__init__(fld, lambda packet: has_value(packet.getfieldval(fld.name)))

    def i2h(self, pkt: Packet | None, val: Any) -> Any:
        """Return the value, whether it is shown or not."""
        return self.fld.i2h(pkt, val)


class Hidden(ConditionalField):
    """A note that is never shown."""

    def __init__(self, fld: Any) -> None:
        super().__init__(fld, lambda packet: False)

    def i2h(self, pkt: Packet | None, val: Any) -> Any:
        """Return the value."""
        return self.fld.i2h(pkt, val)


def has_value(value: Any) -> bool:
    """Say whether a field is set: None, no findings and no bytes are not."""
    return value is not None and value != () and value != b""


# the notes of every packet; `message` is the message of the trace that a packet was made of
NOTES: list[Any] = [
    Shown(Note("undecoded", b"")),
    Shown(Note("problems", ())),
    Shown(Note("frames", ())),
    Hidden(Note("message", None)),
]


def finding_text(one: Finding) -> str:
    """Return a finding as one line."""
    where = f" at {one.path}" if one.path else ""
    return f"{one.severity} {one.code}{where}, offset {one.offset}: {one.text}"


def plain(value: Any, depth: int = 0) -> Value:
    """Return a value as plain JSON data: octets become hex, packets their values."""
    if depth > _DEPTH:
        raise LayerError("the value is nested too deep")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(name): plain(below, depth + 1) for name, below in value.items()}
    if isinstance(value, list | tuple):
        return [plain(below, depth + 1) for below in value]
    if isinstance(value, VolatileValue):
        return plain(value._fix(), depth + 1)
    if isinstance(value, Packet):
        return plain(value.value(), depth + 1)
    return value


def frozen(value: Value) -> bytes | None:
    """Return what is equal for equal plain data, or None where the data is not plain.

    Version 2 of the format has no back references, so it depends on the value alone; it is written
    in C and does not run out of stack on the depth that a JSON reader allows.
    """
    try:
        return marshal.dumps(value, 2)
    except ValueError:
        return None


def copied(value: Any) -> Any:
    """Return a copy of plain data; anything else as it is."""
    known = frozen(value)
    return value if known is None else marshal.loads(known)
