"""A key whose signatures need their padding: r or s begins with a zero octet.

One signature in 128 does; who takes r and s for numbers without a length gets those alone wrong.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sgprobe.crypto.keys import PrivateKey, order_of

PARTS = ("r", "s")


class PaddedKey(ec.EllipticCurvePrivateKey):
    """A private key that signs so that a part of the signature, r or s, begins with a zero octet.

    The same data give the same signature, as with any other key.
    """

    def __init__(self, key: PrivateKey, part: str) -> None:
        self._key = key
        self._part = PARTS.index(part)

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Return the ECDSA-SHA256 signature in DER."""
        order = order_of(self._key)
        secret = self._key.private_numbers().private_value
        digest = int.from_bytes(hashlib.sha256(data).digest(), "big") % order
        # FIPS 186-4 §6.4; a nonce is tried until the part is small, 256 on average
        for number in itertools.count():
            seed = f"{secret:x} {digest:x} {number}".encode()
            nonce = int.from_bytes(hashlib.sha512(seed).digest(), "big") % order
            point = ec.derive_private_key(nonce, self.curve).public_key().public_numbers()
            r = point.x % order
            s = pow(nonce, -1, order) * (digest + r * secret) % order
            if (r, s)[self._part].bit_length() <= self.key_size - 8 and r and s:
                return encode_dss_signature(r, s)
        raise AssertionError("count has no end")

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve of the key."""
        return self._key.curve

    @property
    def key_size(self) -> int:
        """The size of the curve in bits."""
        return self._key.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public key, which is that of the key itself."""
        return self._key.public_key()

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """Agree on a secret."""
        return self._key.exchange(algorithm, peer_public_key)

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Return the numbers of the key."""
        return self._key.private_numbers()

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> bytes:
        """Return the key as a file holds it."""
        return self._key.private_bytes(encoding, format, encryption_algorithm)

    def __copy__(self) -> PaddedKey:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> PaddedKey:
        return self
