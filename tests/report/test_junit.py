"""JUnit XML as gates read it."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
import synthetic

from sgprobe.report.folder import read_run
from sgprobe.report.junit import write_junit


def parsed(folder: Path, **how: object) -> ElementTree.Element:
    out = io.StringIO()
    write_junit(read_run(synthetic.write(folder, **how)), out)  # type: ignore[arg-type]
    return ElementTree.fromstring(out.getvalue().encode())


def test_counts_and_words(tmp_path: Path) -> None:
    root = parsed(tmp_path)
    assert root.attrib == {
        "name": "acme-eim 3.1", "tests": "64", "failures": "4", "errors": "8", "skipped": "4",
        "time": "64.000",
    }  # fmt: skip
    cases = list(root.iter("testcase"))
    assert len(cases) == 64
    kinds = [
        (one.tag, one.get("type")) for case in cases for one in case if one.tag != "properties"
    ]
    assert kinds.count(("failure", "fail")) == 4
    assert kinds.count(("error", "inconclusive")) == 4
    assert kinds.count(("error", "error")) == 4
    assert kinds.count(("skipped", None)) == 4
    assert {suite.get("name") for suite in root} == {
        "esipa.eim", "esipa.ipa", "esipa.smdp", "esipa.euicc",
    }  # fmt: skip
    for suite in root:
        inside = suite.findall("testcase")
        assert suite.get("tests") == str(len(inside))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("errors") == str(len(suite.findall("testcase/error")))


def test_a_failure_is_told_whole(tmp_path: Path) -> None:
    root = parsed(tmp_path)
    case = next(one for one in root.iter("testcase") if one.find("failure") is not None)
    assert case.get("file") == "suites/esipa/eim/ESIPA-EIM-0003.case.yaml"
    assert case.get("line") == "2"
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "GetEimPackageResponse: 2 of 5 named fields differ"
    assert "- integer greater than 41" in (failure.text or "")
    found = [(one.get("name"), one.get("value")) for one in case.iter("property")]
    assert ("requirement", "SGP32-ESIPA-003") in found
    assert ("clause", "SGP.32 v1.2 §5.14.5") in found
    assert ("verdict", "fail") in found


def test_a_run_that_was_cut_off_is_no_success(tmp_path: Path) -> None:
    root = parsed(tmp_path, verdicts=("pass",), cut=40_000)
    assert root.get("errors") != "0"
    last = list(root)[-1]
    assert last.get("name") == "run"
    error = last.find("testcase/error")
    assert error is not None
    assert "cut off" in str(error.get("message"))


def test_an_empty_run(tmp_path: Path) -> None:
    assert parsed(tmp_path, count=0).get("tests") == "0"


@pytest.mark.parametrize("verdict", ["fail", "inconclusive", "error", "not_applicable", "pass"])
def test_a_hostile_product_breaks_no_xml(tmp_path: Path, verdict: str) -> None:
    root = parsed(tmp_path, count=40, hostile=True, verdicts=(verdict,))
    assert len(list(root.iter("testcase"))) == 40
    known = {"testsuites", "testsuite", "testcase", "properties", "property", "failure", "error",
             "skipped", "system-out"}  # fmt: skip
    for node in root.iter():
        assert node.tag in known
        for text in (node.text or "", *node.attrib.values()):
            assert all(line.isprintable() for line in text.split("\n"))
