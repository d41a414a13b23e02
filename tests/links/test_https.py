"""The HTTPS link: both ends, TLS versions and curves, faults, and the capture of it."""

from __future__ import annotations

import asyncio
import io
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from dissectors.link.stream import Endpoint
from dissectors.trace.read import read_trace
from sgprobe.crypto.pki import Credential, TestPki
from sgprobe.exchange import Request, Response
from sgprobe.links.fault import Fault
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.https_server import Caller, HttpsServer
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TLS12, TLS13, Identity, TlsSettings

PKI = TestPki.load()
POLL = Request(
    "/gsma/rsp2/asn1",
    "application/x-gsma-rsp-asn1",
    bytes.fromhex("BF4F125A1089049032123451234512345678901235"),
    (("x-admin-protocol", "gsma/rsp/v2.1.0"),),
)
NOTHING = Response(
    200,
    "application/x-gsma-rsp-asn1",
    bytes.fromhex("BF4F03020101"),
    (("x-admin-protocol", "gsma/rsp/v2.1.0"),),
)
EIM = "eim.example.com"


def identity_of(credential: Credential) -> Identity:
    return Identity(tuple(one.der for one in credential.path), credential.key)


async def answer(request: Request, caller: Caller) -> Response:
    return NOTHING if request.body == POLL.body else Response(400)


def server_settings(curve: str, **changes: object) -> TlsSettings:
    return TlsSettings(identity=identity_of(PKI[curve]["eim-tls"]), verify=False, **changes)  # type: ignore[arg-type]


def client_settings(curve: str, **changes: object) -> TlsSettings:
    return TlsSettings(trust=(PKI[curve].ci.der,), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_poll_and_its_capture(curve: str, version: int, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"

    async def run() -> Response:
        with Tape.at(path) as tape:
            async with HttpsServer(answer, server_settings(curve), tape=tape) as server:
                client = HttpsClient(
                    server.address,
                    client_settings(curve, lowest=version, highest=version),
                    name=EIM,
                )
                first = await client.ask(POLL)
                again = await client.ask(POLL)
                await client.close()
                assert first == again
                return first

    response = asyncio.run(run())
    assert (response.status, response.body) == (NOTHING.status, NOTHING.body)
    trace = read_trace(str(path))
    assert [m.type for m in trace.messages] == ["GetEimPackageRequest", "GetEimPackageResponse"] * 2
    assert all(m.transport == "https" and not m.problems for m in trace.messages)
    assert [s.decryption for s in trace.sessions] == ["complete"]


def ask(server: HttpsServer, **changes: object) -> HttpsClient:
    return HttpsClient(server.address, client_settings("p256"), name=EIM, **changes)  # type: ignore[arg-type]


def test_unknown_ca_is_refused_and_the_alert_seen() -> None:
    async def run() -> list[tuple[bool, int]]:
        async with HttpsServer(answer, server_settings("p256")) as server:
            client = HttpsClient(server.address, client_settings("brainpool"), name=EIM)
            with pytest.raises(Unreachable, match="certificate verify failed"):
                await client.ask(POLL)
            await asyncio.sleep(0.05)
            assert [(a.sent, a.description) for a in client.alerts] == [(True, 48)]
            return [(a.sent, a.description) for a in server.alerts]

    assert asyncio.run(run()) == [(False, 48)]


def test_another_name_is_refused() -> None:
    async def run() -> None:
        async with HttpsServer(answer, server_settings("p256")) as server:
            client = HttpsClient(server.address, client_settings("p256"), name="other.example.com")
            with pytest.raises(Unreachable, match="not for other.example.com"):
                await client.ask(POLL)

    asyncio.run(run())


def test_mutual_authentication() -> None:
    async def run() -> tuple[str, int]:
        settings = TlsSettings(
            identity=identity_of(PKI["p256"]["eim-tls"]), trust=(PKI["p256"].ci.der,)
        )
        seen: list[str] = []

        async def name_caller(request: Request, caller: Caller) -> Response:
            assert caller.session is not None
            seen.append(caller.session.peer_chain[0].subject.rfc4514_string())
            return NOTHING

        async with HttpsServer(name_caller, settings) as server:
            trust = (PKI["p256"].ci.der,)
            good = HttpsClient(
                server.address,
                TlsSettings(identity=identity_of(PKI["p256"]["dptls"]), trust=trust),
                name=EIM,
            )
            await good.ask(POLL)
            await good.close()
            bare = HttpsClient(server.address, TlsSettings(trust=trust), name=EIM)
            with pytest.raises(Unreachable):
                await bare.ask(POLL)
            return seen[0], server.requests

    who, requests = asyncio.run(run())
    assert "SM-DP+" in who or "CN=" in who
    assert requests == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(reset=True), "reset|closed|peer"),
        (Fault(cut=3), "reset|closed|received|peer"),
        (Fault(silence=True), "no answer within"),
    ],
)
def test_faults_are_unreachable_servers(fault: Fault, said: str) -> None:
    async def run() -> None:
        plan = lambda request, number: fault if number == 1 else None  # noqa: E731
        async with HttpsServer(answer, server_settings("p256"), faults=plan) as server:
            client = ask(server, timeout=0.5)
            with pytest.raises(Unreachable, match=f"(?i){said}"):
                await client.ask(POLL)
            # the server goes on serving
            assert (await client.ask(POLL)).body == NOTHING.body
            await client.close()

    asyncio.run(run())


def test_faults_of_status_and_header() -> None:
    async def run() -> Response:
        fault = Fault(status=503, headers=(("content-type", "text/plain"),))
        async with HttpsServer(
            answer, server_settings("p256"), faults=lambda r, n: fault
        ) as server:
            client = ask(server)
            response = await client.ask(POLL)
            await client.close()
            return response

    response = asyncio.run(run())
    assert (response.status, response.media) == (503, "text/plain")


@pytest.mark.parametrize(
    "junk",
    [b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n" * 3, b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
     b"A" * 70000 + b"\r\n\r\n"],
)  # fmt: skip
def test_junk_is_answered_or_dropped(junk: bytes) -> None:
    async def run() -> None:
        async with HttpsServer(answer, None) as server:
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(junk)
            writer.write_eof()
            answered = await asyncio.wait_for(reader.read(), 5)
            assert answered == b"" or answered.startswith(b"HTTP/1.1 4")
            writer.close()
            client = HttpsClient(server.address, None)
            assert (await client.ask(POLL)).status == 200
            await client.close()

    asyncio.run(run())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_http2_is_accepted() -> None:
    async def run() -> bytes:
        settings = server_settings("p256", alpn=(b"h2", b"http/1.1"))
        async with HttpsServer(answer, settings) as server:
            port = server.address[1]
            process = await asyncio.create_subprocess_exec(
                "curl",
                "-sk",
                "--http2",
                "-m",
                "10",
                "--data-binary",
                "@-",
                "-H",
                "Content-Type: application/x-gsma-rsp-asn1",
                "-w",
                "%{http_version}",
                f"https://127.0.0.1:{port}/gsma/rsp2/asn1",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            out, _ = await process.communicate(POLL.body)
            return out

    assert asyncio.run(run()) == NOTHING.body + b"2"


def test_the_standard_library_connects() -> None:
    async def run() -> str:
        async with HttpsServer(answer, server_settings("p256")) as server:
            context = ssl.create_default_context(cadata=PKI["p256"].ci.der)
            _, writer = await asyncio.open_connection(
                *server.address, ssl=context, server_hostname=EIM
            )
            version = writer.get_extra_info("ssl_object").version()
            writer.close()
            return version

    assert asyncio.run(run()) == "TLSv1.3"


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
