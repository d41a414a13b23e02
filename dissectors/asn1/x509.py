"""Opens a certificate for the reader's eye: who, by whom, for which role, under which key."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.codec import Codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv, split

_ATTRIBUTES = {"2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L",
               "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU"}  # fmt: skip
# SGP.22 §4.5.2.1: the role stands in certificatePolicies
ROLES = {"2.23.146.1.2.1.0": "CI", "2.23.146.1.2.1.1": "eUICC", "2.23.146.1.2.1.2": "EUM",
         "2.23.146.1.2.1.3": "SM-DP+ TLS", "2.23.146.1.2.1.4": "SM-DP+ authentication",
         "2.23.146.1.2.1.5": "SM-DP+ profile binding", "2.23.146.1.2.1.6": "SM-DS TLS",
         "2.23.146.1.2.1.7": "SM-DS authentication"}  # fmt: skip
_CURVES = {"1.2.840.10045.3.1.7": "P-256", "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
           "1.3.132.0.34": "P-384"}  # fmt: skip
_KEY_ID, _POLICIES, _ALT_NAME = "2.5.29.14", "2.5.29.32", "2.5.29.17"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a certificate says; `fields` are label and text, in the order to print."""

    fields: tuple[tuple[str, str], ...]

    def __getitem__(self, label: str) -> str:
        return dict(self.fields)[label]


def summarise(codec: Codec, der: bytes) -> Summary | None:
    """Return what a certificate says, or None where it cannot be read as one."""
    decoded = codec.decode("Certificate", der)
    if decoded.value is None or not decoded.ok:
        return None
    tbs = decoded.value["tbsCertificate"]
    extensions = {one["extnID"]: bytes.fromhex(one["extnValue"])
                  for one in tbs.get("extensions", ())}  # fmt: skip
    fields = [
        ("subject", _name(tbs["subject"])),
        ("issuer", _name(tbs["issuer"])),
        ("serial", f"{tbs['serialNumber']:X}"),
        ("valid", f"{_time(tbs['validity']['notBefore'])} to {_time(tbs['validity']['notAfter'])}"),
    ]
    eid = _attribute(tbs["subject"], "2.5.4.5")
    if eid and len(eid) == 32:
        fields.append(("EID", eid))
    for label, text in (
        ("role", _roles(extensions.get(_POLICIES))),
        ("names", _alternative_names(codec, extensions.get(_ALT_NAME))),
        ("key", _key(tbs["subjectPublicKeyInfo"])),
        ("key id", _key_id(extensions.get(_KEY_ID))),
    ):
        if text:
            fields.append((label, text))
    return Summary(tuple(fields))


def _text(value_hex: str) -> str:
    der = bytes.fromhex(value_hex)
    try:
        element = read_tlv(der)
        return der[element.body : element.end].decode("utf-8")
    except (TlvError, UnicodeDecodeError):
        return value_hex


def _attributes(name: Value) -> list[tuple[str, str]]:
    ((_, rdns),) = name.items()
    return [(one["type"], _text(one["value"])) for rdn in rdns for one in rdn]


def _name(name: Value) -> str:
    return ", ".join(f"{_ATTRIBUTES.get(oid, oid)}={text}" for oid, text in _attributes(name))


def _attribute(name: Value, oid: str) -> str | None:
    return next((text for one, text in _attributes(name) if one == oid), None)


def _time(value: Value) -> str:
    ((form, text),) = value.items()
    if form == "utcTime":
        # RFC 5280 §4.1.2.5.1
        text = ("19" if text[:2] >= "50" else "20") + text
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}"


def _key(info: Value) -> str:
    parameters = info["algorithm"].get("parameters", "")
    if parameters.startswith("06"):
        from dissectors.asn1.runtime import FAULTS, oid

        try:
            curve = oid(bytes.fromhex(parameters)[2:])
        except FAULTS:
            return str(parameters)
        return _CURVES.get(curve, curve)
    return str(info["algorithm"]["algorithm"])


def _key_id(extension: bytes | None) -> str:
    return "" if extension is None else extension[2:].hex().upper()


def _roles(extension: bytes | None) -> str:
    from dissectors.asn1.runtime import FAULTS, oid

    if extension is None:
        return ""
    names = []
    try:
        policies = read_tlv(extension)
        for policy in split(extension, policies.body, policies.end):
            first = read_tlv(extension, policy.body, policy.end)
            text = oid(extension[first.body : first.end])
            names.append(ROLES.get(text, text))
    except FAULTS:
        return extension.hex()
    return ", ".join(names)


def _alternative_names(codec: Codec, extension: bytes | None) -> str:
    from dissectors.asn1.runtime import FAULTS, oid

    if extension is None:
        return ""
    kinds = {b"\x82": "DNS", b"\x86": "URI", b"\x81": "email", b"\x88": "RID"}
    names = []
    try:
        whole = read_tlv(extension)
        for one in split(extension, whole.body, whole.end):
            contents = extension[one.body : one.end]
            text = oid(contents) if one.tag == b"\x88" else contents.decode("utf-8", "replace")
            names.append(f"{kinds.get(one.tag, one.tag.hex())} {text}")
    except FAULTS:
        return extension.hex()
    return ", ".join(names)
