"""ES10f: the functions of the factory phase, and what they keep shut. docs/reference/ifpp.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.crypto.ifpp_keys import SPEC, Suite
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc import installation, memory
from sgprobe.peers.euicc.dialect import faults
from sgprobe.peers.euicc.factory_context import load_context
from sgprobe.peers.euicc.factory_records import (
    CLOSED,
    DELETED,
    LEFT,
    UNUSED,
    Factory,
    FactoryKey,
    FactoryResult,
)
from sgprobe.peers.euicc.factory_state import factory_of, inventory, keys_left, signed_state
from sgprobe.peers.euicc.records import Package
from sgprobe.peers.euicc.status import BAD_DATA, CONDITIONS, REFERENCE_NOT_FOUND
from sgprobe.peers.euicc.turn import Turn

FIRST_OCTET = b"\xff"
_STATE = b"\xff\x45"
# RB-27: which chip it is and what it can do may be read at any time; a package needs its context,
# which is seen where it is loaded
_OPEN_TO_ALL = frozenset({b"\xbf\x3e", b"\xbf\x20", b"\xbf\x22"})
# results in one answer
_PAGE = 16


def guard(turn: Turn, command: bytes) -> None:
    """Refuse a function of LPA or IPA while a one-time key is left. SGP.41 EUICCF04, RB-27."""
    if command[:1] == FIRST_OCTET or command[:2] in _OPEN_TO_ALL or factory_of(turn) is None:
        return
    if turn.broken("EUICC.IFPP-GATE", keys_left(turn)):
        raise CardFailure(CONDITIONS)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One function: its types, who carries it out, whether its answer can tell an error."""

    request: str
    response: str
    handler: Callable[[Turn, Factory, Value], Value]
    tells: bool = True


def command(turn: Turn, tag: bytes, raw: bytes) -> bytes:
    """Carry out one function of ES10f."""
    factory, entry = factory_of(turn), _ENTRIES.get(tag)
    if factory is None or (entry is None and tag != _CONTEXT):
        raise CardFailure(REFERENCE_NOT_FOUND)
    loaded = codec.load(SPEC)
    closed = factory.phase == CLOSED and tag != _STATE
    shut = turn.broken("EUICC.IFPP-CLOSED", closed)
    if entry is None:
        answer = (
            {"error": {"code": "factoryPhaseClosed"}} if shut else load_context(turn, factory, raw)
        )
        return loaded.encode("IfppLoadContextResponse", answer)
    if shut:
        return _error(entry, "factoryPhaseClosed", CONDITIONS)
    decoded = loaded.decode(entry.request, raw)
    if faults(decoded):
        return _error(entry, "malformed", BAD_DATA)
    return loaded.encode(entry.response, entry.handler(turn, factory, decoded.value))


def _error(entry: _Entry, code: str, sw: int) -> bytes:
    """Return an error, as a status word where the answer has no place for it."""
    if not entry.tells:
        raise CardFailure(sw)
    return codec.load(SPEC).encode(entry.response, {"error": code})


def _information(turn: Turn, factory: Factory, value: Value) -> Value:
    """ES10f.GetIfppInfo."""
    return {
        "bindingVersion": "v0",
        "eid": turn.chip.ecasd.eid.hex(),
        "factoryPhase": factory.phase,
        "suites": [Suite(one).label for one in factory.suites],
        "otkInventory": [
            {"keyRef": one.ref, "state": one.state, "suite": Suite(one.suite).label}
            for one in inventory(turn)
        ],
        "freeNvm": memory.free(turn),
        "maxPendingResults": factory.results,
    }


def _results(turn: Turn, factory: Factory, value: Value) -> Value:
    """ES10f.GetIfppResults, in the order of their numbers."""
    ((kind, wanted),) = value["selector"].items()
    found = sorted(turn.draft.all(FactoryResult), key=lambda one: one.seq)
    if kind == "transactionId":
        found = [one for one in found if one.transaction == wanted]
    elif kind == "keyRef":
        found = [one for one in found if one.ref == wanted]
    told = [one.signed for one in found[:_PAGE]]
    if not turn.chip.rules.on("EUICC.IFPP-SEALED"):
        told += [one.elements for one in turn.draft.all(Package)]
    return {"results": told, "more": len(found) > _PAGE}


def _delete(turn: Turn, factory: Factory, value: Value) -> Value:
    """ES10f.DeleteOneTimeKeys: all unused ones, or those named, reserved ones too. RB-28."""
    ((kind, named),) = value["selector"].items()
    there = {one.ref: one for one in inventory(turn)}
    if kind == "allUnused":
        doomed = [one for one in there.values() if one.state == UNUSED]
    else:
        if any(ref not in there for ref in named):
            return {"error": "unknownKeyRef"}
        doomed = [there[ref] for ref in named if there[ref].state in LEFT]
    for one in doomed:
        _erase(turn, one)
    return {"ok": signed_state(turn, value["challenge"])}


def _erase(turn: Turn, key: FactoryKey) -> None:
    load = turn.session.factory
    if load is not None and load.ref == key.ref:
        # its package was on the way
        installation.interrupted(turn)
        turn.session.forget_server()
        key = turn.draft.find(FactoryKey, key.ref) or key
    if turn.chip.rules.on("EUICC.IFPP-DELETE"):
        turn.draft.put(replace(key, state=DELETED, seed=None))


def _close(turn: Turn, factory: Factory, value: Value) -> Value:
    """ES10f.CloseFactoryPhase; there is no way back. RB-29."""
    if turn.broken("EUICC.IFPP-CLOSE-KEYS", keys_left(turn)):
        return {"error": "wrongSequence"}
    turn.draft.put(replace(factory, phase=CLOSED))
    return {"ok": signed_state(turn, value["challenge"])}


def _state(turn: Turn, factory: Factory, value: Value) -> Value:
    """ES10f.GetSignedIfppState."""
    return {"ok": signed_state(turn, value["challenge"])}


_CONTEXT = b"\xff\x41"
_ENTRIES: dict[bytes, _Entry] = {
    b"\xff\x40": _Entry("GetIfppInfoRequest", "GetIfppInfoResponse", _information, tells=False),
    b"\xff\x42": _Entry("GetIfppResultsRequest", "GetIfppResultsResponse", _results, tells=False),
    b"\xff\x43": _Entry("DeleteOneTimeKeysRequest", "DeleteOneTimeKeysResponse", _delete),
    b"\xff\x44": _Entry("CloseFactoryPhaseRequest", "CloseFactoryPhaseResponse", _close),
    _STATE: _Entry("GetSignedIfppStateRequest", "GetSignedIfppStateResponse", _state),
}

__all__ = ["FIRST_OCTET", "command", "guard"]
