"""A right chain of four large certificates: more than a client may have thought of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from sgprobe.crypto import keys
from sgprobe.crypto.crl import CrlPlan, issue_crl
from sgprobe.crypto.identities import CRL_URL, Name
from sgprobe.crypto.issuing import x509_name
from sgprobe.crypto.keys import PrivateKey
from sgprobe.crypto.pki import CertificateSet

# the keys of three CAs below the CI; what else is known of these parties does not matter here
_CAS = ("sub-ca", "deep-ca", "flagless-ca")
# an extension that nobody knows and nobody has to know, to make each certificate 3 kB large
_FILLER = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("2.999.78"), b"\x04\x82\x0b\x00" + bytes(0xB00)
)


@dataclass(frozen=True, slots=True)
class LargeChain:
    """Certificates in DER, leaf first and without the CI, the leaf's key, its issuer's CRL."""

    chain: tuple[bytes, ...]
    key: PrivateKey = field(repr=False)
    crl: bytes


def large_chain(certificates: CertificateSet, party: str) -> LargeChain:
    """Return a large chain for a party with its own key: three CAs between it and the CI."""
    made: list[bytes] = []
    issuer, signer = _name(certificates["ci"].certificate.der), certificates["ci"].key
    names: Name = ()
    for number, ca in enumerate(_CAS, 1):
        names = (("C", "DE"), ("O", "sgprobe"), ("CN", f"Test CA {number} of a large chain"))
        like = certificates["sub-ca"].certificate.der
        made.insert(0, _issued(like, x509_name(names), certificates[ca].key, issuer, signer))
        issuer, signer = x509_name(names), certificates[ca].key
    own = certificates[party]
    like = own.certificate.der
    made.insert(0, _issued(like, _name(like), own.key, issuer, signer))
    first = x509.load_der_x509_certificate(like)
    plan = CrlPlan(
        issuer=names,
        signer=signer,
        number=1,
        this_update=first.not_valid_before_utc,
        next_update=first.not_valid_after_utc,
        url=CRL_URL,
        revoked=(),
    )
    return LargeChain(tuple(made), own.key, issue_crl(plan))


def _issued(
    like: bytes, subject: x509.Name, key: PrivateKey, issuer: x509.Name, signer: PrivateKey
) -> bytes:
    """Return a certificate with the dates and the extensions of another one."""
    model = x509.load_der_x509_certificate(like)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(model.serial_number)
        .not_valid_before(model.not_valid_before_utc)
        .not_valid_after(model.not_valid_after_utc)
    )
    for extension, critical in _extensions(model, key, signer):
        builder = builder.add_extension(extension, critical)
    made = builder.sign(signer, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(Encoding.DER)


def _extensions(
    model: x509.Certificate, key: PrivateKey, signer: PrivateKey
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield x509.AuthorityKeyIdentifier(keys.ski(signer), None, None), False
    yield x509.SubjectKeyIdentifier(keys.ski(key)), False
    yield _FILLER, False
    for one in model.extensions:
        value = one.value
        if isinstance(value, x509.AuthorityKeyIdentifier | x509.SubjectKeyIdentifier):
            continue
        if isinstance(value, x509.BasicConstraints):
            value = x509.BasicConstraints(value.ca, None)
        yield value, one.critical


def _name(der: bytes) -> x509.Name:
    return x509.load_der_x509_certificate(der).subject
