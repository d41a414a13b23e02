"""HandleNotification: expanded, verified, put in the outbox. SGP.32 §5.14.7."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.spec.identity import IdentityError, iccid_text
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.signing import EUICC_NOTIFICATION_SIGNATURE, EUICC_SIGN_PIR
from sgprobe.peers.eim import view
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.data import EVENTS
from sgprobe.peers.eim.outbox import Outbox
from sgprobe.peers.eim.records import Order, State
from sgprobe.peers.eim.results import Results
from sgprobe.peers.eim.trust import Trust, Untrusted
from sgprobe.peers.eim.work import DOWNLOAD, Work
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.esipa import wire
from sgprobe.peers.esipa.compact import Installed, expand_installation, expand_notification
from sgprobe.peers.esipa.wire import contents, elements, parts
from sgprobe.peers.euicc.values import places
from sgprobe.peers.rules import Rules

_FIRST_ADDRESS = "eim/first-address"


class NotBelieved(Exception):
    """A notification is not taken; the text says why."""


@dataclass(slots=True)
class Taken:
    """What came of notifications: numbers to acknowledge, entries of the outbox to send now."""

    numbers: list[int] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Notifications:
    """Takes notifications of the eUICCs that this eIM manages."""

    setup: Setup
    rules: Rules
    trust: Trust
    results: Results
    outbox: Outbox
    journal: Callable[[str, str], None]

    def take_all(self, work: Work, eid: str | None, listed: tuple[bytes, ...], now: float) -> Taken:
        """Take notifications that came together; one that is not believed stays with the eUICC."""
        taken = Taken()
        for one in listed:
            try:
                self.take(work, eid, one, now, taken)
            except NotBelieved as error:
                self.journal("NOTIFICATION", str(error))
        return taken

    def take(self, work: Work, eid: str | None, pending: bytes, now: float, taken: Taken) -> None:
        """Take one PendingNotification, whole or compact; NotBelieved says why not."""
        try:
            if wire.tag_of(pending) in ("BF37", "A0"):
                self._installation(work, eid, pending, now, taken)
            else:
                self._other(work, eid, pending, now, taken)
        except (NotAsn1, KeyError, IndexError) as error:
            raise NotBelieved(f"not readable: {error}"[:200]) from None

    # --- installation results ---

    def _installation(
        self, work: Work, eid: str | None, pending: bytes, now: float, taken: Taken
    ) -> None:
        data = elements(pending)[0]
        transaction = contents(parts(data)["80"]).hex()
        download = work.get(DOWNLOAD + transaction)
        if download is not None:
            eid = download["eid"]
        if eid is None or work.device(eid) is None:
            raise NotBelieved("an installation result of no download that is known here")
        if wire.tag_of(pending) == "A0":
            if download is None:
                raise NotBelieved("a compact result of no download that is known here")
            pending = expand_installation(pending, installed_of(download))
        value, seq = self._verified(work, eid, pending, now)
        self._book(work, eid, pending, seq, value["notificationMetadata"], now, taken)
        order = None if download is None else work.order(download["order"] or "")
        if order is not None and download is not None:
            finish(work, order, value, download["metadata"])

    def _verified(self, work: Work, eid: str, pending: bytes, now: float) -> tuple[Value, int]:
        read = codec.load(f"SGP.32@{self.setup.version}")
        value = wire.read(read, "ProfileInstallationResult", pending)
        data, signature = elements(pending)[:2]
        facts = work.facts(eid)
        genuine = self.trust.signed(EUICC_SIGN_PIR, eid, facts, now, signature, data)
        if not genuine and self.rules.on("EIM.NOTIFICATION-SIGNATURE"):
            raise NotBelieved(f"euiccSignPIR of {eid} does not verify")
        result: Value = value["profileInstallationResultData"]
        return result, result["notificationMetadata"]["seqNumber"]

    def verify_installation(self, work: Work, eid: str, pending: bytes, now: float) -> Value:
        """Return ProfileInstallationResultData, its signature verified."""
        return self._verified(work, eid, pending, now)[0]

    # --- other notifications ---

    def _other(self, work: Work, eid: str | None, pending: bytes, now: float, taken: Taken) -> None:
        if wire.tag_of(pending) == "A1":
            eid, pending = self._expanded(work, eid, pending, now)
        data, signature, euicc, eum = elements(pending)[:4]
        try:
            owner = read_certificate(euicc).serial_number or ""
        except CryptoError as error:
            raise NotBelieved(str(error)) from None
        if work.device(owner) is None or eid not in (None, owner):
            raise NotBelieved("a notification of an eUICC that is not this one")
        eid = owner
        try:
            key = self.trust.key(eid, euicc, eum, now)
        except (Refusal, Untrusted) as error:
            raise NotBelieved(str(error)) from None
        genuine = EUICC_NOTIFICATION_SIGNATURE.verify(key, signature, data)
        if not genuine and self.rules.on("EIM.NOTIFICATION-SIGNATURE"):
            raise NotBelieved(f"euiccNotificationSignature of {eid} does not verify")
        read = codec.load(f"SGP.32@{self.setup.version}")
        metadata = wire.read(read, "OtherSignedNotification", pending)["tbsOtherNotification"]
        new = self._book(work, eid, pending, metadata["seqNumber"], metadata, now, taken)
        if new:
            self._follow(work, eid, metadata)

    def _expanded(
        self, work: Work, eid: str | None, compact: bytes, now: float
    ) -> tuple[str, bytes]:
        found = parts(compact)
        if "5A" in found:
            eid = contents(found["5A"]).hex()
        if eid is None or work.device(eid) is None:
            raise NotBelieved("a compact notification that does not say whose it is")
        for euicc, eum in work.facts(eid).certificates:
            pair = (bytes.fromhex(euicc), bytes.fromhex(eum))
            try:
                key = self.trust.key(eid, *pair, now)
            except (Refusal, Untrusted):
                continue
            if EUICC_NOTIFICATION_SIGNATURE.verify(key, found["5F37"], found["BF2F"]):
                return eid, expand_notification(compact, pair)
        raise NotBelieved(f"no certificate of {eid} verifies the compact notification")

    def _follow(self, work: Work, eid: str, metadata: Value) -> None:
        """Let the view follow what happened in the eUICC."""
        device, iccid = work.device(eid), _iccid(metadata)
        if device is None or iccid is None:
            return
        events = places(metadata["profileManagementOperation"])
        for place, event in enumerate(EVENTS):
            if place in events:
                device = view.follow(device, event, iccid)
        work.save_device(device)

    def _book(
        self,
        work: Work,
        eid: str,
        pending: bytes,
        seq: int,
        metadata: Value,
        now: float,
        taken: Taken,
    ) -> bool:
        """Put a notification in the outbox unless it was there before; say whether it is new."""
        taken.numbers.append(seq)
        new = self.results.first_time(work, eid, seq, pending)
        if not new and self.rules.on("EIM.NOTIFICATION-DUPLICATE"):
            return False
        address = metadata["notificationAddress"]
        if not self.rules.on("EIM.NOTIFICATION-ADDRESS"):
            # one server for all: that of the first
            address = work.get(_FIRST_ADDRESS) or address
            work.put(_FIRST_ADDRESS, address)
        entry = self.outbox.put(work, address, pending, now)
        if entry is None:
            taken.numbers.remove(seq)
            raise NotBelieved("the outbox is full")
        taken.entries.append(entry)
        return new


def installed_of(download: Value) -> Installed:
    """Return what a stored download says of the result that comes."""
    return Installed(
        download["address"], bytes.fromhex(download["oid"]), bytes.fromhex(download["iccid"])
    )


def finish(work: Work, order: Order, value: Value, metadata: Value) -> None:
    """End a download order with its ProfileInstallationResultData."""
    if order.state is State.DONE:
        return
    # an order that an IPA believed to have failed follows what the eUICC has signed
    result = value["finalResult"]
    if "successResult" not in result:
        reason = f"{result['errorResult']['errorReason']}"
        work.save(replace(order, state=State.FAILED, reason=reason, results=(value,)))
        return
    device = work.device(order.eid)
    iccid = _iccid(value["notificationMetadata"])
    if device is not None and iccid is not None:
        work.save_device(view.installed(device, iccid, metadata))
    work.save(replace(order, state=State.DONE, reason="", results=(value,)))


def _iccid(metadata: Value) -> str | None:
    octets = metadata.get("iccid")
    if octets is None:
        return None
    try:
        return iccid_text(bytes.fromhex(octets))
    except (IdentityError, ValueError):
        return None
