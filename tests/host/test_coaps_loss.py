"""A device's day over a bad coaps:// link: nothing is lost, and nothing is executed twice.

`SGPROBE_SEEDS=500` makes it the long run.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dissectors.link.coap.transfers import CoapTransfer
from dissectors.link.coap.transmission import Transmission
from dissectors.spec.identity import iccid_text
from dissectors.trace.read import Trace, read_trace
from sgprobe.crypto.keys import spki
from sgprobe.exchange import Request, Response
from sgprobe.host.world import ICCID_B, Plan, World
from sgprobe.links.coap_link import CoapKnobs
from sgprobe.links.https_client import Unreachable
from sgprobe.links.impairment import Impairment, both_ways
from sgprobe.links.impairment import Plan as Impaired
from sgprobe.peers.eim.operations import AddEim, DeleteEim, Download, Enable, ListEim, Operation
from sgprobe.peers.euicc.records import Notification, Profile, Result

SEEDS = range(int(os.environ.get("SGPROBE_SEEDS", "20")))
SECOND = "second.example.com"
# what a CoAP that gives up early makes of the same loss
HASTY = Transmission(max_retransmit=2)
# the functions of one RSP session, and polls that are alike
SESSION = ("initiateAuthentication", "authenticateClient", "getBoundProfilePackage")
DOUBLES = 5


def bad(seed: int, **how: Any) -> Impairment:
    """Return a link that loses and reorders in both directions."""
    return both_ways(Impaired(loss=0.15, disorder=0.15, **how), seed)


@dataclass
class Day:
    """What is ordered, and what has become of it."""

    world: World
    orders: list[str] = field(default_factory=list)
    iccid: str = ""
    began: float = 0.0
    posts: int = 0
    failures: int = 0
    polls: int = 0

    def order(self, *operations: Operation) -> None:
        world = self.world
        one = world.eim.order(world.euicc.eid, *operations, now=world.clock.now())
        self.orders.append(one.id)

    def plan(self) -> None:
        world = self.world
        key = spki(world.set["eim-tls"].key).hex()
        self.order(Enable(ICCID_B))
        self.order(AddEim(eim_id=SECOND, fqdn=SECOND, public_key=key))
        self.order(ListEim())
        self.order(DeleteEim(SECOND))
        bought = world.smdp.order("30k")
        self.iccid = bought.iccid
        address = world.smdp.setup.party.address
        self.order(Download(smdp=address, matching_id=bought.matching_id, indirect=True))

    def count(self) -> None:
        """Count what the IPA asks the eIM, and what was not answered."""
        client = self.world.directory.client("coaps://eim.example.com")
        ask = client.ask

        async def counted(request: Request) -> Response:
            self.posts += 1
            try:
                return await ask(request)
            except Unreachable:
                self.failures += 1
                raise

        client.ask = counted  # type: ignore[method-assign]

    async def pass_by(self) -> None:
        world = self.world
        self.began = world.clock.now()
        self.plan()
        self.count()
        while not self.over:
            self.polls += 1
            assert self.polls < 12, [world.eim.outcome(one) for one in self.orders]
            await world.device.run(world.ipa.poll())

    @property
    def over(self) -> bool:
        world = self.world
        states = {str(world.eim.outcome(one).state) for one in self.orders}
        draft = world.euicc.draft()
        return states == {"done"} and not draft.all(Notification) and not draft.all(Result)

    def check(self) -> None:
        """Nothing is lost, nothing has happened twice."""
        world = self.world
        device = world.eim.device(world.euicc.eid)
        assert device is not None
        # four packages were signed, and no fifth for one that seemed lost
        assert device.counter == 4
        profiles = world.euicc.draft().all(Profile)
        held = Counter(iccid_text(bytes.fromhex(one.iccid)) for one in profiles)
        assert held[self.iccid.rstrip("F")] == 1
        enabled = [iccid_text(bytes.fromhex(one.iccid)) for one in profiles if one.enabled]
        assert enabled == [ICCID_B]
        state = world.smdp.state(self.iccid)
        assert state is not None
        assert str(state.state) == "installed"


async def live(seed: int, impairment: Impairment, **how: Any) -> Day:
    async with World(Plan(seed=seed, binding="coaps", indirect=True, **how)) as world:
        world.impair("eim", impairment)
        day = Day(world)
        await day.pass_by()
        day.check()
        return day


def check_capture(tape: Path, day: Day) -> Trace:
    """The capture tells the same: all of it decodes, and what happened once stands there once."""
    trace = read_trace(str(tape))
    assert {session.decryption for session in trace.sessions} == {"complete"}
    # a transfer that CoAP gave up on has a hole; nothing else is wrong with anything
    cut = [m for m in trace.messages if m.malformed]
    assert len(cut) <= day.failures
    assert not [m for m in cut if isinstance(m.carrier, CoapTransfer) and m.carrier.complete]
    count = Counter((m.interface, m.type) for m in trace.messages if m.kind == "request")
    for once in (("ES10b", "BoundProfilePackage"), *(("ES9+", name) for name in SESSION)):
        assert count[once] == 1, once
    packages = [m.octets for m in trace.messages if m.type == "EuiccPackageRequest"]
    assert len(packages) == len(set(packages)) == 4
    asked = [m for m in trace.messages if m.interface == "ESipa" and m.kind == "request"]
    answered = [m for m in trace.messages if m.interface == "ESipa" and m.kind == "response"]
    assert {m.transport for m in asked} == {"coaps"}
    assert len(asked) == day.posts
    assert len(answered) >= day.posts - day.failures
    if not day.failures:
        assert len(answered) == day.posts
        assert len({m.octets for m in asked}) == day.posts - DOUBLES
    return trace


@pytest.mark.parametrize("seed", SEEDS)
def test_after_the_handshake_on_the_scenario_clock(seed: int, tmp_path: Path) -> None:
    tape = tmp_path / "day.pcapng"
    day = asyncio.run(live(seed, bad(seed, spare_handshake=True), tape=tape))
    check_capture(tape, day)
    # timers ran for a minute, the test did not
    assert day.world.clock.now() - day.began > 20


def test_a_coap_that_gives_up_is_asked_again_and_answers_from_its_store(tmp_path: Path) -> None:
    knobs = CoapKnobs(transmission=HASTY, seed=1)
    failures = 0
    for seed in range(4):
        tape = tmp_path / f"{seed}.pcapng"
        day = asyncio.run(
            live(seed, bad(seed, spare_handshake=True), tape=tape, ipa_knobs=knobs, eim_knobs=knobs)
        )
        check_capture(tape, day)
        failures += day.failures
    assert failures


def test_in_the_handshake_in_real_time(tmp_path: Path) -> None:
    """Three seeds at once: the library's timers begin with a second."""

    async def work() -> list[Day]:
        return await asyncio.gather(
            *(
                live(seed, bad(seed, drop=frozenset({2})), tape=tmp_path / f"{seed}.pcapng")
                for seed in (1, 2, 3)
            )
        )

    began = time.monotonic()
    days = asyncio.run(work())
    assert time.monotonic() - began > 0.9
    for seed, day in zip((1, 2, 3), days):
        trace = check_capture(tmp_path / f"{seed}.pcapng", day)
        assert sum(one.retransmissions for one in trace.sessions)
