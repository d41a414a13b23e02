"""Reads all evidence of a directory; each item is checked on its own before any is joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from sgprobe.crypto.chain import Anchor
from sgprobe.judge import boots, chip, line, papers, shipment
from sgprobe.judge.item import Item, Refused
from sgprobe.judge.plan import Plan, read_plan
from sgprobe.judge.rules import judge_rules

T = TypeVar("T")
Files = Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All items, each absent, refused or accepted."""

    plan: Plan
    order: Item[papers.Order]
    chips: Item[dict[str, chip.Chip]]
    binding: Item[chip.Binding]
    shipment: Item[shipment.Shipment]
    load: Item[line.Load]
    result: Item[chip.Result]
    state: Item[chip.State]
    line: Item[line.LineCapture]
    shielded: Item[boots.Shielded]
    boot: Item[boots.Boot]
    answer: Item[papers.Answer]
    report: Item[tuple[papers.Reported, ...]]
    custody: Item[papers.Custody]
    statement: Item[papers.Statement]

    @property
    def items(self) -> tuple[Item[object], ...]:
        """All items in their order."""
        return (
            self.order, self.chips, self.binding, self.shipment, self.load, self.result,
            self.state, self.line, self.shielded, self.boot, self.answer, self.report,
            self.custody, self.statement,
        )  # type: ignore[return-value]  # fmt: skip


def read(folder: Path, anchors: Sequence[Anchor], off: frozenset[str] = frozenset()) -> Evidence:
    """Return the evidence in a directory; FileError says that `evidence.yaml` is wrong."""
    plan = replace(read_plan(folder), rules=judge_rules(off))
    load = _item(plan, "E5", line.read_load)
    state = _item(plan, "E7", lambda files: _witnessed(files, plan, load.value, anchors))
    chips = _item(plan, "E2", lambda files: chip.read_chips(files, anchors))
    known = dict(chips.value or {})
    if state.value is not None:
        known.setdefault(state.value.eid, state.value.chip)
    return Evidence(
        plan,
        _item(plan, "E1", lambda files: papers.read_order(files, plan.key)),
        chips,
        _item(plan, "E3", lambda files: chip.read_binding(files, anchors)),
        _item(plan, "E4", lambda files: shipment.read_shipment(files, anchors)),
        load,
        _item(plan, "E6", lambda files: chip.read_result(files, known, plan)),
        state,
        _item(plan, "E8", lambda files: line.read_line_capture(files, plan)),
        _item(plan, "E9", lambda files: boots.read_shielded(files, plan.rules)),
        _item(plan, "E10", lambda files: boots.read_boot(files, plan, anchors)),
        _item(plan, "E11", lambda files: papers.read_answer(files, plan.key)),
        _item(plan, "E12", papers.read_report),
        _item(plan, "E13", lambda files: _custody(files, plan)),
        _item(plan, "E14", lambda files: papers.read_statement(files, anchors, plan.rules)),
    )


def _item(plan: Plan, key: str, reader: Callable[[Files], T]) -> Item[T]:
    files = plan.items.get(key)
    if files is None:
        return Item(key)
    try:
        return Item(key, reader(files))
    except Refused as error:
        return Item(key, None, str(error))


def _witnessed(
    files: Files, plan: Plan, load: line.Load | None, anchors: Sequence[Anchor]
) -> chip.State:
    """Return a signed state that a witness has asked for, and nobody else could have."""
    state = chip.read_state(files, anchors)
    if state.eid != plan.eid:
        raise Refused(f"it is the state of EID {state.eid}, not of the device")
    if not plan.challenge:
        raise Refused("evidence.yaml names no challenge of the witness")
    other = state.challenge != plan.challenge
    if other and plan.rules.on("JUDGE.STATE-CHALLENGE"):
        raise Refused("it answers another challenge than the witness's: an older state?")
    known = load is not None and state.challenge in load.challenges
    if known and plan.rules.on("JUDGE.STATE-WITNESS"):
        raise Refused("the station has used the witness's challenge: it was not the witness's own")
    return state


def _custody(files: Files, plan: Plan) -> papers.Custody:
    custody = papers.read_custody(files)
    if custody.eid != plan.eid:
        raise Refused(f"it is about EID {custody.eid}, not the device")
    return custody
