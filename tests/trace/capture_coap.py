"""CoAP exchanges for captures: our endpoints on a link in memory, seen from one of its ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from capture_http import Ask
from capture_wire import Address, Wire
from coap_net import Fate, Net, endpoint, perfect

from dissectors.link.coap.exchange import (
    RequestArrived,
    RequestFailed,
    RequestKnobs,
    Response,
    ResponseArrived,
    make_request,
    make_response,
)
from dissectors.link.coap.server import ServerKnobs

IPA, EIM = ("10.0.0.2", 49152), ("10.0.0.5", 5683)


@dataclass
class Manner:
    """How the ends speak."""

    fate: Fate = perfect
    think: float = 0.0
    seen_by: str = "client"
    content_format: int | None = 42
    code: int = 0  # of an answer; 0: 2.04, with a body 2.05 or 2.04 by `content`
    content: int = 0x44
    confirmable: bool = True
    path: str = "/gsma/rsp2/asn1"
    szx: int = 6
    separate: bool = False
    method: int = 2
    seed: int = 1


def datagrams(
    wire: Wire, exchanges: Sequence[Ask], manner: Manner
) -> list[tuple[float, int, bytes]]:
    """Hold the exchanges one after the other; return time, side and bytes of what one end saw."""
    waiting: list[Ask] = []

    def answer(event: RequestArrived) -> Response:
        ask = waiting[0]
        code = manner.code or (manner.content if ask.answer else 0x44)
        number = manner.content_format if ask.answer and code < 0x80 else None
        return make_response(code, ask.answer, content_format=number)

    knobs = ServerKnobs(szx=manner.szx, separate=manner.separate, max_body=1 << 22)
    net = Net(
        endpoint(manner.seed), endpoint(manner.seed + 1, server_knobs=knobs), answer, manner.fate,
        manner.think,
    )  # fmt: skip
    for ask in exchanges:
        waiting[:] = [ask]
        asked = make_request(
            manner.path,
            ask.request,
            code=manner.method,
            content_format=manner.content_format if ask.request else None,
            confirmable=manner.confirmable,
        )
        before = len(net.events)
        net.client.request(asked, "S", net.now, RequestKnobs(szx=manner.szx))
        net.run(stop=lambda before=before: _over(net, before))
        lost = not any(isinstance(e, ResponseArrived) for e in net.events[before:])
        wire.say("request", ask.interface, ask.function, ask.request)
        wire.say("response", ask.interface, ask.function, ask.answer, lost)
        net.now += 0.05
    net.run(until=net.now + 5.0)
    if manner.seen_by == "client":
        seen = [(at, 0, data) for at, who, data in net.log if who == "c"]
        seen += [(at, 1, data) for at, who, data in net.arrived if who == "c"]
    else:
        seen = [(at, 1, data) for at, who, data in net.log if who == "s"]
        seen += [(at, 0, data) for at, who, data in net.arrived if who == "s"]
    return sorted(seen, key=lambda one: one[0])


def _over(net: Net, before: int) -> bool:
    return any(isinstance(e, ResponseArrived | RequestFailed) for e in net.events[before:])


def coap(
    wire: Wire,
    exchanges: Sequence[Ask],
    manner: Manner | None = None,
    client: Address = IPA,
    server: Address = EIM,
) -> None:
    """Put the exchanges on the wire as UDP datagrams."""
    play(wire, datagrams(wire, exchanges, manner or Manner()), client, server)


def play(
    wire: Wire,
    seen: Sequence[tuple[float, int, bytes]],
    client: Address,
    server: Address,
    change: Callable[[int, bytes], bytes] = lambda side, data: data,
) -> None:
    """Put datagrams on the wire at their times, each changed before (into a DTLS record)."""
    start = wire.now
    ends = (client, server)
    for at, side, data in seen:
        wire.now = max(wire.now, start + int(at * 1e9))
        wire.datagram(ends[side], ends[1 - side], change(side, data))
