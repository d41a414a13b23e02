"""Strangers and bad peers at one coaps:// port: memory stays bounded, others are served."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from links_kit import EIM, LARGE, NOTHING, POLL, Answers, client, mutual, run, server, traced, until

from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Block
from dissectors.link.coap.codes import CON, CONTINUE, NON, POST
from dissectors.link.coap.message import CoapMessage, encode
from sgprobe.exchange import Request, Response
from sgprobe.links.caller import Caller
from sgprobe.links.clock import ScenarioClock, WallClock
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.dtls import DtlsSession, make_context
from sgprobe.links.dtls_peers import Bounds
from sgprobe.links.tape import Address
from sgprobe.links.udp_port import UdpPort

_MEGABYTE = 1 << 20
# RFC 6347 §4.1: type, version, epoch, sequence number, length
EPOCH_1 = b"\x17\xfe\xfd\0\1\0\0\0\0\0\7\0\x40"


class Peer:
    """A good peer that polls while others misbehave."""

    def __init__(self, eim: CoapLink) -> None:
        self._eim = eim
        self.link = CoapLink(mutual("p256", "dptls"), name=EIM)
        self._over = False
        self.polls = 0

    async def go_on(self) -> None:
        while not self._over:
            assert (await self.link.ask(self._eim.address, POLL)).body == NOTHING.body
            self.polls += 1
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        async with self.link:
            work = asyncio.ensure_future(self.go_on())
            await until(lambda: self.polls or work.done())
            before = self.polls
            yield
            # it is served after the trouble as well
            await until(lambda: self.polls > before + 2 or work.done())
            self._over = True
            await work


@asynccontextmanager
async def stranger() -> AsyncIterator[UdpPort]:
    port = UdpPort(lambda data, address: None, clock=WallClock())
    await port.open("127.0.0.1", 0)
    yield port
    port.close()


def held_of(eim: CoapLink) -> tuple[int, int, int]:
    assert eim.associations is not None
    assert eim.associations.peers is not None
    peers = eim.associations.peers
    return peers.peers, peers.shaking_hands, eim.endpoint.server.open


def hello(number: int) -> bytes:
    """Return a ClientHello without a cookie."""
    session = DtlsSession(CONTEXT, False, ("", number), 1200, EIM)
    session.receive(b"")
    return b"".join(session.outgoing())


CONTEXT = make_context(client(), False, lambda line: None)


def test_floods_of_records_of_strangers() -> None:
    rng = random.Random(1)

    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim, stranger() as port:
            async with Peer(eim).at_work():
                hellos = [hello(number) for number in range(20)]
                await flood(port, eim.address, hellos)
                with traced() as held:
                    await flood(port, eim.address, hellos)
                    assert held() < 2 * _MEGABYTE
            # a hello without a cookie leaves nothing
            assert held_of(eim) == (1, 0, 0)

    async def flood(port: UdpPort, address: Address, hellos: list[bytes]) -> None:
        for _ in range(40):
            port.send([EPOCH_1 + rng.randbytes(64) for _ in range(50)], address)
            port.send([rng.randbytes(rng.randrange(200)) for _ in range(50)], address)
            port.send(hellos, address)
            await asyncio.sleep(0.002)

    run(work())


def test_a_flood_from_the_address_of_a_peer_ends_nothing() -> None:
    """Whoever can forge a source address cannot break the association that it names."""
    rng = random.Random(2)

    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim:
            peer = Peer(eim)
            async with peer.at_work():
                assert eim.associations is not None
                before = eim.session(peer.link.address)
                for _ in range(500):
                    eim.associations.take(EPOCH_1 + rng.randbytes(64), peer.link.address)
                    # an alert in the clear: fatal, handshake_failure
                    alert = b"\x15\xfe\xfd\0\0\0\0\0\0\0\5\0\2\2\x28"
                    eim.associations.take(alert, peer.link.address)
                assert eim.session(peer.link.address) is before

    run(work())


def test_clients_that_leave_in_the_middle_of_the_handshake() -> None:
    async def work() -> None:
        bounds = Bounds(handshakes=20, patience=2.0)
        async with CoapLink(server(), handler=Answers(), bounds=bounds) as eim, Peer(eim).at_work():
            # each shows its cookie, and hears nothing of what comes then
            leaving = [
                CoapLink(client(), name=EIM, bounds=bounds, impairment=Leaves()) for _ in range(40)
            ]
            for one in leaving:
                await one.start()
            asked = [asyncio.ensure_future(one.ask(eim.address, POLL)) for one in leaving]
            most = 0
            while not all(one.done() for one in asked):
                most = max(most, held_of(eim)[1])
                await asyncio.sleep(0.005)
            assert 1 <= most <= 20
            await until(lambda: held_of(eim) == (1, 0, 0))
            for one, future in zip(leaving, asked):
                assert future.exception() is not None
                await one.stop()

    run(work())


class Leaves:
    """Lets two hellos out and one answer in."""

    def __init__(self) -> None:
        self._sent = self._heard = 0

    def outward(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        self._sent += 1
        return [(0.0, data)] if self._sent <= 2 else []

    def inward(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        self._heard += 1
        return [(0.0, data)] if self._heard <= 1 else []

    def connection(self) -> None:
        return None


def block(number: int, path: bytes, payload: bytes = bytes(64), *, num: int = 0) -> bytes:
    """Return one message of an upload that goes on for ever."""
    more = Block(num, True, 2)
    options = ((opt.URI_PATH, path), (opt.BLOCK1, more.encode()))
    return encode(CoapMessage(CON, POST, number, number.to_bytes(4, "big"), options, payload))


def test_uploads_that_are_begun_and_left() -> None:
    async def work() -> None:
        clock = ScenarioClock()
        async with (
            CoapLink(server(), handler=Answers(), clock=clock) as eim,
            CoapLink(client(), name=EIM) as bad,
        ):
            assert (await bad.ask(eim.address, POLL)).body == NOTHING.body
            with clock.hold():
                for number in range(1000):
                    bad.send(block(number, f"{number}".encode()), eim.address)
                    if number % 50 == 0:
                        await asyncio.sleep(0.001)
                # whoever is answered was heard before
                assert (await bad.ask(eim.address, POLL)).body == NOTHING.body
                # one peer holds a few, whatever it sends
                assert 1 <= held_of(eim)[2] <= 8
            # COAP-EIM-BLK-008: freed after EXCHANGE_LIFETIME
            clock.advance(300)
            await until(lambda: held_of(eim)[2] == 0)

    run(work())


def test_two_uploads_of_two_peers_on_one_path_are_not_mixed() -> None:
    """COAP-EIM-BLK-007, with the token of the one guessed by the other."""

    async def echo(request: Request, caller: Caller) -> Response:
        return Response(200, "", request.body)

    async def work() -> None:
        knobs = CoapKnobs(seed=7)  # the same tokens and message ids
        async with (
            CoapLink(server(), handler=echo) as eim,
            CoapLink(client(), name=EIM, knobs=knobs) as one,
            CoapLink(client(), name=EIM, knobs=knobs) as other,
        ):
            bodies = [bytes([number]) + LARGE[:5000] for number in (1, 2)]
            answers = await asyncio.gather(
                *(
                    link.ask(eim.address, Request("/x", "", body))
                    for link, body in zip((one, other), bodies)
                )
            )
            assert [answer.body for answer in answers] == bodies

    run(work())


@pytest.mark.parametrize("kind", [CON, NON])
def test_a_peer_that_asks_without_end_gets_no_more_than_its_share(kind: int) -> None:
    """It waits for no answer; who asks beside it is answered."""

    async def slow(request: Request, caller: Caller) -> Response:
        if request.body != POLL.body:
            await asyncio.sleep(0.2)
        return NOTHING

    async def work() -> None:
        async with (
            CoapLink(server(), handler=slow) as eim,
            Peer(eim).at_work(),
            CoapLink(client(), name=EIM) as bad,
        ):
            await bad.ask(eim.address, POLL)
            with traced() as held:
                for number in range(3000):
                    message = CoapMessage(kind, POST, number, number.to_bytes(4, "big"),
                                          ((opt.URI_PATH, b"x"),), b"?")  # fmt: skip
                    bad.send(encode(message), eim.address)
                    if number % 100 == 0:
                        await asyncio.sleep(0.001)
                await asyncio.sleep(0.5)
                assert held() < 16 * _MEGABYTE

    run(work())


def test_answers_that_nobody_asked_for() -> None:
    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim:
            peer = Peer(eim)
            async with peer.at_work():
                for number in range(300):
                    message = CoapMessage(CON, CONTINUE, number, b"\1\2\3\4", (), b"")
                    eim.send(encode(message), peer.link.address)
                polls = peer.polls
                await until(lambda: peer.polls > polls + 1)
                assert peer.link.endpoint.server.open == 0

    run(work())
