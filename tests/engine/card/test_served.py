"""The card of the bench in the reader of an IPA that is a product of others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from dissectors.asn1 import codec
from sgprobe.cases.match import Unresolved
from sgprobe.engine.card.served import ServedSlot, offers_card
from sgprobe.engine.end import HeardWorld
from sgprobe.host.serve import CannotListen
from sgprobe.host.world import Plan
from sgprobe.links.card import CardLink, ReaderGone
from sgprobe.links.card_tcp import TcpReader

GET_EID = codec.load("SGP.22@2.5").encode("GetEuiccDataRequest", {"tagList": "5A"})


async def _serve(_role: str, _request: Any, default: Callable[[], Awaitable[Any]]) -> Any:
    return await default()


def product(**places: tuple[str, int]) -> Any:
    return SimpleNamespace(places=places)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        found: int = one.getsockname()[1]
        return found


@pytest.mark.parametrize("endless", [False, True])
def test_a_reader_finds_the_card_of_the_item(endless: bool) -> None:
    async def run() -> None:
        card = {"card": {"endless": "yes"}} if endless else {}
        world, place = HeardWorld(Plan(), _serve, {"euicc": card}), ("127.0.0.1", free_port())
        slot = ServedSlot(world, product(card=place))
        await slot.begin()
        reader = TcpReader(place)
        link = CardLink(reader.transmit)
        try:
            if endless:
                with pytest.raises(Exception, match="GET RESPONSE does not end"):
                    await link.command(GET_EID)
            else:
                assert world.euicc.eid in (await link.command(GET_EID)).hex()
        finally:
            await reader.close()
            await slot.end()
        with pytest.raises(ReaderGone):
            await TcpReader(place).transmit(b"\x00\xa4\x04\x00\x00")

    asyncio.run(run())


def test_a_place_that_is_taken_is_the_bench_s_matter() -> None:
    async def run() -> None:
        world = HeardWorld(Plan(), _serve, {})
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            with pytest.raises(CannotListen):
                await ServedSlot(world, product(card=other.getsockname())).begin()
        nobody = ServedSlot(world, product(vpcd=("127.0.0.1", free_port())))
        with pytest.raises(Unresolved, match="vpcd does not listen"):
            await nobody.begin()
        await nobody.end()

    asyncio.run(run())


def test_who_offers_a_card() -> None:
    assert offers_card(product(card=("127.0.0.1", 1)))
    assert offers_card(product(vpcd=("127.0.0.1", 1)))
    assert not offers_card(product(eim=("127.0.0.1", 1)))
