"""Runs one plan from preamble to clean-up, tells it as events, and gives the verdict."""

from __future__ import annotations

import asyncio
import re
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sgprobe.cases import planned as p
from sgprobe.cases.model import faces as faces_of
from sgprobe.cases.suite import Suite
from sgprobe.engine.acts import FIGURES
from sgprobe.engine.association import cascades, injects, tokenless
from sgprobe.engine.capture.frames import frames_of
from sgprobe.engine.capture.rows import read_rows
from sgprobe.engine.capture.trace import judge as judge_trace
from sgprobe.engine.card.refusal import refusal
from sgprobe.engine.card.view import UNSEEN, about_card
from sgprobe.engine.heard import Heard
from sgprobe.engine.heartbeat import still_answers
from sgprobe.engine.models import fields_of, told
from sgprobe.engine.outcome import Done, StepFailed, Tally, blame, tree
from sgprobe.engine.played import Facts, Options, Result
from sgprobe.engine.script import replies_of
from sgprobe.engine.settings import Setting, settings_of
from sgprobe.engine.steps import Player
from sgprobe.engine.talk import Talk
from sgprobe.events import (
    Event,
    ItemEnded,
    ItemStarted,
    MessageSeen,
    Note,
    StepEnded,
    StepStarted,
    Verdict,
)
from sgprobe.product.references import Model
from sgprobe.yamlnode import Source

Emit = Callable[[Event], None]
# kinds of cases after which a product may have stopped answering
_BITING = ("negative", "robustness", "robust")
_MOST_VALUE = 65_536
# real time for the clean-up, and for all that comes after the limit of an item
_CLEANUP, _LATEST = 20.0, 40.0


class Item:
    """One run of one plan."""

    def __init__(
        self,
        plan: p.Plan,
        suite: Suite,
        facts: Facts,
        options: Options,
        emit: Emit,
        name: str = "",
        deviation: dict[str, str] | None = None,
        model: Model | None = None,
        answers: Mapping[str, bool | str] | None = None,
    ) -> None:
        self.plan = plan
        self.suite = suite
        self.name = name or plan.id
        self.deviation = deviation
        # the reference under test, where it is not the first one of its role
        self.model = model
        self.told_of_itself = answers or {}
        self.facts = facts
        self.options = options
        self.emit = emit
        self.tally = Tally()
        # what was measured: published, and no verdict rests on it
        self.figures: list[str] = []
        self.capture = self._capture_path()
        self._step = ""
        # asked after a failed negative case
        self.answers: bool | None = None
        self._talk: Talk | None = None

    def _capture_path(self) -> Path | None:
        if self.options.out is None:
            return None
        name = re.sub(r"[^A-Za-z0-9=.-]+", "_", self.name).strip("_")
        return self.options.out / "captures" / f"{name}.pcapng"

    # --- from outside ---

    def run(self) -> Result:
        """Run the plan in an event loop of its own."""
        begun = time.monotonic()
        self.emit(self._started())
        if self.model is not None:
            self._note("state", f"played by {told(self.model)}")
        try:
            asyncio.run(asyncio.wait_for(self._run(), self.options.limit + _LATEST))
        except TimeoutError:
            # the sections are given up at their limit: the bench itself has not ended
            self.tally.add(Verdict.ERROR, "the bench does not end: given up")
        except Exception as error:  # whatever is wrong with the bench is no fault of the product
            self._broken(error)
        seconds = time.monotonic() - begun
        result = self._result(seconds)
        self.emit(self._ended(result))
        return result

    def skip(self, verdict: Verdict, reason: str) -> Result:
        """Tell that the item is not run, and why."""
        self.emit(self._started())
        result = Result(self.name, verdict, reason)
        self.emit(self._ended(result))
        return result

    def _broken(self, error: Exception) -> None:
        verdict, reason = blame(error, talked=False)
        if verdict is Verdict.ERROR:
            self._note("internal", "".join(traceback.format_exception(error))[-8000:])
        self.tally.add(verdict, reason)

    def _result(self, seconds: float) -> Result:
        verdict, reason, warnings = self.tally.verdict, self.tally.reason, self.tally.warnings
        judged = verdict
        if self.answers is False:
            reason += " …and it stopped answering"
        if self.deviation is not None:
            # first, for what only warns deviates all the same
            verdict, reason, warnings = self._deviating(verdict, reason, warnings)
        elif verdict is Verdict.FAIL and self.facts.warns:
            warnings = [f"{self.facts.warns}: {reason}", *warnings]
            verdict, reason = Verdict.PASS, ""
        return Result(self.name, verdict, reason, tuple(dict.fromkeys(warnings)),
                      self.tally.checks, seconds, judged)  # fmt: skip

    def _deviating(
        self, verdict: Verdict, reason: str, warnings: list[str]
    ) -> tuple[Verdict, str, list[str]]:
        """A known deviation is expected to fail: a failure warns, a pass is a failure."""
        assert self.deviation is not None
        known = f"{self.deviation['reason']} (until {self.deviation['until']})"
        if verdict is Verdict.FAIL:
            return Verdict.PASS, "", [f"known deviation, {known}: {reason}", *warnings]
        if verdict is Verdict.PASS:
            text = f"the product file declares a deviation that is not there any more: {known}"
            return Verdict.FAIL, text, warnings
        return verdict, reason, warnings

    # --- the run ---

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take down what a handler or a task did not handle, and whose fault it is."""
        error = context.get("exception")
        text = str(context.get("message", "")).replace("Task exception was never retrieved", "")
        if error is not None:
            text = f"{text or 'a task failed'}: {type(error).__name__}: {error}"
        text = text[:500]
        options = self.options
        if options.off or options.says or options.serves or options.coap or options.client:
            self.tally.warnings.append(f"the reference fails with the fault planted in it: {text}")
        elif error is None or isinstance(error, OSError):
            # the other side went away
            self._note("log", text)
        else:
            self._note("internal", "".join(traceback.format_exception(error))[-8000:])
            self.tally.add(Verdict.ERROR, f"the bench failed: {text}")

    async def _run(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        compiled, variant = self.plan.compiled, self.plan.variant
        role, *faces = faces_of(compiled.role)
        setting = Setting(
            role=role,
            spec=compiled.spec,
            variant=variant,
            seed=self.options.seed,
            capture=self.capture,
            off=self.options.off,
            peers=settings_of(compiled.peers, variant),
            suite=self.suite,
            product=self.options.product,
            says=self.options.says,
            client=self.options.client,
            serves=self.options.serves,
            coap=self.options.coap,
            ixit=self.options.ixit,
            injects=injects(compiled),
            cascades=cascades(compiled),
            tokenless=tokenless(compiled),
            answers=self.told_of_itself,
            model=fields_of(self.model) if self.model is not None else {},
            scale=self.options.scale,
            faces=tuple(faces),
        )
        talk = Talk(setting, compiled.peers, self._on_heard)
        self._talk = talk
        talk.script.replies = replies_of((*compiled.given, *compiled.steps), role)
        async with talk.stage:
            player = Player(talk)
            try:
                await self._body(player, talk)
            finally:
                await self._clean_up(player)
                await talk.close()
        for text in talk.stage.log:
            self._note("log", text[:2000])
        played = all(one in (Verdict.PASS, Verdict.FAIL) for one in self.tally.verdicts)
        if compiled.trace and self.capture is not None and played:
            # a dialogue that was not played through says nothing of what is missing in it
            self._trace(talk)

    async def _body(self, player: Player, talk: Talk) -> None:
        """Play preamble and steps, within the limit of an item."""
        compiled, limit = self.plan.compiled, self.options.limit
        try:
            async with asyncio.timeout(limit) as scope:
                if await self._section(player, "given", compiled.given, Verdict.INCONCLUSIVE):
                    await self._section(player, "steps", compiled.steps, Verdict.FAIL)
                    if self.tally.verdict is Verdict.FAIL and self.facts.kind in _BITING:
                        self.answers = await still_answers(talk.stage, talk.role)
        except TimeoutError:
            if not scope.expired():
                raise
            text = f"not over after {limit:g} s: given up at {self._step}"
            # a product of others waits in real time: that may take longer than an item has
            ours = self.options.product is None
            if not ours:
                text += "; a product is waited for in real time: `ixit` may tell shorter times"
            self.tally.add(Verdict.ERROR if ours else Verdict.INCONCLUSIVE, text)
        for error in player.untold():
            self.tally.add(*blame(error, talked=self._said() > 0))

    async def _clean_up(self, player: Player) -> None:
        """Play the clean-up, whatever was before; what goes wrong there is no verdict."""
        try:
            async with asyncio.timeout(_CLEANUP):
                await self._section(player, "cleanup", self.plan.compiled.cleanup, None)
        except TimeoutError:
            self.tally.warnings.append(f"clean-up: not over after {_CLEANUP:g} s: given up")

    async def _section(
        self, player: Player, name: str, steps: tuple[p.Planned, ...], failing: Verdict | None
    ) -> bool:
        """Play the steps of a section; the first that is not met ends it."""
        for number, step in enumerate(steps, 1):
            verdict = await self._play(player, name, str(number), step, failing)
            if verdict is not Verdict.PASS and failing is not None:
                return False
        return True

    async def _play(
        self,
        player: Player,
        section: str,
        number: str,
        step: p.Planned,
        failing: Verdict | None,
    ) -> Verdict:
        source = step.step.source
        self._step = f"{section}.{number}"
        self.emit(StepStarted(self.name, self._step, section, p.title(step), time.time(),
                              self._now(), source.line, source.end_line))  # fmt: skip
        verdict, reason, done, failure = Verdict.PASS, "", Done(), None
        before = self._said()
        try:
            done = await player.play(step)
        except StepFailed as failed:
            verdict = Verdict.INCONCLUSIVE if failed.unsure else (failing or Verdict.FAIL)
            reason, failure = str(failed), failed
            if step.step.common.lenient and verdict is Verdict.FAIL:
                verdict = Verdict.INCONCLUSIVE
            declined = player.talk.stage.acting.declined
            if declined is not None:
                # nobody has made it act
                verdict, reason = blame(declined, talked=True)
        except Exception as error:  # whatever is wrong with the bench is no fault of the product
            verdict, reason = blame(error, talked=self._said() > 0)
            if verdict is Verdict.ERROR:
                self._note("internal", "".join(traceback.format_exception(error))[-8000:])
        if verdict is not Verdict.PASS and section == "given":
            reason = f"preamble: {reason}"
        if verdict is not Verdict.PASS and self._refused(player):
            reason = f"{reason} ({self._refused(player)})"
        for kind, text in done.notes:
            self._note(kind, text)
            if kind == FIGURES:
                self.figures.append(text)
        self.tally.warnings += done.warnings
        if section == "steps":
            self.tally.checks += done.checks
        if verdict is not Verdict.PASS and failing is None:
            self.tally.warnings.append(f"clean-up: {self._placed(reason, source)}")
        elif verdict is not Verdict.PASS:
            self.tally.add(verdict, self._placed(reason, source))
        elif section == "steps":
            self.tally.add(Verdict.PASS)
        found = failure.match if failure is not None else done.match
        messages = done.messages or tuple(range(before + 1, self._said() + 1))
        self.emit(StepEnded(
            self.name, f"{section}.{number}", str(verdict), time.time(), self._now(), reason,
            step.step.common.because, messages,
            tree(found.root) if found is not None else None,
            found.unnamed if found is not None else 0, done.checks,
        ))  # fmt: skip
        return verdict

    def _refused(self, player: Player) -> str:
        """Return why the eUICC took no package of a product, whatever came of that."""
        if self.options.product is None or player.talk.role != "eim":
            return ""
        return refusal(player.talk.stage.device.executed)

    def _placed(self, reason: str, source: Source) -> str:
        return f"{reason} [{Path(source.file).name}:{source.line}]"

    # --- the capture ---

    def _trace(self, talk: Talk) -> None:
        assert self.capture is not None
        rows = read_rows(self.capture, talk.stage.roles)
        for number, outcome in enumerate(
            judge_trace(self.plan.compiled.trace, rows, talk.names, talk.role), 1
        ):
            rule = outcome.rule.rule
            step = f"trace.{number}"
            name = rule.name or rule.quantifier
            self.emit(StepStarted(self.name, step, "trace", name, time.time(), self._now(),
                                  rule.source.line, rule.source.end_line))  # fmt: skip
            if not talk.stage.sees_card and about_card(outcome.rule):
                outcome = replace(outcome, verdict=Verdict.INCONCLUSIVE, text=UNSEEN, checks=0,
                                  difference=None)  # fmt: skip
            self.tally.checks += outcome.checks
            reason = outcome.text if outcome.verdict is not Verdict.PASS else ""
            if outcome.verdict is not Verdict.NOT_APPLICABLE:
                # what found nothing to look at says nothing of the product
                self.tally.add(outcome.verdict, f"{name}: {reason}" if reason else "")
            difference = outcome.difference
            self.emit(StepEnded(
                self.name, step, str(outcome.verdict), time.time(), self._now(), reason,
                rule.because, (), tree(difference) if difference is not None else None,
                checks=outcome.checks,
            ))  # fmt: skip

    # --- events ---

    def _now(self) -> float:
        return self._talk.stage.world.clock.now() if self._talk is not None else time.time()

    def _said(self) -> int:
        return len(self._talk.history.said) if self._talk is not None else 0

    def _note(self, kind: str, text: str) -> None:
        self.emit(Note(self.name, time.time(), self._now(), kind, text, self._step))

    def _on_heard(self, heard: Heard) -> None:
        value = heard.value if len(heard.octets) <= _MOST_VALUE else None
        self.emit(MessageSeen(
            self.name, heard.n, time.time(), heard.at, heard.sender, heard.receiver,
            heard.transport, heard.function.interface, heard.function.name, heard.kind,
            heard.shown, heard.status, heard.octets.hex(), value,
            tuple(one.as_dict() for one in heard.problems), (),
            self._step, heard.product,
        ))  # fmt: skip

    def _started(self) -> ItemStarted:
        case, variant, facts = self.plan.case, self.plan.variant, self.facts
        return ItemStarted(
            self.name,
            case.id,
            time.time(),
            case.title,
            self.plan.compiled.role,
            str(self.plan.spec),
            case.source.file,
            case.source.line,
            Path(case.source.file).parent.parent.name,
            facts.interface,
            facts.function,
            facts.kind,
            facts.certainty,
            tuple(map(str, case.clauses)),
            facts.requirements,
            facts.official,
            variant.suffix.strip("[]"),
            {name: point.label for name, point in variant.points}
            | ({"reference": self.model.name} if self.model is not None else {}),
            facts.layer,
        )

    def _ended(self, result: Result) -> ItemEnded:
        capture = ""
        if self.capture is not None and self.capture.exists():
            capture = f"captures/{self.capture.name}"
        return ItemEnded(
            result.item,
            str(result.verdict),
            time.time(),
            result.seconds,
            result.reason,
            warnings=result.warnings,
            checks=result.checks,
            capture=capture,
            rerun=f"sgprobe run '{self.name}' --seed {self.options.seed}",
            still_answers=self.answers,
            deviation=self.deviation,
            reach="memory" if self.plan.compiled.role in ("euicc", "fpa") else "sockets",
            frames=self._frames(result.verdict),
            figures=tuple(self.figures),
        )

    def _frames(self, verdict: Verdict) -> dict[str, list[int]]:
        """Return the frames of the messages, where somebody will look for them."""
        good = verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE)
        if good or self._talk is None or self.capture is None or not self.capture.exists():
            return {}
        return frames_of(self.capture, self._talk.history.said)
