"""The bound profile package: protected sequences and the signed secure channel.

SGP.22 §2.5.3, §2.5.4, §2.6.4, §5.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1.tlv import tlv
from sgprobe.crypto import keys
from sgprobe.crypto.bsp import (
    MAX_DATA,
    MAX_PLAIN,
    TAG_ENCRYPTED,
    TAG_MAC_ONLY,
    TAG_PROFILE,
    Bsp,
    replace_session_keys,
)
from sgprobe.crypto.kdf import KEY_OCTETS, KEY_TYPE_AES, SessionKeys
from sgprobe.crypto.signing import SMDP_SIGN

_INSTALL = 1


@dataclass(frozen=True, slots=True)
class Announced:
    """What a secure channel says it is for: operation, type and octets of its keys. §5.5.1."""

    operation: int = _INSTALL
    key_type: int = KEY_TYPE_AES
    key_octets: int = KEY_OCTETS


USUAL = Announced()


@dataclass(frozen=True, slots=True)
class Protected:
    """A profile package under its own keys, ready to be put in any bound package."""

    keys: SessionKeys = field(repr=False)
    segments: bytes = field(repr=False)


def protect(package: bytes, session: SessionKeys) -> Protected:
    """Pre-protect a profile package with profile protection keys (PPK). SGP.22 §2.5.3."""
    return Protected(session, b"".join(Bsp(session).seal_all(TAG_PROFILE, package)))


def seal(
    session: SessionKeys,
    metadata: bytes,
    configure: bytes,
    package: bytes | Protected,
    metadata_size: int = MAX_DATA,
    segment: int = MAX_PLAIN,
) -> list[bytes]:
    """Return the protected sequences A0, A1, A2 where it is needed, and A3. SGP.22 §2.5.4.

    `metadata_size` is how many octets of metadata stand in one segment, `segment` how many of a
    package that is not protected yet.
    """
    bsp = Bsp(session)
    parts = [
        tlv("A0", *bsp.seal_all(TAG_ENCRYPTED, configure)),
        tlv("A1", *bsp.seal_all_mac_only(TAG_MAC_ONLY, metadata, metadata_size)),
    ]
    if isinstance(package, Protected):
        parts.append(tlv("A2", *bsp.seal_all(TAG_ENCRYPTED, replace_session_keys(package.keys))))
        parts.append(tlv("A3", package.segments))
    else:
        parts.append(tlv("A3", *bsp.seal_all(TAG_PROFILE, package, segment)))
    return parts


def secure_channel(
    signer: keys.PrivateKey,
    transaction_id: bytes,
    host_id: bytes,
    otpk: bytes,
    euicc_otpk: bytes,
    announced: Announced = USUAL,
) -> bytes:
    """Return InitialiseSecureChannel (BF23), whose signature also covers the eUICC's key."""
    transaction = tlv("80", transaction_id)
    operation = tlv("82", bytes([announced.operation]))
    kind = tlv("80", bytes([announced.key_type]))
    template = tlv("A6", kind, tlv("81", bytes([announced.key_octets])), tlv("84", host_id))
    own, peer = tlv("5F49", otpk), tlv("5F49", euicc_otpk)
    signature = SMDP_SIGN.sign(signer, operation, transaction, template, own, peer)
    return tlv("BF23", operation, transaction, template, own, signature)
