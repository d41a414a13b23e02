"""Two CoAP endpoints on a link in memory, in virtual time, with whatever the link does to them."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.link.coap.codes import CONTENT
from dissectors.link.coap.endpoint import CoapEndpoint
from dissectors.link.coap.exchange import Event, RequestArrived, Response

# datagram number, sender -> delays of the copies that arrive
Fate = Callable[[int, str], list[float]]


def perfect(number: int, sender: str) -> list[float]:
    return [0.01]


def lossy(seed: int, loss: float = 0.15, doubled: float = 0.1, late: float = 0.1) -> Fate:
    """Return a link that loses, doubles and reorders in both directions."""
    rng = random.Random(seed)

    def fate(number: int, sender: str) -> list[float]:
        copies = 2 if rng.random() < doubled else 1
        delays = []
        for _ in range(copies):
            if rng.random() >= loss:
                far = rng.random() < late
                delays.append(rng.uniform(0.5, 6.0) if far else rng.uniform(0.01, 0.05))
        return delays

    return fate


@dataclass
class Net:
    client: CoapEndpoint
    server: CoapEndpoint
    answer: Callable[[RequestArrived], Response | None] = lambda event: Response(CONTENT)
    fate: Fate = perfect
    think: float = 0.0  # seconds until the server answers
    now: float = 0.0
    log: list[tuple[float, str, bytes]] = field(default_factory=list)  # as sent
    arrived: list[tuple[float, str, bytes]] = field(default_factory=list)
    requests: list[RequestArrived] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)  # of the client
    others: list[Event] = field(default_factory=list)  # of the server, requests aside
    _queue: list[tuple[float, int, str, object]] = field(default_factory=list)
    _serial: int = 0

    def push(self, at: float, kind: str, what: object) -> None:
        self._serial += 1
        heapq.heappush(self._queue, (at, self._serial, kind, what))

    def inject(self, data: bytes, to: str) -> None:
        """Have a datagram arrive out of nowhere."""
        self.push(self.now, to, data)

    def flush(self) -> None:
        for name, other, end in (("c", "s", self.client), ("s", "c", self.server)):
            for datagram in end.send(self.now):
                self.log.append((self.now, name, datagram.data))
                for delay in self.fate(len(self.log), name):
                    self.push(self.now + delay, other, datagram.data)
        for event in self.server.events():
            if isinstance(event, RequestArrived):
                self.requests.append(event)
                response = self.answer(event)
                if response is not None:
                    self.push(self.now + self.think, "answer", (event.reference, response))
            else:
                self.others.append(event)
        self.events += self.client.events()

    def run(self, until: float = 1e9, stop: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until nothing is left to happen, `until` has come or `stop` says so."""
        self.flush()
        for _ in range(1_000_000):
            timers = [t for t in (self.client.timer(), self.server.timer()) if t is not None]
            at = min([*timers, *([self._queue[0][0]] if self._queue else [])], default=None)
            if at is None or at > until or stop():
                break
            self.now = max(self.now, at)
            if self._queue and self._queue[0][0] <= self.now:
                _, _, kind, what = heapq.heappop(self._queue)
                if kind == "answer":
                    reference, response = what  # type: ignore[misc]
                    self.server.respond(reference, response, self.now)
                else:
                    end, peer = (self.server, "C") if kind == "s" else (self.client, "S")
                    self.arrived.append((self.now, kind, what))  # type: ignore[arg-type]
                    end.receive(what, peer, self.now)  # type: ignore[arg-type]
            for end in (self.client, self.server):
                due = end.timer()
                if due is not None and due <= self.now:
                    end.handle_timer(self.now)
            self.flush()
        else:
            raise AssertionError("the endpoints never come to rest")


def endpoint(seed: int = 1, **knobs: object) -> CoapEndpoint:
    return CoapEndpoint(random.Random(seed), **knobs)  # type: ignore[arg-type]
