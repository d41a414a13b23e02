"""The bound profile package: session keys, protected segments, the signed secure channel.

SGP.22 §2.5.3, §2.5.4, §2.6.4, §5.5.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import eid_octets
from sgprobe.crypto import keys
from sgprobe.crypto.bsp import (
    MAX_DATA,
    TAG_ENCRYPTED,
    TAG_MAC_ONLY,
    TAG_PROFILE,
    Bsp,
    replace_session_keys,
)
from sgprobe.crypto.kdf import KEY_OCTETS, KEY_TYPE_AES, SessionKeys, agree
from sgprobe.crypto.signing import SMDP_SIGN
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.smdp.orders import BindingKeys

_INSTALL = tlv("82", b"\x01")
_CACHED = 64
HOST_ID_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Protected:
    """A profile package under its own keys, ready to be put in any bound package."""

    keys: SessionKeys = field(repr=False)
    segments: bytes = field(repr=False)


def protect(package: bytes, session: SessionKeys) -> Protected:
    """Pre-protect a profile package with profile protection keys (PPK). SGP.22 §2.5.3."""
    return Protected(session, b"".join(Bsp(session).seal_all(TAG_PROFILE, package)))


class ProtectedShelf:
    """Packages that are protected already, by ICCID; the latest used ones are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Protected] = OrderedDict()

    def get(self, seed: str, iccid: str, package: bytes) -> Protected:
        """Return a package under the keys that `seed` gives to its ICCID."""
        kept = self._kept.get(iccid)
        if kept is None:
            block = keys.seeded(seed, "PPK", iccid, size=3 * KEY_OCTETS)
            kept = protect(package, SessionKeys(block[:16], block[16:32], block[32:]))
            self._kept[iccid] = kept
            if len(self._kept) > _CACHED:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(iccid)
        return kept


def new_keys(random: RandomSource, curve: keys.Curve, euicc_otpk: bytes) -> BindingKeys:
    """Make the server's one-time key for a one-time key of the eUICC."""
    return BindingKeys(
        otsk=random(32).hex(),
        euicc_otpk=euicc_otpk.hex(),
        host_id=random(HOST_ID_OCTETS).hex(),
        curve=curve,
    )


def bind(
    signer: keys.PrivateKey,
    transaction_id: bytes,
    eid: str,
    binding: BindingKeys,
    metadata: bytes,
    configure: bytes,
    package: bytes | Protected,
) -> bytes:
    """Return the BoundProfilePackage TLV; the same keys give the same protected segments."""
    otsk = keys.derive_key(binding.otsk, "otSK.DP", keys.Curve(binding.curve))
    euicc_otpk, host_id = bytes.fromhex(binding.euicc_otpk), bytes.fromhex(binding.host_id)
    session = agree(otsk, euicc_otpk, host_id, eid_octets(eid))
    channel = secure_channel(signer, transaction_id, host_id, keys.point(otsk), euicc_otpk)
    return tlv("BF36", channel, *seal(session, metadata, configure, package))


def seal(
    session: SessionKeys,
    metadata: bytes,
    configure: bytes,
    package: bytes | Protected,
    metadata_size: int = MAX_DATA,
) -> list[bytes]:
    """Return the protected sequences A0, A1, A2 where it is needed, and A3. SGP.22 §2.5.4.

    `metadata_size` is how many octets of metadata stand in one segment.
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
        parts.append(tlv("A3", *bsp.seal_all(TAG_PROFILE, package)))
    return parts


def secure_channel(
    signer: keys.PrivateKey, transaction_id: bytes, host_id: bytes, otpk: bytes, euicc_otpk: bytes
) -> bytes:
    """Return InitialiseSecureChannel (BF23), whose signature also covers the eUICC's key."""
    transaction = tlv("80", transaction_id)
    template = tlv(
        "A6", tlv("80", bytes([KEY_TYPE_AES])), tlv("81", bytes([KEY_OCTETS])), tlv("84", host_id)
    )
    own, peer = tlv("5F49", otpk), tlv("5F49", euicc_otpk)
    signature = SMDP_SIGN.sign(signer, _INSTALL, transaction, template, own, peer)
    return tlv("BF23", _INSTALL, transaction, template, own, signature)
