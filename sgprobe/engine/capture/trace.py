"""Judges trace assertions: selects rows of a capture, and says whether they are as a rule says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases import templates as t
from sgprobe.cases.match import Difference, Judgement, Match, Resolver, Unresolved, match
from sgprobe.cases.model import IUT
from sgprobe.cases.planned import PlannedTrace
from sgprobe.engine.capture.row import Row, Rows
from sgprobe.events import Verdict

_SHOWN = 12
_MOST_FRAMES = 200
_PLURAL = {"message": "messages", "http": "HTTP messages", "datagram": "datagrams",
           "apdu": "APDUs", "session": "sessions", "alert": "alerts"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TraceOutcome:
    """What became of one rule.

    `not_applicable` with no checks: its `when` does not hold, or there was nothing to look at;
    `text` says which. `difference` is of the first row that is not as it should be.
    """

    rule: PlannedTrace
    verdict: Verdict
    text: str
    frames: tuple[int, ...] = ()
    difference: Difference | None = None
    checks: int = 0
    skipped: bool = False


def judge(
    rules: Sequence[PlannedTrace], rows: Rows, resolver: Resolver, role: str = ""
) -> list[TraceOutcome]:
    """Judge rules over the rows of one capture; `role` is what `iut` stands for."""
    return [_Rule(rule, rows, resolver, role).outcome() for rule in rules]


@dataclass(frozen=True, slots=True)
class _Judged:
    """One row against one template: the reading that decides."""

    row: Row
    match: Match

    @property
    def good(self) -> bool:
        return self.match.good

    @property
    def unsure(self) -> bool:
        return self.match.root.unsure


@dataclass(slots=True)
class _History:
    """A resolver that also knows what earlier rows held: `<seen before>`."""

    inner: Resolver
    held: dict[str, set[str]] = field(default_factory=dict)

    def value(self, name: str) -> Value:
        return self.inner.value(name)

    def point(self, axis: str) -> str:
        return self.inner.point(axis)

    def judge(self, matcher: t.Matcher, value: Value, path: str) -> Judgement:
        if matcher.word == "seen":
            return Judgement(repr(value) in self.held.get(path, ()), hint="not in an earlier row")
        return self.inner.judge(matcher, value, path)

    def learn(self, row: Row, names: tuple[str, ...]) -> None:
        for name in names:
            self.held.setdefault(name, set()).update(map(repr, row.values(name)))


class _Inconclusive(Exception):
    """Nothing can be said: a name of the rule has no value."""


class _Rule:
    """One rule over the rows that its names speak of."""

    def __init__(self, rule: PlannedTrace, rows: Rows, resolver: Resolver, role: str) -> None:
        self.rule = rule
        self.quantifier = rule.rule.quantifier
        self.resolver = resolver
        self.where = None if rule.where is None else _for_role(rule.where, role)
        self.tests = tuple(_for_role(test, role) for test in rule.tests)
        names = dict.fromkeys(
            name for one in (self.where, *self.tests) if one is not None for name in _names(one)
        )
        self.names = tuple(names)
        self.whole = rows
        self.unit, self.rows = rows.of(self.names)

    def outcome(self) -> TraceOutcome:
        """Return what becomes of the rule."""
        if self.rule.when:
            try:
                here = self.resolver.value(self.rule.when)
            except Unresolved:
                here = None
            if here is None:
                text = f"skipped: there is no ${self.rule.when} here"
                return TraceOutcome(self.rule, Verdict.NOT_APPLICABLE, text, skipped=True)
        try:
            told = self._judge(self._selected())
        except _Inconclusive as error:
            return TraceOutcome(self.rule, Verdict.INCONCLUSIVE, str(error))
        unseen = self._unseen()
        if unseen and self._may_change(told.verdict):
            text = f"{told.text}; but {unseen}"
            return replace(told, verdict=Verdict.INCONCLUSIVE, text=text)
        return told

    def _unseen(self) -> str:
        """Say what of the capture was not looked at."""
        if self.whole.left_out:
            return f"{self.whole.left_out} more rows of the capture were not looked at"
        # a handshake shows itself without keys, what it protects does not
        hidden = self.unit in ("message", "http") or any(n.startswith("coap.") for n in self.names)
        if self.whole.sealed and hidden:
            return f"the sessions that begin in frame {_listed(self.whole.sealed)} stayed closed"
        return ""

    def _may_change(self, verdict: Verdict) -> bool:
        """Say whether rows that were not seen could change a verdict."""
        if verdict is Verdict.PASS:
            return self.quantifier not in ("some", "first")
        return verdict is Verdict.FAIL and self.quantifier in ("some", "last", "in-order", "count")

    def _judge(self, selected: list[Row]) -> TraceOutcome:
        match self.quantifier:
            case "every":
                return self._every(selected)
            case "never":
                return self._never(selected)
            case "count":
                return self._count(selected)
            case "some":
                return self._some(selected)
            case "in-order":
                return self._in_order(selected)
        return self._at_end(selected)

    # --- selecting and comparing ---

    def _selected(self) -> list[Row]:
        if self.where is None:
            return self.rows
        history = _History(self.resolver)
        kept = []
        for row in self.rows:
            if self._any(self.where, row, history).good:
                kept.append(row)
        return kept

    def _any(self, template: t.Template, row: Row, history: _History) -> _Judged:
        """Judge a row: one of its readings is as the template says."""
        made = [
            _Judged(row, match(template, one, history)) for one in row.readings(_names(template))
        ]
        history.learn(row, _names(template))
        best = min(made, key=_distance)
        if not best.good and best.unsure:
            raise _Inconclusive(_why_unsure(best.match))
        return best

    def _all(self, template: t.Template, row: Row, history: _History) -> _Judged:
        """Judge a row: all of its readings are as the template says."""
        made = [
            _Judged(row, match(template, one, history)) for one in row.readings(_names(template))
        ]
        history.learn(row, _names(template))
        worst = max(made, key=_distance)
        if not worst.good and worst.unsure:
            raise _Inconclusive(_why_unsure(worst.match))
        return worst

    # --- quantifiers ---

    def _every(self, selected: list[Row]) -> TraceOutcome:
        if not selected:
            return self._nothing()
        history = _History(self.resolver)
        bad = [one for row in selected if not (one := self._all(self.tests[0], row, history)).good]
        if not bad:
            return self._pass(f"{self._number(selected)}, all as they should be", len(selected))
        text = f"{len(bad)} of {self._number(selected)}: {_said(bad[0].match)}"
        return self._fail(text, [one.row for one in bad], bad[0], len(selected))

    def _never(self, selected: list[Row]) -> TraceOutcome:
        if not any(row.may_have(self.names) for row in self.rows):
            return self._nothing()
        history = _History(self.resolver)
        hits = [row for row in selected if self._any(self.tests[0], row, history).good]
        if not hits:
            return self._pass(f"{self._number(self.rows)} looked at, none is so")
        shown = ", ".join(
            f"{name} is {_shown(hits[0].values(name))}" for name in _names(self.tests[0])
        )
        text = f"{self._number(hits)} where none may be: {shown}"
        return self._fail(text, hits, None)

    def _count(self, selected: list[Row]) -> TraceOutcome:
        assert self.rule.count is not None
        low, high = self.rule.count
        if not self.rows and not low:
            return self._nothing()
        wanted = str(low) if low == high else f"{low} to {high}"
        text = f"{self._number(selected)}, {wanted} expected"
        if low <= len(selected) <= high:
            return self._pass(text)
        return self._fail(text, selected, None)

    def _some(self, selected: list[Row]) -> TraceOutcome:
        history = _History(self.resolver)
        nearest: _Judged | None = None
        for row in selected:
            one = self._any(self.tests[0], row, history)
            if one.good:
                return self._pass(f"frame {_listed(row.frames)} is so")
            if nearest is None or _distance(one) < _distance(nearest):
                nearest = one
        if nearest is None:
            return self._missing()
        text = f"none of {self._number(selected)}; the nearest: {_said(nearest.match)}"
        return self._fail(text, [nearest.row], nearest)

    def _at_end(self, selected: list[Row]) -> TraceOutcome:
        if not selected:
            return self._missing()
        history = _History(self.resolver)
        chosen = selected[0]
        if self.quantifier == "last":
            chosen = selected[-1]
            for row in selected[:-1]:
                history.learn(row, _names(self.tests[0]))
        one = self._any(self.tests[0], chosen, history)
        if one.good:
            return self._pass(f"frame {_listed(chosen.frames)} is so")
        return self._fail(f"the {self.quantifier} one: {_said(one.match)}", [chosen], one)

    def _in_order(self, selected: list[Row]) -> TraceOutcome:
        if not selected:
            return self._missing()
        history = _History(self.resolver)
        found: list[Row] = []
        at = 0
        for number, test in enumerate(self.tests, 1):
            nearest: _Judged | None = None
            while at < len(selected):
                one = self._any(test, selected[at], history)
                at += 1
                if one.good:
                    found.append(one.row)
                    break
                if nearest is None or _distance(one) < _distance(nearest):
                    nearest = one
            else:
                after = f" after frame {_listed(found[-1].frames)}" if found else ""
                text = f"number {number} of {len(self.tests)} does not come{after}"
                text += f"; the nearest: {_said(nearest.match)}" if nearest else ""
                rows = [*found, nearest.row] if nearest else found
                return self._fail(text, rows, nearest, len(self.tests))
        return self._pass(f"all {len(found)} came, in this order", len(self.tests))

    # --- outcomes ---

    def _number(self, rows: Sequence[Row]) -> str:
        words = _PLURAL.get(self.unit, self.unit)
        if len(rows) == 1:
            words = words.removesuffix("s")
        return f"{len(rows)} {words}"

    def _pass(self, text: str, checks: int = 1) -> TraceOutcome:
        return TraceOutcome(self.rule, Verdict.PASS, text, checks=checks)

    def _nothing(self) -> TraceOutcome:
        what = "such " if self.rows and self.where is not None else ""
        text = f"no {what}{_PLURAL.get(self.unit, self.unit)} in the capture: nothing was checked"
        return TraceOutcome(self.rule, Verdict.NOT_APPLICABLE, text)

    def _missing(self) -> TraceOutcome:
        """Fail for want of rows; where there are none of the kind, the capture may be at fault."""
        words = _PLURAL.get(self.unit, self.unit)
        if not self.rows:
            text = f"the capture has no {words}"
            return TraceOutcome(self.rule, Verdict.INCONCLUSIVE, text)
        text = f"none of {self._number(self.rows)} is what `where` asks for"
        return TraceOutcome(self.rule, Verdict.FAIL, text, checks=1)

    def _fail(
        self, text: str, rows: list[Row], first: _Judged | None, checks: int = 1
    ) -> TraceOutcome:
        frames = tuple(sorted({frame for row in rows for frame in row.frames}))
        if frames:
            text += f" (frame{'s' if len(frames) > 1 else ''} {_listed(frames)})"
        difference = first.match.root if first is not None else None
        return TraceOutcome(
            self.rule, Verdict.FAIL, text, frames[:_MOST_FRAMES], difference, checks
        )


def _distance(one: _Judged) -> int:
    return 0 if one.good else len(one.match.differences)


def _why_unsure(found: Match) -> str:
    return next((one.hint for one in found.differences if one.unsure), "a name has no value")


def _said(found: Match) -> str:
    """Return the differences of a row on one line."""
    said = []
    for one in found.differences:
        hint = f" ({one.hint})" if one.hint else ""
        said.append(f"{one.path} is {one.actual}, expected {one.expected}{hint}")
    return "; ".join(said)


def _shown(values: Iterable[Any]) -> str:
    text = ", ".join(str(value) for value in values) or "absent"
    return text if len(text) <= 80 else text[:79] + "…"


def _listed(frames: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, frames[:_SHOWN]))
    return f"{shown}, … ({len(frames)} in all)" if len(frames) > _SHOWN else shown


def _names(template: t.Template) -> tuple[str, ...]:
    if not isinstance(template, t.Members):
        return ()
    return tuple(member.name for member in template.members)


def _for_role(template: t.Template, role: str) -> t.Template:
    """Return a selection with the role under test in place of `iut`."""
    if not isinstance(template, t.Members):
        return template
    members = tuple(
        replace(member, template=replace(member.template, value=role, text=role))
        if member.name in ("from", "to")
        and isinstance(member.template, t.Literal)
        and member.template.text == IUT
        else member
        for member in template.members
    )
    if not role and members != template.members:
        raise ValueError("a rule names `iut`, and no role is given for it")
    return replace(template, members=members)
