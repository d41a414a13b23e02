"""The emergency call profile: on and off again, without notifications. SGP.32 §5.9.22, §5.9.23."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import profiles
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.euicc.turn import Turn

_OK, _WRONG_STATE, _CAT_BUSY, _NOT_AVAILABLE = 0, 2, 5, 8
# no profile was enabled before
_NOTHING = ""


def _holder(turn: Turn) -> Profile | None:
    return next((one for one in turn.draft.all(Profile) if one.is_emergency), None)


def enable(turn: Turn, value: Value) -> Value:
    """ES10b.EnableEmergencyProfile."""
    return {"enableEmergencyProfileResult": _enable(turn)}


def _enable(turn: Turn) -> int:
    target = _holder(turn)
    if turn.broken("EUICC.EMERGENCY-AVAILABLE", target is None):
        return _NOT_AVAILABLE
    if target is None:
        return _OK
    if turn.broken("EUICC.EMERGENCY-STATE", target.enabled):
        return _WRONG_STATE
    if turn.broken("EUICC.CAT-BUSY", turn.cat_busy):
        return _CAT_BUSY
    former = profiles.enabled(turn.draft)
    profiles.switch(turn, target, silent=True)
    turn.draft.set(emergency_return=former.iccid if former is not None else _NOTHING)
    return _OK


def disable(turn: Turn, value: Value) -> Value:
    """ES10b.DisableEmergencyProfile: the profile before it comes back."""
    code = turn.chip.dialect.code(
        "DisableEmergencyProfileResponse", _disable(turn), "disableEmergencyProfileResult"
    )
    return {"disableEmergencyProfileResult": code}


def _disable(turn: Turn) -> int:
    target = _holder(turn)
    if turn.broken("EUICC.EMERGENCY-AVAILABLE", target is None):
        return _NOT_AVAILABLE
    active = profiles.emergency_active(turn.draft)
    if turn.broken("EUICC.EMERGENCY-STATE", not active):
        return _WRONG_STATE
    if turn.broken("EUICC.CAT-BUSY", turn.cat_busy):
        return _CAT_BUSY
    back = turn.draft.settings.emergency_return
    profiles.switch(turn, turn.draft.find(Profile, back) if back else None, silent=True)
    turn.draft.set(emergency_return=None)
    return _OK
