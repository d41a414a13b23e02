"""Loss and disorder: 30 kB up and down over DTLS, nothing lost and nothing executed twice.

`SGPROBE_SEEDS=500` makes it the long run.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter

import pytest
from links_kit import LARGE, NOTHING, PATH, POLL, Answers, mutual, run

from sgprobe.exchange import Request, Response
from sgprobe.links.caller import Caller
from sgprobe.links.clock import ScenarioClock
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.https_client import Unreachable
from sgprobe.links.impairment import PROFILES, BadLink, Plan, both_ways
from sgprobe.links.tape import Address

SEEDS = range(int(os.environ.get("SGPROBE_SEEDS", "20")))
BAD = Plan(loss=0.15, disorder=0.15, copies=0.05)
_TRIES = 10


class Exchange:
    """A server that counts, and a client that asks again where CoAP gave up."""

    def __init__(self) -> None:
        self.executed: Counter[bytes] = Counter()
        self.given_up = 0

    async def __call__(self, request: Request, caller: Caller) -> Response:
        self.executed[request.body[:8]] += 1
        return Response(200, "", request.body[:8] + LARGE)

    async def ask(self, ipa: CoapLink, address: Address, body: bytes) -> None:
        for number in range(_TRIES):
            name = number.to_bytes(8, "big")
            try:
                response = await ipa.ask(address, Request(PATH, "", name + body))
            except Unreachable:
                self.given_up += 1
                continue
            assert response.body == name + LARGE
            assert self.executed[name] == 1
            return
        raise AssertionError(f"not delivered in {_TRIES} times")


@pytest.mark.parametrize("seed", SEEDS)
def test_after_the_handshake_on_the_scenario_clock(seed: int) -> None:
    exchange = Exchange()

    async def work() -> float:
        clock = ScenarioClock(start=0.0)
        plan = Plan(loss=0.15, disorder=0.15, copies=0.05, spare_handshake=True)
        knobs = CoapKnobs(seed=seed)
        async with (
            CoapLink(mutual("p256", "eim-tls"), handler=exchange, clock=clock,
                     impairment=both_ways(plan, seed), knobs=knobs) as eim,
            CoapLink(mutual("p256", "dptls"), clock=clock, knobs=knobs) as ipa,
        ):  # fmt: skip
            await exchange.ask(ipa, eim.address, LARGE)
        return clock.now()

    # retransmission timers ran for minutes, the test did not
    assert run(work()) > 10
    assert max(exchange.executed.values()) == 1
    assert len(exchange.executed) <= exchange.given_up + 1


def test_in_the_handshake_in_real_time() -> None:
    """Three seeds at once: the library's timers begin with a second."""

    async def one(seed: int) -> None:
        async with (
            CoapLink(mutual("p256", "eim-tls"), handler=Answers(),
                     impairment=BadLink(BAD, BAD, seed), mtu=400) as eim,
            CoapLink(mutual("p256", "dptls"), mtu=400) as ipa,
        ):  # fmt: skip
            assert eim.associations is not None
            assert (await ipa.ask(eim.address, POLL)).body == NOTHING.body
            assert eim.associations.peers is not None
            assert eim.associations.peers.peers == 1

    async def work() -> None:
        await asyncio.gather(*(one(seed) for seed in (1, 2, 3)))

    run(work())


def test_any_one_datagram_of_the_handshake_may_be_lost() -> None:
    """All at once: each waits its second or two of the wall."""

    async def one(inward: Plan, outward: Plan) -> None:
        async with (
            CoapLink(mutual("p256", "eim-tls"), handler=Answers(), mtu=500,
                     impairment=BadLink(inward, outward)) as eim,
            CoapLink(mutual("p256", "dptls"), mtu=500) as ipa,
        ):  # fmt: skip
            assert ipa.associations is not None
            await ipa.associations.reach(eim.address)

    async def work() -> None:
        plans = [Plan(drop=frozenset({place})) for place in range(1, 7)]
        await asyncio.gather(
            *(one(lost, Plan()) for lost in plans), *(one(Plan(), lost) for lost in plans)
        )

    run(work())


@pytest.mark.parametrize("name", PROFILES)
def test_networks_as_they_are(name: str) -> None:
    exchange = Exchange()

    async def work() -> float:
        clock = ScenarioClock(start=0.0)
        knobs = CoapKnobs(seed=1)
        async with (
            CoapLink(None, handler=exchange, clock=clock, impairment=both_ways(PROFILES[name], 1),
                     knobs=knobs) as eim,
            CoapLink(None, clock=clock, knobs=knobs) as ipa,
        ):  # fmt: skip
            await exchange.ask(ipa, eim.address, b"")
        return clock.now()

    seconds = run(work())
    # 30 round trips at least
    assert seconds > 30 * 2 * PROFILES[name].latency
