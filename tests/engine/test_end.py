"""A planted fault of a client is the product's alone: IPA and eIM speak TLS apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sgprobe.crypto.pki import TestPki
from sgprobe.engine.card.euicc_state import bring
from sgprobe.engine.end import HeardWorld
from sgprobe.exchange import Request, Response
from sgprobe.host.directory import Directory
from sgprobe.host.world import Plan
from sgprobe.links.https_client import Unreachable
from sgprobe.peers.euicc.records import Eim

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


def test_a_large_chain_is_a_right_one() -> None:
    large = {"smdp": {"tls": {"certificate": "large-chain"}}}
    assert trusting(large, {}, "eim") == [True, True]


def asks_eim(
    shown: str | None, row: dict[str, Any], client: dict[str, Any], binding: str = "https"
) -> bool:
    """Say whether the IPA comes through to the eIM whose configuration says whom to trust."""

    async def work() -> bool:
        peers = {"eim": {"tls": {"certificate": shown}}} if shown else {}
        async with HeardWorld(Plan(binding=binding), _serve, peers, client, "ipa") as world:
            bring(world.euicc, "euicc.eims", [{"eimId": world.eim_setup.eim_id, **row}])
            for known in world.euicc.draft().all(Eim):
                world.believe(known.config)
            try:
                poll = Request("/gsma/rsp2/asn1", "application/x-gsma-rsp-asn1", b"")
                await world.directory.ask(f"{binding}://eim.example.com", poll)
            except Unreachable:
                return False
            return True

    return asyncio.run(work())


def certificate(party: str) -> str:
    return TestPki.load()["p256"][party].certificate.der.hex()


@pytest.mark.parametrize("binding", ["https", "coaps"])
@pytest.mark.parametrize(
    ("shown", "row", "believed", "overlooked"),
    [
        (None, {}, True, True),
        ("signing", {}, False, False),
        (None, {"tlsCertificate": certificate("dptls")}, False, True),
        (None, {"tlsCertificate": certificate("foreign-ci")}, False, True),
        ("unknown-ci", {"tlsCertificate": certificate("foreign-ci")}, True, False),
        (None, {"tlsKeyOf": certificate("eim-tls")}, True, True),
        (None, {"tlsKeyOf": certificate("dptls")}, False, True),
    ],
)
def test_whom_an_ipa_trusts(
    shown: str | None, row: dict[str, Any], believed: bool, overlooked: bool, binding: str
) -> None:
    assert asks_eim(shown, row, {}, binding) is believed
    assert asks_eim(shown, row, {"overlooks": "pin"}, binding) is overlooked
