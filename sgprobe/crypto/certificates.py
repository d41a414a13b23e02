"""Certificates read from bytes that may be hostile: every field at once, or one clean error."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from dissectors.asn1.tlv import read_tlv, split
from sgprobe.crypto import keys
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.profiles import PERMITTED_EINS, USAGES

# far above any certificate of this field; bounds the work on a hostile one
MAX_OCTETS = 16_384

_UNDERSTOOD = {
    oid.dotted_string
    for oid in (
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
    )
} | {PERMITTED_EINS}
_REFUSALS = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


# the attributes of a distinguished name: type OID and value, in order
Attributes = tuple[tuple[str, str], ...]
_SERIAL_NUMBER = NameOID.SERIAL_NUMBER.dotted_string


@dataclass(frozen=True, slots=True)
class Certificate:
    """One X.509 certificate with the fields that the RSP rules look at."""

    der: bytes = field(repr=False)
    tbs: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    ecdsa_sha256: bool
    serial: int
    subject: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    attributes: Attributes
    not_before: datetime
    not_after: datetime
    spki: bytes = field(repr=False)
    public_key: keys.PublicKey | None = field(repr=False)
    curve: keys.Curve | None
    ski: bytes | None
    aki: bytes | None
    ca: bool
    path_length: int | None
    key_usage: frozenset[str] | None
    extended_usage: frozenset[str] | None
    policies: tuple[str, ...]
    dns: tuple[str, ...]
    rids: tuple[str, ...]
    permitted: tuple[Attributes, ...]
    permitted_eins: tuple[str, ...]
    not_understood: tuple[str, ...]
    crl_urls: tuple[str, ...]

    @property
    def serial_number(self) -> str | None:
        """The subject's serialNumber, in an eUICC certificate its EID; None unless there is one."""
        found = [value for kind, value in self.attributes if kind == _SERIAL_NUMBER]
        return found[0] if len(found) == 1 else None

    @property
    def oid(self) -> str | None:
        """The registeredID of the holder (SM-DP+, SM-DS, CI or EUM OID), when there is one."""
        return self.rids[0] if len(self.rids) == 1 else None

    @property
    def label(self) -> str:
        """What to call the certificate in a check."""
        name = self.attributes[-1][1] if self.attributes else ""
        return name[:80] or f"serial {self.serial:X}"

    def permits(self, holder: Certificate) -> bool:
        """Say whether an EUM certificate lets `holder` have its name.

        The serialNumber of a permitted subtree is a prefix, every other attribute is compared
        whole; SGP.22 v3 lists EID prefixes in an extension instead. SGP.22 §4.5.2.1.
        """
        eid = holder.serial_number
        if eid is None:
            return False
        if self.permitted:
            return any(_within(tree, holder.attributes, eid) for tree in self.permitted)
        return any(eid.startswith(ein) for ein in self.permitted_eins if ein)


def same_oid(*certificates: Certificate) -> bool:
    """Say whether all name the same registeredID (DPauth, DPpb and DPtls must). SGP.22 §4.5.2.1."""
    oids = {certificate.oid for certificate in certificates}
    return len(oids) == 1 and None not in oids


def _within(tree: Attributes, attributes: Attributes, eid: str) -> bool:
    prefixes = [value for kind, value in tree if kind == _SERIAL_NUMBER]
    others = {one for one in tree if one[0] != _SERIAL_NUMBER}
    in_range = bool(prefixes) and all(prefix and eid.startswith(prefix) for prefix in prefixes)
    return in_range and others <= set(attributes)


def read_certificate(der: bytes) -> Certificate:
    """Return the certificate in `der`, which must be exactly one."""
    if len(der) > MAX_OCTETS:
        raise CertificateError(f"the certificate has {len(der)} octets: more than {MAX_OCTETS}")
    return _read(bytes(der))


@lru_cache(maxsize=256)
def _read(der: bytes) -> Certificate:
    try:
        return _fields(der, x509.load_der_x509_certificate(der))
    except _REFUSALS as error:
        reason = str(error).splitlines()[:1] or [type(error).__name__]
        raise CertificateError(f"the certificate cannot be read: {reason[0][:200]}") from None


def _fields(der: bytes, certificate: x509.Certificate) -> Certificate:
    _check_signature_bits(der)
    extensions = certificate.extensions
    issuer, subject, spki = _raw_fields(certificate.tbs_certificate_bytes)
    public = _public_key(certificate)
    basic = _value(extensions, x509.BasicConstraints)
    subject_key = _value(extensions, x509.SubjectKeyIdentifier)
    authority_key = _value(extensions, x509.AuthorityKeyIdentifier)
    usage = _value(extensions, x509.KeyUsage)
    uses = _value(extensions, x509.ExtendedKeyUsage)
    names = list(_value(extensions, x509.SubjectAlternativeName) or ())
    constraints = _value(extensions, x509.NameConstraints)
    return Certificate(
        der=der,
        tbs=certificate.tbs_certificate_bytes,
        signature=certificate.signature,
        ecdsa_sha256=(
            certificate.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
        ),
        serial=certificate.serial_number,
        subject=subject,
        issuer=issuer,
        attributes=_attributes(certificate.subject),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        spki=spki,
        public_key=public,
        curve=keys.curve_of(public) if public else None,
        ski=subject_key.digest if subject_key else None,
        aki=authority_key.key_identifier if authority_key else None,
        ca=bool(basic and basic.ca),
        path_length=basic.path_length if basic else None,
        key_usage=_usages(usage) if usage else None,
        extended_usage=frozenset(use.dotted_string for use in uses) if uses else None,
        policies=tuple(
            policy.policy_identifier.dotted_string
            for policy in _value(extensions, x509.CertificatePolicies) or ()
        ),
        dns=tuple(name.value for name in names if isinstance(name, x509.DNSName)),
        rids=tuple(
            name.value.dotted_string for name in names if isinstance(name, x509.RegisteredID)
        ),
        permitted=_permitted(constraints) if constraints else (),
        permitted_eins=_permitted_eins(extensions),
        not_understood=tuple(
            extension.oid.dotted_string
            for extension in extensions
            if extension.critical and not _is_understood(extension)
        ),
        crl_urls=_crl_urls(_value(extensions, x509.CRLDistributionPoints)),
    )


def _check_signature_bits(der: bytes) -> None:
    """Refuse a signature that is no whole number of octets: nothing else would see the change."""
    outer = read_tlv(der)
    *_, signature = split(der, outer.body, outer.end)
    # RFC 5480 §2.2, X.690 §8.6.2.2
    if signature.tag != b"\x03" or der[signature.body : signature.body + 1] != b"\x00":
        raise ValueError("the signature has unused bits")


_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def _value(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _raw_fields(tbs: bytes) -> tuple[bytes, bytes, bytes]:
    """Return issuer, subject and SubjectPublicKeyInfo as they are encoded. RFC 5280 §4.1."""
    outer = read_tlv(tbs)
    fields = list(split(tbs, outer.body, outer.end))
    if fields and fields[0].tag == b"\xa0":
        fields = fields[1:]
    if len(fields) < 6:
        raise ValueError("the tbsCertificate has fewer than six fields")
    issuer, subject, spki = (tbs[one.start : one.end] for one in (fields[2], *fields[4:6]))
    return issuer, subject, spki


def _public_key(certificate: x509.Certificate) -> keys.PublicKey | None:
    """Return the elliptic-curve key, or None: the rules then say that the curve is wrong."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None


def _attributes(name: x509.Name) -> Attributes:
    return tuple((one.oid.dotted_string, str(one.value)) for one in name)


def _usages(usage: x509.KeyUsage) -> frozenset[str]:
    # encipher_only and decipher_only say nothing unless keyAgreement is set
    always = [name for name in USAGES if not name.endswith("cipher_only")]
    return frozenset(name for name in always if getattr(usage, name))


def _permitted(constraints: x509.NameConstraints) -> tuple[Attributes, ...]:
    trees = constraints.permitted_subtrees or ()
    return tuple(_attributes(tree.value) for tree in trees if isinstance(tree, x509.DirectoryName))


def _permitted_eins(extensions: x509.Extensions) -> tuple[str, ...]:
    """Return the EINs of SGP.22 v3's extension, a SEQUENCE OF PrintableString."""
    for extension in extensions:
        if extension.oid.dotted_string == PERMITTED_EINS and isinstance(
            extension.value, x509.UnrecognizedExtension
        ):
            data = extension.value.value
            outer = read_tlv(data)
            inner = split(data, outer.body, outer.end)
            return tuple(data[one.body : one.end].decode("ascii") for one in inner)
    return ()


def _is_understood(extension: x509.Extension[x509.ExtensionType]) -> bool:
    value = extension.value
    if isinstance(value, x509.NameConstraints):
        # only permitted directoryNames are applied here; RFC 5280 §4.2.1.10 has more
        trees = value.permitted_subtrees or ()
        return not value.excluded_subtrees and all(
            isinstance(tree, x509.DirectoryName) for tree in trees
        )
    return extension.oid.dotted_string in _UNDERSTOOD


def _crl_urls(points: x509.CRLDistributionPoints | None) -> tuple[str, ...]:
    return tuple(
        name.value
        for point in points or ()
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    )
