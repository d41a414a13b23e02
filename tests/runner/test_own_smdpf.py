"""An SM-DPf in a process of its own is a product, with the file that is shipped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ended import begun

ROOT = Path(__file__).parents[2]
CASES = ("IFPP-DPF-001", "IFPP-DPF-006", "IFPP-DPF-020", "IFPP-DPF-041")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@pytest.fixture(scope="module", params=["", "SMDPF.ORDER-DM"])
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("smdpf")
    fault = ("--rule-off", request.param) if request.param else ()
    command = [sys.executable, "-m", "sgprobe", "serve", "smdpf", "--json", "--tape", "none",
               "--port", "0", "--deliveries", str(folder / "out"), *fault]  # fmt: skip
    with begun(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        text = (ROOT / "examples/products/own-smdpf.yaml").read_text(encoding="utf-8")
        for old, new in (
            ("https://127.0.0.1:18470", told["urls"][0]),
            ("listen:\n  msp: 127.0.0.1:18471\n", ""),
            ("../../vectors", str(ROOT / "vectors")),
        ):
            assert old in text
            text = text.replace(old, new)
        path = folder / "own-smdpf.yaml"
        path.write_text(text, encoding="utf-8")
        yield path, request.param


def test_a_good_one_passes_and_a_bad_one_fails(product: tuple[Path, str]) -> None:
    path, fault = product
    # twice: its store lives on, and an item must not trip over an earlier one
    for _ in range(1 if fault else 2):
        done = subprocess.run(
            [sys.executable, "-m", "sgprobe", "run", *CASES, "--iut", str(path),
             "--report", "none"],
            cwd=path.parent, env=ENVIRONMENT, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stdout + done.stderr
        wanted = "3 passed · 1 failed" if fault else "4 passed"
        assert wanted in done.stdout.splitlines()[-1], done.stdout + done.stderr
