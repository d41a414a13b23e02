"""Cases with alternatives take every one that the row allows, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from play_helpers import play

from sgprobe.cases.suite import load_suite
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.played import Options
from sgprobe.engine.stage import Stage
from sgprobe.events import Verdict
from sgprobe.exchange import Request, Response
from sgprobe.links.https_client import Unreachable
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


POLL, ANSWER = "  - ipa -> eim: GetEimPackageRequest\n", "  - eim -> ipa: GetEimPackageResponse\n"
QUIET = "  - quiet: eim\n    for: 5 s\n"
EITHER = """  - either:
      - eim -> ipa: GetEimPackageResponse
        http: {status: 400}
      - quiet: eim
        for: 5 s
"""


@pytest.mark.parametrize("between", [QUIET, EITHER])
def test_an_answer_that_was_lost_is_not_the_answer_to_a_later_request(
    between: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A connection that is closed is as good as silence, and the next one is another matter."""
    asked = 0
    ask = Stage.ask

    async def closed_once(self: Stage, url: str, request: Request, *more: str) -> Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise Unreachable("closed")
        return await ask(self, url, request, *more)

    monkeypatch.setattr(Stage, "ask", closed_once)
    result, _ = play(tmp_path, f"steps:\n{POLL}{between}{POLL}{ANSWER}")
    assert result.verdict is Verdict.PASS, result.reason
    asked = 0
    result, _ = play(tmp_path, f"steps:\n{POLL}{ANSWER}")
    assert result.verdict is Verdict.FAIL
