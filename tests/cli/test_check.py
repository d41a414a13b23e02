"""sgprobe check, fmt, explain, schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sgprobe.cli import run
from sgprobe.data import data_dir

SUITES = data_dir("suites")
GEP = (SUITES / "esipa/eim/ESIPA-EIM-GEP-006.case.yaml").read_text(encoding="utf-8")


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "ESIPA-EIM-GEP-006.case.yaml"
    path.write_text(GEP.replace("iut: eim", "iut: emi"), encoding="utf-8")
    return path


def test_the_suites_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check"]) == 0
    assert "no error" in capsys.readouterr().out


def test_one_wrong_file_does_not_hide_the_others(
    wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (wrong.parent / "A-1.case.yaml").write_text("case: [", encoding="utf-8")
    (wrong.parent / "A-2.case.yaml").write_bytes(b"\xff\x00")
    assert run(["check", str(wrong.parent)]) == 4
    out = capsys.readouterr()
    assert "'emi' is not a role" in out.out
    assert "A-1.case.yaml:1:8: not YAML" in out.out
    assert "A-2.case.yaml:1:1: not UTF-8" in out.out
    assert "3 errors" in out.err


@pytest.mark.parametrize("kind", ["json", "sarif"])
def test_formats_for_machines(kind: str, wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(wrong), "--format", kind]) == 4
    told = json.loads(capsys.readouterr().out)
    if kind == "json":
        (problem,) = told["problems"]
        assert (problem["line"], problem["column"], problem["hint"]) == (
            4,
            6,
            "did you mean 'eim'?",
        )
    else:
        (result,) = told["runs"][0]["results"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert (region["startLine"], region["startColumn"]) == (4, 6)


def test_annotations_of_a_pull_request(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(wrong), "--format", "github"]) == 4
    line = capsys.readouterr().out
    assert line.startswith("::error file=")
    assert ",line=4,col=6::'emi' is not a role" in line


def test_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(tmp_path / "none")]) == 4
    assert run(["check", str(tmp_path)]) == 4
    assert run(["explain", "ESIPA-EIM-GEPP-006"]) == 4
    assert "did you mean 'ESIPA-EIM-GEP-006'?" in capsys.readouterr().err


def test_an_id_is_given_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "ESIPA-EIM-GEP-006.case.yaml"
        path.write_text(GEP, encoding="utf-8")
    assert run(["check", str(tmp_path)]) == 4
    assert "is the id of" in capsys.readouterr().out


def test_fmt_changes_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "A-1.case.yaml"
    path.write_text("title: T\ncase:   A-1\n", encoding="utf-8")
    assert run(["fmt", "--check", str(path)]) == 4
    assert path.read_text(encoding="utf-8").startswith("title")
    assert run(["fmt", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == "case: A-1\ntitle: T\n"
    assert run(["fmt", "--check", str(path)]) == 0
    path.write_text("a: [", encoding="utf-8")
    assert run(["fmt", str(path)]) == 4


def test_explain_is_prose_and_a_diagram(capsys: pytest.CaptureFixture[str]) -> None:
    for path in SUITES.rglob("*.case.yaml"):
        assert run(["explain", path.name.removesuffix(".case.yaml")]) == 0
        out = capsys.readouterr().out
        assert "```mermaid\nsequenceDiagram" in out
        assert "(under test)" in out
    assert run(["explain", "ESIPA-EIM-GEP-006[coap-nist-p256]"]) == 0
    out = capsys.readouterr().out
    assert "The eIM has to send GetEimPackageResponse to the IPA within $ixit.answer-limit" in out
    assert "SGP32-ESEP-001: A package is signed by the eIM" in out
    assert "    ipa-->>eim: GetEimPackageRequest\n    eim->>ipa: GetEimPackageResponse" in out


def test_explain_tells_what_carries_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "PKI-SRV-DTL-006"]) == 0
    out = capsys.readouterr().out
    assert "to the eIM; in CoAP: record twice, message-id 4660." in out
    assert run(["explain", "PKI-SRV-TLS-008"]) == 0
    assert "; in HTTP: status <any>." in capsys.readouterr().out


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    for options in ([], ["--steps"], ["--vscode"]):
        assert run(["schema", *options]) == 0
        json.loads(capsys.readouterr().out)
