"""Prints a verdict for a person: the class first, then each answer with its reasons."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from sgprobe.fileerror import safe
from sgprobe.judge.answers import Answer, Class
from sgprobe.judge.plan import ITEMS
from sgprobe.judge.verdict import Verdict

_WIDTH = 96
_MEANING = {
    Class.GENUINE: "loaded at the device's production, ready without a network, all parties agree",
    Class.PRELOAD: "the EUM put the operational profile in; ready without a network",
    Class.UNCOORDINATED: "the profile was inside before, but it is not shown that all parties "
    "worked together",
    Class.RELABELLED: "the network is needed before the device works: a bootstrap by another name",
    Class.FIELD: "the device left with no profile and was provisioned in the field",
    Class.INVALID: "items of evidence contradict each other: nothing follows from them",
    Class.INCONCLUSIVE: "the evidence does not decide; what is missing stands below",
}
_QUESTIONS = (
    "1  Where was the operational profile loaded?",
    "2  Does the device need the network to become operational?",
    "3  Who coordinates?",
)


def render(verdict: Verdict) -> str:
    """Return the verdict as text."""
    return safe_lines(_lines(verdict))


def safe_lines(lines: Iterable[str]) -> str:
    """Return lines without characters that a terminal obeys."""
    return "\n".join(safe(line) for line in lines)


def _lines(verdict: Verdict) -> Iterator[str]:
    grade = f", {verdict.grade}" if verdict.grade else ""
    yield f"{verdict.kind}{grade}"
    yield from _wrapped(_MEANING[verdict.kind], "  ")
    yield ""
    yield f"  device             EID {verdict.evidence.plan.eid}"
    yield f"  operational ICCID  {verdict.iccid or 'not seen'}"
    answers = (verdict.place, verdict.network, verdict.parties)
    for question, answer in zip(_QUESTIONS, answers, strict=True):
        yield ""
        yield question
        yield from _answer(answer, () if answer is verdict.parties else answer.because)
    for link in verdict.links:
        yield f"   {link.name} {link.between:<26}{link.standing}"
        for one in link.unequal:
            yield from _wrapped(one, "      - ")
    yield ""
    yield "Evidence"
    for item in verdict.evidence.items:
        title = ITEMS[item.key][0]
        yield f"  {item.key:<4}{item.state:<9} {title}"
        if item.refused:
            yield from _wrapped(item.refused, " " * 16)
    if verdict.missing:
        yield ""
        yield "Missing"
        for one in verdict.missing:
            yield from _wrapped(one, "  - ")
    if verdict.remarks:
        yield ""
        yield "Remarks"
        for one in verdict.remarks:
            yield from _wrapped(one, "  - ")


def _answer(answer: Answer, because: Iterable[str]) -> Iterator[str]:
    grade = f" ({answer.grade})" if answer.grade else ""
    by = f"   from {', '.join(answer.used)}" if answer.used else ""
    yield f"   {answer.answer}{grade}{by}"
    for one in because:
        yield from _wrapped(one, "   - ")


def _wrapped(text: str, lead: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
