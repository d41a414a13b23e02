"""What the sections of a case make of a failure, and how an item ends whatever happens."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from play_helpers import GOOD, UNDOABLE, WRONG, ended, play

from sgprobe import events as e
from sgprobe.cases.match import Unresolved
from sgprobe.engine.played import Facts
from sgprobe.engine.stage import Stage
from sgprobe.engine.steps import Player
from sgprobe.events import Verdict

ASKED = "  - ipa -> eim: GetEimPackageRequest\n"
STUCK = GOOD.replace("GetEimPackageResponse", "GetEimPackageResponse\n    within: 1 h")
DEVIATION = {"reason": "known", "until": "2030-01-01"}
NEGATIVE = Facts(kind="negative")


def body(given: str = "", steps: str = GOOD, cleanup: str = "", trace: str = "") -> str:
    """Return the sections that are not empty."""
    sections = (("given", given), ("steps", steps), ("trace", trace), ("cleanup", cleanup))
    return "\n".join(f"{name}:\n{text}" for name, text in sections if text)


def last(told: list[e.Event]) -> e.ItemEnded:
    assert isinstance(told[-1], e.ItemEnded)
    return told[-1]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (body(), Verdict.PASS),
        (body(steps=WRONG), Verdict.FAIL),
        (body(given=WRONG), Verdict.INCONCLUSIVE),
        (body(given=UNDOABLE), Verdict.INCONCLUSIVE),
        (body(steps=UNDOABLE + GOOD), Verdict.INCONCLUSIVE),
        (body(steps=WRONG + "    otherwise: inconclusive\n"), Verdict.INCONCLUSIVE),
        (body(cleanup=WRONG), Verdict.PASS),
        (body(cleanup=UNDOABLE), Verdict.PASS),
        (body(steps=WRONG, cleanup=UNDOABLE), Verdict.FAIL),
    ],
    ids=["pass", "fail", "preamble", "preamble undoable", "steps undoable", "lenient",
         "clean-up fails", "clean-up undoable", "fail and clean-up"],
)  # fmt: skip
def test_sections(tmp_path: Path, text: str, verdict: Verdict) -> None:
    result, _ = play(tmp_path, text)
    assert result.verdict is verdict, result.reason
    assert bool(result.reason) is (verdict is not Verdict.PASS)


def test_a_reason_names_the_line(tmp_path: Path) -> None:
    """The line is that of the step that was not met."""
    result, _ = play(tmp_path, body(steps=WRONG))
    assert result.reason.endswith("[TRY-A.case.yaml:10]")
    assert "expected invalidEid(3), got noEimPackageAvailable(1)" in result.reason


def test_a_reason_says_that_it_was_the_preamble(tmp_path: Path) -> None:
    for given in (WRONG, UNDOABLE):
        assert play(tmp_path, body(given=given))[0].reason.startswith("preamble: ")


def test_the_clean_up_is_told_as_a_warning(tmp_path: Path) -> None:
    result, told = play(tmp_path, body(cleanup=UNDOABLE + WRONG))
    assert [one.partition(":")[0] for one in result.warnings] == ["clean-up", "clean-up"]
    assert {one: ended(told)[one].verdict for one in ("cleanup.1", "cleanup.3")} == {
        "cleanup.1": "inconclusive", "cleanup.3": "fail",
    }  # fmt: skip


@pytest.mark.parametrize("text", [body(given=UNDOABLE, cleanup=GOOD),
                                  body(steps=WRONG, cleanup=GOOD)])  # fmt: skip
def test_the_clean_up_is_played_after_a_failure(tmp_path: Path, text: str) -> None:
    _, told = play(tmp_path, text)
    assert ended(told)["cleanup.2"].verdict == "pass"


def test_steps_after_the_one_that_fails_are_not_played(tmp_path: Path) -> None:
    _, told = play(tmp_path, body(steps=WRONG + GOOD))
    assert list(ended(told)) == ["steps.1", "steps.2"]
    _, told = play(tmp_path, body(given=UNDOABLE))
    assert list(ended(told)) == ["given.1"]


def test_checks_of_the_preamble_do_not_count(tmp_path: Path) -> None:
    """What the body does not look at was not checked."""
    quiet = body(given=GOOD, steps="  - quiet: eim\n    for: 1 s\n    otherwise: inconclusive\n")
    assert play(tmp_path, quiet)[0].checks == 1
    assert play(tmp_path, body(given=GOOD))[0].checks == 1


def test_nothing_checked_is_inconclusive(tmp_path: Path) -> None:
    nothing = body(steps=ASKED, trace="  - every: {status: 200}\n    where: {from: smds}\n")
    result, _ = play(tmp_path, nothing, out=tmp_path)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no check was made" in result.reason


TRACE = "  - count: 3\n    where: {from: eim}\n"


def test_a_trace_is_judged_after_a_dialogue_that_was_played(tmp_path: Path) -> None:
    result, _ = play(tmp_path, body(trace=TRACE), out=tmp_path)
    assert result.verdict is Verdict.FAIL
    assert result.reason.startswith("count: 1 message, 3 expected (frame ")


def test_a_trace_says_nothing_of_what_was_not_played(tmp_path: Path) -> None:
    """Where the preamble broke off, messages are missing through no fault of the product."""
    for text in (body(given=UNDOABLE, trace=TRACE), body(steps=GOOD + UNDOABLE, trace=TRACE)):
        assert play(tmp_path, text, out=tmp_path)[0].verdict is Verdict.INCONCLUSIVE


# --- warnings and deviations ---

UNSURE = Facts(warns="the facts are not certain")


def test_uncertain_facts_only_warn(tmp_path: Path) -> None:
    result, _ = play(tmp_path, body(steps=WRONG), facts=UNSURE)
    assert (result.verdict, result.judged) == (Verdict.PASS, Verdict.FAIL)
    assert result.warnings[0].startswith("the facts are not certain: eimPackageError: expected")


def test_uncertain_facts_do_not_hide_what_could_not_be_judged(tmp_path: Path) -> None:
    result, _ = play(tmp_path, body(given=UNDOABLE), facts=UNSURE)
    assert result.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("text", "facts", "verdict"),
    [
        (body(steps=WRONG), Facts(), Verdict.PASS),
        (body(steps=WRONG), UNSURE, Verdict.PASS),
        (body(), Facts(), Verdict.FAIL),
        (body(given=UNDOABLE), Facts(), Verdict.INCONCLUSIVE),
    ],
    ids=["there", "there, of what only warns", "not there any more", "not judged"],
)
def test_deviations_are_strict(tmp_path: Path, text: str, facts: Facts, verdict: Verdict) -> None:
    result, told = play(tmp_path, text, facts=facts, deviation=DEVIATION)
    assert result.verdict is verdict, result.reason
    assert last(told).deviation == DEVIATION
    if verdict is Verdict.PASS:
        assert result.warnings[0].startswith("known deviation, known (until 2030-01-01): eimPack")


# --- after a failure ---


def test_a_failed_negative_case_asks_whether_the_product_answers(tmp_path: Path) -> None:
    assert last(play(tmp_path, body(steps=WRONG), facts=NEGATIVE)[1]).still_answers is True
    assert last(play(tmp_path, body(steps=WRONG), facts=Facts())[1]).still_answers is None
    assert last(play(tmp_path, body(), facts=NEGATIVE)[1]).still_answers is None


def test_a_product_that_stopped_answering_is_told(tmp_path: Path) -> None:
    gone = "  - link: eim\n    is: unreachable\n" + GOOD
    result, told = play(tmp_path, body(steps=gone), facts=NEGATIVE)
    assert result.verdict is Verdict.FAIL
    assert result.reason.endswith("…and it stopped answering")
    assert last(told).still_answers is False


# --- faults of the bench ---


def test_a_fault_of_ours_is_no_fault_of_the_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody foresaw is an error; the clean-up is played all the same."""

    async def broken(self: Player, step: object) -> None:
        raise ZeroDivisionError("no number")

    monkeypatch.setattr(Player, "_send", broken)
    result, told = play(tmp_path, body(cleanup="  - link: eim\n    is: up\n"))
    assert result.verdict is Verdict.ERROR
    assert result.reason.startswith("the bench failed: ZeroDivisionError: no number")
    assert ended(told)["steps.1"].verdict == "error"
    assert ended(told)["cleanup.1"].verdict == "pass"
    assert any(isinstance(one, e.Note) and one.kind == "internal" for one in told)
    assert isinstance(told[-1], e.ItemEnded)


def test_a_timeout_of_the_system_is_not_the_limit_of_the_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(self: Player, step: object) -> None:
        raise TimeoutError("[Errno 110] Connection timed out")

    monkeypatch.setattr(Player, "_send", late)
    assert "Errno 110" in play(tmp_path, body())[0].reason


def test_a_stage_that_cannot_be_set_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Stage) -> None:
        raise OSError("no port is left")

    monkeypatch.setattr(Stage, "__aenter__", broken)
    result, told = play(tmp_path, body())
    assert result.verdict is Verdict.ERROR
    assert "no port is left" in result.reason
    assert isinstance(told[-1], e.ItemEnded)


def test_what_the_bench_lacks_is_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lacking(self: Stage) -> None:
        raise Unresolved("bench lacks `endpoints: {esipa: URL}`")

    monkeypatch.setattr(Stage, "__aenter__", lacking)
    result, _ = play(tmp_path, body())
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason == "bench lacks `endpoints: {esipa: URL}`"


def test_an_item_over_its_limit_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error that names the step; its clean-up is played, and the next item runs."""
    good = Player._expect

    async def stuck(self: Player, step: object) -> object:
        if "1 h" in str(step):
            with self.clock.hold():
                await asyncio.sleep(60)
        return await good(self, step)  # type: ignore[arg-type]

    monkeypatch.setattr(Player, "_expect", stuck)
    begun = time.monotonic()
    result, told = play(tmp_path, body(steps=STUCK, cleanup=GOOD), limit=2.0, out=tmp_path)
    assert time.monotonic() - begun < 30
    assert result.verdict is Verdict.ERROR
    assert result.reason == "not over after 2 s: given up at steps.2"
    assert ended(told)["cleanup.2"].verdict == "pass"
    assert (tmp_path / "captures" / "TRY-A.pcapng").stat().st_size > 1000
    assert play(tmp_path, body())[0].verdict is Verdict.PASS


def test_a_skipped_item_has_its_two_events(tmp_path: Path) -> None:
    """What does not apply is told like what was run."""
    text = "applies-if: EIM_DER\n\n" + body()
    result, told = play(tmp_path, text)
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "EIM_DER" in result.reason
    assert [type(one) for one in told] == [e.CaseText, e.ItemStarted, e.ItemEnded]


UNREADABLE = """\
given:
  - trigger: eim.queue-package
    with: {eid: $eid, enable: 8949ABCDEF123456789, may-refuse: yes}
steps:
  - ipa -> eim: GetEimPackageRequest
  - eim -> ipa: GetEimPackageResponse
"""


def test_a_reference_that_fails_with_a_planted_fault_is_told_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result, told = play(tmp_path, UNREADABLE, off=frozenset({"EIM.ORDER-VALUES"}))
    assert result.verdict is Verdict.FAIL
    (warning,) = result.warnings
    assert warning.startswith("the reference fails with the fault planted in it: the handler of")
    assert "\n" not in warning
    assert not caplog.records
    assert "internal" not in [one.kind for one in told if isinstance(one, e.Note)]


def test_a_handler_that_fails_by_itself_is_a_fault_of_the_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sgprobe.peers.eim.server import Eim

    def broken(*_: object) -> None:
        raise ValueError("some fault of ours")

    monkeypatch.setattr(Eim, "answer", broken)
    result, told = play(tmp_path, f"steps:\n{GOOD}")
    assert result.verdict is Verdict.ERROR
    assert result.reason.startswith("the bench failed: the handler of")
    assert "some fault of ours" in result.reason
    assert not caplog.records
    assert [one.kind for one in told if isinstance(one, e.Note)] == ["internal"]
