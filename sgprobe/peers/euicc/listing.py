"""What the eUICC tells of its profiles, on ES10 and in packages. SGP.22 §5.7.15."""

from __future__ import annotations

from functools import lru_cache

from dissectors.asn1.model import Sequence, Value
from dissectors.asn1.tlv import TlvError
from sgprobe.peers.euicc.dialect import Dialect
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import bare_tags

INCORRECT_INPUT = 1

# SGP.22 §5.7.15 and SGP.32 §5.9.14: what is told when no tag list is given
_DEFAULT_FIRST = [
    "iccid",
    "isdpAid",
    "profileState",
    "profileNickname",
    "serviceProviderName",
    "profileName",
    "iconType",
    "icon",
    "profileClass",
]
_DEFAULT = [
    "iccid",
    "isdpAid",
    "profileState",
    "serviceProviderName",
    "profileName",
    "profileClass",
    "ecallIndication",
    "fallbackAttribute",
    "fallbackAllowed",
]


@lru_cache(maxsize=8)
def _members(dialect: Dialect) -> dict[bytes, str]:
    """Return the members of ProfileInfo by their tags."""
    shape = dialect.codec.schema.shape(dialect.codec.type("ProfileInfo"))
    assert isinstance(shape, Sequence)
    return {one.type.tags[0]: one.name for one in shape.fields}


def info(profile: Profile, members: list[str]) -> Value:
    """Return the ProfileInfo of a profile, with those members of `members` that it has."""
    known = {
        **profile.metadata,
        "isdpAid": profile.aid,
        "profileState": int(profile.enabled),
        "profileNickname": profile.nickname,
        "profileClass": profile.profile_class,
        "dpProprietaryData": profile.dp,
        # a DEFAULT FALSE is left out
        "fallbackAttribute": profile.fallback or None,
    }
    return {name: known[name] for name in members if known.get(name) is not None}


def profiles(turn: Turn, request: Value) -> Value:
    """Return the ProfileInfoListResponse to a ProfileInfoListRequest."""
    dialect = turn.chip.dialect
    members = _DEFAULT_FIRST if dialect.first else _DEFAULT
    if "tagList" in request:
        try:
            tags = bare_tags(bytes.fromhex(request["tagList"]))
        except TlvError:
            return {"profileInfoListError": INCORRECT_INPUT}
        table = _members(dialect)
        if turn.broken("EUICC.TAG-LIST", any(tag not in table for tag in tags)):
            return {"profileInfoListError": INCORRECT_INPUT}
        wanted = {table[tag] for tag in tags if tag in table}
        # a SEQUENCE keeps its order whatever the list's
        members = [name for name in table.values() if name in wanted]
    criteria = request.get("searchCriteria")
    found = [one for one in turn.draft.all(Profile) if _matches(one, criteria)]
    found.sort(key=lambda one: one.aid)
    return {"profileInfoListOk": [info(one, members) for one in found]}


def _matches(profile: Profile, criteria: Value) -> bool:
    if not criteria:
        return True
    if "iccid" in criteria:
        return bool(profile.iccid == criteria["iccid"])
    if "isdpAid" in criteria:
        return bool(profile.aid == criteria["isdpAid"])
    return bool(profile.profile_class == criteria.get("profileClass"))
