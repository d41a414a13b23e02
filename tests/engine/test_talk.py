"""Simulated roles say what a case wants: rules, replies by steps, silence; faults end well."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from play_helpers import ended, play, said

from sgprobe import events as e
from sgprobe.cases.match import Unresolved
from sgprobe.engine.card.side import CardSide
from sgprobe.engine.stage import Stage
from sgprobe.engine.talk import Talk
from sgprobe.events import Verdict

POLL = "  - trigger: ipa.poll\n"
ASKED = "  - ipa -> eim: GetEimPackageRequest\n    within: 60 s\n"
ONCE = POLL + ASKED
# what the IPA does next shows that the answer has come
DONE = "  - quiet: ipa\n    for: 10 s\n    toward: smdp\n"


def ipa(folder: Path, rules: str, steps: str, **more: Any) -> tuple[Any, list[e.Event]]:
    peers = f"peers:\n  eim:\n{rules}\n" if rules else ""
    begun = time.monotonic()
    found = play(folder, f"{peers}steps:\n{steps}", role="ipa", limit=60, **more)
    assert time.monotonic() - begun < 45, "it hangs"
    return found


def on(*answers: str) -> str:
    listed = "".join(f"      - {one}\n" for one in answers)
    return f"    on GetEimPackageRequest:\n{listed}"


def says(error: str) -> str:
    return f"{{reply: GetEimPackageResponse, fields: {{eimPackageError: {error}}}}}"


def answers(told: list[e.Event]) -> list[Any]:
    """Return what the simulated eIM answered to polls: errors, or statuses."""
    found = [one for one in told if isinstance(one, e.MessageSeen) and one.kind == "response"
             and one.function == "GetEimPackage"]  # fmt: skip
    return [one.value["eimPackageError"] if one.value else one.status for one in found]


# --- rules ---


def test_answers_come_in_turn_and_the_last_repeats(tmp_path: Path) -> None:
    rules = on(says("eidNotFound"), says("invalidEid"))
    result, told = ipa(tmp_path, rules, ONCE * 3 + DONE)
    assert result.verdict is Verdict.PASS, result.reason
    assert answers(told) == ["eidNotFound", "invalidEid", "invalidEid"]


def test_a_status_in_place_of_an_answer(tmp_path: Path) -> None:
    _, told = ipa(tmp_path, on("{status: 503}"), ONCE + DONE)
    assert answers(told)[0] == 503


def test_a_role_that_refuses(tmp_path: Path) -> None:
    _, told = ipa(tmp_path, "    refuses: true\n", ONCE + DONE)
    assert answers(told)[0] == 503
    # what a rule says goes before it
    _, told = ipa(tmp_path, "    refuses: true\n" + on(says("invalidEid")), ONCE + DONE)
    assert answers(told) == ["invalidEid"]


def test_an_answer_that_comes_late(tmp_path: Path) -> None:
    late = says("invalidEid").replace("{reply", "{after: 5 s, reply")
    _, told = ipa(tmp_path, on(late), ONCE + "  - advance: 8 s\n" + DONE)
    asked = said(told, "GetEimPackageRequest")[0]
    answer = said(told, "GetEimPackageResponse")[0]
    assert 5 <= answer.scenario - asked.scenario < 6


@pytest.mark.parametrize("word", ["silence", "reset"])
def test_no_answer_at_all(tmp_path: Path, word: str) -> None:
    result, told = ipa(tmp_path, on(word), ONCE + DONE)
    assert result.verdict is Verdict.PASS, result.reason
    assert answers(told) == []


def test_damage_of_the_answer_of_a_role(tmp_path: Path) -> None:
    rule = on("{reply: GetEimPackageResponse, mutate: {eimPackageError: {replace: 7f}}}")
    _, told = ipa(tmp_path, rule, ONCE + DONE)
    assert answers(told)[0] == "undefinedError"


# --- replies by steps ---

REPLY = """\
  - eim -> ipa: GetEimPackageResponse
    fields: {eimPackageError: %s}
"""


def test_a_step_answers_what_was_asked(tmp_path: Path) -> None:
    steps = ONCE + REPLY % "eidNotFound" + ONCE + REPLY % "invalidEid" + DONE
    result, told = ipa(tmp_path, "", steps)
    assert result.verdict is Verdict.PASS, result.reason
    assert answers(told) == ["eidNotFound", "invalidEid"]
    # the message belongs to the step that has sent it
    assert ended(told)["steps.3"].messages


def test_a_request_waits_for_its_step(tmp_path: Path) -> None:
    """What comes between goes on while the product waits."""
    steps = ONCE + "  - wait: 2 s\n" + REPLY % "invalidEid" + DONE
    result, told = ipa(tmp_path, "", steps)
    assert result.verdict is Verdict.PASS, result.reason
    asked = said(told, "GetEimPackageRequest")[0]
    assert said(told, "GetEimPackageResponse")[0].scenario - asked.scenario >= 2


def test_a_reply_waits_for_the_request(tmp_path: Path) -> None:
    result, told = ipa(tmp_path, "", POLL + REPLY % "invalidEid" + ASKED + DONE)
    assert result.verdict is Verdict.PASS, result.reason
    assert answers(told) == ["invalidEid"]


def test_a_reply_to_nothing_fails(tmp_path: Path) -> None:
    """The product was to ask."""
    result, _ = ipa(tmp_path, "", REPLY % "invalidEid" + DONE)
    assert result.verdict is Verdict.FAIL
    assert "no request came that GetEimPackageResponse could answer" in result.reason


def test_a_request_that_no_step_answers_in_the_end_does_not_hold_the_bench(tmp_path: Path) -> None:
    wrong = ASKED + "    fields: {eidValue: $eid.unknown}\n"
    result, _ = ipa(tmp_path, "", POLL + wrong + REPLY % "invalidEid")
    assert result.verdict is Verdict.FAIL


# --- faults of ours ---


def test_a_rule_without_a_value_is_inconclusive(tmp_path: Path) -> None:
    """No order was made: the simulated eIM has nothing to say."""
    rule = on("{reply: GetEimPackageResponse, fields: {profileDownloadTriggerRequest."
              "profileDownloadData.activationCode: $smdp.activation-code}}")  # fmt: skip
    for steps in (ONCE + "  - ipa -> eim: ProvideEimPackageResult\n", ONCE + DONE):
        result, _ = ipa(tmp_path, rule, steps)
        assert result.verdict is Verdict.INCONCLUSIVE
        assert "no order: trigger smdp.order first" in result.reason


@pytest.mark.parametrize(("side", "where"), [(Talk, "_answer"), (CardSide, "answer")])
def test_an_exception_in_a_handler_is_an_error_of_the_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: type, where: str
) -> None:
    """Neither does the case hang nor is the product to blame."""

    def broken(self: object, *rest: object) -> Any:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(side, where, broken)
    steps = POLL + "  - ipa -> eim: ProvideEimPackageResult\n    within: 5 s\n"
    result, _ = ipa(tmp_path, "", steps)
    assert result.verdict is Verdict.ERROR
    assert "the bench failed: ZeroDivisionError: ours" in result.reason


def test_an_exception_while_asking_is_an_error_of_the_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Talk, *rest: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(Talk, "_ask_server", broken)
    body = "steps:\n  - ipa -> eim: GetEimPackageRequest\n  - eim -> ipa: GetEimPackageResponse\n"
    result, _ = play(tmp_path, body, limit=60)
    assert result.verdict is Verdict.ERROR
    assert "ZeroDivisionError: ours" in result.reason


def test_a_product_without_an_address_is_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(self: Stage, role: str, sender: str = "") -> str:
        raise Unresolved("the bench has no way to ask eim")

    monkeypatch.setattr(Stage, "url", nowhere)
    body = "steps:\n  - ipa -> eim: GetEimPackageRequest\n  - eim -> ipa: GetEimPackageResponse\n"
    result, _ = play(tmp_path, body, limit=60)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no way to ask eim" in result.reason
