"""A plan: a case bound to one version, one role under test and one variant, ready to run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from dissectors.asn1.model import Type
from dissectors.asn1.versions import Spec
from sgprobe import ics
from sgprobe.cases import model as m
from sgprobe.cases.messages import Message
from sgprobe.cases.paths import Place
from sgprobe.cases.templates import Template
from sgprobe.cases.variants import Variant

Path: TypeAlias = tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Damage:
    """What is done to an element after encoding and signing; `argument` as in keys.DAMAGE."""

    word: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Mutation:
    """Damage at a path, () being the whole message; `axis` names the axis that decides it."""

    path: Path
    damage: Damage | None
    axis: str = ""


@dataclass(frozen=True, slots=True)
class Impairment:
    """The state of a link; `axis` names the axis that decides it."""

    up: bool = True
    drop: tuple[int, ...] = ()
    duplicate: tuple[int, ...] = ()
    delay: tuple[tuple[int, float], ...] = ()
    toward: str = ""
    axis: str = ""
    # octets of the largest datagram that gets through; 0: any does
    largest: int = 0


@dataclass(frozen=True, slots=True)
class Time:
    """A time in seconds, or the reference that gives it."""

    seconds: float | None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """A message that is expected or sent; without template the role's default is sent."""

    step: m.MessageStep
    sender: str
    receiver: str
    message: Message
    type: Type
    expect: bool
    template: Template | None
    mutations: tuple[Mutation, ...]
    captures: tuple[tuple[str, Path], ...]
    binding: tuple[tuple[str, Template], ...]
    within: Time | None


@dataclass(frozen=True, slots=True)
class PlannedTrigger:
    """What the product is asked to do, with values."""

    step: m.TriggerStep
    given: Template | None


@dataclass(frozen=True, slots=True)
class PlannedState:
    """A state to bring about or to compare."""

    step: m.StateStep
    template: Template


@dataclass(frozen=True, slots=True)
class PlannedLink:
    """A link and what becomes of it."""

    step: m.LinkStep
    role: str
    impairment: Impairment


@dataclass(frozen=True, slots=True)
class PlannedTime:
    """Time that passes."""

    step: m.TimeStep
    amount: Time


@dataclass(frozen=True, slots=True)
class PlannedQuiet:
    """A role that has to keep quiet."""

    step: m.QuietStep
    role: str
    amount: Time
    toward: str = ""


@dataclass(frozen=True, slots=True)
class PlannedConnect:
    """A bare TLS connection, with how the client speaks TLS in it."""

    step: m.ConnectStep
    role: str
    told: Template | None


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """Branches, all or one of them."""

    step: m.GroupStep
    branches: tuple[tuple[Planned, ...], ...]


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """The steps of a steps file, with its inputs; only its outputs leave it."""

    step: m.DoStep
    file: m.StepsFile
    given: Template | None
    steps: tuple[Planned, ...]


Planned: TypeAlias = (
    PlannedMessage | PlannedTrigger | PlannedState | PlannedLink | PlannedTime | PlannedQuiet
    | PlannedConnect | PlannedGroup | PlannedCall
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlannedAnswer:
    """What a simulated role answers."""

    answer: m.Answer
    message: Message | None
    type: Type | None
    template: Template | None
    mutations: tuple[Mutation, ...]
    after: Time | None


@dataclass(frozen=True, slots=True)
class PlannedPeer:
    """The behaviour of one simulated role: answers by the name of a message, and settings."""

    role: str
    refuses: bool
    rules: tuple[tuple[str, tuple[PlannedAnswer, ...]], ...]
    settings: tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class PlannedTrace:
    """One assertion over the capture."""

    rule: m.TraceRule
    when: str
    where: Template | None
    tests: tuple[Template, ...]
    count: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A case bound to a version and a role under test; variants share it."""

    spec: Spec
    role: str
    given: tuple[Planned, ...]
    steps: tuple[Planned, ...]
    cleanup: tuple[Planned, ...]
    peers: tuple[PlannedPeer, ...]
    trace: tuple[PlannedTrace, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: everything that can fail without a peer has been looked at."""

    case: m.Case
    variant: Variant
    compiled: Compiled
    applies: ics.Expression | None
    # where a case runs in several versions, its ids say which
    version_in_id: bool = False

    @property
    def id(self) -> str:
        """Return the id with the variant in brackets."""
        suffix = self.variant.suffix
        if self.version_in_id:
            inside = suffix.strip("[]")
            suffix = f"[{inside}-{self.spec.version}]" if inside else f"[{self.spec.version}]"
        return self.case.id + suffix

    @property
    def spec(self) -> Spec:
        """Return the version."""
        return self.compiled.spec


def walk(steps: tuple[Planned, ...]) -> Iterator[Planned]:
    """Return all steps, those inside others too."""
    for step in steps:
        yield step
        if isinstance(step, PlannedGroup):
            for branch in step.branches:
                yield from walk(branch)
        elif isinstance(step, PlannedCall):
            yield from walk(step.steps)


def title(step: Planned) -> str:
    """Return what a person calls a step."""
    match step:
        case PlannedMessage():
            return f"{step.sender} -> {step.receiver}: {step.message.name}"
        case PlannedTrigger():
            return f"trigger: {step.step.action.text}"
        case PlannedState():
            word = "assert" if step.step.compare else "state"
            return f"{word}: {step.step.part.text}"
        case PlannedLink():
            return f"link: {step.role}"
        case PlannedTime():
            return f"{'advance' if step.step.virtual else 'wait'}: {step.step.amount.text}"
        case PlannedQuiet():
            return f"quiet: {step.role}"
        case PlannedConnect():
            return f"connect: {step.role}"
        case PlannedGroup():
            return "either" if step.step.either else "any-order"
        case PlannedCall():
            return f"do: {step.step.call.text}"
