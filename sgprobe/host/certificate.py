"""The certificate of an IPA that listens: no specification says who would issue one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sgprobe.links.tls import Identity

_CURVES: dict[str, ec.EllipticCurve] = {"p256": ec.SECP256R1(), "brainpool": ec.BrainpoolP256R1()}
_EARLIER, _LASTS = timedelta(days=1), timedelta(days=365)


def self_signed(name: str, curve: str, now: float) -> Identity:
    """Return a new key with a certificate that it signed itself."""
    key = ec.generate_private_key(_CURVES[curve])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.fromtimestamp(now, UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - _EARLIER)
        .not_valid_after(today + _LASTS)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Identity((certificate.public_bytes(Encoding.DER),), key)
