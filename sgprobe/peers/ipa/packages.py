"""eUICC packages: handed to the eUICC as they came, the result delivered, or rolled back."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.model import Value
from sgprobe.peers.effects import CardFailure, LinkFailure, Now, Procedure
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.ipa import notify, switching
from sgprobe.peers.ipa.es10 import CardFault, sequence_number
from sgprobe.peers.ipa.means import Party

# results of operations after which the eUICC asks for a REFRESH
_SWITCHES = ("enableResult", "disableResult", "rollbackResult")
# how often a faulty IPA asks again
_NO_END = 9


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of an eUICC package in the eUICC."""

    result: m.PackageResult
    switched: bool = False
    # the package granted a rollback that can still be used
    granted: bool = False


def execute(party: Party, package: bytes) -> Procedure[Executed]:
    """Have the eUICC carry out a package; its octets are not touched."""
    means = party.means
    transaction = _transaction(party, package)
    # before the eUICC is asked: after a power cut the result is found there
    means.notebook.note(pending=True)
    try:
        raw = yield from means.es10.load_package(package)
        value = means.es10.read("EuiccPackageResult", raw)
    except (CardFailure, CardFault) as failure:
        means.journal("CARD", str(failure))
        return Executed(m.PackageError(codes.UNDEFINED, transaction))
    names = _succeeded(party, raw, value)
    switched = any(name in _SWITCHES for name in names)
    wanted = not means.rules.on("IPA.ROLLBACK-FLAG") or _wants_rollback(party, package)
    granted = "enableResult" in names and wanted
    return Executed(m.EuiccResult(raw), switched, granted)


def _transaction(party: Party, package: bytes) -> bytes | None:
    found = wire.parts(wire.elements(package)[0]).get("82")
    return None if found is None else wire.contents(found)


def _succeeded(party: Party, raw: bytes, value: Value) -> list[str]:
    """Return the names of the results that say ok."""
    if "euiccPackageResultSigned" not in value:
        return []
    signed = value["euiccPackageResultSigned"]["euiccPackageResultDataSigned"]
    return [name for item in signed["euiccResult"] for name, one in item.items() if one == "ok"]


def _wants_rollback(party: Party, package: bytes) -> bool:
    signed = party.means.es10.read("EuiccPackageRequest", package)["euiccPackageSigned"]
    commands = signed["euiccPackage"].get("psmoList", ())
    return any("rollbackFlag" in one.get("enable", ()) for one in commands)


def run(party: Party, package: bytes) -> Procedure[bool]:
    """Execute a package and deliver its result; say whether the eIM has taken it."""
    executed = yield from execute(party, package)
    if executed.granted:
        yield from _open_window(party)
    if executed.switched:
        yield from switching.refresh(party.means)
        if party.others:
            yield from switching.changed(party.means, codes.OTHER_EIM, party.association.eim_id)
    if party.means.config.notifies_results and isinstance(executed.result, m.EuiccResult):
        return (yield from _notified(party, executed.result))
    return (yield from deliver(party, (yield from attached(party, executed.result))))


def _notified(party: Party, result: m.EuiccResult) -> Procedure[bool]:
    """Tell a result in HandleNotification: it stays in the eUICC until it is acknowledged."""
    provided = m.ProvideEimPackageResult(party.eid, result)
    yield from party.ask(m.HandleNotification(result=provided))
    # the eIM has heard of it: nothing is rolled back any more
    party.means.notebook.note(window=None)
    number = sequence_number(result.result)
    if number is not None and not party.means.rules.on("IPA.NOTIFIED-KEPT"):
        yield from party.means.es10.remove(number)
    return True


def attached(party: Party, result: m.PackageResult) -> Procedure[m.PackageResult]:
    """Put the notifications that wait beside the result, where they go to the eIM anyway."""
    attaches = party.means.config.attach_notifications and notify.through_eim(party)
    if not attaches or not isinstance(result, m.EuiccResult):
        return result
    waiting = yield from party.means.es10.notifications()
    return m.EuiccResult(result.result, tuple(waiting))


def _open_window(party: Party) -> Procedure[None]:
    now = yield Now()
    until = now + party.means.config.rollback_seconds
    party.means.notebook.note(window={"eim": party.association.eim_id, "until": until})


def deliver(party: Party, result: m.PackageResult) -> Procedure[bool]:
    """Deliver a result and remove from the eUICC what the eIM acknowledges.

    A result within the window of a rollback is tried until the window closes; then the eUICC goes
    back to the former profile, and the result of that is delivered in its place.
    """
    window = party.means.notebook.now.window
    mine = window is not None and window["eim"] == party.association.eim_id
    until = window["until"] if window is not None and mine else None
    request = m.ProvideEimPackageResult(party.eid, result)
    try:
        answer = yield from party.ask(request, until)
    except LinkFailure:
        if not mine:
            raise
        return (yield from _roll_back(party))
    if mine:
        # the eIM has heard of it: nothing is rolled back any more
        party.means.notebook.note(window=None)
        if not party.means.rules.on("IPA.ROLLBACK-ENDS"):
            return (yield from _roll_back(party))
    yield from notify.acknowledge(party, answer)
    return isinstance(answer, m.Acknowledged)


def _roll_back(party: Party) -> Procedure[bool]:
    """Go back to the former profile: the result could not be delivered. SGP.32 §5.9.16."""
    means = party.means
    means.journal("ROLLBACK", "the result could not be delivered in time")
    code, raw = yield from means.es10.rollback()
    again = 0 if means.rules.on("IPA.ROLLBACK-ONCE") else _NO_END
    while code and again:
        again -= 1
        code, raw = yield from means.es10.rollback()
    # asked once: whatever the answer, the window is over
    means.notebook.note(window=None)
    if code or raw is None:
        means.journal("ROLLBACK", f"the eUICC answered {code}")
        raise LinkFailure("the result cannot be delivered, nor the enabling be taken back")
    yield from switching.refresh(means)
    return (yield from deliver(party, m.EuiccResult(raw)))
