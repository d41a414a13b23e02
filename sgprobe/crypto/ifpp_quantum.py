"""ML-KEM-768 and ML-DSA, where the installed `cryptography` offers them; else a clear refusal.

FIPS 203, FIPS 204. The package has them from version 48 on, with an OpenSSL that has them too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sgprobe.crypto.errors import CryptoError, KeyFormatError

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem
except ImportError:  # before version 47 there are no such modules
    mldsa = mlkem = None  # type: ignore[assignment]

KEM_PUBLIC, KEM_CIPHERTEXT, KEM_SEED, KEM_SECRET = 1184, 1088, 64, 32
SIGNING_SEED = 32
# octets of a signature, by the parameter set
SIGNATURES = {"ML-DSA-44": 2420, "ML-DSA-65": 3309}


class QuantumUnavailable(CryptoError):
    """The installed library lacks the algorithm: what needs it is skipped, and said so."""


@lru_cache(maxsize=1)
def missing_kem() -> str | None:
    """Return why there is no ML-KEM-768, or None where it works."""
    return _missing("ML-KEM-768", lambda: KemKey(bytes(KEM_SEED)).public)


@lru_cache(maxsize=1)
def missing_signature() -> str | None:
    """Return why there is no ML-DSA, or None where it works."""
    return _missing("ML-DSA", lambda: SigningKey(bytes(SIGNING_SEED)).spki)


def _missing(name: str, attempt: Any) -> str | None:
    try:
        attempt()
    except (UnsupportedAlgorithm, AttributeError):
        return f"the installed cryptography has no {name}: 48 or newer is needed"
    return None


@dataclass(frozen=True, slots=True)
class KemKey:
    """An ML-KEM-768 decapsulation key, kept as its seed."""

    seed: bytes = field(repr=False)

    @property
    def public(self) -> bytes:
        """The encapsulation key, 1184 octets."""
        return self._key().public_key().public_bytes_raw()

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the shared secret; a wrong ciphertext of the right length gives another one.

        FIPS 203 §6.3: the rejection is implicit, only a wrong length is an error.
        """
        if len(ciphertext) != KEM_CIPHERTEXT:
            raise KeyFormatError(f"a ciphertext is {KEM_CIPHERTEXT} octets, not {len(ciphertext)}")
        return self._key().decapsulate(ciphertext)

    def _key(self) -> mlkem.MLKEM768PrivateKey:
        return mlkem.MLKEM768PrivateKey.from_seed_bytes(self.seed)


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """Return a fresh shared secret and its ciphertext for an encapsulation key."""
    return kem_public(public).encapsulate()


def kem_public(public: bytes) -> mlkem.MLKEM768PublicKey:
    """Return an encapsulation key, refusing octets that are none. FIPS 203 §7.2."""
    if why := missing_kem():
        raise QuantumUnavailable(why)
    try:
        return mlkem.MLKEM768PublicKey.from_public_bytes(public)
    except ValueError:
        raise KeyFormatError("the octets are no ML-KEM-768 encapsulation key") from None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ML-DSA signing key, kept as its seed."""

    seed: bytes = field(repr=False)
    name: str = "ML-DSA-65"

    @classmethod
    def generate(cls, name: str = "ML-DSA-65") -> SigningKey:
        """Return a fresh key."""
        return cls(os.urandom(SIGNING_SEED), name)

    @property
    def spki(self) -> bytes:
        """The DER SubjectPublicKeyInfo."""
        return self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def public(self) -> mldsa.MLDSA65PublicKey | mldsa.MLDSA44PublicKey:
        """The public key as `cryptography` has it."""
        return self._key().public_key()

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`, with an empty context string."""
        return self._key().sign(data)

    def _key(self) -> mldsa.MLDSA65PrivateKey | mldsa.MLDSA44PrivateKey:
        if self.name == "ML-DSA-44":
            return mldsa.MLDSA44PrivateKey.from_seed_bytes(self.seed)
        return mldsa.MLDSA65PrivateKey.from_seed_bytes(self.seed)


def is_signing_key(spki: bytes) -> bool:
    """Say whether a SubjectPublicKeyInfo holds an ML-DSA key that can be used here."""
    return missing_signature() is None and _public(spki) is not None


def verify(spki: bytes, signature: bytes, data: bytes) -> bool:
    """Say whether `signature` is one of `data` under the ML-DSA key of a SubjectPublicKeyInfo."""
    if why := missing_signature():
        raise QuantumUnavailable(why)
    key = _public(spki)
    if key is None:
        return False
    try:
        key.verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _public(spki: bytes) -> mldsa.MLDSA65PublicKey | mldsa.MLDSA44PublicKey | None:
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, mldsa.MLDSA65PublicKey | mldsa.MLDSA44PublicKey) else None
