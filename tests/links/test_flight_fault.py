"""What happens to DTLS handshakes and records on the way, and servers that get it wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from links_kit import POLL, Answers, mutual, run
from OpenSSL import SSL
from OpenSSL._util import lib

from sgprobe.exchange import Response
from sgprobe.links.associations import Leaving
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.coap_shape import Shape, ShapedRequest, Unanswered
from sgprobe.links.dtls import HEADER
from sgprobe.links.dtls_peers_fault import PeersFault
from sgprobe.links.flight_fault import (
    FlightFault,
    Flights,
    RecordFault,
    is_fragment,
    records_of,
)
from sgprobe.links.https_client import Unreachable


def eim_link(fault: PeersFault | None = None, **changes: Any) -> CoapLink:
    settings = replace(mutual("p256", "eim-tls"), verify=False)
    return CoapLink(settings, handler=Answers(), knobs=CoapKnobs(fault=fault), **changes)


def ipa_link(fault: FlightFault | None = None, size: int = 40) -> CoapLink:
    flights = Flights(fault, size) if fault is not None else None
    return CoapLink(mutual("p256", "dptls"), knobs=CoapKnobs(flights=flights))


def shaped(**told: Any) -> ShapedRequest:
    return ShapedRequest(POLL.path, POLL.media, POLL.body, shape=Shape(**told))


def ask(
    requests: list[Any], fault: PeersFault | None = None, flights: FlightFault | None = None
) -> list[Any]:
    """Return what becomes of requests, one after the other: a status, or an exception."""

    async def work() -> list[Any]:
        made: list[Any] = []
        async with eim_link(fault) as eim, ipa_link(flights) as ipa:
            for one in requests:
                try:
                    answer: Response = await asyncio.wait_for(ipa.ask(eim.address, one), 20)
                    made.append(answer.status)
                except Unreachable as error:
                    made.append(error)
            made.append(eim.requests)
        return made

    return run(work())


@pytest.mark.parametrize("fault", [FlightFault.EARLY, FlightFault.REVERSED, FlightFault.FRAGMENTS])
def test_a_handshake_that_the_way_changes_comes_to_its_end(fault: FlightFault) -> None:
    assert ask([POLL], flights=fault) == [200, 1]


def test_a_flight_that_is_lost_once_comes_again() -> None:
    sent: list[bytes] = []

    async def work() -> int:
        async with eim_link() as eim, ipa_link(FlightFault.LOST) as ipa:
            assert eim.associations is not None
            send = eim._port.send
            eim._port.send = lambda out, to: (sent.extend(out), send(out, to))[1]  # type: ignore
            return (await asyncio.wait_for(ipa.ask(eim.address, POLL), 20)).status

    assert run(work()) == 200
    hellos = [one for datagram in sent for one in records_of(datagram)
              if one[0] == 22 and one[HEADER] == 2]  # fmt: skip
    # a slow machine may see it more often
    assert len(hellos) >= 2


@pytest.mark.parametrize(
    ("fault", "flights"),
    [
        (PeersFault.DISORDER, FlightFault.EARLY),
        (PeersFault.DISORDER, FlightFault.REVERSED),
        (PeersFault.FRAGMENTS, FlightFault.FRAGMENTS),
        (PeersFault.LOSS, FlightFault.LOST),
    ],
)
def test_a_server_that_minds_ends_the_handshake(fault: PeersFault, flights: FlightFault) -> None:
    outcome, requests = ask([POLL], fault, flights)
    assert isinstance(outcome, Unreachable)
    assert requests == 0


@pytest.mark.parametrize("fault", PeersFault)
def test_a_faulty_server_serves_who_does_nothing_unusual(fault: PeersFault) -> None:
    assert ask([POLL, POLL], fault) == [200, 200, 2]


def test_a_repeated_record_is_dropped() -> None:
    messages: list[tuple[bool, bytes]] = []

    async def work(fault: PeersFault | None) -> int:
        messages.clear()
        async with eim_link(fault) as eim, ipa_link() as ipa:
            await ipa.ask(eim.address, POLL)
            eim._knobs = replace(
                eim._knobs, watch=lambda ours, data, _: messages.append((ours, data))
            )
            await ipa.ask(eim.address, shaped(record=RecordFault.TWICE))
            await ipa.ask(eim.address, POLL)
        return sum(not ours for ours, _ in messages)

    assert run(work(None)) == 2
    assert run(work(PeersFault.REPLAY)) == 3


def test_a_damaged_record_is_dropped_and_what_comes_again_is_answered() -> None:
    assert ask([POLL, shaped(record=RecordFault.DAMAGED)]) == [200, 200, 2]
    _, lost, requests = ask([POLL, shaped(record=RecordFault.DAMAGED)], PeersFault.DAMAGE)
    assert isinstance(lost, Unreachable)
    assert requests == 1


STRAYS = [
    (Shape(record=RecordFault.PLAIN, confirmable=False), PeersFault.PLAIN),
    (Shape(moved=True, confirmable=False), PeersFault.MOVED),
]


@pytest.mark.parametrize(("shape", "fault"), STRAYS)
def test_a_stray_is_not_answered_and_a_new_association_is(shape: Shape, fault: PeersFault) -> None:
    stray = ShapedRequest(POLL.path, POLL.media, POLL.body, shape=shape)

    async def work(fault: PeersFault | None) -> tuple[bool, int]:
        async with eim_link(fault) as eim, ipa_link() as ipa:
            await ipa.ask(eim.address, POLL)
            task = asyncio.ensure_future(ipa.ask(eim.address, stray))
            # where no answer is due none can be waited for
            await asyncio.wait([task], timeout=0.2 if fault is None else 20.0)
            answered = task.done()
            if shape.record is not None:
                # the session goes on beside it
                assert (await asyncio.wait_for(ipa.ask(eim.address, POLL), 20)).status == 200
                eim.requests -= 1
            assert (await ipa.ask(eim.address, shaped(leaving=Leaving.NEW))).status == 200
            if not answered:
                with pytest.raises(Unanswered):
                    await task
            return answered, eim.requests

    assert run(work(None)) == (False, 2)
    assert run(work(fault)) == (True, 3)


@pytest.mark.parametrize("leaving", Leaving)
def test_a_client_that_was_there_before_is_served(leaving: Leaving) -> None:
    assert ask([POLL, shaped(leaving=leaving), POLL]) == [200, 200, 200, 3]


@pytest.mark.parametrize(
    ("leaving", "fault"),
    [(Leaving.CLOSED, PeersFault.RETURN), (Leaving.RESUMED, PeersFault.RESUMPTION)],
)
def test_a_server_may_refuse_who_was_there_before(leaving: Leaving, fault: PeersFault) -> None:
    _, outcome, requests = ask([POLL, shaped(leaving=leaving)], fault)
    assert isinstance(outcome, Unreachable)
    assert requests == 1


def test_a_server_may_take_the_session_that_is_offered() -> None:
    async def work() -> list[bool]:
        resumed = []
        async with eim_link() as eim, ipa_link() as ipa:
            assert eim.associations is not None
            assert eim.associations.peers is not None
            context = eim.associations.peers._context
            context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
            assert lib.SSL_CTX_set_session_id_context(context._context, b"eim", 3)
            for one in (POLL, shaped(leaving=Leaving.RESUMED), shaped(leaving=Leaving.NEW)):
                assert (await ipa.ask(eim.address, one)).status == 200
                session = ipa.session(eim.address)
                assert session is not None
                resumed.append(session.resumed)
        return resumed

    assert run(work()) == [False, True, False]


def test_fragments_overlap_and_cover_the_message() -> None:
    body = bytes(range(100))
    head = b"\x10" + (100).to_bytes(3, "big") + b"\0\2" + bytes(3) + (100).to_bytes(3, "big")
    content = head + body
    record = b"\x16\xfe\xfd" + bytes(8) + len(content).to_bytes(2, "big") + content
    change = b"\x14\xfe\xfd" + bytes(8) + b"\0\1\1"
    *parts, last = Flights(FlightFault.FRAGMENTS, 40).outward([record + change])
    assert last[0] == 20
    assert all(is_fragment(one) for one in parts)
    assert not is_fragment(record)
    covered = bytearray(100)
    for one in parts:
        at = int.from_bytes(one[HEADER + 6 : HEADER + 9], "big")
        part = one[HEADER + 12 :]
        assert len(part) == int.from_bytes(one[HEADER + 9 : HEADER + 12], "big") <= 45
        covered[at : at + len(part)] = part
    assert bytes(covered) == body
    assert sum(len(one) - HEADER - 12 for one in parts) > 100
    numbers = [int.from_bytes(one[5:11], "big") for one in (*parts, last)]
    assert len(set(numbers)) == len(numbers)
