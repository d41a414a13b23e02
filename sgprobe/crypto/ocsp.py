"""OCSP responses for stapling: made by the CI or its delegate, and checked. RFC 6960.

No RSP specification asks for OCSP; the roles use it only when told to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import SignatureAlgorithmOID

from sgprobe.crypto import keys, rules
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.profiles import OCSP_SIGNING

MAX_OCTETS = 32_768

_STATES = {
    "good": ocsp.OCSPCertStatus.GOOD,
    "revoked": ocsp.OCSPCertStatus.REVOKED,
    "unknown": ocsp.OCSPCertStatus.UNKNOWN,
}


def issue_response(
    certificate: Certificate,
    issuer: Certificate,
    signer: keys.PrivateKey,
    this_update: datetime,
    next_update: datetime,
    *,
    state: str = "good",
    delegate: Certificate | None = None,
) -> bytes:
    """Return the DER response about `certificate`, signed by its issuer or by `delegate`."""
    revoked = this_update if state == "revoked" else None
    responder = x509.load_der_x509_certificate((delegate or issuer).der)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            x509.load_der_x509_certificate(certificate.der),
            x509.load_der_x509_certificate(issuer.der),
            hashes.SHA1(),
            _STATES[state],
            this_update,
            next_update,
            revoked,
            None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder)
    )
    if delegate:
        builder = builder.certificates([responder])
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


def check_response(
    der: bytes, certificate: Certificate, issuer: Certificate, now: datetime
) -> tuple[rules.Check, ...]:
    """Check a stapled response about `certificate`, or raise CertificateError."""
    if len(der) > MAX_OCTETS:
        raise CertificateError(f"the response has {len(der)} octets: more than {MAX_OCTETS}")
    try:
        return tuple(_checks(ocsp.load_der_ocsp_response(der), certificate, issuer, now))
    except CertificateError:
        raise
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm) as error:
        reason = str(error).splitlines()[:1] or [type(error).__name__]
        raise CertificateError(f"the response cannot be read: {reason[0][:200]}") from None


def _checks(
    response: ocsp.OCSPResponse, certificate: Certificate, issuer: Certificate, now: datetime
) -> Iterator[rules.Check]:
    label = certificate.label
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        status = response.response_status.name.lower()
        yield rules.check(rules.OCSP_STATUS, False, label, f"the responder answers {status}")
        return
    about = response.serial_number == certificate.serial and _is_issuer(response, issuer)
    good = response.certificate_status is ocsp.OCSPCertStatus.GOOD
    status = response.certificate_status.name.lower() if about else "another certificate"
    yield rules.check(rules.OCSP_STATUS, about and good, label, status)
    key, detail = _responder_key(response, issuer, now)
    signed = (
        key is not None
        and response.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
        and keys.is_signed_by(key, response.signature, response.tbs_response_bytes)
    )
    yield rules.check(rules.OCSP_SIGNATURE, signed, label, detail)
    until = response.next_update_utc
    fresh = response.this_update_utc <= now and (until is None or now < until)
    dates = f"{response.this_update_utc} to {until}"
    yield rules.check(rules.OCSP_VALIDITY, fresh, label, dates)


def _is_issuer(response: ocsp.OCSPResponse, issuer: Certificate) -> bool:
    if issuer.public_key is None:
        return False
    name = response.hash_algorithm.name
    key_hash = hashlib.new(name, keys.point(issuer.public_key), usedforsecurity=False).digest()
    name_hash = hashlib.new(name, issuer.subject, usedforsecurity=False).digest()
    return (response.issuer_key_hash, response.issuer_name_hash) == (key_hash, name_hash)


def _responder_key(
    response: ocsp.OCSPResponse, issuer: Certificate, now: datetime
) -> tuple[bytes | None, str]:
    """Return the key that may sign: the issuer's, or that of a delegate it has certified."""
    if not response.certificates:
        return issuer.spki, "signed by the issuer"
    delegate = read_certificate(response.certificates[0].public_bytes(Encoding.DER))
    # RFC 6960 §4.2.2.2: issued directly by the CA, for this purpose, and in its time
    trusted = (
        delegate.ecdsa_sha256
        and OCSP_SIGNING in (delegate.extended_usage or ())
        and delegate.not_before <= now <= delegate.not_after
        and keys.is_signed_by(issuer.spki, delegate.signature, delegate.tbs)
    )
    if delegate.der == issuer.der or trusted:
        return delegate.spki, f"signed by {delegate.label}"
    return None, f"{delegate.label} is no delegate of the issuer"
