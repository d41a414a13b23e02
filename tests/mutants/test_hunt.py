"""A mutant is caught, survives, or is broken: each is told apart from the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sgprobe.cases.suite import load_suite
from sgprobe.data import data_dir
from sgprobe.mutants import hunt
from sgprobe.mutants.hunt import BROKEN, CAUGHT, SURVIVED, try_one
from sgprobe.mutants.mutant import Mutant, load_mutants

CASE = "ESIPA-EIM-GEP-001"
KILLER = "EIM-UNDEFINED-ERROR"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Mutant]:
    found = dict(load_mutants(load_suite(data_dir("suites"))))
    monkeypatch.setattr(hunt, "_mutants", lambda: found)
    return found


def test_a_mutant_is_caught(planted: dict[str, Mutant], tmp_path: Path) -> None:
    kill = try_one(KILLER, CASE, tmp_path)
    assert (kill.outcome, kill.mutant, kill.case) == (CAUGHT, KILLER, CASE)
    assert kill.item.startswith(CASE)
    assert "undefinedError" in kill.reason
    assert kill.seconds > 0


def test_a_case_that_does_not_look_lets_it_live(planted: dict[str, Mutant], tmp_path: Path) -> None:
    planted["TRY"] = replace(planted[KILLER], name="TRY", says=(), off=frozenset({"EIM.EID-VALID"}))
    assert try_one("TRY", CASE, tmp_path).outcome == SURVIVED


def test_a_case_of_another_role_does_not_catch(planted: dict[str, Mutant], tmp_path: Path) -> None:
    planted["TRY"] = replace(planted[KILLER], name="TRY", role="smdp", says=())
    kill = try_one("TRY", CASE, tmp_path)
    assert (kill.outcome, kill.reason) == (SURVIVED, "the case does not test the smdp")


def test_a_case_that_is_not_there(planted: dict[str, Mutant], tmp_path: Path) -> None:
    kill = try_one(KILLER, "ESIPA-EIM-GEP-999", tmp_path)
    assert (kill.outcome, kill.reason) == (BROKEN, "there is no such case")


def test_a_bench_that_breaks_has_caught_nothing(
    planted: dict[str, Mutant], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of ours is neither a kill nor a survival."""

    async def broken(self: object, step: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("sgprobe.engine.steps.Player._send", broken)
    kill = try_one(KILLER, CASE, tmp_path)
    assert kill.outcome == BROKEN
    assert "ZeroDivisionError" in kill.reason


def test_a_fault_that_fits_no_answer_changes_nothing(
    planted: dict[str, Mutant], tmp_path: Path
) -> None:
    """The product is the reference then, and lives."""
    says = planted["EIM-ORDERS-MERGED"].says
    planted["TRY"] = replace(planted[KILLER], name="TRY", says=says)
    assert try_one("TRY", CASE, tmp_path).outcome == SURVIVED


def test_pairs_are_tried_in_order(planted: dict[str, Mutant], tmp_path: Path) -> None:
    pairs = [(KILLER, CASE), (KILLER, "ESIPA-EIM-GEP-999")]
    assert [one.outcome for one in hunt.hunt(pairs, 1, tmp_path)] == [CAUGHT, BROKEN]
