"""Works on binding jobs chunk by chunk: choose, bind, write, and only then remember.

What a chunk has written to the delivery's files counts once its records are committed. After a
crash the files are cut back to the last commit, and the chunk is chosen again: no ICCID and no
one-time key goes out twice.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sgprobe.crypto.certificates import Certificate
from sgprobe.crypto.ifpp_keys import OneTimePublic, Suite
from sgprobe.crypto.keys import Curve, derive_key
from sgprobe.crypto.pki import Credential
from sgprobe.peers.delivery.book import DeliveryBook
from sgprobe.peers.delivery.check import open_manifest
from sgprobe.peers.delivery.files import Folder
from sgprobe.peers.delivery.manifest import Manifest, Policy
from sgprobe.peers.delivery.writer import DeliveryWriter
from sgprobe.peers.es9.euicc import EuiccJudge
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.es9.party import Party
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.profiles.library import ProfileType
from sgprobe.peers.rules import Rules
from sgprobe.peers.smdpf.binder import Press, Runner, Task, of_order
from sgprobe.peers.smdpf.eligibility import check_eligible
from sgprobe.peers.smdpf.intake import shared
from sgprobe.peers.smdpf.orders import owner_octets
from sgprobe.peers.smdpf.outbox import tell
from sgprobe.peers.smdpf.records import (
    Entry,
    EuiccData,
    Job,
    Key,
    Order,
    State,
    Work,
)
from sgprobe.peers.smdpf.requests import CHUNK, check_eid
from sgprobe.peers.smdpf.status import refuse, told
from sgprobe.peers.store import Store

RUNNING, DONE, FAILED = "running", "done", "failed"


@dataclass(slots=True)
class Jobs:
    """Turns jobs into deliveries below `folder`."""

    rules: Rules
    store: Store
    folder: Path
    press: Press
    signer: Credential
    party: Party
    types: Mapping[str, ProfileType]
    random: RandomSource
    shard_entries: int
    judge: EuiccJudge
    # whether the HSM answers: while it does not, jobs wait
    ready: Callable[[], bool] = lambda: True
    _writers: dict[str, DeliveryWriter] = field(default_factory=dict)

    def files(self, delivery: str) -> Folder:
        """Return the files of a delivery."""
        return Folder(self.folder / delivery)

    def abandon(self) -> None:
        """Lose what is not committed, as a process does that is killed."""
        for writer in self._writers.values():
            writer.abandon()
        self._writers = {}

    def step(self, now: float, runner: Runner) -> Job | None:
        """Do one chunk of the first job; return the job, or None where there is none to do."""
        work = Work(self.store)
        waiting = work.get("jobs") or []
        job = work.job(waiting[0]) if waiting else None
        if job is None:
            return None
        if not self.ready() and self.rules.on("SMDPF.SIGNER-READY"):
            return job
        if self._expired(now):
            return self._end(work, replace(job, state=FAILED, reason="signer-expired"))
        if job.done == 0:
            self._supersede(work, job)
        entries = work.get(f"job/{job.id}/entries/{job.done}")
        if entries is None:
            return self._finish(work, job)
        return self._chunk(work, job, entries, now, runner)

    def _expired(self, now: float) -> bool:
        moment = datetime.fromtimestamp(now, UTC)
        certificate: Certificate = self.signer.certificate
        valid = certificate.not_before <= moment <= certificate.not_after
        return not valid and self.rules.on("SMDPF.SIGNER-VALID")

    def _chunk(
        self, work: Work, job: Job, entries: list[list[str]], now: float, runner: Runner
    ) -> Job:
        refused: list[dict[str, Any]] = []
        tasks: list[Task] = []
        for eid, ref in entries:
            try:
                tasks.append(self._choose(work, job, eid, ref, now))
            except Refusal as refusal:
                refused.append({"eid": eid, "keyRef": ref, **told(refusal)})
        writer = self._writer(job)
        for package in runner(self._press(), tasks):
            writer.add(package)
        writer.flush()
        if refused:
            work.put(f"job/{job.id}/refused/{job.done}", refused)
        delivery = work.delivery(job.delivery)
        assert delivery is not None
        work.save_delivery(replace(delivery, bound=delivery.bound + len(tasks)))
        job = replace(
            job, state=RUNNING, done=job.done + 1, bound=job.bound + len(tasks),
            refused=job.refused + len(refused), at=writer.position,
        )  # fmt: skip
        work.save_job(job)
        work.commit()
        return job

    def _press(self) -> Press:
        """Return what signs now; without its HSM an SM-DPf that goes on has no key to sign with."""
        if self.ready():
            return self.press
        key = derive_key("no key", "DPpb", Curve.P256)
        return replace(self.press, binder=replace(self.press.binder, key=key))

    def _writer(self, job: Job) -> DeliveryWriter:
        writer = self._writers.get(job.id)
        if writer is None or writer.position != job.at:
            writer = DeliveryWriter(self.files(job.delivery), job.at, self.shard_entries)
            self._writers = {job.id: writer}
        return writer

    def _choose(self, work: Work, job: Job, eid: str, ref: str, now: float) -> Task:
        """Check one entry, take a profile and a key for it. DPFF09, DPFF10, GENS04, GENS08."""
        check_eid(eid, self.rules)
        order = work.order(job.order)
        assert order is not None
        data = work.euicc(eid)
        if data is None:
            raise refuse("data-unknown", eid)
        if data.dm not in ("", job.dm) and self.rules.on("SMDPF.DATA-DM"):
            raise refuse("not-allowed", "the eUICC is another device maker's")
        if order.closed and self.rules.on("SMDPF.ORDER-CLOSED"):
            raise refuse("order-closed")
        name, key = self._key(job, data, ref)
        if self.rules.on("SMDPF.DATA-LASTS"):
            # since they came, a certificate may have been revoked, or have expired
            certificate = base64.b64decode(data.certificate)
            self.judge.judge(certificate, shared(work, "eum", data.eum), now, None)
        if self.rules.on("SMDPF.ELIGIBILITY"):
            check_eligible(order.eligibility, shared(work, "info2", data.info2))
        place = self._place(order)
        entry = Entry(
            order.iccid(place), order.id, eid, name, self.random(16).hex(),
            self._transaction(), job.suite, job.delivery, self._signer_name(),
        )  # fmt: skip
        self._remember(work, order, place, data, key, entry)
        return Task(
            entry.iccid,
            eid,
            self._kind(order),
            OneTimePublic(
                bytes.fromhex(name), Suite(key.suite), bytes.fromhex(key.point),
                base64.b64decode(key.kem),
            ),
            entry.package,
            bytes.fromhex(entry.transaction),
            job.not_after,
            self.random(32) if self.rules.on("SMDPF.FRESH-KEY") else bytes(32),
        )  # fmt: skip

    def _key(self, job: Job, data: EuiccData, ref: str) -> tuple[str, Key]:
        if not ref:
            ref = next((one for one in data.free() if data.keys[one].suite == job.suite), "")
            if not ref:
                raise refuse("key-none", data.eid)
        key = data.keys.get(ref)
        if key is None:
            raise refuse("key-unknown", ref)
        if key.blocked and self.rules.on("SMDPF.KEY-SOUND"):
            raise refuse("key-compromised", ref)
        if key.iccid and self.rules.on("SMDPF.KEY-FREE"):
            raise refuse("key-used", ref)
        if key.suite != job.suite and self.rules.on("SMDPF.SUITE"):
            raise refuse("suite-other", f"the key is of suite {key.suite}")
        return ref, key

    def _place(self, order: Order) -> int:
        if order.used >= order.count:
            if self.rules.on("SMDPF.ORDER-COUNT"):
                raise refuse("order-exhausted")
            return order.used % order.count
        if not self.rules.on("SMDPF.ONE-PROFILE") and order.used:
            return order.used - 1
        return order.used

    def _signer_name(self) -> str:
        return hashlib.sha256(self.signer.certificate.der).hexdigest()

    def _transaction(self) -> str:
        return (self.random(16) if self.rules.on("SMDPF.FRESH-ID") else bytes(16)).hex()

    def _remember(
        self, work: Work, order: Order, place: int, data: EuiccData, key: Key, entry: Entry
    ) -> None:
        keys = {**data.keys, entry.key_ref: replace(key, iccid=entry.iccid)}
        work.save_euicc(replace(data, keys=keys))
        states = dict(order.states)
        states[State.BOUND] = states.get(State.BOUND, 0) + 1
        used = max(order.used, place + 1)
        # what is bound was protected before
        protected = max(order.protected, used)
        work.save_order(replace(order, used=used, protected=protected, states=states))
        work.add_entry(entry)

    def _kind(self, order: Order) -> ProfileType:
        kind = self.types.get(order.kind) or next(iter(self.types.values()))
        owner = owner_octets(order.mcc_mnc) if order.mcc_mnc else ""
        return of_order(kind, owner, order.profile_class, order.policy)

    def _supersede(self, work: Work, job: Job) -> None:
        """Void the entries of the delivery that this one replaces, before anything new is bound."""
        if job.supersedes is None or not self.rules.on("SMDPF.SUPERSEDE"):
            return
        former = work.delivery(job.supersedes)
        if former is None or former.superseded:
            return
        for entry in self.entries(work, former.id):
            if work.state(entry) in (State.BOUND, State.DELIVERED, State.UNKNOWN):
                entry = work.move(entry, State.WITHDRAWN, reason=f"superseded by {job.delivery}")
                order = work.order(entry.order)
                if order is not None:
                    tell(work, order, "withdrawn", entry, reason="superseded")
        current = work.delivery(job.supersedes)
        assert current is not None
        work.save_delivery(replace(current, superseded=True))

    def entries(self, work: Work, delivery: str) -> Iterator[Entry]:
        """Walk the entries of a delivery that is ready."""
        known = work.delivery(delivery)
        if known is None or not known.ready:
            return
        files = self.files(delivery)
        manifest, _ = open_manifest(files, [one.ci for one in self.party.branches])
        for line in DeliveryBook(files, manifest.shards).entries():
            entry = work.by_package(line.package_id)
            if entry is not None:
                yield entry

    def _finish(self, work: Work, job: Job) -> Job:
        order = work.order(job.order)
        assert order is not None
        writer = self._writer(job)
        policy = job.policy
        manifest = Manifest(
            job.delivery, job.order, job.request, job.dm, job.factory, self.party.oid, job.suite,
            datetime.fromtimestamp(int(job.created), UTC),
            datetime.fromtimestamp(int(job.not_after), UTC),
            supersedes=job.supersedes,
            policy=Policy(
                policy["loadOrder"], policy["enableAfterLoad"], policy["deleteLeftoverKeys"],
                policy["expectProfileClass"],
            ),
        )  # fmt: skip
        writer.finish(manifest, self.signer)
        delivery = work.delivery(job.delivery)
        assert delivery is not None
        work.save_delivery(replace(delivery, ready=True, entries=job.bound))
        return self._end(work, replace(job, state=DONE, at=writer.position))

    def _end(self, work: Work, job: Job) -> Job:
        self._writers.pop(job.id, None)
        for at in range(-(-job.total // CHUNK)):
            work.put(f"job/{job.id}/entries/{at}", None)
        work.put("jobs", [one for one in work.get("jobs") or () if one != job.id])
        work.save_job(job)
        work.commit()
        return job

    def hand_over(self, delivery: str) -> None:
        """Know that the device maker has fetched a delivery: its entries are DELIVERED."""
        work = Work(self.store)
        known = work.delivery(delivery)
        if known is None or known.handed_over or not known.ready:
            return
        order = work.order(known.order)
        if order is not None and known.bound:
            states = dict(order.states)
            states[State.BOUND] = states.get(State.BOUND, 0) - known.bound
            states[State.DELIVERED] = states.get(State.DELIVERED, 0) + known.bound
            kept = {state: number for state, number in states.items() if number}
            work.save_order(replace(order, states=kept))
        work.save_delivery(replace(known, handed_over=True, bound=0))
        work.commit()
