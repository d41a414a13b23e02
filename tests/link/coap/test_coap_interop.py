"""Our endpoints against aiocoap and libcoap on loopback, and the observer on what they said."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import TypeVar

import pytest
from coap_driver import Driver, running
from coap_net import endpoint
from coap_sink import observe, told
from free_ports import free_port

from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.exchange import (
    BlockAnswered,
    RequestArrived,
    RequestKnobs,
    Response,
    ResponseArrived,
    make_request,
    make_response,
)
from dissectors.link.coap.message import empty, encode
from dissectors.link.coap.server import ServerKnobs

PATH = "/gsma/rsp2/asn1"
LARGE = random.Random(1).randbytes(30_000)
T = TypeVar("T")


def reversing(event: RequestArrived) -> Response:
    return make_response(codes.CHANGED, event.request.body[::-1], content_format=42)


def run(work: Awaitable[T], seconds: float = 120.0) -> T:
    async def bounded() -> T:
        return await asyncio.wait_for(work, seconds)

    return asyncio.run(bounded())


async def ask(driver: Driver, port: int, body: bytes, path: str = PATH, **knobs: object):
    driver.endpoint.request(
        make_request(path, body, content_format=42),
        ("127.0.0.1", port),
        driver.now,
        RequestKnobs(**knobs),  # type: ignore[arg-type]
    )
    driver.flush()
    while isinstance(event := await driver.events.get(), BlockAnswered):
        pass
    return event


def assert_told(driver: Driver, body: bytes, answer: bytes) -> None:
    sink = observe(driver.log)
    assert told(sink) == [("0.02", body), ("2.04", answer)]
    assert sink.problems == []


# aiocoap, in this process.


@contextlib.asynccontextmanager
async def their_context(bind: tuple[str, int] | None = None, site=None) -> AsyncIterator:
    aiocoap = pytest.importorskip("aiocoap", reason="aiocoap is not installed")
    if site is None:
        context = await aiocoap.Context.create_client_context(transports=["simple6"])
    else:
        context = await aiocoap.Context.create_server_context(
            site, bind=bind, transports=["simplesocketserver"]
        )
    try:
        yield context
    finally:
        await context.shutdown()


@pytest.mark.oracle("aiocoap")
@pytest.mark.parametrize("szx", [2, 6])
@pytest.mark.parametrize("think", [0.0, 1.3], ids=["at once", "separate"])
def test_aiocoap_client_to_our_server(szx: int, think: float) -> None:
    aiocoap = pytest.importorskip("aiocoap", reason="aiocoap is not installed")
    driver = Driver(endpoint(1, server_knobs=ServerKnobs(szx=szx)), reversing, think)
    body = LARGE if szx == 6 else LARGE[:3000]

    async def work() -> None:
        async with running(driver) as port, their_context() as context:
            message = aiocoap.Message(
                code=aiocoap.POST, uri=f"coap://127.0.0.1:{port}{PATH}", payload=body
            )
            message.opt.content_format = 42
            response = await context.request(message).response
            assert (str(response.code), response.payload) == ("2.04 Changed", body[::-1])

    run(work())
    assert [r.request.body for r in driver.requests] == [body]
    assert_told(driver, body, body[::-1])


@pytest.mark.oracle("aiocoap")
@pytest.mark.parametrize("szx", [3, 6])
@pytest.mark.parametrize("think", [0.0, 1.3], ids=["at once", "separate"])
def test_our_client_to_aiocoap_server(szx: int, think: float) -> None:
    aiocoap = pytest.importorskip("aiocoap", reason="aiocoap is not installed")
    resource = pytest.importorskip("aiocoap.resource", reason="aiocoap is not installed")
    body = LARGE if szx == 6 else LARGE[:3000]
    seen: list[bytes] = []

    class Reversing(resource.Resource):
        async def render_post(self, request):
            await asyncio.sleep(think)
            seen.append(request.payload)
            return aiocoap.Message(code=aiocoap.CHANGED, payload=request.payload[::-1])

    site = resource.Site()
    site.add_resource(PATH.strip("/").split("/"), Reversing())
    driver = Driver(endpoint(1))

    async def work() -> None:
        port = free_port()
        async with their_context(("127.0.0.1", port), site), running(driver):
            event = await ask(driver, port, body, szx=szx, ask_szx=szx)
            assert isinstance(event, ResponseArrived)
            assert event.response.body == body[::-1]

    run(work())
    assert seen == [body]
    assert_told(driver, body, body[::-1])


# libcoap, in a process of its own.


def libcoap(tool: str) -> str:
    found = next((p for p in (f"{tool}-openssl", f"{tool}-gnutls", tool) if shutil.which(p)), None)
    if found is None:
        pytest.skip(f"{tool} of libcoap is not installed (Debian: libcoap3-bin)")
    return found


async def coap_client(*arguments: str) -> tuple[bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        libcoap("coap-client"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        return await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()


@pytest.mark.oracle("libcoap")
@pytest.mark.parametrize("size", ["64", "1024"])
@pytest.mark.parametrize("think", [0.0, 1.3], ids=["at once", "separate"])
def test_libcoap_client_to_our_server(tmp_path: Path, size: str, think: float) -> None:
    body = LARGE if size == "1024" else LARGE[:2000]
    (tmp_path / "body").write_bytes(body)
    driver = Driver(endpoint(1), reversing, think)

    async def work() -> None:
        async with running(driver) as port:
            await coap_client(
                *("-m", "post", "-b", size, "-t", "42", "-B", "90"),
                *("-f", str(tmp_path / "body"), "-o", str(tmp_path / "out")),
                f"coap://127.0.0.1:{port}{PATH}",
            )

    run(work())
    assert [r.request.body for r in driver.requests] == [body]
    assert [r.request.content_format for r in driver.requests] == [42]
    assert (tmp_path / "out").read_bytes() == body[::-1]
    assert_told(driver, body, body[::-1])


@pytest.mark.oracle("libcoap")
@pytest.mark.parametrize("loss", ["2", "4"])
def test_libcoap_client_that_loses_datagrams(tmp_path: Path, loss: str) -> None:
    """`-l` has libcoap drop its own datagrams by number: it sends them again after ACK_TIMEOUT."""
    body = LARGE[:5000]
    (tmp_path / "body").write_bytes(body)
    driver = Driver(endpoint(1), reversing)

    async def work() -> None:
        async with running(driver) as port:
            await coap_client(
                *("-m", "post", "-l", loss, "-B", "90"),
                *("-f", str(tmp_path / "body"), "-o", str(tmp_path / "out")),
                f"coap://127.0.0.1:{port}{PATH}",
            )

    run(work())
    assert [r.request.body for r in driver.requests] == [body]
    assert (tmp_path / "out").read_bytes() == body[::-1]


@pytest.mark.oracle("libcoap")
def test_libcoap_client_reads_our_error(tmp_path: Path) -> None:
    driver = Driver(endpoint(1), reversing)

    async def work() -> bytes:
        async with running(driver) as port:
            uri = f"coap://127.0.0.1:{port}{PATH}"
            _, error = await coap_client("-m", "post", "-O", "65001,x", "-B", "90", uri)
            return error

    assert b"4.02" in run(work())
    assert driver.requests == []


@contextlib.asynccontextmanager
async def coap_server(port: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        libcoap("coap-server"),
        *("-A", "127.0.0.1", "-p", str(port), "-d", "10", "-v", "1"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await answered_ping(port)
        yield
    finally:
        process.kill()
        await process.wait()


async def answered_ping(port: int) -> None:
    """Wait until a server answers on a port."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        probe.connect(("127.0.0.1", port))
        for number in range(1000):
            with contextlib.suppress(OSError, TimeoutError):
                probe.send(encode(empty(codes.CON, number)))
                await asyncio.wait_for(loop.sock_recv(probe, 64), 0.05)
                return
            await asyncio.sleep(0.02)
    raise AssertionError("coap-server does not answer")


@pytest.mark.oracle("libcoap")
@pytest.mark.parametrize("szx", [2, 6])
def test_our_client_to_libcoap_server(szx: int) -> None:
    """PUT makes a resource, GET brings it back, both in blocks."""
    body = LARGE if szx == 6 else LARGE[:2000]
    driver = Driver(endpoint(1))
    path = opt.path_options("/profile")

    async def work() -> None:
        port = free_port()
        async with coap_server(port), running(driver):
            for code, payload in ((codes.PUT, body), (codes.GET, b"")):
                request = make_request("/profile", payload, code=code)
                assert request.options == path
                knobs = RequestKnobs(szx=szx, ask_szx=szx if code == codes.GET else None)
                driver.endpoint.request(request, ("127.0.0.1", port), driver.now, knobs)
                driver.flush()
                while isinstance(event := await driver.events.get(), BlockAnswered):
                    pass
                assert isinstance(event, ResponseArrived), event
                if code == codes.PUT:
                    assert event.response.code_text == "2.01"
                else:
                    assert (event.response.code_text, event.response.body) == ("2.05", body)

    run(work())
    assert told(observe(driver.log)) == [
        ("0.03", body),
        ("2.01", b""),
        ("0.01", b""),
        ("2.05", body),
    ]


@pytest.mark.oracle("libcoap")
def test_separate_response_of_libcoap_server() -> None:
    driver = Driver(endpoint(1))

    async def work() -> None:
        port = free_port()
        async with coap_server(port), running(driver):
            request = make_request("/async", code=codes.GET, queries=("1",))
            driver.endpoint.request(request, ("127.0.0.1", port), driver.now)
            driver.flush()
            event = await driver.events.get()
            assert isinstance(event, ResponseArrived), event
            assert event.response.code_text == "2.05"

    run(work())
    sink = observe(driver.log)
    assert [t.code_text for t in sink.transfers] == ["0.01", "2.05"]
    assert any(r.separate for r in sink.records)
