"""The eIM Configuration Operations of a package, one by one. SGP.32 §2.11.1.1.1, §2.11.1.1.2."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import eims
from sgprobe.peers.euicc.eims import COMMAND_ERROR, NOT_FOUND, OK, Refused
from sgprobe.peers.euicc.records import Eim
from sgprobe.peers.euicc.turn import Turn

_LAST_DELETED = 2


def add(turn: Turn, config: Value) -> tuple[Value, bool]:
    """Carry out addEim; return the result and whether processing goes on."""
    try:
        eim = eims.add(turn, config)
    except Refused as refusal:
        code = turn.chip.dialect.code("AddEimResult", refusal.code, "addEimResultCode")
        return {"addEimResult": {"addEimResultCode": code}}, False
    if eim.token is not None:
        return {"addEimResult": {"associationToken": eim.token}}, True
    return {"addEimResult": {"addEimResultCode": OK}}, True


def update(turn: Turn, config: Value) -> tuple[Value, bool]:
    """Carry out updateEim."""
    try:
        eims.update(turn, config)
    except Refused as refusal:
        found = refusal.code != NOT_FOUND or turn.chip.rules.on("EUICC.EIM-FOUND")
        return {"updateEimResult": refusal.code if found else OK}, not found
    return {"updateEimResult": OK}, True


def delete(turn: Turn, value: Value) -> tuple[Value, bool]:
    """Carry out deleteEim; an eIM may delete itself."""
    name = value.get("eimId")
    if not name:
        return {"deleteEimResult": COMMAND_ERROR}, False
    eim = turn.draft.find(Eim, name)
    if eim is None:
        refused = turn.chip.rules.on("EUICC.EIM-FOUND")
        return {"deleteEimResult": NOT_FOUND if refused else OK}, not refused
    turn.draft.remove(eim)
    left = turn.draft.all(Eim)
    # SGP.32 §2.11.2.1: a success with a warning
    return {"deleteEimResult": OK if left else _LAST_DELETED}, True


def listing(turn: Turn, value: Value) -> tuple[Value, bool]:
    """Carry out listEim."""
    listed = []
    for eim in eims.listed(turn):
        kind = eim.config.get("eimIdType")
        entry = {"eimId": eim.id}
        listed.append(entry if kind is None else {**entry, "eimIdType": kind})
    return {"listEimResult": {"eimIdList": listed}}, True


# a command whose contents cannot be read has a code of its own
BROKEN = {
    "addEim": {"addEimResult": {"addEimResultCode": COMMAND_ERROR}},
    "updateEim": {"updateEimResult": COMMAND_ERROR},
    "deleteEim": {"deleteEimResult": COMMAND_ERROR},
}
COMMANDS = {"addEim": add, "updateEim": update, "deleteEim": delete, "listEim": listing}
