"""Verdicts about in-factory provisioning are kept apart by what they speak of, in every report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import synthetic

from sgprobe import events as e
from sgprobe.report.allure.writer import write_allure
from sgprobe.report.console import Console
from sgprobe.report.folder import read_run
from sgprobe.report.html import write_html
from sgprobe.report.junit import write_junit
from sgprobe.report.results import write_results
from sgprobe.report.run import Run
from sgprobe.report.summary import write_summary
from sgprobe.report.table import write_csv

_LAYERS = ("S", "B", "", "U")
_SGP41 = "S: behaviour that SGP.41 asks for"
_BINDING = "B: rules of our own binding; they say nothing about SGP.41"


def events() -> Iterator[e.Event]:
    number = 0
    for event in synthetic.run_events(16):
        if isinstance(event, e.ItemStarted):
            event = replace(event, layer=_LAYERS[number % 4])
            number += 1
        yield event


@pytest.fixture
def run(tmp_path: Path) -> Run:
    lines = [e.to_line(event) + "\n" for event in events()]
    (tmp_path / e.STREAM).write_text("".join(lines))
    return read_run(tmp_path)


def text(write: object, run: Run) -> str:
    out = io.StringIO()
    write(run, out)  # type: ignore[operator]
    return out.getvalue()


def test_the_console_counts_each_kind() -> None:
    out = io.StringIO()
    console = Console(out, tty=False, colour=False)
    for event in events():
        console.on(event)
    lines = out.getvalue().splitlines()
    told = [line for line in lines if line.startswith(("  S: ", "  U: ", "  B: "))]
    assert told == [
        f"  {_SGP41}: 3 passed · 1 failed",
        "  U: what users of in-factory provisioning ask: 3 passed · 1 error",
        f"  {_BINDING}: 3 passed · 1 inconclusive",
    ]


def test_other_runs_say_nothing_of_it() -> None:
    out = io.StringIO()
    console = Console(out, tty=False, colour=False)
    for event in synthetic.run_events(16):
        console.on(event)
    assert "SGP.41" not in out.getvalue()


def test_pages_and_tables_say_it(run: Run) -> None:
    page = text(write_html, run)
    assert "Verdicts by what they speak of" in page
    assert page.count(_SGP41) >= 5  # the table, and each item
    assert f"| {_BINDING} | 3 | 0 | 1 | 0 | 0 |" in text(write_summary, run).replace("\\.", ".")
    rows = list(csv.DictReader(io.StringIO(text(write_csv, run))))
    assert [row["layer"] for row in rows[:4]] == list(_LAYERS)
    data = json.loads(text(write_results, run))
    assert [item["layer"] for item in data["items"][:4]] == list(_LAYERS)
    assert text(write_junit, run).count('name="layer" value="S"') == 4


def test_allure_has_a_label(run: Run, tmp_path: Path) -> None:
    write_allure(run, tmp_path / "allure")
    found = [
        label["value"]
        for file in (tmp_path / "allure").glob("*-result.json")
        for label in json.loads(file.read_text())["labels"]
        if label["name"] == "layer"
    ]
    assert sorted(found) == ["B"] * 4 + ["S"] * 4 + ["U"] * 4
