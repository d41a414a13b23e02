"""A small UDP driver on loopback for a sans-IO endpoint; it also keeps what passed, to observe."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from dissectors.link.coap.endpoint import CoapEndpoint
from dissectors.link.coap.exchange import Event, RequestArrived, Response


class Driver(asyncio.DatagramProtocol):
    def __init__(
        self,
        endpoint: CoapEndpoint,
        answer: Callable[[RequestArrived], Response] | None = None,
        think: float = 0.0,
    ) -> None:
        self.endpoint = endpoint
        self.answer = answer
        self.think = think
        self.requests: list[RequestArrived] = []
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.log: list[tuple[float, str, bytes]] = []  # "c" is who sent the first datagram
        self._first: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> int:
        """Open a socket on loopback and return its port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        return self._transport.get_extra_info("sockname")[1]

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._note("theirs", data)
        self.endpoint.receive(data, addr, self.now)
        self.flush()

    def error_received(self, exc: Exception) -> None:
        """Take no notice of a port that nobody listens on any more."""

    def flush(self) -> None:
        for event in self.endpoint.events():
            if isinstance(event, RequestArrived) and self.answer is not None:
                self.requests.append(event)
                asyncio.get_running_loop().call_later(self.think, self._respond, event)
            else:
                self.events.put_nowait(event)
        for datagram in self.endpoint.send(self.now):
            self._note("ours", datagram.data)
            self._transport.sendto(datagram.data, datagram.address)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.endpoint.timer()
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._fire)

    def _respond(self, event: RequestArrived) -> None:
        assert self.answer is not None
        self.endpoint.respond(event.reference, self.answer(event), self.now)
        self.flush()

    def _fire(self) -> None:
        self._timer = None
        self.endpoint.handle_timer(self.now)
        self.flush()

    def _note(self, who: str, data: bytes) -> None:
        if self._first is None:
            self._first = who
        self.log.append((self.now, "c" if who == self._first else "s", data))


@contextlib.asynccontextmanager
async def running(driver: Driver):  # type: ignore[no-untyped-def]
    port = await driver.start()
    try:
        yield port
    finally:
        driver.stop()
