"""Esbpp: binding requests become jobs; entries are sorted and kept in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dissectors.spec.identity import is_eid
from sgprobe.crypto.ifpp_keys import Suite, unavailable
from sgprobe.peers.delivery.manifest import Policy
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.rules import Rules
from sgprobe.peers.smdpf.intake import Intake
from sgprobe.peers.smdpf.members import Members, listed, name_of, number, octets
from sgprobe.peers.smdpf.records import Delivered, Job, Work
from sgprobe.peers.smdpf.status import refuse

CHUNK = 100
# a body has 16 MB at the most, which is some 200,000 entries
MAX_ENTRIES = 250_000
_MAX_BATCHES = 1000
_YEAR = 365 * 86_400
_CLASSES = ("test", "provisioning", "operational")


@dataclass(frozen=True, slots=True)
class Requests:
    """Takes binding requests."""

    rules: Rules
    intake: Intake
    random: RandomSource

    def take(self, work: Work, dm: str, members: Members, now: float) -> Members:
        """Take a request and return its job; eUICC data may come along. FLOW-05."""
        order = work.order(name_of(members, "orderId"))
        if order is None:
            raise refuse("order-unknown")
        named = members.get("dmId", dm)
        wrong = named != dm or order.dm not in ("", dm)
        if wrong and self.rules.on("SMDPF.ORDER-DM"):
            raise refuse("not-allowed", "the order is for another device maker")
        if order.closed and self.rules.on("SMDPF.ORDER-CLOSED"):
            raise refuse("order-closed")
        suite = number(members, "suite", 1, 3, default=1)
        missing = unavailable(Suite(suite))
        if missing:
            raise refuse("suite-unknown", missing)
        for batch in listed(members, "euiccData", _MAX_BATCHES):
            self.intake.take(work, octets(batch, "euiccData"), dm, now)
        entries = sorted(_entries(members))
        if not entries:
            raise refuse("element-missing", "entries")
        superseded = self._superseded(work, dm, members)
        name, delivery = self.random(8).hex(), name_of(members, "deliveryId", "")
        if not delivery:
            delivery = f"D{self.random(8).hex()}"
        if work.delivery(delivery) is not None:
            raise refuse("element-invalid", "a delivery has this deliveryId already")
        job = Job(
            name,
            name_of(members, "requestId", f"R{name}"),
            order.id,
            name_of(members, "dmId", dm),
            name_of(members, "factoryId", "factory"),
            suite,
            delivery,
            len(entries),
            now + number(members, "validSeconds", 1, 10 * _YEAR, default=_YEAR),
            now,
            _policy(members.get("policy") or {}, order.profile_class).to_json(),
            superseded,
        )
        work.save_job(job)
        work.save_delivery(Delivered(delivery, order.id, job.dm, name, len(entries)))
        for at in range(0, len(entries), CHUNK):
            work.put(f"job/{name}/entries/{at // CHUNK}", entries[at : at + CHUNK])
        work.put("jobs", [*(work.get("jobs") or ()), name])
        return {"jobId": name, "deliveryId": delivery}

    def _superseded(self, work: Work, dm: str, members: Members) -> str | None:
        if members.get("supersedes") is None:
            return None
        name = name_of(members, "supersedes")
        former = work.delivery(name)
        if former is None or (former.dm != dm and self.rules.on("SMDPF.DATA-DM")):
            raise refuse("delivery-unknown", name)
        return name

    def show(self, work: Work, dm: str, name: str) -> Members:
        """Return how far a job is, and what it has refused."""
        job = work.job(name)
        if job is None:
            raise refuse("delivery-unknown", "no such job")
        if job.dm != dm and self.rules.on("SMDPF.DATA-DM"):
            raise refuse("not-allowed", "another device maker's job")
        refusals = [
            one for at in range(job.done) for one in work.get(f"job/{name}/refused/{at}") or ()
        ]
        answer = {
            "jobId": name,
            "state": job.state,
            "entries": job.total,
            "bound": job.bound,
            "refusals": refusals,
        }
        if job.reason:
            answer["reason"] = job.reason
        if job.state == "done":
            answer["deliveryId"] = job.delivery
        return answer


def _entries(members: Members) -> Iterator[list[str]]:
    for one in listed(members, "entries", MAX_ENTRIES):
        if not isinstance(one, dict):
            raise refuse("element-invalid", "entries")
        eid, ref = one.get("eid"), one.get("keyRef", "")
        if not isinstance(eid, str) or not isinstance(ref, str) or len(eid) != 32 or len(ref) > 16:
            raise refuse("element-invalid", "entries: eid and keyRef")
        yield [eid, ref.lower()]


def check_eid(eid: str, rules: Rules) -> None:
    """Refuse an EID whose check digits are wrong. RB-43."""
    if not is_eid(eid) and rules.on("SMDPF.EID-DIGITS"):
        raise refuse("eid-digits", eid)


def _policy(value: Any, profile_class: str) -> Policy:
    if not isinstance(value, dict):
        raise refuse("element-invalid", "policy")
    flags = {}
    for name, default in (("enableAfterLoad", False), ("deleteLeftoverKeys", True)):
        flags[name] = value.get(name, default)
        if not isinstance(flags[name], bool):
            raise refuse("element-invalid", name)
    expected = value.get("expectProfileClass", profile_class)
    if expected not in _CLASSES:
        raise refuse("element-invalid", "expectProfileClass")
    return Policy("as listed", flags["enableAfterLoad"], flags["deleteLeftoverKeys"], expected)
