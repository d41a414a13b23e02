"""IPA eUICC data: what can be asked for, the request, and the answer taken apart. §2.11.1.2."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.peers.eim.operations import GetData
from sgprobe.peers.esipa import wire
from sgprobe.peers.esipa.wire import contents, elements, integer, number, parts, retag
from sgprobe.peers.euicc.values import bit_string, places

# names of the operator interface: tag in v1.0.1, tag since v1.1
TAGS: dict[str, tuple[str, str]] = {
    "notifications": ("BF2B", "A0"),
    "default-smdp": ("80", "81"),
    "results": ("", "A2"),
    "euicc-info1": ("BF20", "BF20"),
    "euicc-info2": ("BF22", "BF22"),
    "root-smds": ("83", "83"),
    "association-token": ("84", "84"),
    "eum-certificate": ("A5", "A5"),
    "euicc-certificate": ("A6", "A6"),
    "ipa-capabilities": ("A8", "A8"),
    "device-info": ("A9", "A9"),
}
_CERTIFICATE = b"\xa6"
EVENTS = ("install", "enable", "disable", "delete")
FIRST = "1.0.1"
# IpaEuiccDataErrorCode
ECALL = 104


def data_request(version: str, asked: GetData, transaction: str | None) -> bytes:
    """Return IpaEuiccDataRequest (BF52); ValueError says what this version has no word for."""
    first = version == FIRST
    tags = []
    for name in asked.tags:
        if name not in TAGS:
            raise ValueError(f"no data is called {name[:40]!r}; there are {', '.join(TAGS)}")
        tag = TAGS[name][0 if first else 1]
        if not tag:
            raise ValueError(f"{name} cannot be asked for in SGP.32 v{version}")
        tags.append(bytes.fromhex(tag))
    if first and _CERTIFICATE not in tags:
        # the answer says by nothing else whose it is
        tags.append(_CERTIFICATE)
    found = [tlv("5C", *tags)]
    if asked.ci is not None:
        found.append(tlv("04", bytes.fromhex(asked.ci)))
    if asked.notification is not None:
        found.append(tlv("A1", integer("80", asked.notification)))
    elif asked.event is not None:
        bits = bit_string({EVENTS.index(asked.event)})
        octet = bytes.fromhex(bits["value"])
        found.append(tlv("A1", tlv("81", bytes([8 - bits["length"]]), octet)))
    elif asked.result is not None and first:
        # v1.0.1: one criterion for all, and none that names a result
        found.append(tlv("A1", tlv("82")))
    if asked.result is not None and not first:
        found.append(tlv("A2", integer("80", asked.result)))
    if transaction is not None and not first:
        found.append(tlv("83", bytes.fromhex(transaction)))
    return tlv("BF52", *found)


@dataclass(frozen=True, slots=True)
class Told:
    """What an IPA has told: None and () where it did not."""

    error: int | None = None
    transaction: str | None = None
    info1: bytes | None = None
    info2: bytes | None = None
    default_smdp: str | None = None
    root_smds: str | None = None
    token: int | None = None
    eum: bytes | None = None
    euicc: bytes | None = None
    features: tuple[int, ...] | None = None
    protocols: tuple[int, ...] = ()
    device_info: bytes | None = None
    notifications: tuple[bytes, ...] = ()
    results: tuple[bytes, ...] = field(default=())


def read_data(version: str, raw: bytes) -> Told:
    """Return what an IpaEuiccDataResponse (BF52) says."""
    first = version == FIRST
    read = codec.load(f"SGP.32@{version}")
    value: Value = wire.read(read, "IpaEuiccDataResponse", raw)
    (inside,) = elements(raw)[:1]
    tag = wire.tag_of(inside)
    if tag == "81":
        return Told(error=number(inside))
    found = parts(inside)
    if tag == "A1":
        transaction = found.get("80")
        return Told(
            error=number(found["02"]),
            transaction=None if transaction is None else contents(transaction).hex(),
        )
    data: Value = value["ipaEuiccData"]
    capabilities = data.get("ipaCapabilities")
    notes, results = found.get("A0"), found.get("A2")
    if first:
        # a whole BF2B, which may hold either list or, in A3, both
        listed = parts(found["BF2B"]) if "BF2B" in found else {}
        both = parts(listed["A3"]) if "A3" in listed else {}
        notes, results = both.get("A0", listed.get("A0")), both.get("A1", listed.get("A2"))
    return Told(
        transaction=data.get("eimTransactionId"),
        info1=found.get("BF20"),
        info2=found.get("BF22"),
        default_smdp=data.get("defaultSmdpAddress"),
        root_smds=data.get("rootSmdsAddress"),
        token=data.get("associationToken"),
        eum=_certificate(found.get("A5")),
        euicc=_certificate(found.get("A6")),
        features=None
        if capabilities is None
        else tuple(sorted(places(capabilities["ipaFeatures"]))),
        protocols=()
        if capabilities is None
        else tuple(sorted(places(capabilities.get("ipaSupportedProtocols")))),
        device_info=found.get("A9"),
        notifications=() if notes is None else tuple(elements(notes)),
        results=() if results is None else tuple(elements(results)),
    )


def _certificate(data: bytes | None) -> bytes | None:
    """Return a certificate whose outer tag was replaced; some products keep both."""
    if data is None:
        return None
    inside = elements(data)
    if len(inside) == 1 and wire.tag_of(inside[0]) == "30":
        return inside[0]
    return retag(data, "30")
