"""CoAP over UDP and DTLS: both ends, curves and suites, loss, and the capture of it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from dissectors.trace.read import read_trace
from sgprobe.crypto.pki import Credential, TestPki
from sgprobe.exchange import Request, Response
from sgprobe.links.clock import ScenarioClock
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.https_client import Unreachable
from sgprobe.links.impairment import BadLink, Plan
from sgprobe.links.tape import Address, Tape
from sgprobe.links.tls import Identity, TlsSettings

PKI = TestPki.load()
PATH = "/gsma/rsp2/asn1"
POLL = Request(PATH, "", bytes.fromhex("BF4F125A1089049032123451234512345678901235"))
NOTHING = bytes.fromhex("BF4F03020101")
LARGE = b"\x30\x82\x75\x2c" + bytes(30_000)


def identity_of(credential: Credential) -> Identity:
    return Identity(tuple(one.der for one in credential.path), credential.key)


def settings_of(curve: str, name: str, ciphers: str = "") -> TlsSettings:
    pki = PKI[curve]
    return TlsSettings(identity=identity_of(pki[name]), trust=(pki.ci.der,), ciphers=ciphers)


class Server:
    def __init__(self, body: bytes = NOTHING) -> None:
        self.bodies: list[bytes] = []
        self.body = body

    async def __call__(self, request: Request, address: Address) -> Response:
        self.bodies.append(request.body)
        return Response(200, "", self.body)


SUITES = ["ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0", "ECDHE-ECDSA-AES128-CCM",
          "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"]  # fmt: skip


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_poll_over_dtls_and_its_capture(curve: str, suite: str, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"

    async def run() -> Response:
        server = Server()
        with Tape.at(path) as tape:
            async with (
                CoapLink(settings_of(curve, "eim-tls", suite), handler=server, tape=tape) as eim,
                CoapLink(settings_of(curve, "dptls", suite), name="eim.example.com") as ipa,
            ):
                response = await asyncio.wait_for(ipa.ask(eim.address, POLL), 10)
        assert server.bodies == [POLL.body]
        return response

    response = asyncio.run(run())
    assert response.body == NOTHING
    assert response.header("coap-code") == "2.04"
    trace = read_trace(str(path))
    assert [m.type for m in trace.messages] == ["GetEimPackageRequest", "GetEimPackageResponse"]
    assert {m.transport for m in trace.messages} == {"coaps"}
    assert not [p for m in trace.messages for p in m.problems]


def test_many_peers_on_one_port() -> None:
    async def run() -> int:
        server = Server()
        async with CoapLink(settings_of("p256", "eim-tls"), handler=server) as eim:
            ipas = [CoapLink(settings_of("p256", "dptls")) for _ in range(20)]
            for ipa in ipas:
                await ipa.start()
            await asyncio.gather(*(ipa.ask(eim.address, POLL) for ipa in ipas))
            for ipa in ipas:
                await ipa.stop()
        return len(server.bodies)

    assert asyncio.run(run()) == 20


def test_handshake_in_small_datagrams() -> None:
    async def run() -> Response:
        server = Server(LARGE)
        async with (
            CoapLink(settings_of("p256", "eim-tls"), handler=server, mtu=256) as eim,
            CoapLink(settings_of("p256", "dptls"), mtu=256) as ipa,
        ):
            return await asyncio.wait_for(ipa.ask(eim.address, POLL), 10)

    assert asyncio.run(run()).body == LARGE


def test_a_stranger_is_refused_and_others_go_on() -> None:
    async def run() -> None:
        server = Server()
        async with (
            CoapLink(settings_of("p256", "eim-tls"), handler=server) as eim,
            CoapLink(settings_of("brainpool", "dptls")) as stranger,
            CoapLink(settings_of("p256", "dptls")) as ipa,
        ):
            with pytest.raises(Unreachable, match="DTLS"):
                await asyncio.wait_for(stranger.ask(eim.address, POLL), 10)
            assert (await ipa.ask(eim.address, POLL)).body == NOTHING
        assert server.bodies == [POLL.body]

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(6))
def test_loss_and_disorder_lose_and_repeat_nothing(seed: int) -> None:
    """15 % loss and reordering both ways after the handshake, on the scenario clock."""

    async def run() -> tuple[int, int]:
        server = Server(LARGE)
        # the handshake runs in real time: its datagrams are left alone here
        plan = Plan(loss=0.15, disorder=0.15, copies=0.1, after=8)
        clock = ScenarioClock()
        knobs = CoapKnobs(seed=seed)
        async with (
            CoapLink(settings_of("p256", "eim-tls"), handler=server, clock=clock,
                     impairment=BadLink(plan, plan, seed), knobs=knobs) as eim,
            CoapLink(settings_of("p256", "dptls"), clock=clock, knobs=knobs) as ipa,
        ):  # fmt: skip
            done = 0
            for _ in range(3):
                try:
                    response = await asyncio.wait_for(ipa.ask(eim.address, POLL), 60)
                except Unreachable:
                    continue  # CoAP gives up after its retransmissions; the caller asks again
                assert response.body == LARGE
                done += 1
        return done, len(server.bodies)

    done, executed = asyncio.run(run())
    assert executed <= 3
    assert 1 <= done <= 3


def test_junk_harms_nobody() -> None:
    async def run() -> None:
        server = Server()
        async with CoapLink(settings_of("p256", "eim-tls"), handler=server) as eim:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=eim.address
            )
            for junk in (b"", b"\0", b"\x16\xfe\xfd" + bytes(20), b"\xff" * 1400, b"\x40\x01\0\1"):
                transport.sendto(junk)
            async with CoapLink(settings_of("p256", "dptls")) as ipa:
                assert (await asyncio.wait_for(ipa.ask(eim.address, POLL), 10)).body == NOTHING
            transport.close()

    asyncio.run(run())


@pytest.mark.skipif(shutil.which("coap-client-openssl") is None, reason="libcoap is not installed")
def test_libcoap_client_is_answered(tmp_path: Path) -> None:
    async def run() -> bytes:
        server = Server(LARGE)
        async with CoapLink(None, handler=server) as eim:
            out = tmp_path / "out"
            body = tmp_path / "body"
            body.write_bytes(POLL.body)
            port = eim.address[1]
            process = await asyncio.create_subprocess_exec(
                "coap-client-openssl", "-m", "post", "-f", str(body), "-o", str(out), "-B", "10",
                f"coap://127.0.0.1:{port}{PATH}",
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            await process.wait()
            assert server.bodies == [POLL.body]
            return out.read_bytes()

    assert asyncio.run(run()) == LARGE
