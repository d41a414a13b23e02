"""ProfileRollback: back to what was before an enable that nobody heard of. SGP.32 §5.9.16."""

from __future__ import annotations

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.peers.euicc import notifications, profiles
from sgprobe.peers.euicc.records import Eim, Profile
from sgprobe.peers.euicc.results import Order, signed_result
from sgprobe.peers.euicc.turn import Turn

_OK, _NOT_ALLOWED, _CAT_BUSY, _COMMAND_ERROR = 0, 1, 5, 7


def _answer(code: int, result: bytes = b"") -> bytes:
    return tlv("BF58", tlv("02", bytes([code])), result)


def rollback(turn: Turn, value: Value) -> bytes:
    """ES10b.ProfileRollback: switch back, and let a new result replace the one not delivered."""
    grant = turn.draft.settings.rollback
    if turn.broken("EUICC.ROLLBACK-GRANTED", grant is None):
        return _answer(_NOT_ALLOWED)
    if grant is None:
        return _answer(_COMMAND_ERROR)
    target = turn.draft.find(Profile, grant["iccid"])
    eim = turn.draft.find(Eim, grant["eim"])
    impossible = target is None or target.enabled or eim is None
    impossible = impossible or profiles.emergency_active(turn.draft)
    if turn.broken("EUICC.ROLLBACK-POSSIBLE", impossible) or target is None or eim is None:
        return _answer(_COMMAND_ERROR)
    if turn.broken("EUICC.CAT-BUSY", turn.cat_busy):
        return _answer(_CAT_BUSY)
    # what was undone has never happened: neither its result nor its notifications are told
    profiles.switch(turn, target, silent=True)
    notifications.forget(turn, frozenset({grant["result"], *grant["notes"]}))
    order = Order(grant["eim"], grant["counter"], grant["transaction"])
    result = signed_result(turn, eim, order, [{"rollbackResult": _OK}])
    notifications.keep_result(turn, result)
    turn.draft.set(rollback=None)
    return _answer(_OK, bytes.fromhex(result.signed))
