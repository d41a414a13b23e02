"""What a terminal prints of one item that did not pass: expected, actual, what next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from sgprobe.events import Event, MessageSeen, StepStarted, Verdict
from sgprobe.fileerror import width
from sgprobe.report.difference import Row, named, rows
from sgprobe.report.run import SYMBOLS, Detail, Step, collect, verdict_of
from sgprobe.report.text import many, plain, plain_lines, short

_LEFT, _SIDE = 56, 54  # columns
_MOST_STEPS = 6
_LONGEST_NAME = 44
_MOST_LOG = 30


@dataclass(frozen=True, slots=True)
class Paint:
    """Escape sequences of a terminal, or none."""

    on: bool = False

    def __call__(self, code: str, text: str) -> str:
        """Return text in the colour of `code`."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text


COLOURS = {
    Verdict.PASS: "32",
    Verdict.FAIL: "31;1",
    Verdict.ERROR: "35;1",
    Verdict.INCONCLUSIVE: "33",
    Verdict.NOT_APPLICABLE: "2",
}
PLAIN = Paint()


def failure_text(events: Iterable[Event], paint: Paint = PLAIN) -> str:
    """Return the failure of the item that the events are of; "" where there is no item."""
    detail = collect(events)
    return failure_of(detail, paint) if detail is not None else ""


def failure_of(detail: Detail, paint: Paint = PLAIN, cut: str = "") -> str:
    """Return the failure of an item."""
    started, ended = detail.started, detail.ended
    verdict = verdict_of(ended.verdict) if ended else Verdict.ERROR
    bad = detail.bad_steps()
    # the line of the case that is at fault, if a step knows it
    line = next((step.started.line for step in bad if step.started.line), started.line)
    head = f"{SYMBOLS[verdict]} {_ident(detail)}"
    place = f"{plain(started.file)}:{line}"
    out = [paint(COLOURS[verdict], head) + _pad(head, _LEFT) + paint("2", place)]
    reason = plain_lines(ended.reason) if ended else [cut or "the run was cut off here"]
    if reason != [""] and not any(_says(step, reason[0]) for step in bad):
        out += [f"  {one}" for one in reason]
    for step in bad[:_MOST_STEPS]:
        out += _step(step, detail, paint)
    if len(bad) > _MOST_STEPS:
        out.append(f"  and {many(len(bad) - _MOST_STEPS, 'step')} more")
    out += _requires(detail)
    for step in bad[:_MOST_STEPS]:
        out += _compared(step, detail, paint)
    if ended is not None:
        out += [f"  warning  {plain(text)}" for text in ended.warnings]
        if ended.still_answers is False:
            out.append("  …and the product stopped answering")
        if ended.deviation:
            out.append(f"  known    {deviation(ended.deviation)}")
    if verdict is Verdict.ERROR:
        out += _log(detail)
    out += _next(detail, bad)
    return "\n".join(out) + "\n"


def _log(detail: Detail) -> list[str]:
    """Return the last lines of the log, which tell what broke the bench."""
    log = [line for one in detail.notes if one.kind == "log" for line in plain_lines(one.text)]
    return [f"    {line}" for line in log[-_MOST_LOG:] if line]


def deviation(known: dict[str, str]) -> str:
    """Return what the product file says of a known deviation."""
    return (
        f"known deviation until {plain(known.get('until', ''))}: {plain(known.get('reason', ''))}"
    )


def _ident(detail: Detail) -> str:
    case, bracket, variant = plain(detail.started.item).partition("[")
    return f"{case} {bracket}{variant}" if bracket else case


def _says(step: Step, reason: str) -> bool:
    said = plain(step.ended.reason) if step.ended else ""
    return bool(said) and said in reason


def _pad(text: str, column: int) -> str:
    return " " * max(2, column - width(text))


def step_title(step: StepStarted) -> str:
    """Return what a step does, with the arrow that it stands for."""
    return plain(step.title).replace(" -> ", " → ")


def _step(step: Step, detail: Detail, paint: Paint) -> list[str]:
    ended = step.ended
    section = "" if step.started.section == "steps" else f"{plain(step.started.section)} "
    left = f"  {section}step {plain(step.number)}   {step_title(step.started)}"
    right = " · ".join(measures(message, detail) for message in step.messages[-1:])
    out = [left + (_pad(left, _SIDE) + paint("2", right) if right else "")]
    if ended is None:
        return [*out, "           it did not end"]
    if ended.reason and ended.reason not in _tally(step):
        out += [f"           {text}" for text in plain_lines(short(ended.reason, 2000))]
    if ended.because:
        out.append(f"  because  {plain(ended.because)}")
    return out


def measures(message: MessageSeen, detail: Detail) -> str:
    """Return frame, time since the message before, and size of a message."""
    frames = message.frames
    parts = []
    if frames:
        parts.append(
            f"frame {frames[-1]}" if len(frames) == 1 else f"frames {frames[0]}–{frames[-1]}"
        )
    before = [one.at for one in detail.messages if one.n < message.n]
    if before:
        parts.append(f"{1000 * max(0.0, message.at - before[-1]):.0f} ms")
    parts.append(many(len(message.bytes) // 2, "byte"))
    return ", ".join(parts)


def _requires(detail: Detail) -> list[str]:
    out: list[str] = []
    for one in detail.started.requirements:
        parts = [str(one.get(key) or "") for key in ("clause", "id", "text")]
        should = " (should)" if one.get("level") == "should" else ""
        word = "         " if out else "requires "
        out.append(f"  {word}" + " · ".join(plain(part) for part in parts if part) + should)
    if not out and detail.started.clauses:
        out.append("  requires " + " · ".join(map(plain, detail.started.clauses)))
    return out


def _compared(step: Step, detail: Detail, paint: Paint) -> list[str]:
    ended = step.ended
    if ended is None or not ended.difference:
        return []
    lines = difference_lines(step, paint)
    return ["", *lines, "", f"  {_tally(step)}"] if lines else []


def difference_lines(step: Step, paint: Paint = PLAIN) -> list[str]:
    """Return what was compared in a step, expected above actual."""
    table = rows(step.ended.difference) if step.ended else []
    if not any(row.leaf for row in table):
        return []
    name = min(max(2 * row.depth + width(row.name) for row in table), _LONGEST_NAME)
    return [line for row in table for line in _row(row, name, paint)]


def _tally(step: Step) -> str:
    """Say how many fields differ; "" where none was compared."""
    ended = step.ended
    if ended is None or not ended.difference:
        return ""
    bad, all_ = named(ended.difference)
    parts = [f"{bad} of {many(all_, 'named field')} differ" + ("s" if bad == 1 else "")]
    if ended.unnamed:
        parts.append(f"{many(ended.unnamed, 'unnamed field')} present")
    canonical = [is_canonical(message) for message in step.messages if message.bytes]
    if canonical and step.messages[-1].type:
        parts.append(f"DER canonical: {'yes' if all(canonical) else 'no'}")
    return " · ".join(parts)


def is_canonical(message: MessageSeen) -> bool:
    """Say whether no rule of DER was broken."""
    return not any(str(one.get("code", "")).startswith("der.") for one in message.problems)


def _row(row: Row, column: int, paint: Paint) -> list[str]:
    name = "    " + "  " * row.depth + row.name
    pad = _pad(name, column + 6)
    if not row.leaf:
        folded = paint("32", f"✔ {many(row.folded, 'field')}")
        return [f"{name}{pad}  {folded}" if row.good else name]
    if row.good:
        text = f"{name}{pad}  {row.actual}"
        return [text + _pad(text, column + 40) + paint("32", "✔")]
    sign = "?" if row.unsure else "✘"
    blank = " " * width(name)
    came = f"{blank}{pad}+ {row.actual}"
    why = sign + (f" {row.hint}" if row.hint else "")
    return [
        f"{name}{pad}" + paint("32", f"- {row.expected}"),
        paint("31", came) + _pad(came, column + 40) + paint("33" if row.unsure else "31;1", why),
    ]


def _next(detail: Detail, bad: list[Step]) -> list[str]:
    started, ended = detail.started, detail.ended
    out = [f"  open     sgprobe explain {plain(started.case)}"]
    if ended is not None and ended.capture:
        frames = [frame for step in bad for message in step.messages for frame in message.frames]
        at = f" (frame {frames[-1]})" if frames else ""
        out[0] += f" · {plain(ended.capture)}{at}"
    rerun = plain(ended.rerun) if ended else ""
    out.append(f"  rerun    {rerun or 'sgprobe run ' + shlex.quote(plain(started.item))}")
    return out
