"""The results of data requests and of download triggers. SGP.32 §2.11.2.2, §2.11.2.3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.peers.eim import data
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.notifications import NotBelieved, Notifications, Taken, finish
from sgprobe.peers.eim.records import Facts, Kind, Order, State
from sgprobe.peers.eim.results import Results
from sgprobe.peers.eim.trust import Trust, Untrusted
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import parts

_CERTIFICATES = 4


@dataclass(frozen=True, slots=True)
class Answers:
    """Takes what an IPA answers itself; none of it is signed but what the eUICC has said."""

    setup: Setup
    trust: Trust
    results: Results
    notifications: Notifications
    journal: Callable[[str, str], None]

    # --- IpaEuiccDataResponse ---

    def take_data(self, work: Work, eid: str, raw: bytes, now: float) -> Taken:
        """Take an IpaEuiccDataResponse (BF52)."""
        told = data.read_data(self.setup.version, raw)
        order = self.results.matching(work, eid, told.transaction, Kind.DATA)
        if told.error is not None:
            if order is not None and told.error == data.ECALL:
                self.results.later(work, order, now)
            elif order is not None:
                self._end(work, order, State.FAILED, f"ipaEuiccDataErrorCode {told.error}")
            return Taken()
        self._learn(work, eid, told, now)
        if order is not None:
            self._end(work, order, State.DONE, "")
        taken = self.notifications.take_all(work, eid, told.notifications, now)
        for result in told.results:
            number = self.results.take(work, eid, result, now)
            if number is not None:
                taken.numbers.append(number)
        taken.numbers += self.results.release(work, eid, now)
        return taken

    def _end(self, work: Work, order: Order, state: State, reason: str) -> None:
        if order.open:
            work.save(replace(order, state=state, reason=reason))

    def _learn(self, work: Work, eid: str, told: data.Told, now: float) -> None:
        facts = work.facts(eid)
        known = replace(
            facts,
            info1=facts.info1 if told.info1 is None else told.info1.hex(),
            info2=facts.info2 if told.info2 is None else told.info2.hex(),
            default_smdp=facts.default_smdp if told.default_smdp is None else told.default_smdp,
            root_smds=facts.root_smds if told.root_smds is None else told.root_smds,
            device_info=facts.device_info if told.device_info is None else told.device_info.hex(),
        )
        if told.features is not None:
            known = replace(known, features=told.features, protocols=told.protocols)
        known = self._certified(eid, known, told, now)
        if known != facts:
            work.save_facts(eid, known)
        device = work.device(eid)
        # nobody has signed the token: one that is known is not given up for it
        if device is not None and told.token is not None and device.token is None:
            work.save_device(replace(device, token=told.token))

    def _certified(self, eid: str, facts: Facts, told: data.Told, now: float) -> Facts:
        """Keep certificates that lead to a trusted CI and name this eUICC."""
        if told.euicc is None or told.eum is None:
            return facts
        try:
            self.trust.key(eid, told.euicc, told.eum, now)
        except (Refusal, Untrusted) as error:
            self.journal("CERTIFICATES", str(error)[:200])
            return facts
        pair = (told.euicc.hex(), told.eum.hex())
        if pair in facts.certificates:
            return facts
        return replace(facts, certificates=(*facts.certificates, pair)[-_CERTIFICATES:])

    # --- ProfileDownloadTriggerResult ---

    def take_trigger(self, work: Work, eid: str, raw: bytes, now: float) -> None:
        """Take a ProfileDownloadTriggerResult (BF54)."""
        read = codec.load(f"SGP.32@{self.setup.version}")
        value: Value = wire.read(read, "ProfileDownloadTriggerResult", raw)
        transaction = value.get("eimTransactionId")
        order = self.results.matching(work, eid, transaction, Kind.DOWNLOAD)
        if order is None:
            self.journal("TRIGGER", "a result of no download that was ordered")
            return
        told = value["profileDownloadTriggerResultData"]
        if "profileDownloadError" in told:
            error = told["profileDownloadError"]
            reason = error.get("profileDownloadErrorReason", "undefinedError")
            if reason == "ecallActive":
                self.results.later(work, order, now)
                return
            detail = error.get("errorResponse", "")
            text = f"{reason} {_text(detail)}".rstrip()
            self._end(work, order, State.FAILED, text)
            return
        try:
            pending = parts(raw)["BF37"]
            verified = self.notifications.verify_installation(work, eid, pending, now)
        except (NotBelieved, NotAsn1, KeyError) as error:
            self.journal("TRIGGER", str(error)[:200])
            self.results.unproved(work, order, "an installation result that does not verify")
            return
        finish(work, order, verified, None)

    def take_error(self, work: Work, eid: str, result: m.PackageError) -> None:
        """Take the error of an IPA that could not handle a package."""
        transaction = None if result.transaction_id is None else result.transaction_id.hex()
        order = self.results.waiting(work, eid, transaction)
        if order is not None and self.results.rules.on("EIM.REFUSAL-ENDS"):
            names = {codes.INVALID_FORMAT: "invalidPackageFormat", codes.UNKNOWN_PACKAGE: "unknown"}
            name = names.get(result.code, "undefinedError")
            self._end(work, order, State.FAILED, f"the IPA: {name} ({result.code})")


def _text(octets: str) -> str:
    """Return an error that the IPA passes on as text where it is one."""
    try:
        text = bytes.fromhex(octets).decode("ascii")
    except ValueError:
        return octets[:64]
    return text[:120] if text.isprintable() else octets[:64]
