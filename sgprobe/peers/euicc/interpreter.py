"""The Profile Package Interpreter: elements carried out one by one, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.tlv import tlv
from sgprobe.peers.euicc import elements as pe
from sgprobe.peers.euicc.creation import Creation
from sgprobe.peers.euicc.elements import BAD_FORMAT, BAD_PARAMETER, BAD_VALUES, ElementError
from sgprobe.peers.euicc.filesystem import Contents
from sgprobe.peers.euicc.templates import DIRECTORIES, TEMPLATES
from sgprobe.peers.profiles.tags import ELEMENT_NAMES, SERVICES
from sgprobe.peers.rules import Rules

# what this eUICC can do of the ServicesList
SUPPORTED_SERVICES = frozenset(
    {"usim", "isim", "csim", "milenage", "javacard", "usim-test-algorithm", "ber-tlv"}
)
_MAJOR_VERSIONS = (2, 3)
_TEMPLATE_NUMBERS = frozenset(range(1, 17))
# elements that bring code or keys, which are taken in and not run
_OPAQUE = frozenset({"securityDomain", "rfm", "application", "cdmaParameter"})
_NAAS = frozenset({"usim", "isim", "csim"})
# a bound on the work: no profile has more
_MAX_ELEMENTS = 4_096
# where a planted fault looks at no limit, the bench still has one
_HARD_LIMIT = 1 << 26


@dataclass(frozen=True, slots=True)
class Status:
    """One PEStatus."""

    code: int
    identification: int | None = None

    def encoded(self) -> bytes:
        """Return the PEStatus TLV."""
        number = b""
        if self.identification is not None:
            octets = self.identification.to_bytes(self.identification.bit_length() // 8 + 1, "big")
            number = tlv("81", octets)
        return tlv("30", tlv("80", bytes([self.code])), number)


def response(statuses: list[Status], aborted: bool = False) -> bytes:
    """Return the EUICCResponse. PEDefinitions."""
    parts = tlv("A0", *(status.encoded() for status in statuses))
    return tlv("30", parts, tlv("81") if aborted else b"")


class Aborted(Exception):
    """The installation ends here; `status` says why."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"profile element {status.identification}: status {status.code}")
        self.status = status


class Interpreter:
    """Takes a profile package in pieces of any size and builds its contents.

    `room` is how many octets files may take; more of them is `not-enough-memory`.
    """

    def __init__(self, rules: Rules, room: int) -> None:
        self.warnings: list[Status] = []
        self._rules = rules
        self._room = room if rules.on("EUICC.MEMORY") else _HARD_LIMIT
        self._creation = Creation(self._room)
        self._pending = bytearray()
        self._package = bytearray()
        self._seen: set[str] = set()
        self._identifications: set[int] = set()
        self._count = 0
        self.ended = False

    @property
    def contents(self) -> Contents:
        """What the elements have made so far."""
        return self._creation.contents

    @property
    def size(self) -> int:
        """How much memory the profile takes: its files, or its elements where they are larger."""
        return max(self._creation.taken, len(self._package))

    @property
    def package(self) -> bytes:
        """The elements so far."""
        return bytes(self._package)

    def feed(self, octets: bytes) -> None:
        """Carry out every element that is whole now."""
        self._pending += octets
        self._package += octets
        at = 0
        try:
            while True:
                end = pe.element_end(self._pending, at)
                if end is None or end > len(self._pending):
                    if end is not None and end - at > self._room:
                        raise ElementError(pe.NO_MEMORY, "an element larger than the memory")
                    break
                self._element(bytes(self._pending[at:end]))
                at = end
        except ElementError as error:
            raise Aborted(Status(error.status)) from None
        del self._pending[:at]

    def finish(self) -> bytes:
        """End the package; return the EUICCResponse of a good one."""
        broken = self._pending or not self.ended
        if broken and self._rules.on("EUICC.PE-FORMAT"):
            raise Aborted(Status(BAD_FORMAT))
        missing = not {"mf", "securityDomain"} <= self._seen or not self._seen & _NAAS
        if missing and self._rules.on("EUICC.PE-REQUIRED"):
            raise Aborted(Status(BAD_PARAMETER))
        return response(self.warnings or [Status(pe.OK)])

    def _element(self, octets: bytes) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS:
            raise ElementError(pe.NO_MEMORY, "too many elements")
        ((tag, body),) = pe.members(octets)
        name = ELEMENT_NAMES.get(tag, "")
        if name == "header" or not self._seen:
            self._first(name, body)
            return
        parts = _parts(body)
        head: pe.Head | None = None
        try:
            head = pe.head(parts)
            self._in_order(name, head)
            self._carry_out(name, parts, body, head)
        except ElementError as error:
            number = head.identification if head is not None else None
            if error.status == pe.NOT_SUPPORTED and head is not None and not head.mandated:
                # what is not supported and not mandated is left out
                self.warnings.append(Status(error.status, number))
                return
            if error.status == BAD_FORMAT and not self._rules.on("EUICC.PE-FORMAT"):
                return
            raise Aborted(Status(error.status, number)) from None
        self._seen.add(name)

    def _first(self, name: str, body: bytes) -> None:
        order = self._rules.on("EUICC.PE-ORDER")
        if order and (name != "header" or self._seen):
            raise ElementError(BAD_FORMAT, "the header stands first and once")
        if name == "header":
            self._header(_parts(body))
        self._seen.add(name)

    def _in_order(self, name: str, head: pe.Head) -> None:
        if not self._rules.on("EUICC.PE-ORDER"):
            return
        if self.ended:
            raise ElementError(BAD_FORMAT, "an element follows the end")
        if head.identification in self._identifications:
            raise ElementError(BAD_VALUES, "an identification stands twice")
        self._identifications.add(head.identification)
        files = name in TEMPLATES or name in DIRECTORIES or name == "genericFileManagement"
        if files and name != "mf" and "mf" not in self._seen:
            raise ElementError(BAD_PARAMETER, "no file before the MF")

    def _header(self, parts: pe.Members) -> None:
        major = pe.number(parts.get(b"\x80"))
        pe.number(parts.get(b"\x81"))
        self.contents.iccid = pe.sized(parts.get(b"\x83"), 10).hex().rstrip("f")
        self.contents.connectivity = parts.get(b"\x87")
        if not self._rules.on("EUICC.PE-MANDATORY"):
            return
        if major not in _MAJOR_VERSIONS:
            raise ElementError(pe.VERSION_NOT_SUPPORTED, f"version {major}")
        for tag, _ in pe.members(parts.get(b"\xa5", b"")):
            place = tag[-1] & 0x1F if len(tag) == 1 else tag[-1]
            service = SERVICES[place] if place < len(SERVICES) else ""
            if service not in SUPPORTED_SERVICES:
                raise ElementError(pe.FEATURE_NOT_SUPPORTED, f"service {service or place}")
        for _, octets in pe.members(parts.get(b"\xa6", b"")):
            if pe.template_number(octets) not in _TEMPLATE_NUMBERS:
                raise ElementError(pe.TEMPLATE_NOT_SUPPORTED, pe.oid_text(octets))
        if parts.get(b"\xa8"):
            raise ElementError(pe.LIB_NOT_SUPPORTED, "no libraries are preloaded")

    def _carry_out(self, name: str, parts: pe.Members, body: bytes, head: pe.Head) -> None:
        if name == "end":
            self.ended = True
        elif name in TEMPLATES:
            self._creation.template(name, body)
        elif name in DIRECTORIES or name.startswith("opt-"):
            self._creation.other_template(name, body)
        elif name == "genericFileManagement":
            self._creation.generic_files(parts)
        elif name == "pinCodes":
            self._creation.pins(parts)
        elif name == "pukCodes":
            self._creation.puks(parts)
        elif name == "akaParameter":
            self.contents.aka = pe.read_aka(parts) or self.contents.aka
        elif name in _OPAQUE:
            self._opaque(name, parts)
        else:
            raise ElementError(pe.NOT_SUPPORTED, f"element {name or 'unknown'}")

    def _opaque(self, name: str, parts: pe.Members) -> None:
        if name == "securityDomain" and b"\xa1" not in parts:
            raise ElementError(BAD_FORMAT, "a security domain without instance")
        self._creation.take(sum(len(value) for value in parts.values()))


def _parts(body: bytes) -> pe.Members:
    """Return the members of an element; where a tag stands twice the first one counts."""
    found: pe.Members = {}
    for tag, value in pe.members(body):
        found.setdefault(tag, value)
    return found


def contents_of(package: bytes, rules: Rules) -> Contents:
    """Return what an installed package has made."""
    interpreter = Interpreter(rules, _HARD_LIMIT)
    try:
        interpreter.feed(package)
    except Aborted:
        # put in without a check, or under rules that are off: what was made before it counts
        pass
    return interpreter.contents
