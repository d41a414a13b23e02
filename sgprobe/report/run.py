"""A run as reports see it: items with their verdicts, and each item's steps and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from sgprobe import events as e
from sgprobe.events import Verdict

CUT_OFF = "the run was cut off here"
LOST = "it began and did not end: its worker was lost"

# the words of counts, in the order in which people ask for them
COUNTS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.ERROR: "error",
    Verdict.NOT_APPLICABLE: "not_applicable",
}
WORDS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.ERROR: "error",
    Verdict.NOT_APPLICABLE: "not applicable",
}
SYMBOLS = {
    Verdict.PASS: "✔",
    Verdict.FAIL: "✘",
    Verdict.INCONCLUSIVE: "?",
    Verdict.ERROR: "!",
    Verdict.NOT_APPLICABLE: "–",
}


def counted(verdict: Verdict, count: int) -> str:
    """Return a count of items with its word."""
    more = "s" if verdict is Verdict.ERROR and count != 1 else ""
    return f"{count} {WORDS[verdict]}{more}"


# what a reader has to look at first
GRAVITY = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_APPLICABLE)

ItemEvent = e.ItemStarted | e.StepStarted | e.StepEnded | e.MessageSeen | e.Note | e.ItemEnded


def verdict_of(text: str) -> Verdict:
    """Return a verdict; a word that is none comes of a tool at fault."""
    try:
        return Verdict(text)
    except ValueError:
        return Verdict.ERROR


@dataclass(slots=True)
class Step:
    """One line of a case, and what became of it."""

    started: e.StepStarted
    ended: e.StepEnded | None = None
    inside: list[Step] = field(default_factory=list)
    messages: list[e.MessageSeen] = field(default_factory=list)
    notes: list[e.Note] = field(default_factory=list)

    @property
    def number(self) -> str:
        """Return the number inside the section, which the engine puts before it."""
        return self.started.step.removeprefix(f"{self.started.section}.")

    @property
    def verdict(self) -> Verdict | None:
        """Return the verdict; None where the step did not end."""
        return verdict_of(self.ended.verdict) if self.ended else None

    @property
    def bad(self) -> bool:
        """Say whether the step is why the item did not pass."""
        return self.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)

    def walk(self) -> Iterator[Step]:
        """Return this step and all inside it."""
        yield self
        for step in self.inside:
            yield from step.walk()


@dataclass(slots=True)
class Detail:
    """All that the stream holds of one item."""

    started: e.ItemStarted
    ended: e.ItemEnded | None = None
    steps: list[Step] = field(default_factory=list)
    messages: list[e.MessageSeen] = field(default_factory=list)
    notes: list[e.Note] = field(default_factory=list)

    def walk(self) -> Iterator[Step]:
        """Return all steps in their order."""
        for step in self.steps:
            yield from step.walk()

    @property
    def scenario_seconds(self) -> float:
        """Return how far the scenario clock went."""
        if self.ended is not None and self.ended.scenario_seconds:
            return self.ended.scenario_seconds
        ends = [step.ended.scenario for step in self.walk() if step.ended is not None]
        return max([0.0, *ends, *(one.scenario for one in self.messages)])

    def bad_steps(self) -> list[Step]:
        """Return the innermost steps that explain the verdict."""
        return [one for one in self.walk() if one.bad and not any(kid.bad for kid in one.inside)]

    def judged(self) -> list[e.MessageSeen]:
        """Return the messages that the bad steps are about, without repetition."""
        found = {one.n: one for step in self.bad_steps() for one in step.messages}
        return [found[n] for n in sorted(found)]


def collect(events: Iterable[e.Event]) -> Detail | None:
    """Return an item of its events, in their order; None where its beginning is missing.

    The scenario clock, which tells the epoch, is told from the first step on.
    """
    detail: Detail | None = None
    latest: dict[str, Step] = {}
    zero: float | None = None
    for event in events:
        if isinstance(event, e.StepStarted | e.StepEnded | e.MessageSeen | e.Note):
            zero = event.scenario if zero is None else zero
            event = replace(event, scenario=max(0.0, event.scenario - zero))
        if isinstance(event, e.ItemStarted):
            detail, latest, zero = Detail(event), {}, None
        elif detail is None:
            continue
        elif isinstance(event, e.StepStarted):
            _begin(detail, latest, Step(event))
        elif isinstance(event, e.StepEnded):
            if event.step in latest:
                latest[event.step].ended = event
        elif isinstance(event, e.MessageSeen):
            detail.messages.append(event)
        elif isinstance(event, e.Note):
            detail.notes.append(event)
            if event.step in latest:
                latest[event.step].notes.append(event)
        elif isinstance(event, e.ItemEnded):
            detail.ended = event
    if detail is not None:
        _give_frames(detail)
        _give_messages(detail)
    return detail


def _give_frames(detail: Detail) -> None:
    """Give messages the frames that were found in the capture once the item was over."""
    found = detail.ended.frames if detail.ended is not None else {}
    for at, message in enumerate(detail.messages):
        frames = found.get(str(message.n))
        if isinstance(frames, list) and frames and all(type(one) is int for one in frames):
            detail.messages[at] = replace(message, frames=tuple(frames))


def _begin(detail: Detail, latest: dict[str, Step], step: Step) -> None:
    """Put a step where it belongs: `3.1` stands inside `3` of the same section."""
    outer = latest.get(step.started.step.rpartition(".")[0])
    if outer is not None and outer.started.section == step.started.section:
        outer.inside.append(step)
    else:
        detail.steps.append(step)
    latest[step.started.step] = step


def _give_messages(detail: Detail) -> None:
    """Give each step the messages that it sent or judged."""
    by_number = {message.n: message for message in detail.messages}
    steps = list(detail.walk())
    for step in steps:
        wanted = step.ended.messages if step.ended else ()
        step.messages = [by_number[n] for n in wanted if n in by_number]
    silent = {step.started.step: step for step in steps if not step.messages}
    for message in detail.messages:
        if message.step in silent:
            silent[message.step].messages.append(message)
    for step in steps:
        if step.bad and not step.messages:
            step.messages = _judged(step, detail.messages)


def _judged(step: Step, messages: list[e.MessageSeen]) -> list[e.MessageSeen]:
    """Return the message that a step judged: the last on its arrow, which came before its turn."""
    if step.ended is None or not step.ended.difference:
        return []
    found = [
        one
        for one in messages
        if one.at <= step.ended.at
        and step.started.title.startswith(f"{one.sender} -> {one.receiver}:")
    ]
    return found[-1:]


@dataclass(slots=True)
class Item:
    """One item: its head and its end; the rest is read when a report asks for it."""

    started: e.ItemStarted
    ended: e.ItemEnded | None
    events: Callable[[], Iterator[e.Event]]
    cut: str = CUT_OFF
    folder: str = ""
    # several reports of a small run read each item once
    keep: bool = False
    _detail: Detail | None = None

    @property
    def id(self) -> str:
        """Return the id with its variant."""
        return self.started.item

    @property
    def verdict(self) -> Verdict:
        """Return the verdict; what began and did not end is an error."""
        return verdict_of(self.ended.verdict) if self.ended else Verdict.ERROR

    @property
    def reason(self) -> str:
        """Return why the verdict is what it is."""
        return self.ended.reason if self.ended else self.cut

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.ended.seconds if self.ended else 0.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what is to be known although it spoils no verdict."""
        return self.ended.warnings if self.ended else ()

    def detail(self) -> Detail:
        """Read the steps and messages."""
        if self._detail is not None:
            return self._detail
        found = collect(self.events()) or Detail(self.started, self.ended)
        if self.keep:
            self._detail = found
        return found


@dataclass(slots=True)
class Run:
    """One run, or several that were put together."""

    head: e.RunStarted
    end: e.RunEnded | None
    items: list[Item]
    cases: dict[str, e.CaseText] = field(default_factory=dict)
    # ids that the run wanted to run and did not begin
    not_run: tuple[str, ...] = ()
    # what is wrong with the stream, in words for a reader
    problems: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Say whether the run came to its end."""
        return self.end is not None and not self.not_run

    def counts(self) -> dict[str, int]:
        """Return how many items had each verdict, by the words of every report."""
        found = dict.fromkeys(COUNTS.values(), 0)
        for item in self.items:
            found[COUNTS[item.verdict]] += 1
        return found

    def by_gravity(self) -> list[Item]:
        """Return the items, failures first."""
        return sorted(self.items, key=lambda item: GRAVITY.index(item.verdict))

    @property
    def seconds(self) -> float:
        """Return how long the run took; of one that was cut off, as far as it is known."""
        if self.end is not None:
            return self.end.seconds
        last = max((i.ended.at if i.ended else i.started.at for i in self.items), default=0.0)
        return max(0.0, last - self.head.at) if self.items else 0.0

    def product(self) -> str:
        """Return the product's name and version."""
        name = str(self.head.product.get("name") or "the built-in references")
        version = str(self.head.product.get("version") or "")
        return f"{name} {version}".strip()
