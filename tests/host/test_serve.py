"""Faults of answers where CoAP is spoken."""

from __future__ import annotations

import asyncio

import pytest

from sgprobe.exchange import Request, Response
from sgprobe.host.serve import faulty, url
from sgprobe.links.clock import ScenarioClock
from sgprobe.links.fault import Fault

REQUEST = Request("/x", "", b"asked")


class Handler:
    def __init__(self) -> None:
        self.executed = 0

    async def __call__(self, request: Request, caller: object) -> Response:
        self.executed += 1
        return Response(200, "text/plain", request.body)


def answer(fault: Fault | None) -> tuple[Response | None, int, float]:
    """Return the answer, None where none comes; how often it was executed; seconds passed."""

    async def work() -> tuple[Response | None, int, float]:
        clock, handler = ScenarioClock(start=0.0), Handler()
        served = faulty(handler, lambda request, number: fault if number == 2 else None, clock)
        assert (await served(REQUEST, None)).body == b"asked"
        response: Response | None = None
        try:
            # none comes, however long one waits
            none = fault is not None and (fault.reset or fault.silence or fault.cut is not None)
            response = await asyncio.wait_for(served(REQUEST, None), 0.2 if none else 60)
        except TimeoutError:
            assert fault is not None
        return response, handler.executed - 1, clock.now()

    return asyncio.run(work())


def test_an_answer_without_a_fault() -> None:
    response, executed, _ = answer(None)
    assert response == Response(200, "text/plain", b"asked")
    assert executed == 1


def test_another_status_and_a_late_answer() -> None:
    response, executed, seconds = answer(Fault(status=503, delay=40.0))
    assert response == Response(503, "text/plain", b"asked")
    assert (executed, seconds >= 40.0) == (1, True)


@pytest.mark.parametrize(
    ("fault", "executed"), [(Fault(reset=True), 0), (Fault(silence=True), 1), (Fault(cut=2), 1)]
)
def test_an_answer_that_does_not_come(fault: Fault, executed: int) -> None:
    """A request that is reset was never executed; after the others it was."""
    assert answer(fault)[:2] == (None, executed)


def test_urls() -> None:
    assert url("https", ("127.0.0.1", 443)) == "https://127.0.0.1:443"
    assert url("coaps", ("::1", 5684)) == "coaps://[::1]:5684"
