"""ProvideEimPackageResult: results verified, matched to orders, acknowledged. SGP.32 §5.14.6."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from dissectors.asn1.model import Value
from sgprobe.crypto.signing import EUICC_SIGN_EPE, EUICC_SIGN_EPR, association_token
from sgprobe.peers.eim import view
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.forms import to_members
from sgprobe.peers.eim.operations import GetData
from sgprobe.peers.eim.records import Device, Kind, Order, State
from sgprobe.peers.eim.trust import Trust
from sgprobe.peers.eim.work import Work
from sgprobe.peers.esipa import wire
from sgprobe.peers.esipa.wire import elements
from sgprobe.peers.euicc.dialect import dialect
from sgprobe.peers.rules import Rules

Journal = Callable[[str, str], None]

_REPLAY, _ECALL_NAME = "replayError", "ecallActive"
_FACTS = ("euicc-certificate", "eum-certificate", "euicc-info1", "euicc-info2")


@dataclass(frozen=True, slots=True)
class Results:
    """Takes results of eUICC packages."""

    setup: Setup
    rules: Rules
    trust: Trust
    journal: Journal

    def take(self, work: Work, eid: str, raw: bytes, now: float) -> int | None:
        """Take an EuiccPackageResult (BF51); return the number to acknowledge, if it has one."""
        (inside,) = elements(raw)[:1]
        tag = wire.tag_of(inside)
        if tag == "A2":
            self._unsigned(work, eid, inside, now)
            return None
        device = work.device(eid)
        assert device is not None
        recipe = EUICC_SIGN_EPR if tag == "A0" else EUICC_SIGN_EPE
        rule = "EIM.RESULT-SIGNATURE" if tag == "A0" else "EIM.ERROR-SIGNATURE"
        facts = work.facts(eid)
        data, signature = elements(inside)[:2]
        if not facts.certificates and self.rules.on(rule):
            self._hold(work, device, raw, now)
            return None
        token = association_token(device.token)
        genuine = self.trust.signed(recipe, eid, facts, now, signature, data, token)
        if not genuine and self.rules.on(rule):
            self.journal(rule, f"{recipe.name} of {eid} does not verify")
            return None
        if tag == "A0":
            return self._signed(work, device, data)
        self._refused(work, device, data, now)
        return None

    def _hold(self, work: Work, device: Device, raw: bytes, now: float) -> None:
        """Keep a result that cannot be verified yet, and ask for the certificates."""
        text = raw.hex()
        if text not in device.held:
            held = (*device.held, text)[-self.setup.limits.held :]
            work.save_device(replace(device, held=held))
        self.ask(work, device.eid, GetData(_FACTS), now)

    def ask(self, work: Work, eid: str, wanted: GetData, now: float) -> None:
        """Queue a data request of the eIM's own before all other orders, once."""
        members = to_members(wanted)
        for name in work.queue(eid):
            waiting = work.order(name)
            if waiting is not None and waiting.own and waiting.operations == (members,):
                return
        order = Order(work.next_id(), eid, Kind.DATA, (members,), created=now, own=True)
        work.enqueue(order, first=True)

    def release(self, work: Work, eid: str, now: float) -> list[int]:
        """Take the results that were held; return the numbers to acknowledge."""
        device = work.device(eid)
        if device is None or not device.held or not work.facts(eid).certificates:
            return []
        work.save_device(replace(device, held=()))
        taken = (self.take(work, eid, bytes.fromhex(one), now) for one in device.held)
        return [one for one in taken if one is not None]

    # --- signed results ---

    def _signed(self, work: Work, device: Device, data: bytes) -> int | None:
        value = dialect(self.setup.version).decode("EuiccPackageResultDataSigned", data).value
        if value["eimId"] != self.setup.eim_id and self.rules.on("EIM.RESULT-EIM"):
            self.journal("EIM.RESULT-EIM", f"a result for {value['eimId'][:64]}")
            return None
        seq: int = value["seqNumber"]
        if not self.first_time(work, device.eid, seq, data) and self.rules.on(
            "EIM.RESULT-DUPLICATE"
        ):
            return seq
        order = self._order(work, device, value)
        if order is not None:
            self._apply(work, order, value["euiccResult"])
            if not self.rules.on("EIM.RESULT-ACKNOWLEDGED"):
                # the fault: the number of the order in the queue
                return int(order.id)
        return seq

    def first_time(self, work: Work, eid: str, seq: int, data: bytes) -> bool:
        """Remember that a sequence number was taken; say whether it is new."""
        digest = hashlib.sha256(data).hexdigest()[:16]
        return work.first_time(eid, seq, digest, self.setup.limits.taken)

    def _order(self, work: Work, device: Device, value: Value) -> Order | None:
        """Return the order that a signed answer belongs to."""
        counter, transaction = value["counterValue"], value.get("eimTransactionId")
        order = work.by_counter(device.eid, counter)
        if order is None:
            self.journal("EIM.RESULT-COUNTER", f"no package had the counter {counter}")
            if self.rules.on("EIM.RESULT-COUNTER"):
                return None
            return self._sent(work, device.eid)
        other = order.transaction is not None and transaction != order.transaction
        if other and self.rules.on("EIM.RESULT-TRANSACTION"):
            self.journal("EIM.RESULT-TRANSACTION", f"order {order.id} has another transaction")
            return None
        return order

    def _sent(self, work: Work, eid: str) -> Order | None:
        """Return the order that was delivered last and waits for its result."""
        waiting = (work.order(name) for name in work.queue(eid))
        return next((one for one in waiting if one is not None and one.state is State.SENT), None)

    def _apply(self, work: Work, order: Order, items: list[Value]) -> None:
        back = any("rollbackResult" in item for item in items)
        if order.state in (State.DONE, State.FAILED, State.ROLLED_BACK) and not back:
            self.journal("EIM.RESULT-COUNTER", f"order {order.id} has its result already")
            return
        device, facts = work.device(order.eid), work.facts(order.eid)
        assert device is not None
        reason = ""
        known = facts
        for place, item in enumerate(items):
            name, failed = view.outcome(item)
            if failed:
                reason = f"{name}: {failed}" if self.rules.on("EIM.RESULT-CODES") else reason
                continue
            members = {} if place >= len(order.operations) else order.operations[place]
            if not view.answers(members, name):
                reason = f"{name} is no result of {members['op']}"
                continue
            device = view.apply(device, members, item, self.setup.eim_id, order.before)
            known = view.learn(known, members, item)
        missing = len(order.operations) - len(items)
        if not reason and not back and missing > 0:
            reason = f"{missing} operations without a result"
        state = State.FAILED if reason else State.ROLLED_BACK if back else State.DONE
        if order.state is State.CANCELLED:
            reason = f"{reason or 'executed'} (after it was cancelled)"
        work.save_device(device)
        if known is not facts:
            work.save_facts(order.eid, known)
        work.save(replace(order, state=state, reason=reason, results=tuple(items)))

    # --- errors ---

    def _refused(self, work: Work, device: Device, data: bytes, now: float) -> None:
        value = dialect(self.setup.version).decode("EuiccPackageErrorDataSigned", data).value
        if value["eimId"] != self.setup.eim_id and self.rules.on("EIM.RESULT-EIM"):
            self.journal("EIM.RESULT-EIM", f"an error for {value['eimId'][:64]}")
            return
        order = self._order(work, device, value)
        if order is None or not order.open or not self.rules.on("EIM.REFUSAL-ENDS"):
            return
        code = value["euiccPackageErrorCode"]
        if code == _ECALL_NAME:
            self.later(work, order, now)
            return
        if code == _REPLAY:
            # it was executed before and the result got lost, or the eIM's counter is behind
            work.save_device(
                replace(device, alarm=f"the eUICC has seen counter {order.counter} before")
            )
            if order.deliveries > 1 and self.setup.version != "1.0.1":
                self.ask(work, order.eid, GetData(("results",)), now)
        work.save(replace(order, state=State.FAILED, reason=f"{code}"))

    def later(self, work: Work, order: Order, now: float) -> None:
        """Offer a package again after the emergency call, signed anew."""
        pause = self.setup.limits.ecall_seconds
        work.save(replace(order, state=State.QUEUED, package=None, not_before=now + pause))

    def _unsigned(self, work: Work, eid: str, inside: bytes, now: float) -> None:
        """Count an error that anyone could have made; nothing else is believed of it."""
        value = dialect(self.setup.version).decode("EuiccPackageErrorUnsigned", inside).value
        transaction = value.get("eimTransactionId") if isinstance(value, dict) else None
        order = self.waiting(work, eid, transaction)
        if order is not None:
            self.unproved(work, order, "the eUICC refused the package without a signature")

    def unproved(self, work: Work, order: Order, reason: str) -> None:
        """Count an answer that proves nothing; an order fails after several."""
        if not order.open:
            return
        count = order.unproved + 1
        failed = count >= self.setup.limits.unproved
        state = State.FAILED if failed else order.state
        work.save(replace(order, unproved=count, state=state, reason=reason))

    def waiting(self, work: Work, eid: str, transaction: str | None) -> Order | None:
        """Return the order that an unsigned answer is for: its transaction, else the one sent."""
        order = work.by_transaction(transaction) if transaction else self._sent(work, eid)
        return order if order is not None and order.eid == eid else None

    def matching(self, work: Work, eid: str, transaction: str | None, kind: Kind) -> Order | None:
        """Return the order of a kind that an unsigned answer is for."""
        order = self.waiting(work, eid, transaction)
        return order if order is not None and order.kind is kind else None
