"""Each rule of the three questions: a value of good evidence is changed, the answer with it."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import Any

import pytest

from sgprobe.crypto.pki import TestPki
from sgprobe.judge.evidence import Evidence, read
from sgprobe.judge.item import Item
from sgprobe.judge.sight import Sight
from sgprobe.judge.verdict import Verdict, conclude
from sgprobe.judge.whole import completeness
from vectors.ifpp.make import EVIDENCE
from vectors.ifpp.names import BOOTSTRAP, OPERATIONAL

ANCHORS = [one.anchor for one in TestPki.load()]
OTHER = "89049032000000000000000000000260"
# what is missing is the whole question
OPEN, INVALID = "INCONCLUSIVE", "INVALID_EVIDENCE"


@cache
def good(name: str = "GENUINE_IFPP-complete") -> Evidence:
    return read(EVIDENCE / name, ANCHORS)


def changed(evidence: Evidence, item: str, **members: Any) -> Evidence:
    kept = getattr(evidence, item)
    return replace(evidence, **{item: Item(kept.key, replace(kept.value, **members))})


def without(evidence: Evidence, *items: str) -> Evidence:
    gone = {one: Item(getattr(evidence, one).key) for one in items}
    return replace(evidence, **gone)


def said(item: str, **members: Any) -> Verdict:
    return conclude(changed(good(), item, **members))


def test_good_is_good() -> None:
    assert conclude(good()).kind == "GENUINE_IFPP"
    assert {one.name for one in fields(Evidence)} >= {"boot", "state", "binding"}


# --- question 1 ---


def state_with(**members: Any) -> tuple[Any, ...]:
    state = good().state.value
    assert state is not None
    return tuple(replace(one, **members) for one in state.profiles)


def test_installed_in_the_boot_is_in_the_field() -> None:
    verdict = said("boot", installed=frozenset({OPERATIONAL}))
    assert verdict.place.answer == "IN_FIELD"
    assert said("boot", installed=frozenset({BOOTSTRAP})).place.answer == "AT_DEVICE_PRODUCTION"


@pytest.mark.parametrize(
    ("item", "members", "missing"),
    [
        ("result", {"success": False}, "E6"),
        ("result", {"iccid": BOOTSTRAP}, "E6"),
        ("result", {"signer": OTHER}, "E6"),
        ("binding", {"iccid": BOOTSTRAP}, "E3"),
        ("binding", {"eid": OTHER}, "E3"),
        ("custody", {"place": "warehouse"}, "E13"),
    ],
)
def test_what_the_factory_needs(item: str, members: dict[str, Any], missing: str) -> None:
    verdict = said(item, **members)
    assert verdict.place.answer == "UNKNOWN"
    assert any(one.startswith(missing) for one in verdict.place.missing)


def test_a_state_that_names_another_loader_needs_the_trace() -> None:
    by_lpa = changed(good(), "state", profiles=state_with(loaded_by="lpaOrIpa"))
    assert conclude(by_lpa).place.answer == "AT_DEVICE_PRODUCTION"
    load = by_lpa.load.value
    assert load is not None
    for contexts in ((), tuple(replace(one, eid=OTHER) for one in load.contexts)):
        verdict = conclude(changed(by_lpa, "load", contexts=contexts))
        assert verdict.place.answer == "UNKNOWN"


def test_a_station_is_no_independent_reader() -> None:
    alone = without(good(), "state")
    assert (conclude(alone).place.answer, conclude(alone).place.grade) == ("UNKNOWN", "WEAK")
    independent = replace(alone, plan=replace(alone.plan, reader="independent"))
    assert conclude(independent).grade == "STRONG"
    assert conclude(changed(independent, "load", contexts=())).place.answer == "UNKNOWN"


def test_the_eum_is_believed_only_where_the_chip_agrees() -> None:
    preload = good("BORN_CONNECTED_EUM_PRELOAD-statement")
    assert conclude(preload).place.answer == "AT_EUM_PERSONALISATION"
    state = preload.state.value
    assert state is not None
    inside = tuple(replace(one, loaded_by="fpa") for one in state.profiles)
    assert conclude(changed(preload, "state", profiles=inside)).place.answer == "UNKNOWN"
    for members in ({"eid": OTHER}, {"iccid": BOOTSTRAP}):
        assert conclude(changed(preload, "statement", **members)).place.answer == "UNKNOWN"
    loaded = replace(preload, load=good().load)
    assert conclude(loaded).place.answer == "UNKNOWN", "the line has loaded it, says the trace"
    known = changed(preload, "statement", eid=OTHER)
    known = changed(known, "state", profiles=tuple(
        replace(one, loaded_by="unknown") for one in state.profiles))  # fmt: skip
    assert conclude(known).place.answer == "UNKNOWN"


# --- question 2 ---


@pytest.mark.parametrize(
    ("item", "members", "answer"),
    [
        ("boot", {"imsis": ("001010000000001", "001010000000002")}, "NEEDED"),
        ("boot", {"iccids": (BOOTSTRAP, OPERATIONAL)}, "NEEDED"),
        ("boot", {"traffic": ("ES9+ to somebody",)}, "NEEDED"),
        ("shielded", {"ok": False, "dead": True}, "NEEDED"),
        ("shielded", {"ok": False, "dead": False}, "UNKNOWN"),
        ("shielded", {"iccid": BOOTSTRAP}, "UNKNOWN"),
        ("boot", {"strangers": ("over tcp to 1.2.3.4:443",)}, "UNKNOWN"),
        ("boot", {"lacks": ("canaries",)}, "UNKNOWN"),
        ("boot", {"iccids": ()}, "UNKNOWN"),
        ("boot", {"imsis": ()}, "UNKNOWN"),
        ("boot", {"reached": None}, "UNKNOWN"),
        ("boot", {"reached": None, "traffic": ("ES9+ to somebody",)}, "UNKNOWN"),
        ("boot", {"traffic": ("ES9+ to somebody",), "lacks": ("canaries",)}, "NEEDED"),
    ],
)
def test_what_needs_the_network(item: str, members: dict[str, Any], answer: str) -> None:
    verdict = said(item, **members)
    assert verdict.network.answer == answer
    assert bool(verdict.network.missing) == (answer == "UNKNOWN")


def sight(**members: Any) -> Sight:
    canaries = [(float(10 * one), one + 1) for one in range(5)]
    return Sight(**{"canaries": canaries, "frames": 5, "first": 0.0, "last": 40.0, **members})


@pytest.mark.parametrize(
    ("members", "lack"),
    [
        ({"canaries": []}, "canary packets"),
        ({"canaries": [(0.0, 1), (10.0, 2), (30.0, 3), (40.0, 4)]}, "20 s"),
        ({"first": -16.0}, "16 s"),
        ({"last": 56.0}, "16 s"),
        ({"canaries": [(0.0, 1), (10.0, 2), (20.0, 4), (30.0, 5), (40.0, 6)]}, "numbers"),
        ({"gaps": 1}, "holes"),
        ({"overfull": True}, "too large"),
        ({"notes": ["packet-cut: something"]}, "not whole"),
        ({"frames": 6}, "counters that fit"),
    ],
)
def test_what_a_capture_lacks(tmp_path: Any, members: dict[str, Any], lack: str) -> None:
    counters = tmp_path / "counters.json"
    counters.write_text('{"packets": {"eth0": 5}}')
    assert completeness(sight(), counters) == ()
    found = completeness(sight(**members), counters)
    assert len(found) == 1
    assert lack in found[0]
    assert completeness(sight(), None) == ("counters of the interfaces",)


# --- question 3 ---


@pytest.mark.parametrize(
    ("item", "members", "link"),
    [
        ("order", {"id": "O2"}, "L1"),
        ("order", {"ranges": ()}, "L1"),
        ("binding", {"eid": OTHER}, "L2"),
        ("binding", {"key_ref": "00" * 8}, "L2"),
        ("binding", {"digest": "00" * 32}, "L3"),
        ("binding", {"bpp_digest": "00" * 32}, "L3"),
        ("binding", {"oid": "2.999.99"}, "L3"),
        ("custody", {"factory": "elsewhere"}, "L3"),
        ("result", {"signer": OTHER}, "L4"),
        ("result", {"digest": "00" * 32}, "L4"),
        ("result", {"oid": "2.999.99"}, "L4"),
        ("result", {"raw": b"other"}, "L5"),
        ("answer", {"order": "O2"}, "L5"),
        ("answer", {"installed": ((OPERATIONAL, OTHER, ""),)}, "L5"),
        ("order", {"network": "26201"}, "L6"),
        ("shielded", {"imsi": "262010000000001"}, "L6"),
        ("state", {"profiles": None}, "L6"),
    ],
)
def test_unequal_values_contradict(item: str, members: dict[str, Any], link: str) -> None:
    given = {"profiles": state_with(network="26201")} if item == "state" else members
    verdict = said(item, **given)
    assert link in {one.name for one in verdict.links if one.unequal}
    assert (verdict.kind, verdict.parties.answer) == (INVALID, "CONTRADICTED")


@pytest.mark.parametrize(
    ("item", "members", "link"),
    [
        ("answer", {"active": frozenset()}, "L5"),
        ("answer", {"installed": ()}, "L5"),
        ("order", {"network": ""}, "L6"),
        ("shielded", {"imsi": ""}, "L6"),
    ],
)
def test_what_is_not_said_leaves_a_link_open(item: str, members: dict[str, Any], link: str) -> None:
    verdict = said(item, **members)
    assert verdict.parties.answer == "PARTIAL(5)"
    assert [one.name for one in verdict.links if str(one.standing) == "open"] == [link]
    assert verdict.kind == "PRELOADED_UNCOORDINATED"


def test_a_verdict_that_is_not_installed_leaves_the_way_back_open() -> None:
    report = good().report.value
    assert report is not None
    items = tuple(replace(one, verdict="not-proven") for one in report)
    verdict = conclude(replace(good(), report=Item("E12", items)))
    assert verdict.parties.answer == "PARTIAL(5)"


def test_a_declared_sponsor_may_authenticate() -> None:
    roaming = changed(good(), "shielded", imsi="262010000000001")
    assert conclude(roaming).kind == INVALID
    plan = replace(roaming.plan, sponsors=frozenset({"26201"}))
    assert conclude(replace(roaming, plan=plan)).kind == "GENUINE_IFPP"


def test_a_statement_about_another_device_contradicts() -> None:
    preload = good("BORN_CONNECTED_EUM_PRELOAD-statement")
    assert conclude(changed(preload, "order", ranges=())).kind == INVALID
    assert conclude(without(preload, "chips")).kind == "PRELOADED_UNCOORDINATED"
    assert conclude(without(preload, "answer")).parties.answer == "PARTIAL(3)"


# --- the class ---


def test_the_field_is_told_from_a_bootstrap_by_what_was_inside() -> None:
    field = good("FIELD_PROVISIONED-empty-euicc")
    assert conclude(field).kind == "FIELD_PROVISIONED"
    boots = good("BOOTSTRAP_RELABELLED-download")
    assert conclude(boots).kind == "BOOTSTRAP_RELABELLED"
    unseen = without(changed(boots, "boot", installed=frozenset({OPERATIONAL})), "state")
    verdict = conclude(unseen)
    assert verdict.kind == OPEN
    assert any("E7" in one for one in verdict.missing)


def test_in_the_field_without_a_network_is_nothing() -> None:
    verdict = said("boot", installed=frozenset({OPERATIONAL}))
    assert (verdict.network.answer, verdict.kind) == ("NOT_NEEDED", OPEN)
