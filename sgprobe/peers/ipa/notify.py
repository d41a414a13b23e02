"""Notifications and reports: delivered, removed, kept where nobody takes them. SGP.22 §3.5."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sgprobe.peers.effects import LinkFailure, Now, Procedure
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa import wire
from sgprobe.peers.esipa.compact import Installed, compact_installation, compact_notification
from sgprobe.peers.esipa.profile import oid_element
from sgprobe.peers.esipa.wire import contents, parts
from sgprobe.peers.ipa.config import COMPACT, DIRECT
from sgprobe.peers.ipa.direct import client_of
from sgprobe.peers.ipa.es10 import sequence_number
from sgprobe.peers.ipa.indirect import Indirect
from sgprobe.peers.ipa.means import Means, Party


def acknowledge(party: Party, answer: m.Answer) -> Procedure[None]:
    """Remove what was acknowledged from the eUICC, and nothing else. SGP.32 §2.11.1.4."""
    if isinstance(answer, m.Failed):
        party.means.journal(m.PER, f"the eIM answered {answer.code}")
        return
    if not isinstance(answer, m.Acknowledged):
        raise ServerFault(m.PER, f"an answer of the kind {type(answer).__name__}")
    numbers = list(answer.numbers)
    if not party.means.rules.on("IPA.ACKNOWLEDGED"):
        waiting = yield from party.means.es10.results()
        numbers += [one for result in waiting if (one := sequence_number(result)) is not None]
    for number in dict.fromkeys(numbers):
        yield from party.means.es10.remove(number)


def report(party: Party, result: m.PackageResult, **changes: Any) -> Procedure[m.Answer]:
    """Provide a result that only the IPA has; it is kept until the eIM has answered.

    `changes` of the notebook become durable together with the result.
    """
    notebook = party.means.notebook
    name = party.association.eim_id
    body = party.means.asn1.write_request(m.ProvideEimPackageResult(party.eid, result)).hex()
    entry = [name, body]
    if entry not in notebook.now.reports:
        kept = [*notebook.now.reports, entry][-party.means.config.reports :]
        notebook.note(reports=kept, **changes)
    try:
        answer = yield from party.ask(m.ProvideEimPackageResult(party.eid, result))
    except ServerFault as fault:
        if fault.status is not None and 400 <= fault.status < 500:
            # it will not be understood the next time either
            _forget(party, entry)
        raise
    _forget(party, entry)
    yield from acknowledge(party, answer)
    return answer


def _forget(party: Party, entry: list[str]) -> None:
    notebook = party.means.notebook
    notebook.note(reports=[one for one in notebook.now.reports if one != entry])


def resend(party: Party) -> Procedure[None]:
    """Send the reports to this eIM that got no answer, as they were."""
    name = party.association.eim_id
    for eim, body in party.means.notebook.now.reports:
        if eim != name:
            continue
        try:
            request = party.means.asn1.read_request("", bytes.fromhex(body))
        except NotAsn1 as error:
            # made of what the eUICC has said: nobody can read it
            party.means.journal("REPORT", str(error)[:200])
            _forget(party, [eim, body])
            continue
        assert isinstance(request, m.ProvideEimPackageResult)
        yield from report(party, request.result)


def deliver(means: Means, party: Party | None, server: Indirect | None = None) -> Procedure[int]:
    """Deliver what waits in the eUICC, the oldest first; return how much is left.

    With a party it goes through the eIM, else to each server itself. What is not taken stays, and
    what comes after it for the same server waits with it.
    """
    listed = yield from means.es10.notifications()
    left = 0
    for pending in _sorted(means, listed):
        number, address = sequence_number(pending), address_of(pending)
        if number is None or not (yield from _due(means, address)):
            left += 1
            continue
        try:
            if party is not None:
                yield from _through_eim(party, pending, server)
            else:
                yield from client_of(means, address).handle_notification(pending)
        except (LinkFailure, ServerFault, ServerRefusal) as failure:
            means.journal("NOTIFICATION", f"{number} for {address}: {failure}"[:200])
            yield from _put_off(means, address)
            left += 1
            if not means.rules.on("IPA.ACKNOWLEDGED"):
                yield from means.es10.remove(number)
            if party is not None or not means.rules.on("IPA.RECEIVERS-APART"):
                # one way for all of them, and it is closed
                return left + len(listed)
            continue
        means.paces.pop(address, None)
        yield from means.es10.remove(number)
    return left


def _sorted(means: Means, listed: list[bytes]) -> Iterator[bytes]:
    falling = not means.rules.on("IPA.NOTIFICATION-ORDER")
    return iter(sorted(listed, key=lambda one: sequence_number(one) or 0, reverse=falling))


def address_of(pending: bytes) -> str:
    """Return the notificationAddress of a PendingNotification, "" where it has none."""
    try:
        inside = parts(parts(pending)["BF27"]) if wire.tag_of(pending) == "BF37" else parts(pending)
        return contents(parts(inside["BF2F"])["0C"]).decode()
    except (KeyError, NotAsn1, UnicodeDecodeError):
        return ""


def _due(means: Means, address: str) -> Procedure[bool]:
    """Say whether a server that did not answer may be tried again."""
    if address not in means.paces:
        return True
    now = yield Now()
    return bool(means.paces[address][1] <= now)


def _put_off(means: Means, address: str) -> Procedure[None]:
    now = yield Now()
    tries, _ = means.paces.get(address, (0, 0.0))
    pause = means.config.patience.pause(tries, means.chance())
    means.paces[address] = (tries + 1, now + (pause if means.rules.on("IPA.BACK-OFF") else 0.0))


def _through_eim(party: Party, pending: bytes, server: Indirect | None) -> Procedure[None]:
    if party.means.config.has(COMPACT):
        pending = _compact(party, pending, server)
    answer = yield from party.ask(m.HandleNotification(pending))
    if not isinstance(answer, m.Done):
        raise ServerFault(m.HNT, f"an answer of the kind {type(answer).__name__}")


def _compact(party: Party, pending: bytes, server: Indirect | None) -> bytes:
    """Return a notification without what the eIM knows."""
    if wire.tag_of(pending) != "BF37":
        # SGP.32 v1.0.1 has no place for the EID: the eIM could not know whose certificates to add
        if "euicc" not in party.told or party.means.config.first:
            return pending
        return compact_notification(pending, party.eid, None)
    if server is None or server.initiated is None or server.authenticated is None:
        return pending
    metadata = server.authenticated.metadata
    if metadata is None:
        return pending
    signed = parts(server.initiated.signed1)
    iccid = contents(parts(metadata)["5A"])
    oid = oid_element(server.authenticated.certificate)
    return compact_installation(pending, Installed(contents(signed["83"]).decode(), oid, iccid))


def through_eim(party: Party) -> bool:
    """Say whether notifications go through this eIM."""
    if not party.means.rules.on("IPA.THROUGH-EIM"):
        return False
    return party.association.indirect or not party.means.config.has(DIRECT)
