"""The eUICC's one-time keys as a case has them made, and what an SM-DPf binds to them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dissectors.asn1 import codec
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.ifpp_keys import Suite, unavailable
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.factory.floor import FactoryFloor
from sgprobe.engine.factory.one_time_keys import FACTORY, KEYS, KeyDrawer
from sgprobe.peers.euicc.build import build
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.factory_records import Factory, FactoryKey

IFPP, RSP = codec.load("IFPP@0"), codec.load("SGP.22@2.5")


@pytest.fixture
def chip() -> Euicc:
    return build(TestPki.load())


@pytest.fixture
def floor(chip: Euicc) -> FactoryFloor:
    return FactoryFloor(chip, TestPki.load()["p256"], "smdpf.example.com", "1")


def bring(floor: FactoryFloor, part: str, *rows: dict[str, Any]) -> None:
    asyncio.run(KeyDrawer(floor).bring(part, list(rows)))


def tbs(floor: FactoryFloor) -> Any:
    return IFPP.decode("IfppLoadContextRequest", floor.context()).value["tbs"]


def test_keys_are_made_anew(chip: Euicc, floor: FactoryFloor) -> None:
    before = {one.ref for one in chip.draft().all(FactoryKey)}
    assert len(before) == 4
    bring(floor, KEYS, {"suite": "c1"}, {})
    after = {one.ref for one in chip.draft().all(FactoryKey)}
    assert len(after) == 2
    assert not after & before
    assert floor.names()["otk.2"]() in after
    with pytest.raises(Unresolved, match="has 2 one-time keys, and no number 3"):
        floor.names()["otk.3"]()
    with pytest.raises(Unresolved, match="no number 3"):
        floor.bind({"key": "3"})
    bring(floor, KEYS)
    assert not list(chip.draft().all(FactoryKey))


@pytest.mark.skipif(unavailable(Suite.H1S) is not None, reason="no ML-KEM here")
def test_a_package_has_the_suite_of_its_key_or_the_one_that_is_said(
    chip: Euicc, floor: FactoryFloor
) -> None:
    bring(floor, KEYS, {"suite": "h1"}, {"suite": "h1s"}, {"suite": "c1"})
    factory = chip.draft().find(Factory)
    assert factory is not None
    assert factory.suites == [1, 2, 3]
    assert [tbs(floor)["suite"] for _ in range(3)] == ["h1", "h1s", "c1"]
    floor.bind({"key": "1", "suite": "c1"})
    found = tbs(floor)
    assert (found["suite"], found["keyRef"]) == ("c1", floor.names()["otk.1"]())
    assert "kemCiphertext" not in found


@pytest.mark.parametrize("rows", [[{"suite": "c1"}] * 5, [{"suite": "h9"}]])
def test_keys_that_cannot_be_made(floor: FactoryFloor, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(Unresolved):
        bring(floor, KEYS, *rows)


def test_what_the_channel_says(floor: FactoryFloor) -> None:
    floor.bind({"operation": "02", "key-type": "80", "key-octets": "20"})
    value = RSP.decode("BoundProfilePackage", floor.package()).value
    channel = value["initialiseSecureChannelRequest"]
    template = channel["controlRefTemplate"]
    assert (template["keyType"], template["keyLen"]) == ("80", "20")
    assert channel["remoteOpId"] != "installBoundProfilePackage"
    for wrong in ("", "x"):
        with pytest.raises(Unresolved, match="one octet each"):
            floor.bind({"key-type": wrong})


def test_room_for_results_and_who_may_load(chip: Euicc, floor: FactoryFloor) -> None:
    bring(floor, FACTORY, {"results": "2", "smdpfs": "2.999.1"})
    factory = chip.draft().find(Factory)
    assert factory is not None
    assert (factory.results, factory.allowed) == (2, ["2.999.1"])
    bring(floor, FACTORY, {"smdpfs": ["2.999.1", "2.999.2"]})
    factory = chip.draft().find(Factory)
    assert factory is not None
    assert (factory.results, factory.allowed) == (2, ["2.999.1", "2.999.2"])
    with pytest.raises(Unresolved, match="no number|a number"):
        bring(floor, FACTORY, {"results": "few"})
