"""Which bytes each eSIM signature covers: one table, over raw TLVs exactly as transmitted."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.tlv import TlvError, read_tlv, tlv
from sgprobe.crypto import keys
from sgprobe.crypto.errors import SigningInputError

SIGNATURE_TAG = "5F37"
SIGNATURE_OCTETS = 64


@dataclass(frozen=True, slots=True)
class Part:
    """One TLV that a signature covers: its name in the module and its tag."""

    name: str
    tag: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """A signature: its field name, who signs, the TLVs it covers in order, and the clause."""

    name: str
    signer: str
    parts: tuple[Part, ...]
    clause: str

    def covered(self, *parts: bytes) -> bytes:
        """Return the bytes to sign or verify, given each part as a whole TLV."""
        if len(parts) != len(self.parts):
            names = ", ".join(part.name for part in self.parts)
            raise TypeError(f"{self.name} covers {names}: not {len(parts)} parts")
        for part, data in zip(self.parts, parts, strict=True):
            _expect(f"{part.name} in {self.name}", part.tag, data)
        return b"".join(parts)

    def sign(self, key: keys.PrivateKey, *parts: bytes) -> bytes:
        """Return the signature TLV (5F37) over the parts."""
        return signature_tlv(keys.sign(key, self.covered(*parts)))

    def verify(self, key: keys.PublicKey, signature: bytes, *parts: bytes) -> bool:
        """Say whether `signature` (a 5F37 TLV) covers the parts under `key`; bad TLVs do not."""
        try:
            return keys.verify(key, signature_value(signature), self.covered(*parts))
        except SigningInputError:
            return False


def _recipe(name: str, signer: str, clause: str, **parts: str) -> Recipe:
    return Recipe(name, signer, tuple(Part(part, tag) for part, tag in parts.items()), clause)


SERVER_SIGNATURE1 = _recipe(
    "serverSignature1", "DPauth or DSauth", "SGP.22 §5.6.1", serverSigned1="30"
)
EUICC_SIGNATURE1 = _recipe("euiccSignature1", "eUICC", "SGP.22 §5.7.13", euiccSigned1="30")
SMDP_SIGNATURE2 = _recipe(
    "smdpSignature2", "DPpb", "SGP.22 §5.6.3", smdpSigned2="30", euiccSignature1="5F37"
)
EUICC_SIGNATURE2 = _recipe(
    "euiccSignature2", "eUICC", "SGP.22 §5.7.5", euiccSigned2="30", smdpSignature2="5F37"
)
# the one-time key of the eUICC is covered but not transmitted; the rest stands so in BF23
SMDP_SIGN = _recipe(
    "smdpSign",
    "DPpb",
    "SGP.22 §5.5.1",
    remoteOpId="82",
    transactionId="80",
    controlRefTemplate="A6",
    smdpOtpk="5F49",
    euiccOtpk="5F49",
)
EUICC_SIGN_PIR = _recipe(
    "euiccSignPIR", "eUICC", "SGP.22 §2.5.6", profileInstallationResultData="BF27"
)
EUICC_NOTIFICATION_SIGNATURE = _recipe(
    "euiccNotificationSignature", "eUICC", "SGP.22 §3.5", tbsOtherNotification="BF2F"
)
EUICC_CANCEL_SESSION_SIGNATURE = _recipe(
    "euiccCancelSessionSignature", "eUICC", "SGP.22 §5.7.14", euiccCancelSessionSigned="30"
)
# the association token is covered but not transmitted
EIM_SIGNATURE = _recipe(
    "eimSignature",
    "eIM signing",
    "SGP.32 §2.11.1.1",
    euiccPackageSigned="30",
    associationToken="84",
)
EUICC_SIGN_EPR = _recipe(
    "euiccSignEPR",
    "eUICC",
    "SGP.32 §2.11.2.1",
    euiccPackageResultDataSigned="30",
    associationToken="84",
)
EUICC_SIGN_EPE = _recipe(
    "euiccSignEPE",
    "eUICC",
    "SGP.32 §2.11.2.1",
    euiccPackageErrorDataSigned="30",
    associationToken="84",
)
# as its own type: the tag 30 in place of the one that says where it stands. IFPP §3
TBS_SIGNATURE = _recipe("signature", "SM-DPf or eUICC", "IFPP §3", tbs="30")

RECIPES = {recipe.name: recipe for recipe in list(globals().values()) if isinstance(recipe, Recipe)}


def association_token(value: int | None) -> bytes:
    """Return the association token TLV that is signed along: 84 01 00 when there is none."""
    number = value or 0
    size = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return tlv("84", number.to_bytes(size, "big", signed=True))


def signature_tlv(raw: bytes) -> bytes:
    """Return r‖s under its tag 5F37."""
    return tlv(SIGNATURE_TAG, raw)


def signature_value(data: bytes) -> bytes:
    """Return r‖s of a signature TLV, which must be 5F37 with 64 octets."""
    _expect("a signature", SIGNATURE_TAG, data)
    raw = data[read_tlv(data).body :]
    if len(raw) != SIGNATURE_OCTETS:
        raise SigningInputError(f"a signature is {SIGNATURE_OCTETS} octets, not {len(raw)}")
    return raw


def _expect(what: str, tag: str, data: bytes) -> None:
    try:
        element = read_tlv(data)
    except TlvError as error:
        raise SigningInputError(f"{what} is no TLV: {error}") from None
    if element.end != len(data) or element.tag.hex().upper() != tag:
        raise SigningInputError(f"{what} is one TLV {tag}, not {data[:8].hex().upper()}…")
