"""Which lines of a case are shown, and which are marked."""

from __future__ import annotations

import dataclasses

import synthetic

from sgprobe import events as e
from sgprobe.report.excerpt import excerpt
from sgprobe.report.run import Detail, collect


def item(verdict: str) -> tuple[Detail, e.CaseText]:
    events = list(synthetic.item_events(12, verdict))
    detail, case = collect(events), events[0]
    assert detail is not None
    assert isinstance(case, e.CaseText)
    return detail, case


def test_fields_that_differ_are_marked() -> None:
    found = excerpt(*item("fail"))
    assert found is not None
    assert found.marked == {22, 28, 31}
    assert (found.first, found.last) == (15, 34)


def test_a_step_without_fields_is_marked_whole() -> None:
    found = excerpt(*item("inconclusive"))
    assert found is not None
    assert found.marked == {14, 15}


def test_lines_that_the_case_does_not_have_are_passed_over() -> None:
    detail, case = item("fail")
    assert excerpt(detail, dataclasses.replace(case, text="one\ntwo")) is None
    assert excerpt(detail, None) is None
    short = dataclasses.replace(case, text="\n".join(case.text.split("\n")[:29]))
    found = excerpt(detail, short)
    assert found is not None
    assert found.marked == {22, 28}
    assert found.last == 29
