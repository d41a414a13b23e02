"""Base and partial CRLs of a CI or an EUM: made, read from any bytes, and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import SignatureAlgorithmOID

from dissectors.asn1.tlv import read_tlv, split, tlv
from sgprobe.crypto import keys, rules
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.identities import Name
from sgprobe.crypto.issuing import x509_name

# room for the 10,000 entries that a memory test sends, and a bound on the work
MAX_OCTETS = 1 << 20

# SGP.22 §4.6: the extensions that tell a base CRL from its partial CRLs
TOTAL_PARTIALS = "2.23.146.1.2.0.2"
PARTIAL_NUMBER = "2.23.146.1.2.0.3"


@dataclass(frozen=True, slots=True)
class CrlPlan:
    """Everything a CRL says, before it is signed."""

    issuer: Name
    signer: keys.PrivateKey
    number: int
    this_update: datetime
    next_update: datetime
    url: str
    revoked: tuple[int, ...] = ()
    total_partials: int | None = None
    partial_number: int | None = None
    spoilt: bool = False


@dataclass(frozen=True, slots=True)
class Crl:
    """One CRL with the fields that the RSP rules look at."""

    der: bytes = field(repr=False)
    tbs: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    ecdsa_sha256: bool
    issuer: bytes = field(repr=False)
    aki: bytes | None
    number: int | None
    this_update: datetime
    next_update: datetime | None
    revoked: frozenset[int] = field(repr=False)
    total_partials: int | None
    partial_number: int | None
    not_understood: tuple[str, ...]

    @property
    def label(self) -> str:
        """What to call the CRL in a check."""
        return f"CRL {self.number}" if self.number is not None else "CRL"


def issue_crl(plan: CrlPlan) -> bytes:
    """Return the DER CRL of `plan`, signed deterministically (RFC 6979)."""
    aki = x509.AuthorityKeyIdentifier(keys.ski(plan.signer), None, None)
    url = x509.UniformResourceIdentifier(plan.url)
    point = x509.IssuingDistributionPoint([url], None, False, False, None, False, False)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509_name(plan.issuer))
        .last_update(plan.this_update)
        .next_update(plan.next_update)
        .add_extension(aki, critical=False)
        .add_extension(x509.CRLNumber(plan.number), critical=False)
        .add_extension(point, critical=True)
    )
    numbers = ((TOTAL_PARTIALS, plan.total_partials), (PARTIAL_NUMBER, plan.partial_number))
    for oid, number in numbers:
        if number is not None:
            octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
            value = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), tlv("02", octets))
            builder = builder.add_extension(value, critical=True)
    for serial in sorted(plan.revoked):
        entry = x509.RevokedCertificateBuilder(serial, plan.this_update).build()
        builder = builder.add_revoked_certificate(entry)
    crl = builder.sign(plan.signer, hashes.SHA256(), ecdsa_deterministic=True)
    der = crl.public_bytes(Encoding.DER)
    return der[:-1] + bytes([der[-1] ^ 1]) if plan.spoilt else der


def read_crl(der: bytes) -> Crl:
    """Return the CRL in `der`, which must be exactly one."""
    if len(der) > MAX_OCTETS:
        raise CertificateError(f"the CRL has {len(der)} octets: more than {MAX_OCTETS}")
    return _read(bytes(der))


def check_crl(
    crl: Crl, issuer_key: bytes, may_sign: bool | None, now: datetime | None
) -> tuple[rules.Check, ...]:
    """Check a CRL by the SubjectPublicKeyInfo of its issuer; no `now`, no check of dates."""
    signed = crl.ecdsa_sha256 and keys.is_signed_by(issuer_key, crl.signature, crl.tbs)
    if now is None:
        fresh = None
    else:
        fresh = crl.this_update <= now and (crl.next_update is None or now < crl.next_update)
    dates = f"{crl.this_update} to {crl.next_update}"
    unknown = ", ".join(crl.not_understood)
    return (
        rules.check(rules.CRL_SIGNATURE, signed, crl.label),
        rules.check(rules.CRL_SIGNER, may_sign, crl.label),
        rules.check(rules.CRL_VALIDITY, fresh, crl.label, dates),
        rules.check(rules.CRITICAL, not unknown, crl.label, unknown),
    )


@lru_cache(maxsize=32)
def _read(der: bytes) -> Crl:
    try:
        return _fields(der, x509.load_der_x509_crl(der))
    except (
        ValueError,
        TypeError,
        OverflowError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        reason = str(error).splitlines()[:1] or [type(error).__name__]
        raise CertificateError(f"the CRL cannot be read: {reason[0][:200]}") from None


def _fields(der: bytes, crl: x509.CertificateRevocationList) -> Crl:
    aki: bytes | None = None
    numbers: dict[str, int] = {}
    not_understood = []
    for extension in crl.extensions:
        value = extension.value
        if isinstance(value, x509.AuthorityKeyIdentifier):
            aki = value.key_identifier
        elif isinstance(value, x509.CRLNumber):
            numbers["number"] = value.crl_number
        elif isinstance(value, x509.UnrecognizedExtension) and extension.oid.dotted_string in (
            TOTAL_PARTIALS,
            PARTIAL_NUMBER,
        ):
            numbers[extension.oid.dotted_string] = _integer(value.value)
        elif extension.critical and not _is_plain_point(value):
            not_understood.append(extension.oid.dotted_string)
    return Crl(
        der=der,
        tbs=crl.tbs_certlist_bytes,
        signature=crl.signature,
        ecdsa_sha256=crl.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        issuer=_raw_issuer(crl.tbs_certlist_bytes),
        aki=aki,
        number=numbers.get("number"),
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        revoked=frozenset(entry.serial_number for entry in crl),
        total_partials=numbers.get(TOTAL_PARTIALS),
        partial_number=numbers.get(PARTIAL_NUMBER),
        not_understood=tuple(not_understood),
    )


def _is_plain_point(value: x509.ExtensionType) -> bool:
    """Say whether a distribution point covers all certificates of the issuer itself."""
    return isinstance(value, x509.IssuingDistributionPoint) and not (
        value.indirect_crl
        or value.only_contains_attribute_certs
        or value.only_contains_ca_certs
        or value.only_contains_user_certs
        or value.only_some_reasons
    )


def _integer(data: bytes) -> int:
    element = read_tlv(data)
    if element.tag != b"\x02" or element.end != len(data) or element.end - element.body > 20:
        raise ValueError("a CRL number extension holds no INTEGER")
    return int.from_bytes(data[element.body : element.end], "big", signed=True)


def _raw_issuer(tbs: bytes) -> bytes:
    """Return the issuer as it is encoded. RFC 5280 §5.1.2."""
    outer = read_tlv(tbs)
    fields = []
    for one in split(tbs, outer.body, outer.end):
        fields.append(one)
        if len(fields) == 3:
            break
    if fields and fields[0].tag != b"\x02":
        # version 1 has no version field
        fields.insert(0, fields[0])
    if len(fields) < 3:
        raise ValueError("the tbsCertList has no issuer")
    return tbs[fields[2].start : fields[2].end]
