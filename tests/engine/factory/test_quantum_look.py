"""Packages of suite h1 are looked at: whether both secrets are in their keys."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.cases.observables import STATE_COLUMNS
from sgprobe.crypto.ifpp_keys import Suite, unavailable
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.factory.quantum_look import PACKAGES, QuantumLook
from sgprobe.engine.played import Options
from sgprobe.events import Verdict
from sgprobe.host import factory_network
from sgprobe.host.factory_tls import HYBRID_GROUP
from sgprobe.links.tls import GROUPS

FOLDER = data_dir("suites") / "ifpp" / "smdpf"
pytestmark = pytest.mark.skipif(unavailable(Suite.H1) is not None, reason="no ML-KEM here")


def run(name: str, off: str = "") -> Any:
    options = Options(off=frozenset({off} - {""}), ixit={"job-limit": "30 s"})
    bench = Bench(Choice(options=options))
    (ready,) = bench.ready(FOLDER / f"{name}.case.yaml")
    return bench.run(ready, lambda event: None)


@pytest.mark.parametrize("name", ["IFPP-PQC-001", "IFPP-PQC-002", "IFPP-PQC-006"])
def test_the_reference_mixes_both(name: str) -> None:
    assert run(name).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("name", "off", "what"),
    [
        ("IFPP-PQC-001", "SMDPF.HYBRID", "opened"),
        ("IFPP-PQC-002", "SMDPF.HYBRID", "classical"),
        ("IFPP-PQC-006", "SMDPF.SUITE", "bound"),
    ],
)
def test_what_is_not_mixed_is_seen(name: str, off: str, what: str) -> None:
    result = run(name, off)
    assert result.verdict is Verdict.FAIL
    assert what in result.reason


@pytest.mark.parametrize(
    ("name", "groups", "row"),
    [
        ("IFPP-PQC-007", f"{GROUPS}:{HYBRID_GROUP}", {}),
        ("IFPP-PQC-007", GROUPS, {"transport": "classical", "verdict": "NONE"}),
        ("IFPP-PQC-002", GROUPS, {"packages": "hybrid", "verdict": "PACKAGES"}),
    ],
)
def test_the_way_to_a_package_is_not_the_package(
    name: str, groups: str, row: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factory_network, "server_groups", lambda: groups)
    seen: list[dict[str, Any]] = []
    protection = QuantumLook._protection

    async def noted(self: QuantumLook, rows: Any) -> dict[str, Any]:
        seen.append(await protection(self, rows))
        return seen[-1]

    monkeypatch.setattr(QuantumLook, "_protection", noted)
    if name == "IFPP-PQC-002":
        monkeypatch.setattr("sgprobe.engine.factory.quantum_look.PACKAGES", "another state")
    run(name)
    usual = {"transport": "hybrid", "packages": "classical", "verdict": "TRANSPORT_ONLY"}
    if name == "IFPP-PQC-002":
        usual["transport"] = "classical"
    assert seen == [{**usual, **row}]


def test_nothing_was_fetched() -> None:
    bench: Any = SimpleNamespace(fetched=[], chips=[])
    with pytest.raises(Unresolved, match=r"dm\.fetch comes first"):
        asyncio.run(QuantumLook(bench).read(PACKAGES))
    assert set(STATE_COLUMNS[PACKAGES]) >= {"suite", "opened", "classical"}
