"""Polls over HTTPS: many TLS connections at once against one server process.

    python benchmarks/serve_polls.py                   2,000 connections, 5 polls each
    python benchmarks/serve_polls.py 5000 2 --loop uvloop

The server is `HttpsServer` with a handler that answers "no package"; clients run in a process of
their own. Prints handshakes and polls a second, errors, and the memory of the server.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import time
from collections.abc import Coroutine
from multiprocessing.connection import Connection

from sgprobe.crypto.pki import TestPki
from sgprobe.exchange import Request, Response
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.https_server import Caller, HttpsServer
from sgprobe.links.tls import Identity, TlsSettings

PATH, MEDIA = "/gsma/rsp2/asn1", "application/x-gsma-rsp-asn1"
POLL = Request(PATH, MEDIA, bytes.fromhex("BF4F125A1089049032123451234512345678901235"))
NOTHING = Response(200, MEDIA, bytes.fromhex("BF4F03020101"))
EIM = "eim.example.com"


def run(work: Coroutine[None, None, None], loop: str) -> None:
    if loop == "uvloop":
        import uvloop

        uvloop.run(work)
    else:
        asyncio.run(work)


def resident() -> float:
    """Return the memory of this process in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def serve(pipe: Connection, curve: str, loop: str) -> None:
    async def answer(request: Request, caller: Caller) -> Response:
        return NOTHING

    async def work() -> None:
        eim = TestPki.load()[curve]["eim-tls"]
        identity = Identity(tuple(one.der for one in eim.path), eim.key)
        server = HttpsServer(answer, TlsSettings(identity=identity, verify=False))
        async with server:
            empty = resident()
            pipe.send(server.address)
            held = 0
            while not pipe.poll():
                await asyncio.sleep(0.2)
                held = max(held, len(server.open))
            pipe.send((empty, resident(), held, server.requests, len(server.failures)))

    run(work(), loop)


async def load(address: tuple[str, int], curve: str, count: int, polls: int, at_once: int) -> None:
    settings = TlsSettings(trust=(TestPki.load()[curve].ci.der,))
    clients = [HttpsClient(address, settings, name=EIM, timeout=300.0) for _ in range(count)]
    errors: list[str] = []
    gate = asyncio.Semaphore(at_once)

    async def ask(client: HttpsClient) -> None:
        async with gate:
            try:
                response = await client.ask(POLL)
                if response.body != NOTHING.body:
                    errors.append(f"status {response.status}")
            except Unreachable as error:
                errors.append(str(error))

    began = time.perf_counter()
    await asyncio.gather(*(ask(client) for client in clients))
    first = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(polls - 1):
        await asyncio.gather(*(ask(client) for client in clients))
    rest = time.perf_counter() - began
    print(
        f"{count} connections: {first:.1f} s, {count / first:.0f} handshakes with a poll a second"
    )
    if polls > 1:
        print(f"{count * (polls - 1)} polls more: {count * (polls - 1) / rest:.0f} a second")
    print(f"errors: {len(errors)} {sorted(set(errors))[:3]}")
    for client in clients:
        await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=2000)
    parser.add_argument("polls", type=int, nargs="?", default=5)
    parser.add_argument("--curve", default="p256", choices=["p256", "brainpool"])
    parser.add_argument("--loop", default="asyncio", choices=["asyncio", "uvloop"])
    parser.add_argument("--at-once", type=int, help="requests under way; default: all")
    given = parser.parse_args()
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(there, given.curve, given.loop))
    server.start()
    address = here.recv()
    at_once = given.at_once or given.count
    run(load(address, given.curve, given.count, given.polls, at_once), given.loop)
    here.send("done")
    empty, full, held, requests, failures = here.recv()
    server.join()
    print(f"server: {requests} requests, {failures} failed handshakes, {held} connections held, "
          f"{empty:.0f} MB before, {full:.0f} MB after")  # fmt: skip


if __name__ == "__main__":
    main()
