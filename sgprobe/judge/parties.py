"""Question 3: who coordinates? Six links between five parties, each a pair of joined evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sgprobe.judge.answers import Answer, Place, Together
from sgprobe.judge.evidence import Evidence
from sgprobe.judge.item import Item


class Standing(StrEnum):
    """What is known of a link."""

    HOLDS = "holds"
    OPEN = "open"
    CONTRADICTED = "contradicted"


@dataclass(slots=True)
class Link:
    """One link: what it lacks, and which values should be equal and are not."""

    name: str
    between: str
    used: tuple[str, ...]
    missing: list[str] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)

    @property
    def standing(self) -> Standing:
        """Say what is known of the link."""
        if self.unequal:
            return Standing.CONTRADICTED
        return Standing.OPEN if self.missing else Standing.HOLDS

    def as_json(self) -> dict[str, Any]:
        """Return the link as JSON data."""
        return {
            "link": self.name,
            "between": self.between,
            "standing": str(self.standing),
            "evidence": list(self.used),
            "missing": self.missing,
            "unequal": self.unequal,
        }

    def need(self, *items: Item[Any]) -> bool:
        """Note which items are not there; say whether all are."""
        self.missing += [one.lack for one in items if one.value is None]
        return all(one.value is not None for one in items)

    def equal(self, what: str, **values: str) -> None:
        """Note values that should be one and are not."""
        if len(set(values.values())) > 1:
            shown = ", ".join(f"{name} {value or 'none'}" for name, value in values.items())
            self.unequal.append(f"{what}: {shown}")


def coordinated(evidence: Evidence, op: str, place: Place) -> tuple[Answer, tuple[Link, ...]]:
    """Answer question 3 for the operational profile, link by link."""
    kept = _BY_EUM if place is Place.EUM else _ALL
    links = tuple(make(evidence, op) for make in kept)
    if not evidence.plan.rules.on("JUDGE.JOINS"):
        for one in links:
            one.unequal.clear()
    holding = [one for one in links if one.standing is Standing.HOLDS]
    broken = [one for one in links if one.standing is Standing.CONTRADICTED]
    used = sorted({key for one in holding + broken for key in one.used}, key=_number)
    missing = tuple(f"{one.name}: {why}" for one in links for why in one.missing)
    if broken:
        because = tuple(f"{one.name} {one.between}: {why}" for one in broken for why in one.unequal)
        return Answer(Together.CONTRADICTED, because, tuple(used), missing), links
    because = tuple(f"{one.name} {one.between} holds" for one in holding)
    if len(holding) == len(links):
        return Answer(Together.COORDINATED, because, tuple(used)), links
    answer = f"{Together.PARTIAL}({len(holding)})" if holding else str(Together.NOT_SHOWN)
    return Answer(answer, because, tuple(used), missing), links


def _number(key: str) -> int:
    return int(key[1:])


def _about(link: Link, op: str, name: str, iccid: str) -> bool:
    """Say whether an item is about the operational profile; about another one it proves nothing."""
    if op and iccid != op:
        link.missing.append(f"{name} about {op}: it is about {iccid or 'no profile'}")
        return False
    return True


def _operator_and_smdpf(evidence: Evidence, op: str) -> Link:
    link = Link("L1", "operator - SM-DPf", ("E1", "E3"))
    order, binding, shipment = (
        evidence.order.value, evidence.binding.value, evidence.shipment.value,
    )  # fmt: skip
    if order is not None and shipment is not None:
        link.equal("order", E1=order.id, E4=shipment.manifest.order_id)
    if not link.need(evidence.order, evidence.binding) or order is None or binding is None:
        return link
    if _about(link, op, "E3", binding.iccid) and not order.covers(binding.iccid):
        link.unequal.append(f"ICCID: E3 {binding.iccid} is none of order {order.id} (E1)")
    return link


def _operator_and_eum(evidence: Evidence, op: str) -> Link:
    """L1 of a profile that the EUM put in: nothing was bound, so the order stands for it."""
    link = Link("L1", "operator - EUM", ("E1", "E14"))
    order, statement = evidence.order.value, evidence.statement.value
    if not link.need(evidence.order, evidence.statement) or order is None or statement is None:
        return link
    if _about(link, op, "E14", statement.iccid) and not order.covers(statement.iccid):
        link.unequal.append(f"ICCID: E14 {statement.iccid} is none of order {order.id} (E1)")
    return link


def _eum_and_smdpf(evidence: Evidence, op: str) -> Link:
    link = Link("L2", "EUM - SM-DPf", ("E2", "E3"))
    chips, binding = evidence.chips.value, evidence.binding.value
    if binding is not None:
        link.equal("EID", E3=binding.eid, device=evidence.plan.eid)
    if not link.need(evidence.chips, evidence.binding) or chips is None or binding is None:
        return link
    chip = chips.get(evidence.plan.eid)
    if chip is None:
        link.missing.append(f"E2 with EID {evidence.plan.eid}")
    elif binding.eid == chip.eid and binding.key_ref not in chip.refs:
        link.unequal.append(f"one-time key: E3 {binding.key_ref} is none that E2 proves")
    _about(link, op, "E3", binding.iccid)
    return link


def _eum_and_chip(evidence: Evidence, op: str) -> Link:
    """L2 of a profile that the EUM put in: the chip is the one that the EUM tells of."""
    link = Link("L2", "EUM - eUICC", ("E2", "E14"))
    chips = evidence.chips.value
    if link.need(evidence.chips, evidence.statement) and evidence.plan.eid not in (chips or {}):
        link.missing.append(f"E2 with EID {evidence.plan.eid}")
    return link


def _smdpf_and_maker(evidence: Evidence, op: str) -> Link:
    link = Link("L3", "SM-DPf - device maker", ("E3", "E4", "E5"))
    binding, shipment, load = (
        evidence.binding.value, evidence.shipment.value, evidence.load.value,
    )  # fmt: skip
    custody = evidence.custody.value
    if shipment is not None and custody is not None:
        link.equal("factory", E4=shipment.manifest.factory_id, E13=custody.factory)
    there = link.need(evidence.binding, evidence.shipment, evidence.load)
    if not there or binding is None or shipment is None or load is None:
        return link
    line = shipment.lines.get(binding.package)
    if line is None:
        link.missing.append(f"E4 with the package {binding.package}")
    else:
        link.equal("EID", E3=binding.eid, E4=line.eid)
        link.equal("ICCID", E3=binding.iccid, E4=line.iccid)
        link.equal("digest of the package", E3=binding.digest, E4=line.sha256)
    link.equal("SM-DPf", E3=binding.oid, E4=shipment.manifest.smdpf_oid)
    records = [one for one in load.logged if one[0] == binding.package]
    context = load.context(binding.transaction)
    for _, eid, iccid, _ in records:
        link.equal("EID", E3=binding.eid, E5=eid)
        link.equal("ICCID", E3=binding.iccid, E5=iccid)
    if context is not None:
        link.equal("bppDigest", E3=binding.bpp_digest, E5=context.bpp_digest)
    if not records and context is None:
        link.missing.append(f"E5 with the package {binding.package}")
    _about(link, op, "E3", binding.iccid)
    return link


def _maker_and_chip(evidence: Evidence, op: str) -> Link:
    link = Link("L4", "device maker - eUICC", ("E5", "E6"))
    load, result, binding = evidence.load.value, evidence.result.value, evidence.binding.value
    if result is not None:
        link.equal("EID", E6=result.signer, device=evidence.plan.eid)
        if binding is not None and result.iccid == binding.iccid:
            link.equal("transaction", E3=binding.transaction, E6=result.transaction)
            link.equal("SM-DPf", E3=binding.oid, E6=result.oid)
        elif binding is not None and result.transaction == binding.transaction:
            link.equal("ICCID", E3=binding.iccid, E6=result.iccid)
        inside = evidence.state.value.find(result.iccid) if evidence.state.value else None
        if inside is not None and inside.result:
            link.equal("digest of the result", E6=result.digest, E7=inside.result)
    if not link.need(evidence.load, evidence.result) or load is None or result is None:
        return link
    context = load.context(result.transaction)
    if context is not None:
        link.equal("EID", E5=context.eid, E6=result.signer)
        link.equal("ICCID", E5=context.iccid, E6=result.iccid)
    elif not any(one[3] == result.raw for one in load.logged):
        link.missing.append(f"E5 with the transaction {result.transaction}")
    _about(link, op, "E6", result.iccid)
    return link


def _back(evidence: Evidence, op: str) -> Link:
    link = Link("L5", "eUICC - SM-DPf - operator", ("E6", "E11", "E12"))
    result = evidence.result.value
    _operator_knows(link, evidence, op)
    there = link.need(evidence.result, evidence.report, evidence.answer)
    report = evidence.report.value
    if not there or result is None or report is None:
        return link
    items = [one for one in report if one.result == result.raw]
    others = [one for one in report if one.result and one.result != result.raw]
    for one in others:
        if evidence.binding.value is not None and one.package == evidence.binding.value.package:
            link.unequal.append("result: E12 reports another one of this package than E6")
    if not items:
        link.missing.append("E12 with the result E6")
    elif not any(one.verdict == "proven-installed" for one in items):
        link.missing.append("E12 with the verdict proven-installed")
    _about(link, op, "E6", result.iccid)
    return link


def _back_from_eum(evidence: Evidence, op: str) -> Link:
    """L5 of a profile that the EUM put in: the operator knows device and profile."""
    link = Link("L5", "EUM - operator", ("E11", "E14"))
    _operator_knows(link, evidence, op)
    link.need(evidence.statement, evidence.answer)
    return link


def _operator_knows(link: Link, evidence: Evidence, op: str) -> None:
    answer, order, result = evidence.answer.value, evidence.order.value, evidence.result.value
    if answer is None:
        return
    if order is not None:
        link.equal("order", E1=order.id, E11=answer.order)
    known = [one for one in answer.installed if one[0] == op]
    for _, eid, digest in known:
        link.equal("EID", E11=eid, device=evidence.plan.eid)
        if digest and result is not None and result.iccid == op:
            link.equal("digest of the result", E6=result.digest, E11=digest)
    if not known:
        link.missing.append(f"E11 that says {op or 'the profile'} is installed")
    if op not in answer.active:
        link.missing.append(f"E11 that says {op or 'the profile'} is active")


def _owner(evidence: Evidence, op: str) -> Link:
    link = Link("L6", "owner of the profile", ("E1", "E3", "E7", "E9"))
    plan, order, state = evidence.plan, evidence.order.value, evidence.state.value
    binding, shielded = evidence.binding.value, evidence.shielded.value
    inside = state.find(op) if state is not None else None
    owner, source = (inside.network, "E7") if inside is not None else ("", "")
    if not owner and binding is not None and binding.iccid == op:
        owner, source = binding.network, "E3"
    link.used = tuple(one for one in ("E1", source, "E9") if one)
    if order is not None and order.network:
        link.equal("network", E1=order.network, operator=plan.network)
    elif order is not None:
        link.missing.append("E1 with the network that the profile is for")
    if owner:
        link.equal("network", **{source: owner, "operator": plan.network})
    else:
        link.missing.append(f"a profile owner in the metadata of {op or 'the profile'} (E7, E3)")
    if not link.need(evidence.order, evidence.shielded) or shielded is None:
        return link
    if shielded.ok and shielded.iccid != op:
        _about(link, op, "E9", shielded.iccid)
    elif not shielded.ok or not shielded.imsi:
        link.missing.append("E9 with the IMSI that the operator's network authenticates")
    elif not any(shielded.imsi.startswith(one) for one in (plan.network, *plan.sponsors)):
        link.unequal.append(f"network: E9 IMSI {shielded.imsi}, operator {plan.network}")
    return link


_ALL: tuple[Callable[[Evidence, str], Link], ...] = (
    _operator_and_smdpf, _eum_and_smdpf, _smdpf_and_maker, _maker_and_chip, _back, _owner,
)  # fmt: skip
# nothing is bound, delivered and loaded where the EUM puts the profile in: E14 stands for it
_BY_EUM: tuple[Callable[[Evidence, str], Link], ...] = (
    _operator_and_eum, _eum_and_chip, _back_from_eum, _owner,
)  # fmt: skip
