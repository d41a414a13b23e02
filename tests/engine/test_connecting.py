"""Bare connections: what came of them is told, those that were left stand until the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.connecting import Connecting
from sgprobe.host.world import Plan, World

_SMDP = "https://testsmdpplus1.example.com"


def connected(*told: dict[str, Any]) -> list[str]:
    async def work() -> list[str]:
        async with World(Plan()) as world:
            one = Connecting()
            try:
                return [await one.connect(world.directory, _SMDP, each) for each in told]
            finally:
                await one.close()

    return asyncio.run(work())


def test_a_handshake_with_and_without_a_fault() -> None:
    good, newest, bad, none = connected(
        {"highest": "1.2"},
        {"record": "1"},
        {"highest": "1.2", "fault": "finished"},
        {"highest": "1.2", "groups": "P-521"},
    )
    assert good == newest == "the handshake is done"
    assert bad.startswith("TLS:")
    assert none.startswith("TLS:")


def test_clients_that_leave_keep_nobody_from_the_server() -> None:
    assert connected({"leave": "hello", "copies": "20"}, {}) == [
        "20 of 20 left open",
        "the handshake is done",
    ]


@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_a_client_that_names_a_ci_takes_what_it_sees(curve: str) -> None:
    named = TestPki.load()[curve].ci_id.hex()
    # the client has no certificate of the other CI: it would refuse its chain
    assert connected({"highest": "1.2", "trusts": named}) == ["the handshake is done"]


@pytest.mark.parametrize(
    "told", [{"copies": "0"}, {"copies": "501"}, {"fault": "nonsense"}, {"trusts": "CI"}]
)
def test_what_cannot_be_done_is_told(told: dict[str, Any]) -> None:
    with pytest.raises(Unresolved, match="1 to 500 connections|nonsense is no fault|CI is no hex"):
        connected(told)
