"""References made otherwise: found by what a case applies to, made as they answer, and told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from play_helpers import GOOD, play

from sgprobe import events as e
from sgprobe.cases.suite import load_suite
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.models import fields_of
from sgprobe.events import Verdict
from sgprobe.fileerror import FileError
from sgprobe.host.world import Plan, World
from sgprobe.product.references import MODELS, Model, load_models

SUITE = load_suite(data_dir("suites"))
FOLDER = SUITE.root / "ics" / "reference"
BENCH = Bench(Choice())
OURS = [one for models in BENCH.models(SUITE).values() for one in models]
QUEUED = """\
given:
  - trigger: eim.queue-package
    with: {eid: $eid, enable: $iccid.b}
steps:
  - ipa -> eim: GetEimPackageRequest
  - eim -> ipa: GetEimPackageResponse
    fields:
      euiccPackageRequest.euiccPackageSigned.eimTransactionId: TRANSACTION
"""


def body(condition: str, transaction: str) -> str:
    return f"applies-if: {condition}\n\n" + QUEUED.replace("TRANSACTION", transaction)


def started(told: list[e.Event]) -> e.ItemStarted:
    return next(one for one in told if isinstance(one, e.ItemStarted))


def test_a_case_is_played_by_the_first_reference_that_it_applies_to(tmp_path: Path) -> None:
    result, told = play(tmp_path, body("EIM_TRID", "<16 bytes>"))
    assert result.verdict is Verdict.PASS
    assert "reference" not in started(told).parameters

    result, told = play(tmp_path, body("not EIM_TRID", "<absent>"))
    assert result.verdict is Verdict.PASS, result.reason
    assert started(told).parameters["reference"] == "eim-plain"
    notes = [one.text for one in told if isinstance(one, e.Note)]
    assert notes[0].startswith("played by the reference eim-plain: EIM_TRID is no")


@pytest.mark.parametrize(
    ("value", "verdict"), [("oid", Verdict.NOT_APPLICABLE), ("2.5", Verdict.PASS)]
)
def test_conditions_see_settings_of_the_product(
    tmp_path: Path, value: str, verdict: Verdict
) -> None:
    case = f"applies-if: ixit.rsp-version == {value}\n\nsteps:\n{GOOD}"
    result, _ = play(tmp_path, case, ixit={"rsp-version": "2.5"})
    assert result.verdict is verdict, result.reason


def test_what_no_reference_answers_is_not_applicable(tmp_path: Path) -> None:
    case = f"applies-if: EIM_DER\n\nsteps:\n{GOOD}"
    result, told = play(tmp_path, case)
    assert (result.verdict, result.reason) == (Verdict.NOT_APPLICABLE, "ICS: EIM_DER is no")
    assert "reference" not in started(told).parameters


@pytest.mark.parametrize("model", OURS, ids=lambda one: one.name)
def test_every_model_can_be_made_and_differs(model: Model) -> None:
    fields = fields_of(model)
    plain, world = World(Plan()), World(Plan(models=fields))
    made = {"eim": world.eim_setup, "ipa": world.ipa.config, "euicc": world.euicc.chip.config}
    usual = {"eim": plain.eim_setup, "ipa": plain.ipa.config, "euicc": plain.euicc.chip.config}
    assert fields
    for role, told in fields.items():
        for name, value in told.items():
            assert getattr(made[role], name) == value != getattr(usual[role], name)
    # each answers otherwise than the first one, or there is no use for it
    first = BENCH.references(SUITE)[model.role]
    assert all((first[name].values == ("yes",)) != value for name, value in model.answers.items())


def test_a_model_that_cannot_be_made_is_told() -> None:
    wrong = replace(OURS[0], role="eim", answers={"EIM_ECO": False})
    with pytest.raises(FileError, match="the reference eim cannot be made with EIM_ECO: no"):
        fields_of(wrong)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("role: eim\nanswers: {EIM_TRIT: no}", "'EIM_TRIT' is not a question"),
        # beside what the first reference answers
        ("role: eim\nanswers: {EIM_INDIRECT: no}", "EIM_SMDS implies EIM_INDIRECT"),
        ("answers: {EIM_TRID: no}", "a reference has 'role' and 'answers'"),
    ],
)
def test_a_model_that_is_wrong_is_told(tmp_path: Path, text: str, wanted: str) -> None:
    (tmp_path / MODELS).mkdir()
    (tmp_path / MODELS / "x.yaml").write_text(text)
    with pytest.raises(FileError, match=wanted):
        load_models(tmp_path, SUITE.catalogue, BENCH.references(SUITE))
