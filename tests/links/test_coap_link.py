"""CoAP links: polls and injection over DTLS, many peers, hostile peers, settings, the capture."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
from links_kit import (
    EIM,
    LARGE,
    MEDIA,
    NOTHING,
    PATH,
    PKI,
    POLL,
    Answers,
    identity_of,
    mutual,
    run,
    until,
)

from dissectors.link.coap.block import Block
from dissectors.link.coap.exchange import RequestKnobs, Upload, plan_upload
from dissectors.link.coap.message import decode
from dissectors.link.coap.server import ServerKnobs
from dissectors.link.coap.transmission import MessageKnobs, Transmission
from dissectors.trace.read import read_trace
from sgprobe.exchange import Request, Response
from sgprobe.links.caller import Caller
from sgprobe.links.clock import ScenarioClock
from sgprobe.links.coap_binding import Binding
from sgprobe.links.coap_link import CoapKnobs, CoapLink, largest_block
from sgprobe.links.dtls_peers import Bounds
from sgprobe.links.https_client import Unreachable
from sgprobe.links.impairment import BadLink, Plan
from sgprobe.links.tape import Address, Tape
from sgprobe.links.udp_port import UdpPort

SUITES = ["ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES128-GCM-SHA256",
          "ECDHE-ECDSA-AES128-SHA256"]  # fmt: skip


def eim_link(handler: object = None, **changes: object) -> CoapLink:
    given = {"settings": mutual("p256", "eim-tls"), "handler": handler or Answers()} | changes
    return CoapLink(given.pop("settings"), **given)  # type: ignore[arg-type]


def ipa_link(**changes: object) -> CoapLink:
    given = {"settings": mutual("p256", "dptls")} | changes
    return CoapLink(given.pop("settings"), **given)  # type: ignore[arg-type]


def large() -> Answers:
    return Answers(Response(200, MEDIA, LARGE))


# --- polls, and their capture ---


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_poll_and_its_capture(curve: str, suite: str, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"

    async def work() -> Response:
        answers, ours = Answers(), mutual(curve, "eim-tls", ciphers=suite)
        with Tape.at(path) as tape:
            async with (
                eim_link(answers, settings=ours, tape=tape) as eim,
                ipa_link(settings=mutual(curve, "dptls"), name=EIM) as ipa,
            ):
                response = await ipa.ask(eim.address, POLL)
        assert [(one.path, one.media, one.method, one.body) for one in answers.asked] == [
            (PATH, MEDIA, "POST", POLL.body)
        ]
        return response

    response = run(work())
    assert (response.status, response.media, response.body) == (200, MEDIA, NOTHING.body)
    assert response.header("coap-code") == "2.04"
    trace = read_trace(str(path))
    assert [m.type for m in trace.messages] == ["GetEimPackageRequest", "GetEimPackageResponse"]
    assert {m.transport for m in trace.messages} == {"coaps"}
    assert not [p for m in trace.messages for p in m.problems]


def test_the_eim_injects_over_an_association_of_its_own_and_over_the_ipas() -> None:
    received = Response(204)
    transfer = Request(PATH, MEDIA, bytes.fromhex("BF4E03020101"))

    async def work() -> None:
        eim_answers, ipa_answers = Answers(), Answers(received)
        async with (
            eim_link(eim_answers) as eim,
            ipa_link(handler=ipa_answers) as ipa,
        ):
            # the eIM is the client
            answer = await eim.ask(ipa.address, transfer)
            assert (answer.status, answer.body) == (204, b"")
            assert [one.body for one in ipa_answers.asked] == [transfer.body]
            # the IPA asks over the association that the eIM began
            assert (await ipa.ask(eim.address, POLL)).body == NOTHING.body
            assert len(eim_answers.asked) == 1
            assert ipa.associations is not None
            assert ipa.associations.peers is not None
            assert ipa.associations.peers.peers == 1
            assert not ipa.associations._calls

    run(work())


def test_a_peer_that_was_called_and_calls_itself() -> None:
    """The IPA polled the eIM; it restarts, and now the eIM calls it at the same address."""

    async def work() -> None:
        async with eim_link() as eim:
            async with ipa_link(handler=Answers()) as ipa:
                await ipa.ask(eim.address, POLL)
                port = ipa.address[1]
            async with ipa_link(handler=Answers(), port=port) as ipa:
                assert (await eim.ask(ipa.address, POLL)).body == NOTHING.body
                # and now the IPA, of which the eIM has an association, begins one of its own
                assert ipa.associations is not None
                assert ipa.associations.peers is not None
                ipa.associations.peers.drop(eim.address)
                assert (await ipa.ask(eim.address, POLL)).body == NOTHING.body
                assert eim.associations is not None
                assert not eim.associations._calls

    run(work())


def test_many_peers_on_one_port() -> None:
    async def work() -> int:
        answers = large()
        async with eim_link(answers) as eim:
            ipas = [ipa_link() for _ in range(40)]
            for ipa in ipas:
                await ipa.start()
            got = await asyncio.gather(*(ipa.ask(eim.address, POLL) for ipa in ipas))
            assert all(one.body == LARGE for one in got)
            for ipa in ipas:
                await ipa.stop()
            assert eim.associations is not None
            peers = eim.associations.peers
            assert peers is not None
            await until(lambda: peers.peers == 0)  # all said goodbye
        return len(answers.asked)

    assert run(work()) == 40


@pytest.mark.parametrize("mtu", [256, 576, 1200])
def test_no_datagram_is_larger_than_the_mtu(mtu: int) -> None:
    sizes: list[int] = []

    class Scale(BadLink):
        def outward(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
            sizes.append(len(data))
            return super().outward(data, now)

    async def work() -> Response:
        async with (
            eim_link(large(), mtu=mtu, impairment=Scale(Plan(), Plan())) as eim,
            ipa_link(mtu=mtu, impairment=Scale(Plan(), Plan()), name=EIM) as ipa,
        ):
            return await ipa.ask(eim.address, Request(PATH, MEDIA, LARGE[:5000]))

    assert run(work()).body == LARGE
    assert max(sizes) <= mtu
    assert max(sizes) > mtu * 2 // 3


def test_the_block_size_follows_the_mtu() -> None:
    assert [largest_block(mtu) for mtu in (64, 256, 548, 1100, 1152, 1400)] == [0, 3, 4, 5, 6, 6]


def test_a_path_that_loses_large_datagrams() -> None:
    """COAP-EIM-MTU-002: who is told of the path's size gets through."""

    async def work() -> Response:
        plan = Plan(mtu=548)
        async with (
            eim_link(large(), mtu=548, impairment=BadLink(plan, plan)) as eim,
            ipa_link(mtu=548) as ipa,
        ):
            return await ipa.ask(eim.address, POLL)

    assert run(work()).body == LARGE


# --- what is uncertain is a setting ---


def test_settings_of_the_binding() -> None:
    async def work() -> None:
        other = Binding(path="/esipa", content_format=65_000, code_with_body=0x45, uri_host=False,
                        confirmable=False, szx=2)  # fmt: skip
        seen: list[bytes] = []
        watch = CoapKnobs(watch=lambda sent, data, address: seen.append(data))
        answers = Answers()
        async with (
            eim_link(answers, settings=None, binding=other) as eim,
            ipa_link(settings=None, binding=other, name=EIM, knobs=watch) as ipa,
            ipa_link(settings=None) as usual,
        ):
            response = await ipa.ask(eim.address, POLL)
            assert response.header("coap-code") == "2.05"
            assert response.body == NOTHING.body
            assert (answers.asked[0].path, answers.asked[0].media) == (PATH, MEDIA)
            question, answer = decode(seen[0])[0], decode(seen[1])[0]
            assert question is not None
            assert answer is not None
            assert question.type == 1
            assert [value for number, value in question.options] == [b"esipa", b"\xfd\xe8"]
            assert dict(answer.options)[12] == b"\xfd\xe8"
            # the usual path is not there; the usual format of octets is understood
            await usual.ask(eim.address, POLL)
            assert answers.asked[1].path != PATH
            assert answers.asked[1].media == MEDIA

    run(work())


@pytest.mark.parametrize(
    ("response", "code", "status"),
    [
        (Response(200, MEDIA, b"x"), "2.04", 200),
        (Response(204), "2.04", 204),
        (Response(200), "2.04", 204),
        (Response(400), "4.00", 400),
        (Response(404, "text/plain", b"where?"), "4.04", 404),
        (Response(405), "4.05", 405),
        (Response(413), "4.13", 413),
        (Response(415), "4.15", 415),
        (Response(418), "4.00", 400),
        (Response(503), "5.03", 503),
        (Response(599), "5.00", 500),
    ],
)
def test_statuses_and_codes(response: Response, code: str, status: int) -> None:
    async def work() -> Response:
        async with (
            eim_link(Answers(response), settings=None) as eim,
            ipa_link(settings=None) as ipa,
        ):
            return await ipa.ask(eim.address, POLL)

    got = run(work())
    assert (got.header("coap-code"), got.status, got.body) == (code, status, response.body)


def test_a_handler_that_fails_answers_5_00_and_says_so() -> None:
    async def broken(request: Request, caller: Caller) -> Response:
        raise KeyError("lost")

    async def work() -> tuple[int, list[str]]:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: told.append(c["message"]))
        async with eim_link(broken) as eim, ipa_link() as ipa:
            return (await ipa.ask(eim.address, POLL)).status, told

    assert run(work()) == (500, ["the handler of /gsma/rsp2/asn1 failed"])


def test_a_link_without_a_handler_has_nothing() -> None:
    async def work() -> str | None:
        async with CoapLink(None) as eim, ipa_link(settings=None) as ipa:
            return (await ipa.ask(eim.address, POLL)).header("coap-code")

    assert run(work()) == "4.04"


# --- time ---


def test_a_slow_answer_comes_apart_on_the_scenario_clock() -> None:
    """COAP-EIM-BAS-011: an empty ACK first, a CON of its own later."""

    async def work() -> tuple[list[tuple[bool, int, str]], float]:
        clock = ScenarioClock(start=0.0)
        seen: list[tuple[bool, int, str]] = []

        def watch(sent: bool, data: bytes, address: Address) -> None:
            message, _ = decode(data)
            assert message is not None
            seen.append((sent, message.type, f"{message.code >> 5}.{message.code & 31:02}"))

        async def slow(request: Request, caller: Caller) -> Response:
            await clock.sleep(10)
            return NOTHING

        async with (
            eim_link(slow, clock=clock) as eim,
            ipa_link(clock=clock, knobs=CoapKnobs(watch=watch)) as ipa,
        ):
            assert (await ipa.ask(eim.address, POLL)).body == NOTHING.body
        return seen, clock.now()

    seen, now = run(work())
    assert seen == [(True, 0, "0.02"), (False, 2, "0.00"), (False, 0, "2.04"), (True, 2, "0.00")]
    assert 10 <= now < 60


def test_a_server_that_is_gone_is_given_up_and_reached_again_when_it_is_back() -> None:
    async def work() -> None:
        clock = ScenarioClock(start=0.0)
        async with ipa_link(clock=clock) as ipa, eim_link(clock=clock) as eim:
            await ipa.ask(eim.address, POLL)
            address = eim.address
            assert eim.associations is not None
            assert eim.associations.peers is not None
            # it loses its state without a word
            eim.associations.peers.drop(ipa.address)
            began = clock.now()
            with pytest.raises(Unreachable, match="no ACK after all retransmissions"):
                await ipa.ask(address, POLL)
            # RFC 7252 §4.8.2: MAX_TRANSMIT_WAIT
            assert 62 <= clock.now() - began <= 150
            assert (await ipa.ask(address, POLL)).body == NOTHING.body
        assert clock.now() - began < 245

    run(work())


def test_nobody_answers_a_hello() -> None:
    async def work() -> None:
        async with ipa_link(bounds=Bounds(patience=0.3)) as ipa:
            silent = UdpPort(lambda data, address: None, clock=ScenarioClock())
            await silent.open("127.0.0.1", 0)
            with pytest.raises(Unreachable, match=r"DTLS: no answer within 0\.3 s"):
                await ipa.ask(silent.address, POLL)
            with pytest.raises(Unreachable, match="no DNS name"):
                async with ipa_link(name="a..b") as lost:
                    await lost.ask(silent.address, POLL)
            silent.close()

    run(work())


def test_who_waits_when_the_link_is_closed_is_told() -> None:
    async def work() -> None:
        there = asyncio.Event()

        async def never(request: Request, caller: Caller) -> Response:
            there.set()
            await asyncio.get_running_loop().create_future()
            raise AssertionError

        async with eim_link(never) as eim:
            ipa = ipa_link()
            await ipa.start()
            asked = asyncio.ensure_future(ipa.ask(eim.address, POLL))
            await there.wait()
            await ipa.stop()
            with pytest.raises(Unreachable, match="closed"):
                await asked

    run(work())


# --- knobs ---


def test_duplicates_and_lost_acknowledgements_execute_once() -> None:
    async def work() -> None:
        clock = ScenarioClock()
        answers = Answers()
        twice = Plan(duplicate=frozenset(range(1, 99)), spare_handshake=True)
        silent = CoapKnobs(message=MessageKnobs(skip_acks=(1, 2)))
        async with (
            eim_link(answers, clock=clock, knobs=silent, impairment=BadLink(twice, twice)) as eim,
            ipa_link(clock=clock) as ipa,
        ):
            for _ in range(3):
                assert (await ipa.ask(eim.address, POLL)).body == NOTHING.body
        assert len(answers.asked) == 3

    run(work())


@pytest.mark.parametrize(
    ("uploads", "code"),
    [
        (plan_upload(LARGE[:3000], 5), "2.04"),
        (plan_upload(LARGE[:3000], 5)[:2] + plan_upload(LARGE[:3000], 5)[3:], "4.08"),  # a gap
        ((Upload(Block(3, False, 5), b"x"),), "4.08"),  # no beginning
        ((Upload(Block(0, True, 5), b"x" * 100),), "4.00"),  # not the size that it says
        ((Upload(Block(0, False, 7), b"x"),), "4.00"),  # COAP-EIM-BLK-013
    ],
)
def test_blocks_out_of_order_or_of_another_size(uploads: tuple[Upload, ...], code: str) -> None:
    async def work() -> str | None:
        async with eim_link() as eim, ipa_link() as ipa:
            knobs = RequestKnobs(uploads=uploads)
            response = await ipa.ask(eim.address, POLL, knobs)
            assert (await ipa.ask(eim.address, POLL)).body == NOTHING.body
            return response.header("coap-code")

    assert run(work()) == code


def test_a_body_beyond_the_bound() -> None:
    async def work() -> str | None:
        knobs = CoapKnobs(server=ServerKnobs(max_body=4000))
        async with eim_link(knobs=knobs) as eim, ipa_link() as ipa:
            return (await ipa.ask(eim.address, Request(PATH, MEDIA, LARGE))).header("coap-code")

    assert run(work()) == "4.13"


def test_the_transmission_parameters_are_settings() -> None:
    async def work() -> float:
        clock = ScenarioClock(start=0.0)
        quick = CoapKnobs(transmission=Transmission(ack_timeout=0.1, max_retransmit=2))
        async with ipa_link(settings=None, clock=clock, knobs=quick) as ipa:
            silent = UdpPort(lambda data, address: None, clock=clock)
            await silent.open("127.0.0.1", 0)
            with pytest.raises(Unreachable, match="no ACK"):
                await ipa.ask(silent.address, POLL)
            silent.close()
        return clock.now()

    assert 0.7 <= run(work()) < 12


# --- hostile peers ---

JUNK = [b"", b"\0", b"\x16\xfe\xfd" + bytes(20), b"\xff" * 1400, b"\x40\x01\0\1", b"\x49\x02\0\1",
        b"\x16\xfe\xfd" + bytes(8) + b"\xff\xff" + bytes(30), b"\x40\x02\0\1\xff"]  # fmt: skip


def test_junk_from_strangers_harms_nobody() -> None:
    async def work() -> None:
        async with eim_link() as eim:
            stranger = UdpPort(lambda data, address: None, clock=ScenarioClock())
            await stranger.open("127.0.0.1", 0)
            stranger.send(JUNK, eim.address)
            async with ipa_link() as ipa:
                assert (await ipa.ask(eim.address, POLL)).body == NOTHING.body
            stranger.close()
            assert eim.requests == 1

    run(work())


def test_malformed_messages_of_a_peer_are_rejected_and_remembered() -> None:
    """COAP-EIM-BAS-008: a CON with a token of nine octets is reset, or ignored."""

    async def work() -> None:
        heard: list[bytes] = []

        def watch(sent: bool, data: bytes, address: Address) -> None:
            if not sent:
                heard.append(data)

        async with eim_link() as eim, ipa_link(knobs=CoapKnobs(watch=watch)) as ipa:
            await ipa.ask(eim.address, POLL)
            heard.clear()
            for junk in JUNK:
                ipa.send(junk, eim.address)
            ipa.send(b"\x49\x02\x12\x34" + bytes(9), eim.address)
            assert (await ipa.ask(eim.address, POLL)).body == NOTHING.body
            assert b"\x70\x00\x12\x34" in heard
            assert eim.problems
            # one of them is a GET of nothing
            assert eim.requests == 3

    run(work())


def test_a_stranger_is_refused_and_others_go_on() -> None:
    async def work() -> None:
        async with (
            eim_link() as eim,
            ipa_link(settings=mutual("brainpool", "dptls")) as stranger,
            ipa_link(settings=mutual("p256", "dptls", identity=None)) as bare,
            ipa_link() as ipa,
        ):
            asked = [ipa.ask(eim.address, POLL) for _ in range(3)]
            for one in (stranger, bare):
                with pytest.raises(Unreachable, match="DTLS"):
                    await one.ask(eim.address, POLL)
            assert all(one.body == NOTHING.body for one in await asyncio.gather(*asked))
            assert eim.requests == 3
            assert eim.associations is not None
            assert eim.associations.failures

    run(work())


def test_the_end_of_one_peer_is_not_the_end_of_others() -> None:
    """A client that asks two servers: one dies, the other answers."""

    async def work() -> None:
        go_on = asyncio.Event()

        async def patient(request: Request, caller: Caller) -> Response:
            await go_on.wait()
            return NOTHING

        async with eim_link(patient) as good, ipa_link() as ipa:
            bad = eim_link(patient)
            await bad.start()
            asked = [asyncio.ensure_future(ipa.ask(one.address, POLL)) for one in (good, bad)]
            await until(lambda: good.requests + bad.requests == 2)
            await bad.stop()
            with pytest.raises(Unreachable, match="the DTLS session ended"):
                await asked[1]
            go_on.set()
            assert (await asked[0]).body == NOTHING.body

    run(work())


def test_a_revoked_peer_is_refused() -> None:
    async def work() -> None:
        crls = (PKI["p256"].crl("ci").der,)
        revoked = identity_of(PKI["p256"].get("dptls", "revoked"))
        async with (
            eim_link(settings=mutual("p256", "eim-tls", crls=crls)) as eim,
            ipa_link(settings=mutual("p256", "dptls", identity=revoked)) as ipa,
        ):
            with pytest.raises(Unreachable, match="revoked"):
                await ipa.ask(eim.address, POLL)
            assert 44 in [alert.description for alert in ipa.alerts]

    run(work())


def test_sessions_that_end_leave_nothing_behind() -> None:
    async def work() -> int:
        async with eim_link() as eim:
            assert eim.associations is not None
            peers = eim.associations.peers
            assert peers is not None
            counts = []
            for _ in range(3):
                for _ in range(15):
                    async with ipa_link() as ipa:
                        await ipa.ask(eim.address, POLL)
                await until(lambda: peers.peers == 0)
                gc.collect()
                from sgprobe.links.dtls import DtlsSession

                counts.append(sum(isinstance(one, DtlsSession) for one in gc.get_objects()))
            return max(counts) - min(counts)

    assert run(work()) <= 2
