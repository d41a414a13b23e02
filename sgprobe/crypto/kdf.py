"""Session keys of the BPP protection: what an ECDH secret becomes. SGP.22 §2.6.4."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from dissectors.asn1.tlv import length_octets
from sgprobe.crypto.errors import KeyFormatError
from sgprobe.crypto.keys import PrivateKey, ecdh

KEY_OCTETS = 16
# the values of CRT tags 80 and 81 in BF23: AES-128, 16 octets
KEY_TYPE_AES = 0x88


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """One key set: the first MAC chaining value, S-ENC and S-MAC (or PPK-ENC and PPK-CMAC)."""

    mcv: bytes = field(repr=False)
    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if {len(self.mcv), len(self.enc), len(self.mac)} != {KEY_OCTETS}:
            raise KeyFormatError(f"each part of a key set is {KEY_OCTETS} octets")


def x963(secret: bytes, shared_info: bytes, size: int) -> bytes:
    """Return `size` octets of the X9.63 KDF with SHA-256. TR-03111 §4.3.3."""
    return X963KDF(hashes.SHA256(), size, shared_info).derive(secret)


def session_keys(
    secret: bytes,
    host_id: bytes,
    eid: bytes,
    key_type: int = KEY_TYPE_AES,
    key_length: int = KEY_OCTETS,
    also: bytes = b"",
) -> SessionKeys:
    """Return the session keys of a shared secret: initial MCV ‖ S-ENC ‖ S-MAC. SGP.22 §2.6.4.2.

    `also` goes into the SharedInfo after the EID.
    """
    shared_info = b"".join(
        (
            bytes([key_type, key_length]),
            length_octets(len(host_id)),
            host_id,
            length_octets(len(eid)),
            eid,
            also,
        )
    )
    block = x963(secret, shared_info, 3 * KEY_OCTETS)
    return SessionKeys(block[:16], block[16:32], block[32:])


def agree(own: PrivateKey, peer_point: bytes, host_id: bytes, eid: bytes) -> SessionKeys:
    """Return the session keys that both ends of a download compute from the one-time keys."""
    return session_keys(ecdh(own, peer_point), host_id, eid)
