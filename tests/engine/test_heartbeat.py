"""Whether a product still answers: any word of it counts, silence does not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.engine.heartbeat import still_answers
from sgprobe.exchange import Request, Response
from sgprobe.links.card import CardStatus, ReaderGone
from sgprobe.links.clock import ScenarioClock
from sgprobe.links.https_client import Unreachable
from sgprobe.peers.effects import CardFailure, LinkFailure


def answers(role: str, act: Any) -> tuple[bool | None, list[Any]]:
    asked: list[Any] = []

    async def ask(url: str, request: Request) -> Response:
        asked.append(request)
        return await act()

    async def command(octets: bytes) -> bytes:
        asked.append(octets)
        await act()
        return b""

    async def run() -> bool | None:
        world = SimpleNamespace(clock=ScenarioClock(), directory=SimpleNamespace(ask=ask))
        stage: Any = SimpleNamespace(
            world=world, command=command, url=lambda role: f"https://{role}",
            names=SimpleNamespace(facts={"eid": "89049032123451234512345678901235"}),
        )  # fmt: skip
        return await still_answers(stage, role)

    return asyncio.run(run()), asked


async def _speaks() -> Response:
    return Response(500)


async def _silent() -> Response:
    await asyncio.Event().wait()
    raise AssertionError


def raising(error: Exception) -> Any:
    async def act() -> Response:
        raise error

    return act


@pytest.mark.parametrize("role", ["eim", "smdp", "smds", "euicc"])
@pytest.mark.parametrize(
    ("act", "wanted"),
    [(_speaks, True), (_silent, False), (raising(Unreachable("gone")), False),
     (raising(LinkFailure("gone")), False), (raising(ReaderGone("gone")), False),
     (raising(CardStatus(0x6A80, "STORE DATA")), True), (raising(CardFailure(0x6A88)), True),
     (raising(Unresolved("no way")), None)],
    ids=["speaks", "silent", "unreachable", "link", "reader", "status word", "failure", "no way"],
)  # fmt: skip
def test_still_answers(role: str, act: Any, wanted: bool | None) -> None:
    found, asked = answers(role, act)
    assert found is wanted
    assert len(asked) == 1


def test_an_ipa_cannot_be_asked() -> None:
    assert answers("ipa", _speaks) == (None, [])
