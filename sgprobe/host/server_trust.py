"""How a simulated client judges a server's TLS certificate: what SGP.22 asks beside RFC 5280."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from dissectors.asn1.model import Value
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.chain import Need, verify
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.keys import spki
from sgprobe.crypto.ocsp import check_response
from sgprobe.crypto.pki import CertificateSet
from sgprobe.crypto.profiles import ID_ROLE, PROFILES
from sgprobe.crypto.rules import EXTENDED_USAGE, ROLE, Outcome
from sgprobe.links.tls import TlsSettings

_KEY_PIN = "trustedEimPkTls"
# whom an eIM asks, and whom an IPA asks: names of certificate profiles
OF_EIM = ("dptls", "dstls")
OF_IPA = (*OF_EIM, "eim-tls")
# certificates of SGP.22 §4.5.2 say what they are for
_USE = (ROLE.name, EXTENDED_USAGE.name)
_ROLES = f"{ID_ROLE}."


def trusting(
    certificates: CertificateSet, roles: Iterable[str], now: Callable[[], float]
) -> TlsSettings:
    """Return how to speak TLS to a server that the test CI has certified for one of some roles."""
    return TlsSettings(
        trust=(certificates.ci.der,),
        crls=(certificates.source.crl("ci"),),
        check_leaf=partial(wrong_use, certificates, tuple(roles)),
        check_staple=partial(_wrong_staple, certificates, now),
    )


def pinned(settings: TlsSettings, config: Value) -> TlsSettings:
    """Return how to speak TLS to an eIM whose configuration says whom to trust. SGP.32 §2.11.1.1.1

    A certificate, of a CA or of the eIM itself, stands in place of the CI; a key in place of all.
    """
    pin = config.get("trustedPublicKeyDataTls")
    if pin is None:
        return settings
    if _KEY_PIN in pin:
        judge = partial(_other_key, bytes.fromhex(pin[_KEY_PIN]))
        return replace(settings, crls=(), check_peer=judge)
    anchor = bytes.fromhex(pin["trustedCertificateTls"])
    return replace(settings, trust=(anchor,), crls=(), check_peer=None)


def _other_key(known: bytes, chain: tuple[bytes, ...]) -> str:
    """Say that a server has another key than the one that is known, "" where it has not."""
    try:
        shown = read_certificate(chain[0]).public_key
    except CertificateError as error:
        return str(error)
    same = shown is not None and spki(shown) == known
    return "" if same else "the server has another key than the one that is trusted"


def wrong_use(certificates: CertificateSet, roles: Iterable[str], leaf: bytes) -> str:
    """Return what a TLS certificate lacks for every one of some roles, "" where nothing."""
    try:
        shown = read_certificate(leaf)
    except CertificateError as error:
        return str(error)
    # SGP.32 has no policy for an eIM: one of a role of SGP.22 is that role's
    named = any(one.startswith(_ROLES) for one in shown.policies)
    lacks = ROLE.name
    for role in roles:
        if named and PROFILES[role].policy is None:
            continue
        failures = verify([shown], [certificates.anchor], Need(role)).failures
        lacks = ", ".join(one.rule for one in failures if one.rule in _USE)
        if not lacks:
            return ""
    return lacks


def _wrong_staple(
    certificates: CertificateSet,
    now: Callable[[], float],
    der: bytes,
    chain: tuple[bytes, ...],
) -> str:
    """Return what is wrong with a stapled OCSP answer, "" where nothing is."""
    at = datetime.fromtimestamp(now(), UTC)
    try:
        checks = check_response(der, read_certificate(chain[0]), certificates.ci, at)
    except CertificateError as error:
        return str(error)
    return "; ".join(one.rule for one in checks if one.outcome != Outcome.PASSED)
