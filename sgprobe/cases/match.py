"""Compares a value with a template: all differences, as a tree, with cheap hints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from dissectors.asn1.model import Value
from sgprobe.cases import templates as t
from sgprobe.cases.hints import hint_for, show, show_list
from sgprobe.cases.paths import joined

MAX_TEXT = 4096
# matchers that compare with a value, which a failure shows
_COMPARING = frozenset({"greater", "contains", "each", "equals", "list", "one-of", "starts"})
_MISSING: Any = object()


class Unresolved(Exception):
    """A reference has no value yet, or the bench cannot judge a matcher: nobody has failed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a resolver says of a matcher that needs keys or history."""

    good: bool
    actual: str = ""
    hint: str = ""


class Resolver(Protocol):
    """What a running case knows; matching itself knows no key and no earlier message."""

    def value(self, name: str) -> Value:
        """Return what `$name` stands for; raises Unresolved."""

    def point(self, axis: str) -> str:
        """Return the label of the point that this variant has on an axis."""

    def judge(self, matcher: t.Matcher, value: Value, path: str) -> Judgement:
        """Judge `signature`, `certificate`, `built` and `seen`; raises Unresolved."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One named element: what was expected, what was there, and the same for what is inside."""

    path: str
    name: str
    good: bool
    expected: str = ""
    actual: str = ""
    hint: str = ""
    inside: tuple[Difference, ...] = ()
    line: int = 0
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """The outcome: a tree of all named elements, and how many were there and not named."""

    root: Difference
    unnamed: int = 0

    @property
    def good(self) -> bool:
        """Say whether everything that was named matches."""
        return self.root.good

    @property
    def named(self) -> int:
        """Return how many elements were compared."""
        return sum(1 for _ in leaves(self.root))

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Return the elements that differ."""
        return tuple(one for one in leaves(self.root) if not one.good)


def leaves(tree: Difference) -> Iterator[Difference]:
    """Return the elements that were compared themselves."""
    if not tree.inside:
        yield tree
    for one in tree.inside:
        yield from leaves(one)


def match(template: t.Template, value: Value, context: Resolver) -> Match:
    """Compare a value with a template."""
    comparer = _Comparer(context)
    return Match(comparer.compare(template, value, "", ""), comparer.unnamed)


@dataclass(slots=True)
class _Comparer:
    context: Resolver
    unnamed: int = 0
    names: Mapping[str, int] = field(default_factory=dict)

    def compare(self, template: t.Template, value: Value, path: str, name: str) -> Difference:
        match template:
            case t.Members():
                return self._members(template, value, path, name)
            case t.Elements():
                return self._elements(template, value, path, name)
            case t.AtIndexes(at):
                if not isinstance(value, list):
                    return self._differs(template, path, name, "a list", value)
                inside = tuple(
                    self.compare(
                        one, value[i] if i < len(value) else _MISSING, joined(path, i), f"[{i}]"
                    )
                    for i, one in at
                )
                self.unnamed += max(0, len(value) - len(at))
                return self._tree(template, path, name, inside)
            case t.ByPoint(axis, points):
                try:
                    label = self.context.point(axis)
                except Unresolved as error:
                    return self._unsure(template, path, name, f"${axis}", value, error)
                return self.compare(points[label], value, path, name)
            case t.Ref(reference):
                return self._reference(template, reference, value, path, name)
            case t.Literal(wanted, _, _, names):
                good = value is not _MISSING and _same(wanted, value)
                expected = show(wanted, names)
                if good:
                    return self._same(template, path, name, expected)
                hint = hint_for(wanted, value) if value is not _MISSING else ""
                return self._differs(template, path, name, expected, value, hint, names)
            case t.Matcher():
                return self._matcher(template, value, path, name)

    # --- outcomes ---

    def _same(self, template: t.Template, path: str, name: str, text: str) -> Difference:
        return Difference(path, name, True, text, text, line=template.source.line)

    def _differs(
        self,
        template: t.Template,
        path: str,
        name: str,
        expected: str,
        value: Value,
        hint: str = "",
        names: Mapping[str, int] | None = None,
    ) -> Difference:
        actual = "absent" if value is _MISSING else show(value, names or {})
        return Difference(path, name, False, expected, actual, hint, line=template.source.line)

    def _unsure(
        self,
        template: t.Template,
        path: str,
        name: str,
        expected: str,
        value: Value,
        error: Unresolved,
    ) -> Difference:
        actual = "absent" if value is _MISSING else show(value, {})
        return Difference(
            path, name, False, expected, actual, str(error), (), template.source.line, unsure=True
        )

    def _tree(
        self, template: t.Template, path: str, name: str, inside: tuple[Difference, ...]
    ) -> Difference:
        good = all(one.good for one in inside)
        unsure = not good and all(one.good or one.unsure for one in inside)
        return Difference(path, name, good, inside=inside, line=template.source.line, unsure=unsure)

    # --- structures ---

    def _members(self, template: t.Members, value: Value, path: str, name: str) -> Difference:
        if not isinstance(value, dict):
            if value is _MISSING and all(_allows_absent(m.template) for m in template.members):
                return self._same(template, path, name, "absent")
            names = ", ".join(member.name for member in template.members)
            return self._differs(template, path, name, names or "an object", value)
        if template.choice and template.members and template.members[0].name not in value:
            wanted = template.members[0]
            if not _allows_absent(wanted.template):
                return self._differs(template, path, name, wanted.name, value)
        inside = [
            self.compare(
                member.template,
                value.get(member.name, _MISSING),
                joined(path, member.name),
                member.name,
            )
            for member in template.members
        ]
        known = {member.name for member in template.members}
        others = [key for key in value if key not in known]
        if template.exact:
            inside += [
                Difference(
                    joined(path, key),
                    key,
                    False,
                    "absent",
                    show(value[key], {}),
                    "`exactly` permits nothing else",
                    line=template.source.line,
                )
                for key in others
            ]
        else:
            self.unnamed += len(others)
        if not inside:
            return self._same(template, path, name, "present")
        return self._tree(template, path, name, tuple(inside))

    def _elements(self, template: t.Elements, value: Value, path: str, name: str) -> Difference:
        wanted = template.elements
        if not isinstance(value, list):
            return self._differs(template, path, name, f"a list of {len(wanted)}", value)
        if template.is_set:
            value = self._arranged(wanted, value)
        inside = []
        for index in range(max(len(wanted), len(value))):
            below, label = joined(path, index), f"[{index}]"
            if index >= len(wanted):
                inside.append(
                    Difference(
                        below,
                        label,
                        False,
                        "no further element",
                        show(value[index], {}),
                        line=template.source.line,
                    )
                )
                continue
            element = value[index] if index < len(value) else _MISSING
            inside.append(self.compare(wanted[index], element, below, label))
        if not inside:
            return self._same(template, path, name, "empty")
        return self._tree(template, path, name, tuple(inside))

    def _arranged(self, wanted: tuple[t.Template, ...], value: list[Value]) -> list[Value]:
        """Put the elements of a SET OF in the order of the template, as far as they match."""
        if len(value) > 64:
            return value
        left = list(value)
        placed: list[Value] = []
        for template in wanted:
            at = next((i for i, one in enumerate(left) if self._try(template, one)), None)
            placed.append(left.pop(at) if at is not None else _MISSING)
        return [left.pop(0) if one is _MISSING and left else one for one in placed] + left

    def _try(self, template: t.Template, value: Value) -> bool:
        return _Comparer(self.context).compare(template, value, "", "").good

    # --- scalars ---

    def _reference(
        self, template: t.Template, reference: str, value: Value, path: str, name: str
    ) -> Difference:
        try:
            wanted = self.context.value(reference)
        except Unresolved as error:
            return self._unsure(template, path, name, f"${reference}", value, error)
        expected = f"{show(wanted, {})} (${reference})"
        if value is not _MISSING and _same(wanted, value):
            return self._same(template, path, name, expected)
        hint = hint_for(wanted, value) if value is not _MISSING else ""
        return self._differs(template, path, name, expected, value, hint)

    def _number(self, template: t.Template) -> tuple[int | None, str]:
        """Return the number that a matcher compares with, and how to print it."""
        if isinstance(template, t.Literal):
            return _as_number(template.value), show(template.value, {})
        assert isinstance(template, t.Ref)
        found = self.context.value(template.name)
        return _as_number(found), f"{show(found, {})} (${template.name})"

    def _matcher(self, matcher: t.Matcher, value: Value, path: str, name: str) -> Difference:
        expected = self._told(matcher)
        if matcher.word == "absent":
            if value is _MISSING:
                return self._same(matcher, path, name, expected)
            return self._differs(matcher, path, name, expected, value)
        if matcher.word == "absent-or":
            if value is _MISSING:
                return self._same(matcher, path, name, "absent")
            assert matcher.inner is not None
            return self.compare(matcher.inner, value, path, name)
        if value is _MISSING:
            return self._differs(matcher, path, name, expected, value)
        try:
            judged = self._judge(matcher, value, path)
        except Unresolved as error:
            return self._unsure(matcher, path, name, expected, value, error)
        if judged.good:
            return self._same(matcher, path, name, show(value, {}))
        actual = judged.actual or show(value, {})
        return Difference(
            path, name, False, expected, actual, judged.hint, line=matcher.source.line
        )

    def _told(self, matcher: t.Matcher) -> str:
        """Return a matcher as it is written, with the values of what it compares with."""
        told = matcher.text[1:-1]
        if matcher.word not in _COMPARING:
            return told
        inner = () if matcher.inner is None else (matcher.inner,)
        for part in (*matcher.parts, *inner):
            if isinstance(part, t.Ref):
                with suppress(Unresolved):
                    shown = show(self.context.value(part.name), {})
                    told = told.replace(f"${part.name}", f"{shown} (${part.name})", 1)
        return told

    def _judge(self, matcher: t.Matcher, value: Value, path: str) -> Judgement:
        match matcher.word:
            case "any" | "present":
                return Judgement(True)
            case "empty":
                return Judgement(value in ("", [], {}))
            case "bytes":
                octets = _octets(value)
                count = None if octets is None else len(octets)
                low, high = matcher.low or 0, matcher.high or 0
                good = count is not None and low <= count <= high
                return Judgement(good, hint=f"{count} bytes" if count is not None else "")
            case "greater":
                return self._greater(matcher, value)
            case "time":
                number = float(value) if isinstance(value, int | float) else None
                low, high = matcher.low or 0, matcher.high or 0
                return Judgement(number is not None and low <= number <= high)
            case "one-of":
                good = any(self.compare(part, value, path, "").good for part in matcher.parts)
                return Judgement(good)
            case "starts":
                wanted = self._text(matcher.parts[0])
                return Judgement(
                    isinstance(value, str) and value.lower().startswith(wanted.lower())
                )
            case "matches":
                text = value if isinstance(value, str) else str(value)
                if len(text) > MAX_TEXT:
                    return Judgement(False, hint=f"longer than {MAX_TEXT} characters")
                return Judgement(re.fullmatch(matcher.names[0], text) is not None)
            case "contains":
                return self._contains(matcher, value, path)
            case "each":
                return self._each(matcher, value, path)
            case "list":
                wanted_count, _ = self._number(matcher.parts[0])
                count = len(value) if isinstance(value, list) else None
                hint = f"{count} elements" if count is not None else ""
                return Judgement(count is not None and count == wanted_count, hint=hint)
            case "equals":
                inner = self.compare(matcher.parts[0], value, path, "")
                if inner.unsure:
                    raise Unresolved(inner.hint)
                return Judgement(inner.good, hint=inner.hint)
            case "not":
                assert matcher.inner is not None
                inner = self.compare(matcher.inner, value, path, "")
                if inner.unsure:
                    raise Unresolved(inner.hint)
                return Judgement(not inner.good)
            case "lower":
                return Judgement(
                    _version(str(value)) < _version(matcher.names[0])
                    if _version(str(value))
                    else False
                )
        return self.context.judge(matcher, value, path)

    def _text(self, template: t.Template) -> str:
        found = template.value if isinstance(template, t.Literal) else None
        if isinstance(template, t.Ref):
            found = self.context.value(template.name)
        return str(found)

    def _greater(self, matcher: t.Matcher, value: Value) -> Judgement:
        limit, shown = self._number(matcher.parts[0])
        number = _as_number(value)
        if number is None or limit is None:
            return Judgement(False, hint="not a number")
        hint = "the same number again" if number == limit else f"not greater than {shown}"
        return Judgement(number > limit, hint="" if number > limit else hint)

    def _each(self, matcher: t.Matcher, value: Value, path: str) -> Judgement:
        assert matcher.inner is not None
        if not isinstance(value, list):
            return Judgement(False, hint="no list")
        for index, one in enumerate(value):
            inner = self.compare(matcher.inner, one, joined(path, index), "")
            if inner.unsure:
                raise Unresolved(inner.hint)
            if not inner.good:
                return Judgement(False, show_list(value), f"element {index} is not so")
        return Judgement(True)

    def _contains(self, matcher: t.Matcher, value: Value, path: str) -> Judgement:
        assert matcher.inner is not None
        if isinstance(value, list):
            found = [
                self.compare(matcher.inner, one, joined(path, i), "")
                for i, one in enumerate(value[:MAX_TEXT])
            ]
            if any(one.good for one in found):
                return Judgement(True)
            unsure = next((one for one in found if one.unsure), None)
            if unsure is not None:
                raise Unresolved(unsure.hint)
            near = next((one.hint for one in found if one.hint), "")
            return Judgement(False, show_list(value), near)
        return Judgement(self._text(matcher.inner).lower() in str(value).lower())


def _allows_absent(template: t.Template) -> bool:
    if isinstance(template, t.Members):
        return bool(template.members) and all(_allows_absent(m.template) for m in template.members)
    return isinstance(template, t.Matcher) and template.word in ("absent", "absent-or")


def _same(wanted: Value, value: Value) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value or str(wanted).lower() == str(value).lower()
    if isinstance(wanted, str) and isinstance(value, str):
        # hex stands in either case, in JSON as in the tree
        return wanted == value or (_octets(wanted) is not None and wanted.lower() == value.lower())
    if isinstance(wanted, str) and isinstance(value, int | float):
        return wanted == str(value)
    return bool(wanted == value)


def _octets(value: Value) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return bytes.fromhex(value)
    except ValueError:
        return None


def _as_number(value: Value) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,40}", value):
        return int(value)
    return None


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,5}", text[:80])
    return tuple(int(piece) for piece in found[0].split(".")) if found else ()
