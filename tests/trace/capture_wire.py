"""Frames for captures: IP, TCP and UDP in every encapsulation, and what a network does to them."""

from __future__ import annotations

import ipaddress
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

START = 1_750_000_000_000_000_000  # ns
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
TCP, UDP = 6, 17
Address = tuple[str, int]
IPA, EIM, SMDP, SMDS = ("10.0.0.2", 49152), ("10.0.0.5", 80), ("10.0.0.6", 80), ("10.0.0.7", 80)

# link type: what stands before an IPv4 and before an IPv6 packet
LINKS: dict[str, tuple[int, bytes, bytes]] = {
    "ethernet": (1, bytes(12) + b"\x08\x00", bytes(12) + b"\x86\xdd"),
    "vlan": (1, bytes(12) + b"\x81\x00\x00\x2a\x08\x00", bytes(12) + b"\x81\x00\x00\x2a\x86\xdd"),
    "qinq": (
        1,
        bytes(12) + b"\x88\xa8\x00\x07\x81\x00\x00\x2a\x08\x00",
        bytes(12) + b"\x88\xa8\x00\x07\x81\x00\x00\x2a\x86\xdd",
    ),
    "cooked": (113, b"\x00\x00\x00\x01\x00\x06" + bytes(8) + b"\x08\x00", b""),
    "cooked2": (276, b"\x08\x00\x00\x00\x00\x00\x00\x03\x00\x01\x00\x06" + bytes(8), b""),
    "raw": (101, b"", b""),
    "loopback": (0, b"\x02\x00\x00\x00", b"\x1e\x00\x00\x00"),
    "loop": (108, b"\x00\x00\x00\x02", b"\x00\x00\x00\x1e"),
}


@dataclass(frozen=True)
class Frame:
    """One frame: when, what, how much of it there was, and which interface saw it."""

    time: int
    data: bytes
    size: int = 0
    interface: int = 0
    is_data: bool = False  # it carries bytes of an application

    @property
    def original(self) -> int:
        return self.size or len(self.data)


@dataclass(frozen=True)
class Sent:
    """One application message that was sent; `lost` says that the capture has not all of it."""

    kind: str
    interface: str
    function: str
    body: bytes
    lost: bool = False


@dataclass
class Wire:
    """Collects frames in the order in which they went, and what was said in them."""

    link: str = "ethernet"
    now: int = START
    step: int = 1_000_000
    mtu: int = 0  # IP packets that are longer go in fragments
    extension: bool = False  # IPv6 with a hop-by-hop header
    frames: list[Frame] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    interface: int = 0
    _ident: int = 0

    @property
    def linktype(self) -> int:
        return LINKS[self.link][0]

    def say(
        self, kind: str, interface: str, function: str, body: bytes, lost: bool = False
    ) -> None:
        """Note an application message."""
        self.sent.append(Sent(kind, interface, function, body, lost))

    def packet(self, source: str, target: str, protocol: int, payload: bytes) -> None:
        """Add an IP packet; the transport checksum is filled in."""
        src, dst = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
        at = 16 if protocol == TCP else 6
        pseudo = src + dst + struct.pack("!IHBB", len(payload), 0, 0, protocol)
        total = _sum(pseudo + payload) or 0xFFFF
        payload = payload[:at] + struct.pack("!H", total) + payload[at + 2 :]
        is_data = len(payload) > (20 if protocol == TCP else 8)
        self._ident = (self._ident + 1) & 0xFFFF
        if len(src) == 16:
            self._six(src, dst, protocol, payload, is_data)
            return
        room = (self.mtu - 20) & ~7 if self.mtu else len(payload)
        for begin in range(0, len(payload), room):
            part = payload[begin : begin + room]
            flags = (0x2000 if begin + room < len(payload) else 0) | begin >> 3
            if room == len(payload):
                flags = 0x4000
            head = struct.pack(
                "!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), self._ident, flags, 64, protocol, 0, src,
                dst,
            )  # fmt: skip
            head = head[:10] + struct.pack("!H", _sum(head)) + head[12:]
            self.frame(LINKS[self.link][1] + head + part, is_data)

    def _six(self, src: bytes, dst: bytes, protocol: int, payload: bytes, is_data: bool) -> None:
        lead = LINKS[self.link][2]
        ahead = b""
        first = protocol
        if self.extension:
            ahead, first = bytes([protocol, 0, 1, 4, 0, 0, 0, 0]), 0
        room = (self.mtu - 48) & ~7 if self.mtu else len(payload)
        for begin in range(0, len(payload), room):
            part = payload[begin : begin + room]
            if room < len(payload):
                more = begin + room < len(payload)
                head = struct.pack("!BBHI", protocol, 0, begin | more, self._ident)
                whole, kind = head + part, 44
            else:
                whole, kind = ahead + part, first
            ip = struct.pack("!IHBB16s16s", 6 << 28, len(whole), kind, 64, src, dst)
            self.frame(lead + ip + whole, is_data)

    def frame(self, data: bytes, is_data: bool = True) -> None:
        """Add a frame as it stands on the link."""
        self.frames.append(Frame(self.now, data, 0, self.interface, is_data))
        self.now += self.step

    def datagram(self, source: Address, target: Address, data: bytes) -> None:
        """Add a UDP datagram."""
        head = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
        self.packet(source[0], target[0], UDP, head + data)

    def connect(self, client: Address, server: Address, **more: int) -> Talk:
        """Open a TCP connection."""
        return Talk(self, client, server, **more).open()


class Talk:
    """One TCP connection."""

    def __init__(
        self,
        wire: Wire,
        client: Address,
        server: Address,
        *,
        mss: int = 1400,
        isn: int = 0x10000000,
        acks: int = 1,
    ) -> None:
        self.wire = wire
        self.ends = (client, server)
        self.mss = mss
        self.acks = acks
        self.next = [isn & 0xFFFFFFFF, (isn ^ 0x2AAAAAAA) & 0xFFFFFFFF]

    def segment(self, side: int, flags: int, data: bytes = b"", seq: int | None = None) -> None:
        (source, sport), (target, dport) = self.ends[side], self.ends[1 - side]
        number = self.next[side] if seq is None else seq & 0xFFFFFFFF
        ack = self.next[1 - side] if flags & ACK else 0
        head = struct.pack("!HHIIBBHHH", sport, dport, number, ack, 0x50, flags, 0xFFFF, 0, 0)
        if seq is None:
            grown = number + len(data) + bool(flags & (SYN | FIN))
            self.next[side] = grown & 0xFFFFFFFF
        self.wire.packet(source, target, TCP, head + data)

    def open(self) -> Talk:
        self.segment(0, SYN)
        self.segment(1, SYN | ACK)
        self.segment(0, ACK)
        return self

    def data(self, side: int, data: bytes, mss: int = 0) -> None:
        """Send bytes, in segments; the other side acknowledges them."""
        step = mss or self.mss
        for at in range(0, len(data), step):
            self.segment(side, PSH | ACK, data[at : at + step])
        if self.acks:
            self.segment(1 - side, ACK)

    def close(self) -> None:
        self.segment(0, FIN | ACK)
        self.segment(1, FIN | ACK)
        self.segment(0, ACK)


def _sum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# --- what a network does ---

Disorder = Callable[[list[Frame], random.Random], list[Frame]]


def retimed(frames: list[Frame]) -> list[Frame]:
    """Give frames that were moved the times of a capture: in order."""
    times = sorted(frame.time for frame in frames)
    return [replace(frame, time=time) for frame, time in zip(frames, times, strict=True)]


def reordered(share: float, distance: int) -> Disorder:
    """Let so many frames be stored later than some of those after them."""

    def change(frames: list[Frame], rng: random.Random) -> list[Frame]:
        late = [
            (place + (rng.randint(1, distance) + 0.5 if rng.random() < share else 0), frame)
            for place, frame in enumerate(frames)
        ]
        late.sort(key=lambda one: one[0])
        return retimed([frame for _, frame in late])

    return change


def repeated(share: float, distance: int) -> Disorder:
    """Let so many frames come once more, up to `distance` frames later."""

    def change(frames: list[Frame], rng: random.Random) -> list[Frame]:
        out: list[tuple[float, Frame]] = []
        for place, frame in enumerate(frames):
            out.append((place, frame))
            if rng.random() < share:
                again = place + rng.randint(0, distance) + 0.5
                out.append((again, replace(frame, time=frame.time + 1)))
        out.sort(key=lambda one: one[0])
        return retimed([frame for _, frame in out])

    return change


def lost(*places: int) -> Disorder:
    """Leave out the n-th frames that carry data, from 0."""

    def change(frames: list[Frame], rng: random.Random) -> list[Frame]:
        carrying = [frame for frame in frames if frame.is_data]
        gone = {id(carrying[place]) for place in places}
        return [frame for frame in frames if id(frame) not in gone]

    return change


def cut(size: int) -> Disorder:
    """Capture only the first bytes of each frame."""

    def change(frames: list[Frame], rng: random.Random) -> list[Frame]:
        return [
            replace(frame, data=frame.data[:size], size=len(frame.data))
            if len(frame.data) > size
            else frame
            for frame in frames
        ]

    return change


def one_way(source: str) -> Disorder:
    """Capture only what one host sends."""
    packed = ipaddress.ip_address(source).packed

    def change(frames: list[Frame], rng: random.Random) -> list[Frame]:
        return [frame for frame in frames if frame.data[26:30] == packed]

    return change
