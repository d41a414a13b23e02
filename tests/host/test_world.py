"""Every scenario of `sgprobe world`, and that each of its checks can fail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dissectors.trace.read import read_trace
from sgprobe.host.directory import Place
from sgprobe.host.scenarios import SCENARIOS
from sgprobe.host.world import Plan, World
from sgprobe.links.fault import Fault
from sgprobe.links.tls import TlsSettings


def play(name: str, **how: object) -> list[tuple[str, bool]]:
    async def run() -> list[tuple[str, bool]]:
        plan = Plan(indirect=SCENARIOS[name].indirect, **how)  # type: ignore[arg-type]
        async with World(plan) as world:
            return [check async for check in SCENARIOS[name].play(world)]

    return asyncio.run(run())


@pytest.mark.parametrize("version", ["1.0.1", "1.2", "1.3"])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_and_its_capture(name: str, curve: str, version: str, tmp_path: Path) -> None:
    tape = tmp_path / "world.pcapng"
    checks = play(name, curve=curve, version=version, tape=tape)
    assert checks
    assert [text for text, good in checks if not good] == []
    trace = read_trace(str(tape))
    assert len(trace.messages) > 20
    assert [m.type for m in trace.messages if m.malformed] == []
    # every session is opened by the keys in the capture itself
    assert {session.decryption for session in trace.sessions} == {"complete"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_eim_that_fails_fails_the_scenario(name: str) -> None:
    checks = play(name, eim_faults=lambda request, number: Fault(status=503))
    assert [text for text, good in checks if not good]


def test_a_wrong_tls_certificate_fails_the_scenario() -> None:
    async def run() -> list[tuple[str, bool]]:
        world = World(Plan())
        world.set = world.pki["brainpool"]  # the servers show a chain to a CI that is not trusted
        trust = world.pki["p256"].ci.der
        async with world:
            name = world.eim_setup.eim_id
            address = world.addresses[name].rpartition(":")[2]
            place = Place(("127.0.0.1", int(address)), TlsSettings(trust=(trust,)))
            world.directory.add(name, place)
            return [check async for check in SCENARIOS["poll"].play(world)]

    checks = asyncio.run(run())
    assert [text for text, good in checks if not good]
