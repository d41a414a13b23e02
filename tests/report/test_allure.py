"""Allure results: one for each item, none of them together, and nothing written twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import synthetic

from sgprobe.report.allure.about import executor
from sgprobe.report.allure.writer import write_allure
from sgprobe.report.folder import read_run


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*-result.json"))]


def write(tmp_path: Path, **how: Any) -> Path:
    write_allure(read_run(synthetic.write(tmp_path / "run", **how)), tmp_path / "allure")
    return tmp_path / "allure"


def labels(result: dict[str, Any], name: str) -> list[str]:
    return [one["value"] for one in result["labels"] if one["name"] == name]


def test_one_result_for_each_item_and_each_with_its_own_history(tmp_path: Path) -> None:
    found = results(write(tmp_path))
    assert len(found) == 64
    assert len({one["historyId"] for one in found}) == 64
    assert len({one["uuid"] for one in found}) == 64
    assert all(one["parameters"] for one in found)
    by_status: dict[str, int] = {}
    for one in found:
        by_status[one["status"]] = by_status.get(one["status"], 0) + 1
    assert by_status == {"passed": 48, "failed": 4, "broken": 8, "skipped": 4}


def test_rendering_again_gives_the_same_results(tmp_path: Path) -> None:
    run = read_run(synthetic.write(tmp_path / "run"))
    folder = tmp_path / "allure"
    (folder).mkdir()
    (folder / "notes.txt").write_text("mine")
    write_allure(run, folder, clean=True)
    first = {one["uuid"] for one in results(folder)}
    files = len(list(folder.iterdir()))
    write_allure(run, folder, clean=True)
    assert {one["uuid"] for one in results(folder)} == first
    assert len(list(folder.iterdir())) == files
    assert (folder / "notes.txt").exists()


def test_a_failure_has_labels_steps_and_attachments(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path / "run", verdicts=("fail",), count=1)
    (run / "captures").mkdir()
    (run / "captures" / "ESIPA-EIM-0000-https-nist-p256.pcapng").write_bytes(b"\n\r\r\n")
    folder = tmp_path / "allure"
    write_allure(read_run(run), folder, links={"clause": "https://clauses.test/{}"})
    (result,) = results(folder)
    assert result["statusDetails"]["message"].startswith("Non-conformance: ")
    assert "- integer greater than 41" in result["statusDetails"]["trace"]
    wanted = {
        "epic": ["ESipa"], "feature": ["GetEimPackage"], "parentSuite": ["eIM"],
        "suite": ["SGP.32 v1.2 §5.14.5"], "subSuite": ["ESIPA-EIM-0000"], "verdict": ["fail"],
        "severity": ["critical"], "binding": ["https"], "iut": ["eim"],
        "requirement": ["SGP32-ESIPA-000", "SGP32-ESEP-001"],
        "spec": ["SGP.32@1.2", "SGP.32 v1.2 §5.14.5", "SGP.32 v1.2 §5.9.1"],
    }  # fmt: skip
    assert {name: labels(result, name) for name in wanted} == wanted
    assert result["links"][0] == {
        "type": "clause", "url": "https://clauses.test/SGP.32 v1.2 §5.14.5",
        "name": "SGP.32 v1.2 §5.14.5",
    }  # fmt: skip
    given = {one["name"]: one["value"] for one in result["parameters"]}
    assert given == {"binding": "https", "curve": "nist-p256", "specification": "SGP.32@1.2"}
    assert [one["status"] for one in result["steps"]] == ["passed", "passed", "failed", "passed"]
    inside = result["steps"][2]["steps"]
    assert [one["name"].split(" ")[0] for one in inside] == ["receive", "match:"]
    names = [one["name"] for step in inside for one in step["attachments"]]
    assert names == ["response as tree", "response as JSON", "response as hex", "difference"]
    names = [one["name"] for one in result["attachments"]]
    assert names == ["case excerpt", "ESIPA-EIM-0000.case.yaml", "sequence.svg", "console",
                     "trace.pcapng", "log"]  # fmt: skip
    for attached in [*result["attachments"], *inside[0]["attachments"], *inside[1]["attachments"]]:
        assert (folder / attached["source"]).stat().st_size


def test_no_capture_outside_the_folder_is_attached(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    run = synthetic.write(tmp_path / "run", verdicts=("fail",), count=1)
    stream = run / "events.ndjson"
    stream.write_text(stream.read_text().replace(
        "captures/ESIPA-EIM-0000-https-nist-p256.pcapng", "../secret"))  # fmt: skip
    folder = tmp_path / "allure"
    write_allure(read_run(run), folder)
    assert "trace.pcapng" not in json.dumps(results(folder))


def test_categories_part_the_kinds(tmp_path: Path) -> None:
    import re

    folder = write(tmp_path, count=64)
    categories = json.loads((folder / "categories.json").read_text())
    found: dict[str, int] = {}
    for one in results(folder):
        if "statusDetails" not in one:
            continue
        fits = [
            category["name"] for category in categories
            if one["status"] in category["matchedStatuses"]
            and re.fullmatch(category["messageRegex"], one["statusDetails"]["message"])
        ]  # fmt: skip
        assert len(fits) == 1
        found[fits[0]] = found.get(fits[0], 0) + 1
    assert found == {
        "Known deviation": 4, "Non-conformance": 4, "Inconclusive: set-up": 4, "Tool error": 4,
        "Not applicable": 4, "Passed with a warning": 5,
    }  # fmt: skip


def test_a_cut_run_is_broken_not_missing(tmp_path: Path) -> None:
    folder = write(tmp_path, cut=60_000, verdicts=("pass",))
    broken = [one for one in results(folder) if one["status"] == "broken"]
    assert [one["statusDetails"]["message"] for one in broken] == [
        "Tool error: the run was cut off here"
    ]
    assert list(folder.glob("*-globals.json"))


@pytest.mark.parametrize("verdict", ["fail", "error", "inconclusive", "pass", "not_applicable"])
def test_a_hostile_product_bends_no_result(tmp_path: Path, verdict: str) -> None:
    folder = write(tmp_path, hostile=True, verdicts=(verdict,), count=4 * len(synthetic.HOSTILE))
    found = results(folder)
    assert len(found) == 4 * len(synthetic.HOSTILE)
    for one in found:
        assert one["name"].isprintable()
        assert one["statusDetails" if verdict != "pass" else "name"]
        for link in one.get("links", []):
            assert link["url"].startswith(("http://", "https://"))
        assert "<script" not in one["description"].replace("\\<", "")
    for path in folder.glob("*-attachment.*"):
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".txt", ".yaml"):
            assert all(line.isprintable() for line in text.split("\n"))
        if path.suffix == ".svg":
            assert "<script" not in text
    environment = (folder / "environment.properties").read_text(encoding="ascii")
    assert all(" = " in line for line in environment.splitlines())


def test_the_executor_names_the_job() -> None:
    env = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://git.test",
           "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "5", "GITHUB_RUN_NUMBER": "3"}  # fmt: skip
    assert executor(env)["buildUrl"] == "https://git.test/a/b/actions/runs/5"
    assert executor({"JENKINS_URL": "x", "BUILD_URL": "javascript:1"}).get("buildUrl") is None
    assert executor({}) == {"name": "sgprobe", "type": "sgprobe"}


_CONFTEST = """
import pytest
from sgprobe.report.allure import guard

class OurItem(pytest.Item):
    def runtest(self):
        print("said by ours")
        assert self.name != "ours-bad"
    def reportinfo(self):
        return self.path, 0, self.name

class OurFile(pytest.File):
    def collect(self):
        for name in ("ours-good", "ours-bad"):
            yield OurItem.from_parent(self, name=name)

def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".case":
        return OurFile.from_parent(parent, path=file_path)

_guard = None

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    global _guard
    _guard = guard.install()
    if _guard is not None:
        config.add_cleanup(_guard.remove)

@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    if _guard is not None:
        _guard.quiet = isinstance(item, OurItem)
    return (yield)
"""
_PLAIN = """
import pytest

@pytest.fixture(scope="session")
def shared():
    yield 1

def test_plain(shared):
    print("said by plain")
    assert shared

def test_other():
    assert False
"""


@pytest.mark.parametrize("with_allure", [True, False])
@pytest.mark.parametrize("jobs", ["0", "2"])
def test_allure_pytest_writes_nothing_of_our_items(
    tmp_path: Path, with_allure: bool, jobs: str
) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "test_plain.py").write_text(_PLAIN)
    (tmp_path / "z.case").write_text("")
    folder = tmp_path / "allure"
    option = [f"--alluredir={folder}"] if with_allure else []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", jobs, "-p", "no:cacheprovider", *option],
        cwd=tmp_path, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert "2 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "Error" not in done.stderr
    if not with_allure:
        return
    assert sorted(one["name"] for one in results(folder)) == ["test_other", "test_plain"]
    texts = [path.read_text() for path in folder.glob("*-attachment.txt")]
    assert texts == ["said by plain\n"]
    written = {one["uuid"] for one in results(folder)}
    for path in folder.glob("*-container.json"):
        assert set(json.loads(path.read_text())["children"]) <= written
