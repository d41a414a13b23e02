"""What a sequence diagram shows, whatever draws it: lanes, and rows of arrows and notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.finding import Severity
from dissectors.link.coap.transfers import CoapTransfer
from dissectors.trace.message import Message
from dissectors.trace.read import Trace
from dissectors.trace.render import Style
from dissectors.trace.render.words import (
    carrier_word,
    end_name,
    is_request,
    outcome,
    printable,
    refused,
    telling,
    title,
)

# roles from left to right; an end without a role stands after them
_ORDER = ("system", "euicc", "ipa", "eim", "smdp", "smds", "smdpf", "operator")
# a picture is for reading: what is over is counted in a last note
MOST = 400
_NOTES = 60
_LABEL, _FAULT = 48, 300
# a pause that is worth a word, in seconds
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message between two lanes."""

    source: int
    target: int
    label: str
    detail: str
    time: str
    frames: str
    is_answer: bool
    faults: tuple[str, ...]
    folded: str
    refused: bool
    # all that there is no room for: ends, versions, size
    hint: str = ""

    @property
    def bad(self) -> bool:
        """Say whether it is drawn as a fault."""
        return bool(self.faults) or self.refused


@dataclass(frozen=True, slots=True)
class Note:
    """Something between messages: loss, a pause, what the layers below have to say."""

    text: str
    is_fault: bool
    frames: str = ""


@dataclass(slots=True)
class Diagram:
    """All that is drawn."""

    lanes: list[str] = field(default_factory=list)
    rows: list[Arrow | Note] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)  # at the end
    summary: str = ""

    @property
    def arrows(self) -> list[Arrow]:
        """Return the messages alone."""
        return [row for row in self.rows if isinstance(row, Arrow)]


def build(messages: list[Message], trace: Trace, style: Style, more: int = 0) -> Diagram:
    """Lay out messages as a diagram; `more` messages are left out at the end."""
    servers = _sm_ds(messages)
    names = _lanes(messages, style, servers)
    diagram = Diagram(list(names.values()))
    place = {key: index for index, key in enumerate(names)}
    again = _repetitions(trace)
    start = before = messages[0].time if messages else 0.0
    waiting = _between(trace, style.veil)
    for message in messages:
        frame = message.frames[-1] if message.frames else 0
        while waiting and waiting[0][0] < frame:
            diagram.rows.append(waiting.pop(0)[1])
        if message.time - before >= _PAUSE:
            diagram.rows.append(Note(f"{message.time - before:.1f} s pass", False))
        before = max(before, message.time)
        source, target = _ends(message, style, servers)
        diagram.rows.append(
            Arrow(
                place[source],
                place[target],
                title(message),
                _detail(message),
                f"{message.time - start:.3f} s",
                _frames(message.frames),
                not is_request(message),
                _faults(message),
                _folded(message, again),
                refused(message),
                _hint(message),
            )
        )
    diagram.notes += [note for _, note in waiting]
    if more:
        diagram.notes.append(Note(f"… and {more} more messages", False))
    diagram.notes += _closing(trace)
    bad = sum(arrow.bad for arrow in diagram.arrows)
    span = max((message.time for message in messages), default=start) - start
    faults = f", {bad} with faults" if bad else ""
    diagram.summary = f"{len(messages) + more} messages in {span:.3f} s{faults}"
    return diagram


def _between(trace: Trace, veil: Callable[[str], str]) -> list[tuple[int, Note]]:
    """Return the notes of the layers below that weigh something, by their frame."""
    notes: list[tuple[int, Note]] = []
    for finding, frames in trace.notes:
        if finding.severity is not Severity.INFO and len(notes) < _NOTES:
            text = veil(printable(f"{finding.code}: {finding.text}"))
            frame = frames[-1] if frames else 1 << 62
            notes.append((frame, Note(text[:_FAULT], True, _frames(frames))))
    return sorted(notes, key=lambda one: one[0])


def _closing(trace: Trace) -> list[Note]:
    closed = sum(1 for session in trace.sessions if session.closed)
    if not closed:
        return []
    many = "sessions" if closed > 1 else "session"
    return [Note(f"{closed} encrypted {many} could not be opened: keys are missing", True)]


def _sm_ds(messages: list[Message]) -> frozenset[str]:
    """Return the addresses that an answer shows to be an SM-DS: its requests look like ES9+."""
    return frozenset(m.src for m in messages if m.sender == "smds")


def _ends(
    message: Message, style: Style, servers: frozenset[str]
) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the lanes of a message: a role at a host."""
    ends = []
    for address, role in ((message.src, message.sender), (message.dst, message.receiver)):
        host = address.rpartition(":")[0] or address
        if role == "smdp" and address in servers:
            role = "smds"
        ends.append((end_name(style, address, role), printable(host)))
    return ends[0], ends[1]


def _lanes(
    messages: list[Message], style: Style, servers: frozenset[str]
) -> dict[tuple[str, str], str]:
    keys: dict[tuple[str, str], None] = {}
    for message in messages:
        for end in _ends(message, style, servers):
            keys.setdefault(end)

    def rank(key: tuple[str, str]) -> int:
        return _ORDER.index(key[0]) if key[0] in _ORDER else len(_ORDER)

    return {key: "\n".join(key) for key in sorted(keys, key=rank)}


def _detail(message: Message) -> str:
    said = outcome(message) or ", ".join(f"{name} {text}" for name, text in telling(message)[:2])
    text = printable(said)
    text = text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
    return f"{carrier_word(message)}" + (f" · {text}" if text else "")


def _hint(message: Message) -> str:
    versions = ", ".join(message.spec)
    parts = [
        f"{message.n}: {message.interface} {message.function} {message.kind}",
        f"{printable(message.src)} → {printable(message.dst)}",
        f"{len(message.octets)} octets" if message.octets else "",
        versions,
        *(f"{name} {printable(text)}" for name, text in telling(message)),
    ]
    return "\n".join(part for part in parts if part)


def _faults(message: Message) -> tuple[str, ...]:
    return tuple(
        printable(f"{problem.code}: {problem.text}")[:_FAULT]
        for problem in message.problems
        if problem.severity is not Severity.INFO
    )


def _frames(frames: tuple[int, ...]) -> str:
    if not frames:
        return ""
    first, last = min(frames), max(frames)
    return f"{first}" if first == last else f"{first}–{last}"


def _repetitions(trace: Trace) -> Counter[tuple[int, int, int | None]]:
    """Count the datagrams that came again, by flow, side and the transfer that they serve."""
    return Counter(
        (flow.number, record.side, record.transfer)
        for flow, record in trace.records
        if record.duplicate
    )


def _folded(message: Message, again: Counter[tuple[int, int, int | None]]) -> str:
    """Say what was folded into one arrow: blocks, and datagrams that came again."""
    transfer = message.carrier
    if not isinstance(transfer, CoapTransfer):
        return ""
    parts = [f"{transfer.blocks} blocks"] if transfer.blocks > 1 else []
    repeated = again[message.flow, transfer.side, transfer.number]
    if repeated:
        parts.append(f"{repeated} sent again")
    return ", ".join(parts)
