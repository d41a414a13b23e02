"""ML-KEM-768 and ML-DSA against Project Wycheproof: `WYCHEPROOF=folder` names its testvectors_v1.

None of its vectors is kept here. What is refused there is refused here, and nothing else is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ifpp_bench import need

from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_keys import Suite

FOLDER = os.environ.get("WYCHEPROOF")
pytestmark = [
    pytest.mark.oracle("wycheproof"),
    pytest.mark.skipif(FOLDER is None, reason="WYCHEPROOF names no folder of test vectors"),
]


def groups(name: str) -> Iterator[Any]:
    need(Suite.H1S)
    yield from json.loads((Path(FOLDER or "") / f"{name}.json").read_text())["testGroups"]


def test_decapsulation() -> None:
    for group in groups("mlkem_768_test"):
        for one in group["tests"]:
            key = quantum.KemKey(bytes.fromhex(one["seed"]))
            try:
                good = key.decapsulate(bytes.fromhex(one["c"])).hex() == one["K"]
            except (CryptoError, ValueError):
                good = False
            assert good == (one["result"] == "valid"), one["tcId"]


def test_keys_of_seeds() -> None:
    for group in groups("mlkem_768_keygen_seed_test"):
        for one in group["tests"]:
            assert quantum.KemKey(bytes.fromhex(one["seed"])).public.hex() == one["ek"]


def test_encapsulation_keys() -> None:
    for group in groups("mlkem_768_encaps_test"):
        for one in group["tests"]:
            try:
                good = len(quantum.encapsulate(bytes.fromhex(one["ek"]))[1]) == 1088
            except CryptoError:
                good = False
            assert good == (one["result"] == "valid"), one["tcId"]


@pytest.mark.parametrize("name", ["44", "65"])
def test_signatures(name: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import mldsa

    kind = {"44": mldsa.MLDSA44PublicKey, "65": mldsa.MLDSA65PublicKey}[name]
    for group in groups(f"mldsa_{name}_verify_test"):
        try:
            key = kind.from_public_bytes(bytes.fromhex(group["publicKey"]))
            spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        except ValueError:
            spki = b"\x30\x00"
        for one in group["tests"]:
            # the binding signs with an empty context string
            if not one.get("ctx"):
                raw = bytes.fromhex(one["sig"]), bytes.fromhex(one["msg"])
                assert quantum.verify(spki, *raw) == (one["result"] == "valid"), one["tcId"]
