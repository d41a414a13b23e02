"""A device under test speaks as its IPA and its eUICC; who loads it in a factory is simulated."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgprobe.cases import planned as p
from sgprobe.cases.load import load_case
from sgprobe.cases.model import faces
from sgprobe.cases.plan import plans
from sgprobe.cases.suite import load_suite, near
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.played import Options
from sgprobe.events import Event, ItemStarted, MessageSeen, Verdict

SUITES = data_dir("suites")
FOLDER = SUITES / "ifpp" / "device"
IXIT = {"command-limit": "30 s", "answer-limit": "30 s"}


def run(name: str) -> tuple[Verdict, list[Event]]:
    told: list[Event] = []
    bench = Bench(Choice(options=Options(ixit=dict(IXIT))))
    (ready,) = bench.ready(FOLDER / f"{name}.case.yaml")
    return bench.run(ready, told.append).verdict, told


def test_faces() -> None:
    assert faces("device") == ("ipa", "euicc")
    assert faces("eim") == ("eim",)


def test_what_ipa_and_euicc_say_is_expected() -> None:
    path = FOLDER / "IFPP-LIF-002.case.yaml"
    suite = load_suite(SUITES)
    case = load_case(path, near(path))
    (plan,) = plans(case, suite, suite.versions(case))
    messages = [one for one in plan.compiled.steps if isinstance(one, p.PlannedMessage)]
    assert [(one.sender, one.expect) for one in messages] == [("fpa", False), ("euicc", True)]
    assert plan.compiled.role == "device"


@pytest.mark.parametrize("name", sorted(one.name.split(".")[0] for one in FOLDER.glob("*.yaml")))
def test_the_reference_passes(name: str) -> None:
    verdict, told = run(name)
    assert verdict is Verdict.PASS
    assert all(one.iut == "device" for one in told if isinstance(one, ItemStarted))


def test_messages_of_both_are_the_products() -> None:
    _, told = run("IFPP-LIF-001")
    said = [one for one in told if isinstance(one, MessageSeen)]
    assert {one.sender for one in said if one.product} == {"ipa", "euicc"}
    assert {one.sender for one in said if not one.product} == {"fpa", "eim"}


def test_cases_of_a_device_are_where_they_belong() -> None:
    assert len(list(Path(FOLDER).glob("IFPP-LIF-*.case.yaml"))) >= 4
