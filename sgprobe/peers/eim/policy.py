"""What the eIM judges of a download without being able to read the profile. SGP.32 §3.2.3.2."""

from __future__ import annotations

from sgprobe.crypto.signing import EUICC_SIGNATURE1, EUICC_SIGNATURE2
from sgprobe.peers.eim.records import Facts
from sgprobe.peers.eim.trust import Trust, Untrusted
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.esipa.wire import elements, number


def signs_itself(trust: Trust, eid: str, response: bytes, now: float) -> bool:
    """Say whether euiccSignature1 of a full BF38 verifies under the certificates in it."""
    signed1, signature, euicc, eum = elements(elements(response)[0])[:4]
    try:
        key = trust.key(eid, euicc, eum, now)
    except (Refusal, Untrusted):
        return False
    return EUICC_SIGNATURE1.verify(key, signature, signed1)


def signs_preparation(
    trust: Trust, eid: str, facts: Facts, response: bytes, smdp_signature2: bytes, now: float
) -> bool:
    """Say whether euiccSignature2 of a full BF21 verifies."""
    signed2, signature = elements(elements(response)[0])[:2]
    covered = (signed2, smdp_signature2)
    return trust.signed(EUICC_SIGNATURE2, eid, facts, now, signature, *covered)


def reason_of(response: bytes) -> str:
    """Return the reason of a full CancelSessionResponse as a number, "" where it has none."""
    try:
        signed = elements(elements(response)[0])[0]
        return str(number(elements(signed)[2]))
    except (NotAsn1, IndexError):
        return ""
