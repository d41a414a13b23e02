"""Opens what stands inside leaves: digits, versions, certificates, TLVs in OCTET STRINGs.

These are notes for a person who reads the tree. The JER value never carries them, and what cannot
be opened stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dissectors.asn1.codec import Codec, load
from dissectors.asn1.node import LEAF
from dissectors.asn1.runtime import FAULTS
from dissectors.asn1.tlv import TlvError, read_tag, read_tlv, split
from dissectors.asn1.x509 import summarise
from dissectors.spec.identity import IdentityError, eid_text, iccid_text, is_eid

_MAX_NOTE, _MAX_LINES = 200, 200
_RSP, _IOT = "SGP.22@2.7", "SGP.32@1.3"
# what stands whole in an object of IFPP, by its first tag
_RAW = {
    b"\xff\x41": ("IFPP@0", "IfppLoadContextRequest"),
    b"\xff\x45": ("IFPP@0", "GetSignedIfppStateResponse"),
    b"\xbf\x22": (_IOT, "EUICCInfo2"),
    b"\xbf\x36": (_RSP, "BoundProfilePackage"),
    b"\xbf\x37": (_RSP, "ProfileInstallationResult"),
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A short note beside a value, and lines below it: label, text, byte range in the leaf."""

    note: str = ""
    lines: tuple[tuple[str, str, int, int], ...] = ()


def open_leaf(codec: Codec, name: str, label: str, contents: bytes) -> Opened | None:
    """Open a leaf by its type, else by its member name; None where there is nothing to open."""
    if label in ("Certificate", "DerCertificate"):
        # the binding of IFPP has no types of X.509
        summary = summarise(codec if label == "Certificate" else load(_RSP), contents)
        if summary is None:
            return None
        return Opened("", tuple((k, v, 0, len(contents)) for k, v in summary.fields))
    opener = _BY_TYPE.get(label) or _BY_NAME.get(name)
    if opener is None:
        return None
    try:
        opened = _sima(codec, contents) if name == "simaResponse" else opener(contents)
    except (IdentityError, TlvError, *FAULTS):
        # the facts say what should be here; what is here stays as hex
        return None
    return None if opened is None else _short(opened)


def _short(opened: Opened) -> Opened:
    """Hold what is shown to a size that a person reads; a hostile leaf has no end of elements."""
    note, lines = opened.note, opened.lines
    if len(note) > _MAX_NOTE:
        note = note[:_MAX_NOTE] + "…"
    if len(lines) > _MAX_LINES:
        start = lines[_MAX_LINES][2]
        more = ("…", f"{len(lines) - _MAX_LINES} more", start, lines[-1][3])
        lines = (*lines[:_MAX_LINES], more)
    return Opened(note, lines)


def _eid(contents: bytes) -> Opened:
    eid = eid_text(contents)
    return Opened(f"EID {eid}" if is_eid(eid) else f"EID {eid}, its check digits are wrong")


def _iccid(contents: bytes) -> Opened:
    return Opened(f"ICCID {iccid_text(contents)}")


def _version(contents: bytes) -> Opened | None:
    return Opened(".".join(str(octet) for octet in contents)) if len(contents) == 3 else None


def _plmn(contents: bytes) -> Opened:
    """3GPP TS 24.008 §10.5.1.13: digits swapped, the third MNC digit in the middle, F if none."""
    a, b, c = contents
    mcc = f"{a & 15:X}{a >> 4:X}{b & 15:X}"
    mnc = f"{c & 15:X}{c >> 4:X}" + ("" if b >> 4 == 15 else f"{b >> 4:X}")
    return Opened(f"MCC {mcc} MNC {mnc}")


def _swapped_digits(contents: bytes) -> Opened:
    text = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in contents).rstrip("f")
    return Opened(text if text.isdecimal() else "")


def _tags(contents: bytes) -> Opened:
    at, tags = 0, []
    while at < len(contents):
        end = read_tag(contents, at, len(contents))
        tags.append(contents[at:end].hex().upper())
        at = end
    return Opened("tags " + " ".join(tags))


def _numbers(labels: dict[bytes, str]) -> Callable[[bytes], Opened]:
    def opener(contents: bytes) -> Opened:
        lines = []
        for element in split(contents):
            number = int.from_bytes(contents[element.body : element.end], "big")
            label = labels.get(element.tag, element.tag.hex().upper())
            lines.append((label, str(number), element.start, element.end))
        return Opened("", tuple(lines))

    return opener


def _elements(contents: bytes) -> Opened:
    """Any run of TLVs, with one level of indent by depth."""
    lines: list[tuple[str, str, int, int]] = []

    def walk(start: int, end: int, depth: int) -> None:
        for element in split(contents, start, end):
            pad = "  " * depth
            if element.tag[0] & 0x20 and depth < 8:
                lines.append((pad + element.tag.hex().upper(), "", element.start, element.end))
                walk(element.body, element.end, depth + 1)
            else:
                octets = contents[element.body : element.end].hex()
                lines.append((pad + element.tag.hex().upper(), octets, element.start, element.end))

    walk(0, len(contents), 0)
    return Opened("", tuple(lines))


def _sima(codec: Codec, contents: bytes) -> Opened:
    """EUICCResponse of the profile package, once or several times; else whatever TLVs there are."""
    # what SGP.32 says for CompactSuccessResult where simaResponse is left out
    note = "ok" if contents == bytes.fromhex("3007A0053003800100") else ""
    lines: list[tuple[str, str, int, int]] = []
    for element in split(contents):
        found = _leaves(codec, "EUICCResponse", contents[element.start : element.end])
        if found is None:
            return Opened(note, _elements(contents).lines)
        at = element.start
        lines += [(path, text, at + start, at + end) for path, text, start, end in found]
    return Opened(note, tuple(lines))


def _leaves(codec: Codec, name: str, octets: bytes) -> list[tuple[str, str, int, int]] | None:
    """Return the leaves of a type, or None where the octets are another."""
    tree = codec.tree(name, octets)
    if tree.root is None or not tree.ok:
        return None
    return [
        (path, "present" if node.value is None else _cut(node.value), node.start, node.end)
        for path, node in tree.root.walk()
        if node.kind == LEAF
    ]


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_NOTE else f"{text[:80]}…{text[-16:]} ({len(text) // 2} octets)"


def _raw(contents: bytes) -> Opened:
    """A whole object of another module, known by its first tag. IFPP §3."""
    spec, name = _RAW.get(contents[:2], (_RSP, ""))
    found = _leaves(load(spec), name, contents) if name else None
    return _elements(contents) if found is None else Opened(name, tuple(found))


# ETSI TS 102 226: the comprehension bit of these tags is clear here
_CONNECTIVITY = {b"\x35": "bearer description", b"\x47": "network access name", b"\x0d": "text"}


def _connectivity(contents: bytes) -> Opened:
    lines = []
    for element in split(contents):
        octets = contents[element.body : element.end]
        text = octets.hex()
        if element.tag == b"\x47":
            text = _labels(octets)
        label = _CONNECTIVITY.get(element.tag, element.tag.hex().upper())
        lines.append((label, text, element.start, element.end))
    return Opened("", tuple(lines))


def _labels(octets: bytes) -> str:
    parts, at = [], 0
    while at < len(octets):
        parts.append(octets[at + 1 : at + 1 + octets[at]].decode("ascii"))
        at += 1 + octets[at]
    return ".".join(parts)


def _attribute(contents: bytes) -> Opened | None:
    """An attribute of a name: some string type, by its own tag. RFC 5280 §4.1.2.4."""
    element = read_tlv(contents)
    text = contents[element.body : element.end].decode("utf-8")
    return Opened(repr(text)) if text.isprintable() else None


_Opener = Callable[[bytes], Opened | None]
_BY_TYPE: dict[str, _Opener] = {
    "Eid": _eid,
    "RawTlv": _raw,
    "Iccid": _iccid,
    "VersionType": _version,
    "AttributeValue": _attribute,
}
# SGP.22 §5.7.8 extCardResource: ETSI TS 102 226 §8.2.1.7.2
_BY_NAME: dict[str, _Opener] = {
    "eidValue": _eid,
    "iccid": _iccid,
    "mccMnc": _plmn,
    "rPLMN": _plmn,
    "imei": _swapped_digits,
    "tac": _swapped_digits,
    "tagList": _tags,
    "iotSpecificTagList": _tags,
    "extCardResource": _numbers(
        {b"\x81": "applications", b"\x82": "free non-volatile", b"\x83": "free volatile"}
    ),
    "simaResponse": _elements,
    "errorResponse": _elements,
    "httpParams": _connectivity,
}
