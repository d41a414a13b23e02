"""The SM-DPf as one object: requests in, answers out; deliveries lie in a folder."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sgprobe.crypto.crl import Crl
from sgprobe.crypto.ifpp import Binder
from sgprobe.crypto.ifpp_issue import binder as test_binder
from sgprobe.crypto.ifpp_keys import Suite, unavailable
from sgprobe.crypto.keys import Curve, derive_key
from sgprobe.crypto.pki import CertificateSet, Credential
from sgprobe.exchange import Request, Response
from sgprobe.peers.delivery.files import MANIFEST, Folder
from sgprobe.peers.delivery.manifest import MAX_SHARD
from sgprobe.peers.effects import Procedure
from sgprobe.peers.es9 import json_binding
from sgprobe.peers.es9.euicc import EuiccJudge
from sgprobe.peers.es9.json_binding import BadMember, NotJson
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.es9.party import Party, smdp_party
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.profiles.library import ProfileType, subscription
from sgprobe.peers.rules import Rules
from sgprobe.peers.smdpf import intake, outbox, reports
from sgprobe.peers.smdpf.binder import Press, Runner, one_by_one, protection_keys
from sgprobe.peers.smdpf.front import FIELD_NOTIFICATION, Asked, Front
from sgprobe.peers.smdpf.jobs import Jobs
from sgprobe.peers.smdpf.members import Members, listed, need_octets, octets
from sgprobe.peers.smdpf.orders import TYPES, Orders
from sgprobe.peers.smdpf.records import Entry, Job, Order, State, Work
from sgprobe.peers.smdpf.requests import Requests
from sgprobe.peers.smdpf.results import Results, Unproved
from sgprobe.peers.smdpf.rules import PREFIX, RULES
from sgprobe.peers.smdpf.status import refuse
from sgprobe.peers.store import Store

_JOURNAL = 200
_MAX_REMOVALS = 10_000
# answers to calls that are kept, for calls that come again
_CALLS = ("order", "withdraw", "batch", "request", "removals")
_WEEK = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What an SM-DPf is made of."""

    party: Party
    signer: Credential
    binder: Binder
    folder: Path
    # what suite h1s is bound with, where it is to be had
    quantum: Binder | None = None
    # of the subscriptions and profile protection keys
    seed: str = field(default="sgprobe", repr=False)
    types: Mapping[str, ProfileType] = field(default_factory=lambda: TYPES)
    shard_entries: int = MAX_SHARD
    # until what a final report with gaps leaves open is UNKNOWN
    delay: float = _WEEK
    off: frozenset[str] = frozenset()


def make_setup(
    certificates: CertificateSet, folder: Path, name: str = "dp", **changes: Any
) -> Setup:
    """Return an SM-DPf of the test PKI, "dp" or "dp2"; it stands under the SM-DP+'s certificate.

    No public text has a role of its own for it.
    """
    party = smdp_party([certificates], name)
    both = test_binder(certificates, f"{name}pb", with_quantum=True) if _has_h1s() else None
    signer = certificates[f"{name}pb"]
    made = Setup(party, signer, test_binder(certificates, f"{name}pb"), folder, both)
    return replace(made, **changes)


def _has_h1s() -> bool:
    return unavailable(Suite.H1S) is None


class SmDpf:
    """A simulated SM-DPf; `random` gives octets, `runner` binds in this process or in many."""

    def __init__(
        self, setup: Setup, store: Store, random: RandomSource, runner: Runner = one_by_one
    ) -> None:
        self.setup = setup
        self.store = store
        self.rules = Rules(RULES, setup.off)
        self.runner = runner
        self._random = random
        judge = EuiccJudge(setup.party, self.rules, PREFIX)
        self._orders = Orders(self.rules, setup.types, random)
        self._intake = intake.Intake(self.rules, judge)
        self._requests = Requests(self.rules, self._intake, random)
        press = Press(
            self._binder(setup.binder), setup.quantum, setup.party.address, setup.seed,
            mixes=self.rules.on("SMDPF.HYBRID"),
            ordered=self.rules.on("SMDPF.PACKAGE-ORDER"),
        )  # fmt: skip
        self.jobs = Jobs(
            self.rules, store, setup.folder,
            press,
            setup.signer, setup.party, setup.types, random, setup.shard_entries, judge,
        )  # fmt: skip
        self._results = Results(self.rules, setup.party.oid)
        self._reports = reports.Reports(self.rules, self._results, setup.delay, self.jobs.entries)
        if not self.rules.on("SMDPF.RESUME"):
            store.commit({"jobs": []})
        # what was refused lately, for people and tests; no secrets
        self.journal: deque[tuple[str, str]] = deque(maxlen=_JOURNAL)
        self._front = Front(self._call, lambda: self.rules.on("SMDPF.REQUESTER"))

    def _binder(self, binder: Binder) -> Binder:
        """Return what packages are bound with: the fault of one that shows or takes a wrong one."""
        if not self.rules.on("SMDPF.CHAIN-SHOWN"):
            binder = replace(binder, certificates=())
        if not self.rules.on("SMDPF.KEY-SHOWN"):
            binder = replace(binder, key=derive_key("another key", "DPpb", Curve.P256))
        return binder

    @property
    def address(self) -> str:
        """The name of the server."""
        return self.setup.party.address

    def answer(self, request: Request, now: float, caller: str | None = None) -> Response:
        """Answer one HTTP request; `caller` is who the TLS certificate names."""
        if request.path == FIELD_NOTIFICATION:
            return self._notified(request)
        return self._front.answer(request, now, caller)

    # --- functions ---

    def _call(self, asked: Asked) -> Members | Folder:
        if asked.name == "file":
            return self._file(asked.parts, asked.requester)
        work = Work(self.store)
        try:
            answer = self._once(work, asked)
        except Refusal as refusal:
            self.journal.append((asked.name, str(refusal)))
            work.commit_refused()
            raise
        work.commit()
        return answer

    def _once(self, work: Work, asked: Asked) -> Members:
        """Perform a call, or answer as before where it came already. IFPP §5."""
        members = asked.members
        if members is None or asked.name not in _CALLS or not self.rules.on("SMDPF.IDEMPOTENT"):
            return self._perform(work, asked)
        call = str(members["header"]["functionCallIdentifier"])
        name = f"{asked.requester}/{asked.name}/{call}"
        key = f"call/{hashlib.sha256(name.encode()).hexdigest()}"
        content = [asked.parts, {one: members[one] for one in members if one != "header"}]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        known = work.get(key)
        if known is not None:
            if known[0] != digest:
                raise refuse("call-other", call[:64])
            answered: Members = known[1]
            return answered
        answer = self._perform(work, asked)
        work.put(key, [digest, answer])
        return answer

    def _perform(self, work: Work, asked: Asked) -> Members:
        given, parts, requester, now = asked.members or {}, asked.parts, asked.requester, asked.now
        match asked.name:
            case "order":
                return self._orders.place(work, requester, given)
            case "show-order":
                return self._orders.show(work, requester, parts[0])
            case "withdraw":
                return self._orders.withdraw(work, requester, parts[0], given)
            case "batch":
                dm = str(given.get("dmId") or "")[:256]
                return self._intake.take(work, need_octets(given, "batch"), dm, now)
            case "request":
                return self._requests.take(work, requester, given, now)
            case "job":
                return self._leaking(work, self._requests.show(work, requester, parts[0]))
            case "report":
                raw = asked.body if asked.members is None else _report(given)
                return self._reports.take(work, raw, now)
            case "gaps":
                return self._reports.gaps(work, parts[0])
            case _:
                return self._reports.removals(work, _removals(given))

    def _leaking(self, work: Work, shown: Members) -> Members:
        """Return what is told of a job: faults of one that tells K of a profile, or its keys."""
        job = work.job(shown["jobId"])
        order = work.order(job.order) if job is not None else None
        if order is None:
            return shown
        first = order.iccid(0)
        if not self.rules.on("SMDPF.KEYS-KEPT"):
            return {**shown, "reason": protection_keys(self.setup.seed, first).enc.hex()}
        if not self.rules.on("SMDPF.SECRETS-KEPT"):
            known = subscription(self.setup.seed, first, self.setup.types[order.kind])
            return {**shown, "reason": known.k.hex()}
        return shown

    def _file(self, parts: tuple[str, ...], requester: str) -> Folder:
        name, file = parts
        delivery = Work(self.store).delivery(name)
        if delivery is None or not delivery.ready:
            raise refuse("delivery-unknown", name)
        if delivery.dm != requester and self.rules.on("SMDPF.DATA-DM"):
            raise refuse("not-allowed", "another device maker's delivery")
        if file == MANIFEST:
            self.jobs.hand_over(name)
        return self.jobs.files(name)

    def _notified(self, request: Request) -> Response:
        """HandleNotification: a device reports from the field. SGP.22 §5.6.4, FLOW-OPT."""
        try:
            pending = json_binding.read_object(request.body).get("pendingNotification")
            raw = json_binding.read_base64(pending) if isinstance(pending, str) else b""
        except (NotJson, BadMember):
            return Response(400)
        self.field_result(raw)
        return Response(204)

    # --- for the host, the command line and tests ---

    def call(self, name: str, requester: str, members: Members, now: float, *parts: str) -> Members:
        """Perform a function by name, without HTTP; raises its refusal."""
        if "header" not in members:
            number = (self.store.get("calls") or 0) + 1
            self.store.commit({"calls": number})
            header = {
                "functionRequesterIdentifier": requester,
                "functionCallIdentifier": f"own-{number}",
            }
            members = {"header": header, **members}
        answer = self._call(Asked(name, parts, members, requester, b"", now))
        assert isinstance(answer, dict)
        return answer

    def step(self, now: float) -> Job | None:
        """Do one chunk of the first binding job; None where there is none."""
        return self.jobs.step(now, self.runner)

    def work(self, now: float, told: Callable[[Job], None] = lambda job: None) -> None:
        """Do all binding jobs, as long as the HSM answers."""
        before: Job | None = None
        while (job := self.step(now)) is not None and job != before:
            told(job)
            before = job

    def field_result(self, raw: bytes) -> str:
        """Take a result that comes from the field; return the rule that it breaks, or ""."""
        work = Work(self.store)
        try:
            self._reports.apply(work, self._results.judge(work, raw))
        except (Unproved, Refusal) as error:
            self.journal.append(("HandleNotification", str(error)))
            return error.rule if isinstance(error, Unproved) else error.status.name
        work.commit()
        return ""

    def tick(self, now: float) -> int:
        """Do what time asks for; return how many entries have become UNKNOWN. RB-54."""
        count = 0
        for key in list(self.store.keys("stations/")):
            work = Work(self.store)
            count += self._reports.give_up(work, key.partition("/")[2], now)
            work.commit()
        return count

    def notify(self) -> Procedure[int]:
        """Tell the MSPs what they have not heard yet. FLOW-16."""
        return outbox.notify(self.store, self.address)

    def hand_over(self, delivery: str) -> Folder:
        """Give a delivery to the device maker without HTTP."""
        self.jobs.hand_over(delivery)
        return self.jobs.files(delivery)

    def protect(self, name: str, count: int) -> Order:
        """Protect profiles ahead of binding, in bulk: the eUICCs are not known yet."""
        work = Work(self.store)
        order = work.order(name)
        if order is None:
            raise refuse("order-unknown", name)
        protected = min(order.count, max(order.protected, order.used) + count)
        order = work.save_order(replace(order, protected=protected))
        work.commit()
        return order

    def revoke(self, crls: tuple[Crl, ...]) -> None:
        """Take the revocation lists that come over the status channel. INO2."""
        party = replace(self.setup.party, crls=crls)
        self.jobs.judge = EuiccJudge(party, self.rules, PREFIX)
        self._intake = intake.Intake(self.rules, self.jobs.judge)
        self._requests = Requests(self.rules, self._intake, self._random)

    def sign_with(self, signer: Credential, binder: Binder) -> None:
        """Bind and sign with another certificate from here on. INO5."""
        self.jobs.signer = signer
        self.jobs.press = replace(self.jobs.press, binder=self._binder(binder))

    def compromised(self, batch: str) -> list[str]:
        """Take an EUM's word that the keys of a batch are known to others. INO1."""
        work = Work(self.store)
        withdrawn = []
        for iccid in intake.compromise(work, batch):
            entry = work.entry(iccid)
            if entry is None or work.state(entry) not in (
                State.BOUND, State.DELIVERED, State.UNKNOWN
            ):  # fmt: skip
                continue
            entry = work.move(entry, State.WITHDRAWN, reason="the key is compromised")
            order = work.order(entry.order)
            if order is not None:
                outbox.tell(work, order, "compromised", entry, reason=f"batch {batch}")
            withdrawn.append(iccid)
        work.commit()
        return withdrawn

    def affected(self, certificate: bytes) -> list[Entry]:
        """Return what is bound under a certificate and not proved installed. INO5."""
        name = hashlib.sha256(certificate).hexdigest()
        found = []
        work = Work(self.store)
        for key in self.store.keys("entry/"):
            entry = work.entry(key.partition("/")[2])
            if entry is not None and entry.signer == name and work.state(entry) in (
                State.BOUND, State.DELIVERED, State.UNKNOWN
            ):  # fmt: skip
                found.append(entry)
        return found

    def order(self, name: str) -> Order | None:
        """Return an order as it stands."""
        return Work(self.store).order(name)

    def entry(self, iccid: str) -> Entry | None:
        """Return the entry of a profile that is bound."""
        return Work(self.store).entry(iccid)

    def state(self, iccid: str) -> State | None:
        """Return the state of a profile, None where no order has its ICCID."""
        work = Work(self.store)
        entry = work.entry(iccid)
        if entry is not None:
            return work.state(entry)
        found = work.order_of(iccid)
        if found is None:
            return None
        order, place = found
        return State.PROTECTED if place < order.protected else State.PREPARED


def _report(members: Members) -> bytes:
    value = members.get("report")
    if isinstance(value, str):
        return octets(value, "report")
    return reports.from_json(value)


def _removals(members: Members) -> list[tuple[str, bytes]]:
    found = []
    for one in listed(members, "removals", _MAX_REMOVALS):
        if not isinstance(one, dict) or not isinstance(one.get("iccid"), str):
            raise refuse("element-invalid", "removals: iccid and evidence")
        found.append((one["iccid"], octets(one.get("evidence"), "evidence")))
    return found
