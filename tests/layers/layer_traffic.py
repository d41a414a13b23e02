"""Small captures for the tests of this room, made of the layers themselves."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from layer_rows import octets, rows
from scapy.layers.http import HTTP, HTTPRequest, HTTPResponse
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, fragment6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet
from scapy.utils import wrpcap

from dissectors.layers import coap, es10c, esipa, gsmtap
from dissectors.layers import http as _http  # noqa: F401 - binds bodies to HTTP
from dissectors.layers.apdu import ApduResponse, store_data
from dissectors.layers.asn1_message import packet_class

EID = "89049032123451234512345678901235"


def ether() -> Ether:
    """Return a link header with addresses: Scapy must not ask the network for them."""
    return Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:05")


def pairs() -> list[tuple[Packet, Packet | None]]:
    """Return requests and answers of ESipa; None is an answer without a body."""
    by_type: dict[str, list[Packet]] = {}
    for row in rows():
        if row["result"] == "valid":
            by_type.setdefault(row["type"], []).append(packet_class(row["type"])(octets(row)))
    poll = esipa.GetEimPackageRequest(eidValue=EID)
    found: list[tuple[Packet, Packet | None]] = []
    found += [(poll, answer) for answer in by_type["GetEimPackageResponse"][:6]]
    results = by_type["ProvideEimPackageResult"][-4:]
    found += list(zip(results, by_type["ProvideEimPackageResultResponse"], strict=False))
    found += [(one, None) for one in by_type["HandleNotificationEsipa"][:2]]
    return found


class Stream:
    """One TCP connection as a list of frames."""

    def __init__(self, port: int, below: Any, server_port: int = 80) -> None:
        self.ports = (port, server_port)
        self.below = below
        self.seq = [2**32 - 40, 7]  # wraps
        self.frames: list[Packet] = []
        for side, flags in ((0, "S"), (1, "SA")):
            self._add(side, flags, b"")
            self.seq[side] += 1

    def _add(self, side: int, flags: str, data: bytes) -> None:
        tcp = TCP(
            sport=self.ports[side], dport=self.ports[1 - side], flags=flags,
            seq=self.seq[side] % 2**32, ack=self.seq[1 - side] % 2**32,
        )  # fmt: skip
        self.frames.append(self.below(side) / tcp / data)
        self.seq[side] += len(data)

    def say(self, side: int, data: bytes, size: int = 1000) -> None:
        for at in range(0, len(data), size):
            self._add(side, "PA", data[at : at + size])


def ipv4(side: int) -> Packet:
    ends = ("10.0.0.2", "10.0.0.5")
    return ether() / IP(src=ends[side], dst=ends[1 - side])


def ipv6(side: int) -> Packet:
    ends = ("2001:db8::2", "2001:db8::5")
    return ether() / Dot1Q(vlan=7) / IPv6(src=ends[side], dst=ends[1 - side])


def exchange(request: Packet, answer: Packet | None) -> tuple[bytes, bytes]:
    """Return the HTTP messages of an exchange, made by the layers."""
    asked = bytes(HTTP() / HTTPRequest(Host="eim.example.com") / request)
    if answer is None:
        return asked, b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
    return asked, bytes(HTTP() / HTTPResponse() / answer)


def http_frames(below: Any = ipv4, size: int = 1000, port: int = 40001) -> list[Packet]:
    stream = Stream(port, below)
    for request, answer in pairs():
        asked, answered = exchange(request, answer)
        stream.say(0, asked, size)
        stream.say(1, answered, size)
    return stream.frames


def disordered(frames: list[Packet], seed: int) -> list[Packet]:
    """Swap neighbours that travel the same way, and send some again."""
    rng = random.Random(seed)
    out = list(frames)
    at = 2
    while at < len(out) - 1:
        if out[at][TCP].sport == out[at + 1][TCP].sport and rng.random() < 0.5:
            out[at], out[at + 1] = out[at + 1], out[at]
            at += 1
        elif rng.random() < 0.2:
            out.insert(at + 1, out[at])
            at += 1
        at += 1
    return out


def coap_frames() -> list[Packet]:
    """Return exchanges over CoAP; bodies over 64 octets go in blocks of 64."""
    frames: list[Packet] = []
    mid = 0
    for number, (request, answer) in enumerate(pairs()):
        token = number.to_bytes(2, "big")
        body, reply = bytes(request), bytes(answer or b"")
        parts = range(0, max(len(body), 1), 64)
        path = [("Uri-Path", part) for part in ("gsma", "rsp2", "asn1")]
        for at in parts:
            mid += 1
            last = at == parts[-1]
            options: list[Any] = [*path, ("Content-Format", 42)]
            if len(parts) > 1:
                options.append(("Block1", (at // 64) << 4 | (not last) << 3 | 2))
            ask = coap.Coap(code=2, mid=mid, token=token, options=options)
            frames.append(_udp(0) / ask / body[at : at + 64])
            if not last:
                block = [("Block1", (at // 64) << 4 | 8 | 2)]
                more = coap.Coap(type="ACK", code=0x5F, mid=mid, token=token, options=block)
                frames.append(_udp(1) / more)
        if len(reply) <= 1024:
            done = coap.Coap(type="ACK", code=0x44, mid=mid, token=token)
            if len(parts) > 1:
                done.options = [("Block1", (len(parts) - 1) << 4 | 2)]
            frames.append(_udp(1) / done / reply if reply else _udp(1) / done)
    return frames


def _udp(side: int) -> Packet:
    ends, ports = ("10.0.0.2", "10.0.0.5"), (40009, 5683)
    udp = UDP(sport=ports[side], dport=ports[1 - side])
    return ether() / IP(src=ends[side], dst=ends[1 - side]) / udp


def card_frames() -> list[Packet]:
    """Return what a SIM tracer sends: one short command, one in blocks."""
    frames = []
    answer = es10c.GetEuiccDataResponse(eidValue=EID)
    asks = [(es10c.GetEuiccDataRequest(tagList="5a"), 255, answer)]
    row = next(r for r in rows() if r["id"] == "es10/001")
    asks.append((packet_class(row["type"])(octets(row)), 2, None))
    for command, block, response in asks:
        chain = store_data(command, 1, block)
        for number, one in enumerate(chain):
            last = number == len(chain) - 1 and response is not None
            status = ApduResponse() / response if last else ApduResponse()
            pair = gsmtap.SimExchange(command_apdu=one, response_apdu=status)
            ends = IP(src="127.0.0.1", dst="127.0.0.1") / UDP(sport=45000, dport=4729)
            frames.append(ether() / ends / gsmtap.Gsmtap() / pair)
    return frames


def fragments() -> list[Packet]:
    """Return one CoAP request in fragments of IPv4, and one in fragments of IPv6."""
    body = bytes(esipa.GetEimPackageRequest(eidValue=EID))
    ask = coap.Coap(code=2, mid=9, token=b"x", options=[("Uri-Path", p) for p in
                    ("gsma", "rsp2", "asn1")])  # fmt: skip
    four = IP(src="10.0.0.2", dst="10.0.0.5") / UDP(sport=40010, dport=5683) / ask / body
    six = IPv6(src="2001:db8::2", dst="2001:db8::5") / UDP(sport=40011, dport=5683) / ask / body
    return [ether() / part for part in (*four.fragment(16), *fragment6(six, 64))]


MADE = {
    "http": http_frames,
    "http-small": lambda: http_frames(size=17),
    "http-disorder": lambda: disordered(http_frames(size=90), 3),
    "http-ipv6": lambda: http_frames(below=ipv6),
    "coap": coap_frames,
    "card": card_frames,
    "fragments": fragments,
}


def write(path: Path, name: str) -> Path:
    """Write one of the captures."""
    frames = MADE[name]()
    for number, frame in enumerate(frames):
        frame.time = 1_750_000_000 + number / 1000
    wrpcap(str(path), frames)
    return path
