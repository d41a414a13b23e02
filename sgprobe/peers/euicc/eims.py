"""eIM configuration data: checked, stored, changed and told. SGP.32 §2.11.1.1.1, §5.9.4."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from dissectors.asn1.model import Value
from sgprobe.crypto import keys
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CryptoError
from sgprobe.peers.euicc.records import Eim
from sgprobe.peers.euicc.turn import Turn

OK, NO_MEMORY, EXISTS, CI_UNKNOWN, BAD_TOKEN, COUNTER_RANGE, COMMAND_ERROR = 0, 1, 2, 3, 5, 6, 7
NOT_FOUND = 1

MAX_COUNTER = 0x7FFFFF
_MAX_ID = 128
_NEW_TOKEN = -1
# these stand beside the configuration, because they change without it
_APART = ("counterValue", "associationToken")


class Refused(Exception):
    """An eIM configuration that the eUICC does not take, with the code it answers."""

    def __init__(self, code: int) -> None:
        super().__init__(f"eIM configuration refused with {code}")
        self.code = code


@lru_cache(maxsize=64)
def _key(arm: str, octets: str) -> keys.PublicKey | None:
    try:
        data = bytes.fromhex(octets)
        key = (
            keys.public_from_spki(data)
            if arm == "eimPublicKey"
            else read_certificate(data).public_key
        )
    except CryptoError:
        return None
    return key if key is not None and keys.curve_of(key) in keys.RSP_CURVES else None


def public_key(config: Value) -> keys.PublicKey | None:
    """Return the key that verifies an eIM's packages; None where there is none to be used."""
    data = config.get("eimPublicKeyData") or {}
    for arm, octets in data.items():
        if arm in ("eimPublicKey", "eimCertificate") and isinstance(octets, str):
            return _key(arm, octets)
    return None


def _check(turn: Turn, config: Value) -> None:
    """Refuse what neither a new nor an updated configuration may hold."""
    counter = config.get("counterValue", 0)
    if turn.broken("EUICC.EIM-COUNTER", not 0 <= counter <= MAX_COUNTER):
        raise Refused(COUNTER_RANGE)
    ci = config.get("euiccCiPKId")
    unknown = ci is not None and ci not in turn.chip.ecasd.signing
    if turn.broken("EUICC.EIM-CI", unknown):
        raise Refused(CI_UNKNOWN)
    if isinstance(config.get("eimIdType"), int):
        # a number without a name in the module
        raise Refused(COMMAND_ERROR)


def add(turn: Turn, config: Value) -> Eim:
    """Associate an eIM, giving it a token if it asks for one."""
    name = config.get("eimId", "")
    if turn.broken("EUICC.EIM-ID", not 1 <= len(name) <= _MAX_ID):
        raise Refused(COMMAND_ERROR)
    there = turn.draft.all(Eim)
    if turn.broken("EUICC.EIM-FREE", any(one.id == name for one in there)):
        raise Refused(EXISTS)
    if turn.broken("EUICC.EIM-MEMORY", len(there) >= turn.chip.config.limits.eims):
        raise Refused(NO_MEMORY)
    asked = config.get("associationToken")
    if turn.broken("EUICC.EIM-TOKEN", asked is not None and asked != _NEW_TOKEN):
        raise Refused(BAD_TOKEN)
    _check(turn, config)
    if turn.broken("EUICC.EIM-KEY", public_key(config) is None):
        raise Refused(COMMAND_ERROR)
    settings = turn.draft.settings
    token = None
    if asked is not None:
        # SGP.32 §2.11.1.1.1: never the same token twice, so that old packages stay dead
        token = settings.token + 1
        turn.draft.set(token=token)
    turn.draft.set(place=settings.place + 1)
    kept = {key: value for key, value in config.items() if key not in _APART}
    eim = Eim(name, kept, config.get("counterValue", 0), token, settings.place)
    turn.draft.put(eim)
    return eim


def update(turn: Turn, config: Value) -> Eim:
    """Change an eIM's configuration; what is not given stays. SGP.32 §2.11.1.1.2."""
    old = turn.draft.find(Eim, config.get("eimId", ""))
    if old is None:
        raise Refused(NOT_FOUND)
    changed = {key: value for key, value in config.items() if key not in ("eimId", *_APART)}
    counter = config.get("counterValue")
    if turn.broken("EUICC.EIM-TOKEN", "associationToken" in config):
        raise Refused(COMMAND_ERROR)
    if turn.broken("EUICC.EIM-UPDATE", not changed and counter is None):
        raise Refused(COMMAND_ERROR)
    _check(turn, config)
    new_key = "eimPublicKeyData" in config
    if turn.broken("EUICC.EIM-KEY", new_key and public_key(config) is None):
        raise Refused(COMMAND_ERROR)
    lower = counter is not None and counter < old.counter and not new_key
    if turn.broken("EUICC.EIM-COUNTER-LOWER", lower):
        raise Refused(COMMAND_ERROR)
    new = replace(
        old,
        config={**old.config, **changed},
        counter=old.counter if counter is None else counter,
    )
    turn.draft.put(new)
    return new


def listed(turn: Turn) -> list[Eim]:
    """Return all eIMs in the order of their association."""
    return sorted(turn.draft.all(Eim), key=lambda one: one.place)


def add_initial(turn: Turn, value: Value) -> Value:
    """ES10b.AddInitialEim: all of the list or nothing. SGP.32 §5.9.4."""
    if turn.broken("EUICC.FIRST-EIM", bool(turn.draft.all(Eim))):
        return {"addInitialEimError": EXISTS}
    added = []
    for config in value["eimConfigurationDataList"]:
        try:
            eim = add(turn, config)
        except Refused as refusal:
            turn.drop()
            code = turn.chip.dialect.code(
                "AddInitialEimResponse", refusal.code, "addInitialEimError"
            )
            return {"addInitialEimError": code}
        added.append({"addOk": None} if eim.token is None else {"associationToken": eim.token})
    return {"addInitialEimOk": added}


def get_configuration(turn: Turn, value: Value) -> Value:
    """ES10b.GetEimConfigurationData: everything but the counters. SGP.32 §5.9.18."""
    wanted = (value.get("searchCriteria") or {}).get("eimId")
    found = [one for one in listed(turn) if wanted is None or one.id == wanted]
    return {"eimConfigurationDataList": [_told(one) for one in found]}


def _told(eim: Eim) -> Value:
    if eim.token is None:
        return eim.config
    return {**eim.config, "associationToken": eim.token}
