"""What an SM-DPf of the test PKI binds with; suite h1s adds a certificate of an ML-DSA key.

No public text says how an eUICC learns an ML-DSA key. Here the CI certifies it like CERT.DPpb: the
same subject, OID and role, over another key. What the CI signs with stays ECDSA.
"""

from __future__ import annotations

from typing import cast

from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto import keys
from sgprobe.crypto.identities import PARTIES
from sgprobe.crypto.ifpp import Binder
from sgprobe.crypto.issuing import Plan, issue
from sgprobe.crypto.pki import CertificateSet
from sgprobe.crypto.profiles import PROFILES


def binder(
    certificates: CertificateSet,
    name: str = "dppb",
    *,
    fault: str | None = None,
    with_quantum: bool = False,
) -> Binder:
    """Return the binder of an SM-DPf of the test PKI; `with_quantum` lets it use suite h1s."""
    credential = certificates.get(name, fault)
    shown = tuple(one.der for one in credential.path)
    key = None
    if with_quantum:
        seed = keys.seeded(certificates.ci_id.hex(), "ML-DSA", name, size=quantum.SIGNING_SEED)
        key = quantum.SigningKey(seed)
        shown += (quantum_certificate(certificates, name, key),)
    return Binder(credential.key, shown, credential.certificate.oid or "", certificates.ci_id, key)


def quantum_certificate(certificates: CertificateSet, name: str, key: quantum.SigningKey) -> bytes:
    """Return the certificate of an ML-DSA key, beside the one that a party has already."""
    if why := quantum.missing_signature():
        raise quantum.QuantumUnavailable(why)
    party, beside = PARTIES[name], certificates[name].certificate
    profile = PROFILES[party.profile]
    serial = keys.seeded(key.spki.hex(), "serial", name, size=16)
    return issue(
        Plan(
            subject=party.subject,
            issuer=PARTIES[party.issuer].subject,
            # a plan has a key on a curve everywhere else, and makes a key id of its point
            public=cast("keys.PublicKey", key.public),
            has_ski=False,
            signer=certificates[party.issuer].key,
            serial=int.from_bytes(serial, "big") >> 2 | 1,
            not_before=beside.not_before,
            not_after=beside.not_after,
            key_usage=profile.key_usage,
            policy=profile.policy,
            rid=party.rid,
        )
    )
