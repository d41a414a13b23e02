"""Profile metadata checked before anything is loaded: ICCID, class, policy rules. SGP.22 §5.5.3."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.peers.euicc.dialect import faults
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import PPR1, PPR2, places

INCORRECT_INPUT = 1
UNSUPPORTED_CLASS, ICCID_EXISTS, PPR_NOT_ALLOWED = 6, 9, 15

# SGP.22 §2.4a.1.1: a digit E stands for any digit
_ANY_DIGIT = "e"


class Refused(Exception):
    """What stops an installation, with its ErrorReason."""

    def __init__(self, reason: int) -> None:
        super().__init__(f"installation refused with {reason}")
        self.reason = reason


def check(turn: Turn, raw: bytes) -> Value:
    """Return the metadata of a StoreMetadataRequest, if the profile may be installed."""
    decoded = turn.chip.dialect.decode("StoreMetadataRequest", raw)
    if faults(decoded):
        raise Refused(INCORRECT_INPUT)
    value: Value = decoded.value
    if isinstance(value.get("iconType"), int) or ("icon" in value) != ("iconType" in value):
        # a number without a name in the module, or an icon without its kind
        raise Refused(INCORRECT_INPUT)
    there = turn.draft.find(Profile, value["iccid"])
    if turn.broken("EUICC.ICCID-FREE", there is not None):
        raise Refused(ICCID_EXISTS)
    kind = value.get("profileClass") or "operational"
    if turn.broken("EUICC.PROFILE-CLASS", kind not in turn.chip.config.profile_classes):
        raise Refused(UNSUPPORTED_CLASS)
    _policy(turn, value, kind)
    return value


def _policy(turn: Turn, value: Value, kind: str) -> None:
    rules = places(value.get("profilePolicyRules")) & {PPR1, PPR2}
    if not rules:
        return
    owner = value.get("profileOwner")
    if turn.broken("EUICC.PPR-OWNER", owner is None):
        raise Refused(INCORRECT_INPUT)
    if turn.broken("EUICC.PPR-FORBIDDEN", bool(rules & turn.chip.config.forbidden_pprs)):
        raise Refused(PPR_NOT_ALLOWED)
    others = any(one.profile_class == "operational" for one in turn.draft.all(Profile))
    first = PPR1 in rules and kind == "operational" and others
    if turn.broken("EUICC.PPR1-FIRST", first):
        raise Refused(PPR_NOT_ALLOWED)
    allowed = all(_authorised(turn, rule, owner or {}) for rule in rules)
    if turn.broken("EUICC.PPR-RAT", not allowed):
        raise Refused(PPR_NOT_ALLOWED)


def _authorised(turn: Turn, rule: int, owner: Value) -> bool:
    """Say whether an entry of the RAT gives this policy rule to the owner. SGP.22 §2.9.2.1."""
    return any(
        rule in places(entry["pprIds"])
        and any(_is_operator(one, owner) for one in entry["allowedOperators"])
        for entry in turn.chip.config.rat
    )


def _is_operator(allowed: Value, owner: Value) -> bool:
    digits = zip(allowed["mccMnc"].lower(), owner.get("mccMnc", "").lower())
    if not owner.get("mccMnc") or any(a not in (_ANY_DIGIT, b) for a, b in digits):
        return False
    # an empty group identifier allows none, an absent one any
    return all(
        name not in allowed or allowed[name] == owner.get(name, "") for name in ("gid1", "gid2")
    )
