"""The filter language: `type == EuiccPackageRequest and counterValue > 40`.

A name is a member of the message (n, time, type, function, interface, kind, status, src, dst, flow,
spec, problem, …) or a path into its value (see `paths`); `value.` before a path says that no member
of the message is meant. Tests are == != < <= > >= and `contains`; a name alone asks whether it is
there. Words are joined by `and`, `or`, `not` and parentheses. Values need quotes only where they
hold spaces or signs.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from dissectors.trace.message import Message
from dissectors.trace.paths import find, flat, parse_path

Test = Callable[[Message], bool]
_TOKEN = re.compile(r"""\s*(?:(==|!=|<=|>=|<|>|\(|\))|"([^"]*)"|'([^']*)'|([^\s()=!<>"']+))""")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_MEMBERS = frozenset({"n", "time", "src", "dst", "transport", "interface", "function", "kind",
                      "type", "status", "flow", "sender", "receiver"})  # fmt: skip
_WORDS = ("and", "or", "not", "contains")
_DEEPEST = 64


class FilterError(ValueError):
    """An expression that cannot be read; the text points at the place."""


def compile_filter(text: str) -> Test:
    """Return the test that an expression stands for; raises FilterError."""
    return _Parser(text).whole()


def names_in(text: str) -> frozenset[str]:
    """Return the names that an expression looks at; raises FilterError."""
    parser = _Parser(text)
    parser.whole()
    return frozenset(parser.names)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._at = 0
        self._depth = 0
        self.names: list[str] = []

    def _split(self, text: str) -> list[tuple[str, bool, int]]:
        """Return (token, quoted, column) for each token."""
        tokens, at, end = [], 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                at = len(text) - len(text[at:].lstrip())
                raise FilterError(f"cannot read this\n    {text}\n    {' ' * at}^")
            sign, double, single, word = found.groups()
            quoted = double is not None or single is not None
            value = next(part for part in (sign, double, single, word) if part is not None)
            tokens.append((value, quoted, found.start() + len(found[0]) - len(found[0].lstrip())))
            at = found.end()
        return tokens

    def _fail(self, expected: str) -> FilterError:
        column = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
        return FilterError(f"expected {expected}\n    {self._text}\n    {' ' * column}^")

    def _next_is(self, *words: str) -> bool:
        if self._at >= len(self._tokens):
            return False
        token, quoted, _ = self._tokens[self._at]
        return not quoted and token in words

    def _take(self, expected: str) -> str:
        if self._at >= len(self._tokens):
            raise self._fail(expected)
        token, quoted, _ = self._tokens[self._at]
        if not quoted and (token in _COMPARE or token in ("(", ")")):
            raise self._fail(expected)
        self._at += 1
        return token

    def whole(self) -> Test:
        test = self._any()
        if self._at < len(self._tokens):
            raise self._fail("and, or, or the end")
        return test

    def _any(self) -> Test:
        tests = [self._all()]
        while self._next_is("or"):
            self._at += 1
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda m: any(test(m) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._next_is("and"):
            self._at += 1
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda m: all(test(m) for test in tests)

    def _one(self) -> Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FilterError("nested too deep")
        try:
            if self._next_is("not"):
                self._at += 1
                inner = self._one()
                return lambda m: not inner(m)
            if self._next_is("("):
                self._at += 1
                inner = self._any()
                if not self._next_is(")"):
                    raise self._fail(")")
                self._at += 1
                return inner
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Test:
        if self._next_is(*_WORDS):
            raise self._fail("a name")
        place = self._at
        name = self._take("a name")
        values = self._reader(name, place)
        if self._next_is("contains"):
            self._at += 1
            text = self._take("a value")
            return lambda m: any(text in str(value) for value in values(m))
        if not self._next_is(*_COMPARE):
            return lambda m: bool(values(m))
        sign = self._tokens[self._at][0]
        self._at += 1
        wanted = self._take("a value")
        if sign == "!=":
            return lambda m: not any(_compare(operator.eq, v, wanted) for v in flat(values(m)))
        compare = _COMPARE[sign]
        return lambda m: any(_compare(compare, value, wanted) for value in flat(values(m)))

    def _reader(self, name: str, place: int) -> Callable[[Message], list[Any]]:
        """Return what finds the values of a name in a message."""
        self.names.append(name)
        if name in _MEMBERS:
            return lambda m: [] if (v := getattr(m, name)) in (None, "") else [v]
        if name == "problem":
            return lambda m: [problem.code for problem in m.problems]
        if name == "spec":
            return lambda m: list(m.spec)
        try:
            path = parse_path(name)
        except ValueError:
            self._at = place
            raise self._fail("a name") from None
        return lambda m: find(m.value, path)


def _compare(compare: Callable[[Any, Any], bool], value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return compare(str(value).lower(), wanted.lower())
    if isinstance(value, int | float):
        try:
            return compare(value, float(wanted) if "." in wanted else int(wanted))
        except ValueError:
            return compare(str(value), wanted)
    if isinstance(value, str):
        return compare(value.lower(), wanted.lower())
    return False
