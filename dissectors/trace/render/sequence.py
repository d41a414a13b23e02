"""What a sequence diagram shows, whatever draws it: lanes, arrows, notes."""

from __future__ import annotations

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
_LABEL = 42


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


@dataclass(slots=True)
class Diagram:
    """All that is drawn."""

    lanes: list[str] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def build(messages: list[Message], trace: Trace, style: Style) -> Diagram:
    """Lay out messages as a diagram."""
    shown = messages[:MOST]
    names = _lanes(shown, style)
    diagram = Diagram(list(names.values()))
    place = {key: index for index, key in enumerate(names)}
    start = shown[0].time if shown else 0.0
    for message in shown:
        source, target = _ends(message, style)
        diagram.arrows.append(
            Arrow(
                place[source],
                place[target],
                title(message),
                _detail(message),
                f"{message.time - start:.3f} s",
                _frames(message),
                not is_request(message),
                tuple(
                    printable(f"{p.code}: {p.text}")
                    for p in message.problems
                    if p.severity is not Severity.INFO
                ),
                _folded(message, trace),
                refused(message),
            )
        )
    if len(messages) > MOST:
        diagram.notes.append(f"… and {len(messages) - MOST} more messages")
    closed = sum(1 for session in trace.sessions if session.closed)
    if closed:
        diagram.notes.append(f"{closed} encrypted sessions could not be opened")
    return diagram


def _ends(message: Message, style: Style) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the lanes of a message: a role at a host."""
    ends = []
    for address, role in ((message.src, message.sender), (message.dst, message.receiver)):
        host = address.rpartition(":")[0] or address
        ends.append((end_name(style, address, role), host))
    return ends[0], ends[1]


def _lanes(messages: list[Message], style: Style) -> dict[tuple[str, str], str]:
    keys: dict[tuple[str, str], None] = {}
    for message in messages:
        for end in _ends(message, style):
            keys.setdefault(end)

    def rank(key: tuple[str, str]) -> int:
        return _ORDER.index(key[0]) if key[0] in _ORDER else len(_ORDER)

    ordered = sorted(keys, key=rank)
    roles = [role for role, _ in ordered]
    return {
        (role, host): f"{role}\n{host}" if roles.count(role) > 1 else role for role, host in ordered
    }


def _detail(message: Message) -> str:
    said = outcome(message) or ", ".join(f"{name} {text}" for name, text in telling(message)[:2])
    text = printable(said)
    text = text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
    return f"{carrier_word(message)}" + (f" · {text}" if text else "")


def _frames(message: Message) -> str:
    frames = message.frames
    if not frames:
        return ""
    return f"{frames[0]}" if len(frames) == 1 else f"{frames[0]}–{frames[-1]}"


def _folded(message: Message, trace: Trace) -> str:
    """Say what was folded into one arrow: blocks, and datagrams that came again."""
    transfer = message.carrier
    if not isinstance(transfer, CoapTransfer):
        return ""
    parts = [f"{transfer.blocks} blocks"] if transfer.blocks > 1 else []
    again = sum(
        1
        for flow, record in trace.records
        if flow.number == message.flow
        and record.transfer == transfer.number
        and record.side == transfer.side
        and record.duplicate
    )
    if again:
        parts.append(f"{again} sent again")
    return ", ".join(parts)
