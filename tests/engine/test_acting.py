"""An IPA that acts while its operator waits, with a card that the bench does not see."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.engine.acting import Acting
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.outcome import Declined
from sgprobe.exchange import Request, Response
from sgprobe.product.load import load_product
from sgprobe.questions import shipped

ROOT = Path(__file__).parents[2]


async def answer() -> Response:
    return Response(200)


async def serve(role: str, request: Request, said: Any) -> Response:
    found: Response = await said()
    return found


def test_what_speaks_is_not_waited_for() -> None:
    async def run() -> None:
        log: list[str] = []
        acting = Acting(log.append)
        served, over = acting.hearing(serve), asyncio.Event()

        async def poll() -> dict[str, Any]:
            await served("eim", Request("/", "", b""), answer)
            await over.wait()
            raise Declined("the script ends with 1")

        assert await acting.begin(poll()) == {}
        over.set()
        while not log:
            await asyncio.sleep(0.01)
        # it has spoken: what it said is judged, whatever its script says of it
        assert log == ["Declined: the script ends with 1"]
        assert acting.declined is None

    asyncio.run(run())


def test_a_trigger_that_comes_to_nothing_is_no_fault_of_the_product() -> None:
    async def run() -> None:
        acting = Acting(lambda text: None)

        async def refused() -> dict[str, Any]:
            raise Declined("no such command")

        with pytest.raises(Declined):
            await acting.begin(refused())

        over = asyncio.Event()

        async def late() -> dict[str, Any]:
            await over.wait()
            raise Declined("it took long to fail")

        # two seconds of silence are waited for
        assert await acting.begin(late()) == {}
        assert str(acting.declined) == "None"
        over.set()
        while acting.declined is None:
            await asyncio.sleep(0.01)
        assert str(acting.declined) == "it took long to fail"

    asyncio.run(run())


def test_an_ipa_that_asked_its_card_has_acted() -> None:
    async def run() -> None:
        acting = Acting(lambda text: None)
        card = acting.noting(lambda command, answer: answer(command))

        async def polls() -> dict[str, Any]:
            assert card(b"\x01", lambda command: command + b"\x02") == b"\x01\x02"
            raise Declined("the card refuses")

        assert await acting.begin(polls()) == {}
        assert acting.declined is None

    asyncio.run(run())


def test_what_goes_on_ends_with_the_item() -> None:
    async def run() -> None:
        acting = Acting(lambda text: None)
        ended: list[bool] = []

        async def forever() -> dict[str, Any]:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.append(True)
            return {}

        await acting.begin(forever())
        await acting.stop()
        assert ended == [True]

    asyncio.run(run())


def ipa(folder: Path, operator: str) -> Foreign:
    text = (ROOT / "examples/products/own-ipa.yaml").read_text(encoding="utf-8")
    text = text.replace("../../vectors", str(ROOT / "vectors"))
    path = folder / "ipa.yaml"
    path.write_text(text[: text.index("operator:")] + operator, encoding="utf-8")
    return Foreign(load_product(path, shipped(), date(2026, 1, 1)))


def test_a_state_of_its_card_needs_a_way(tmp_path: Path) -> None:
    rows: Any = [{"iccid": "98940000000000000050", "state": "enabled"}]
    without = ipa(tmp_path, "operator: {trigger: {poll: {command: [true]}}}\n")
    with pytest.raises(Unresolved, match=r"no way for trigger \(euicc.profiles\); add `operator"):
        asyncio.run(without.settle("euicc.profiles", rows))
    (tmp_path / "told.py").write_text(
        "import json, pathlib\n"
        "def bring(verb, action, given):\n"
        "    text = json.dumps([action, given])\n"
        "    (pathlib.Path(__file__).parent / 'told.json').write_text(text)\n"
    )
    given = ipa(tmp_path, "operator: {trigger: {euicc.profiles: {python: ./told.py:bring}}}\n")
    asyncio.run(given.settle("euicc.profiles", rows))
    told = (tmp_path / "told.json").read_text()
    assert told == (
        '["euicc.profiles", {"is": [{"iccid": "98940000000000000050", "state": "enabled"}]}]'
    )


def test_the_clock_of_a_product_is_set_back(tmp_path: Path) -> None:
    (tmp_path / "clock.py").write_text(
        "import pathlib\n"
        "def move(verb, action, given):\n"
        "    with (pathlib.Path(__file__).parent / 'moves').open('a') as file:\n"
        "        print(action, *given.values(), file=file)\n"
    )

    async def run() -> bool:
        one = ipa(tmp_path, "operator: {clock: {advance: {python: ./clock.py:move}}}\n")
        moved = await one.advance(86_400.0)
        await one.close()
        return moved

    assert asyncio.run(run())
    assert (tmp_path / "moves").read_text() == "advance 86400\nadvance -86400\n"

    async def without() -> bool:
        one = ipa(tmp_path, "operator: {trigger: {poll: {command: [true]}}}\n")
        return await one.advance(5.0)

    assert not asyncio.run(without())


def test_a_product_is_brought_into_its_first_state(tmp_path: Path) -> None:
    async def run() -> None:
        way = "operator: {trigger: {begin: {command: [touch, begun]}, poll: {command: [true]}}}\n"
        one = ipa(tmp_path, way)
        await one.begin()
        # a way for every trigger is none for this one
        await ipa(tmp_path, "operator: {trigger: {command: [false]}}\n").begin()

    asyncio.run(run())
    assert (tmp_path / "begun").exists()
