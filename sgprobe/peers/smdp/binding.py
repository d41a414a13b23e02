"""What the SM-DP+ binds a profile with: its one-time key, and packages protected beforehand.

SGP.22 §2.5.3, §2.6.4, §5.5.
"""

from __future__ import annotations

from collections import OrderedDict

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import eid_octets
from sgprobe.crypto import keys
from sgprobe.crypto.bpp import Protected, protect, seal, secure_channel
from sgprobe.crypto.bsp import MAX_PLAIN
from sgprobe.crypto.kdf import KEY_OCTETS, SessionKeys, agree
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.smdp.orders import BindingKeys

_CACHED = 64
HOST_ID_OCTETS = 16


class ProtectedShelf:
    """Packages that are protected already, by ICCID; the latest used ones are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Protected] = OrderedDict()

    def get(self, seed: str, iccid: str, package: bytes) -> Protected:
        """Return a package under the keys that `seed` gives to its ICCID."""
        kept = self._kept.get(iccid)
        if kept is None:
            kept = protect(package, profile_keys(seed, iccid))
            self._kept[iccid] = kept
            if len(self._kept) > _CACHED:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(iccid)
        return kept


def profile_keys(seed: str, iccid: str) -> SessionKeys:
    """Return the keys (PPK) that `seed` gives to a profile."""
    block = keys.seeded(seed, "PPK", iccid, size=3 * KEY_OCTETS)
    return SessionKeys(block[:16], block[16:32], block[32:])


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
    segment: int = MAX_PLAIN,
) -> bytes:
    """Return the BoundProfilePackage TLV; the same keys give the same protected segments.

    `segment` is how many octets of an unprotected package stand in one.
    """
    otsk = keys.derive_key(binding.otsk, "otSK.DP", keys.Curve(binding.curve))
    euicc_otpk, host_id = bytes.fromhex(binding.euicc_otpk), bytes.fromhex(binding.host_id)
    session = agree(otsk, euicc_otpk, host_id, eid_octets(eid))
    channel = secure_channel(signer, transaction_id, host_id, keys.point(otsk), euicc_otpk)
    return tlv("BF36", channel, *seal(session, metadata, configure, package, segment=segment))
