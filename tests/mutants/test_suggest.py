"""Suggestions: which cases catch a rule that is off, and the mutant to write for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sgprobe.cases.suite import load_suite
from sgprobe.data import data_dir
from sgprobe.mutants import suggest
from sgprobe.mutants.hunt import case_paths
from sgprobe.mutants.mutant import load_mutants
from sgprobe.mutants.rules import all_rules
from sgprobe.mutants.suggest import ROLES, catchers, entry


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    few = ("ESIPA-EIM-GEP-001", "ESIPA-EIM-GEP-002", "ESIPA-IPA-GEP-007")
    monkeypatch.setattr(suggest, "case_paths", lambda: {one: case_paths()[one] for one in few})


def test_the_cases_that_catch_a_rule(tmp_path: Path) -> None:
    assert catchers("EIM.EID-KNOWN", tmp_path) == ["ESIPA-EIM-GEP-002"]


def test_every_rule_has_a_role() -> None:
    assert {rule.partition(".")[0] for rule in all_rules()} <= set(ROLES)


def test_an_entry_is_a_mutant(tmp_path: Path) -> None:
    """What is printed can be put into a file as it is."""
    (tmp_path / "mutants").mkdir()
    text = "".join(entry(rule, ["ESIPA-EIM-GEP-002"]) for rule in all_rules())
    (tmp_path / "mutants" / "a.yaml").write_text(text, encoding="utf-8")
    found = load_mutants(replace(load_suite(data_dir("suites")), root=tmp_path))
    assert found["EIM-EID-KNOWN-OFF"].off == {"EIM.EID-KNOWN"}
    assert found["EIM-EID-KNOWN-OFF"].role == "eim"
    assert len(found) == len(all_rules())
