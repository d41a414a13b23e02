"""The eIM to learn from: a run finds its three faults, and the words explain each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ended import begun
from free_ports import free_port

ROOT = Path(__file__).parents[2]
SMDP = "testsmdpplus1.example.com"
FAULTS = {
    "ESIPA-EIM-EPK-003": r"without associationToken \(840100\): that is left out",
    "ESIPA-EIM-GEP-010": r"counterValue.*the same number again",
    "ESIPA-EIM-PER-001": r"eimAcknowledgements\[0\]: expected \d+ \(\$seq\), got \d+",
}
SOUND = ("ESIPA-EIM-GEP-001", "ESIPA-EIM-IAU-001", "NTF-EIM-FWD-001")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("teaching")
    smdp = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "sgprobe", "serve", "eim", "--faulty", "--json", "--tape",
               "none", "--at", f"{SMDP}=127.0.0.1:{smdp}"]  # fmt: skip
    with begun(command, cwd=folder, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        text = (ROOT / "examples/products/faulty-eim.yaml").read_text(encoding="utf-8")
        for old, new in (
            ("https://127.0.0.1:18460", told["urls"][0]),
            ("http://127.0.0.1:18461", told["operator"]),
            ("127.0.0.1:18462", f"127.0.0.1:{smdp}"),
            ("../../vectors", str(ROOT / "vectors")),
        ):
            text = text.replace(old, new)
        path = folder / "faulty.yaml"
        path.write_text(text, encoding="utf-8")
        yield path


def test_each_fault_is_found_and_explained(product: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "sgprobe", "run", *FAULTS, *SOUND, "--iut", str(product),
         "--report", "none"],
        cwd=product.parent, env=environment, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    failures = re.split(r"\n(?=✘ )", done.stdout)
    for ident, words in FAULTS.items():
        own = [one for one in failures if one.startswith(f"✘ {ident} ")]
        assert own, f"{ident} did not fail:\n{done.stdout}"
        assert all(re.search(words, one) for one in own), own
    assert not [one for one in failures if one.startswith(tuple(f"✘ {name}" for name in SOUND))]
