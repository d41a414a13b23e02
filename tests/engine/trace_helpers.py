"""Trace rules compiled from text as a case has them, and rows made by hand."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases import plan
from sgprobe.cases.errors import CaseError
from sgprobe.cases.load import load_text
from sgprobe.cases.match import Judgement, Unresolved
from sgprobe.cases.planned import PlannedTrace
from sgprobe.cases.suite import Suite, load_suite
from sgprobe.cases.templates import Matcher
from sgprobe.data import data_dir
from sgprobe.engine.capture.row import Row, Rows
from sgprobe.engine.capture.trace import TraceOutcome, judge
from sgprobe.fileerror import render

_CASE = """
case: A-B-C-001
title: A trace
iut: ipa
spec: [SGP.32 v1.2 §5.9 A]
covers: [{requirement}]
variants:
  loss:
    lost: {{drop: [2]}}
    late: {{delay: {{4: 3 s}}}}
steps:
  - trigger: ipa.poll
  - link: eim
    is: $loss
trace:
{trace}
"""
_loaded: list[Suite] = []


def suite() -> Suite:
    if not _loaded:
        _loaded.append(load_suite(data_dir("suites")))
    return _loaded[0]


def rules(text: str) -> tuple[PlannedTrace, ...]:
    """Return the rules of a `trace` section."""
    whole = _CASE.format(
        requirement=next(iter(suite().requirements)),
        trace=textwrap.indent(textwrap.dedent(text).strip(), "  "),
    )
    try:
        made = plan.plans(load_text(whole, "X.case.yaml"), suite())
    except CaseError as error:
        lines = whole.splitlines()
        told = "\n".join(render(one, lambda _: lines) for one in error.problems)
        raise AssertionError(told) from None
    return made[0].compiled.trace


class Known:
    """A resolver that knows some names."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def value(self, name: str) -> Value:
        if name not in self._values:
            raise Unresolved(f"${name} has no value here")
        return self._values[name]

    def point(self, axis: str) -> str:
        raise Unresolved(axis)

    def judge(self, matcher: Matcher, value: Value, path: str) -> Judgement:
        raise Unresolved(f"{matcher.text} is not for a trace")


def one(text: str, rows: Rows | list[Row], role: str = "ipa", **values: Value) -> TraceOutcome:
    """Judge the one rule of a text."""
    over = rows if isinstance(rows, Rows) else Rows(tuple(rows))
    known = Known({name.replace("_", "."): value for name, value in values.items()})
    (outcome,) = judge(rules(text), over, known, role)
    return outcome


def datagram(frame: int, **fields: Any) -> Row:
    """Make a CoAP datagram; `block2_num=1` stands for coap.block2.num."""
    named = {"from": "ipa", "to": "eim", "transport": "coaps", "datagram.size": 100}
    for name, value in fields.items():
        named[name if name in ("from", "to") else f"coap.{name.replace('_', '.')}"] = value
    return Row("datagram", (frame,), float(frame), named, frozenset({"coap", "dtls", "secured"}))


def message(frame: int, type_: str, value: Any = None, **fields: Any) -> Row:
    """Make a message that came over https."""
    named = {"from": "ipa", "to": "eim", "transport": "https", "type": type_, **fields}
    traits = frozenset({"http", "tls", "secured"})
    return Row("message", (frame,), float(frame), named, traits, value)


def session(frame: int, protocol: str = "tls", **fields: Any) -> Row:
    """Make a session; `version` is that of its protocol, all else is tls.…"""
    named: dict[str, Any] = {"from": "ipa", "to": "eim", "transport": protocol}
    for name, value in fields.items():
        family = protocol if name == "version" else "tls"
        named[f"{family}.{name.replace('_', '-')}"] = value
    return Row("session", (frame,), float(frame), named, frozenset({protocol, "secured"}))
