"""Polls over CoAP and DTLS: many peers held by one server process.

    python benchmarks/coaps_polls.py                   5,000 peers, 1,000 polls a second for 10 s
    python benchmarks/coaps_polls.py 500 --seconds 5 --curve brainpool
    python benchmarks/coaps_polls.py --bare        the link alone, certificates on both sides

The server is the eIM of `sgprobe serve eim --coaps`, which has no package for anybody; the peers
live in a process of their own, each with a socket of its own. First all handshakes, so many at a
time; then polls at a steady rate, each from the next peer. Prints rates, answer times, errors, and
memory per peer.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection

from sgprobe.crypto.pki import TestPki
from sgprobe.exchange import Request, Response
from sgprobe.host.stand import Plan, Stand
from sgprobe.links.caller import Caller
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.https_client import Unreachable
from sgprobe.links.tape import Address
from sgprobe.links.tls import Identity, TlsSettings

POLL = Request("/gsma/rsp2/asn1", "", bytes.fromhex("BF4F125A1089049032123451234512345678901235"))
NOTHING = bytes.fromhex("BF4F03020101")
_HANDSHAKES_AT_ONCE = 64


def resident() -> float:
    """Return the memory of this process in kB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e3


def settings(curve: str, name: str, suite: str) -> TlsSettings:
    pki = TestPki.load()[curve]
    identity = Identity(tuple(one.der for one in pki[name].path), pki[name].key)
    return TlsSettings(identity=identity, trust=(pki.ci.der,), ciphers=suite)


@asynccontextmanager
async def listening(curve: str, suite: str, bare: bool) -> AsyncIterator[CoapLink]:
    async def answer(request: Request, caller: Caller) -> Response:
        return Response(200, "", NOTHING)

    if bare:
        async with CoapLink(settings(curve, "eim-tls", suite), handler=answer) as link:
            yield link
    else:
        async with Stand(Plan("eim", curve=curve, coaps=True)) as stand:
            assert stand.coaps is not None
            yield stand.coaps


def serve(pipe: Connection, curve: str, suite: str, bare: bool) -> None:
    async def work() -> None:
        async with listening(curve, suite, bare) as link:
            associations = link.associations
            assert associations is not None
            assert associations.peers is not None
            pipe.send((link.address, resident()))
            while not pipe.poll():
                await asyncio.sleep(0.1)
            while pipe.recv() != "end":
                cpu = time.process_time()
                pipe.send((associations.peers.peers, resident(), link.requests, cpu))
                while not pipe.poll():
                    await asyncio.sleep(0.1)

    asyncio.run(work())


async def load(pipe: Connection, address: Address, empty: float, given: argparse.Namespace) -> None:
    asked = settings(given.curve, "dptls", given.suite)
    links = [CoapLink(asked, knobs=CoapKnobs(seed=number)) for number in range(given.count)]
    gate = asyncio.Semaphore(_HANDSHAKES_AT_ONCE)
    errors: list[str] = []
    times: list[float] = []

    async def greet(link: CoapLink) -> None:
        async with gate:
            await link.start()
            assert link.associations is not None
            try:
                await link.associations.reach(address)
            except Unreachable as error:
                errors.append(str(error))

    async def poll(link: CoapLink) -> None:
        began = time.perf_counter()
        try:
            response = await link.ask(address, POLL)
            if response.body != NOTHING:
                errors.append(f"status {response.status}")
        except Unreachable as error:
            errors.append(str(error))
        times.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(greet(link) for link in links))
    seconds = time.perf_counter() - began
    pipe.send("look")
    peers, full, _, cpu_before = pipe.recv()
    print(f"{peers} peers held: {given.count / seconds:.0f} handshakes a second, "
          f"{(full - empty) / max(peers, 1):.0f} kB per idle peer")  # fmt: skip

    polls = []
    began = time.perf_counter()
    wanted = int(given.seconds * given.rate)
    while len(polls) < wanted:
        due = min(wanted, int((time.perf_counter() - began) * given.rate))
        for number in range(len(polls), due):
            polls.append(asyncio.ensure_future(poll(links[number % given.count])))
        await asyncio.sleep(0.005)
    await asyncio.gather(*polls)
    seconds = time.perf_counter() - began
    pipe.send("look")
    peers, full, requests, cpu = pipe.recv()
    cuts = statistics.quantiles(times, n=100)
    print(f"{len(polls)} polls at {len(polls) / seconds:.0f} a second: half within "
          f"{cuts[49] * 1e3:.1f} ms, 99 of 100 within {cuts[98] * 1e3:.1f} ms")  # fmt: skip
    print(f"server: {requests} requests, {(cpu - cpu_before) / seconds:.0%} of a core, "
          f"{(full - empty) / max(peers, 1):.0f} kB per peer, {peers} peers")  # fmt: skip
    print(f"errors: {len(errors)} {sorted(set(errors))[:3]}")
    for link in links:
        await link.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=5000)
    parser.add_argument("--rate", type=int, default=1000, help="polls a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--curve", default="p256", choices=["p256", "brainpool"])
    parser.add_argument("--suite", default="", help="an OpenSSL cipher list; default: all of ours")
    parser.add_argument("--bare", action="store_true", help="no eIM above the link")
    given = parser.parse_args()
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(there, given.curve, given.suite, given.bare))
    server.start()
    address, empty = here.recv()
    asyncio.run(load(here, address, empty, given))
    here.send("end")
    server.join()


if __name__ == "__main__":
    main()
