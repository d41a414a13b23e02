"""Plans choose the rows that they say, and a wrong plan is told with its place."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from sgprobe.cases.catalogue import load_purposes
from sgprobe.cases.runsets import ORDINARY_SCALE, load_runsets
from sgprobe.data import data_dir
from sgprobe.fileerror import FileError, render

SUITES = data_dir("suites")
ROWS = load_purposes(SUITES).rows


def test_our_plans_choose_what_they_say() -> None:
    plans = load_runsets(SUITES)
    assert plans.problems == []
    sets = plans.sets
    assert len(sets["smoke"].ids) == 16
    assert "ESIPA-EIM-GEP-006" in sets["smoke"].ids
    assert len(sets["official-mirror"].ids) == 132
    security = sets["security"].ids
    assert {"RPL-EUI-CNT-003", "ESIPA-EIM-PER-006", "ES10-EUI-LEP-014"} <= security
    assert not {"ESIPA-EIM-PER-001", "ES10-EUI-LEP-001", "ES10-EUI-AUS-004"} & security
    assert sets["robustness"].ids == {one.id for one in ROWS.values() if one.section == "P"}
    assert "RBK-IPA-CON-001" in sets["constrained-link"].ids
    assert "RBK-EUI-PRB-001" not in sets["constrained-link"].ids
    for role in ("eim", "ipa", "euicc", "smdp", "smds", "smdpf", "fpa", "device", "system"):
        assert sets[role].ids == {one.id for one in ROWS.values() if role in one.roles}, role


def test_certification_holds_the_mirror_the_ics_and_every_shall() -> None:
    plans = load_runsets(SUITES).sets
    certification = plans["certification"].ids
    assert plans["official-mirror"].ids <= certification
    for row in ROWS.values():
        asked = row.level == "shall" and row.layer in ("", "S")
        if asked or row.section == "S":
            assert row.id in certification
        elif not row.official:
            assert row.id not in certification


def test_the_factory_runs_small_unless_asked() -> None:
    plans = load_runsets(SUITES)
    assert plans.named("factory-scale").scale == 1
    assert plans.named("smdpf").scale == ORDINARY_SCALE == Fraction(1, 1000)


def test_whatever_has_a_scale_is_in_the_plan_of_the_whole() -> None:
    full = load_runsets(SUITES).named("factory-scale").ids
    scaled = {
        path.name.removesuffix(".case.yaml")
        for path in SUITES.glob("ifpp/*/*.case.yaml")
        if "$count." in (text := path.read_text()) or "trigger: scale." in text
    }
    assert len(scaled) > 15
    assert scaled <= full, sorted(scaled - full)


def test_a_plan_that_is_not_there_is_told() -> None:
    with pytest.raises(FileError) as raised:
        load_runsets(SUITES).named("smoek")
    assert "did you mean 'smoke'?" in render(raised.value.problems[0])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("sections: [P]", "sections: [Q]", "'Q' is not one of A, B"),
        ("sections: [P]", "section: [P]", "'section' is not a key here"),
        ("iut: smdpf", "iut: smdpg", "'smdpg' is not one of ipa"),
        ("- sets: smoke", "- sets: smok", "'smok' is not one of"),
        ("- ids: [RBK-IPA]", "- ids: [RBK-IPX]", "no row of the catalogue is so"),
        ("- sections: [P]", "- P", "a selector is a mapping"),
        ("plans: [official-mirror]", "plans: [certification]", "'certification' is not one of"),
        ('scale: "1"', "scale: 3/0", "'scale' is 1, or a part of it"),
        ("  any:\n    - iut: device\n", "", "the plan 'device' chooses nothing"),
        ("  any:\n    - iut: device\n", "  any: x\n", "'any' is a list of selectors"),
    ],
)
def test_a_wrong_plan_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    root = tmp_path / "suites"
    shutil.copytree(SUITES / "catalogue", root / "catalogue")
    for name in ("official.yaml", "plans.yaml"):
        shutil.copy(SUITES / name, root)
    path = root / "plans.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    texts = [render(one) for one in load_runsets(root).problems]
    assert any(told in text for text in texts), texts
    assert all("^" in text for text in texts)
