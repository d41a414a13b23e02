"""The examples of evidence: made again they are the same, and each gets the class of its name."""

from __future__ import annotations

import filecmp
import json
from pathlib import Path

import pytest

from sgprobe.cli import run
from sgprobe.judge.answers import Class
from vectors.ifpp.make import EVIDENCE, SCENES

NAMES = sorted(one.name for one in EVIDENCE.iterdir())


def test_every_class_and_trap_has_an_example() -> None:
    assert set(NAMES) == set(SCENES)
    assert {name.split("-")[0] for name in NAMES} == {str(one) for one in Class}
    size = sum(one.stat().st_size for one in EVIDENCE.rglob("*") if one.is_file())
    assert size < 3 << 20


@pytest.mark.parametrize("name", NAMES)
def test_made_again_it_is_the_same(name: str, tmp_path: Path) -> None:
    SCENES[name](tmp_path / name)
    kept, made = (
        sorted(one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file())
        for root in (EVIDENCE / name, tmp_path / name)
    )
    assert kept == made
    _, differ, odd = filecmp.cmpfiles(EVIDENCE / name, tmp_path / name, kept, shallow=False)
    assert (differ, odd) == ([], [])


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_says_the_class(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ifpp", "judge", str(EVIDENCE / name), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["class"] == name.split("-")[0]
    if told["class"] == "INCONCLUSIVE":
        assert told["missing"]
