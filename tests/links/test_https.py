"""The HTTPS link: both ends, TLS versions and curves, faults, hostile clients, the capture."""

from __future__ import annotations

import asyncio
import contextlib
import io
import ssl
import struct
from pathlib import Path

import pytest
from links_kit import (
    EIM,
    LARGE,
    NOTHING,
    PKI,
    POLL,
    Answers,
    Program,
    client,
    mutual,
    oracle,
    run,
    server,
    until,
)

from dissectors.link.stream import Endpoint
from dissectors.trace.read import read_trace
from sgprobe.exchange import Request, Response
from sgprobe.links.caller import Caller
from sgprobe.links.clock import ScenarioClock
from sgprobe.links.fault import Broken, Fault
from sgprobe.links.http_side import PacedRequest
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.impairment import BadLink, Plan
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TLS12, TLS13

# so long a connection may stand still where that is tried; a handshake moves within it
IDLE = 0.5


def ask(server_: HttpsServer, **changes: object) -> HttpsClient:
    return HttpsClient(server_.address, client(), name=EIM, **changes)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def plain_connection(
    server_: HttpsServer,
) -> contextlib._AsyncGeneratorContextManager[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*server_.address)
    try:
        yield reader, writer
    finally:
        writer.close()


# --- polls, and their capture ---


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_poll_and_its_capture(curve: str, version: int, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"

    async def work() -> Response:
        with Tape.at(path) as tape:
            async with HttpsServer(Answers(), server(curve), tape=tape) as eim:
                ipa = HttpsClient(
                    eim.address, client(curve, lowest=version, highest=version), name=EIM
                )
                first = await ipa.ask(POLL)
                again = await ipa.ask(POLL)
                await ipa.close()
                assert first == again
                return first

    response = run(work())
    assert (response.status, response.body) == (NOTHING.status, NOTHING.body)
    trace = read_trace(str(path))
    assert [m.type for m in trace.messages] == ["GetEimPackageRequest", "GetEimPackageResponse"] * 2
    assert all(m.transport == "https" and not m.problems for m in trace.messages)
    # one connection carried both
    assert [s.decryption for s in trace.sessions] == ["complete"]


@pytest.mark.parametrize(
    ("version", "lets", "wants", "resumed"),
    [
        (TLS12, True, True, {"ticket", "session id"}),
        (TLS13, True, True, {"psk"}),
        (TLS12, False, True, {""}),
        (TLS12, True, False, {""}),
        (TLS13, True, False, {""}),
    ],
)
def test_sessions_are_resumed_where_both_sides_do(
    version: int, lets: bool, wants: bool, resumed: set[str], tmp_path: Path
) -> None:
    path = tmp_path / "run.pcapng"
    closing = Answers(Response(200, NOTHING.media, NOTHING.body, (("connection", "close"),)))

    async def work() -> None:
        with Tape.at(path) as tape:
            async with HttpsServer(closing, server(resumes=lets), tape=tape) as eim:
                asking = client(lowest=version, highest=version, resumes=wants)
                ipa = HttpsClient(eim.address, asking, name=EIM)
                assert [(await ipa.ask(POLL)).body for _ in range(2)] == [NOTHING.body] * 2
                await ipa.close()

    run(work())
    first, second = read_trace(str(path)).sessions
    assert (first.resumption or "") == ""
    assert (second.resumption or "") in resumed
    assert second.decryption == "complete"


def test_tape_is_readable_by_its_own_dissector() -> None:
    file = io.BytesIO()
    tape = Tape(file, now=lambda: 1.0)
    flow = tape.connection(("127.0.0.1", 1000), ("127.0.0.1", 80))
    flow.data(0, b"POST /gsma/rsp2/asn1 HTTP/1.1\r\nContent-Length: 21\r\n\r\n" + POLL.body)
    flow.end(0)
    file.seek(0)
    trace = read_trace(file)
    assert [m.function for m in trace.messages] == ["GetEimPackage"]
    assert trace.messages[0].src == str(Endpoint("127.0.0.1", 1000))


def test_an_ipa_that_listens_is_injected_into() -> None:
    """Injection: the eIM is the client of the same link."""
    transfer = Request(POLL.path, POLL.media, bytes.fromhex("BF4E03020101"))

    async def work() -> bytes:
        answers = Answers(Response(200, POLL.media, bytes.fromhex("BF4E020500")))
        async with HttpsServer(answers, mutual("p256", "dptls")) as ipa:
            eim = HttpsClient(ipa.address, mutual("p256", "eim-tls"))
            response = await eim.ask(transfer)
            await eim.close()
            assert answers.asked[0].body == transfer.body
            return response.body

    assert run(work()) == bytes.fromhex("BF4E020500")


def test_mutual_authentication() -> None:
    async def work() -> tuple[int, int]:
        seen: list[int] = []

        async def name_caller(request: Request, caller: Caller) -> Response:
            assert caller.session is not None
            seen.append(caller.session.peer_chain[0].serial_number)
            return NOTHING

        async with HttpsServer(name_caller, mutual("p256", "eim-tls")) as eim:
            good = HttpsClient(eim.address, mutual("p256", "dptls"), name=EIM)
            await good.ask(POLL)
            await good.close()
            for stranger in (client(), mutual("p256", "dptls", identity=mutual(
                    "brainpool", "dptls").identity)):  # fmt: skip
                with pytest.raises(Unreachable, match="TLS: "):
                    await HttpsClient(eim.address, stranger, name=EIM).ask(POLL)
            return seen[0], eim.requests

    assert run(work()) == (PKI["p256"]["dptls"].certificate.serial, 1)


def test_unknown_ca_is_refused_and_the_alert_seen() -> None:
    async def work() -> list[tuple[bool, int]]:
        async with HttpsServer(Answers(), server()) as eim:
            ipa = HttpsClient(eim.address, client("brainpool"), name=EIM)
            with pytest.raises(Unreachable, match="certificate verify failed"):
                await ipa.ask(POLL)
            await until(lambda: eim.alerts)
            assert [(a.sent, a.description) for a in ipa.alerts] == [(True, 48)]
            return [(a.sent, a.description) for a in eim.alerts]

    assert run(work()) == [(False, 48)]


def test_another_name_is_refused() -> None:
    async def work() -> None:
        async with HttpsServer(Answers(), server()) as eim:
            ipa = HttpsClient(eim.address, client(), name="other.example.com")
            with pytest.raises(Unreachable, match="not for other.example.com"):
                await ipa.ask(POLL)
            careless = HttpsClient(eim.address, client(), name="other.example.com",
                                   check_name=False)  # fmt: skip
            assert (await careless.ask(POLL)).status == 200
            await careless.close()

    run(work())


# --- the client's connections ---


def test_requests_at_once_go_on_connections_of_their_own() -> None:
    async def work() -> None:
        both = asyncio.Barrier(2)

        async def wait_for_each_other(request: Request, caller: Caller) -> Response:
            await both.wait()
            return NOTHING

        async with HttpsServer(wait_for_each_other, server()) as eim:
            ipa = ask(eim)
            answers = await asyncio.gather(ipa.ask(POLL), ipa.ask(POLL))
            assert [one.status for one in answers] == [200, 200]
            assert len(eim.open) == 2
            await ipa.close()

    run(work())


def test_a_server_that_closes_after_each_answer_is_asked_again() -> None:
    async def work() -> None:
        closing = Answers(Response(200, NOTHING.media, NOTHING.body, (("connection", "close"),)))
        async with HttpsServer(closing, server()) as eim:
            ipa = ask(eim)
            for _ in range(3):
                assert (await ipa.ask(POLL)).body == NOTHING.body
        # a server that says nothing, and closes while nobody asks
        async with HttpsServer(Answers(), server(), idle=IDLE) as eim:
            ipa = ask(eim)
            await ipa.ask(POLL)
            # both ends have seen it
            await until(lambda: not eim.open and not ipa._kept[0].reusable)
            assert (await ipa.ask(POLL)).body == NOTHING.body
            await ipa.close()

    run(work())


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"", "closed the connection before"),
        (b"\x00\x01\x02\x03" * 10, "HTTP: "),
        (b"HTTP/1.1 200 ok\r\nContent-Length: 99\r\n\r\nshort", "before its answer was whole"),
        (b"HTTP/1.1 200 ok\r\nContent-Length: -1\r\n\r\n", "HTTP: "),
        (b"HTTP/1.1 200 ok\r\nX: " + b"a" * 70_000, "HTTP: "),
        (b"HTTP/1.1 200 ok\r\nContent-Length: 17000000\r\n\r\n" + bytes(17_000_000), "too large"),
        (b"HTTP/1.1 100 go on\r\n\r\n" * 50, "closed the connection before"),
    ],
)
def test_a_server_that_speaks_no_http(said: bytes, answered: str) -> None:
    async def work() -> None:
        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(said)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()

        listener = await asyncio.start_server(speak, "127.0.0.1", 0)
        address = listener.sockets[0].getsockname()[:2]
        with pytest.raises(Unreachable, match=answered):
            await HttpsClient(address, None).ask(POLL)
        listener.close()

    run(work())


@pytest.mark.parametrize("name", ["", EIM])
def test_nobody_there(name: str) -> None:
    async def work() -> None:
        listener = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        address = listener.sockets[0].getsockname()[:2]
        listener.close()
        await listener.wait_closed()
        with pytest.raises(Unreachable, match=r"(?i)refused|connect"):
            await HttpsClient(address, client(), name=name).ask(POLL)
        with pytest.raises(Unreachable, match="no address"):
            await HttpsClient(("127.0.0.1", 70_000), client(), name=name).ask(POLL)

    run(work())


def test_a_server_that_is_silent_during_the_handshake() -> None:
    async def work() -> None:
        # from Python 3.13 on a connection that nobody holds is closed
        held: list[asyncio.StreamWriter] = []
        listener = await asyncio.start_server(lambda r, w: held.append(w), "127.0.0.1", 0)
        address = listener.sockets[0].getsockname()[:2]
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
            await HttpsClient(address, client(), timeout=0.2).ask(POLL)
        for writer in held:
            writer.close()
        listener.close()

    run(work())


# --- faults ---


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(reset=True), "reset"),
        (Fault(cut=3), "reset"),
        (Fault(silence=True), "no answer within"),
        (Fault(delay=1000.0), "no answer within"),
    ],
)
def test_faults_are_unreachable_servers(fault: Fault, said: str) -> None:
    async def work() -> None:
        def plan(request: Request, number: int) -> Fault | None:
            return fault if number == 1 else None

        clock = ScenarioClock()
        async with HttpsServer(Answers(), server(), faults=plan, clock=clock) as eim:
            ipa = ask(eim, clock=clock, timeout=300.0)
            with pytest.raises(Unreachable, match=f"(?i){said}"):
                await ipa.ask(POLL)
            # the server goes on serving
            assert (await ipa.ask(POLL)).body == NOTHING.body
            await ipa.close()

    run(work())


def test_what_is_cut_arrives_up_to_the_cut() -> None:
    async def work() -> bytes:
        async with HttpsServer(Answers(), None, faults=lambda r, n: Fault(cut=3)) as eim:
            reader, writer = await asyncio.open_connection(*eim.address)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(3)
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            writer.close()
            return head + body

    got = run(work())
    assert b"content-length: 6" in got
    assert got.endswith(b"\r\n\r\n" + NOTHING.body[:3])


def test_faults_of_status_and_header() -> None:
    async def work() -> Response:
        fault = Fault(status=503, headers=(("content-type", "text/plain"),))
        async with HttpsServer(Answers(), server(), faults=lambda r, n: fault) as eim:
            ipa = ask(eim)
            response = await ipa.ask(POLL)
            await ipa.close()
            return response

    response = run(work())
    assert (response.status, response.media) == (503, "text/plain")


def test_a_delay_takes_no_time_on_the_scenario_clock() -> None:
    async def work() -> float:
        clock = ScenarioClock(start=1_000.0)
        plan = lambda request, number: Fault(delay=3600.0)  # noqa: E731
        async with HttpsServer(Answers(), server(), faults=plan, clock=clock) as eim:
            patient = ask(eim, clock=clock, timeout=7200.0)
            assert (await patient.ask(POLL)).body == NOTHING.body
            await patient.close()
            hasty = ask(eim, clock=clock, timeout=60.0)
            with pytest.raises(Unreachable, match="no answer within 60 s"):
                await hasty.ask(POLL)
            return clock.now()

    assert 1_000 + 3600 + 60 <= run(work()) < 1_000 + 3600 + 600


def test_a_slow_body_arrives_whole_and_holds_up_nobody() -> None:
    slow = PacedRequest(POLL.path, POLL.media, POLL.body, POLL.headers, pace=2.0)

    async def work() -> list[float]:
        clock = ScenarioClock(start=0.0)
        seen: list[float] = []

        async def at(request: Request, caller: Caller) -> Response:
            assert request.body == POLL.body
            seen.append(clock.now())
            return NOTHING

        async with HttpsServer(at, server(), clock=clock, idle=600.0) as eim:
            ipa = ask(eim, clock=clock, timeout=300.0)
            answers = await asyncio.gather(ipa.ask(slow), ipa.ask(POLL))
            assert [one.body for one in answers] == [NOTHING.body] * 2
            await ipa.close()
        return seen

    # less than the slow body takes
    quick, late = run(work(), 30.0)
    assert quick < 30 < 2 * len(POLL.body) <= late


def test_a_slow_body_ends_where_the_server_has_enough() -> None:
    slow = PacedRequest(POLL.path, POLL.media, bytes(5000), POLL.headers, pace=0.02)

    async def work() -> None:
        async with HttpsServer(Answers(), server(), idle=0.2) as eim:
            ipa = ask(eim)
            with pytest.raises(Unreachable):
                await ipa.ask(slow)
            await ipa.close()

    # less than the body takes
    run(work(), 45.0)


# --- hostile clients ---

JUNK = [
    b"\x00" * 100,
    b"GET / HTTP/1.1\r\n\r\n" * 3,
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"A" * 70_000 + b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_answered_or_dropped(junk: bytes) -> None:
    async def work() -> None:
        async with HttpsServer(Answers(), None) as eim:
            async with plain_connection(eim) as (reader, writer):
                writer.write(junk)
                writer.write_eof()
                answered = await reader.read()
                assert answered == b"" or answered.startswith(b"HTTP/1.1 4") or b"PRI" in junk
            ipa = HttpsClient(eim.address, None)
            assert (await ipa.ask(POLL)).status == 200
            await ipa.close()

    run(work())


@pytest.mark.parametrize("junk", JUNK)
def test_junk_instead_of_tls_harms_nobody(junk: bytes) -> None:
    async def work() -> None:
        async with HttpsServer(Answers(), server()) as eim:
            async with plain_connection(eim) as (reader, writer):
                writer.write(junk)
                writer.write_eof()
                # an alert in the clear at most
                assert len(await reader.read()) < 16
            ipa = ask(eim)
            assert (await ipa.ask(POLL)).status == 200
            await ipa.close()

    run(work())


def test_methods_are_handed_up_and_answered_as_http_says() -> None:
    async def work() -> dict[bytes, bytes]:
        got = {}
        async with HttpsServer(Answers(), None) as eim:
            for method in (b"GET", b"HEAD", b"OPTIONS", b"CONNECT", b"BREW"):
                async with plain_connection(eim) as (reader, writer):
                    writer.write(method + b" /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    got[method] = await reader.read()
        return got

    got = run(work())
    status = {method: answer[9:12] for method, answer in got.items()}
    assert status == {b"GET": b"200", b"HEAD": b"200", b"OPTIONS": b"200", b"CONNECT": b"405",
                      b"BREW": b"200"}  # fmt: skip
    assert b"content-length: 6" in got[b"HEAD"]
    assert NOTHING.body not in got[b"HEAD"]
    assert NOTHING.body in got[b"GET"]


def test_pipelined_requests_are_answered_in_order() -> None:
    async def work() -> list[bytes]:
        async def echo(request: Request, caller: Caller) -> Response:
            await asyncio.sleep(0.01)
            return Response(200, "", request.path.encode())

        async with HttpsServer(echo, None) as eim, plain_connection(eim) as (reader, writer):
            for number in range(5):
                writer.write(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
            writer.write(b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            data = await reader.read()
            return [part.split(b"\r\n\r\n")[1] for part in data.split(b"HTTP/1.1 200")[1:]]

    assert run(work()) == [b"/0", b"/1", b"/2", b"/3", b"/4", b"/last"]


def test_who_half_closes_after_asking_is_answered() -> None:
    async def work() -> bytes:
        async def slow(request: Request, caller: Caller) -> Response:
            await asyncio.sleep(0.05)
            return NOTHING

        async with HttpsServer(slow, None) as eim, plain_connection(eim) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            writer.write_eof()
            return await reader.read()

    assert run(work()).endswith(NOTHING.body)


def test_expect_100_continue() -> None:
    async def work() -> bytes:
        async with HttpsServer(Answers(), None) as eim, plain_connection(eim) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                         b"Expect: 100-continue\r\nConnection: close\r\n\r\n")  # fmt: skip
            first = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"abc")
            return first + await reader.read()

    got = run(work())
    assert got.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 200" in got


def test_who_sends_without_end_while_it_is_answered_is_held_back() -> None:
    async def work() -> int:
        go_on = asyncio.Event()

        async def slow(request: Request, caller: Caller) -> Response:
            await go_on.wait()
            return NOTHING

        async with HttpsServer(slow, None) as eim:
            _, writer = await asyncio.open_connection(*eim.address)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            flood = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 4000
            for _ in range(300):  # 30 MB
                writer.write(flood)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(writer.drain(), 0.3)
            await until(lambda: eim.open)
            (connection,) = eim.open
            kept = connection._ahead
            go_on.set()
            writer.transport.abort()
            return kept

    assert run(work()) < 2_000_000


def test_who_trickles_is_closed_and_who_works_is_not() -> None:
    async def work() -> None:
        there, go_on = asyncio.Event(), asyncio.Event()

        async def slow(request: Request, caller: Caller) -> Response:
            there.set()
            await go_on.wait()
            return NOTHING

        async with HttpsServer(slow, server(), idle=IDLE) as eim:
            ipa = ask(eim)
            asked = asyncio.ensure_future(ipa.ask(POLL))
            await there.wait()
            loris = [await asyncio.open_connection(*eim.address) for _ in range(50)]
            await until(lambda: len(eim.open) > 1)
            # only who waits for its answer is left
            while len(eim.open) > 1:
                await asyncio.sleep(IDLE / 5)
                for _, writer in loris:
                    with contextlib.suppress(OSError):
                        writer.write(b"\x16")
            await asyncio.sleep(2 * IDLE)
            go_on.set()
            assert (await asked).body == NOTHING.body
            await ipa.close()
            for _, writer in loris:
                writer.close()

    run(work())


def test_who_does_not_read_is_closed() -> None:
    async def work() -> None:
        large = Answers(Response(200, "", bytes(12 << 20)))
        async with HttpsServer(large, None, idle=IDLE) as eim:
            _, writer = await asyncio.open_connection(*eim.address, limit=1)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: large.asked)
            assert len(eim.open) == 1
            await until(lambda: not eim.open)
            writer.transport.abort()

    run(work())


def test_connections_beyond_the_bound_are_refused() -> None:
    async def work() -> None:
        async with HttpsServer(Answers(), server(), most=3) as eim:
            idle = [await asyncio.open_connection(*eim.address) for _ in range(3)]
            with pytest.raises(Unreachable):
                await ask(eim).ask(POLL)
            assert eim.refused == 1
            for _, writer in idle:
                writer.close()
            await until(lambda: not eim.open)
            ipa = ask(eim)
            assert (await ipa.ask(POLL)).status == 200
            await ipa.close()

    run(work())


def test_half_open_handshakes_are_timed_out() -> None:
    """PKI-SRV-TLS-009: stop after the ClientHello, two hundred times."""

    async def work() -> None:
        context = ssl.create_default_context(cadata=PKI["p256"].ci.der)
        async with HttpsServer(Answers(), server(), idle=IDLE) as eim:
            writers = []
            for _ in range(200):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                one = context.wrap_bio(incoming, outgoing, server_hostname=EIM)
                with contextlib.suppress(ssl.SSLWantReadError):
                    one.do_handshake()
                _, writer = await asyncio.open_connection(*eim.address)
                writer.write(outgoing.read())
                writers.append(writer)
            ipa = ask(eim)
            assert (await ipa.ask(POLL)).status == 200
            await ipa.close()
            await until(lambda: not eim.open)
            for writer in writers:
                writer.close()

    run(work())


def test_a_hello_in_single_octets() -> None:
    """PKI-SRV-TLS-008: one octet of the ClientHello in each record."""

    async def work() -> bytes:
        context = ssl.create_default_context(cadata=PKI["p256"].ci.der)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        one = context.wrap_bio(incoming, outgoing, server_hostname=EIM)
        with contextlib.suppress(ssl.SSLWantReadError):
            one.do_handshake()
        hello = outgoing.read()[5:]
        async with (
            HttpsServer(Answers(), server()) as eim,
            plain_connection(eim) as (reader, writer),
        ):
            for octet in hello:
                writer.write(struct.pack("!BHHB", 22, 0x0301, 1, octet))
            return await reader.read(5)

    got = run(work())
    assert got[0] in (21, 22)  # a clean refusal or a ServerHello


def test_a_handler_that_fails_answers_500_and_says_so() -> None:
    async def work() -> tuple[int, list[str]]:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: told.append(c["message"]))

        async def broken(request: Request, caller: Caller) -> Response:
            raise KeyError("lost")

        async with HttpsServer(broken, server()) as eim:
            status = (await ask(eim).ask(POLL)).status
        return status, told

    status, told = run(work())
    assert status == 500
    assert told == ["the handler of /gsma/rsp2/asn1 failed"]


def test_an_answer_that_is_no_http_is_reported_and_ends_the_connection() -> None:
    async def work() -> list[str]:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: told.append(c["message"]))
        fault = Fault(headers=(("no name", "no\nvalue"),))
        async with HttpsServer(Answers(), server(), faults=lambda r, n: fault) as eim:
            with pytest.raises(Unreachable):
                await ask(eim).ask(POLL)
        return told

    assert run(work()) == ["an answer could not be sent"]


# --- impairment ---


def test_a_slow_and_lossy_link_delivers_all_on_the_scenario_clock() -> None:
    async def work() -> float:
        plan = Plan(loss=0.2, latency=0.5, rate=300.0, mtu=500)
        clock = ScenarioClock(start=0.0)
        answers = Answers(Response(200, NOTHING.media, LARGE))
        async with HttpsServer(answers, server(), clock=clock,
                               impairment=BadLink(plan, plan, 1)) as eim:  # fmt: skip
            ipa = ask(eim, clock=clock, timeout=6000.0)
            response = await ipa.ask(POLL)
            await ipa.close()
            assert response.body == LARGE
        return clock.now()

    # 30 kB at 300 B/s, which the wall is not waited for
    assert 100 < run(work(), 60.0) < 600


@pytest.mark.parametrize("octets", [0, 1, 300, 2500])
def test_a_connection_that_is_cut(octets: int) -> None:
    """In the handshake, and in the middle of the answer."""

    async def work() -> None:
        plan = Plan(cut={octets // 100 + 1: octets % 100}, mtu=100)
        answers = Answers(Response(200, NOTHING.media, LARGE))
        async with HttpsServer(answers, server(), impairment=BadLink(Plan(), plan)) as eim:
            with pytest.raises(Unreachable, match="reset"):
                await ask(eim).ask(POLL)
        assert len(answers.asked) == (octets == 2500)

    run(work())


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_bit_that_turns_is_caught_by_tls(version: int) -> None:
    async def work() -> None:
        for segment in range(1, 9):
            plan = Plan(corrupt=frozenset({segment}), mtu=150)
            async with HttpsServer(Answers(), server(highest=version),
                                   impairment=BadLink(Plan(), plan, segment)) as eim:  # fmt: skip
                ipa = ask(eim, timeout=2.0)
                with contextlib.suppress(Unreachable):
                    assert (await ipa.ask(POLL)).body == NOTHING.body
                await ipa.close()

    run(work())


# --- others at the other end ---


@oracle("curl")
def test_http2_is_accepted() -> None:
    async def work() -> None:
        answers = Answers(Response(200, NOTHING.media, LARGE))
        async with HttpsServer(answers, server(alpn=(b"h2", b"http/1.1"))) as eim:
            command = ("curl", "-sk", "--http2", "-m", "10", "--data-binary", "@-", "-H",
                       f"Content-Type: {POLL.media}", "-w", "%{http_version}",
                       f"https://127.0.0.1:{eim.address[1]}{POLL.path}")  # fmt: skip
            async with Program(*command) as curl:
                curl.say(POLL.body)
                curl.end()
                assert await curl.rest() == LARGE + b"2"
        assert answers.asked[0].body == POLL.body

    run(work())


def test_the_standard_library_connects() -> None:
    async def work() -> str:
        async with HttpsServer(Answers(), server()) as eim:
            context = ssl.create_default_context(cadata=PKI["p256"].ci.der)
            _, writer = await asyncio.open_connection(
                *eim.address, ssl=context, server_hostname=EIM
            )
            version = writer.get_extra_info("ssl_object").version()
            writer.close()
            return version

    assert run(work()) == "TLSv1.3"


# --- a handler that breaks the connection ---


@pytest.mark.parametrize("octets", [None, 3])
def test_a_handler_may_break_the_connection(octets: int | None) -> None:
    """Before the answer or within its body; the client is told, and no 500 is made of it."""

    async def handler(request: Request, caller: Caller) -> Response:
        raise Broken(None if octets is None else Response(200, "", LARGE), octets or 0)

    async def go() -> None:
        async with HttpsServer(handler, server()) as home:
            asker = ask(home)
            with pytest.raises(Unreachable):
                await asker.ask(POLL)
            await asker.close()

    run(go())
