"""Plays the steps of a plan one by one, and says what became of each."""

from __future__ import annotations

import asyncio
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases import planned as p
from sgprobe.cases.match import Unresolved
from sgprobe.engine.acts import Acts
from sgprobe.engine.card.view import UNSEEN
from sgprobe.engine.comparison import compare
from sgprobe.engine.end import Lost, Trouble
from sgprobe.engine.heard import Heard
from sgprobe.engine.message.fill import Filler
from sgprobe.engine.outcome import Done, StepFailed
from sgprobe.engine.played import LIMIT
from sgprobe.engine.script import replies_of
from sgprobe.engine.talk import Talk
from sgprobe.links.clock import ScenarioClock, deadline

# how often one step may call a steps file
_MOST_TIMES = 10_000
# how long an expected message may take where the case does not say
_PATIENCE = 30.0
_LISTED = 6
_Firsts = list[tuple[p.Planned, tuple[p.Planned, ...]]]


class Player:
    """Plays steps one after the other; `cursor` is how far into the inbox they have come."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.names = talk.names
        self.cursor = 0
        self.clock = talk.stage.world.clock
        self.acts = Acts(talk)

    async def play(self, step: p.Planned) -> Done:
        """Play one step; raises StepFailed, CannotJudge or Unresolved."""
        match step:
            case p.PlannedMessage():
                return await self._for_each(step)
            case p.PlannedTrigger():
                return await self.acts.trigger(step)
            case p.PlannedState():
                return await self.acts.state(step)
            case p.PlannedLink():
                return self.acts.link(step)
            case p.PlannedTime():
                return await self.acts.time(step)
            case p.PlannedQuiet():
                return await self._quiet(step)
            case p.PlannedConnect():
                return await self.acts.connect(step)
            case p.PlannedGroup():
                return await (self._either(step) if step.step.either else self._any_order(step))
            case p.PlannedCall():
                return await self._call(step)

    def untold(self) -> list[Exception]:
        """Return what kept simulated roles from saying what they should, and no step came upon."""
        left = self.talk.inbox.heard[self.cursor :]
        return [one.error for one in left if isinstance(one, Trouble)]

    # --- messages ---

    async def _for_each(self, step: p.PlannedMessage) -> Done:
        each = step.step.for_each
        if each is None:
            return await self._message(step)
        values = self.names.value(each.text.removeprefix("$"))
        if not isinstance(values, list):
            raise Unresolved(f"{each.text} is no list")
        done = Done()
        try:
            for value in values:
                self.names.history.captured["each"] = value
                done = done.and_(await self._message(step))
        finally:
            self.names.history.captured.pop("each", None)
        return done

    async def _message(self, step: p.PlannedMessage) -> Done:
        if step.expect:
            return await self._expect(step)
        if step.message.request:
            return await self._send(step)
        if step.receiver == self.talk.role:
            if step.sender == "euicc" and not self.talk.stage.sees_card:
                raise Unresolved(UNSEEN)
            before = len(self.talk.history.said)
            if self._to_come(step):
                # the request it answers has not come yet
                await self._until_held(step)
            if not self._answered(step):
                await self.talk.reply(step)
            self._capture_reply(step)
            return Done(messages=tuple(range(before + 1, len(self.talk.history.said) + 1)))
        # between two simulated roles: what was asked is answered by the role itself
        await self._until_answered(step)
        return Done()

    async def _until_answered(self, step: p.PlannedMessage) -> None:
        """Wait for the answer of a simulated role to another: what follows may need it."""
        talk, function = self.talk, step.message.function

        def answered() -> bool:
            said = (one for one in reversed(talk.history.said) if one.is_(function, request=True)
                    or one.is_(function, request=False))  # fmt: skip
            last = next(said, None)
            return last is None or (not last.request and last.sender == step.sender)

        while talk.exchanges and not answered():
            await asyncio.wait(talk.exchanges, return_when=asyncio.FIRST_COMPLETED)

    def _capture_reply(self, step: p.PlannedMessage) -> None:
        """Keep what the bench has answered, where a later step compares with it."""
        said = reversed(self.talk.history.said)
        for one in said if step.captures else ():
            if one.sender == step.sender and one.is_(step.message.function, request=False):
                for name, path in step.captures:
                    self._capture(name, path, one.value)
                return

    def _answered(self, step: p.PlannedMessage) -> bool:
        """Say whether the simulated card has given this answer already: it cannot wait."""
        return step.sender == "euicc" and not self._to_come(step)

    def _to_come(self, step: p.PlannedMessage) -> bool:
        # a steps file that is called twice has the same step twice
        return any(one is step for one in self.talk.script.replies)

    async def _until_held(self, step: p.PlannedMessage) -> None:
        try:
            async with deadline(self.clock, _PATIENCE):
                while self._to_come(step):
                    await self.talk.inbox.more(len(self.talk.inbox.heard))
        except TimeoutError:
            raise StepFailed(f"no request came that {step.message.name} could answer") from None

    async def _send(self, step: p.PlannedMessage) -> Done:
        talk = self.talk
        before = len(talk.history.said)
        if step.step.same_as is not None:
            carried, value = talk.sent[step.step.same_as.text]
        else:
            carried, value = await talk.prepare(step)
        name = step.step.common.name
        if name is not None:
            talk.sent[name.text] = carried, value
        for captured, path in step.captures:
            self._capture(captured, path, value)
        task = talk.ask(step, carried, value)
        # an answer is awaited where a step expects it; here only until it was sent
        while len(talk.history.said) == before and not task.done():
            await asyncio.sleep(0)
        if task.done() and not task.cancelled() and task.exception() is not None:
            raise task.exception() or AssertionError
        said = talk.history.said[before:]
        return Done(messages=tuple(one.n for one in said if one.request))

    async def _expect(self, step: p.PlannedMessage) -> Done:
        if (step.sender, step.receiver) == ("ipa", "euicc") and not self.talk.stage.sees_card:
            raise Unresolved(UNSEEN)
        limit = self.talk.seconds(step.within) if step.within is not None else _PATIENCE
        begin = self.cursor
        try:
            async with deadline(self.clock, limit):
                heard = await self._next(step)
        except TimeoutError:
            raise StepFailed(self._nothing(step, limit, begin)) from None
        return self.judge(step, heard)

    async def _next(self, step: p.PlannedMessage) -> Heard:
        inbox = self.talk.inbox
        at = self.cursor
        while True:
            await inbox.more(at)
            one = inbox.heard[at]
            at += 1
            self._no_trouble(one, [step], at)
            if isinstance(one, Lost):
                continue
            if isinstance(one, Heard) and self._matches(step, one):
                self.cursor = at
                return one
            if step.step.next:
                raise StepFailed(f"{one.shown} came before {step.message.name}")

    def _matches(self, step: p.PlannedMessage, one: Heard) -> bool:
        message = step.message
        same = one.sender == step.sender and one.receiver == step.receiver
        if not (same and one.is_(message.function, request=message.request)):
            return False
        return not message.request or one.json is message.json

    def _nothing(self, step: p.PlannedMessage, limit: float, begin: int) -> str:
        heard = self.talk.inbox.heard[begin:]
        names = [one.shown for one in heard if isinstance(one, Heard)]
        text = f"no {step.message.name} from {step.sender} within {limit:g} s"
        if names:
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            text += f"; it sent {', '.join(names[:_LISTED])}{more}"
        return text

    def judge(self, step: p.PlannedMessage, heard: Heard) -> Done:
        """Compare one message with what is expected of it."""
        self.names.current = heard
        try:
            found, warnings = compare(step, heard, self.names)
        finally:
            self.names.current = None
        for name, path in step.captures:
            self._capture(name, path, heard.value)
        return Done(found.named if found is not None else 1, (heard.n,), found, (), warnings)

    def _capture(self, name: str, path: p.Path, value: Value) -> None:
        for place in path:
            try:
                value = value[place]
            except (KeyError, IndexError, TypeError):
                raise StepFailed(f"there is no {place} to capture as ${name}") from None
        self.names.history.captured[name] = value

    # --- groups ---

    async def _any_order(self, step: p.PlannedGroup) -> Done:
        waiting: list[p.PlannedMessage] = []
        done = Done()
        for branch in step.branches:
            for one in branch:
                if isinstance(one, p.PlannedMessage) and one.expect:
                    waiting.append(one)
                else:
                    done = done.and_(await self.play(one))
        inbox, at = self.talk.inbox, self.cursor
        limit = max((self.talk.seconds(one.within) for one in waiting if one.within),
                    default=_PATIENCE)  # fmt: skip
        try:
            async with deadline(self.clock, limit):
                while waiting:
                    await inbox.more(at)
                    heard = inbox.heard[at]
                    at += 1
                    self._no_trouble(heard, waiting, at)
                    fits = [one for one in waiting
                            if isinstance(heard, Heard) and self._matches(one, heard)]  # fmt: skip
                    if not fits:
                        continue
                    chosen, more = self._best(fits, heard)
                    waiting.remove(chosen)
                    done = done.and_(more)
        except TimeoutError:
            names = ", ".join(one.message.name for one in waiting)
            raise StepFailed(f"within {limit:g} s there was no {names}") from None
        self.cursor = at
        return done

    def _no_trouble(self, one: Any, waiting: list[p.PlannedMessage], at: int) -> None:
        """Raise what keeps messages from coming: an answer that was lost, a fault of ours."""
        if isinstance(one, Trouble):
            self.cursor = at
            raise one.error
        for step in waiting:
            if isinstance(one, Lost) and _is_answer(step, one):
                self.cursor = at
                raise StepFailed(f"no {step.message.name}: {one.text}")

    def _best(self, fits: list[p.PlannedMessage], heard: Heard) -> tuple[p.PlannedMessage, Done]:
        """Return the expectation that a message meets; where none is met, the first says why."""
        failure: StepFailed | None = None
        for one in fits:
            try:
                return one, self.judge(one, heard)
            except StepFailed as failed:
                failure = failure or failed
        assert failure is not None
        raise failure

    async def _either(self, step: p.PlannedGroup) -> Done:
        """Play the first branch whose first step is met; a quiet one is met by silence."""
        firsts = [(branch[0], branch) for branch in step.branches if branch]
        quiet = next((branch for one, branch in firsts if isinstance(one, p.PlannedQuiet)), None)
        expected = [one for one, _ in firsts if isinstance(one, p.PlannedMessage) and one.expect]
        limits = [self.talk.seconds(one.within) for one in expected if one.within]
        if quiet is not None:
            assert isinstance(quiet[0], p.PlannedQuiet)
            limits.append(self.talk.seconds(quiet[0].amount))
        # a branch that was entered has its own limits
        try:
            async with deadline(self.clock, max(limits, default=_PATIENCE)):
                rest, done = await self._entered(firsts, expected if quiet is None else [])
        except TimeoutError:
            if quiet is None:
                raise StepFailed("none of the alternatives came") from None
            self._forget_lost()
            rest, done = quiet[1:], Done(checks=1)
        return await self._rest(rest, done)

    async def _entered(
        self, firsts: _Firsts, expected: list[p.PlannedMessage]
    ) -> tuple[tuple[p.Planned, ...], Done]:
        """Wait for the first step of a branch; return the others of that branch."""
        failure: StepFailed | None = None
        at, inbox = self.cursor, self.talk.inbox
        while True:
            await inbox.more(at)
            heard = inbox.heard[at]
            at += 1
            # an answer that does not come is as good as silence
            self._no_trouble(heard, expected, at)
            for one, branch in firsts:
                if not (isinstance(one, p.PlannedMessage) and isinstance(heard, Heard)
                        and self._matches(one, heard)):  # fmt: skip
                    continue
                try:
                    done = self.judge(one, heard)
                except StepFailed as failed:
                    failure = failure or failed
                    continue
                self.cursor = at
                return branch[1:], done
            if failure is not None:
                raise failure

    async def _rest(self, steps: tuple[p.Planned, ...], done: Done) -> Done:
        for one in steps:
            done = done.and_(await self.play(one))
        return done

    async def _call(self, step: p.PlannedCall) -> Done:
        done = Done()
        for number in range(self._times(step)):
            if number:
                # a round gives replies of its own; those of the first were known from the start
                self.talk.script.replies[:0] = replies_of(step.steps, self.talk.role)
            done = done.and_(await self._call_once(step))
        return done

    def _times(self, step: p.PlannedCall) -> int:
        """Return how often a steps file is called."""
        name = step.step.times
        if name is None:
            return 1
        told = str(self.names.value(name.text.removeprefix("$")))
        if not (told.isascii() and told.isdigit() and len(told) < 6 and int(told) <= _MOST_TIMES):
            raise Unresolved(f"{name.text} is {told[:40]}, no number up to {_MOST_TIMES}")
        return int(told)

    async def _call_once(self, step: p.PlannedCall) -> Done:
        captured = self.names.history.captured
        kept = dict(captured)
        given = Filler(self.names).fill(step.given, {}) if step.given is not None else {}
        captured |= given
        done, outputs = Done(), {}
        try:
            for one in step.steps:
                done = done.and_(await self.play(one))
            outputs = {one.text: captured[one.text] for one in step.file.outputs
                       if one.text in captured}  # fmt: skip
        finally:
            captured.clear()
            captured |= kept | outputs
        return done

    # --- silence ---

    async def _quiet(self, step: p.PlannedQuiet) -> Done:
        seconds = self.talk.seconds(step.amount)
        if seconds >= LIMIT and not isinstance(self.clock, ScenarioClock):
            text = "longer than an item may last where time cannot be moved"
            raise Unresolved(f"a silence of {seconds:g} s is {text}")
        at, inbox = self.cursor, self.talk.inbox
        try:
            async with deadline(self.clock, seconds):
                while True:
                    await inbox.more(at)
                    heard = inbox.heard[at]
                    at += 1
                    if not isinstance(heard, Heard) or heard.sender != step.role:
                        continue
                    if step.toward in ("", heard.receiver):
                        raise StepFailed(f"{step.role} sent {heard.shown} within {seconds:g} s")
        except TimeoutError:
            self._forget_lost()
            return Done(checks=1)

    def _forget_lost(self) -> None:
        """Forget the answers that did not come: that was the quiet, and no later step's answer."""
        heard = self.talk.inbox.heard
        heard[self.cursor :] = [one for one in heard[self.cursor :] if not isinstance(one, Lost)]


def _is_answer(step: p.PlannedMessage, lost: Lost) -> bool:
    same = lost.function.name == step.message.function.name
    return same and lost.sender == step.sender and not step.message.request
