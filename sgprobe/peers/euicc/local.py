"""ES10c on the local interface: profiles managed without an eIM. SGP.22 §5.7.16-18, §5.7.21."""

from __future__ import annotations

from dataclasses import replace

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import profiles
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.euicc.turn import Turn

_NICKNAME_OCTETS = 64


def enable(turn: Turn, value: Value) -> Value:
    """ES10c.EnableProfile."""
    target = profiles.find(turn.draft, value["profileIdentifier"])
    code = profiles.may_enable(turn, target)
    if not code and target is not None:
        profiles.enable(turn, target)
        # an order outside packages ends what a package has granted
        turn.draft.set(rollback=None)
    return {"enableResult": code}


def disable(turn: Turn, value: Value) -> Value:
    """ES10c.DisableProfile."""
    target = profiles.find(turn.draft, value["profileIdentifier"])
    code = profiles.may_disable(turn, target)
    if not code and target is not None:
        profiles.disable(turn, target)
        # an order outside packages ends what a package has granted
        turn.draft.set(rollback=None)
    return {"disableResult": code}


def delete(turn: Turn, value: Value) -> Value:
    """ES10c.DeleteProfile."""
    target = profiles.find(turn.draft, value)
    code = profiles.may_delete(turn, target)
    if not code and target is not None:
        profiles.delete(turn, target)
    return {"deleteResult": code}


def nickname(turn: Turn, value: Value) -> Value:
    """ES10c.SetNickname; an empty one takes it away."""
    target = turn.draft.find(Profile, value["iccid"])
    if turn.broken("EUICC.ICCID-KNOWN", target is None):
        return {"setNicknameResult": profiles.NOT_FOUND}
    name = value["profileNickname"]
    if turn.broken("EUICC.NICKNAME-LENGTH", len(name.encode()) > _NICKNAME_OCTETS):
        return {"setNicknameResult": profiles.UNDEFINED}
    if target is not None:
        turn.draft.put(replace(target, nickname=name or None))
    return {"setNicknameResult": profiles.OK}
