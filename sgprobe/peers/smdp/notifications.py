"""HandleNotification: installation results and other notifications, verified. SGP.22 §5.6.4.

The function has no way to fail: a notification that is not believed changes nothing, and the
LPA may forget it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from dissectors.asn1.model import Value
from dissectors.spec.identity import IdentityError, iccid_text
from sgprobe.crypto.keys import public_from_spki
from sgprobe.crypto.signing import EUICC_NOTIFICATION_SIGNATURE, EUICC_SIGN_PIR
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.asn1_binding import NotAsn1, Octets
from sgprobe.peers.es9.euicc import EuiccJudge
from sgprobe.peers.es9.mutual import Means
from sgprobe.peers.es9.status import Refusal, refuse
from sgprobe.peers.smdp.orders import OPEN, Order, State, Work

# what is kept of one eUICC; older ones make room
_KEPT = 500
# SGP.22 §2.5.6: reasons that pass; the download may be tried again
_PASSING = frozenset(
    {
        "installFailedDueToInsufficientMemoryForProfile",
        "installFailedDueToInterruption",
    }
)


@dataclass(frozen=True, slots=True)
class Notifications:
    """Verifies notifications and applies them to orders."""

    means: Means
    judge: EuiccJudge

    def handle(self, work: Work, request: m.HandleNotification, now: float) -> str:
        """Apply one notification; return why it was not believed, or ""."""
        octets = self._read(request.pending)
        result = octets.value.get("profileInstallationResult")
        try:
            if result is not None:
                self._installation(work, octets, request.pending, now)
            else:
                self._other(work, octets, request.pending, now)
        except Refusal as refusal:
            return str(refusal)
        return ""

    def _read(self, data: bytes) -> Octets:
        try:
            return Octets(self.means.codec, "PendingNotification", data)
        except NotAsn1 as error:
            raise refuse("element-invalid", str(error)) from None

    def _installation(self, work: Work, octets: Octets, raw: bytes, now: float) -> None:
        arm = "profileInstallationResult"
        value = octets.value[arm]["profileInstallationResultData"]
        name = value["transactionId"]
        session = work.get(f"session/{name}")
        if session is None and not self.means.on("NOTIFICATION-SESSION"):
            name, session = _any_session(work, value["notificationMetadata"])
        if session is None:
            raise refuse("transaction-unknown", "no package was bound in this session")
        data = octets.raw(f"{arm}.profileInstallationResultData")
        key = public_from_spki(bytes.fromhex(session["key"]))
        genuine = EUICC_SIGN_PIR.verify(key, octets.raw(f"{arm}.euiccSignPIR"), data)
        if not genuine and self.means.on("NOTIFICATION-SIGNATURE"):
            raise refuse("euicc-signature", "euiccSignPIR")
        metadata = value["notificationMetadata"]
        self._check_address(metadata)
        iccid = _iccid(metadata)
        if iccid not in (None, session["iccid"]) and self.means.on("NOTIFICATION-ICCID"):
            raise refuse("iccid-unknown", "the ICCID is not the one downloaded")
        outcome, detail = next(iter(value["finalResult"].items()))
        success = outcome == "successResult" or not self.means.on("NOTIFICATION-RESULT")
        entry = {"kind": "install", "result": "success" if success else "error"}
        if not success:
            entry["reason"] = str(detail["errorReason"])
            entry["command"] = str(detail["bppCommandId"])
        entry["iccid"] = session["iccid"]
        if not self._record(work, session["eid"], metadata, raw, entry, now):
            return
        order = work.order(session["iccid"])
        if order is not None and name in order.sessions:
            _apply(work, order, entry)

    def _other(self, work: Work, octets: Octets, raw: bytes, now: float) -> None:
        arm = "otherSignedNotification"
        certificate = self.judge.judge(
            octets.raw(f"{arm}.euiccCertificate"),
            octets.raw(f"{arm}.eumCertificate"),
            now,
            None,
        )
        key, eid = certificate.public_key, certificate.serial_number
        if key is None or eid is None:
            raise refuse("euicc-invalid", "no EID or no usable key")
        genuine = EUICC_NOTIFICATION_SIGNATURE.verify(
            key,
            octets.raw(f"{arm}.euiccNotificationSignature"),
            octets.raw(f"{arm}.tbsOtherNotification"),
        )
        if not genuine and self.means.on("NOTIFICATION-SIGNATURE"):
            raise refuse("euicc-signature", "euiccNotificationSignature")
        metadata = octets.value[arm]["tbsOtherNotification"]
        self._check_address(metadata)
        iccid = _iccid(metadata)
        order = work.order(iccid) if iccid else None
        known = order is not None and order.eid == eid
        if not known and self.means.on("NOTIFICATION-ICCID"):
            raise refuse("iccid-unknown", "no profile of this eUICC has this ICCID")
        entry = {"kind": _event(metadata), "iccid": iccid or ""}
        self._record(work, eid, metadata, raw, entry, now)

    def _check_address(self, metadata: Value) -> None:
        address = metadata["notificationAddress"].lower()
        if address != self.means.party.address.lower() and self.means.on("NOTIFICATION-ADDRESS"):
            raise refuse("smdp-address", "the notification is for another server")

    def _record(
        self, work: Work, eid: str, metadata: Value, raw: bytes, entry: Value, now: float
    ) -> bool:
        """Note a notification; say whether it is a new one."""
        digest = hashlib.sha256(raw).hexdigest()
        listed = work.get(f"notified/{eid}") or []
        again = any(one["sha256"] == digest for one in listed)
        if again and self.means.on("NOTIFICATION-DUPLICATE"):
            return False
        entry = {**entry, "seqNumber": metadata["seqNumber"], "at": now, "sha256": digest}
        work.put(f"notified/{eid}", [*listed[-(_KEPT - 1) :], entry])
        return True


def _apply(work: Work, order: Order, entry: Value) -> None:
    if entry["result"] == "success":
        work.save(replace(order, state=State.INSTALLED, keys=None, reason=""))
    elif order.state in OPEN:
        reason = entry["reason"]
        if reason in _PASSING:
            work.save(replace(order, state=State.RELEASED, reason=reason))
        else:
            work.fail(order, reason)


def _any_session(work: Work, metadata: Value) -> tuple[str, Value]:
    """Return a session in which a package of this profile was bound."""
    order = work.order(_iccid(metadata) or "")
    name = order.sessions[-1] if order is not None and order.sessions else ""
    return name, work.get(f"session/{name}")


def _iccid(metadata: Value) -> str | None:
    octets = metadata.get("iccid")
    if octets is None:
        return None
    try:
        return iccid_text(bytes.fromhex(octets))
    except IdentityError:
        raise refuse("element-invalid", "the ICCID is none") from None


def _event(metadata: Value) -> str:
    """Return the name of the one event that happened."""
    bits = metadata["profileManagementOperation"]
    octet = bytes.fromhex(bits["value"])[:1]
    names = ("install", "enable", "disable", "delete")
    for place, name in enumerate(names):
        if octet and octet[0] >> (7 - place) & 1:
            return name
    return "other"
