"""What an operator does with a served role: its clock, a restart, its store, orders in full."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sgprobe.exchange import Request
from sgprobe.host.factory_stand import FactoryPlan, FactoryStand
from sgprobe.host.moved_clock import MovedClock
from sgprobe.host.stand import Plan, Stand
from sgprobe.links.https_client import HttpsClient

Ask = Callable[..., Awaitable[tuple[int, Any]]]
EID = "89049032123451234512345678901235"


def operate(role: str, play: Callable[[Stand, Ask], Awaitable[None]]) -> None:
    """Serve a role, and let its operator play."""

    async def run() -> None:
        async with Stand(Plan(role)) as stand:
            client = HttpsClient(stand.operator.address, None)

            async def ask(path: str, body: object = None, method: str = "POST") -> tuple[int, Any]:
                octets = b"" if body is None else json.dumps(body).encode()
                request = Request(f"/operator{path}", "application/json", octets, method=method)
                answer = await client.ask(request)
                return answer.status, json.loads(answer.body or b"null")

            try:
                await play(stand, ask)
            finally:
                await client.close()

    asyncio.run(run())


@pytest.mark.parametrize("role", ["eim", "smdp", "smds"])
def test_the_clock_of_a_role(role: str) -> None:
    async def play(stand: Stand, ask: Ask) -> None:
        assert (await ask("/clock", {"advance": 86_400}))[0] == 200
        assert abs(stand.clock.now() - time.time() - 86_400) < 60
        assert (await ask("/clock", {"set": 4_102_444_800}))[0] == 200
        assert abs(stand.clock.now() - 4_102_444_800) < 60
        for wrong in ({}, {"set": "now"}, {"set": True}, {"advance": -1e12}, {"set": 1e300}):
            assert (await ask("/clock", wrong))[0] == 400
        assert (await ask("/clock", {}, "GET"))[0] == 405

    operate(role, play)


def test_who_sleeps_wakes_when_the_clock_is_moved() -> None:
    async def run() -> None:
        clock = MovedClock()
        task = asyncio.ensure_future(clock.sleep(3600))
        await asyncio.sleep(0)
        clock.set(clock.now() + 1800)
        await asyncio.sleep(0.01)
        assert not task.done()
        clock.set(clock.now() + 1800)
        await asyncio.wait_for(task, 30)

    asyncio.run(run())


def test_orders_of_an_eim_outlive_a_restart_and_time_ends_them() -> None:
    async def play(stand: Stand, ask: Ask) -> None:
        order = {"operations": [{"op": "list-eim"}], "expires-in": 60}
        path = f"/devices/{EID}/orders"
        assert (await ask(path, order))[0] == 201
        assert await ask("/restart", {}) == (200, {})
        [kept] = (await ask("/orders", method="GET"))[1]
        assert kept["state"] == "queued"
        # what is kept can be searched
        assert (await ask("/store", {"octets": EID}))[1]["found"] is True
        assert (await ask("/store", {"octets": "00112233"}))[1] == {"found": False}
        for wrong in ({}, {"octets": ""}, {"octets": "xy"}, {"octets": 5}):
            assert (await ask("/store", wrong))[0] == 400

    operate("eim", play)


def test_an_order_of_a_profile_in_full() -> None:
    async def play(stand: Stand, ask: Ask) -> None:
        wanted = {"eid": EID, "type": "small", "matching-id": "AB-1", "release": False,
                  "confirmation-code": "1", "protection": "session", "expires-in": 5}  # fmt: skip
        status, made = await ask("/orders", wanted)
        assert (status, made["state"], made["matchingId"]) == (201, "confirmed", "AB-1")
        path = f"/orders/{made['iccid']}"
        assert (await ask(path, method="GET"))[1] == made
        assert stand.store.get(f"order/{made['iccid']}")["protection"] == "session"
        assert (await ask(path, method="DELETE"))[0] == 200
        assert (await ask(path, method="GET"))[1]["state"] == "available"
        assert (await ask(path, method="PUT"))[0] == 405
        assert (await ask("/orders/nothing", method="GET"))[0] == 404
        wrong: object
        for wrong in ([], {"eid": 5}, {"release": "no"}, {"other": 1}, {"expires-in": True}):
            assert (await ask("/orders", wrong))[0] == 400
        assert (await ask("/orders", {"type": "no-such"}))[0] == 409

    operate("smdp", play)


def test_the_clock_of_an_sm_dpf(tmp_path: Path) -> None:
    async def run() -> None:
        async with FactoryStand(FactoryPlan(tmp_path, workers=1)) as stand:
            client, before = HttpsClient(stand.operator.address, None), stand.smdpf
            body = json.dumps({"advance": 86_400}).encode()
            answer = await client.ask(Request("/operator/clock", "application/json", body))
            assert (answer.status, stand.clock.now() > time.time() + 86_000) == (200, True)
            await client.ask(Request("/operator/restart", "application/json", b"{}"))
            assert stand.smdpf is not before
            assert (await client.ask(Request("/else", "", b""))).status == 404
            await client.close()

    asyncio.run(run())
