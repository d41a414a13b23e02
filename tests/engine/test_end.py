"""A planted fault of a client is the product's alone: IPA and eIM speak TLS apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sgprobe.engine.end import HeardWorld
from sgprobe.exchange import Request, Response
from sgprobe.host.directory import Directory
from sgprobe.host.world import Plan
from sgprobe.links.https_client import Unreachable

_SMDP = "https://testsmdpplus1.example.com"
_WRONG = {"smdp": {"tls": {"certificate": "wrong-signature"}}}


async def _serve(
    role: str, request: Request, default: Callable[[], Awaitable[Response]]
) -> Response:
    return await default()


async def _greeted(directory: Directory) -> bool:
    client = directory.bare(_SMDP, lambda settings: settings, None)
    try:
        await client.greet(stay=False)
    except Unreachable:
        return False
    return True


def trusting(peers: dict[str, Any], client: dict[str, Any], product: str) -> list[bool]:
    """Say whether IPA and eIM come through a handshake with the SM-DP+."""

    async def work() -> list[bool]:
        async with HeardWorld(Plan(), _serve, peers, client, product) as world:
            return [await _greeted(one) for one in (world.directory, world.eim_directory)]

    return asyncio.run(work())


def test_clients_believe_a_right_server_alone() -> None:
    assert trusting({}, {}, "eim") == [True, True]
    assert trusting(_WRONG, {}, "eim") == [False, False]


@pytest.mark.parametrize(("product", "credulous"), [("ipa", [True, False]), ("eim", [False, True])])
def test_the_product_alone_is_at_fault(product: str, credulous: list[bool]) -> None:
    assert trusting(_WRONG, {"verify": False}, product) == credulous


@pytest.mark.parametrize("fault", ["wrong-role", "no-extended-usage"])
def test_a_certificate_says_that_it_is_for_this_server(fault: str) -> None:
    assert trusting({"smdp": {"tls": {"certificate": fault}}}, {}, "eim") == [False, False]
