"""The Profile Package Interpreter: elements carried out one by one, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.tlv import tlv
from sgprobe.peers.euicc import elements as pe
from sgprobe.peers.euicc.elements import BAD_FORMAT, BAD_PARAMETER, BAD_VALUES, ElementError
from sgprobe.peers.euicc.filesystem import Contents, File, Kind
from sgprobe.peers.euicc.templates import DIRECTORIES, SUBDIRECTORIES, TEMPLATES
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
_NAAS = frozenset({"usim", "isim", "csim", "iot"})
_HEADLESS = frozenset({"header"})
# a bound on the work: no profile has more
_MAX_ELEMENTS = 4_096


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
        self.contents = Contents()
        self.warnings: list[Status] = []
        self._rules = rules
        self._room = room
        self._pending = bytearray()
        self._package = bytearray()
        self._seen: set[str] = set()
        self._identifications: set[int] = set()
        self._count = 0
        # where the next PINs and files belong
        self._directory = self.contents.root
        self._application: File | None = None
        self.ended = False

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
        if missing and "iot" not in self._seen and self._rules.on("EUICC.PE-REQUIRED"):
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
            self._template(name, body)
        elif name in DIRECTORIES or name.startswith("opt-"):
            self._other_template(name, body)
        elif name == "genericFileManagement":
            self._generic(parts)
        elif name == "pinCodes":
            self._pins(parts)
        elif name == "pukCodes":
            self._directory.puks.update(pe.read_puks(parts.get(b"\xa1", b"")))
        elif name == "akaParameter":
            self.contents.aka = pe.read_aka(parts) or self.contents.aka
        elif name in _OPAQUE:
            self._opaque(name, parts)
        else:
            raise ElementError(pe.NOT_SUPPORTED, f"element {name or 'unknown'}")

    def _opaque(self, name: str, parts: pe.Members) -> None:
        if name == "securityDomain" and b"\xa1" not in parts:
            raise ElementError(BAD_FORMAT, "a security domain without instance")
        self._take(sum(len(value) for value in parts.values()))

    def _template(self, name: str, body: bytes) -> None:
        template = TEMPLATES[name]
        given = dict(pe.members(body))
        where = "2f06" if name == "mf" else "6f06"
        created: dict[str, File] = {}
        for place, member in enumerate(template.names, 2):
            default = template.directory if place == 2 else template.files.get(member)
            octets = given.get(_tag(place))
            if octets is None and member not in template.contents:
                continue
            arr = "2f06" if place == 2 else where
            file = self._create(octets or b"", default, arr, template.contents.get(member))
            if file is None:
                continue
            if place == 2:
                self._enter(name, file)
            else:
                self._directory.add(file)
            created[member] = file
        if template.names[0] not in created:
            raise ElementError(BAD_FORMAT, f"{name} has no directory")

    def _enter(self, name: str, file: File) -> None:
        """Make a new directory the place of what follows."""
        root = self.contents.root
        if name == "mf":
            root.rule = file.rule
            self._directory = root
            return
        root.add(file)
        file.kind = Kind.APPLICATION
        if not file.name:
            raise ElementError(BAD_VALUES, "an ADF without dfName")
        self._directory = self._application = file

    def _other_template(self, name: str, body: bytes) -> None:
        """Create what an element of a template that is not modelled names by identifier."""
        base = self._application or self.contents.root
        if name in DIRECTORIES:
            fid, below = DIRECTORIES[name]
            parent = self._application if below else self.contents.root
            if parent is None:
                raise ElementError(BAD_PARAMETER, f"{name} without an application")
            base = File(fid, Kind.DIRECTORY)
            parent.add(base)
        self._directory = base
        directories = SUBDIRECTORIES.get(name, {})
        for tag, octets in pe.members(body):
            place = tag[0] & 0x1F if len(tag) == 1 else tag[1]
            if place < 2:
                continue
            self._take(len(octets))
            if place in directories:
                self._directory = File(directories[place], Kind.DIRECTORY)
                base.add(self._directory)
            else:
                self._named(octets)
        self._directory = base

    def _named(self, octets: bytes) -> None:
        fcp = next((pe.read_fcp(value) for tag, value in pe.members(octets) if tag == b"\xa1"), {})
        if "fileID" in fcp and "fileDescriptor" in fcp:
            file = self._create(octets, None, "6f06", None)
            if file is not None and not file.is_directory:
                self._directory.add(file)

    def _create(
        self, octets: bytes, default: pe.Default | None, arr: str, initial: bytes | None
    ) -> File | None:
        """Return the file of a `File` value: FCP, then content at offsets."""
        commands = list(pe.members(octets))
        if any(tag == b"\x80" for tag, _ in commands):
            return None
        fcp: dict[str, bytes] = {}
        for tag, value in commands:
            if tag == b"\xa1":
                fcp |= pe.read_fcp(value)
        target = self._link(fcp)
        file = pe.make_file(fcp, default, arr, target)
        if target is not None:
            return file
        self._take(len(file.content))
        if initial is not None and len(initial) == len(file.content):
            file.content[:] = initial
        # where neither element nor a known template gives a size, the content does
        grows = default is None and "efFileSize" not in fcp
        at = 0
        for tag, value in commands:
            if tag == b"\x82":
                at += pe.number(value)
            elif tag == b"\x83":
                if grows:
                    self._take(at + len(value))
                    file.content.extend(b"\xff" * (at + len(value) - len(file.content)))
                at = pe.fill(file, at, value)
        return file

    def _link(self, fcp: dict[str, bytes]) -> File | None:
        """Return the file that a link leads to; an empty path is no link."""
        path = fcp.get("linkPath")
        if not path:
            return None
        found = self.contents.root.find(path.hex())
        if found is None:
            raise ElementError(BAD_PARAMETER, f"no file {path.hex()} to link to")
        return found

    def _generic(self, parts: pe.Members) -> None:
        for _, commands in pe.members(parts.get(b"\xa1", b"")):
            parent, file, at = self.contents.root, None, 0
            for tag, value in pe.members(commands):
                if tag == b"\x80":
                    found = self.contents.root.find(value.hex())
                    if found is None:
                        raise ElementError(BAD_PARAMETER, f"no file {value.hex()}")
                    parent, file, at = found, None if found.is_directory else found, 0
                elif tag == b"\x62":
                    arr = "2f06" if parent is self.contents.root else "6f06"
                    fcp = pe.read_fcp(value)
                    target = self._link(fcp)
                    file, at = pe.make_file(fcp, None, arr, target), 0
                    self._take(0 if target is not None else len(file.content))
                    if not parent.is_directory:
                        raise ElementError(BAD_PARAMETER, "a file inside a file")
                    parent.add(file)
                elif tag == b"\x82":
                    at += pe.number(value)
                elif tag == b"\x81" and file is not None:
                    at = pe.fill(file, at, value)

    def _pins(self, parts: pe.Members) -> None:
        choice = pe.table(parts.get(b"\xa1", b""))
        if b"\xa0" in choice:
            self._directory.pins.update(pe.read_pins(choice[b"\xa0"]))
        elif b"\x81" in choice:
            shared = self.contents.root.find(choice[b"\x81"].hex())
            if shared is None:
                raise ElementError(pe.PIN_MISSING, "the PINs to share are not there")
            self._directory.pins.update(shared.pins)
        else:
            raise ElementError(BAD_FORMAT, "pinCodes is empty")

    def _take(self, octets: int) -> None:
        self._room -= octets
        if self._room < 0 and self._rules.on("EUICC.MEMORY"):
            raise ElementError(pe.NO_MEMORY, "files larger than the memory")


def _parts(body: bytes) -> pe.Members:
    """Return the members of an element; where a tag stands twice the first one counts."""
    found: pe.Members = {}
    for tag, value in pe.members(body):
        found.setdefault(tag, value)
    return found


def _tag(place: int) -> bytes:
    return bytes([0xA0 | place]) if place < 31 else bytes([0xBF, place])


def contents_of(package: bytes, rules: Rules) -> Contents:
    """Return what an installed package has made."""
    interpreter = Interpreter(rules, 1 << 30)
    try:
        interpreter.feed(package)
    except Aborted:
        # put in without a check, or under rules that are off: what was made before it counts
        pass
    return interpreter.contents
