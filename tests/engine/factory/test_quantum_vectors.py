"""Hybrid suites are judged where the library can be trusted; elsewhere nothing passes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto.ifpp_keys import Suite, unavailable
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.factory import quantum_vectors as vectors
from sgprobe.engine.outcome import NotHere
from sgprobe.engine.played import Options, Result
from sgprobe.events import Verdict

SUITES = data_dir("suites") / "ifpp"
IXIT = {"command-limit": "30 s"}
needs_library = pytest.mark.skipif(unavailable(Suite.H1S) is not None, reason="no ML-KEM here")


def results(path: Path) -> list[Result]:
    bench = Bench(Choice(options=Options(ixit=dict(IXIT))))
    return [bench.run(ready, lambda event: None) for ready in bench.ready(path)]


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(vectors.FOLDER, raising=False)


@pytest.mark.parametrize("name", ["IFPP-PQC-003", "IFPP-PQC-008"])
def test_without_the_algorithm_a_case_does_not_apply(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantum, "missing_kem", lambda: "the library has no ML-KEM-768")
    for result in results(SUITES / "euicc" / f"{name}.case.yaml"):
        assert result.verdict is Verdict.NOT_APPLICABLE
        assert "the library has no ML-KEM-768" in result.reason


@needs_library
def test_a_library_that_disagrees_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vectors.unready(Suite.C1) == vectors.unready(Suite.H1) == ""
    wrong = vectors.Agreement("some vectors", 3, ("7",))
    monkeypatch.setattr(vectors, "known_answers", lambda: wrong)
    assert vectors.unready(Suite.H1) == "the library disagrees with some vectors: 7"
    assert vectors.unready(Suite.C1) == ""
    (result,) = results(SUITES / "euicc" / "IFPP-PQC-003.case.yaml")
    assert result.verdict is Verdict.NOT_APPLICABLE


@needs_library
def test_known_answers_agree() -> None:
    assert vectors.known_answers().wrong == ()


@needs_library
def test_what_disagrees_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = quantum.KemKey(bytes(64))
    secret, ciphertext = quantum.encapsulate(key.public)
    signer = quantum.SigningKey(bytes(32))
    kem = {"seed": "00" * 64, "c": ciphertext.hex(), "K": secret.hex(), "result": "valid"}
    sign = {"msg": "01", "sig": signer.sign(b"\1").hex(), "result": "valid"}
    public = signer.public.public_bytes_raw().hex()
    files = {
        "mlkem_768_test": [{"tests": [kem | {"tcId": 1}, kem | {"tcId": 2, "K": "00" * 32},
                                      kem | {"tcId": 3, "c": "00", "result": "invalid"}]}],
        "mlkem_768_keygen_seed_test": [
            {"tests": [{"tcId": 1, "seed": "00" * 64, "ek": key.public.hex()}]}],
        "mldsa_44_verify_test": [{"publicKey": "00", "tests": [sign | {"tcId": 1}]}],
        "mldsa_65_verify_test": [{"publicKey": public, "tests": [
            sign | {"tcId": 1}, sign | {"tcId": 2, "msg": "02"},
            sign | {"tcId": 3, "msg": "03", "ctx": "aa"}]}],
    }  # fmt: skip
    for name, groups in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"testGroups": groups}))
    monkeypatch.setenv(vectors.FOLDER, str(tmp_path))
    rows = asyncio.run(vectors.VectorShelf().read(vectors.VECTORS))
    assert [(one["tried"], one["wrong"]) for one in rows] == [
        ("3", "none"), ("3", "2"), ("1", "none"), ("1", "1"), ("2", "2"),
    ]  # fmt: skip
    assert "disagrees with mlkem_768_test: 2" in vectors.unready(Suite.H1)
    (result,) = results(SUITES / "bench" / "IFPP-PQC-010.case.yaml")
    assert result.verdict is Verdict.FAIL


@needs_library
@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"testGroups": [{"tests": [{}]}]}'])
def test_vectors_that_cannot_be_read(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "mlkem_768_test.json").write_bytes(content)
    monkeypatch.setenv(vectors.FOLDER, str(tmp_path))
    with pytest.raises(NotHere, match="mlkem_768_test"):
        asyncio.run(vectors.VectorShelf().read(vectors.VECTORS))
    monkeypatch.delenv(vectors.FOLDER)
    with pytest.raises(NotHere, match="WYCHEPROOF"):
        asyncio.run(vectors.VectorShelf().read(vectors.VECTORS))
