"""The event stream of a run: all that a report is made of, one JSON object per line."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

FORMAT = 1
# the name of the stream in a results folder; a worker of a parallel run writes a shard of it
STREAM = "events.ndjson"
SHARD = "events-{worker}.ndjson"


class Verdict(StrEnum):
    """The outcomes of an item, in the words of every report."""

    PASS = "pass"
    NOT_APPLICABLE = "not_applicable"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    ERROR = "error"


# TTCN-3's order: the worst of what happened is the verdict
_ORDER = (Verdict.NOT_APPLICABLE, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts; of none, nothing was checked: inconclusive."""
    return max(verdicts, key=_ORDER.index, default=Verdict.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class RunStarted:
    """What runs, with what, against what."""

    name: ClassVar[str] = "run.started"
    run: str
    at: float
    sgprobe: str
    seed: int
    command: tuple[str, ...] = ()
    python: str = ""
    platform: str = ""
    worker: str = ""
    # role, name, version, file, endpoints; {} where the built-in references are the product
    product: dict[str, Any] = field(default_factory=dict)
    specs: tuple[str, ...] = ()
    # answers of the ICS by name, and settings (IXIT); secrets never stand here
    ics: dict[str, Any] = field(default_factory=dict)
    ixit: dict[str, Any] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    plan: str = ""
    strict: bool = False
    # ids of all items of the run, so that one that was killed can say what did not run
    items: tuple[str, ...] = ()
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class CaseText:
    """The text of a case file, once per case."""

    name: ClassVar[str] = "case"
    case: str
    file: str
    text: str


@dataclass(frozen=True, slots=True)
class ItemStarted:
    """One variant of one case begins."""

    name: ClassVar[str] = "item.started"
    item: str
    case: str
    at: float
    title: str
    iut: str
    spec: str
    file: str
    line: int
    suite: str = ""
    interface: str = ""
    function: str = ""
    # from the catalogue: official or own, positive or negative, certain or only likely
    kind: str = ""
    certainty: str = "certain"
    clauses: tuple[str, ...] = ()
    # id, clause, text, level (shall, should), firm
    requirements: tuple[dict[str, Any], ...] = ()
    official: tuple[str, ...] = ()
    variant: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    # of in-factory provisioning: S, U or B, what the verdict speaks of
    layer: str = ""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """One line of the case begins; `step` is its number, `3` or `3.1` inside another."""

    name: ClassVar[str] = "step.started"
    item: str
    step: str
    section: str  # given, steps, trace, cleanup
    title: str
    at: float
    scenario: float
    line: int = 0
    end_line: int = 0


@dataclass(frozen=True, slots=True)
class StepEnded:
    """What became of a step; `difference` is the tree of what was compared."""

    name: ClassVar[str] = "step.ended"
    item: str
    step: str
    verdict: str
    at: float
    scenario: float
    reason: str = ""
    because: str = ""
    # n of the messages that the step sent or judged
    messages: tuple[int, ...] = ()
    # path, name, good, expected, actual, hint, line, unsure, inside: [...]
    difference: dict[str, Any] | None = None
    # fields that the product sent and the case did not name
    unnamed: int = 0
    checks: int = 0
    warning: bool = False


@dataclass(frozen=True, slots=True)
class MessageSeen:
    """One application message as the bench sent or received it."""

    name: ClassVar[str] = "message"
    item: str
    n: int
    at: float
    scenario: float
    sender: str
    receiver: str
    transport: str
    interface: str
    function: str
    kind: str  # request, response
    type: str | None
    status: int | str | None
    # the body in lower-case hex, its value in JER, what is wrong with it, and its frames
    bytes: str
    value: Any = None
    problems: tuple[dict[str, Any], ...] = ()
    frames: tuple[int, ...] = ()
    step: str = ""
    # the product under test sent it
    product: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What happened beside the messages: trigger, link, clock, state, log, warning."""

    name: ClassVar[str] = "note"
    item: str
    at: float
    scenario: float
    kind: str
    text: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class ItemEnded:
    """The verdict of one item, and where its evidence lies."""

    name: ClassVar[str] = "item.ended"
    item: str
    verdict: str
    at: float
    seconds: float
    reason: str = ""
    scenario_seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    checks: int = 0
    # file of the capture, relative to the results folder; its secrets are inside
    capture: str = ""
    # what a terminal prints of a failure, without colours
    text: str = ""
    rerun: str = ""
    # how the product was reached: sockets, memory
    reach: str = ""
    # asked after a failed negative case; None where it was not asked
    still_answers: bool | None = None
    # {until, reason} of a deviation that the product file declares
    deviation: dict[str, str] | None = None
    # of an item that did not pass: frames of the capture by the n of their message
    frames: dict[str, Any] = field(default_factory=dict)
    # what was measured, for whoever reads the results; no verdict rests on it
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunEnded:
    """How the run ended; a stream without this line was cut off."""

    name: ClassVar[str] = "run.ended"
    at: float
    seconds: float
    exit: int
    counts: dict[str, int] = field(default_factory=dict)


Event: TypeAlias = (
    RunStarted | CaseText | ItemStarted | StepStarted | StepEnded | MessageSeen | Note | ItemEnded
    | RunEnded
)  # fmt: skip
_KINDS: dict[str, type[Any]] = {
    one.name: one
    for one in (RunStarted, CaseText, ItemStarted, StepStarted, StepEnded, MessageSeen, Note,
                ItemEnded, RunEnded)
}  # fmt: skip
_FIELDS = {one: tuple(f.name for f in dataclasses.fields(one)) for one in _KINDS.values()}


def to_line(event: Event) -> str:
    """Return an event as one line of the stream, without its newline."""
    kind = type(event)
    values = {name: getattr(event, name) for name in _FIELDS[kind]}
    return json.dumps({"event": kind.name, **values}, separators=(",", ":"), default=str)


def from_line(line: str) -> Event | None:
    """Return the event of a line; None where the line is cut off, damaged or of a later format."""
    try:
        values = _decode(line)
    except (ValueError, RecursionError):
        return None
    kind = _KINDS.get(str(values.pop("event", ""))) if isinstance(values, dict) else None
    if kind is None:
        return None
    known = {name: _frozen(values[name]) for name in _FIELDS[kind] if name in values}
    fits = _FITS[kind]
    if not all(fits[name](value) for name, value in known.items() if name in fits):
        return None
    try:
        made: Event = kind(**known)
    except TypeError:
        return None
    return made


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _no_number(text: str) -> Any:
    raise ValueError(text)


_decode = json.JSONDecoder(parse_constant=_no_number).decode


def _all(kind: type) -> Callable[[Any], bool]:
    return lambda value: type(value) is tuple and all(type(one) is kind for one in value)


# by the annotation of a field; what is not here may be anything
_TESTS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: type(value) is str,
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) in (int, float) and math.isfinite(value),
    "bool": lambda value: type(value) is bool,
    "tuple[str, ...]": _all(str),
    "tuple[int, ...]": _all(int),
    "tuple[dict[str, Any], ...]": _all(dict),
    "str | None": lambda value: value is None or type(value) is str,
    "int | str | None": lambda value: value is None or type(value) in (int, str),
    "dict[str, Any]": lambda value: type(value) is dict,
    "dict[str, Any] | None": lambda value: value is None or type(value) is dict,
    "dict[str, str]": lambda value: type(value) is dict and _all(str)(tuple(value.values())),
    "dict[str, str] | None": lambda value: (
        value is None or (type(value) is dict and _all(str)(tuple(value.values())))
    ),
    "dict[str, int]": lambda value: type(value) is dict and _all(int)(tuple(value.values())),
}
_FITS = {
    one: {f.name: _TESTS[str(f.type)] for f in dataclasses.fields(one) if str(f.type) in _TESTS}
    for one in _KINDS.values()
}


def read(lines: Iterable[str]) -> Iterator[Event]:
    """Return the events of a stream, without the lines that cannot be read."""
    for line in lines:
        event = from_line(line)
        if event is not None:
            yield event
