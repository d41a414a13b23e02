"""What metadata of a profile says to those who relay it: policy rules against a RAT, OIDs."""

from __future__ import annotations

from functools import lru_cache

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.crypto.certificates import read_certificate
from sgprobe.peers.esipa.wire import parts, retag
from sgprobe.peers.euicc.values import PPR1, PPR2, places

# SGP.22 §2.4a.1.1: a digit E stands for any digit
_ANY_DIGIT = "e"
_GROUPS = ("gid1", "gid2")


def allows(rat: Value, metadata: Value) -> bool:
    """Say whether a Rules Authorisation Table allows the policy rules of a profile.

    Without a RAT nothing can be said, and the eUICC decides. SGP.22 §2.9.2.1.
    """
    wanted = places(metadata.get("profilePolicyRules")) & {PPR1, PPR2}
    owner = metadata.get("profileOwner")
    if not wanted or rat is None:
        return True
    if owner is None:
        return False
    return all(
        any(
            rule in places(entry["pprIds"])
            and any(_covers(one, owner) for one in entry["allowedOperators"])
            for entry in rat
        )
        for rule in wanted
    )


def _covers(allowed: Value, owner: Value) -> bool:
    pattern, code = allowed["mccMnc"].lower(), owner["mccMnc"].lower()
    if any(one not in (_ANY_DIGIT, digit) for one, digit in zip(pattern, code, strict=True)):
        return False
    return all(allowed[name] == owner.get(name, "") for name in _GROUPS if name in allowed)


@lru_cache(maxsize=64)
def oid_element(certificate: bytes) -> bytes:
    """Return the OID of a server's certificate as an OBJECT IDENTIFIER element."""
    oid = read_certificate(certificate).oid or "0.0"
    signed = {"transactionId": "00", "smdpOid": oid, "reason": "undefinedReason"}
    encoded = codec.load("SGP.22@2.5").encode("EuiccCancelSessionSigned", signed)
    return retag(parts(encoded)["81"], "06")
