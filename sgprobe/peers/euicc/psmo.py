"""The Profile State Management Operations of a package, one by one. SGP.32 §2.11.1.1.3."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import fallback, immediate, info, listing, profiles
from sgprobe.peers.euicc.profiles import OK, UNDEFINED
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.euicc.turn import Turn

_NO_ROLLBACK, _RETURN_PROFILE, _CHANGE_ONGOING = 20, 21, 11


@dataclass(slots=True)
class Progress:
    """What the commands before this one in the package have done."""

    enables: int = 0
    disables: int = 0
    # ICCID of the profile disabled in this package, and of the one to roll back to
    disabled: str | None = None
    rollback: str | None = None
    granted: bool = False


Outcome = tuple[Value, bool]


def _result(turn: Turn, type_name: str, member: str, code: int) -> Outcome:
    told = turn.chip.dialect.code(type_name, code)
    return {member: told}, code == OK


def enable(turn: Turn, value: Value, progress: Progress) -> Outcome:
    """Carry out enable."""
    code = _enable(turn, value, progress)
    return _result(turn, "EnableProfileResult", "enableResult", code)


def _enable(turn: Turn, value: Value, progress: Progress) -> int:
    progress.enables += 1
    if turn.broken("EUICC.ONE-ENABLE", progress.enables > 1):
        return UNDEFINED
    target = turn.draft.find(Profile, value["iccid"])
    if turn.broken("EUICC.ICCID-KNOWN", target is None):
        return profiles.NOT_FOUND
    if target is None:
        return OK
    if turn.broken("EUICC.ENABLE-STATE", target.enabled):
        return profiles.WRONG_STATE
    now = profiles.enabled(turn.draft)
    back = now.iccid if now is not None else progress.disabled
    wants_rollback = "rollbackFlag" in value
    if turn.broken("EUICC.ROLLBACK-AVAILABLE", wants_rollback and back is None):
        return _NO_ROLLBACK
    refused = profiles.may_leave(turn, target)
    if refused:
        return refused
    profiles.enable(turn, target)
    if wants_rollback:
        progress.granted = back is not None
        progress.rollback = back
    return OK


def disable(turn: Turn, value: Value, progress: Progress) -> Outcome:
    """Carry out disable."""
    code = _disable(turn, value, progress)
    return _result(turn, "DisableProfileResult", "disableResult", code)


def _disable(turn: Turn, value: Value, progress: Progress) -> int:
    progress.disables += 1
    late = progress.enables > 0 or progress.disables > 1
    if turn.broken("EUICC.ONE-DISABLE", late):
        return UNDEFINED
    target = turn.draft.find(Profile, value["iccid"])
    refused = profiles.may_disable(turn, target)
    if refused or target is None:
        return refused
    profiles.disable(turn, target)
    progress.disabled = target.iccid
    return OK


def delete(turn: Turn, value: Value, progress: Progress) -> Outcome:
    """Carry out delete."""
    code = _delete(turn, value, progress)
    return _result(turn, "DeleteProfileResult", "deleteResult", code)


def _delete(turn: Turn, value: Value, progress: Progress) -> int:
    target = turn.draft.find(Profile, value["iccid"])
    if target is not None and not target.enabled:
        if turn.broken("EUICC.ROLLBACK-TARGET", target.iccid == progress.rollback):
            return _NO_ROLLBACK
        returns = target.iccid == turn.draft.settings.fallback_return
        if turn.broken("EUICC.FALLBACK-TARGET", returns):
            return _RETURN_PROFILE
    refused = profiles.may_delete(turn, target)
    if refused or target is None:
        return refused
    profiles.delete(turn, target)
    return OK


def list_info(turn: Turn, value: Value, progress: Progress) -> Outcome:
    """Carry out listProfileInfo."""
    changed = progress.enables > 0 or progress.disables > 0
    if turn.broken("EUICC.LIST-DURING-CHANGE", changed and not turn.chip.dialect.first):
        return {"listProfileInfoResult": {"profileInfoListError": _CHANGE_ONGOING}}, False
    told = listing.profiles(turn, value)
    return {"listProfileInfoResult": told}, "profileInfoListOk" in told


def rat(turn: Turn, value: Value, progress: Progress) -> Outcome:
    """Carry out getRAT."""
    return {"getRATResult": info.rat(turn, value)["rat"]}, True


def configure_immediate(turn: Turn, value: Value, progress: Progress) -> Outcome:
    """Carry out configureImmediateEnable."""
    code = immediate.configure(turn, value)
    return {"configureImmediateEnableResult": code}, code == OK


def set_fallback(turn: Turn, value: Value, progress: Progress) -> Outcome:
    """Carry out setFallbackAttribute."""
    code = fallback.set_attribute(turn, value["iccid"])
    return {"setFallbackAttributeResult": code}, code == OK


def unset_fallback(turn: Turn, value: Value, progress: Progress) -> Outcome:
    """Carry out unsetFallbackAttribute."""
    code = fallback.unset_attribute(turn)
    return {"unsetFallbackAttributeResult": code}, code == OK


def set_default(turn: Turn, value: Value, progress: Progress) -> Outcome:
    """Carry out setDefaultDpAddress."""
    return {"setDefaultDpAddressResult": info.set_default_address(turn, value)}, True


# a command whose contents cannot be read has a code of its own
BROKEN: dict[str, Value] = {
    "enable": {"enableResult": UNDEFINED},
    "disable": {"disableResult": UNDEFINED},
    "delete": {"deleteResult": UNDEFINED},
    "listProfileInfo": {"listProfileInfoResult": {"profileInfoListError": 1}},
    "setFallbackAttribute": {"setFallbackAttributeResult": UNDEFINED},
    "setDefaultDpAddress": {"setDefaultDpAddressResult": {"setDefaultDpAddressResult": UNDEFINED}},
}
COMMANDS = {
    "enable": enable,
    "disable": disable,
    "delete": delete,
    "listProfileInfo": list_info,
    "getRAT": rat,
    "configureImmediateEnable": configure_immediate,
    "setFallbackAttribute": set_fallback,
    "unsetFallbackAttribute": unset_fallback,
    "setDefaultDpAddress": set_default,
}
