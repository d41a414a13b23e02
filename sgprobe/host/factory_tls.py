"""Mutual TLS between the parties of the factory flow: who a client is stands in its certificate."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from sgprobe.crypto import keys
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.identities import COUNTRY, PARTIES
from sgprobe.crypto.issuing import Plan, issue
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import CertificateSet
from sgprobe.crypto.profiles import DIGITAL_SIGNATURE
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import Directory
from sgprobe.links.clock import WallClock
from sgprobe.links.tls import GROUPS, TLS13, Identity, TlsSettings, make_context
from sgprobe.peers.effects import Procedure

T = TypeVar("T")
# ECDH and ML-KEM-768 at once; the TLS libraries of 2024 do not have it
HYBRID_GROUP = "X25519MLKEM768"
_YEARS = timedelta(days=20 * 365)


def client_identity(certificates: CertificateSet, name: str) -> Identity:
    """Return the certificate and key of a party of the factory flow, issued by the test CI.

    It shows them as a client, and as the server that an MSP is.
    """
    key = keys.derive_key("factory party", name, Curve.P256)
    ci = certificates["ci"]
    plan = Plan(
        subject=(("C", COUNTRY), ("CN", name)),
        issuer=PARTIES["ci"].subject,
        public=key.public_key(),
        signer=ci.key,
        serial=int.from_bytes(keys.seeded(name, "serial", size=8), "big") | 1,
        not_before=ci.certificate.not_before,
        not_after=ci.certificate.not_before + _YEARS,
        key_usage=DIGITAL_SIGNATURE,
        extended_usage=(
            ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string,
            ExtendedKeyUsageOID.SERVER_AUTH.dotted_string,
        ),
        dns=(name,),
    )
    return Identity((issue(plan),), key)


@cache
def server_groups() -> str:
    """Return the groups that an SM-DPf takes: a hybrid one for who asks, where there is one."""
    both = f"{GROUPS}:{HYBRID_GROUP}"
    try:
        make_context(TlsSettings(groups=both), True, lambda line: None)
    except ValueError:
        return GROUPS
    return both


def caller_of(chain: Iterable[x509.Certificate]) -> str | None:
    """Return who a client's certificate names: its first DNS name."""
    for one in chain:
        try:
            names = read_certificate(one.public_bytes(Encoding.DER)).dns
        except CertificateError:
            return None
        return names[0] if names else None
    return None


def _certificates(path: Path) -> list[bytes]:
    """Return the certificates of a PEM file; OSError says that there are none."""
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise OSError(errno.EINVAL, "holds no certificate in PEM", str(path)) from None
    return [one.public_bytes(Encoding.DER) for one in found]


def ask_remote(
    certificates: CertificateSet,
    requester: str,
    procedure: Procedure[T],
    trust: tuple[Path, ...] = (),
) -> T:
    """Run what a party asks of servers over HTTPS, with its own certificate."""
    anchors = [certificates.ci.der]
    for path in trust:
        anchors += _certificates(path)
    settings = TlsSettings(
        identity=client_identity(certificates, requester), trust=tuple(anchors), lowest=TLS13
    )

    async def run() -> T:
        directory = Directory(settings)
        try:
            return await Conductor(directory, WallClock()).run(procedure)
        finally:
            await directory.close()

    return asyncio.run(run())
