"""The requirement matrix: what covers what, what came of it, and what nothing covers."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
import synthetic

from sgprobe.events import Verdict
from sgprobe.report.folder import read_run
from sgprobe.report.matrix import Coverage, Matrix, Requirement, build
from sgprobe.report.matrix_forms import FORMS

_REQUIREMENTS = (
    Requirement("SGP32-ESIPA-000", "SGP.32 v1.2 §5.14.5", "The eIM answers."),
    Requirement("SGP32-PLAN-001", "SGP.32 v1.2 §3", "Planned.", "should", False),
    Requirement("SGP32-NONE-001", "SGP.32 v1.2 §4", "Nobody covers it."),
)
_CASES = (
    Coverage("ESIPA-EIM-0000", "It answers", ("eim",), ("SGP32-ESIPA-000",),
             official=(("TC_A", "certain"), ("TC_B", "derived"))),
    Coverage("NOT-YET-001", "Not yet", ("ipa",), ("SGP32-PLAN-001",), exists=False),
)  # fmt: skip


def rows(matrix: Matrix) -> dict[str, tuple[Verdict | None, ...]]:
    return {row.requirement.id: row.verdicts for row in matrix.rows}


def test_without_a_run_it_says_what_is_covered() -> None:
    matrix = build(_REQUIREMENTS, _CASES)
    assert matrix.products == ()
    assert matrix.covered == 1
    assert [row.covered for row in matrix.rows] == [True, False, False]


def test_the_worst_of_variants_and_cases_counts(tmp_path: Path) -> None:
    run = read_run(synthetic.write(tmp_path, count=8, verdicts=("pass", "fail")))
    found = rows(build(_REQUIREMENTS, _CASES, [run]))
    assert found["SGP32-ESIPA-000"] == (Verdict.FAIL,)
    assert found["SGP32-NONE-001"] == (None,)
    # requirements and cases that only the run knows are there as well
    assert found["SGP32-ESIPA-001"] == (Verdict.FAIL,)
    assert found["SGP32-ESEP-001"] == (Verdict.FAIL,)


def test_the_worst_case_of_a_requirement_counts(tmp_path: Path) -> None:
    run = read_run(synthetic.write(tmp_path, count=8, verdicts=("pass",) * 4 + ("fail",) * 4))
    found = rows(build(_REQUIREMENTS, _CASES, [run]))
    assert found["SGP32-ESIPA-000"] == (Verdict.PASS,)
    assert found["SGP32-ESIPA-001"] == (Verdict.FAIL,)
    assert found["SGP32-ESEP-001"] == (Verdict.FAIL,)  # of both cases


def test_each_product_has_a_column(tmp_path: Path) -> None:
    one = synthetic.write(tmp_path / "one", count=4, verdicts=("pass",))
    two = synthetic.write(tmp_path / "two", count=4, verdicts=("fail",))
    stream = two / "events.ndjson"
    stream.write_text(stream.read_text().replace('"acme-eim"', '"other-eim"'))
    matrix = build(_REQUIREMENTS, _CASES, [read_run(one), read_run(two)])
    assert matrix.products == ("acme-eim 3.1", "other-eim 3.1")
    assert rows(matrix)["SGP32-ESIPA-000"] == (Verdict.PASS, Verdict.FAIL)


def test_not_applicable_hides_no_pass(tmp_path: Path) -> None:
    run = read_run(synthetic.write(tmp_path, count=4, verdicts=("not_applicable", "pass")))
    assert rows(build(_REQUIREMENTS, _CASES, [run]))["SGP32-ESIPA-000"] == (Verdict.PASS,)


def written(form: str, matrix: Matrix) -> str:
    out = io.StringIO()
    FORMS[form](matrix, out)
    out.getvalue().encode()
    return out.getvalue()


@pytest.fixture
def matrix(tmp_path: Path) -> Matrix:
    run = read_run(synthetic.write(tmp_path, count=4, verdicts=("fail",)))
    return build(_REQUIREMENTS, _CASES, [run])


def test_markdown(matrix: Matrix) -> None:
    text = written("md", matrix)
    assert "2 of 4 requirements have a case." in text
    assert "ESIPA-EIM-0000 (TC\\_A, TC\\_B (derived)): ✘ failed" in text
    assert "| not covered | NOT-YET-001: no case yet |" in text
    assert "| should, uncertain |" in text
    assert "| Nobody covers it. | not covered | not covered |" in text


def test_html(matrix: Matrix) -> None:
    text = written("html", matrix)
    HTMLParser().feed(text)
    assert "2 requirements have no case" in text
    assert "TC_B (derived)" in text
    assert '<span class="fail">✘ failed</span>' in text


def test_csv(matrix: Matrix) -> None:
    found = list(csv.DictReader(io.StringIO(written("csv", matrix))))
    by_case = {(row["requirement"], row["case"]): row["acme-eim 3.1"] for row in found}
    assert by_case["SGP32-ESIPA-000", "ESIPA-EIM-0000"] == "failed"
    assert by_case["SGP32-PLAN-001", "NOT-YET-001"] == "no case yet"
    assert by_case["SGP32-NONE-001", ""] == "not covered"


def test_json(matrix: Matrix) -> None:
    data = json.loads(written("json", matrix))
    assert data["covered"] == 2
    first = data["requirements"][0]
    assert first["verdicts"] == {"acme-eim 3.1": "fail"}
    assert first["cases"][0]["official"][1] == {"name": "TC_B", "certainty": "derived"}


@pytest.mark.parametrize("form", list(FORMS))
def test_hostile_words_stay_words(form: str) -> None:
    cases = [Coverage(f"C-{n}", word, ("eim",), (f"R-{n}",), official=((word, word),))
             for n, word in enumerate(synthetic.HOSTILE)]  # fmt: skip
    requirements = [Requirement(f"R-{n}", word, word, word)
                    for n, word in enumerate(synthetic.HOSTILE)]  # fmt: skip
    text = written(form, build(requirements, cases))
    assert all(line.isprintable() for line in text.replace("\r\n", "\n").split("\n"))
    assert "<script>alert" not in text.replace("\\<", "") or form in ("csv", "json")
    if form == "csv":
        found = list(csv.reader(io.StringIO(text)))
        assert not any(value.startswith(tuple("=+-@\t\r")) for row in found for value in row)
    if form == "md":
        table = [line for line in text.splitlines() if line.startswith("| R-")]
        assert len(table) == len(synthetic.HOSTILE)
