"""Steps that are no messages: triggers, states, links, bare connections, time."""

from __future__ import annotations

from dataclasses import replace

from dissectors.asn1.model import Value
from sgprobe.cases import planned as p
from sgprobe.cases import templates as t
from sgprobe.cases.match import Unresolved, match
from sgprobe.cases.observables import STATE_COLUMNS
from sgprobe.engine.comparison import summary
from sgprobe.engine.given import said_yes
from sgprobe.engine.links import impairment_of_point, link_text
from sgprobe.engine.message.compose import names_in
from sgprobe.engine.message.fill import Filler
from sgprobe.engine.names import plain
from sgprobe.engine.outcome import Declined, Done, StepFailed
from sgprobe.engine.talk import Talk
from sgprobe.links.clock import ScenarioClock

# the kind of note that has a figure of throughput
FIGURES = "figures"
# so long time is let pass for a product whose clock nobody moves
_WAITED = 60.0


class Acts:
    """Plays the steps of a plan that send and expect nothing."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.names = talk.names
        self.clock = talk.stage.world.clock

    async def trigger(self, step: p.PlannedTrigger) -> Done:
        """Have the product or a simulated role act."""
        given = Filler(self.names).fill(step.given, {}) if step.given is not None else {}
        may_refuse = said_yes(given, "may-refuse")
        given.pop("may-refuse", None)
        try:
            outputs = await self.talk.stage.trigger(step.step.action.text, given)
        except Declined as declined:
            if not may_refuse:
                raise
            return Done(notes=(("trigger", f"{step.step.action.text}: refused, {declined}"),))
        self.names.history.captured |= outputs
        figures, warnings = self.talk.stage.published.take()
        notes = (("trigger", step.step.action.text), *((FIGURES, one) for one in figures))
        return Done(notes=notes, warnings=warnings)

    async def state(self, step: p.PlannedState) -> Done:
        """Bring a state about, or compare it."""
        stage, part = self.talk.stage, step.step.part.text
        if not step.step.compare:
            rows = Filler(self.names).fill(step.template, [])
            await stage.bring(part, rows if isinstance(rows, list) else [rows])
            return Done(notes=(("state", f"{part} brought about"),))
        template = step.template
        rows = await stage.read(part)
        if isinstance(template, t.Elements):
            template = replace(template, is_set=True)
        found = match(template, _texts(rows), self.names)
        if not found.good:
            untold = self._untold(part, template, rows)
            if untold:
                raise Unresolved(f"the operator does not tell {untold} of {part}")
            raise StepFailed(f"{part}: {summary(found)}", found, unsure=found.root.unsure)
        return Done(found.named, match=found)

    def _untold(self, part: str, template: t.Template | None, rows: list[dict[str, Value]]) -> str:
        """Return what a step asks of a state and the operator of a product leaves out."""
        if self.talk.stage.foreign is None or template is None or not rows:
            # an operator tells one row; where there is none, the bench has looked itself
            return ""
        asked = names_in(template) & STATE_COLUMNS.get(part, {}).keys()
        return ", ".join(sorted(asked - {name for row in rows for name in row}))

    def link(self, step: p.PlannedLink) -> Done:
        """Put a link in a condition."""
        wanted = step.impairment
        if wanted.axis:
            point = self.names.variant.point(wanted.axis)
            if point is None:
                raise Unresolved(f"${wanted.axis} has no point in this variant")
            wanted = impairment_of_point(plain(point.value))
        stage = self.talk.stage
        stage.link(step.role, wanted)
        return Done(notes=(("link", f"{step.role}: {link_text(wanted)}"),))

    async def connect(self, step: p.PlannedConnect) -> Done:
        """Make a bare connection."""
        told = {} if step.told is None else Filler(self.names).fill(step.told, {})
        outcome = await self.talk.stage.connect(step.role, told)
        return Done(notes=(("tls", f"connection to {step.role}: {outcome}"),))

    async def time(self, step: p.PlannedTime) -> Done:
        """Let time pass, by the wall or by the scenario clock."""
        seconds = self.talk.seconds(step.amount)
        foreign = self.talk.stage.foreign
        virtual = step.step.virtual
        if not (virtual and foreign is not None and await foreign.advance(seconds)):
            if virtual and seconds > _WAITED and not isinstance(self.clock, ScenarioClock):
                file = foreign.file.operator.file if foreign is not None else "the product file"
                raise Unresolved(
                    f"{seconds:g} s are too long to wait for, and the product file has no way for "
                    f"clock (advance: by seconds); add `operator: {{clock: {{advance: …}}}}` to "
                    f"{file}"
                )
            # what is due on the way happens in its order, and is given time to travel
            await self.clock.sleep(seconds)
        if self.talk.stage.factory is not None:
            # what an SM-DPf does when time has passed
            self.talk.stage.factory.network.wake()
        return Done(notes=(("clock", f"{seconds:g} s pass"),))


def _texts(rows: list[dict[str, Value]]) -> list[dict[str, Value]]:
    return [{name: value if isinstance(value, str) else str(value) for name, value in row.items()}
            for row in rows]  # fmt: skip
