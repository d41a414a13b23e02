"""The pages on events and results name every field that there is."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from sgprobe import events as e
from sgprobe.report.results import SCHEMA
from sgprobe.report.write import FORMS

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference"
_EVENTS = (e.RunStarted, e.CaseText, e.ItemStarted, e.StepStarted, e.StepEnded, e.MessageSeen,
           e.Note, e.ItemEnded, e.RunEnded)  # fmt: skip


def words(page: str) -> set[str]:
    return set(re.findall(r"`([\w.]+)`", (DOCS / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize("event", _EVENTS, ids=lambda one: str(one.name))
def test_every_field_of_an_event_is_named(event: type[e.Event]) -> None:
    text = (DOCS / "events.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {event.name.split('.')[0]}")
    assert len(section) > 1 or event.name == "step.ended"
    names = {field.name for field in dataclasses.fields(event)}
    assert names - words("events.md") == set()
    assert event.name in text


def test_every_member_of_the_results_is_named() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    known = {*schema["properties"], *schema["$defs"]["item"]["properties"]}
    known |= {*schema["properties"]["counts"]["properties"]}
    assert known - words("results.md") == set()


def test_every_report_is_named() -> None:
    assert set(FORMS) - words("reports.md") == set()
