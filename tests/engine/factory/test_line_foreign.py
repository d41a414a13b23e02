"""A line that is somebody else's: what the bench makes of its operator's words, and its reader."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from free_ports import free_port

from sgprobe.cases.match import Unresolved
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.factory.line_device import Floor, Trouble
from sgprobe.engine.factory.line_foreign import ForeignLine
from sgprobe.engine.outcome import Declined
from sgprobe.links.card import CardLink, ReaderGone
from sgprobe.links.card_tcp import TcpReader
from sgprobe.links.clock import WallClock

PLACE = ("127.0.0.1", free_port())
INFO = bytes.fromhex("FF4003800100")


class Operator:
    """Stands in for `Foreign`: what it says is what a test tells it."""

    def __init__(self, says: dict[str, Any], places: dict[str, Any] | None = None) -> None:
        self.says = says
        self.places = {"card": PLACE} if places is None else places
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.file = type("File", (), {"path": Path("line.yaml")})

    async def trigger(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((action, given))
        said = self.says.get(action, {})
        if isinstance(said, Exception):
            raise said
        return dict(await said() if callable(said) else said)


def made(says: dict[str, Any], places: dict[str, Any] | None = None) -> Any:
    operator: Any = Operator(says, places)
    return ForeignLine(operator, None), operator


def devices() -> Floor:
    own = TestPki.load()["p256"]
    return Floor(own, "1", frozenset(), WallClock(), lambda command, default: default(command))


def reads(then: Callable[[CardLink], Any]) -> Callable[[], Any]:
    """Return an operator's load: a program with a reader of its own."""

    async def load() -> Any:
        reader = TcpReader(PLACE)
        try:
            return await then(CardLink(reader.transmit))
        finally:
            await reader.close()

    return load


async def info(link: CardLink) -> dict[str, Any]:
    answer = await link.command(INFO)
    return {"good": answer[:2] == b"\xff\x40", "reason": answer.hex()}


def test_the_device_is_in_the_reader_while_the_line_loads() -> None:
    floor = devices()
    line, operator = made({"fpa.load": reads(info)})
    given = {"device": "2", "station": "3", "scanned": "x"}
    verdict = asyncio.run(line.load(floor[2], given))
    assert (verdict.word, floor[2].eid in verdict.reason) == ("good", True)
    # what befalls a device is the bench's: the line is not told
    assert operator.asked == [("fpa.load", {"station": "3", "scanned": "x"})]


def test_a_dead_device_does_not_answer() -> None:
    async def tries(link: CardLink) -> dict[str, Any]:
        with pytest.raises(ReaderGone):
            await link.command(INFO)
        return {"good": "no", "reason": "dead"}

    floor = devices()
    floor[1].befall(Trouble(dead=True))
    line, _ = made({"fpa.load": reads(tries)})
    assert asyncio.run(line.load(floor[1], {})).word == "held"


def test_a_line_that_loses_its_power_is_started_again() -> None:
    async def hangs(link: CardLink) -> dict[str, Any]:
        floor[1]._kill = True
        with pytest.raises(ReaderGone):
            await link.command(INFO)
        await asyncio.sleep(60)
        return {"good": True}

    floor = devices()
    line, operator = made({"fpa.load": reads(hangs)})
    verdict = asyncio.run(line.load(floor[1], {}))
    assert (verdict.word, verdict.reason) == ("held", "the line lost its power")
    assert [action for action, _ in operator.asked] == ["fpa.load", "fpa.restart"]


def test_what_the_operator_says_of_a_delivery() -> None:
    async def word(says: Any) -> tuple[str, str]:
        line, _ = made({"fpa.import": says})
        verdict = await line.import_delivery(Path("/d"), {})
        return verdict.word, verdict.reason

    assert asyncio.run(word({})) == ("accepted", "")
    assert asyncio.run(word({"state": "limited", "reason": "x"})) == ("limited", "x")
    assert asyncio.run(word(Declined("no")))[0] == "refused"
    with pytest.raises(Declined, match="'fine'"):
        asyncio.run(word({"state": "fine"}))


def test_reports_and_packets() -> None:
    report = base64.b64encode(b"\xff\x4a\x00").decode()
    line, _ = made({"fpa.report": {"reports": [report]},
                    "fpa.network": {"attempts": 0, "canaries": "3"}})  # fmt: skip
    assert asyncio.run(line.reports(final=True)) == [b"\xff\x4a\x00"]
    assert asyncio.run(line.network()) == [{"attempts": "0", "canaries": "3"}]


@pytest.mark.parametrize(
    ("says", "text"),
    [
        ({"fpa.load": {}}, "does not say whether the device is `good`"),
        ({"fpa.report": {}}, "gives no `reports`"),
        ({"fpa.report": {"reports": ["%"]}}, "no base64"),
        ({"fpa.network": {"attempts": "few"}}, "counts no `attempts`"),
    ],
)
def test_what_the_operator_does_not_say_is_named(says: dict[str, Any], text: str) -> None:
    line, _ = made(says)
    action = next(iter(says)).partition(".")[2]
    calls = {"load": lambda: line.load(devices()[1], {}), "network": line.network,
             "report": lambda: line.reports(final=False)}  # fmt: skip
    with pytest.raises(Unresolved, match=text):
        asyncio.run(calls[action]())


def test_a_reader_that_is_not_declared_or_not_there() -> None:
    floor = devices()
    for places, text in (
        ({}, "bench lacks `listen"),
        ({"vpcd": ("127.0.0.1", 1)}, "vpcd does not"),
    ):
        line, _ = made({}, places)
        with pytest.raises(Unresolved, match=text):
            asyncio.run(line.load(floor[1], {}))
