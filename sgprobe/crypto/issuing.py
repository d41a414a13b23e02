"""Certificates made from a plan: the same plan gives the same bytes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sgprobe.crypto import keys
from sgprobe.crypto.identities import Name
from sgprobe.crypto.profiles import USAGES

# SGP.22 §4.5.2.1: an eUICC certificate has no end; SGP.26 writes this one
END_OF_TIME = datetime(7500, 1, 1, tzinfo=UTC)

_ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "CN": NameOID.COMMON_NAME,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a certificate says, before it is signed; a fault is a changed plan."""

    subject: Name
    issuer: Name
    public: keys.PublicKey
    signer: keys.PrivateKey
    serial: int
    not_before: datetime
    not_after: datetime
    key_usage: frozenset[str]
    policy: str | None = None
    policy_critical: bool = True
    extended_usage: tuple[str, ...] = ()
    ca: bool = False
    path_length: int | None = None
    permitted: Name | None = None
    rid: str | None = None
    dns: tuple[str, ...] = ()
    has_ski: bool = True
    crl_url: str | None = None
    ocsp_no_check: bool = False
    unknown_critical: bool = False
    self_signed: bool = False
    spoilt: bool = False


def issue(plan: Plan) -> bytes:
    """Return the DER certificate of `plan`, signed deterministically (RFC 6979)."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509_name(plan.subject))
        .issuer_name(x509_name(plan.issuer))
        .public_key(plan.public)
        .serial_number(plan.serial)
        .not_valid_before(plan.not_before)
        .not_valid_after(plan.not_after)
    )
    for extension, critical in _extensions(plan):
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(plan.signer, hashes.SHA256(), ecdsa_deterministic=True)
    der = certificate.public_bytes(Encoding.DER)
    # the last octet is the end of s: the structure stays whole, the signature does not
    return der[:-1] + bytes([der[-1] ^ 1]) if plan.spoilt else der


def x509_name(name: Name) -> x509.Name:
    """Return a distinguished name with one attribute in each RDN."""
    return x509.Name([x509.NameAttribute(_ATTRIBUTES[kind], value) for kind, value in name])


def pem(der: bytes, label: str) -> str:
    """Return DER as PEM under `label`."""
    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _extensions(plan: Plan) -> Iterator[tuple[x509.ExtensionType, bool]]:
    if not plan.self_signed:
        yield _aki(plan), False
    if plan.has_ski:
        yield x509.SubjectKeyIdentifier(keys.ski(plan.public)), False
    yield x509.KeyUsage(**{usage: usage in plan.key_usage for usage in USAGES}), True
    if plan.policy:
        policy = x509.PolicyInformation(x509.ObjectIdentifier(plan.policy), None)
        yield x509.CertificatePolicies([policy]), plan.policy_critical
    if plan.extended_usage:
        uses = [x509.ObjectIdentifier(use) for use in plan.extended_usage]
        yield x509.ExtendedKeyUsage(uses), True
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in plan.dns]
    if plan.rid:
        names.append(x509.RegisteredID(x509.ObjectIdentifier(plan.rid)))
    if names:
        yield x509.SubjectAlternativeName(names), False
    if plan.ca:
        yield x509.BasicConstraints(True, plan.path_length), True
    if plan.permitted:
        tree = x509.DirectoryName(x509_name(plan.permitted))
        yield x509.NameConstraints([tree], None), True
    if plan.crl_url:
        url = x509.UniformResourceIdentifier(plan.crl_url)
        yield x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)]), False
    if plan.ocsp_no_check:
        yield x509.OCSPNoCheck(), False
    if plan.unknown_critical:
        unknown = x509.ObjectIdentifier("2.999.77")
        yield x509.UnrecognizedExtension(unknown, b"\x05\x00"), True


def _aki(plan: Plan) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(keys.ski(plan.signer), None, None)
