"""The sequence diagram of one item."""

from __future__ import annotations

from dissectors.trace.render.sequence import MOST, Arrow, Diagram, Note
from dissectors.trace.render.svg import draw
from dissectors.trace.render.words import carrier_word, outcome, refused, telling
from sgprobe import events as e
from sgprobe.report.messages import as_message, name_of, problem_lines, role_name
from sgprobe.report.run import Detail
from sgprobe.report.text import plain, short

_ORDER = ("system", "device", "euicc", "ipa", "eim", "smdp", "smds", "smdpf", "eum", "operator")
_DETAIL, _FAULT = 48, 200
# what happens beside messages and belongs into the picture
_NOTES = {"trigger", "link", "clock", "state", "warning"}


def build(detail: Detail) -> Diagram:
    """Lay out the messages of an item, with what was found wrong in them."""
    started = detail.started
    found = dict.fromkeys(
        role for one in detail.messages for role in (one.sender, one.receiver) if role
    )
    roles = sorted(found, key=lambda role: _ORDER.index(role) if role in _ORDER else len(_ORDER))
    lanes = [
        f"{role_name(role)}\n{'under test' if role == started.iut else 'simulated'}"
        for role in roles
    ]
    wrong = _wrong(detail)
    rows: list[Arrow | Note] = []
    told: list[e.MessageSeen | e.Note] = [*detail.messages]
    told += [note for note in detail.notes if note.kind in _NOTES]
    told.sort(key=lambda one: one.at)
    for one in told[:MOST]:
        if isinstance(one, e.Note):
            rows.append(Note(f"{plain(one.kind)}: {plain(short(one.text, _FAULT))}",
                             one.kind == "warning"))  # fmt: skip
        elif one.sender and one.receiver:
            rows.append(_arrow(one, roles, started.spec, wrong.get(one.n, ())))
    diagram = Diagram(lanes, rows)
    if len(told) > MOST:
        diagram.notes.append(Note(f"… and {len(told) - MOST} more", False))
    bad = sum(arrow.bad for arrow in diagram.arrows)
    span = max((one.scenario for one in detail.messages), default=0.0)
    faults = f", {bad} with faults" if bad else ""
    diagram.summary = f"{len(detail.messages)} messages in {span:.3f} s{faults}"
    return diagram


def svg(detail: Detail) -> str:
    """Return the diagram as a file of its own; "" where no message was seen."""
    return draw(build(detail)) if detail.messages else ""


def _wrong(detail: Detail) -> dict[int, tuple[str, ...]]:
    """Return what the steps that failed say of each message."""
    found: dict[int, tuple[str, ...]] = {}
    for step in detail.bad_steps():
        if step.ended is not None and step.messages:
            text = f"step {step.number}: {step.ended.reason or step.ended.verdict}"
            number = step.messages[-1].n
            found[number] = (*found.get(number, ()), plain(short(text, _FAULT)))
    return found


def _arrow(seen: e.MessageSeen, roles: list[str], spec: str, wrong: tuple[str, ...]) -> Arrow:
    message = as_message(seen, spec)
    said = outcome(message) or ", ".join(f"{key} {text}" for key, text in telling(message)[:2])
    said = plain(said if len(said) <= _DETAIL else said[: _DETAIL - 1] + "…")
    carried = plain(carrier_word(message))
    frames = seen.frames
    first, last = (frames[0], frames[-1]) if frames else (0, 0)
    size = f"{len(seen.bytes) // 2} octets"
    return Arrow(
        source=roles.index(seen.sender),
        target=roles.index(seen.receiver),
        label=short(name_of(seen), 80),
        detail=f"{carried} · {said}" if said else carried,
        time=f"{seen.scenario:.3f} s",
        frames="" if not frames else f"{first}" if first == last else f"{first}–{last}",
        is_answer=seen.kind != "request",
        faults=(*wrong, *(short(line, _FAULT) for line in problem_lines(seen))),
        folded="",
        refused=refused(message),
        hint=f"{seen.n}: {plain(seen.interface)} {plain(seen.function)} {plain(seen.kind)}\n{size}",
    )
