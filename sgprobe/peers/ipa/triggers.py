"""Profile download triggers: what they ask for, carried out, reported. SGP.32 §2.11.1.3."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.tlv import tlv
from sgprobe.peers.effects import LinkFailure, Procedure
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.activation import read_code
from sgprobe.peers.esipa.wire import contents, integer, optional, parts
from sgprobe.peers.ipa import notify, recovery, switching
from sgprobe.peers.ipa.config import DIRECT, INDIRECT
from sgprobe.peers.ipa.direct import direct
from sgprobe.peers.ipa.download import Asked, Events, Loaded, Outcome, Stopped, Wanted
from sgprobe.peers.ipa.indirect import indirect
from sgprobe.peers.ipa.means import Party

# an event that leads to an event that leads …
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Trigger:
    """A ProfileDownloadTriggerRequest (BF54)."""

    transaction_id: bytes | None
    # whether it says at all where to go
    has_data: bool
    address: str = ""
    matching_id: str = ""
    oid: str | None = None
    # an SM-DS is to be asked; "" for the root SM-DS
    smds: str | None = None
    code_required: bool = False
    trouble: str = ""


def read_trigger(party: Party, package: bytes) -> Trigger:
    """Return what a trigger asks for; a code that is none is its trouble."""
    value = party.means.es10.read("ProfileDownloadTriggerRequest", package)
    found = parts(package).get("82")
    transaction = None if found is None else contents(found)
    data = value.get("profileDownloadData")
    if not data:
        return Trigger(transaction, False)
    if "contactDefaultSmdp" in data:
        return Trigger(transaction, True)
    if "contactSmds" in data:
        return Trigger(transaction, True, smds=data["contactSmds"].get("smdsAddress", ""))
    text: str = data["activationCode"]
    code = read_code(text)
    if code is None:
        if party.means.rules.on("IPA.ACTIVATION-CODE"):
            return Trigger(transaction, True, trouble="the activation code is none")
        _, address, matching_id, *_ = [*text.split("$"), "", "", ""]
        return Trigger(transaction, True, address, matching_id)
    return Trigger(
        transaction,
        True,
        code.address,
        code.matching_id,
        code.oid,
        code_required=code.code_required,
    )


def run(party: Party, package: bytes, depth: int = _DEPTH) -> Procedure[None]:
    """Carry out a trigger and tell the eIM how it ended."""
    means = party.means
    wanted = read_trigger(party, package)
    if (yield from _told_already(party, wanted)):
        return
    if means.notebook.now.emergency and means.rules.on("IPA.EMERGENCY"):
        yield from _report(party, wanted, _error(party, codes.ECALL_ACTIVE, ""))
        return
    if wanted.trouble:
        yield from _refused(party, wanted, Stopped(wanted.trouble))
        return
    if _through_eim(party, wanted):
        yield from _indirect(party, wanted, depth)
    else:
        yield from _direct(party, wanted)


def _told_already(party: Party, wanted: Trigger) -> Procedure[bool]:
    """Say whether this trigger was carried out, and only its result did not get through."""
    yield from recovery.tell_download(party)
    cut = party.means.notebook.now.download
    if cut is None or cut["eim"] != party.association.eim_id:
        return False
    transaction = None if wanted.transaction_id is None else wanted.transaction_id.hex()
    return bool(cut["transaction"] == transaction)


def _through_eim(party: Party, wanted: Trigger) -> bool:
    config = party.means.config
    if not config.has(DIRECT):
        return True
    return config.has(INDIRECT) and (party.association.indirect or not wanted.has_data)


def _address(party: Party, wanted: Trigger) -> Procedure[str]:
    """Return the address of the server, "" where nobody knows it."""
    if wanted.address or not wanted.has_data:
        return wanted.address
    known = yield from party.means.es10.addresses()
    if wanted.smds is None:
        return str(known.get("defaultDpAddress") or "")
    return wanted.smds or str(known["rootDsAddress"])


def _wanted(party: Party, wanted: Trigger) -> Wanted:
    return Wanted(wanted.matching_id, wanted.oid, party.means.config.confirmation_code)


# --- direct ---


def _direct(party: Party, wanted: Trigger) -> Procedure[None]:
    means = party.means
    address = yield from _address(party, wanted)
    try:
        asked = Asked(party.association.eim_id, wanted.transaction_id)
        outcomes = yield from direct(means, address, _wanted(party, wanted), asked)
    except LinkFailure as failure:
        # that the server cannot be reached is for the eIM to know
        outcomes = [Stopped(f"{address}: {failure or 'no link'}")]
    for outcome in outcomes:
        if isinstance(outcome, Loaded):
            told = tlv("BF54", optional("82", wanted.transaction_id), outcome.result)
            yield from _report(party, wanted, told)
            yield from switching.after_download(means, outcome.result)
            yield from notify.deliver(means, None)
        else:
            yield from _refused(party, wanted, outcome)


# --- indirect ---


def _indirect(party: Party, wanted: Trigger, depth: int) -> Procedure[None]:
    means = party.means
    if not means.config.has(INDIRECT):
        yield from _refused(party, wanted, Stopped("no indirect download here"))
        return
    address: str | None = None
    if wanted.has_data:
        address = yield from _address(party, wanted)
        if not address:
            yield from _refused(party, wanted, Stopped("no address of a server is known"))
            return
    elif wanted.transaction_id is None:
        yield from _refused(party, wanted, Stopped("the trigger says nothing at all"))
        return
    outcome, server = yield from indirect(
        party, address, _wanted(party, wanted), wanted.transaction_id
    )
    if isinstance(outcome, Loaded):
        yield from switching.after_download(means, outcome.result)
        if not (yield from notify.deliver(means, party, server)):
            means.notebook.note(download=None)
    elif isinstance(outcome, Events) and outcome.trigger is not None and depth:
        yield from run(party, outcome.trigger, depth - 1)
    else:
        yield from _refused(party, wanted, outcome)


# --- reports ---


def _refused(party: Party, wanted: Trigger, outcome: Outcome) -> Procedure[None]:
    stopped = outcome if isinstance(outcome, Stopped) else Stopped("there is no event")
    party.means.journal("DOWNLOAD", stopped.reason)
    yield from _report(party, wanted, _error(party, codes.UNDEFINED, stopped.response))


def _error(party: Party, reason: int, response: str) -> bytes:
    octets = response.encode()[:255] or None
    if party.means.config.first:
        # SGP.32 v1.0.1 has no reason, and so another tag
        return tlv("30", optional("80", octets))
    return tlv("30", integer("80", reason), optional("04", octets))


def _report(party: Party, wanted: Trigger, told: bytes) -> Procedure[None]:
    """Tell the eIM; a report that cannot be delivered is kept until it can."""
    if wire.tag_of(told) != m.TRIGGER:
        told = tlv(m.TRIGGER, optional("82", wanted.transaction_id), told)
    yield from notify.report(party, m.TriggerResult(told), download=None)
