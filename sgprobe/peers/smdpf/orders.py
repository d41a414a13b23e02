"""ES2f: orders of profiles, their counts, and their withdrawal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sgprobe.peers.es9.members import need, text
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.profiles.library import PROFILE_TYPES, ProfileType
from sgprobe.peers.rules import Rules
from sgprobe.peers.smdpf.eligibility import check_rules
from sgprobe.peers.smdpf.members import Members, name_of, number, texts
from sgprobe.peers.smdpf.outbox import tell
from sgprobe.peers.smdpf.records import Order, State, Work
from sgprobe.peers.smdpf.status import refuse, told

# what a bench needs beside the types of the SM-DP+: the size that factories count with
TYPES: dict[str, ProfileType] = {
    **PROFILE_TYPES,
    "12k": ProfileType("12k", 12_000, profile_name="12 kB"),
    "bootstrap": ProfileType(
        "bootstrap", 0, profile_name="Bootstrap", profile_class="provisioning"
    ),
}
MAX_COUNT = 10_000_000
_MAX_ICCIDS = 100_000
_CLASSES = ("test", "provisioning", "operational")
_POLICY = ("pprUpdateControl", "ppr1", "ppr2")
# an entry may be withdrawn from these. IFPP §2
_WITHDRAWABLE = frozenset({State.BOUND, State.DELIVERED, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Orders:
    """The functions of ES2f."""

    rules: Rules
    types: Mapping[str, ProfileType]
    random: RandomSource

    def place(self, work: Work, msp: str, members: Members) -> Members:
        """Take an order; its profiles are PREPARED from here on. FLOW-01."""
        kind = need(members, "profileType")
        if kind not in self.types and self.rules.on("SMDPF.ORDER-TYPE"):
            raise refuse("type-unknown", kind[:64])
        count = number(members, "count", 1, MAX_COUNT)
        name = name_of(members, "orderId", self.random(8).hex())
        if work.order(name) is not None:
            raise refuse("element-invalid", "an order has this orderId already")
        profile_class = text(members, "profileClass") or "operational"
        if profile_class not in _CLASSES:
            raise refuse("element-invalid", "profileClass")
        eligibility = members.get("eligibility") or {}
        check_rules(eligibility)
        policy = tuple(texts(members, "policyRules", len(_POLICY)))
        if not set(policy) <= set(_POLICY):
            raise refuse("element-invalid", "policyRules")
        first = (work.get("serial") or 0) + 1
        work.put("serial", first + count - 1)
        work.put("ranges", [*(work.get("ranges") or ()), [first, count, name]])
        order = Order(
            name, msp, kind, count, first,
            dm=text(members, "dmId") or "",
            mcc_mnc=_network(text(members, "mccMnc") or ""),
            profile_class=profile_class,
            policy=policy,
            eligibility=eligibility,
            notify=text(members, "notifyAddress") or "",
        )  # fmt: skip
        work.save_order(order)
        ranges = [{"first": order.iccid(0), "last": order.iccid(count - 1), "count": count}]
        return {"orderId": name, "iccidRanges": ranges}

    def show(self, work: Work, msp: str, name: str) -> Members:
        """Return how many profiles of an order are in each state."""
        order = self._own(work, msp, name)
        return {"orderId": name, "count": order.count, "states": order.counts()}

    def _own(self, work: Work, msp: str, name: str) -> Order:
        order = work.order(name)
        if order is None:
            raise refuse("order-unknown", name[:64])
        if order.msp != msp and self.rules.on("SMDPF.ORDER-OWNER"):
            raise refuse("not-allowed", "another party has placed this order")
        return order

    def withdraw(self, work: Work, msp: str, name: str, members: Members) -> Members:
        """Take back profiles: those that are named, or all that are not installed."""
        order = self._own(work, msp, name)
        if members.get("all") is True:
            iccids = [order.iccid(place) for place in range(order.used)]
            order = work.save_order(replace(order, closed=True))
        else:
            iccids = texts(members, "iccids", _MAX_ICCIDS)
            if not iccids:
                raise refuse("element-missing", "iccids, or all")
        verdicts = []
        for iccid in iccids:
            try:
                verdicts.append(self._withdraw(work, order, iccid))
            except Refusal as refusal:
                if members.get("all") is not True:
                    verdicts.append({"iccid": iccid, **told(refusal)})
        return {"orderId": name, "withdrawn": verdicts}

    def _withdraw(self, work: Work, order: Order, iccid: str) -> dict[str, Any]:
        entry = work.entry(iccid)
        if entry is None or entry.order != order.id:
            raise refuse("iccid-unknown", iccid)
        state = work.state(entry)
        if state not in _WITHDRAWABLE and self.rules.on("SMDPF.WITHDRAW-EDGE"):
            raise refuse("iccid-state", state)
        entry = work.move(entry, State.WITHDRAWN, reason="withdrawn")
        tell(work, order, "withdrawn", entry)
        # the package may be at the factory: nobody can call it back from there
        return {"iccid": iccid, "state": str(State.WITHDRAWN), "was": str(state)}


def _network(digits: str) -> str:
    """Check MCC and MNC: 5 or 6 digits, or nothing."""
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) in (5, 6)):
        raise refuse("element-invalid", "mccMnc is 5 or 6 digits")
    return digits


def owner_octets(mcc_mnc: str) -> str:
    """Return MCC and MNC as profile metadata has them. 3GPP TS 24.008 §10.5.1.13."""
    mcc, mnc = mcc_mnc[:3], mcc_mnc[3:].rjust(3, "F") if len(mcc_mnc) == 6 else mcc_mnc[3:] + "F"
    return f"{mcc[1]}{mcc[0]}{mnc[2]}{mcc[2]}{mnc[1]}{mnc[0]}".lower()
