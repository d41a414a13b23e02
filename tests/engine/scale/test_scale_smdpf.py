"""An SM-DPf under load: each binding and each result is counted, and what is wrong decides."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sgprobe import events as e
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.crypto.pki import TestPki
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.outcome import StepFailed
from sgprobe.engine.played import Options
from sgprobe.engine.scale import smdpf as scale_smdpf
from sgprobe.engine.scale import tally as scale_tally
from sgprobe.events import Verdict

FOLDER = data_dir("suites") / "ifpp" / "smdpf"
IXIT = {"job-limit": "30 s"}


def run(name: str, off: str = "", count: int = 20) -> tuple[Any, e.ItemEnded]:
    told: list[e.Event] = []
    scale = Fraction(count, 1_000_000)
    bench = Bench(Choice(options=Options(off=frozenset({off} - {""}), ixit=IXIT, scale=scale)))
    (ready,) = bench.ready(FOLDER / f"{name}.case.yaml")
    result = bench.run(ready, told.append)
    ended = told[-1]
    assert isinstance(ended, e.ItemEnded)
    return result, ended


@pytest.mark.parametrize("number", ["001", "003", "010", "013"])
def test_the_reference_loses_nothing(number: str) -> None:
    result, ended = run(f"IFPP-PRF-{number}")
    # a limit that a slow machine does not keep warns
    other = [one for one in result.warnings if "the plan has" not in one]
    assert (result.verdict, result.reason, other) == (Verdict.PASS, "", [])
    assert any("scale 1/50000: 20 of 1000000" in one for one in ended.figures)
    assert any(one.startswith("answers: p50") for one in ended.figures)


def test_who_has_nothing_to_do_with_a_burst_gets_answers() -> None:
    result, ended = run("IFPP-PRF-002")
    # a limit that a slow machine does not keep warns
    other = [one for one in result.warnings if "the plan has" not in one]
    assert (result.verdict, result.reason, other) == (Verdict.PASS, "", [])
    assert any(one.startswith("p95 of another caller") for one in ended.figures)
    assert "twice" in run("IFPP-PRF-002", "SMDPF.ONE-PROFILE")[0].reason


def test_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_smdpf, "_PER_BATCH", 8)
    monkeypatch.setattr(scale_smdpf, "_PER_REPORT", 3)
    assert run("IFPP-PRF-001")[0].verdict is Verdict.PASS
    assert run("IFPP-PRF-010")[0].verdict is Verdict.PASS
    # the ids of one batch come again in the next: marks are kept over all of them
    assert "twice" in run("IFPP-PRF-001", "SMDPF.FRESH-ID")[0].reason


@pytest.mark.parametrize(
    ("name", "off", "what"),
    [
        ("IFPP-PRF-001", "SMDPF.ONE-PROFILE", "twice"),
        ("IFPP-PRF-003", "SMDPF.KEY-UNIQUE", "refused"),
        ("IFPP-PRF-010", "SMDPF.FRESH-ID", "twice"),
    ],
)
def test_what_is_wrong_decides(name: str, off: str, what: str) -> None:
    result, ended = run(name, off)
    assert result.verdict is Verdict.FAIL
    assert what in result.reason
    assert ended.figures


def test_results_that_nobody_proves_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = scale_smdpf.good_result

    def touched(*given: Any) -> bytes:
        return bytes(genuine(*given)[:-1] + b"\0")

    monkeypatch.setattr(scale_smdpf, "good_result", touched)
    result, _ = run("IFPP-PRF-010", count=5)
    assert result.verdict is Verdict.FAIL
    assert "lost" in result.reason


def test_packages_of_another_key_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CryptoError("it does not open")

    monkeypatch.setattr(scale_tally.ifpp, "open_package", refuse)
    result, ended = run("IFPP-PRF-001", count=3)
    assert result.verdict is Verdict.FAIL
    assert any("it does not open" in one for one in ended.figures)


def test_a_delivery_that_cannot_be_used_fails(tmp_path: Path) -> None:
    anchor = TestPki.load()["p256"].anchor
    tally = scale_tally.Tally()
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(StepFailed, match="a delivery cannot be used"):
        scale_tally.Inspection(anchor, Suite.C1, tally).look(tmp_path, {})


def test_a_suite_that_the_bench_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        scale_smdpf, "unready", lambda suite: "no ML-KEM here" if suite is Suite.H1 else ""
    )
    result, _ = run("IFPP-PRF-013")
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "no ML-KEM here" in result.reason
