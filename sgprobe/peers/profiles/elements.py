"""Profile elements as DER: each function makes one, from values that are already octets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dissectors.asn1.tlv import tlv
from sgprobe.peers.profiles import tags

AES_KEY = 0x88  # GlobalPlatform Card Specification, table 11-16


def oid(text: str) -> bytes:
    """Return the contents octets of an OBJECT IDENTIFIER. X.690 §8.19."""
    first, second, *rest = (int(part) for part in text.split("."))
    octets = bytearray()
    for number in (40 * first + second, *rest):
        group = [number & 0x7F]
        while number := number >> 7:
            group.append(number & 0x7F | 0x80)
        octets += bytes(reversed(group))
    return bytes(octets)


def number(value: int) -> bytes:
    """Return the contents octets of a non-negative INTEGER. X.690 §8.3."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def size_octets(value: int) -> bytes:
    """Return a file size on as few octets as possible, as an Fcp holds it."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


@dataclass(frozen=True, slots=True)
class File:
    """One file of an element: its FCP members by name, and what it is filled with."""

    fcp: Mapping[str, bytes]
    content: bytes | None = None


def fcp(members: Mapping[str, bytes]) -> bytes:
    """Return the contents of an Fcp, its members in the order of the type."""
    unknown = members.keys() - tags.FCP.keys()
    if unknown:
        raise KeyError(f"an Fcp has no {sorted(unknown)[0]}")
    return b"".join(tlv(tag, members[name]) for name, tag in tags.FCP.items() if name in members)


def _element(name: str, *parts: bytes) -> bytes:
    return tlv(tags.ELEMENT_TAGS[name], *parts)


def _head(identification: int) -> bytes:
    # PEHeader: mandated, identification
    return tlv("A0", tlv("80"), tlv("81", number(identification)))


def header(
    profile_type: str, iccid: bytes, services: Iterable[str], templates: Iterable[str]
) -> bytes:
    """Return the ProfileHeader; `iccid` is in plain order here, not swapped as in EF.ICCID."""
    wanted = set(services)
    unknown = wanted - set(tags.SERVICES)
    if unknown:
        raise KeyError(f"no service {sorted(unknown)[0]!r} in a ServicesList")
    listed = b"".join(
        tlv(tags.context(place, False))
        for place, name in enumerate(tags.SERVICES)
        if name in wanted
    )
    return _element(
        "header",
        # version 2.3: what eUICCs of SGP.22 v2 take, and all that is used here
        tlv("80", number(2)),
        tlv("81", number(3)),
        tlv("82", profile_type.encode()),
        tlv("83", iccid),
        tlv("A5", listed),
        tlv("A6", *(tlv("06", oid(template)) for template in templates)),
    )


def template(
    name: str, identification: int, template_id: str, members: list[str], files: Mapping[str, File]
) -> bytes:
    """Return an element that creates the files of a template; `members` are its file names."""
    unknown = files.keys() - set(members)
    if unknown:
        raise KeyError(f"{name} has no file {sorted(unknown)[0]}")
    parts = [
        tlv(tags.context(place), _file(files[member]))
        for place, member in enumerate(members, 2)
        if member in files
    ]
    return _element(name, _head(identification), tlv("81", oid(template_id)), *parts)


def _file(file: File) -> bytes:
    fill = b"" if file.content is None else tlv("83", file.content)
    return tlv("A1", fcp(file.fcp)) + fill


def generic_files(identification: int, files: Sequence[tuple[bytes, File]]) -> bytes:
    """Return a genericFileManagement element: each file with the path it is made under."""
    commands = []
    for path, file in files:
        fill = b"" if file.content is None else tlv("81", file.content)
        commands.append(tlv("80", path) + tlv("62", fcp(file.fcp)) + fill)
    listed = tlv("A1", tlv("30", *commands))
    return _element("genericFileManagement", _head(identification), listed)


@dataclass(frozen=True, slots=True)
class Pin:
    """One PIN or administrative key: its reference, value, PUK reference and counters."""

    reference: int
    value: bytes
    puk: int | None = None
    attributes: int = 7
    tries: int = 0x33


def pin_codes(identification: int, pins: Iterable[Pin]) -> bytes:
    """Return a pinCodes element; members that have their default are left out, as DER asks."""
    listed = []
    for pin in pins:
        parts = [tlv("80", number(pin.reference)), tlv("81", pin.value)]
        if pin.puk is not None:
            parts.append(tlv("82", number(pin.puk)))
        if pin.attributes != 7:
            parts.append(tlv("83", number(pin.attributes)))
        if pin.tries != 0x33:
            parts.append(tlv("84", number(pin.tries)))
        listed.append(tlv("30", *parts))
    return _element("pinCodes", _head(identification), tlv("A1", tlv("A0", *listed)))


def puk_codes(identification: int, codes: Iterable[tuple[int, bytes]]) -> bytes:
    """Return a pukCodes element of references and values, ten tries each."""
    listed = [
        tlv("30", tlv("80", number(reference)), tlv("81", value)) for reference, value in codes
    ]
    return _element("pukCodes", _head(identification), tlv("A1", *listed))


def aka_milenage(identification: int, k: bytes, opc: bytes) -> bytes:
    """Return an akaParameter element for Milenage with its standard constants."""
    algorithm = tlv("80", number(1)) + tlv("81", b"\x01") + tlv("82", k) + tlv("83", opc)
    return _element("akaParameter", _head(identification), tlv("A1", tlv("A1", algorithm)))


def security_domain(
    identification: int, aid: bytes, keys: Mapping[tuple[int, int], bytes]
) -> bytes:
    """Return the MNO security domain with AES keys by key version and key identifier."""
    instance = (
        tlv("4F", bytes.fromhex("A0000001515350"))
        + tlv("4F", bytes.fromhex("A000000151535041"))
        + tlv("4F", aid)
        + tlv("82", bytes.fromhex("82DC00"))
        + tlv("83", b"\x0f")
        + tlv("C9", bytes.fromhex("81028000"))
    )
    # GlobalPlatform §11.1.9: S-ENC, S-MAC, DEK by key identifier
    usage = {1: b"\x18", 2: b"\x14", 3: b"\x48"}
    listed = [
        tlv(
            "30",
            tlv("95", usage[key_id]),
            tlv("82", bytes([key_id])),
            tlv("83", bytes([version])),
            tlv("30", tlv("30", tlv("80", bytes([AES_KEY])), tlv("86", key))),
        )
        for (version, key_id), key in keys.items()
    ]
    return _element(
        "securityDomain", _head(identification), tlv("A1", instance), tlv("A2", *listed)
    )


def end(identification: int) -> bytes:
    """Return the element that ends a package."""
    return _element("end", _head(identification))
