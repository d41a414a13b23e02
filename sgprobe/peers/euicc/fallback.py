"""The fallback attribute and the mechanism behind it. SGP.32 §3.4, §5.9.20, §5.9.21."""

from __future__ import annotations

from dataclasses import replace

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import profiles
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.euicc.turn import Turn

_OK, _NOT_FOUND, _NOT_ALLOWED, _NO_ATTRIBUTE, _ENABLED, _UNDEFINED = 0, 1, 2, 2, 3, 127
_WRONG_STATE, _CAT_BUSY, _NOT_AVAILABLE, _COMMAND_ERROR, _ECALL = 2, 5, 6, 7, 104


def holder(turn: Turn) -> Profile | None:
    """Return the profile with the fallback attribute; there is one at most."""
    return next((one for one in turn.draft.all(Profile) if one.fallback), None)


def set_attribute(turn: Turn, iccid: str) -> int:
    """Give a profile the attribute; the one that has it loses it."""
    target = turn.draft.find(Profile, iccid)
    if turn.broken("EUICC.ICCID-KNOWN", target is None):
        return _NOT_FOUND
    if target is None or target.fallback:
        return _OK
    allowed = bool(target.metadata.get("fallbackAllowed"))
    if turn.broken("EUICC.FALLBACK-ALLOWED", not allowed):
        return _NOT_ALLOWED
    former = holder(turn)
    if former is not None:
        if turn.broken("EUICC.FALLBACK-ENABLED", former.enabled):
            return _ENABLED
        turn.draft.put(replace(former, fallback=False))
    turn.draft.put(replace(target, fallback=True))
    return _OK


def unset_attribute(turn: Turn) -> int:
    """Take the attribute away."""
    former = holder(turn)
    if turn.broken("EUICC.FALLBACK-SET", former is None):
        return _NO_ATTRIBUTE
    if former is None:
        return _OK
    if turn.broken("EUICC.FALLBACK-ENABLED", former.enabled):
        return _ENABLED
    turn.draft.put(replace(former, fallback=False))
    return _OK


def execute(turn: Turn, value: Value) -> Value:
    """ES10b.ExecuteFallbackMechanism."""
    return {"executeFallbackMechanismResult": _execute(turn)}


def _execute(turn: Turn) -> int:
    if turn.broken("EUICC.EMERGENCY-LOCAL", profiles.emergency_active(turn.draft)):
        return _ECALL
    former = profiles.enabled(turn.draft)
    if turn.broken("EUICC.FALLBACK-FROM", former is None):
        return _COMMAND_ERROR
    target = holder(turn)
    if turn.broken("EUICC.FALLBACK-AVAILABLE", target is None):
        return _NOT_AVAILABLE
    if target is None:
        return _OK
    if turn.broken("EUICC.FALLBACK-DISABLED", target.enabled):
        return _WRONG_STATE
    if turn.broken("EUICC.CAT-BUSY", turn.cat_busy):
        return _CAT_BUSY
    profiles.switch(turn, target)
    back = former.iccid if former is not None else None
    turn.draft.set(fallback_return=back, rollback=None)
    return _OK


def return_from(turn: Turn, value: Value) -> Value:
    """ES10b.ReturnFromFallback."""
    return {"returnFromFallbackResult": _return(turn)}


def _return(turn: Turn) -> int:
    iccid = turn.draft.settings.fallback_return
    now = profiles.enabled(turn.draft)
    target = turn.draft.find(Profile, iccid) if iccid is not None else None
    away = target is None or now is None or not now.fallback
    if turn.broken("EUICC.FALLBACK-RETURN", away):
        return _NOT_AVAILABLE
    if turn.broken("EUICC.CAT-BUSY", turn.cat_busy):
        return _CAT_BUSY
    if target is not None:
        profiles.switch(turn, target)
    turn.draft.set(fallback_return=None, rollback=None)
    return _OK
