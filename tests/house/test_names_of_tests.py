"""The names of tests are the same in every process: else workers collect different tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def names(seed: str) -> list[str]:
    """Collect all tests in a process of its own, which has another hash seed, and begins later."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    for own in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"):
        environment.pop(own, None)
    done = subprocess.run(
        [*command, "-p", "no:xdist", "tests"], cwd=ROOT, env=environment, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    found = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(found) > 10_000, done.stdout[-2000:] + done.stderr[-2000:]
    return found


def test_no_name_depends_on_the_time_or_on_a_hash() -> None:
    first = names("1")
    # a time in a name is seen to differ
    time.sleep(1.1)
    second = names("2")
    assert [(a, b) for a, b in zip(first, second, strict=True) if a != b] == []
