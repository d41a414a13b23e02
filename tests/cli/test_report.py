"""`sgprobe report` and `sgprobe matrix` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import synthetic

from sgprobe.cli import run


def test_reports_are_written_beside_the_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic.write(tmp_path)
    assert run(["report", str(tmp_path)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [Path(line).name for line in out[:-1]] == [
        "report.html", "junit.xml", "results.json", "results.csv", "summary.md",
    ]  # fmt: skip
    assert out[-1] == "48 passed · 4 failed · 4 inconclusive · 4 errors · 4 not applicable"
    assert not list(tmp_path.glob("*.part"))


def test_shards_of_several_folders_are_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    even = [n for n in range(64) if n % 2 == 0]
    odd = [n for n in range(64) if n % 2]
    one = synthetic.write(tmp_path / "one", numbers=even)
    two = synthetic.write(tmp_path / "two", numbers=odd)
    out = tmp_path / "all"
    assert run(["report", str(one), str(two), "--format", "json,allure", "--out", str(out)]) == 0
    data = json.loads((out / "results.json").read_text())
    assert len(data["items"]) == 64
    assert data["complete"] is True
    assert len(list((out / "allure").glob("*-result.json"))) == 64


def test_a_cut_run_is_reported_and_said_to_be_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic.write(tmp_path, cut=60_000)
    assert run(["report", str(tmp_path)]) == 0
    assert "the run was cut off" in capsys.readouterr().err


def test_against_a_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = synthetic.write(tmp_path / "good", verdicts=("pass",), count=4)
    bad = synthetic.write(tmp_path / "bad", verdicts=("pass", "fail"), count=4)
    assert run(["report", str(bad), "--format", "json", "--against", str(good)]) == 1
    out = capsys.readouterr().out
    assert "Newly failing: 2" in out
    assert "ESIPA-EIM-0000[https-brainpool-p256r1]: passed → failed" in out
    assert run(["report", str(good), "--format", "json", "--against", str(bad)]) == 0
    assert run(["report", str(good), "--format", "json", "--against",
                str(bad / "results.json")]) == 0  # fmt: skip


def test_console_and_annotations_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic.write(tmp_path)
    assert run(["report", str(tmp_path), "--format", "console"]) == 0
    assert "2 of 5 named fields differ" in capsys.readouterr().out
    assert run(["report", str(tmp_path), "--format", "github"]) == 0
    assert capsys.readouterr().out.startswith("::error file=suites/")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "nowhere"], "nowhere: no such file"),
        (["report", "."], "no events.ndjson here"),
        (["report", "run", "--format", "htm"], "did you mean 'html'"),
        (["report", "run", "--format", ","], "known: html"),
        (["report", "run", "--against", "nowhere"], "nowhere: no such file"),
        (["report", "run", "--against", "bad.json"], "no results.json that can be read"),
        (["report", "run", "--out", "bad.json"], "--out names a folder"),
        (["report", "run", "--link-pattern", "clause"], "expected TYPE:URL"),
        (["report", "run", "--link-pattern", "clause:javascript:1"], "expected TYPE:URL"),
        (["matrix", "nowhere"], "nowhere: no such file"),
        (["matrix", "--suites", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_bad_usage_is_told(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    synthetic.write(tmp_path / "run", count=4)
    (tmp_path / "bad.json").write_text("{}")
    assert run(arguments) == 4
    assert said in capsys.readouterr().err


def test_the_matrix_shows_what_has_no_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["matrix", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    known = {row["requirement"]: row for row in data["requirements"]}
    assert known["SGP32-ESEP-003"]["covered"] is True
    assert run(["matrix", "--uncovered", "--format", "json"]) == 0
    rest = json.loads(capsys.readouterr().out)["requirements"]
    assert {row["requirement"] for row in rest} == {
        name for name, row in known.items() if not row["covered"]
    }


def test_the_matrix_of_a_run_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = synthetic.write(tmp_path / "run")
    out = tmp_path / "matrix.html"
    assert run(["matrix", str(results), "--format", "html", "--out", str(out)]) == 0
    assert "acme-eim 3.1" in out.read_text()
    assert str(out) in capsys.readouterr().out
