"""The client of one server: names, judges, addresses, and its life."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from links_kit import EIM, NOTHING, PKI, POLL, Answers, client, mutual, run, server, until

from sgprobe.links.clock import ScenarioClock, deadline
from sgprobe.links.coap_client import CoapClient
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.coap_shape import Shape, ShapedRequest, Unanswered, Which
from sgprobe.links.dtls_peers import Bounds
from sgprobe.links.dtls_peers_fault import PeersFault
from sgprobe.links.https_client import Unreachable
from sgprobe.links.impairment import BadLink, Plan
from sgprobe.links.tape import Address
from sgprobe.links.tls import TlsSettings


def ipa(
    address: Address,
    settings: TlsSettings | None = None,
    name: str = EIM,
    carries: Callable[[], bool] = lambda: True,
) -> CoapClient:
    return CoapClient(
        address,
        lambda host, peer, secure: CoapLink(
            (settings or client()) if secure else None, host=host, name=name, carries=carries,
            bounds=Bounds(patience=60.0), peer=peer),
    )  # fmt: skip


async def ask(one: CoapClient) -> bytes:
    try:
        return (await one.ask(POLL)).body
    finally:
        await one.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_it_asks_and_knows_who_answered(host: str) -> None:
    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim:
            one = ipa((host, eim.address[1]))
            asked = await asyncio.gather(*(one.ask(POLL) for _ in range(3)))
            assert [response.body for response in asked] == [NOTHING.body] * 3
            assert eim.associations is not None
            assert eim.associations.peers is not None
            assert eim.associations.peers.peers == 1
            leaf = PKI["p256"]["eim-tls"].certificate.der
            assert one.server_chain[0].public_bytes(Encoding.DER) == leaf
            await one.close()
            # who was closed may be asked again
            assert await ask(one) == NOTHING.body

    run(work())


def test_a_server_on_ipv6() -> None:
    async def work() -> None:
        try:
            eim = CoapLink(server(), handler=Answers(), host="::1")
            await eim.start()
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")
        assert await ask(ipa(eim.address)) == NOTHING.body
        await eim.stop()

    run(work())


@pytest.mark.parametrize(
    ("settings", "name", "said"),
    [
        (client(), "other.example.com", r"is not for other\.example\.com"),
        (client(check_peer=lambda chain: "somebody else"), EIM, "somebody else"),
        (client("brainpool"), EIM, "certificate verify failed"),
    ],
)
def test_a_server_that_is_refused(settings: TlsSettings, name: str, said: str) -> None:
    async def work() -> None:
        answers = Answers()
        async with CoapLink(server(), handler=answers) as eim:
            with pytest.raises(Unreachable, match=said):
                await ask(ipa(eim.address, settings, name))
            assert not answers.asked
            assert await ask(ipa(eim.address)) == NOTHING.body

    run(work())


def test_names_are_not_checked_where_nothing_is() -> None:
    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim:
            lenient = client(verify=False, trust=())
            assert await ask(ipa(eim.address, lenient, "other.example.com")) == NOTHING.body

    run(work())


def test_a_client_that_a_server_judges() -> None:
    seen: list[tuple[bytes, ...]] = []

    def judge(chain: tuple[bytes, ...]) -> str:
        seen.append(chain)
        return "" if chain[0] == PKI["p256"]["dptls"].certificate.der else "not that one"

    async def work() -> None:
        answers = Answers()
        asking = server(verify=True, check_peer=judge)
        async with CoapLink(asking, handler=answers) as eim:
            assert eim.associations is not None
            assert eim.associations.peers is not None
            assert await ask(ipa(eim.address, mutual("p256", "dptls"))) == NOTHING.body
            # a chain to another CI is for the judge to refuse, not for the library
            other = mutual("brainpool", "dptls", trust=(PKI["p256"].ci.der,))
            for settings in (mutual("p256", "dstls"), other):
                with pytest.raises(Unreachable, match="the peer ended the session at once"):
                    await ask(ipa(eim.address, settings))
            assert len(answers.asked) == 1
            assert list(eim.associations.failures) == ["not that one"] * 2
            peers = eim.associations.peers
            await until(lambda: (peers.peers, peers.shaking_hands) == (0, 0))

    run(work())
    assert len(seen) == 3


def test_nobody_listens_there() -> None:
    """The system tells it, as of TCP; an association that stands is not shaken by that."""

    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim:
            gone = ipa(eim.address)
            assert (await gone.ask(POLL)).body == NOTHING.body
        with pytest.raises(Unreachable, match="nobody listens there"):
            await ask(ipa(eim.address))
        # it hears of the end by close_notify, and then that nobody is there
        with pytest.raises(Unreachable, match="nobody listens there"):
            await gone.ask(POLL)
        await gone.close()

    run(work())


def test_a_message_that_nobody_listens_does_not_end_an_association() -> None:
    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim:
            async with CoapLink(client(), name=EIM, peer=eim.address) as link:
                assert (await link.ask(eim.address, POLL)).body == NOTHING.body
                before = link.session(eim.address)
                link._port.error_received(ConnectionRefusedError())
                assert link.session(eim.address) is before
                assert (await link.ask(eim.address, POLL)).body == NOTHING.body
            assert eim.requests == 2

    run(work())


def test_a_stranger_is_not_heard() -> None:
    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim:
            heard: list[bytes] = []
            knobs = CoapKnobs(watch=lambda sent, data, address: heard.append(data))
            async with (
                CoapLink(None, name=EIM, peer=eim.address, knobs=knobs) as link,
                CoapLink(None) as stranger,
            ):
                stranger.send(b"\x40\x00\0\1", link.address)
                await asyncio.sleep(0.1)
                assert not heard

    run(work())


def test_a_client_that_could_not_open_its_socket_tries_again() -> None:
    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim:
            failures = [OSError(24, "Too many open files")]

            def make(host: str, peer: Address, secure: bool) -> CoapLink:
                if failures:
                    raise failures.pop()
                return CoapLink(client(), host=host, name=EIM, peer=peer)

            one = CoapClient(eim.address, make)
            with pytest.raises(Unreachable, match="Too many open files"):
                await one.ask(POLL)
            assert await ask(one) == NOTHING.body

    run(work())


def test_a_handshake_holds_the_scenario_clock() -> None:
    """Its lost datagrams come again by the wall: a deadline of the scenario waits for them."""

    async def work() -> None:
        clock = ScenarioClock()
        lossy = BadLink(Plan(drop=frozenset({1})), Plan())
        async with (
            CoapLink(server(), handler=Answers(), clock=clock, impairment=lossy) as eim,
            CoapLink(client(), name=EIM, clock=clock) as link,
            deadline(clock, 30.0),
        ):
            assert (await link.ask(eim.address, POLL)).body == NOTHING.body

    run(work())


def test_a_handshake_over_a_slow_line() -> None:
    """Its datagrams are late by the wall, as the handshake goes by the wall; the rest jumps."""

    async def work() -> float:
        clock = ScenarioClock()
        slow = Plan(latency=0.2)
        async with (
            CoapLink(server(), handler=Answers(), clock=clock,
                     impairment=BadLink(slow, slow)) as eim,
            CoapLink(client(), name=EIM, clock=clock) as link,
        ):  # fmt: skip
            began = time.monotonic()
            assert (await link.ask(eim.address, POLL)).body == NOTHING.body
            assert time.monotonic() - began > 0.7
            before = clock.now()
            for _ in range(20):
                assert (await link.ask(eim.address, POLL)).body == NOTHING.body
            return clock.now() - before

    assert run(work()) >= 20 * 0.4


def test_addresses_that_are_none() -> None:
    async def work() -> None:
        for address in (("no.such.host.invalid", 5684), ("127.0.0.1", 70_000), ("a..b", 1)):
            with pytest.raises(Unreachable):
                await ask(ipa(address))

    run(work())


def test_a_line_that_is_known_to_carry_nothing_is_not_waited_for_on_the_wall() -> None:
    """The library's handshake timer reads the wall; the scenario clock does not wait for it."""

    async def work() -> None:
        clock, up = ScenarioClock(), [False]
        async with CoapLink(server(), handler=Answers()) as eim:
            one = CoapClient(
                eim.address,
                lambda host, peer, _: CoapLink(client(), host=host, name=EIM, clock=clock,
                                      carries=lambda: up[0], knobs=CoapKnobs(seed=1)),
            )  # fmt: skip
            before = clock.now()
            with pytest.raises(Unreachable, match="no answer within 60 s"):
                await one.ask(POLL)
            assert clock.now() - before >= 60
            up[0] = True
            assert (await one.ask(POLL)).body == NOTHING.body
            await one.close()

    # less than the handshake waits by the wall
    run(work(), 45.0)


def shaped(**told: Any) -> ShapedRequest:
    return ShapedRequest(POLL.path, POLL.media, POLL.body, shape=Shape(**told))


def test_a_second_client_has_an_association_of_its_own() -> None:
    async def work() -> None:
        async with CoapLink(server(), handler=Answers()) as eim:
            one = ipa(eim.address)
            for which in (Which.USUAL, Which.OTHER, Which.USUAL, Which.OTHER):
                assert (await one.ask(shaped(client=which))).status == 200
            assert eim.associations is not None
            assert eim.associations.peers is not None
            assert eim.associations.peers.peers == 2
            await one.close()

    run(work())


@pytest.mark.parametrize(("fault", "served"), [(None, False), (PeersFault.OPEN, True)])
def test_a_client_without_dtls(fault: PeersFault | None, served: bool) -> None:
    async def work() -> None:
        async with CoapLink(server(), handler=Answers(), knobs=CoapKnobs(fault=fault)) as eim:
            one = ipa(eim.address)
            task = asyncio.ensure_future(one.ask(shaped(client=Which.INSECURE, confirmable=False)))
            await asyncio.wait([task], timeout=5.0 if served else 0.2)
            assert task.done() is served
            # who speaks DTLS is served beside it
            assert (await one.ask(POLL)).status == 200
            assert eim.requests == 1 + served
            await one.close()
            if served:
                assert task.result().status == 200
            else:
                with pytest.raises(Unanswered):
                    await task

    run(work())


def test_without_dtls_the_standard_port_is_another() -> None:
    asked: list[tuple[Address, bool]] = []

    def make(host: str, peer: Address, secure: bool) -> CoapLink:
        asked.append((peer, secure))
        raise OSError(1, "not today")

    async def work() -> None:
        for port in (5684, 18464):
            for which in (Which.USUAL, Which.INSECURE):
                with pytest.raises(Unreachable):
                    await CoapClient(("127.0.0.1", port), make).ask(shaped(client=which))

    run(work())
    assert asked == [
        (("127.0.0.1", 5684), True),
        (("127.0.0.1", 5683), False),
        (("127.0.0.1", 18464), True),
        (("127.0.0.1", 18464), False),
    ]
