"""Profile elements read: headers, file control parameters, PINs, keys. TCA Profile Package §8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dissectors.asn1.tlv import TlvError, split
from sgprobe.peers.euicc.filesystem import Aka, File, Kind, Pin, Puk
from sgprobe.peers.profiles.tags import FCP, TEMPLATE_ARC

# PEDefinitions, PEStatus
OK, NOT_SUPPORTED, MEMORY_FAILURE, BAD_VALUES, NO_MEMORY, BAD_FORMAT, BAD_PARAMETER = range(7)
LIB_NOT_SUPPORTED, TEMPLATE_NOT_SUPPORTED, FEATURE_NOT_SUPPORTED, PIN_MISSING = 8, 9, 10, 11
VERSION_NOT_SUPPORTED = 31

_FCP_NAMES = {bytes.fromhex(tag): name for name, tag in FCP.items()}
_KINDS = {0x01: Kind.TRANSPARENT, 0x02: Kind.LINEAR, 0x06: Kind.CYCLIC, 0x39: Kind.BER_TLV}
_DIRECTORY_DESCRIPTOR = 0x38
_MAX_FILE = 1 << 24
_MAX_TAG = 3

Members = dict[bytes, bytes]


class ElementError(ValueError):
    """An element that cannot be carried out; `status` is the code of PEStatus."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """The PEHeader of an element."""

    mandated: bool
    identification: int


def members(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk the elements in `data`: tag and contents."""
    try:
        for one in split(data):
            yield one.tag, data[one.body : one.end]
    except TlvError as error:
        raise ElementError(BAD_FORMAT, str(error)) from None


def table(data: bytes) -> Members:
    """Return the elements in `data` by tag, each once."""
    found: Members = {}
    for tag, contents in members(data):
        if tag in found:
            raise ElementError(BAD_FORMAT, f"{tag.hex().upper()} stands twice")
        found[tag] = contents
    return found


def number(octets: bytes | None, default: int | None = None) -> int:
    """Return an INTEGER that is small and not negative."""
    if octets is None:
        if default is None:
            raise ElementError(BAD_FORMAT, "an INTEGER is missing")
        return default
    if not 1 <= len(octets) <= 5 or octets[0] & 0x80:
        raise ElementError(BAD_VALUES, "an INTEGER is too large or negative")
    return int.from_bytes(octets, "big")


def sized(octets: bytes | None, *sizes: int) -> bytes:
    """Return an OCTET STRING of one of these sizes."""
    if octets is None or len(octets) not in sizes:
        raise ElementError(BAD_VALUES, f"an OCTET STRING of {sizes} octets is missing")
    return octets


def head(parts: Members) -> Head:
    """Return the PEHeader, which every element but the first and none twice begins with."""
    octets = parts.get(b"\xa0")
    if octets is None:
        raise ElementError(BAD_FORMAT, "the PEHeader is missing")
    fields = table(octets)
    identification = number(fields.get(b"\x81"))
    if identification > 0x7FFF:
        raise ElementError(BAD_VALUES, "the identification is more than 32767")
    return Head(b"\x80" in fields, identification)


def oid_text(octets: bytes) -> str:
    """Return an OBJECT IDENTIFIER as text. X.690 §8.19."""
    if not 1 <= len(octets) <= 64 or octets[-1] & 0x80:
        raise ElementError(BAD_VALUES, "no OBJECT IDENTIFIER")
    numbers = [0]
    for octet in octets:
        numbers[-1] = numbers[-1] << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(0)
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:-1])))


def template_number(octets: bytes) -> int | None:
    """Return which template of the specification an OBJECT IDENTIFIER names; versions are below."""
    arc, _, rest = oid_text(octets).partition(f"{TEMPLATE_ARC}.")
    place = rest.partition(".")[0]
    return int(place) if not arc and place else None


@dataclass(frozen=True, slots=True)
class Default:
    """What a template says of a file that the element does not: TCA Profile Package annex A."""

    fid: str
    kind: Kind = Kind.TRANSPARENT
    size: int = 0
    record: int = 0
    rule: int = 0
    sfi: int | None = None


def make_file(
    fcp: dict[str, bytes], default: Default | None, arr: str, target: File | None = None
) -> File:
    """Return a file of an Fcp and its template; `arr` is the EF.ARR of its place.

    A link shares the content of its target.
    """
    fid = fcp["fileID"].hex() if "fileID" in fcp else default.fid if default else ""
    if len(fid) != 4:
        raise ElementError(BAD_VALUES, "a file has no identifier")
    kind, record = (default.kind, default.record) if default else (None, 0)
    if target is not None:
        kind, record = target.kind, target.record
    elif "fileDescriptor" in fcp:
        kind, record = _descriptor(fcp["fileDescriptor"])
    if kind is None:
        raise ElementError(BAD_VALUES, f"file {fid} has no descriptor")
    file = File(fid, kind, record=record, name=fcp.get("dfName", b""))
    if kind is Kind.DIRECTORY and file.name:
        file.kind = Kind.APPLICATION
    rule = fcp.get("securityAttributesReferenced")
    if rule is not None:
        where = rule[:-1].hex() if len(rule) == 3 else arr
        file.rule = (where, rule[-1]) if rule else None
    elif default is not None and default.rule:
        file.rule = (arr, default.rule)
    file.pin_references = tuple(fcp.get("pinStatusTemplateDO", b""))
    if file.is_directory:
        if target is not None:
            file.children = target.children
        return file
    if target is not None:
        file.content = target.content
    else:
        file.content = bytearray(b"\xff" * _size(fcp, default, record))
    short = fcp.get("shortEFID")
    if short is None:
        file.sfi = default.sfi if default else int(fid, 16) & 0x1F
    elif len(short) == 1:
        file.sfi = short[0] >> 3
    return file


def _descriptor(octets: bytes) -> tuple[Kind, int]:
    # ETSI TS 102 222 §6.3.2.2.2
    if len(octets) not in (2, 4):
        raise ElementError(BAD_VALUES, "a file descriptor has 2 or 4 octets")
    first = octets[0] & 0x3F
    if first == _DIRECTORY_DESCRIPTOR:
        return Kind.DIRECTORY, 0
    kind = _KINDS.get(first if first == 0x39 else first & 0x07)
    record = int.from_bytes(octets[2:], "big")
    if kind is None or (kind in (Kind.LINEAR, Kind.CYCLIC)) != bool(record):
        raise ElementError(BAD_VALUES, f"file descriptor {octets.hex().upper()} is none")
    return kind, record


def _size(fcp: dict[str, bytes], default: Default | None, record: int) -> int:
    octets = fcp.get("efFileSize")
    size = (
        int.from_bytes(octets[:8], "big") if octets is not None else default.size if default else 0
    )
    if size > _MAX_FILE:
        raise ElementError(NO_MEMORY, f"a file of {size} octets")
    if record and size % record:
        raise ElementError(BAD_VALUES, "the size is no multiple of the record length")
    return size


def read_fcp(octets: bytes) -> dict[str, bytes]:
    """Return the members of an Fcp by name."""
    return {_FCP_NAMES[tag]: value for tag, value in members(octets) if tag in _FCP_NAMES}


def fill(file: File, at: int, octets: bytes) -> int:
    """Write content that an element brings; return where it ended."""
    if file.is_directory or at + len(octets) > len(file.content):
        raise ElementError(BAD_VALUES, f"content of file {file.fid} is longer than the file")
    file.content[at : at + len(octets)] = octets
    return at + len(octets)


def read_pins(octets: bytes) -> dict[int, Pin]:
    """Return the PINs of a list of PINConfiguration."""
    pins = {}
    for tag, contents in members(octets):
        fields = table(contents) if tag == b"\x30" else {}
        tries = number(fields.get(b"\x84"), 0x33)
        attributes = number(fields.get(b"\x83"), 7)
        puk = number(fields[b"\x82"]) if b"\x82" in fields else None
        value = sized(fields.get(b"\x81"), 8)
        pin = Pin(value, puk, bool(attributes & 1), tries >> 4 & 0x0F, tries & 0x0F)
        pins[number(fields.get(b"\x80"))] = pin
    return pins


def read_puks(octets: bytes) -> dict[int, Puk]:
    """Return the PUKs of a list of PUKConfiguration."""
    puks = {}
    for tag, contents in members(octets):
        fields = table(contents) if tag == b"\x30" else {}
        tries = number(fields.get(b"\x82"), 0xAA)
        value = sized(fields.get(b"\x81"), 8)
        puks[number(fields.get(b"\x80"))] = Puk(value, tries >> 4 & 0x0F, tries & 0x0F)
    return puks


# PEDefinitions, AlgoParameter: the constants of TS 35.206 §4.1
_ROTATIONS = bytes.fromhex("4000204060")
_CONSTANTS = b"".join(bytes([0] * 15 + [constant]) for constant in (0, 1, 2, 4, 8))
_MILENAGE, _TUAK, _TEST = 1, 2, 3


def read_aka(parts: Members) -> Aka | None:
    """Return the authentication of an akaParameter element; None where it maps to another NAA."""
    configuration = table(parts.get(b"\xa1", b""))
    if b"\xa1" not in configuration:
        if b"\xa0" in configuration:
            return None
        raise ElementError(BAD_FORMAT, "algoConfiguration is missing")
    fields = table(configuration[b"\xa1"])
    algorithm = number(fields.get(b"\x80"))
    other = fields.get(b"\x84", _ROTATIONS) != _ROTATIONS
    other = other or fields.get(b"\x85", _CONSTANTS) != _CONSTANTS
    if algorithm not in (_MILENAGE, _TEST) or (algorithm == _MILENAGE and other):
        raise ElementError(FEATURE_NOT_SUPPORTED, f"algorithm {algorithm} is not supported")
    listed = [int.from_bytes(sized(one, 6), "big") for _, one in members(parts.get(b"\xa5", b""))]
    return Aka(
        algorithm,
        sized(fields.get(b"\x82"), 16),
        sized(fields.get(b"\x83"), 16) if algorithm == _MILENAGE else b"",
        sized(parts.get(b"\x82", b"\x02"), 1)[0],
        int.from_bytes(sized(parts.get(b"\x83", bytes.fromhex("000010000000")), 6), "big"),
        int.from_bytes(sized(parts.get(b"\x84", bytes.fromhex("000010000000")), 6), "big"),
        tuple(listed) or (0,) * 32,
    )


def element_end(buffer: bytearray, start: int) -> int | None:
    """Return where the element at `start` ends; None when its length is not all there yet."""
    at = start + 1
    if len(buffer) > start and buffer[start] & 0x1F == 0x1F:
        while at < len(buffer) and buffer[at] & 0x80:
            at += 1
        at += 1
        if at > start + _MAX_TAG:
            raise ElementError(BAD_FORMAT, "a tag is too long")
    if at >= len(buffer):
        return None
    length, count = buffer[at], 0
    if length > 0x7F:
        count = length & 0x7F
        if not 1 <= count <= 3:
            raise ElementError(BAD_FORMAT, "a length is indefinite or too long")
        if at + count >= len(buffer):
            return None
        length = int.from_bytes(buffer[at + 1 : at + 1 + count], "big")
    return at + 1 + count + length
