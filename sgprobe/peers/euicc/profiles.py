"""The states of profiles: found, checked against policy, switched, deleted. SGP.22 §5.7.16-18."""

from __future__ import annotations

from dataclasses import replace

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import notifications
from sgprobe.peers.euicc.records import Kept, Package, Profile, Usage
from sgprobe.peers.euicc.state import Draft
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import PPR1, PPR2

OK, NOT_FOUND, WRONG_STATE, POLICY, REENABLING, CAT_BUSY = range(6)
UNDEFINED = 127

# SGP.22 §4.1: the ISD-P AIDs of one eUICC differ in octets 14 and 15
_ISDP = "a0000005591010ffffffff8900"
_FIRST_ISDP = 0x1000


def enabled(draft: Draft) -> Profile | None:
    """Return the enabled profile; there is one at most."""
    return next((one for one in draft.all(Profile) if one.enabled), None)


def find(draft: Draft, identifier: Value) -> Profile | None:
    """Return the profile with an ICCID or an ISD-P AID."""
    if "iccid" in identifier:
        return draft.find(Profile, identifier["iccid"])
    aid = identifier["isdpAid"]
    return next((one for one in draft.all(Profile) if one.aid == aid), None)


def emergency_active(draft: Draft) -> bool:
    """Say whether an emergency call profile is enabled."""
    now = enabled(draft)
    return now is not None and now.is_emergency and draft.settings.emergency_return is not None


def free_aid(draft: Draft) -> str:
    """Return the ISD-P AID for the next profile."""
    taken = {one.aid for one in draft.all(Profile)}
    number = _FIRST_ISDP
    while (aid := f"{_ISDP}{number:04x}00") in taken:
        number += 1
    return aid


def may_enable(turn: Turn, target: Profile | None) -> int:
    """Return the code with which the eUICC refuses to enable a profile, or 0."""
    if turn.broken("EUICC.ICCID-KNOWN", target is None):
        return NOT_FOUND
    if target is None:
        return OK
    if turn.broken("EUICC.ENABLE-STATE", target.enabled):
        return WRONG_STATE
    return may_leave(turn, target)


def may_leave(turn: Turn, target: Profile) -> int:
    """Return the code with which policy keeps the enabled profile from giving way, or 0."""
    now = enabled(turn.draft)
    if now is not None and target.profile_class != "test":
        # SGP.22 §5.7.16: policy rules do not keep a test profile from being enabled
        if turn.broken("EUICC.PPR1", PPR1 in now.pprs):
            return POLICY
        former = turn.draft.settings.test_return
        other = now.profile_class == "test" and former is not None and former != target.iccid
        if turn.broken("EUICC.TEST-REENABLING", other):
            return REENABLING
    if turn.broken("EUICC.CAT-BUSY", turn.cat_busy):
        return CAT_BUSY
    return OK


def may_disable(turn: Turn, target: Profile | None) -> int:
    """Return the code with which the eUICC refuses to disable a profile, or 0."""
    if turn.broken("EUICC.ICCID-KNOWN", target is None):
        return NOT_FOUND
    if target is None:
        return OK
    if turn.broken("EUICC.DISABLE-STATE", not target.enabled):
        return WRONG_STATE
    if turn.broken("EUICC.PPR1", PPR1 in target.pprs):
        return POLICY
    if turn.broken("EUICC.CAT-BUSY", turn.cat_busy):
        return CAT_BUSY
    return OK


def may_delete(turn: Turn, target: Profile | None) -> int:
    """Return the code with which the eUICC refuses to delete a profile, or 0."""
    if turn.broken("EUICC.ICCID-KNOWN", target is None):
        return NOT_FOUND
    if target is None:
        return OK
    if turn.broken("EUICC.DELETE-STATE", target.enabled):
        return WRONG_STATE
    if turn.broken("EUICC.PPR2", PPR2 in target.pprs):
        return POLICY
    return OK


def switch(turn: Turn, target: Profile | None, *, silent: bool = False) -> None:
    """Make `target` the enabled profile, or none; the enabled one is disabled first."""
    if turn.settings_before is None:
        turn.settings_before = turn.draft.settings
    former = enabled(turn.draft)
    if former is not None:
        turn.before.setdefault(former.iccid, former)
        turn.draft.put(replace(former, enabled=False))
        if not silent:
            notifications.notify(turn, notifications.DISABLE, former)
    if target is not None:
        current = turn.draft.find(Profile, target.iccid) or target
        turn.before.setdefault(target.iccid, current)
        turn.draft.put(replace(current, enabled=True))
        if not silent:
            notifications.notify(turn, notifications.ENABLE, target)
    if target is not None and target.profile_class == "test":
        if former is not None and former.profile_class != "test":
            turn.draft.set(test_return=former.iccid)
    elif turn.draft.settings.test_return is not None:
        turn.draft.set(test_return=None)
    turn.refresh = True


def enable(turn: Turn, target: Profile) -> None:
    """Enable a profile on somebody's order; that ends what fallback would return to."""
    switch(turn, target)
    if turn.draft.settings.fallback_return is not None:
        turn.draft.set(fallback_return=None)


def disable(turn: Turn, target: Profile) -> None:
    """Disable a profile; after a test profile the one before it is enabled again."""
    back = None
    if target.profile_class == "test" and turn.draft.settings.test_return is not None:
        back = turn.draft.find(Profile, turn.draft.settings.test_return)
    switch(turn, back)


def delete(turn: Turn, target: Profile) -> None:
    """Delete a profile with all that is in it."""
    notifications.notify(turn, notifications.DELETE, target)
    turn.draft.remove(target)
    kinds: tuple[type[Kept], ...] = (Package, Usage)
    for kind in kinds:
        inside = turn.draft.find(kind, target.iccid)
        if inside is not None:
            turn.draft.remove(inside)
