"""eUICC packages: verified, found fresh, and carried out. SGP.32 §3.3.1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dissectors.asn1.model import Value
from sgprobe.crypto.signing import EIM_SIGNATURE, association_token
from sgprobe.peers.euicc import eco, eims, notifications, profiles, psmo
from sgprobe.peers.euicc.dialect import faults
from sgprobe.peers.euicc.records import Eim
from sgprobe.peers.euicc.results import Order, signed_error, signed_result, unsigned_error
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import inner

# SGP.32 §2.11.2.1, EuiccPackageErrorCode
_INVALID_EID, _REPLAY, _COUNTER_RANGE, _SIZE_OVERFLOW, _ECALL = 3, 4, 6, 15, 104
# processingTerminated
_RESULT_OVERFLOW, _UNKNOWN_COMMAND = 1, 2
# SGP.32, eimId; SGP.22, TransactionId
_MAX_ID, _MAX_TRANSACTION = 128, 16


def load(turn: Turn, raw: bytes) -> bytes:
    """ES10b.LoadEuiccPackage: verify a package in the order of SGP.32, carry it out, sign."""
    decoded = turn.chip.dialect.decode("EuiccPackageRequest", raw)
    value = decoded.value if isinstance(decoded.value, dict) else {}
    signed = value.get("euiccPackageSigned")
    signed = signed if isinstance(signed, dict) else {}
    name, transaction = _echoed(signed)
    eim = turn.draft.find(Eim, name)
    broken = _broken_commands(faults(decoded), signed)
    if broken is None:
        return unsigned_error(turn, name, transaction, eim)
    if eim is None and not turn.chip.rules.on("EUICC.EIM-KNOWN"):
        # there is no key for an unknown eIM: the rule is broken by trusting another one
        eim = next(iter(eims.listed(turn)), None)
    if eim is None:
        return unsigned_error(turn, name, transaction, None)
    package, signature = inner(raw)[:2]
    key = eims.public_key(eim.config)
    token = association_token(eim.token)
    good = key is not None and EIM_SIGNATURE.verify(key, signature, package, token)
    if turn.broken("EUICC.EIM-SIGNATURE", not good):
        return unsigned_error(turn, name, transaction, eim)
    order = Order(name, signed["counterValue"], transaction)
    refused = _refusal(turn, eim, order, signed["eidValue"], len(raw))
    if refused:
        return signed_error(turn, eim, order, refused)
    return _execute(turn, eim, order, signed["euiccPackage"], broken)


def _echoed(signed: Value) -> tuple[str, str | None]:
    """Return eimId and transaction as an answer repeats them: empty and None where they are bad."""
    name, transaction = signed.get("eimId"), signed.get("eimTransactionId")
    if not isinstance(name, str) or not 1 <= len(name) <= _MAX_ID:
        name = ""
    if not isinstance(transaction, str) or not 1 <= len(transaction) // 2 <= _MAX_TRANSACTION:
        transaction = None
    return name, transaction


def _broken_commands(paths: list[str], signed: Value) -> frozenset[int] | None:
    """Return which commands of the list cannot be read; None when it is not only those."""
    package = signed.get("euiccPackage")
    needed = ("eimId", "eidValue", "counterValue")
    if not isinstance(package, dict) or any(name not in signed for name in needed):
        return None
    if not isinstance(package.get("psmoList", package.get("ecoList")), list):
        return None
    broken = set()
    for path in paths:
        begin, bracket, rest = path.partition("List[")
        if not bracket or begin.rpartition(".")[2] not in ("psmo", "eco"):
            return None
        broken.add(int(rest.partition("]")[0]))
    return frozenset(broken)


def _refusal(turn: Turn, eim: Eim, order: Order, eid: str, size: int) -> int:
    """Return the code of the signed error, or 0."""
    if turn.broken("EUICC.PACKAGE-EID", eid != turn.chip.ecasd.eid.hex()):
        return _INVALID_EID
    if turn.broken("EUICC.COUNTER-RANGE", order.counter > eims.MAX_COUNTER):
        return _COUNTER_RANGE
    if turn.broken("EUICC.COUNTER", order.counter <= eim.counter):
        return _REPLAY
    active = profiles.emergency_active(turn.draft)
    if turn.broken("EUICC.EMERGENCY-PACKAGE", active):
        return _ECALL
    if turn.broken("EUICC.PACKAGE-SIZE", size > turn.chip.config.limits.package):
        return _SIZE_OVERFLOW
    return 0


def _execute(turn: Turn, eim: Eim, order: Order, package: Value, broken: frozenset[int]) -> bytes:
    # every package that is accepted ends what an earlier one has granted
    turn.draft.set(rollback=None)
    # SGP.32 §2.11.1.1: a rule that is off must not make the counter fall
    counter = min(max(order.counter, eim.counter), eims.MAX_COUNTER)
    progress = psmo.Progress()
    if "psmoList" in package:
        turn.draft.put(replace(eim, counter=counter))
        items = list(_limited(turn, _operations(turn, package["psmoList"], broken, progress)))
    else:
        items = list(_limited(turn, _configuration(turn, package["ecoList"], broken)))
        _count(turn, eim, counter)
    result = signed_result(turn, eim, order, items)
    notifications.keep_result(turn, result)
    notifications.flush(turn)
    if progress.granted:
        turn.draft.set(
            rollback={
                "eim": order.eim,
                "counter": order.counter,
                "transaction": order.transaction,
                "iccid": progress.rollback,
                "result": result.seq,
                "notes": list(turn.notes),
            }
        )
    return bytes.fromhex(result.signed)


def _count(turn: Turn, before: Eim, counter: int) -> None:
    """Store the counter of an eCO package after its commands, if none of them has set it."""
    after = turn.draft.find(Eim, before.id)
    if after is not None and after.place == before.place and after.counter == before.counter:
        turn.draft.put(replace(after, counter=counter))


def _operations(
    turn: Turn, commands: list[Value], broken: frozenset[int], progress: psmo.Progress
) -> Iterator[tuple[Value, bool]]:
    for place, command in enumerate(commands):
        name, value = next(iter(command.items()), ("", None))
        if place in broken or name not in psmo.COMMANDS:
            yield _damaged(psmo.BROKEN, name)
        else:
            yield psmo.COMMANDS[name](turn, value, progress)


def _configuration(
    turn: Turn, commands: list[Value], broken: frozenset[int]
) -> Iterator[tuple[Value, bool]]:
    for place, command in enumerate(commands):
        name, value = next(iter(command.items()), ("", None))
        if place in broken or name not in eco.COMMANDS:
            yield _damaged(eco.BROKEN, name)
        else:
            yield eco.COMMANDS[name](turn, value)


def _damaged(known: dict[str, Value], name: str) -> tuple[Value, bool]:
    return known.get(name, {"processingTerminated": _UNKNOWN_COMMAND}), False


def _limited(turn: Turn, outcomes: Iterator[tuple[Value, bool]]) -> Iterator[Value]:
    """Give the results until one fails, or until the answer would become too large."""
    room = turn.chip.config.limits.result
    stops = turn.chip.rules.on("EUICC.STOP-AT-FAILURE")
    for item, goes_on in outcomes:
        room -= len(turn.chip.dialect.encode("EuiccResultData", item))
        if turn.broken("EUICC.RESULT-SIZE", room < 0):
            yield {"processingTerminated": _RESULT_OVERFLOW}
            return
        yield item
        # a command that cannot be read ends the list whatever the rule says
        if "processingTerminated" in item or (stops and not goes_on):
            return
