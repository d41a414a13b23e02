"""What each kind of step waits for, sends and compares, seen in cases that are played."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from play_helpers import ended, play, said

from sgprobe.cases import templates as t
from sgprobe.engine.acts import Acts
from sgprobe.engine.end import Inbox, Trouble
from sgprobe.engine.outcome import Done, StepFailed
from sgprobe.engine.steps import Player
from sgprobe.events import Verdict
from sgprobe.links.clock import WallClock
from sgprobe.yamlnode import Source

POLL = "  - trigger: ipa.poll\n"
ASKED = "  - ipa -> eim: GetEimPackageRequest\n"
ENABLE = """\
peers:
  eim:
    on GetEimPackageRequest:
      - reply: GetEimPackageResponse
        fields: {euiccPackageRequest: $packages.enable-b}
      - reply: GetEimPackageResponse
        fields: {eimPackageError: noEimPackageAvailable}

"""


def ipa(folder: Path, steps: str, before: str = "", **more: Any) -> tuple[Any, Any]:
    return play(folder, f"{before}steps:\n{steps}", role="ipa", **more)


# --- which message ---


def test_the_first_of_its_type_is_judged_whatever_comes_between(tmp_path: Path) -> None:
    """What the eUICC is asked stands between; the case does not name it."""
    result, told = ipa(tmp_path, POLL + ASKED + "  - ipa -> eim: ProvideEimPackageResult\n", ENABLE)
    assert result.verdict is Verdict.PASS, result.reason
    assert said(told, "EuiccPackageRequest")


def test_next_permits_nothing_between(tmp_path: Path) -> None:
    steps = POLL + ASKED + "  - ipa -> eim: ProvideEimPackageResult\n    next: yes\n"
    result, _ = ipa(tmp_path, steps, ENABLE)
    assert result.verdict is Verdict.FAIL
    assert "EuiccPackageRequest came before ProvideEimPackageResult" in result.reason
    good = steps.replace("  - ipa -> eim: ProvideEim", "  - ipa -> euicc: EuiccPackageRequest\n"
                         "  - ipa -> eim: ProvideEim")  # fmt: skip
    assert ipa(tmp_path, good, ENABLE)[0].verdict is Verdict.PASS


def test_a_message_is_judged_once(tmp_path: Path) -> None:
    result, _ = ipa(tmp_path, POLL + ASKED + ASKED.replace("\n", "\n    within: 2 s\n"))
    assert result.verdict is Verdict.FAIL
    assert "no GetEimPackageRequest from ipa within 2 s" in result.reason


def test_within_is_scenario_time_and_tells_what_came(tmp_path: Path) -> None:
    """Ten hours pass at once."""
    begun = time.monotonic()
    steps = POLL + "  - ipa -> eim: ProvideEimPackageResult\n    within: 10 h\n"
    result, told = ipa(tmp_path, steps)
    assert time.monotonic() - begun < 30
    assert result.verdict is Verdict.FAIL
    assert "within 36000 s; it sent " in result.reason
    assert "GetEimPackageRequest" in result.reason
    end = ended(told)["steps.2"]
    assert end.scenario - ended(told)["steps.1"].scenario > 35_000


# --- silence, sets and alternatives ---


def test_quiet(tmp_path: Path) -> None:
    quiet = "  - quiet: ipa\n    for: 1 h\n"
    assert ipa(tmp_path, quiet)[0].verdict is Verdict.PASS
    result, _ = ipa(tmp_path, POLL + quiet)
    assert result.verdict is Verdict.FAIL
    assert "ipa sent " in result.reason
    elsewhere = POLL + ASKED + "  - quiet: ipa\n    for: 1 h\n    toward: smdp\n"
    assert ipa(tmp_path, elsewhere)[0].verdict is Verdict.PASS
    there = POLL + "  - quiet: ipa\n    for: 1 h\n    toward: eim\n"
    assert ipa(tmp_path, there)[0].verdict is Verdict.FAIL


BOTH = ("  - any-order:\n      - ipa -> eim: ProvideEimPackageResult\n"
        "      - ipa -> euicc: EuiccPackageRequest\n")  # fmt: skip


def test_any_order(tmp_path: Path) -> None:
    result, told = ipa(tmp_path, POLL + BOTH, ENABLE)
    assert result.verdict is Verdict.PASS, result.reason
    assert ended(told)["steps.2"].checks == 2
    result, _ = ipa(tmp_path, POLL + BOTH)
    assert result.verdict is Verdict.FAIL
    assert "there was no ProvideEimPackageResult, EuiccPackageRequest" in result.reason


EITHER = """\
  - either:
      - - ipa -> eim: GetEimPackageRequest
          fields: {eidValue: %s}
        - ipa -> euicc: EuiccPackageRequest
      - quiet: ipa
        for: 60 s
        toward: eim
"""


def test_either_plays_the_branch_whose_first_step_is_met(tmp_path: Path) -> None:
    result, told = ipa(tmp_path, POLL + EITHER % "$eid", ENABLE)
    assert result.verdict is Verdict.PASS, result.reason
    assert ended(told)["steps.2"].checks == 2
    # the branch is chosen: what is missing in it fails
    assert ipa(tmp_path, POLL + EITHER % "$eid")[0].verdict is Verdict.FAIL
    assert ipa(tmp_path, EITHER % "$eid")[0].verdict is Verdict.PASS


def test_a_branch_that_was_entered_has_its_own_limits(tmp_path: Path) -> None:
    branch = (
        "  - either:\n      - - ipa -> eim: GetEimPackageRequest\n          within: 5 s\n"
        "        - wait: 60 s\n"
    )
    result, _ = ipa(tmp_path, POLL + branch)
    assert result.verdict is Verdict.PASS, result.reason


def test_either_says_why_no_branch_is_met(tmp_path: Path) -> None:
    result, _ = ipa(tmp_path, POLL + EITHER % "$eid.unknown", ENABLE)
    assert result.verdict is Verdict.FAIL
    assert "eidValue: expected" in result.reason


def test_an_answer_that_is_lost_ends_a_set_at_once(tmp_path: Path) -> None:
    gone = "  - link: eim\n    is: unreachable\n" + ASKED
    one = "      - eim -> ipa: GetEimPackageResponse\n        within: 1 h\n"
    for word in ("any-order", "either"):
        result, told = play(tmp_path, f"steps:\n{gone}  - {word}:\n{one}")
        assert result.verdict is Verdict.FAIL
        assert "no GetEimPackageResponse: " in result.reason
        ends = ended(told)
        assert ends["steps.3"].scenario - ends["steps.2"].scenario < 600


# --- sending ---

DRAWN = """\
  - ipa -> eim: GetEimPackageRequest
    name: first
    fields: {eidValue: <16 bytes>}
  - ipa -> eim: GetEimPackageRequest
    %s
  - eim -> ipa: GetEimPackageResponse
"""


def test_same_as_repeats_byte_for_byte(tmp_path: Path) -> None:
    for again, wanted in (("same-as: first", 1), ("fields: {eidValue: <16 bytes>}", 2)):
        _, told = play(tmp_path, f"steps:\n{DRAWN % again}")
        polls = [one.bytes for one in said(told, "GetEimPackageRequest")]
        assert len(polls) == 2
        assert len(set(polls)) == wanted


def test_what_is_drawn_comes_from_the_seed(tmp_path: Path) -> None:
    def polls(seed: int) -> list[str]:
        _, told = play(tmp_path, f"steps:\n{DRAWN % 'same-as: first'}", seed=seed)
        return [one.bytes for one in said(told, "GetEimPackageRequest")]

    assert polls(1) == polls(1)
    assert polls(1) != polls(2)


# --- captures, loops and calls ---


def test_a_capture_is_compared_later(tmp_path: Path) -> None:
    keep = POLL + ASKED + "    capture: {seen: eidValue}\n"
    again = keep + POLL + ASKED + "    fields: {eidValue: %s}\n"
    assert ipa(tmp_path, again % "$seen")[0].verdict is Verdict.PASS
    assert ipa(tmp_path, again % "<not equals $seen>")[0].verdict is Verdict.FAIL


def test_what_is_not_there_cannot_be_captured(tmp_path: Path) -> None:
    again = ASKED + "    fields: {rPLMN: $seen}\n"
    result, _ = ipa(tmp_path, POLL + ASKED + "    capture: {seen: rPLMN}\n" + again)
    assert result.verdict is Verdict.FAIL
    assert "there is no rPLMN to capture as $seen" in result.reason


class Fakes:
    """A player without a stage: only captures and the inbox."""

    def __init__(self) -> None:
        self.captured: dict[str, Any] = {"kept": 1}
        history = SimpleNamespace(captured=self.captured, said=[])
        names = SimpleNamespace(history=history, current=None)
        world = SimpleNamespace(clock=WallClock())
        stage = SimpleNamespace(world=world, factory=None, foreign=None)
        self.inbox = Inbox()
        talk: Any = SimpleNamespace(names=names, stage=stage, inbox=self.inbox, history=history,
                                    seconds=lambda amount: amount)  # fmt: skip
        self.player = Player(talk)

    def play(self, acts: Any) -> None:
        async def play(step: Any) -> Done:
            return acts(step) or Done()

        self.player.play = play  # type: ignore[method-assign]


def call(*outputs: str) -> Any:
    names = tuple(SimpleNamespace(text=one) for one in outputs)
    file, once = SimpleNamespace(outputs=names), SimpleNamespace(times=None)
    return SimpleNamespace(given=None, steps=("one",), file=file, step=once)


def test_only_declared_outputs_leave_a_steps_file() -> None:
    fakes = Fakes()
    fakes.play(lambda step: fakes.captured.update(kept=2, inner=3, out=4))
    asyncio.run(fakes.player._call(call("out", "never")))
    assert fakes.captured == {"kept": 1, "out": 4}


def test_nothing_leaves_a_steps_file_that_failed() -> None:
    fakes = Fakes()

    def fails(step: Any) -> None:
        fakes.captured.update(kept=2, out=4)
        raise StepFailed("no")

    fakes.play(fails)
    with pytest.raises(StepFailed):
        asyncio.run(fakes.player._call(call("out")))
    assert fakes.captured == {"kept": 1}


def test_a_steps_file_has_what_its_steps_have() -> None:
    fakes = Fakes()
    fakes.play(lambda step: Done(2, (7,), None, (("a", "b"),), ("careful",)))
    done = asyncio.run(fakes.player._call(call()))
    assert done == Done(2, (7,), None, (("a", "b"),), ("careful",))


def loop(over: Any) -> tuple[list[Any], Fakes]:
    fakes = Fakes()
    seen: list[Any] = []
    fakes.captured["all"] = over

    async def message(step: Any) -> Done:
        seen.append(fakes.captured["each"])
        if fakes.captured["each"] == "bad":
            raise StepFailed("bad")
        return Done(1, (len(seen),), warnings=(f"w{len(seen)}",))

    fakes.player._message = message  # type: ignore[method-assign]
    fakes.player.names.value = lambda name: fakes.captured[name]  # type: ignore[method-assign]
    step: Any = SimpleNamespace(step=SimpleNamespace(for_each=SimpleNamespace(text="$all")))
    fakes.done = asyncio.run(fakes.player._for_each(step))  # type: ignore[attr-defined]
    return seen, fakes


def test_for_each_plays_once_for_each_element() -> None:
    seen, fakes = loop(["a", "b"])
    assert seen == ["a", "b"]
    assert fakes.done == Done(2, (1, 2), warnings=("w1", "w2"))  # type: ignore[attr-defined]
    assert "each" not in fakes.captured


# --- troubles of ours ---


def test_a_trouble_of_ours_is_never_a_failure() -> None:
    fakes = Fakes()
    fakes.inbox.put(Trouble(ZeroDivisionError("ours")))
    waiting: Any = SimpleNamespace(sender="eim", receiver="ipa")
    with pytest.raises(ZeroDivisionError):
        fakes.player._no_trouble(fakes.inbox.heard[0], [waiting], 1)
    assert fakes.player.cursor == 1
    assert fakes.player.untold() == []


def test_troubles_that_no_step_came_upon_are_left() -> None:
    fakes = Fakes()
    fakes.inbox.put(Trouble(ZeroDivisionError("ours")))
    assert [str(one) for one in fakes.player.untold()] == ["ours"]


def test_a_wait_takes_its_time_once() -> None:
    """On the clock of the wall it is not waited twice."""
    slept: list[float] = []

    class Counting(WallClock):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)

    fakes = Fakes()
    fakes.player.acts.clock = Counting()
    step: Any = SimpleNamespace(amount=0.2, step=SimpleNamespace(virtual=False))
    asyncio.run(fakes.player.acts.time(step))
    assert slept == [0.2]


def test_what_an_operator_leaves_out_is_not_what_the_bench_does_not_find() -> None:
    stage = SimpleNamespace(stage=SimpleNamespace(foreign=object()))
    acts: Any = SimpleNamespace(talk=stage)
    place = Source("x.case.yaml", 1, 1)
    wanted = t.Members((t.Member("items", t.Literal("1", "1", place), place),), place)
    assert Acts._untold(acts, "fpa.stations", wanted, [{"station": "s1"}]) == "items"
    assert Acts._untold(acts, "fpa.stations", wanted, []) == ""
