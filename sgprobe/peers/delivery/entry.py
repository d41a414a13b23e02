"""One entry of a delivery: its line in the index, and the package FF48 that the line is about."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from dissectors.asn1 import codec
from dissectors.spec.identity import IdentityError, iccid_octets, iccid_text, is_eid

SPEC = "IFPP@0"
# a line of version 0 has some 330 octets; later versions may add members
MAX_LINE = 4096
MAX_PACKAGE = 4 << 20
_FORMS = {
    "packageId": re.compile(r"[0-9a-f]{32}"),
    "keyRef": re.compile(r"[0-9a-f]{16}"),
    "transactionId": re.compile(r"([0-9a-f]{2}){1,16}"),
    "sha256": re.compile(r"[0-9a-f]{64}"),
    "eid": re.compile(r"\d{32}", re.ASCII),
    "iccid": re.compile(r"\d{18,20}", re.ASCII),
}
_NUMBERS = ("n", "suite", "off", "len")


class EntryError(ValueError):
    """A line or a package is not what the format says."""


@dataclass(frozen=True, slots=True)
class Prebound:
    """One prebound package, and the whole FF48 that carries it."""

    package_id: str
    eid: str
    key_ref: str
    iccid: str
    transaction_id: str
    suite: int
    der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of an index: who the package is for, and where it stands in the .bin file."""

    number: int
    package_id: str
    eid: str
    key_ref: str
    iccid: str
    transaction_id: str
    suite: int
    offset: int
    length: int
    sha256: str

    def line(self) -> bytes:
        """Return the line as it stands in the index."""
        value = {
            "n": self.number,
            "packageId": self.package_id,
            "eid": self.eid,
            "keyRef": self.key_ref,
            "iccid": self.iccid,
            "transactionId": self.transaction_id,
            "suite": self.suite,
            "off": self.offset,
            "len": self.length,
            "sha256": self.sha256,
        }
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"

    def matches(self, package: bytes) -> bool:
        """Say whether the octets are those that the line is about."""
        return len(package) == self.length and hashlib.sha256(package).hexdigest() == self.sha256


def read_line(line: bytes) -> Entry:
    """Return the entry of an index line."""
    if len(line) > MAX_LINE:
        raise EntryError(f"a line of more than {MAX_LINE} octets")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise EntryError("no JSON") from None
    if not isinstance(value, dict):
        raise EntryError("no JSON object")
    for name, form in _FORMS.items():
        text = value.get(name)
        if not isinstance(text, str) or not form.fullmatch(text):
            raise EntryError(f"{name} is missing or not of its form")
    for name in _NUMBERS:
        number = value.get(name)
        if type(number) is not int or not 0 <= number < 1 << 53:
            raise EntryError(f"{name} is missing or no number")
    if not 0 < value["len"] <= MAX_PACKAGE:
        raise EntryError(f"len is not 1 to {MAX_PACKAGE}")
    if not is_eid(value["eid"]):
        # RB-43
        raise EntryError(f"EID {value['eid']}: the check digits are wrong")
    return Entry(
        value["n"], value["packageId"], value["eid"], value["keyRef"], value["iccid"],
        value["transactionId"], value["suite"], value["off"], value["len"], value["sha256"],
    )  # fmt: skip


def encode_package(package: Prebound, context: bytes, bound: bytes) -> bytes:
    """Return the FF48 of a package: its names, its context FF41 and its BF36."""
    return codec.load(SPEC).encode(
        "PreboundPackage",
        {
            "packageId": package.package_id,
            "eid": package.eid,
            "keyRef": package.key_ref,
            "iccid": iccid_octets(package.iccid).hex(),
            "transactionId": package.transaction_id,
            "loadContext": context.hex(),
            "boundProfilePackage": bound.hex(),
        },
    )


@dataclass(frozen=True, slots=True)
class Contents:
    """What a package holds: its names, the context command and the bound profile package."""

    package_id: str
    eid: str
    key_ref: str
    iccid: str
    transaction_id: str
    context: bytes = field(repr=False)
    bound: bytes = field(repr=False)


def read_package(der: bytes) -> Contents:
    """Return what an FF48 holds."""
    decoded = codec.load(SPEC).decode("PreboundPackage", der)
    if decoded.value is None or not decoded.ok:
        why = decoded.findings[0].text if decoded.findings else "nothing to read"
        raise EntryError(f"no PreboundPackage: {why[:200]}")
    value: dict[str, Any] = decoded.value
    try:
        iccid = iccid_text(bytes.fromhex(value["iccid"]))
    except IdentityError as error:
        raise EntryError(str(error)) from None
    return Contents(
        value["packageId"], value["eid"], value["keyRef"], iccid, value["transactionId"],
        bytes.fromhex(value["loadContext"]), bytes.fromhex(value["boundProfilePackage"]),
    )  # fmt: skip
