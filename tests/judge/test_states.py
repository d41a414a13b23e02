"""Signed states before and after the first boot: their counter orders them, no clock does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sgprobe.crypto.pki import TestPki
from sgprobe.judge.evidence import Evidence, read
from sgprobe.judge.item import Item
from sgprobe.judge.rules import JUDGE_RULES
from sgprobe.judge.verdict import Verdict, conclude, judge
from sgprobe.peers.rules import RuleError
from vectors.ifpp.make import EVIDENCE
from vectors.ifpp.names import BOOTSTRAP, OPERATIONAL

ANCHORS = [one.anchor for one in TestPki.load()]
AGAIN = EVIDENCE / "INCONCLUSIVE-changed-after-seal"
LATE = EVIDENCE / "INCONCLUSIVE-late-state"
COMPLETE = EVIDENCE / "GENUINE_IFPP-complete"


def later(evidence: Evidence, grown: int, **members: Any) -> Verdict:
    """Return the verdict where the first boot has a state with other members of the profile."""
    boot, state = evidence.boot.value, evidence.state.value
    assert boot is not None
    assert state is not None
    profiles = tuple(replace(one, **members) for one in state.profiles)
    told = replace(state, counter=state.counter + grown, profiles=profiles)
    return conclude(replace(evidence, boot=Item("E10", replace(boot, states=(told,)))))


def test_an_installation_after_the_seal_is_in_the_field() -> None:
    verdict = judge(AGAIN, ANCHORS)
    assert (verdict.place.answer, verdict.place.grade) == ("IN_FIELD", "PROVEN")
    assert "2 changes after the seal" in verdict.place.because[0]
    assert verdict.kind == "INCONCLUSIVE", "it needed no network, and came in the field"
    assert judge(AGAIN, ANCHORS, frozenset({"JUDGE.FIELD-COUNTER"})).kind == "GENUINE_IFPP"


@pytest.mark.parametrize(
    ("grown", "members", "place"),
    [
        (2, {"loaded_by": "lpaOrIpa", "result": ""}, "IN_FIELD"),
        (2, {"result": "00" * 32}, "IN_FIELD"),
        (1, {"enabled": False}, "AT_DEVICE_PRODUCTION"),
        (0, {}, "AT_DEVICE_PRODUCTION"),
        (2, {"iccid": BOOTSTRAP}, "AT_DEVICE_PRODUCTION"),
        (-1, {}, "UNKNOWN"),
    ],
)
def test_what_the_counter_says(grown: int, members: dict[str, Any], place: str) -> None:
    assert later(read(COMPLETE, ANCHORS), grown, **members).place.answer == place


def test_a_state_of_the_ship_point_is_older_than_the_first_boot() -> None:
    verdict = judge(LATE, ANCHORS)
    assert verdict.place.answer == "UNKNOWN"
    assert any("lower counter" in one for one in verdict.missing)
    assert judge(LATE, ANCHORS, frozenset({"JUDGE.STATE-ORDER"})).kind == "GENUINE_IFPP"


def test_states_of_strangers_say_nothing() -> None:
    assert judge(AGAIN, ANCHORS).evidence.boot.value.states[0].find(OPERATIONAL)  # type: ignore[union-attr]
    assert judge(AGAIN, ANCHORS[1:]).evidence.boot.value.states == ()  # type: ignore[union-attr]


def test_what_the_boot_installs_is_in_the_field() -> None:
    for off, place in ((), "IN_FIELD"), (("JUDGE.FIELD-INSTALLED",), "AT_DEVICE_PRODUCTION"):
        evidence = read(COMPLETE, ANCHORS, frozenset(off))
        boot = evidence.boot.value
        assert boot is not None
        told = Item("E10", replace(boot, installed=frozenset({OPERATIONAL})))
        assert conclude(replace(evidence, boot=told)).place.answer == place


def test_rules_have_names_and_clauses() -> None:
    assert all(one.name.startswith("JUDGE.") and one.clause for one in JUDGE_RULES)
    with pytest.raises(RuleError, match=r"JUDGE\.CLOCKS"):
        judge(COMPLETE, ANCHORS, frozenset({"JUDGE.CLOCK"}))
