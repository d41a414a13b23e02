"""A message as a packet: members are fields, and the bytes stay until a member changes.

What the bytes are is a matter of the binding: `asn1_message.py` and `json_message.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from scapy.fields import Field
from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet
from scapy.volatile import VolatileValue

from dissectors.asn1.model import Value
from dissectors.asn1.print_tree import shorten
from dissectors.finding import Finding
from dissectors.layers.base import NOTES, Hidden, LayerError, Note, Shown, copied, frozen, plain

# levels and elements of a value that are printed
_DEPTH, _MOST = 16, 200


class MemberField(Field[Any, Any]):
    """One member of a message, as JER; None is absent."""

    # a list is one value, not a set of packets to make
    islist = 1
    ismutable = True

    def __init__(self, name: str) -> None:
        super().__init__(name, None)

    def any2i(self, pkt: Packet | None, x: Any) -> Any:
        """Take octets for hex and packets for their values, at any depth."""
        return x if isinstance(x, VolatileValue) else plain(x)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        """Add nothing: a message is encoded as a whole."""
        return s

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:
        """Take nothing: a message is decoded as a whole."""
        return s, None

    def do_copy(self, x: Any) -> Any:
        """Return a copy with nothing in common."""
        return copied(x)

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        """Return the value as lines of names and values."""
        if isinstance(pkt, RspMessage):
            lines = pkt.member_lines(self.name)
            if lines is not None:
                return "\n".join(lines)
        return "\n".join(value_lines(x))


# `others` are members that the tables do not name; `as_read` is the bytes and what they said
_OWN: list[Any] = [
    Shown(MemberField("others")),
    Shown(Note("spec", None)),
    Hidden(Note("as_read", None)),
]


def member_names(names: Iterable[str]) -> dict[str, str]:
    """Return names on the wire with those of their fields: none hides what a packet has."""
    fields = {name: name.replace("-", "_") for name in names}
    return {name: f"{field}_" if field in _TAKEN else field for name, field in fields.items()}


def message_fields(names: list[str]) -> list[Any]:
    """Return the fields of a message class: its members, then the notes."""
    return [*(Shown(MemberField(name)) for name in names), *_OWN, *NOTES]


class RspMessage(Packet):
    """One message of an interface between eIM, IPA, SM-DP+, SM-DS and eUICC."""

    name = "RSP message"
    fields_desc = message_fields([])
    # names on the wire, and of their fields
    members: ClassVar[dict[str, str]] = {}

    def decoded(self, octets: bytes) -> tuple[Value, str | None, tuple[Finding, ...]]:
        """Return value, version and findings of a body; the value is None if there is none."""
        raise NotImplementedError

    def encoded(self, value: Value) -> bytes:
        """Return the bytes of a value; raises LayerError."""
        raise NotImplementedError

    def member_lines(self, name: str) -> list[str] | None:
        """Return how a member is printed, or None where its value is printed as it is."""
        return None

    def value(self) -> Value:
        """Return the value that the fields make, as the bulk path has it."""
        found: dict[str, Value] = {}
        for name, field in self.members.items():
            value = self.getfieldval(field)
            if value is not None:
                found[name] = plain(value)
        others = self.others or {}
        if not isinstance(others, dict):
            raise LayerError(f"{self.name}: others is an object with the members by name")
        return found | {name: value for name, value in others.items() if name not in found}

    def fill(
        self, value: Value, octets: bytes, spec: str | None, problems: tuple[Finding, ...]
    ) -> None:
        """Take what a body was found to say."""
        fields = self.fields
        if not self.take(value):
            fields["undecoded"] = octets
        if spec is not None:
            fields["spec"] = spec
        if problems:
            fields["problems"] = problems
        fields["as_read"] = octets, self._state()

    def take(self, value: Value) -> bool:
        """Put a value into the fields; say whether it has any."""
        if not isinstance(value, dict):
            return False
        others: dict[str, Value] = {}
        for name, member in value.items():
            if name in self.members and member is not None:
                self.fields[self.members[name]] = member
            else:
                others[name] = member
        if others:
            self.fields["others"] = others
        return True

    def _state(self) -> bytes | None:
        names = (*self.members.values(), "others", "spec")
        return frozen([self.getfieldval(name) for name in names])

    def do_dissect(self, s: bytes) -> bytes:
        """Take all of the bytes: what follows a message is a fault of the message."""
        value, spec, problems = self.decoded(s)
        self.fill(value, s, spec, problems)
        self.explicit = 1
        return b""

    def self_build(self) -> bytes:
        """Return the bytes as they were read, or the encoding of the fields that were changed."""
        read = self.fields.get("as_read")
        if read is not None and read[1] is not None and read[1] == self._state():
            octets: bytes = read[0]
            return octets
        try:
            return self.encoded(self.value())
        except RecursionError:
            raise LayerError(f"{self.name}: the value is nested too deep") from None

    def _command(self, json: bool = False) -> list[tuple[str, Any]]:
        """Return what makes the same message again; `command()` and `json()` print it."""
        pairs = [(n, self.getfieldval(n)) for n in (*self.members.values(), "others")]
        return [(n, value if json else repr(value)) for n, value in pairs if value is not None]

    def mysummary(self) -> Any:
        """Return the name of the message, with the number of its problems."""
        count = len(self.problems)
        problems = f" ({count} problem{'s' * (count > 1)})" if count else ""
        return f"{self.__class__.__name__}{problems}", [TCP, UDP]

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__ or not isinstance(other, RspMessage):
            return False
        return bool(self.value() == other.value() and self.undecoded == other.undecoded)

    __hash__ = None

    def __repr__(self) -> str:
        parts = [f"{name}={shorten(str(plain(self.getfieldval(field))))[:80]}"
                 for name, field in self.members.items()
                 if self.getfieldval(field) is not None]  # fmt: skip
        return f"<{' '.join([self.__class__.__name__, *parts])} |{self.payload!r}>"


def value_lines(value: Value, depth: int = 0) -> list[str]:
    """Return plain data as lines: a name and its value, what is inside it below."""
    pad = "  " * depth
    if depth > _DEPTH:
        return [f"{pad}…"]
    if isinstance(value, dict):
        pairs = [(f"{name}:", below) for name, below in value.items()]
    elif isinstance(value, list):
        pairs = [(f"[{index}]:", below) for index, below in enumerate(value)]
    else:
        return [pad + printable(value)]
    lines: list[str] = []
    for label, below in pairs[:_MOST]:
        if isinstance(below, dict | list) and below:
            lines += [f"{pad}{label}", *value_lines(below, depth + 1)]
        else:
            lines.append(f"{pad}{label} {printable(below)}")
    if len(pairs) > _MOST:
        lines.append(f"{pad}… {len(pairs) - _MOST} more")
    return lines or [f"{pad}(empty)"]


def printable(value: Value) -> str:
    """Return a leaf as text that cannot move a cursor."""
    text = "null" if value is None else str(value)
    return shorten("".join(c if c.isprintable() else repr(c)[1:-1] for c in text)) or "(empty)"


# `value` is a member of an X.509 type
_TAKEN = frozenset(dir(RspMessage)) | {field.name for field in RspMessage.fields_desc}
