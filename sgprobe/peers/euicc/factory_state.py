"""The signed state: what is inside, under a challenge; and the counter of changes. RB-30."""

from __future__ import annotations

from dataclasses import replace

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.crypto import keys
from sgprobe.crypto.ifpp_keys import SPEC
from sgprobe.peers.euicc.factory_records import (
    CONSUMED,
    DELETED,
    LEFT,
    Factory,
    FactoryKey,
    FactoryProfile,
)
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.euicc.turn import Turn


def factory_of(turn: Turn) -> Factory | None:
    """Return the factory record; None where the eUICC has no IFPP."""
    return turn.draft.find(Factory)


def inventory(turn: Turn) -> list[FactoryKey]:
    """Return the one-time keys in the order in which they were made."""
    return sorted(turn.draft.all(FactoryKey), key=lambda one: one.place)


def keys_left(turn: Turn) -> bool:
    """Say whether a key is left that can load a profile."""
    return any(one.state in LEFT for one in turn.draft.all(FactoryKey))


def signed_state(turn: Turn, challenge: str) -> Value:
    """Return the SignedIfppState as of this command, changes included."""
    count(turn)
    factory = factory_of(turn)
    assert factory is not None
    there = inventory(turn)
    if not turn.chip.rules.on("EUICC.IFPP-CHALLENGE"):
        challenge = "00" * 16
    tbs: Value = {
        "challenge": challenge,
        "eid": turn.chip.ecasd.eid.hex(),
        "factoryPhase": factory.phase,
        "stateCounter": factory.counter,
        # a key that is reserved is not used up: it counts with those that are left
        "unusedOtk": sum(one.state in LEFT for one in there),
        "consumedOtk": sum(one.state == CONSUMED for one in there),
        "deletedOtk": sum(one.state == DELETED for one in there),
        "profiles": [_profile(turn, one) for one in turn.draft.all(Profile)],
    }
    identity = turn.chip.ecasd.identities[0]
    signature = keys.sign(identity.key, codec.load(SPEC).encode("IfppStateTbs", tbs))
    return {
        "tbs": tbs,
        "signature": signature.hex(),
        "euiccCertificate": identity.certificate.der.hex(),
        "eumCertificate": identity.eum.der.hex(),
    }


def _profile(turn: Turn, profile: Profile) -> Value:
    loaded = turn.draft.find(FactoryProfile, profile.iccid)
    by = "fpa" if loaded else "eum" if profile.preloaded else "lpaOrIpa"
    told: Value = {
        "iccid": profile.iccid,
        "profileClass": profile.profile_class,
        "enabled": profile.enabled,
        "loadedBy": by,
    }
    owner = profile.metadata.get("profileOwner") or {}
    if owner.get("mccMnc"):
        told["mccMnc"] = owner["mccMnc"]
    if loaded is not None:
        told["pirDigest"] = loaded.digest
    return told


def settle(turn: Turn) -> None:
    """End a command: forget how profiles came that are gone, and count what has changed."""
    if factory_of(turn) is None:
        return
    for iccid in turn.draft.touched(Profile):
        loaded = turn.draft.find(FactoryProfile, iccid)
        if loaded is not None and turn.draft.find(Profile, iccid) is None:
            turn.draft.remove(loaded)
    count(turn)


def count(turn: Turn) -> None:
    """Let the counter grow by what this command has changed so far; each change counts once."""
    factory, former = factory_of(turn), turn.draft.before(Factory)
    if factory is None or former is None or not turn.chip.rules.on("EUICC.IFPP-COUNTER"):
        return
    changes = sum(_key_changed(turn, ref) for ref in turn.draft.touched(FactoryKey))
    changes += sum(_profile_changed(turn, iccid) for iccid in turn.draft.touched(Profile))
    changes += former.phase != factory.phase
    if former.counter + changes != factory.counter:
        turn.draft.put(replace(factory, counter=former.counter + changes))


def _key_changed(turn: Turn, ref: str) -> bool:
    was, now = turn.draft.before(FactoryKey, ref), turn.draft.find(FactoryKey, ref)
    return was is None or now is None or was.state != now.state


def _profile_changed(turn: Turn, iccid: str) -> bool:
    was, now = turn.draft.before(Profile, iccid), turn.draft.find(Profile, iccid)
    if was is None or now is None:
        return was is not now
    return was.enabled != now.enabled
