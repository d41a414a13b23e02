"""Every scenario of `sgprobe world`, and that each of its checks can fail."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.codes import CONTENT
from dissectors.link.coap.transfers import CoapTransfer
from dissectors.trace.read import Trace, read_trace
from sgprobe.exchange import Request
from sgprobe.host.directory import Place
from sgprobe.host.scenarios import SCENARIOS
from sgprobe.host.world import BINDINGS, Plan, World
from sgprobe.links.coap_binding import Binding
from sgprobe.links.fault import Fault
from sgprobe.links.https_client import Unreachable
from sgprobe.links.impairment import Perfect, both_ways
from sgprobe.links.impairment import Plan as Impaired
from sgprobe.links.tls import TlsSettings
from sgprobe.peers.eim.operations import ListProfiles
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.store import MemoryStore


def play(name: str, **how: Any) -> list[tuple[str, bool]]:
    async def run() -> list[tuple[str, bool]]:
        async with World(plan_of(name, **how)) as world:
            return [check async for check in SCENARIOS[name].play(world)]

    return asyncio.run(run())


def plan_of(name: str, **how: Any) -> Plan:
    scenario = SCENARIOS[name]
    return Plan(indirect=scenario.indirect, injects=scenario.injects, **how)


def failed(checks: list[tuple[str, bool]]) -> list[str]:
    assert checks
    return [text for text, good in checks if not good]


def check_capture(tape: Path) -> Trace:
    trace = read_trace(str(tape))
    assert len(trace.messages) > 6
    assert [m.type for m in trace.messages if m.malformed] == []
    # every session is opened by the keys in the capture itself
    assert {session.decryption for session in trace.sessions} == {"complete"}
    return trace


@pytest.mark.parametrize("version", ["1.0.1", "1.2", "1.3"])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_and_its_capture(name: str, curve: str, version: str, tmp_path: Path) -> None:
    tape = tmp_path / "world.pcapng"
    assert failed(play(name, curve=curve, version=version, tape=tape)) == []
    trace = check_capture(tape)
    assert {m.transport for m in trace.messages if m.interface == "ESipa"} == {"https"}


@pytest.mark.parametrize(("curve", "version"), [("p256", "1.2"), ("brainpool", "1.3")])
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_over_coaps(name: str, curve: str, version: str, tmp_path: Path) -> None:
    tape = tmp_path / "world.pcapng"
    how = {"curve": curve, "version": version, "binding": "coaps"}
    assert failed(play(name, tape=tape, **how)) == []
    trace = check_capture(tape)
    assert {m.transport for m in trace.messages if m.interface == "ESipa"} == {"coaps"}


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize("name", [name for name, one in SCENARIOS.items() if not one.injects])
def test_an_eim_that_fails_fails_the_scenario(name: str, binding: str) -> None:
    faults = {"eim_faults": lambda request, number: Fault(status=503)}
    assert failed(play(name, binding=binding, **faults))


@pytest.mark.parametrize("fault", [Fault(reset=True), Fault(silence=True), Fault(cut=4)])
@pytest.mark.parametrize("binding", BINDINGS)
def test_an_answer_that_does_not_come_is_asked_for_again(binding: str, fault: Fault) -> None:
    faults = {"eim_faults": lambda request, number: fault if number == 1 else None}
    assert failed(play("enable", binding=binding, **faults)) == []


def test_the_open_points_of_the_coap_binding_are_settings(tmp_path: Path) -> None:
    tape = tmp_path / "world.pcapng"
    coap = Binding(path="/esipa", content_format=None, code_with_body=CONTENT, uri_host=False)
    assert failed(play("enable", binding="coaps", coap=coap, tape=tape)) == []
    carried = [m.carrier for m in read_trace(str(tape)).messages if m.transport == "coaps"]
    messages = [one for one in carried if isinstance(one, CoapTransfer)]
    assert {codes.code_text(one.code) for one in messages} == {"0.02", "2.05"}
    options = {option for one in messages for option, _ in one.options}
    assert options.isdisjoint({opt.CONTENT_FORMAT, opt.URI_HOST})


@pytest.mark.parametrize("binding", BINDINGS)
def test_json_in_either_binding(binding: str, tmp_path: Path) -> None:
    tape = tmp_path / "world.pcapng"

    async def run() -> list[tuple[str, bool]]:
        plan = Plan(binding=binding, injects=True, indirect=True, tape=tape)
        async with World(plan) as world:
            world.ipa = Ipa(replace(world.ipa.config, json=True), MemoryStore(),
                            random.Random(1).randbytes, world.directory.certificate)  # fmt: skip
            checks = [check async for check in SCENARIOS["indirect"].play(world)]
            order = world.eim.order(world.euicc.eid, ListProfiles(), now=world.clock.now())
            assert (await world.inject(json=True)).sent == ["BF51"]
            assert str(world.eim.outcome(order.id).state) == "done"
            return checks

    assert failed(asyncio.run(run())) == []
    functions = {m.type for m in check_capture(tape).messages if m.interface == "ESipa"}
    assert {"getEimPackage", "initiateAuthentication", "transferEimPackage"} <= functions


# --- links that change while they run ---


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize("known", [False, True])
def test_an_eim_out_of_reach(binding: str, known: bool) -> None:
    async def run() -> None:
        async with World(plan_of("poll", binding=binding)) as world:
            if known:
                assert (await world.device.run(world.ipa.poll()))[0].ok
            world.reach("eim", False)
            before = world.clock.now()
            report = (await world.device.run(world.ipa.poll()))[0]
            assert report.out_of_reach
            # the IPA was as patient as ever, but the wall was not waited for
            assert world.clock.now() - before > 100
            world.reach("eim", True)
            assert (await world.device.run(world.ipa.poll()))[0].ok

    started = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - started < 45


def test_what_tcp_sends_waits_for_the_line() -> None:
    async def run() -> None:
        async with World(plan_of("poll")) as world:
            client = world.directory.client("https://eim.example.com")
            request = Request("/nowhere", "", b"")
            assert (await client.ask(request)).status == 404
            world.reach("eim", False)
            with world.clock.hold():
                asked = asyncio.ensure_future(client.ask(request))
                done, _ = await asyncio.wait([asked], timeout=0.3)
                assert not done
                world.reach("eim", True)
                assert (await asked).status == 404

    asyncio.run(run())


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_line_that_gets_worse_and_better(binding: str) -> None:
    async def poll(world: World) -> tuple[float, float]:
        """Return the seconds that passed, and how many of them were jumped over."""
        before, ahead = world.clock.now(), world.clock._ahead
        assert (await world.device.run(world.ipa.poll()))[0].ok
        return world.clock.now() - before, world.clock._ahead - ahead

    async def run() -> list[tuple[float, float]]:
        async with World(plan_of("poll", binding=binding)) as world:
            good = await poll(world)
            # over a connection that stands: both lose their first piece, towards the eIM and back
            world.impair("eim", both_ways(Impaired(drop=frozenset({1}))))
            bad = await poll(world)
            world.impair("eim", Perfect())
            return [good, bad, await poll(world)]

    good, bad, again = asyncio.run(run())
    assert bad[0] > 1.9  # TCP waits a second for each, CoAP two for the request
    assert good[1] < 1
    assert again[1] < 1


@pytest.mark.parametrize("binding", BINDINGS)
def test_the_line_to_a_server_outside(binding: str) -> None:
    """The eIM of one world is the product that the IPA of another one asks."""

    async def run() -> None:
        async with (
            World(plan_of("poll", binding=binding)) as product,
            World(plan_of("poll", binding=binding, absent=frozenset({"eim"}))) as world,
        ):
            name = world.eim_setup.eim_id
            port = int(product.addresses[name].rpartition(":")[2])
            trust = TlsSettings(trust=(world.set.ci.der,))
            world.outside("eim", name, ("127.0.0.1", port), trust)
            assert (await world.device.run(world.ipa.poll()))[0].ok
            world.reach("eim", False)
            assert (await world.device.run(world.ipa.poll()))[0].out_of_reach
            world.reach("eim", True)
            assert (await world.device.run(world.ipa.poll()))[0].ok

    asyncio.run(run())


def test_the_ipa_that_listens_is_out_of_reach() -> None:
    async def run() -> None:
        async with World(plan_of("inject", binding="coaps")) as world:
            world.eim.order(world.euicc.eid, ListProfiles(), now=world.clock.now())
            world.reach("ipa", False)
            assert "no answer" in (await world.inject()).trouble
            world.reach("ipa", True)
            assert (await world.inject()).trouble == ""

    asyncio.run(run())


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_server_with_the_name_of_another(binding: str) -> None:
    async def run() -> None:
        world = World(plan_of("poll", binding=binding))
        async with world:
            port = int(world.addresses["eim.example.com"].rpartition(":")[2])
            place = Place(("127.0.0.1", port), TlsSettings(trust=(world.set.ci.der,)))
            world.directory.add("other.example.com", place)
            with pytest.raises(Unreachable, match=r"is not for other\.example\.com"):
                await world.directory.ask(f"{binding}://other.example.com", Request("/", "", b""))

    asyncio.run(run())


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_wrong_tls_certificate_fails_the_scenario(binding: str) -> None:
    async def run() -> list[tuple[str, bool]]:
        world = World(Plan(binding=binding))
        world.set = world.pki["brainpool"]  # the servers show a chain to a CI that is not trusted
        trust = world.pki["p256"].ci.der
        async with world:
            name = world.eim_setup.eim_id
            address = world.addresses[name].rpartition(":")[2]
            place = Place(("127.0.0.1", int(address)), TlsSettings(trust=(trust,)))
            world.directory.add(name, place)
            return [check async for check in SCENARIOS["poll"].play(world)]

    assert failed(asyncio.run(run()))
