"""A line that changes while links run over it."""

from __future__ import annotations

import asyncio
import math

import pytest
from links_kit import NOTHING, POLL, Answers, client, run, server, until

from sgprobe.links.clock import ScenarioClock, WallClock
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.impairment import BadLink, Perfect, Plan, StreamFate, both_ways
from sgprobe.links.line import Line, OtherEnd
from sgprobe.links.pipe import CLIENT, Pipe

DROP_FIRST = Plan(drop=frozenset({1}))


def test_datagrams_are_lost_where_nothing_is_carried() -> None:
    line = Line()
    assert line.inward(b"a", 0.0) == line.outward(b"a", 0.0) == [(0.0, b"a")]
    line.reach(False)
    assert not line.carries()
    assert line.inward(b"a", 0.0) == line.outward(b"a", 0.0) == []
    line.reach(True)
    assert line.inward(b"a", 0.0) == [(0.0, b"a")]


def test_somebody_else_may_say_so_at_any_moment() -> None:
    up = [True]
    line = Line(carries=lambda: up[0])
    assert line.outward(b"a", 0.0)
    up[0] = False
    assert not line.outward(b"a", 0.0)


def test_numbers_count_from_the_change() -> None:
    line = Line()
    for _ in range(3):
        line.inward(b"a", 0.0)
    line.use(both_ways(DROP_FIRST))
    assert [line.inward(b"a", 0.0) for _ in range(2)] == [[], [(0.0, b"a")]]


def test_connections_that_stand_change_as_well() -> None:
    line = Line()
    ways = line.connection()
    assert ways is not None

    def fates() -> list[StreamFate]:
        return [way.fate(b"a", 0.0) for way in ways]

    assert fates() == [[(0.0, b"a")]] * 2
    line.use(both_ways(DROP_FIRST))
    assert fates() == [[(1.0, b"a")]] * 2
    line.reach(False)
    assert fates() == [[(math.inf, b"a")]] * 2
    line.reach(True)
    line.use(Perfect())
    assert fates() == [[(0.0, b"a")]] * 2


def test_who_watches_is_told_until_it_leaves() -> None:
    line, told = Line(), []

    def back() -> None:
        told.append(1)

    line.watch(back)
    line.reach(False)
    assert told == []
    line.reach(True)
    line.leave(back)
    line.reach(True)
    assert told == [1]


def test_the_other_end_sees_it_the_other_way_round() -> None:
    line = Line(BadLink(Plan(loss=1.0), Plan()))
    end = OtherEnd(line)
    assert (line.inward(b"a", 0.0), line.outward(b"a", 0.0)) == ([], [(0.0, b"a")])
    assert (end.inward(b"a", 0.0), end.outward(b"a", 0.0)) == ([(0.0, b"a")], [])
    ways = end.connection()
    assert ways is not None
    assert [way.fate(b"a", 0.0) for way in ways] == [[(0.0, b"a")], [(1.0, b"a")]]
    told = []
    end.watch(lambda: told.append(1))
    line.reach(False)
    assert not end.carries()
    assert end.inward(b"a", 0.0) == []
    line.reach(True)
    assert told == [1]


@pytest.mark.parametrize("side", ["client", "server"])
def test_tcp_goes_on_where_it_stood(side: str) -> None:
    line, answers = Line(), Answers()
    lines = {"server": line, "client": None}
    if side == "client":
        lines = {"server": None, "client": OtherEnd(line)}

    async def work() -> None:
        async with HttpsServer(answers, server(), impairment=lines["server"]) as eim:
            ipa = HttpsClient(eim.address, client(), impairment=lines["client"])
            assert (await ipa.ask(POLL)).body == NOTHING.body
            line.reach(False)
            # three at once: one on the connection that stands, two in a handshake
            asked = [asyncio.ensure_future(ipa.ask(POLL)) for _ in range(3)]
            done, _ = await asyncio.wait(asked, timeout=0.2)
            assert not done
            assert len(answers.asked) == 1
            line.reach(True)
            assert [(await one).body for one in asked] == [NOTHING.body] * 3
            await ipa.close()

    run(work())


def test_connections_that_are_over_watch_no_more() -> None:
    line = Line()

    async def work() -> None:
        async with HttpsServer(Answers(), server(), impairment=line) as eim:
            ipa = HttpsClient(eim.address, client())
            await ipa.ask(POLL)
            assert len(line._watchers) == 1
            await ipa.close()
            await until(lambda: not line._watchers)

    run(work())


def test_what_waited_keeps_its_order() -> None:
    """Bytes that were late already go before those that waited for the line."""
    line = Line(both_ways(Plan(delay={1: 0.3})))

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(6))
        await writer.drain()
        writer.close()

    class User:
        def __init__(self) -> None:
            self.data = b""
            self.over = asyncio.get_running_loop().create_future()

        def opened(self) -> None: ...
        def received(self, data: bytes) -> None:
            self.data += data

        def half_closed(self) -> None:
            self.over.set_result(None)

        def closed(self, error: Exception | None) -> None: ...

    async def work() -> bytes:
        listener = await asyncio.start_server(echo, "127.0.0.1", 0)
        user = User()
        pipe = Pipe(user, CLIENT, clock=WallClock(), impairment=line)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: pipe, *listener.sockets[0].getsockname())
        pipe.write(b"ab")
        line.reach(False)
        pipe.write(b"cd")
        line.reach(True)
        pipe.write(b"ef")
        await user.over
        pipe.close()
        listener.close()
        return user.data

    assert run(work()) == b"abcdef"


def test_a_deadline_ends_the_waiting_on_the_scenario_clock() -> None:
    line = Line()

    async def work() -> float:
        clock = ScenarioClock(start=0.0)
        async with HttpsServer(Answers(), server(), impairment=line, clock=clock) as eim:
            ipa = HttpsClient(eim.address, client(), clock=clock)
            line.reach(False)
            with pytest.raises(Unreachable, match="no answer within 30 s"):
                await ipa.ask(POLL)
        return clock.now()

    # less than that by the wall
    assert run(work(), 25.0) >= 30
