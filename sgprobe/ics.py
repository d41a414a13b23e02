"""ICS expressions: names, `and or not ( )`, `==`, `in`; an answer that is missing stays unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

_TOKEN = re.compile(r"\s*(?:(==|!=|\(|\)|\[|\]|,)|([A-Za-z0-9_][A-Za-z0-9_.:+-]*))")
_WORDS = ("and", "or", "not", "in")
_DEEPEST = 40
_LONGEST = 2000

# what an answers file gives for a name: yes and no, or the text of a value; None is unanswered
Answer: TypeAlias = bool | str | None


class ExpressionError(ValueError):
    """An expression that cannot be read; `start` and `end` are places in its text."""

    def __init__(self, text: str, start: int, end: int, hint: str = "") -> None:
        super().__init__(text)
        self.start = start
        self.end = max(end, start + 1)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Name:
    """A question: is the answer yes?"""

    name: str
    start: int


@dataclass(frozen=True, slots=True)
class Compare:
    """Is the answer one of these values?"""

    name: str
    values: tuple[str, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class Both:
    """All parts hold."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Expression, ...]


Expression: TypeAlias = Name | Compare | Not | Both | Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """True, false, or None with the names that nobody answered."""

    value: bool | None
    unanswered: tuple[str, ...] = ()


def parse(text: str) -> Expression:
    """Return the expression that a text stands for; raises ExpressionError."""
    return _Parser(text).whole()


def names(expression: Expression) -> tuple[tuple[str, int], ...]:
    """Return the names that an expression asks for, with their places."""
    match expression:
        case Name(name, start) | Compare(name, _, start):
            return ((name, start),)
        case Not(inner):
            return names(inner)
        case Both(parts) | Any(parts):
            return tuple(found for part in parts for found in names(part))


def evaluate(expression: Expression, answers: Mapping[str, Answer]) -> Outcome:
    """Return what an expression is under the answers, in Kleene's three values."""
    return _evaluate(expression, answers.get)


def _evaluate(expression: Expression, answer: Callable[[str], Answer]) -> Outcome:
    match expression:
        case Name(name):
            given = answer(name)
            if given is None:
                return Outcome(None, (name,))
            return Outcome(given if isinstance(given, bool) else given not in ("", "no"))
        case Compare(name, values):
            given = answer(name)
            if given is None:
                return Outcome(None, (name,))
            text = ("yes" if given else "no") if isinstance(given, bool) else given
            return Outcome(text in values)
        case Not(inner):
            found = _evaluate(inner, answer)
            return Outcome(None if found.value is None else not found.value, found.unanswered)
        case Both(parts):
            return _join([_evaluate(part, answer) for part in parts], False)
        case Any(parts):
            return _join([_evaluate(part, answer) for part in parts], True)


def _join(outcomes: list[Outcome], deciding: bool) -> Outcome:
    """Join parts: one that is `deciding` settles it, whatever is unknown."""
    if any(outcome.value is deciding for outcome in outcomes):
        return Outcome(deciding)
    unknown = dict.fromkeys(name for outcome in outcomes for name in outcome.unanswered)
    return Outcome(None, tuple(unknown)) if unknown else Outcome(not deciding)


class _Parser:
    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise ExpressionError(f"an expression of {len(text)} characters", 0, 1)
        self._text = text
        self._tokens: list[tuple[str, int]] = []
        self._at = self._depth = 0
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKEN.match(text, place)
            if found is None:
                bad = place + len(text[place:]) - len(text[place:].lstrip())
                hint = "write `==`" if text[bad] == "=" else ""
                raise ExpressionError(f"{text[bad]!r} has no meaning here", bad, bad + 1, hint)
            group = 1 if found[1] is not None else 2
            self._tokens.append((found[group], found.start(group)))
            place = found.end()

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _fail(self, expected: str) -> ExpressionError:
        if self._at >= len(self._tokens):
            end = len(self._text)
            return ExpressionError(
                f"the expression ends where {expected} is due", max(0, end - 1), end
            )
        token, start = self._tokens[self._at]
        hint = f"write `{token.lower()}`" if token.lower() in _WORDS and token.isupper() else ""
        return ExpressionError(
            f"{token!r} stands where {expected} is due", start, start + len(token), hint
        )

    def _take(self, token: str) -> None:
        if self._peek() != token:
            raise self._fail(f"'{token}'")
        self._at += 1

    def whole(self) -> Expression:
        expression = self._any()
        if self._at < len(self._tokens):
            raise self._fail("'and', 'or' or the end")
        return expression

    def _any(self) -> Expression:
        parts = [self._both()]
        while self._peek() == "or":
            self._at += 1
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _both(self) -> Expression:
        parts = [self._one()]
        while self._peek() == "and":
            self._at += 1
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _one(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError("nested too deep", 0, len(self._text))
        try:
            if self._peek() == "not":
                self._at += 1
                return Not(self._one())
            if self._peek() == "(":
                self._at += 1
                inner = self._any()
                self._take(")")
                return inner
            return self._test()
        finally:
            self._depth -= 1

    def _word(self, expected: str) -> tuple[str, int]:
        token = self._peek()
        if not token or not (token[0].isalnum() or token[0] == "_"):
            raise self._fail(expected)
        if token.lower() in _WORDS:
            raise self._fail(expected)
        self._at += 1
        return token, self._tokens[self._at - 1][1]

    def _test(self) -> Expression:
        name, start = self._word("a name")
        if self._peek() in ("==", "!="):
            sign = self._peek()
            self._at += 1
            test = Compare(name, (self._word("a value")[0],), start)
            return test if sign == "==" else Not(test)
        if self._peek() == "in":
            self._at += 1
            self._take("[")
            values = [self._word("a value")[0]]
            while self._peek() == ",":
                self._at += 1
                values.append(self._word("a value")[0])
            self._take("]")
            return Compare(name, tuple(values), start)
        return Name(name, start)
