"""CoAP with libcoap's programs and with aiocoap at the other end, plain and over DTLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from free_ports import free_port
from links_kit import (
    EIM,
    LARGE,
    MEDIA,
    NOTHING,
    PATH,
    POLL,
    Answers,
    Program,
    has_datagram_port,
    mutual,
    oracle,
    run,
    until,
    write_pem,
)

from sgprobe.exchange import Request, Response
from sgprobe.links.coap_binding import Binding
from sgprobe.links.coap_link import CoapLink

CLIENTS = [pytest.param("coap-client-openssl", marks=oracle("coap-client-openssl")),
           pytest.param("coap-client-gnutls", marks=oracle("coap-client-gnutls"))]  # fmt: skip
SERVERS = [pytest.param("coap-server-openssl", marks=oracle("coap-server-openssl")),
           pytest.param("coap-server-gnutls", marks=oracle("coap-server-gnutls"))]  # fmt: skip


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("size", ["64", "1024"])
@pytest.mark.parametrize("program", CLIENTS)
def test_libcoap_client(program: str, size: str, secure: bool, tmp_path: Path) -> None:
    """Block1 up, Block2 down, with the block size that the client likes."""
    chain, key, root = write_pem(tmp_path, "p256", "dptls")
    body, out = tmp_path / "body", tmp_path / "out"
    body.write_bytes(POLL.body * 100)

    async def work() -> None:
        answers = Answers(Response(200, MEDIA, LARGE))
        settings = mutual("p256", "eim-tls") if secure else None
        async with CoapLink(settings, handler=answers) as eim:
            scheme = "coaps" if secure else "coap"
            command = (program, "-m", "post", "-t", "42", "-b", size, "-f", str(body), "-o",
                       str(out), "-B", "90", "-c", chain, "-j", key, "-C", root,
                       f"{scheme}://127.0.0.1:{eim.address[1]}{PATH}")  # fmt: skip
            async with Program(*command) as client:
                said = await client.rest()
            assert [one.body for one in answers.asked] == [POLL.body * 100], said
            assert (answers.asked[0].path, answers.asked[0].media) == (PATH, MEDIA)
        assert out.read_bytes() == LARGE

    run(work())


@pytest.mark.parametrize("program", CLIENTS[:1])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-m", "get"), b"4.05"),
        (("-m", "post", "-t", "0"), b"4.15"),
        (("-m", "post", "-A", "60"), b"4.06"),
        (("-m", "post", "-O", "65001,x"), b"4.02"),
        (("-m", "post", "-O", "65000,x"), b""),
    ],
)
def test_what_a_role_refuses_comes_back_as_a_code(
    program: str, options: tuple[str, ...], said: bytes
) -> None:
    async def eim_(request: Request, caller: object) -> Response:
        if request.method != "POST":
            return Response(405)
        return NOTHING if request.media == MEDIA else Response(415)

    async def work() -> bytes:
        async with CoapLink(None, handler=eim_) as eim:
            uri = f"coap://127.0.0.1:{eim.address[1]}{PATH}"
            async with Program(program, *options, "-e", "xyz", "-B", "90", uri) as client:
                return await client.rest()

    got = run(work())
    assert said in got
    assert bool(said) != (NOTHING.body in got)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("program", SERVERS)
def test_libcoap_server(program: str, secure: bool, tmp_path: Path) -> None:
    """What is put in blocks is got back in blocks."""
    chain, key, root = write_pem(tmp_path, "p256", "eim-tls")
    port = free_port(2)  # the next one is for DTLS

    async def work() -> None:
        command = (program, "-A", "127.0.0.1", "-p", str(port), "-d", "10", "-c", chain, "-j", key,
                   "-C", root)  # fmt: skip
        async with Program(*command):
            await until(lambda: has_datagram_port(port + secure))  # it says nothing
            settings = mutual("p256", "dptls") if secure else None
            async with CoapLink(settings, name=EIM, binding=Binding(uri_host=False)) as ipa:
                address = ("127.0.0.1", port + secure)
                put = await ipa.ask(address, Request("/shelf", MEDIA, LARGE, method="PUT"))
                assert put.header("coap-code") in ("2.01", "2.04")
                got = await ipa.ask(address, Request("/shelf", "", b"", method="GET"))
                assert got.body == LARGE
                missing = await ipa.ask(address, Request("/nothing", "", b"", method="GET"))
                assert (missing.status, missing.header("coap-code")) == (404, "4.04")

    run(work())


# --- aiocoap ---

aiocoap = pytest.importorskip("aiocoap", reason="aiocoap is not installed")


@pytest.mark.parametrize("size", [21, 3000, 30_000])
def test_aiocoap_client(size: int) -> None:
    async def work() -> None:
        answers = Answers(Response(200, MEDIA, LARGE))
        async with CoapLink(None, handler=answers) as eim:
            context = await aiocoap.Context.create_client_context(transports=["simple6"])
            message = aiocoap.Message(
                code=aiocoap.POST,
                uri=f"coap://127.0.0.1:{eim.address[1]}{PATH}",
                payload=bytes(size),
            )
            response = await context.request(message).response
            await context.shutdown()
        assert response.code.dotted == "2.04"
        assert response.payload == LARGE
        assert [len(one.body) for one in answers.asked] == [size]

    run(work())


@pytest.mark.parametrize("size", [21, 3000, 30_000])
def test_aiocoap_server(size: int) -> None:
    from aiocoap import resource

    class Echo(resource.Resource):  # type: ignore[misc]
        async def render_post(self, request: object) -> object:
            await asyncio.sleep(0.01)
            return aiocoap.Message(code=aiocoap.CHANGED, payload=request.payload)  # type: ignore[attr-defined]

    async def work() -> None:
        site = resource.Site()
        site.add_resource(["gsma", "rsp2", "asn1"], Echo())
        port = free_port()
        context = await aiocoap.Context.create_server_context(
            site, bind=("127.0.0.1", port), transports=["simplesocketserver"]
        )
        async with CoapLink(None) as ipa:
            body = bytes(number & 255 for number in range(size))
            response = await ipa.ask(("127.0.0.1", port), Request(PATH, MEDIA, body))
            assert (response.status, response.body) == (200, body)
        await context.shutdown()

    run(work())
