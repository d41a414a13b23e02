"""The certificate profiles of the RSP parties: policy, key usage, extensions, lifetime, clause."""

from __future__ import annotations

from dataclasses import dataclass

ID_ROLE = "2.23.146.1.2.1"
# SGP.22 v3 hangs its roles below the CI's; the exact numbers are not certain
ID_ROLE_V3 = f"{ID_ROLE}.0.0"
PERMITTED_EINS = "2.23.146.1.2.2.0"

# the bits of keyUsage, RFC 5280 §4.2.1.3
USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)

DIGITAL_SIGNATURE = frozenset({"digital_signature"})
CERT_SIGN = frozenset({"key_cert_sign"})
CERT_AND_CRL_SIGN = frozenset({"key_cert_sign", "crl_sign"})

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
TLS_USES = (SERVER_AUTH, CLIENT_AUTH)

_YEAR = 365


@dataclass(frozen=True, slots=True)
class Profile:
    """What a certificate of one role looks like; `days` None means valid to the year 7500."""

    clause: str
    key_usage: frozenset[str]
    policy: str | None
    days: int | None
    policy_critical: bool = True
    extended_usage: tuple[str, ...] = ()
    ca: bool = False
    path_length: int | None = None
    has_ski: bool = True
    has_crl_point: bool = False


def _auth(role: int) -> Profile:
    policy = f"{ID_ROLE}.{role}"
    return Profile("SGP.22 §4.5.2.1", DIGITAL_SIGNATURE, policy, 3 * _YEAR, has_crl_point=True)


def _tls(clause: str, policy: str | None) -> Profile:
    return Profile(
        clause,
        DIGITAL_SIGNATURE,
        policy,
        398,
        policy_critical=False,
        extended_usage=TLS_USES,
        has_crl_point=True,
    )


PROFILES: dict[str, Profile] = {
    "ci": Profile(
        "SGP.22 §4.5.2.1",
        CERT_AND_CRL_SIGN,
        f"{ID_ROLE}.0",
        35 * _YEAR,
        ca=True,
        has_crl_point=True,
    ),
    "eum": Profile(
        "SGP.22 §4.5.2.1",
        CERT_SIGN,
        f"{ID_ROLE}.2",
        34 * _YEAR,
        ca=True,
        path_length=0,
        has_crl_point=True,
    ),
    "euicc": Profile("SGP.22 §4.5.2.1", DIGITAL_SIGNATURE, f"{ID_ROLE}.1", None),
    "dpauth": _auth(4),
    "dppb": _auth(5),
    "dptls": _tls("SGP.22 §4.5.2.1", f"{ID_ROLE}.3"),
    "dsauth": _auth(7),
    "dstls": _tls("SGP.22 §4.5.2.1", f"{ID_ROLE}.6"),
    "eim-sign": Profile("SGP.32 §2.7.2", DIGITAL_SIGNATURE, None, 7 * _YEAR, has_ski=False),
    "eim-tls": _tls("SGP.32 §2.7.2", None),
    "ocsp": Profile(
        "RFC 6960 §4.2.2.2",
        DIGITAL_SIGNATURE,
        None,
        398,
        extended_usage=(OCSP_SIGNING,),
    ),
    "sub-ca": Profile(
        "RFC 5280 §4.2.1.9", CERT_AND_CRL_SIGN, f"{ID_ROLE}.0", 34 * _YEAR, ca=True, path_length=0
    ),
    "flagless-ca": Profile("RFC 5280 §4.2.1.9", CERT_AND_CRL_SIGN, f"{ID_ROLE}.0", 34 * _YEAR),
}

# the role whose policy an issuer must carry, by the role of what it issues; else the CI's
ISSUER_ROLE = {"euicc": "eum"}
