"""Cases with alternatives take every one that the row allows, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sgprobe.cases.suite import load_suite
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.item import Options
from sgprobe.events import Verdict
from sgprobe.peers.effects import Procedure
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.ipa import notify, packages
from sgprobe.peers.ipa.means import Party

CASES = ("ESIPA-IPA-EPK-004", "NTF-IPA-DEL-007")


def verdicts(case: str, out: Path) -> set[Verdict | None]:
    """Run a case of ours against the references."""
    suite = load_suite(data_dir("suites"))
    told = {name: one.default for name, one in suite.catalogue.settings.items() if one.default}
    bench = Bench(Choice(options=Options(out=out, ixit=told)))
    ready = bench.ready(data_dir("suites") / f"esipa/ipa/{case}.case.yaml")
    return {bench.run(one, lambda event: None).judged for one in ready}


def bare(party: Party, result: m.PackageResult) -> Procedure[m.PackageResult]:
    """Attach nothing to a result."""
    yield from ()
    return result


def notified(party: Party, result: m.PackageResult) -> Procedure[bool]:
    """Deliver a result as a notification, which nobody acknowledges."""
    inside = m.ProvideEimPackageResult(party.eid, result)
    yield from party.ask(m.HandleNotification(result=inside))
    return True


def nothing(*_: Any) -> Procedure[int]:
    """Deliver no notification."""
    yield from ()
    return 0


Change = Callable[[pytest.MonkeyPatch], None]


def as_it_is(patch: pytest.MonkeyPatch) -> None:
    """Change nothing: the reference puts notifications beside the result."""


def result_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(packages, "attached", bare)


def result_as_notification(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(packages, "attached", bare)
    patch.setattr(packages, "deliver", notified)


def no_notification(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(packages, "attached", bare)
    patch.setattr(notify, "deliver", nothing)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("change", [as_it_is, result_alone, result_as_notification])
def test_each_way_of_telling_a_notification_passes(
    case: str, change: Change, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    change(monkeypatch)
    assert verdicts(case, tmp_path) == {Verdict.PASS}


@pytest.mark.parametrize("case", CASES)
def test_a_notification_that_is_never_told_fails(
    case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_notification(monkeypatch)
    assert verdicts(case, tmp_path) == {Verdict.FAIL}
