"""ML-KEM-768 and ML-DSA against Project Wycheproof: `WYCHEPROOF=folder` names its testvectors_v1.

None of its vectors is kept here. What is refused there is refused here, and nothing else is.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ifpp_bench import need

from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.engine.factory.quantum_vectors import agreements

FOLDER = os.environ.get("WYCHEPROOF")
pytestmark = [
    pytest.mark.oracle("wycheproof"),
    pytest.mark.skipif(FOLDER is None, reason="WYCHEPROOF names no folder of test vectors"),
]


def test_what_the_bench_tries_before_its_cases() -> None:
    """Decapsulation, keys of seeds, signatures of both sizes: every vector comes out as it says."""
    need(Suite.H1S)
    found = {one.name: one for one in agreements(Path(FOLDER or ""))}
    assert set(found) == {
        "mlkem_768_test",
        "mlkem_768_keygen_seed_test",
        "mldsa_44_verify_test",
        "mldsa_65_verify_test",
    }
    for one in found.values():
        assert one.tried > 0, one.name
        assert one.wrong == (), one.name


def test_encapsulation_keys() -> None:
    need(Suite.H1S)
    path = Path(FOLDER or "") / "mlkem_768_encaps_test.json"
    for group in json.loads(path.read_text())["testGroups"]:
        for one in group["tests"]:
            try:
                good = len(quantum.encapsulate(bytes.fromhex(one["ek"]))[1]) == 1088
            except CryptoError:
                good = False
            assert good == (one["result"] == "valid"), one["tcId"]
