"""The ICS: answers read, compared with their questions, and what is still unanswered."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass

from sgprobe import ics
from sgprobe.problems import Problems, did_you_mean, listed, shown
from sgprobe.product.model import Answer
from sgprobe.questions import BOTH, NO, YES, Catalogue, Question
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, kind

# each answer of several values doubles the run
MAX_SEVERAL = 4
_KEYS = ("answer", "reason")
_WORDS = {"true": YES, "false": NO}


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question of the role without an answer; `must` says that a yes is asked for."""

    question: Question
    must: bool


def read_answers(
    node: Node | None, role: str, catalogue: Catalogue, problems: Problems
) -> dict[str, Answer]:
    """Return answers by the name of this suite; official names stand for theirs.

    Without a role, which is told elsewhere, questions of all roles may be answered.
    """
    found: dict[str, Answer] = {}
    if not isinstance(node, Mapping):
        return found
    for key, value in node.entries:
        name = catalogue.named(key.text)
        question = catalogue.questions.get(name)
        if question is None or role not in ("", question.role):
            text = f"{shown(key.text)} is not a question"
            if question is not None:
                text += f" for this role: it is one for {question.role}"
            known = [one.name for one in catalogue.of(role)]
            problems.add(key.source, text, did_you_mean(key.text, known))
        elif name in found:
            first = found[name].source
            text = f"{shown(key.text)} is answered already, in line {first.line}"
            problems.add(key.source, text, "keep one of the two")
        else:
            answer = _answer(key, value, question, problems)
            if answer is not None:
                found[name] = answer
    several = [one for one in found.values() if len(one.values) > 1]
    for extra in several[MAX_SEVERAL:]:
        text = f"{len(several)} answers with several values; {MAX_SEVERAL} are the most"
        problems.add(extra.source, text, "write a product file for each sample")
    return found


def _answer(key: Scalar, value: Node, question: Question, problems: Problems) -> Answer | None:
    reason = ""
    told: Node | None = value
    if isinstance(value, Mapping):
        for name in value.names():
            if name not in _KEYS:
                entry = value.key(name)
                text = f"{shown(name)} is not a key of an answer ({', '.join(_KEYS)})"
                problems.add((entry or value).source, text, did_you_mean(name, _KEYS))
                return None
        given = value.get("reason")
        reason = given.text if isinstance(given, Scalar) else ""
        told = value.get("answer")
        if told is None:
            problems.add(value.source, f"{shown(key.text)} has no 'answer'")
            return None
    nodes: tuple[Node, ...] = told.items if isinstance(told, Items) else (told,) if told else ()
    values: list[str] = []
    for one in nodes:
        values += _values(one, question, problems)
    if not values:
        if not problems.errors:
            problems.add(value.source, f"{shown(key.text)} has no answer")
        return None
    return Answer(question.name, tuple(dict.fromkeys(values)), reason, key.source)


def _values(node: Node, question: Question, problems: Problems) -> list[str]:
    text = node.text if isinstance(node, Scalar) else ""
    word = _WORDS.get(text.lower(), text) if not question.values else text
    if word == BOTH and not question.values:
        return [YES, NO]
    if word in question.answers:
        return [word]
    known = question.answers if question.values else (YES, NO, BOTH)
    told = shown(text) if text else kind(node)
    problems.add(
        node.source,
        f"{question.name} is one of {listed(known)}, not {told}",
        did_you_mean(text, known) if text else question.text,
    )
    return []


def values_of(answers: AnyMapping[str, Answer]) -> dict[str, ics.Answer]:
    """Return answers as expressions take them; one with several values is yes where one is."""
    return {
        name: True if YES in one.values else False if one.values == (NO,) else one.values[0]
        for name, one in answers.items()
    }


def check_answers(
    answers: AnyMapping[str, Answer], role: str, catalogue: Catalogue, problems: Problems
) -> None:
    """Note answers that break a rule: an M or C that is no, a yes without what it implies."""
    known = values_of(answers)
    for question in catalogue.of(role):
        answer = answers.get(question.name)
        if answer is None:
            continue
        said_no = NO in answer.values and YES not in answer.values
        if said_no and _must(question, known) is True:
            why = "is mandatory" if question.status == "M" else f"is a must, as {question.when}"
            problems.add(answer.source, f"{question.name} {why}; the answer is no", question.text)
        if not question.implies or said_no:
            continue
        outcome = ics.evaluate(ics.parse(question.implies), known)
        if outcome.value is False:
            text = f"{question.name} implies {question.implies}, which is answered otherwise"
            problems.add(answer.source, text, _text_of(question.implies, catalogue))


def _text_of(expression: str, catalogue: Catalogue) -> str:
    named = [name for name, _ in ics.names(ics.parse(expression))]
    return catalogue.questions[named[0]].text if len(named) == 1 else ""


def _must(question: Question, known: AnyMapping[str, ics.Answer]) -> bool | None:
    if question.status == "C":
        return ics.evaluate(ics.parse(question.when), known).value
    return question.status == "M"


def unanswered(
    answers: AnyMapping[str, Answer], role: str, catalogue: Catalogue
) -> list[Unanswered]:
    """Return the questions of a role that nobody has answered."""
    known = values_of(answers)
    return [
        Unanswered(one, _must(one, known) is True)
        for one in catalogue.of(role)
        if one.name not in answers
    ]
