"""What a power cut or a lost link has left behind, brought to its end before anything new."""

from __future__ import annotations

from dissectors.asn1.tlv import tlv
from sgprobe.peers.effects import Procedure
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9client import ServerFault
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa import wire
from sgprobe.peers.esipa.wire import contents, elements, optional, parts
from sgprobe.peers.ipa import notify, packages
from sgprobe.peers.ipa.means import Party


def recover(party: Party) -> Procedure[None]:
    """Deliver to an eIM what it has not got: reports, results, what a download has come to."""
    try:
        yield from _deliver(party)
    except ServerFault as fault:
        # an eIM that chokes on what is old may still have something new
        party.means.journal("RECOVERY", str(fault))


def _deliver(party: Party) -> Procedure[None]:
    yield from notify.resend(party)
    if not party.means.notebook.now.pending:
        return
    yield from tell_download(party)
    for result in (yield from party.means.es10.results()):
        if eim_of(result) == party.association.eim_id:
            yield from packages.deliver(party, m.EuiccResult(result))


def tell_download(party: Party) -> Procedure[None]:
    """Tell of a download that was cut off after its package was loaded.

    An installation result ends its order: before that the eIM would offer it again.
    """
    notebook = party.means.notebook
    cut = notebook.now.download
    mine = cut is not None and cut["eim"] == party.association.eim_id
    if notify.through_eim(party) or (cut is not None and mine and cut["indirect"]):
        if not (yield from notify.deliver(party.means, party)) and mine:
            notebook.note(download=None)
        return
    if cut is None or not mine:
        return
    for pending in (yield from party.means.es10.notifications()):
        if wire.tag_of(pending) == "BF37" and _session_of(pending) == cut["session"]:
            transaction = cut["transaction"]
            octets = None if transaction is None else bytes.fromhex(transaction)
            told = tlv(m.TRIGGER, optional("82", octets), pending)
            yield from notify.report(party, m.TriggerResult(told), download=None)
            return
    # the eUICC has no result of it: it had not begun
    notebook.note(download=None)


def _session_of(result: bytes) -> str:
    try:
        return contents(parts(parts(result)["BF27"])["80"]).hex()
    except (KeyError, NotAsn1):
        return ""


def eim_of(result: bytes) -> str:
    """Return the eIM that a package result is for, "" where it names none."""
    try:
        signed = elements(elements(result)[0])[0]
        return contents(parts(signed)["80"]).decode()
    except (KeyError, IndexError, NotAsn1, UnicodeDecodeError):
        return ""


def conclude(party: Party) -> Procedure[None]:
    """Deliver the notifications that wait, and see whether anything is left at all."""
    means = party.means
    if not means.notebook.now.pending:
        return
    through = party if notify.through_eim(party) else None
    left = yield from notify.deliver(means, through)
    if not left and not (yield from means.es10.results()):
        means.notebook.note(pending=False)
