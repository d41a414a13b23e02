"""`sgprobe run` and pytest on case files, as a user calls them: words, exit codes, stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from free_ports import FreePorts

from sgprobe import events as e
from sgprobe.events import Verdict
from sgprobe.runner.session import counts_of, exit_code

ROOT = Path(__file__).parents[2]
CASE = """\
case: {ident}
title: The eIM has nothing for a device without an order
iut: eim
spec: [SGP.32 v1.2 §5.14.5 GetEimPackage]
since: SGP.32 v1.1
covers: [SGP32-ESIPA-002]
applies-if: {applies}

steps:
{steps}
"""
GOOD = """\
  - ipa -> eim: GetEimPackageRequest
  - eim -> ipa: GetEimPackageResponse
    fields: {eimPackageError: noEimPackageAvailable}
"""
WRONG = GOOD.replace("noEimPackageAvailable", "invalidEid")
PREAMBLE = "given:\n  - trigger: eim.cancel\n    with: {order: none-of-ours}\n\n"


@pytest.fixture
def write(tmp_path: Path):
    def write(ident: str, steps: str = GOOD, applies: str = "EIM_RETRIEVE", more: str = "") -> Path:
        path = tmp_path / f"{ident}.case.yaml"
        text = CASE.format(ident=ident, steps=steps, applies=applies)
        path.write_text(text.replace("steps:\n", more + "steps:\n", 1), encoding="utf-8")
        return path

    return write


def sgprobe(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "sgprobe", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True,
                          timeout=600, check=False)  # fmt: skip


def stream(folder: Path) -> list[e.Event]:
    with (folder / e.STREAM).open(encoding="utf-8") as lines:
        return list(e.read(lines))


def test_a_good_case_passes_with_events_and_a_capture(write, tmp_path: Path) -> None:
    done = sgprobe("run", str(write("TRY-A")), "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    events = stream(tmp_path / "out")
    assert next(type(one) for one in events) is e.RunStarted
    ended = [one for one in events if isinstance(one, e.ItemEnded)]
    assert [(one.item, one.verdict, one.checks) for one in ended] == [("TRY-A", "pass", 1)]
    assert (tmp_path / "out" / ended[0].capture).stat().st_size > 1000
    assert isinstance(events[-1], e.RunEnded)
    assert events[-1].exit == 0


@pytest.mark.parametrize(
    ("steps", "applies", "more", "code", "words"),
    [
        (WRONG, "EIM_RETRIEVE", "", 1, "eimPackageError"),
        (GOOD, "EIM_DER", "", 5, "not applicable"),
        (GOOD, "EIM_RETRIEVE", PREAMBLE, 6, "inconclusive"),
        (GOOD.replace("GetEimPackageRequest", "GetEimPackagRequest"), "EIM_RETRIEVE", "", 4,
         "did you mean"),
    ],
    ids=["fail", "not applicable", "inconclusive", "a wrong file"],
)  # fmt: skip
def test_exit_codes(
    write, tmp_path: Path, steps: str, applies: str, more: str, code: int, words: str
) -> None:
    done = sgprobe("run", str(write("TRY-A", steps, applies, more)), "--out", "o", cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_wrong_file_does_not_stop_the_others(write, tmp_path: Path) -> None:
    write("TRY-A")
    write("TRY-B", GOOD.replace("eimPackageError", "eimPackageErr"))
    done = sgprobe("run", ".", "--out", "out", cwd=tmp_path)
    assert done.returncode == 4
    assert "TRY-B.case.yaml:12:14" in done.stderr
    assert "1 passed" in done.stdout


def test_a_rule_that_no_role_has_is_an_error_of_the_user(write, tmp_path: Path) -> None:
    done = sgprobe("run", str(write("TRY-A")), "--off", "EIM.EID-KNOW", "--out", "o", cwd=tmp_path)
    assert done.returncode == 4
    assert "did you mean 'EIM.EID-KNOWN'" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_planted_fault_is_found(write, tmp_path: Path) -> None:
    other = GOOD.replace("GetEimPackageRequest", "GetEimPackageRequest\n    fields: "
                         "{eidValue: $eid.unknown}")  # fmt: skip
    steps = other.replace("noEimPackageAvailable", "eidNotFound")
    path = str(write("TRY-A", steps))
    assert sgprobe("run", path, "--out", "o", cwd=tmp_path).returncode == 0
    done = sgprobe("run", path, "--off", "EIM.EID-KNOWN", "--out", "o", cwd=tmp_path)
    assert done.returncode == 1
    assert "expected eidNotFound(2)" in done.stdout


def test_workers_give_one_stream(write, tmp_path: Path) -> None:
    for letter in "ABCD":
        write(f"TRY-{letter}")
    done = sgprobe("run", ".", "-n", "2", "--out", "out", "--report", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    events = stream(tmp_path / "out")
    items = [one.item for one in events if isinstance(one, e.ItemEnded)]
    assert sorted(items) == ["TRY-A", "TRY-B", "TRY-C", "TRY-D"]
    assert sum(isinstance(one, e.RunStarted) for one in events) == 1
    assert not list((tmp_path / "out").glob("events-*.ndjson"))
    counts = json.loads((tmp_path / "out" / "results.json").read_text())["counts"]
    assert counts["passed"] == 4


def test_pytest_runs_the_same_items(write, tmp_path: Path) -> None:
    write("TRY-A", WRONG)
    write("TRY-B")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["sgprobe.plugin"]\n')
    command = [sys.executable, "-m", "pytest", "-q", "--out", "out", "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True,
                          timeout=600, check=False)  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert "expected" in done.stdout or "invalidEid" in done.stdout
    chosen = subprocess.run([*command, "-k", "TRY-B"], cwd=tmp_path, env=environment,
                            capture_output=True, text=True, timeout=600, check=False)  # fmt: skip
    assert chosen.returncode == 0
    again = subprocess.run([*command, "--lf"], cwd=tmp_path, env=environment,
                           capture_output=True, text=True, timeout=600, check=False)  # fmt: skip
    assert "1 failed" in again.stdout
    assert "passed" not in again.stdout


def test_the_failed_ones_are_selected_again(write, tmp_path: Path) -> None:
    done = sgprobe("run", "ESIPA-EIM-GEP-001", "--off", "EIM.EID-KNOWN", "--out", "o", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    nothing = sgprobe("run", "@failed", "--out", "o", cwd=tmp_path)
    assert nothing.returncode == 5
    unknown = sgprobe("run", "ESIPA-EIM-GEP-0O1", "--out", "o", cwd=tmp_path)
    assert unknown.returncode == 4
    assert "did you mean" in unknown.stderr


@pytest.mark.parametrize(
    ("verdicts", "broken", "ok", "code"),
    [
        ([], 0, False, 5),
        ([Verdict.PASS], 0, False, 0),
        ([Verdict.PASS, Verdict.NOT_APPLICABLE], 0, False, 0),
        ([Verdict.NOT_APPLICABLE], 0, False, 5),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], 0, False, 6),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], 0, True, 0),
        ([Verdict.INCONCLUSIVE, Verdict.FAIL], 0, False, 1),
        ([Verdict.FAIL, Verdict.ERROR], 1, False, 4),
        ([Verdict.FAIL, Verdict.ERROR, Verdict.ERROR], 1, False, 3),
    ],
)
def test_precedence(verdicts: list[Verdict], broken: int, ok: bool, code: int) -> None:
    assert exit_code(verdicts, broken, inconclusive_ok=ok) == code


def test_counts_have_the_words_of_the_reports() -> None:
    assert counts_of([Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE]) == {
        "passed": 1, "failed": 1, "inconclusive": 0, "not_applicable": 1, "error": 0,
    }  # fmt: skip


def test_a_product_that_is_not_there_is_told(tmp_path: Path) -> None:
    text = (ROOT / "examples/products/faulty-eim.yaml").read_text(encoding="utf-8")
    text = text.replace("../../vectors", str(ROOT / "vectors")).replace(":18460", ":1")
    text = FreePorts().put(text)
    (tmp_path / "gone.yaml").write_text(text, encoding="utf-8")
    done = sgprobe("run", "ESIPA-EIM-GEP-001", "--iut", "gone.yaml", cwd=tmp_path)
    assert done.returncode == 4
    assert "does not answer at https://127.0.0.1:1" in done.stderr
    assert "mend `endpoints`" in done.stderr


def test_a_wrong_product_file_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("product: x\nversion: 1\nrole: eimm\nspec: SGP.32@1.2\n")
    done = sgprobe("run", "ESIPA-EIM-GEP-001", "--iut", "wrong.yaml", cwd=tmp_path)
    assert done.returncode == 4
    assert "wrong.yaml:3:7" in done.stderr
    assert "Traceback" not in done.stderr
