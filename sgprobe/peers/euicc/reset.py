"""eUICCMemoryReset: what each option erases. SGP.22 §5.7.19, SGP.32 §5.9.5."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import profiles
from sgprobe.peers.euicc.records import Eim, Profile
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import places

_OK, _NOTHING, _NOT_SUPPORTED, _CAT_BUSY, _ECALL = 0, 1, 2, 5, 104

# what each bit means, in SGP.32 from v1.1 and in v1.0.1, whose SGP.22 has the first three only
_OPTIONS = ("operational", "test", "address", "preloaded-test", "provisioning", "eim", "immediate")
_OPTIONS_FIRST = ("operational", "test", "address", "eim", "immediate")
_OPTIONS_RSP = ("operational", "test", "address")


def iot(turn: Turn, value: Value) -> Value:
    """ES10b.eUICCMemoryReset."""
    names = _OPTIONS_FIRST if turn.chip.dialect.first else _OPTIONS
    return _reset(turn, value, names)


def consumer(turn: Turn, value: Value) -> Value:
    """ES10c.eUICCMemoryReset."""
    return _reset(turn, value, _OPTIONS_RSP)


def _reset(turn: Turn, value: Value, names: tuple[str, ...]) -> Value:
    options = {names[at] for at in places(value["resetOptions"]) if at < len(names)}
    if turn.broken("EUICC.EMERGENCY-LOCAL", profiles.emergency_active(turn.draft)):
        code = turn.chip.dialect.code("EuiccMemoryResetResponse", _ECALL, "resetResult")
        return {"resetResult": code}
    if turn.broken("EUICC.CAT-BUSY", turn.cat_busy):
        return {"resetResult": _CAT_BUSY}
    answer: Value = {"resetResult": _profiles(turn, options)}
    if "eim" in options:
        answer["resetEimResult"] = _eims(turn)
    if "immediate" in options:
        supported = turn.chip.config.immediate_enable_reset
        if supported:
            turn.draft.set(immediate=None)
        answer["resetImmediateEnableConfigResult"] = _OK if supported else 1
    return answer


def _profiles(turn: Turn, options: set[str]) -> int:
    doomed = [one for one in turn.draft.all(Profile) if _class(one) in options]
    now = profiles.enabled(turn.draft)
    if now is not None and now in doomed:
        profiles.switch(turn, None)
        doomed = [turn.draft.find(Profile, one.iccid) or one for one in doomed]
    for one in doomed:
        profiles.delete(turn, one)
    cleared = "address" in options and bool(turn.draft.settings.default_smdp)
    if cleared:
        turn.draft.set(default_smdp="")
    gone = {one.iccid for one in doomed}
    settings = turn.draft.settings
    if settings.fallback_return in gone:
        turn.draft.set(fallback_return=None)
    if settings.rollback is not None and settings.rollback["iccid"] in gone:
        turn.draft.set(rollback=None)
    asked = options - {"eim", "immediate"}
    nothing = bool(asked) and not doomed and not cleared
    return _NOTHING if turn.broken("EUICC.RESET-SOMETHING", nothing) else _OK


def _class(profile: Profile) -> str:
    if profile.profile_class == "test" and profile.preloaded:
        return "preloaded-test"
    return profile.profile_class


def _eims(turn: Turn) -> int:
    if not turn.chip.config.eim_reset:
        return _NOT_SUPPORTED
    there = turn.draft.all(Eim)
    for one in there:
        turn.draft.remove(one)
    turn.draft.set(rollback=None)
    return _OK if there else _NOTHING
