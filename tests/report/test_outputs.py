"""results.json, CSV, summary.md and annotations: what they say, and what they let nobody say."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pytest
import synthetic

from sgprobe.report.annotations import write_annotations
from sgprobe.report.compare import compare, read_baseline
from sgprobe.report.folder import NoResults, read_run
from sgprobe.report.markdown import md
from sgprobe.report.results import SCHEMA, write_results
from sgprobe.report.run import Run
from sgprobe.report.summary import write_summary
from sgprobe.report.table import COLUMNS, cell, write_csv


def written(write: Callable[[Run, TextIO], None], folder: Path, **how: Any) -> str:
    out = io.StringIO()
    write(read_run(synthetic.write(folder, **how)), out)
    out.getvalue().encode()  # no half of a surrogate pair
    return out.getvalue()


# --- results.json ---


def test_results_follow_the_published_schema(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, how in {
        "whole": {}, "cut": {"cut": 60_000}, "empty": {"count": 0}, "hostile": {"hostile": True},
    }.items():  # fmt: skip
        data = json.loads(written(write_results, tmp_path / name, **how))
        jsonschema.validate(data, schema)
        assert data["complete"] is (name != "cut")


def test_results_say_what_happened(tmp_path: Path) -> None:
    data = json.loads(written(write_results, tmp_path))
    assert data["counts"] == {
        "passed": 48, "failed": 4, "inconclusive": 4, "error": 4, "not_applicable": 4,
    }  # fmt: skip
    assert data["exit"] == 1
    by_id = {item["id"]: item for item in data["items"]}
    failed = by_id[synthetic.name(12)]
    assert failed["verdict"] == "fail"
    assert failed["frames"] == [12, 13, 14]
    assert failed["requirements"] == ["SGP32-ESIPA-003", "SGP32-ESEP-001"]
    assert by_id[synthetic.name(0)]["frames"] == [9, 12, 13, 14]


# --- CSV ---


def test_csv_has_a_row_for_each_item(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(written(write_csv, tmp_path))))
    assert len(rows) == 64
    assert tuple(rows[0]) == COLUMNS
    assert rows[12]["verdict"] == "fail"
    assert rows[12]["frames"] == "12 13 14"


@pytest.mark.parametrize("word", synthetic.HOSTILE)
def test_no_cell_is_a_formula(word: str) -> None:
    for text in (word, f" {word}"):
        assert not cell(text).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
        assert cell(text).isprintable()


def test_hostile_csv(tmp_path: Path) -> None:
    text = written(write_csv, tmp_path, hostile=True, verdicts=("fail", "pass"))
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 65
    assert {len(row) for row in rows} == {len(COLUMNS)}
    for row in rows:
        assert not any(value[:1] in tuple("=+-@\t\r\n") and value for value in row)


# --- summary.md ---


def test_summary_tells_why_and_where(tmp_path: Path) -> None:
    text = written(write_summary, tmp_path)
    assert text.startswith("## ✘ sgprobe: acme-eim 3.1, SGP.32 v1.2\n")
    assert "| 48 | 4 | 4 | 4 | 4 |" in text
    assert "| 4 | GetEimPackageResponse: 2 of 5 named fields differ | `ESIPA-EIM-0003[" in text
    assert "| `ESIPA-EIM-0005[https-brainpool-p256r1]` | known deviation, fixed in 3.2" in text
    assert "| 4 | needs EIM\\_DIRECT\\_NOTIFY (ICS: no) |" in text


def test_summary_of_a_cut_run_is_no_success(tmp_path: Path) -> None:
    text = written(write_summary, tmp_path, verdicts=("pass",), cut=40_000)
    assert text.startswith("## ✘")
    assert "> **the run was cut off" in text


def test_hostile_summary(tmp_path: Path) -> None:
    text = written(write_summary, tmp_path, hostile=True, verdicts=("fail",))
    bare = re.sub(r"\\[\\`*_\[\]<>|~&#$!:.@]", "", text)  # without what is escaped
    assert "<" not in bare
    assert "](" not in bare
    assert "javascript" not in re.findall(r"\]\(([^)]*)", bare)
    rows = [line for line in bare.splitlines() if re.match(r"\| \d+ \| ", line)]
    assert len(rows) > 12
    assert {row.count("|") for row in rows[1:]} == {6}
    assert all(line.isprintable() for line in text.splitlines())


def test_markdown_signs_are_escaped() -> None:
    assert md("a|b <i> [x](y) `c` *d* http://e") == (
        "a\\|b \\<i\\> \\[x\\](y) \\`c\\` \\*d\\* http\\://e"
    )


# --- annotations ---


def test_annotations_stand_at_the_line_of_the_step(tmp_path: Path) -> None:
    lines = written(write_annotations, tmp_path).splitlines()
    assert len(lines) == 12
    assert lines[0] == (
        "::error file=suites/esipa/eim/ESIPA-EIM-0003.case.yaml,line=22,"
        "title=ESIPA-EIM-0003[https-nist-p256]%3A fail"
        "::GetEimPackageResponse: 2 of 5 named fields differ"
    )
    assert sum(line.startswith("::warning ") for line in lines) == 4


def test_a_hostile_product_gives_no_command(tmp_path: Path) -> None:
    text = written(write_annotations, tmp_path, hostile=True, verdicts=("fail",))
    lines = text.split("\n")[:-1]
    assert len(lines) == 51
    for line in lines:
        assert line.startswith(("::error file=suites/", "::notice::"))
        assert line.isprintable()


# --- comparison ---


def test_comparison_lists_what_changed(tmp_path: Path) -> None:
    before = synthetic.write(tmp_path / "before", verdicts=("pass", "fail", "pass", "pass"))
    after = synthetic.write(
        tmp_path / "after", verdicts=("pass", "pass", "fail", "not_applicable"), count=72
    )
    found = compare(read_run(after), read_baseline(before))
    groups = {title: len(changes) for title, changes in found.groups()}
    # 8 items are new: 2 fail, 2 do not apply, 4 pass
    assert groups == {
        "Newly failing": 18, "Newly not applicable": 16, "Newly passing": 16, "Newly run": 6,
    }  # fmt: skip
    assert found.worse
    assert found.same == 16
    text = io.StringIO()
    write_summary(read_run(after), text, found)
    assert "**Newly failing: 18**" in text.getvalue()


def test_a_baseline_may_be_results_json(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "run")
    with (tmp_path / "base.json").open("w") as file:
        write_results(read_run(folder), file)
    found = compare(read_run(folder), read_baseline(tmp_path / "base.json"))
    assert found.changes == ()
    assert found.same == 64


def test_what_did_not_run_is_no_change(tmp_path: Path) -> None:
    base = read_baseline(synthetic.write(tmp_path / "a", verdicts=("pass",)))
    run = read_run(synthetic.write(tmp_path / "b", verdicts=("pass",), cut=40_000))
    assert [title for title, _ in compare(run, base).groups()] == ["Newly in error"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"items": 3}', '{"items": [{}]}', "[" * 5000])
def test_a_broken_baseline_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "base.json"
    path.write_text(text)
    with pytest.raises(NoResults, match=r"base\.json"):
        read_baseline(path)
