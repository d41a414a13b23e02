"""Key pairs of the two RSP curves: derived from a seed, signing in the plain r‖s form, ECDH."""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sgprobe.crypto.errors import KeyFormatError

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey


class Curve(StrEnum):
    """The curves by the names used in files and options; P-384 serves faulty certificates only."""

    P256 = "p256"
    BRAINPOOL = "brainpool"
    P384 = "p384"


# SGP.22 §2.6.7: the curves whose keys an RSP party may have
RSP_CURVES = (Curve.P256, Curve.BRAINPOOL)

_CURVES: dict[Curve, ec.EllipticCurve] = {
    Curve.P256: ec.SECP256R1(),
    Curve.BRAINPOOL: ec.BrainpoolP256R1(),
    Curve.P384: ec.SECP384R1(),
}
_BY_NAME = {curve.name: name for name, curve in _CURVES.items()}
# group orders: FIPS 186-4 §D.1.2, RFC 5639 §3.4
_ORDERS = {
    Curve.P256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    Curve.BRAINPOOL: 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
    Curve.P384: int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
        "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
        16,
    ),
}
# RFC 6979: the same key and data give the same signature, so a seeded run comes out again
_SIGN = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_VERIFY = ec.ECDSA(hashes.SHA256())
_VERIFY_DIGEST = ec.ECDSA(Prehashed(hashes.SHA256()))
_ECDH = ec.ECDH()


def seeded(seed: str, *names: str, size: int = 32) -> bytes:
    """Return `size` octets (at most 64) that depend on the seed and on every name."""
    label = "\0".join(names).encode()
    return hmac.digest(seed.encode(), label, hashlib.sha512)[:size]


def derive_key(seed: str, name: str, curve: Curve) -> PrivateKey:
    """Return the private key that `seed` gives to `name` on `curve`: always the same one."""
    number = int.from_bytes(seeded(seed, "key", name, curve, size=64), "big")
    return ec.derive_private_key(number % (_ORDERS[curve] - 1) + 1, _CURVES[curve])


def generate_key(curve: Curve) -> PrivateKey:
    """Return a fresh random private key."""
    return ec.generate_private_key(_CURVES[curve])


def curve_of(key: PrivateKey | PublicKey) -> Curve | None:
    """Return the curve of a key, or None when it is none that this bench knows."""
    return _BY_NAME.get(key.curve.name)


def order_of(key: PrivateKey) -> int:
    """Return the order of the group that a key is of."""
    return _ORDERS[_curve_named(key)]


def sign(key: PrivateKey, data: bytes) -> bytes:
    """Return the ECDSA-SHA256 signature of `data` as plain r‖s. SGP.22 §2.6.7, TR-03111 §5.2.1."""
    return raw_from_der(key.sign(data, _SIGN), key.key_size)


def verify(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Say whether `signature` (plain r‖s) is one of `data` under `key`."""
    if len(signature) != 2 * _width(key.key_size):
        return False
    try:
        key.verify(der_from_raw(signature), data, _VERIFY)
    except InvalidSignature:
        return False
    return True


def is_signed_by(spki_der: bytes, signature: bytes, data: bytes) -> bool:
    """Say whether a DER `signature` of `data` (certificate, CRL) is the key's; answers are kept.

    Chains come again with every session: a brainpool verification costs 0.3 ms, a look-up nothing.
    """
    return _is_signed_by(spki_der, signature, hashlib.sha256(data).digest())


@lru_cache(maxsize=512)
def _is_signed_by(spki_der: bytes, signature: bytes, digest: bytes) -> bool:
    try:
        public_from_spki(spki_der).verify(signature, digest, _VERIFY_DIGEST)
    except (InvalidSignature, KeyFormatError):
        return False
    return True


def raw_from_der(signature: bytes, key_size: int = 256) -> bytes:
    """Return r‖s of a DER ECDSA-Sig-Value, each as wide as the curve."""
    width = _width(key_size)
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")
    except (ValueError, OverflowError):
        raise KeyFormatError("the signature is no DER pair of numbers of this curve") from None


def der_from_raw(signature: bytes) -> bytes:
    """Return the DER ECDSA-Sig-Value of a plain r‖s."""
    half = len(signature) // 2
    if not half or len(signature) % 2:
        raise KeyFormatError(f"r‖s has two halves; {len(signature)} octets have not")
    r, s = signature[:half], signature[half:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def ecdh(key: PrivateKey, point: bytes) -> bytes:
    """Return the x-coordinate shared with the peer's uncompressed `point`. SGP.22 §2.6.4."""
    return key.exchange(_ECDH, public_from_point(_curve_named(key), point))


def point(key: PrivateKey | PublicKey) -> bytes:
    """Return the public key as an uncompressed point 04‖X‖Y, as tag 5F49 holds it."""
    return _public(key).public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def public_from_point(curve: Curve, octets: bytes) -> PublicKey:
    """Return the public key of an uncompressed point, refusing one that is not on the curve."""
    width = _width(_CURVES[curve].key_size)
    if len(octets) != 1 + 2 * width or octets[0] != 4:
        raise KeyFormatError(f"a point is 04 and {2 * width} octets, not {len(octets)} octets")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve], octets)
    except ValueError:
        raise KeyFormatError(f"the point is not on {curve}") from None


def spki(key: PrivateKey | PublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo."""
    return _public(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@lru_cache(maxsize=128)
def public_from_spki(der: bytes) -> PublicKey:
    """Return the elliptic-curve public key of a DER SubjectPublicKeyInfo."""
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFormatError("the SubjectPublicKeyInfo holds no key that can be read") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise KeyFormatError("the SubjectPublicKeyInfo holds no elliptic-curve key")
    return key


def ski(key: PrivateKey | PublicKey) -> bytes:
    """Return the key identifier: SHA-1 of the public key bits. RFC 5280 §4.2.1.2 (1)."""
    # SHA-1 names a key here and protects nothing
    return hashlib.sha1(point(key), usedforsecurity=False).digest()


def key_pem(key: PrivateKey) -> str:
    """Return the private key as unencrypted PKCS #8 PEM: these are test keys."""
    return key.private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def key_from_pem(text: str) -> PrivateKey:
    """Return the private key of a PEM text."""
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFormatError("the text holds no unencrypted PEM private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyFormatError("the private key is not of an elliptic curve")
    return key


def _public(key: PrivateKey | PublicKey) -> PublicKey:
    return key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key


def _curve_named(key: PrivateKey) -> Curve:
    curve = curve_of(key)
    if curve is None:
        raise KeyFormatError(f"the curve {key.curve.name} is none of this bench")
    return curve


def _width(key_size: int) -> int:
    return (key_size + 7) // 8
