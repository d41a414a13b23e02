"""One whole unprotected profile package (UPP) from a subscription, of a size that is asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import iccid_octets
from sgprobe.peers.profiles import elements, tags
from sgprobe.peers.profiles.elements import File, Pin

USIM_AID = bytes.fromhex("A0000000871002FFFFFFFF8907090000")
MNO_SD_AID = bytes.fromhex("A000000151000000")
ADF_FILE_ID = "7FD0"
FILLER_DF = "7F90"
# large contents stand in several files and elements, as an operator would make them
FILLER_FILE = 4096
_FILES_PER_ELEMENT = 4
_FIRST_FILLER = 8
_LEAST_FILLER = 100

# ETSI TS 102 221 §9.2.7: an access rule is an access mode and who may do it
_ALWAYS, _PIN, _ADM = "9000", "A406830101950108", "A40683010A950108"
ACCESS_RULES = tuple(
    bytes.fromhex(rule)
    for rule in (
        f"800103{_PIN}800158{_ADM}",  # 1: read and update with PIN
        f"800101{_PIN}80015A{_ADM}",  # 2: read with PIN, update by the operator
        f"800101{_ALWAYS}80015A{_ADM}",  # 3: read always, update by the operator
        f"800101{_ALWAYS}800102{_PIN}800158{_ADM}",  # 4: read always, update with PIN
        f"80015B{_ADM}",  # 5: the operator alone
        f"80011F{_ADM}",  # 6: a directory
    )
)
_RULE_LENGTH = max(len(rule) for rule in ACCESS_RULES)


class Fault(Enum):
    """Why no eUICC may install a package. TCA PP §8, SGP.22 §5.5.5."""

    AFTER_END = "elements follow the end"
    OTHER_ICCID = "the profile is another one than its metadata say"
    UNKNOWN_TEMPLATE = "a template is mandatory that nobody has"
    NO_USIM = "no network access application"
    NO_DOMAIN = "no security domain of the operator"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What makes a profile one subscriber's: numbers, keys, codes and names."""

    iccid: str
    imsi: str
    k: bytes = field(repr=False)
    opc: bytes = field(repr=False)
    pin: str = field(default="0000", repr=False)
    puk: str = field(default="11111111", repr=False)
    adm: str = field(default="55555555", repr=False)
    # S-ENC, S-MAC and DEK of the operator's security domain
    ota: tuple[bytes, bytes, bytes] = field(default=(bytes(16),) * 3, repr=False)
    service_provider: str = "sgprobe"
    profile_type: str = "sgprobe Test Profile"


def build(
    subscription: Subscription, size: int = 0, marker: bytes = b"", fault: Fault | None = None
) -> bytes:
    """Return a UPP of about `size` octets, never fewer than the elements themselves need.

    `marker` is planted in the filler, to be searched for where nobody may see the profile.
    """
    made = _whole(_elements(subscription, fault), subscription.iccid, size, marker)
    return made + made if fault is Fault.AFTER_END else made


def _whole(body: bytes, iccid: str, size: int, marker: bytes) -> bytes:
    """Return elements with their filler and their end."""
    room = size - len(body) - len(elements.end(_FIRST_FILLER))
    if room < _LEAST_FILLER and not marker:
        return body + elements.end(_FIRST_FILLER)
    filler = _filler(iccid, room, marker)
    # the files around the content take room too: how much is known once they stand
    excess = sum(map(len, filler)) - room
    if excess > 0:
        filler = _filler(iccid, room - excess, marker)
    return b"".join((body, *filler, elements.end(_FIRST_FILLER + len(filler))))


def _elements(subscription: Subscription, fault: Fault | None = None) -> bytes:
    plain = bytes.fromhex(subscription.iccid.ljust(20, "F"))
    services = ("usim", "milenage")
    templates = [tags.TEMPLATE_MF, tags.TEMPLATE_USIM]
    if fault is Fault.UNKNOWN_TEMPLATE:
        templates.append(tags.TEMPLATE_NONE)
    ota = {(1, key_id): key for key_id, key in enumerate(subscription.ota, 1)}
    puk = subscription.puk.encode()
    adm = Pin(10, subscription.adm.encode(), attributes=3, tries=0xAA)
    pin = _pin(subscription.pin)
    base = [
        elements.header(subscription.profile_type, plain, services, templates),
        elements.template("mf", 1, tags.TEMPLATE_MF, tags.MF_FILES, _mf(subscription)),
        elements.puk_codes(2, [(1, puk), (129, puk)]),
        elements.pin_codes(3, [Pin(1, pin, 1, 6), adm]),
    ]
    usim = [
        elements.template("usim", 4, tags.TEMPLATE_USIM, tags.USIM_FILES, _usim(subscription)),
        elements.pin_codes(5, [Pin(129, pin, 129)]),
        elements.aka_milenage(6, subscription.k, subscription.opc),
    ]
    domain = [elements.security_domain(7, MNO_SD_AID, ota)]
    if fault is Fault.NO_USIM:
        usim = []
    if fault is Fault.NO_DOMAIN:
        domain = []
    return b"".join((*base, *usim, *domain))


def _pin(digits: str) -> bytes:
    return digits.encode().ljust(8, b"\xff")


def _transparent(file_id: str, rule: str, content: bytes) -> File:
    return File(
        {
            "fileDescriptor": bytes.fromhex("4121"),
            "fileID": bytes.fromhex(file_id),
            "securityAttributesReferenced": bytes.fromhex(rule),
            "efFileSize": elements.size_octets(len(content)),
        },
        content,
    )


def _records(file_id: str, rule: str, records: tuple[bytes, ...], length: int) -> File:
    descriptor = bytes.fromhex("4221") + length.to_bytes(2, "big")
    return File(
        {
            "fileDescriptor": descriptor,
            "fileID": bytes.fromhex(file_id),
            "securityAttributesReferenced": bytes.fromhex(rule),
            "efFileSize": elements.size_octets(length * len(records)),
        },
        b"".join(record.ljust(length, b"\xff") for record in records),
    )


def _directory(file_id: str, rule: str, name: bytes | None = None) -> File:
    members = {
        "fileDescriptor": bytes.fromhex("7821"),
        "fileID": bytes.fromhex(file_id),
        "securityAttributesReferenced": bytes.fromhex(rule),
        # ETSI TS 102 221 §11.1.1.4.10: the PINs that apply below
        "pinStatusTemplateDO": bytes.fromhex("01810A"),
    }
    return File(members if name is None else {**members, "dfName": name})


def _mf(subscription: Subscription) -> dict[str, File]:
    entry = tlv("61", tlv("4F", USIM_AID), tlv("50", b"USIM"))
    return {
        "mf": _directory("3F00", "2F0606"),
        "ef-iccid": _transparent("2FE2", "2F0603", iccid_octets(subscription.iccid)),
        "ef-dir": _records("2F00", "2F0603", (entry,), 32),
        "ef-arr": _records("2F06", "2F0603", ACCESS_RULES, _RULE_LENGTH),
    }


def _usim(subscription: Subscription) -> dict[str, File]:
    name = subscription.service_provider.encode()[:16]
    return {
        "adf-usim": _directory(ADF_FILE_ID, "2F0606", USIM_AID),
        "ef-imsi": _transparent("6F07", "6F0602", imsi_octets(subscription.imsi)),
        "ef-arr": _records("6F06", "6F0603", ACCESS_RULES, _RULE_LENGTH),
        # 3GPP TS 31.102 §4.2.8: service provider name, packet domain, EPS mobility
        "ef-ust": _transparent("6F38", "6F0602", _services(19, 33, 85)),
        "ef-spn": _transparent("6F46", "6F0603", b"\x00" + name.ljust(16, b"\xff")),
        "ef-est": _transparent("6F56", "6F0602", b"\x00"),
        "ef-acc": _transparent("6F78", "6F0602", _access_class(subscription.imsi)),
        "ef-ad": _transparent("6FAD", "6F0603", bytes.fromhex("00000002")),
        "ef-ecc": _records("6FB7", "6F0603", (bytes.fromhex("11F2FF00"),), 4),
    }


def imsi_octets(imsi: str) -> bytes:
    """Return the contents of EF.IMSI. 3GPP TS 31.102 §4.2.2."""
    digits = ("9" if len(imsi) % 2 else "1") + imsi
    digits += "F" * (len(digits) % 2)
    swapped = bytes.fromhex("".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2)))
    return (bytes([len(swapped)]) + swapped).ljust(9, b"\xff")


def _services(*services: int) -> bytes:
    table = bytearray(17)
    for service in services:
        table[(service - 1) // 8] |= 1 << (service - 1) % 8
    return bytes(table)


def _access_class(imsi: str) -> bytes:
    # 3GPP TS 31.102 §4.2.15: one of ten classes, by the last digit of the IMSI
    return (1 << int(imsi[-1])).to_bytes(2, "big")


def _filler(name: str, octets: int, marker: bytes) -> list[bytes]:
    """Return elements of further files that hold `octets` octets of content, the marker first."""
    stream = hashlib.shake_256(name.encode()).digest(max(1, octets - len(marker)))
    content = marker + stream
    files = [
        (
            bytes.fromhex(FILLER_DF),
            _transparent(f"{0x6F01 + place:04X}", "6F0605", content[at : at + FILLER_FILE]),
        )
        for place, at in enumerate(range(0, len(content), FILLER_FILE))
    ]
    files.insert(0, (b"", _directory(FILLER_DF, "2F0606")))
    return [
        elements.generic_files(_FIRST_FILLER + place, files[at : at + _FILES_PER_ELEMENT])
        for place, at in enumerate(range(0, len(files), _FILES_PER_ELEMENT))
    ]
