"""A product that answers nonsense: the verdict is fail, and nothing of ours breaks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from free_ports import FreePorts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgprobe.crypto.pki import TestPki
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.played import Options, Result
from sgprobe.events import Event, Verdict
from sgprobe.exchange import Request, Response
from sgprobe.host.serve import identity
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tls import TlsSettings
from sgprobe.mutants.hunt import case_paths
from sgprobe.product.load import load_product
from sgprobe.questions import shipped

ROOT = Path(__file__).parents[2]
MEDIA = "application/x-gsma-rsp-asn1"
NASTY = {
    "nothing": Response(200, MEDIA),
    "noise": Response(200, MEDIA, bytes(range(256)) * 40),
    "cut short": Response(200, MEDIA, bytes.fromhex("BF4F820400BF51")),
    "deep": Response(200, MEDIA, b"\x30\x80" * 5000),
    "deep JSON": Response(200, "application/json", b"[" * 50_000),
    "a page": Response(500, "text/html", b"<html><script>alert(1)</script>\x1b[31m</html>"),
    "a redirection": Response(302, "", b"", (("Location", "https://127.0.0.1:1/"),)),
    "large": Response(200, MEDIA, bytes.fromhex("BF4F83100000") + bytes(1 << 20)),
    "another message": Response(200, MEDIA, bytes.fromhex("BF500A5A0889000000000000010000")),
    "no media type": Response(200, "", bytes.fromhex("BF4F03020101")),
}


class Hostile:
    """An HTTPS server in a thread of its own that answers what it was told."""

    def __init__(self) -> None:
        self.answer = Response(200)
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        own = TestPki.load()["p256"]["eim-tls"]

        async def handler(request: Request, caller: object) -> Response:
            return self.answer

        async def start() -> None:
            settings_ = TlsSettings(identity=identity(own), verify=False)
            self.server = HttpsServer(handler, settings_)
            await self.server.start()
            self.port = self.server.address[1]
            self._ready.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()

    def __enter__(self) -> Hostile:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    with Hostile() as one:
        yield one


@pytest.fixture(scope="module")
def bench(hostile: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("hostile")
    text = (ROOT / "examples/products/faulty-eim.yaml").read_text(encoding="utf-8")
    text = text.replace("../../vectors", str(ROOT / "vectors"))
    path = folder / "hostile.yaml"
    text = FreePorts().put(text.replace(":18460", f":{hostile.port}"))
    path.write_text(text, encoding="utf-8")
    product = load_product(path, shipped(), date(2026, 1, 1))
    return Bench(
        Choice(
            product, options=Options(out=folder, ixit=product.settings(shipped()), product=product)
        )
    )


def play(bench: Bench, ident: str = "ESIPA-EIM-GEP-001") -> tuple[Result, list[Event]]:
    events: list[Event] = []
    ready = next(one for one in bench.ready(case_paths()[ident]) if one.verdict is None)
    return bench.run(ready, events.append), events


@pytest.mark.parametrize("name", NASTY)
def test_nonsense_fails(hostile: Hostile, bench: Bench, name: str) -> None:
    hostile.answer = NASTY[name]
    result, _ = play(bench)
    wanted = (Verdict.FAIL, Verdict.PASS) if name == "no media type" else (Verdict.FAIL,)
    assert result.verdict in wanted, result.reason
    assert len(result.reason) < 2000


@given(st.binary(max_size=400))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_octets_are_judged(hostile: Hostile, bench: Bench, body: bytes) -> None:
    hostile.answer = Response(200, MEDIA, body)
    result, events = play(bench)
    assert result.verdict in (Verdict.FAIL, Verdict.PASS), result.reason
    assert events


def test_a_right_answer_passes_after_all_that(hostile: Hostile, bench: Bench) -> None:
    hostile.answer = Response(200, MEDIA, bytes.fromhex("BF4F03020101"),
                              (("X-Admin-Protocol", "gsma/rsp/v2.1.0"),))  # fmt: skip
    result, _ = play(bench)
    assert result.verdict is Verdict.PASS, result.reason
