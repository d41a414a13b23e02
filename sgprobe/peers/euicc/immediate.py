"""Immediate enabling of what was just downloaded, without an eIM. SGP.32 §5.9.15, §5.9.17."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import profiles
from sgprobe.peers.euicc.records import Eim, Profile
from sgprobe.peers.euicc.turn import Turn

_OK, _NO_MEMORY, _EIM_EXISTS = 0, 1, 2
_NOT_AVAILABLE, _NO_SESSION, _CAT_BUSY, _UNDEFINED = 1, 4, 5, 127


def configure(turn: Turn, value: Value) -> int:
    """Set the configuration; without the flag it is switched off."""
    address = value.get("defaultSmdpAddress", "")
    room = turn.chip.config.limits.immediate_address
    if turn.broken("EUICC.IMMEDIATE-MEMORY", len(address.encode()) > room):
        return _NO_MEMORY
    old = turn.draft.settings.immediate or {}
    given = {key: value[key] for key in ("defaultSmdpOid", "defaultSmdpAddress") if key in value}
    flag = "immediateEnableFlag" in value
    turn.draft.set(immediate={**old, **given, "immediateEnableFlag": flag})
    return _OK


def configure_unsigned(turn: Turn, value: Value) -> Value:
    """ES10b.ConfigureImmediateProfileEnabling, which no eIM has signed."""
    if turn.broken("EUICC.IMMEDIATE-UNSIGNED", bool(turn.draft.all(Eim))):
        return {"configImmediateEnableResult": _EIM_EXISTS}
    return {"configImmediateEnableResult": configure(turn, value)}


def enable(turn: Turn, value: Value) -> Value:
    """ES10b.ImmediateEnable."""
    code = turn.chip.dialect.code("ImmediateEnableResponse", _enable(turn), "immediateEnableResult")
    return {"immediateEnableResult": code}


def _enable(turn: Turn) -> int:
    config = turn.draft.settings.immediate or {}
    if turn.broken("EUICC.IMMEDIATE-CONFIGURED", not config.get("immediateEnableFlag")):
        return _NOT_AVAILABLE
    fresh = turn.session.fresh
    if turn.broken("EUICC.IMMEDIATE-SESSION", fresh is None):
        return _NO_SESSION
    if fresh is None:
        return _OK
    other_oid = config.get("defaultSmdpOid", fresh.smdp) != fresh.smdp
    default = config.get("defaultSmdpAddress") or turn.draft.settings.default_smdp
    other_address = bool(default) and default.lower() != fresh.address.lower()
    if turn.broken("EUICC.IMMEDIATE-SERVER", other_oid or other_address):
        return _NOT_AVAILABLE
    code = profiles.may_enable(turn, turn.draft.find(Profile, fresh.iccid))
    if code == profiles.CAT_BUSY:
        return _CAT_BUSY
    target = turn.draft.find(Profile, fresh.iccid)
    if code or target is None:
        return _UNDEFINED
    profiles.enable(turn, target)
    turn.session.fresh = None
    return _OK
