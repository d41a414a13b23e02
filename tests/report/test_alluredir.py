"""`pytest --alluredir` on cases: the reports' writer writes, and nobody else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("jobs", ["0", "2"])
def test_one_result_for_each_item(tmp_path: Path, jobs: str) -> None:
    folder, out = tmp_path / "allure", tmp_path / "out"
    broken = tmp_path / "BROKEN-001.case.yaml"
    broken.write_text("case: [")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", jobs,
         "suites/es10/euicc/RPL-EUI-CNT-001.case.yaml", str(broken), f"--alluredir={folder}",
         f"--out={out}", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"),
         "--report", "junit,json"],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    results = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    told = {(one["name"].split(" ")[0], one["status"]) for one in results}
    assert told == {
        ("RPL-EUI-CNT-001[basic]", "passed"),
        ("RPL-EUI-CNT-001[logical]", "passed"),
        ("BROKEN-001.case.yaml", "broken"),
    }, done.stdout + done.stderr
    assert len(results) == 3
    assert all(("framework", "sgprobe") in {(one["name"], one["value"]) for one in label}
               for label in (one["labels"] for one in results))  # fmt: skip
    counts = json.loads((out / "results.json").read_text())["counts"]
    assert (counts["passed"], counts["error"]) == (2, 1)
