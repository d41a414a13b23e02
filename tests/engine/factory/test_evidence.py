"""Evidence as a product: laid out by scene, damaged in a copy, and judged."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.cases.observables import STATE_COLUMNS
from sgprobe.cases.suite import load_suite
from sgprobe.crypto.pki import TestPki
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.factory.evidence import EVIDENCE, VERDICT, EvidenceRoom, damage, examples
from sgprobe.engine.outcome import NotHere
from sgprobe.engine.played import Options
from sgprobe.events import Verdict
from sgprobe.product import keys
from sgprobe.product.load import load_text
from sgprobe.product.model import ProductError

ANCHORS = [one.anchor for one in TestPki.load()]
CASE = data_dir("suites") / "ifpp" / "system" / "IFPP-VRD-001.case.yaml"


def judged(*rows: dict[str, Any], scenes: dict[str, Path] | None = None) -> list[dict[str, Any]]:
    room = EvidenceRoom(scenes, ANCHORS)
    asyncio.run(room.bring(EVIDENCE, list(rows)))
    return asyncio.run(room.read(VERDICT))


def test_scenes_of_examples_are_those_of_products() -> None:
    assert {one.name for one in keys.EVIDENCE} == set(examples())


def test_a_row_for_each_evidence() -> None:
    whole, forged = judged(
        {"scene": "complete"}, {"scene": "complete", "name": "forged", "flip": {"E6": "1000"}}
    )
    assert (whole["name"], whole["class"], whole["refused"]) == ("complete", "GENUINE_IFPP", "none")
    assert (forged["name"], forged["class"], forged["refused"]) == ("forged", "INCONCLUSIVE", "E6")
    assert set(whole) == set(STATE_COLUMNS[VERDICT])


@pytest.mark.parametrize(
    ("row", "refused", "absent"),
    [
        ({"without": ["E7"]}, "none", "E7 E14"),
        ({"without": "E1"}, "none", "E1 E14"),
        ({"flip": {"E5.trace": "0"}}, "E5", "E14"),
        ({"members": {"E13": {"eid": "0"}}}, "E13", "E14"),
        ({"members": {"E10.counters": {"packets": {"cell0": "1"}}}}, "none", "E14"),
    ],
)
def test_damage(row: dict[str, Any], refused: str, absent: str) -> None:
    told = judged({"scene": "complete", **row})[0]
    assert (told["refused"], told["absent"]) == (refused, absent)
    assert told["class"] != "GENUINE_IFPP"
    assert judged({"scene": "complete"})[0]["class"] == "GENUINE_IFPP", "a copy was damaged"


@pytest.mark.parametrize(
    "row",
    [
        {"without": ["E14"]},
        {"flip": {"E6": "99999"}},
        {"flip": {"E6": "x"}},
        {"flip": {"E14": "0"}},
        {"flip": {"E99": "0"}},
        {"members": {"E6": {"a": "b"}}},
        {"members": {"E13": "b"}},
    ],
)
def test_damage_that_cannot_be_done(row: dict[str, Any]) -> None:
    with pytest.raises(Unresolved):
        judged({"scene": "complete", **row})


def test_what_is_not_there() -> None:
    with pytest.raises(Unresolved, match="no scene genuine; known are"):
        judged({"scene": "genuine"})
    with pytest.raises(NotHere, match="names no evidence of the scene download"):
        judged({"scene": "download"}, scenes={"complete": examples()["complete"]})
    room = EvidenceRoom(None, ANCHORS)
    with pytest.raises(Unresolved, match="comes first"):
        asyncio.run(room.read(VERDICT))
    with pytest.raises(Unresolved, match="cannot be read"):
        judged({"scene": "x", "without": "E1"}, scenes={"x": Path("/nowhere")})


def test_evidence_without_a_plan_cannot_be_judged(tmp_path: Path) -> None:
    (tmp_path / "evidence.yaml").write_text("evidence: 0\n")
    with pytest.raises(Unresolved, match="cannot be judged"):
        judged({"scene": "x"}, scenes={"x": tmp_path})
    with pytest.raises(Unresolved):
        damage(tmp_path, {"without": "E1"})


PRODUCT = """product: line-7
version: '1'
role: system
spec: IFPP@0
evidence:
"""


def run(text: str) -> Any:
    product = load_text(text, Path("/line.yaml"), load_suite(CASE.parents[2]).catalogue,
                        date(2026, 1, 1))  # fmt: skip
    bench = Bench(Choice(product=product, options=Options(product=product)))
    (ready,) = bench.ready(CASE)
    return bench.run(ready, lambda event: None)


def test_a_product_gives_its_own_evidence() -> None:
    good = run(PRODUCT + f"  complete: {examples()['complete']}\n")
    assert (good.verdict, good.reason) == (Verdict.PASS, "")
    bad = run(PRODUCT + f"  complete: {examples()['left-disabled']}\n")
    assert bad.verdict is Verdict.FAIL
    assert "BOOTSTRAP_RELABELLED" in bad.reason
    other = run(PRODUCT + f"  download: {examples()['download']}\n")
    assert other.verdict is Verdict.NOT_APPLICABLE
    assert "names no evidence of the scene complete" in other.reason


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ProductError, match="nowhere"):
        run(PRODUCT + "  complete: nowhere\n")
