"""The scripts inside the CI templates run as a shell would run them; the systems are not here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from readme import ROOT, environment


def step(name: str) -> str:
    """Return the script of a step of action.yml."""
    lines = (ROOT / "action.yml").read_text(encoding="utf-8").splitlines()
    begin = lines.index("      run: |", lines.index(f"    - name: {name}")) + 1
    end = next(n for n in range(begin, len(lines)) if not lines[n].startswith("        "))
    return "\n".join(line[8:] for line in lines[begin:end])


@pytest.mark.parametrize(
    ("select", "iut", "code", "told"),
    [
        ("ESIPA-EIM-GEP-001 ESIPA-EIM-GEP-002", "", 0, "failed=0"),
        ("ESIPA-EIM-GEP-001", "absent.yaml", 4, ""),
    ],
)
def test_the_action_gates(select: str, iut: str, code: int, told: str, tmp_path: Path) -> None:
    script = step("Run")
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=tmp_path, capture_output=True, text=True,
        env={**environment(), **files, "SELECT": select, "IUT": iut, "PLAN": "", "FAIL_ON": "fail"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if told:
        assert told in (tmp_path / "GITHUB_OUTPUT").read_text(encoding="utf-8").split()
        assert os.path.getsize(files["GITHUB_STEP_SUMMARY"])
        assert (tmp_path / "sgprobe-results" / "report.html").exists()
