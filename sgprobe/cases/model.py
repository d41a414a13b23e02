"""A case as it was written: frozen, each part with its place; not yet bound to a version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sgprobe.yamlnode import Items, Mapping, Node, Scalar, Source

IUT = "iut"
# in the path of a steps file: the role under test
BY_ROLE = "$iut"
ROLES = (
    "ipa", "eim", "smdp", "smds", "euicc",
    "eum", "smdpf", "fpa", "msp", "system", "device", "bench",
)  # fmt: skip
# whom a product speaks as, where that is not its role alone; the first one asks others
FACES = {"device": ("ipa", "euicc")}
# who may stand in an arrow beside the roles: who orders profiles, and the device maker
ENDS = (*ROLES, "operator", "dm")


def faces(role: str) -> tuple[str, ...]:
    """Return the roles whose messages are those of a product: a device is an IPA with its eUICC."""
    return FACES.get(role, (role,))


@dataclass(frozen=True, slots=True)
class Arrow:
    """Who sends what to whom; `source` is that of the message's name."""

    sender: str
    receiver: str
    message: Scalar
    source: Source

    def __str__(self) -> str:
        return f"{self.sender} -> {self.receiver}: {self.message.text}"


@dataclass(frozen=True, slots=True)
class Common:
    """What every step may say."""

    because: str = ""
    name: Scalar | None = None
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class MessageStep:
    """A message: an expectation where the IUT sends it, else ours."""

    arrow: Arrow
    fields: Mapping | Scalar | None
    exact: bool
    within: Scalar | None
    next: bool
    capture: Mapping | None
    mutate: Mapping | Scalar | None
    http: Mapping | None
    coap: Mapping | None
    apdu: Mapping | None
    same_as: Scalar | None
    for_each: Scalar | None
    common: Common
    source: Source


@dataclass(frozen=True, slots=True)
class TriggerStep:
    """Asks the operator's adapter to make the product act."""

    action: Scalar
    given: Mapping | None
    common: Common
    source: Source


@dataclass(frozen=True, slots=True)
class StateStep:
    """Brings a part of the state about (`state`) or compares it (`assert`)."""

    part: Scalar
    value: Node
    compare: bool
    for_each: Scalar | None
    common: Common
    source: Source


@dataclass(frozen=True, slots=True)
class LinkStep:
    """Changes a link: up, unreachable, or impairments."""

    role: Scalar
    state: Node
    common: Common
    source: Source


@dataclass(frozen=True, slots=True)
class TimeStep:
    """Moves the scenario clock (`virtual`), or lets real time pass."""

    amount: Scalar
    virtual: bool
    common: Common
    source: Source


@dataclass(frozen=True, slots=True)
class QuietStep:
    """Nothing may come from a role for a time, or nothing toward another."""

    role: Scalar
    amount: Scalar
    toward: Scalar | None
    common: Common
    source: Source


@dataclass(frozen=True, slots=True)
class ConnectStep:
    """A TLS connection to a server, without a request in it."""

    role: Scalar
    told: Mapping | None
    common: Common
    source: Source


@dataclass(frozen=True, slots=True)
class GroupStep:
    """All branches in any order, or one of them (`either`)."""

    either: bool
    branches: tuple[tuple[Step, ...], ...]
    common: Common
    source: Source


@dataclass(frozen=True, slots=True)
class DoStep:
    """Calls a steps file."""

    call: Scalar
    given: Mapping | None
    common: Common
    source: Source
    times: Scalar | None = None


Step: TypeAlias = (
    MessageStep | TriggerStep | StateStep | LinkStep | TimeStep | QuietStep | ConnectStep
    | GroupStep | DoStep
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a simulated role: a message, a word (`silence`, `reset`) or a status."""

    word: str
    message: Scalar | None
    fields: Mapping | Scalar | None
    mutate: Mapping | Scalar | None
    status: int | None
    after: Scalar | None
    source: Source
    # octets of the body that come before the connection breaks
    cut: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What a simulated role answers to one message; the last answer repeats."""

    message: Scalar
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """The background behaviour of one simulated role."""

    role: Scalar
    rules: tuple[Rule, ...]
    refuses: bool
    settings: tuple[tuple[Scalar, Node], ...]


@dataclass(frozen=True, slots=True)
class TraceRule:
    """One assertion over the capture."""

    name: str
    when: Scalar | None
    where: Mapping | None
    quantifier: str
    test: Mapping | Items | Scalar
    because: str
    source: Source


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of a specification; `version` is empty for an RFC."""

    spec: str
    version: str
    section: str
    title: str
    source: Source

    def __str__(self) -> str:
        version = f" v{self.version}" if self.version else ""
        return f"{self.spec}{version} §{self.section}"


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of variants: points with a label, a piece of an id and a value."""

    name: Scalar
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One point of an axis."""

    label: str
    slug: str
    value: Node


@dataclass(frozen=True, slots=True)
class Case:
    """One case file."""

    id: str
    title: str
    roles: tuple[str, ...]
    clauses: tuple[Clause, ...]
    covers: tuple[Scalar, ...]
    applies_if: Scalar | None
    axes: tuple[Axis, ...]
    excluded: tuple[Mapping, ...]
    given: tuple[Step, ...]
    peers: tuple[Peer, ...]
    steps: tuple[Step, ...]
    trace: tuple[TraceRule, ...]
    cleanup: tuple[Step, ...]
    since: Scalar | None
    until: Scalar | None
    source: Source


@dataclass(frozen=True, slots=True)
class StepsFile:
    """Steps that cases call, with declared inputs and outputs."""

    name: str
    title: str
    inputs: tuple[Scalar, ...]
    outputs: tuple[Scalar, ...]
    steps: tuple[Step, ...]
    source: Source
