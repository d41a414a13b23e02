"""Builds captures byte by byte and records what comes out of them; shared by the tests here."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field

from dissectors.finding import Finding
from dissectors.link.capture import CaptureSummary, read_capture
from dissectors.link.limits import DEFAULT_LIMITS, Limits
from dissectors.link.stream import Flow

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 80)
START = 1_700_000_000


@dataclass
class Tape:
    """A sink of both kinds that keeps all it is told."""

    flow: Flow
    events: list[tuple] = field(default_factory=list)
    problems: list[tuple[Finding, tuple[int, ...]]] = field(default_factory=list)
    closings: int = 0

    def data(self, side, data, frames, time):
        assert data
        assert type(data) is bytes
        self.events.append(("data", side, data, frames, time))

    def gap(self, side, missing, frames, time):
        assert missing > 0
        self.events.append(("gap", side, missing, frames, time))

    def end(self, side, frames, time):
        self.events.append(("end", side, None, frames, time))

    def datagram(self, side, data, frames, time):
        self.events.append(("datagram", side, data, frames, time))

    def close(self):
        self.closings += 1

    def problem(self, finding, frames):
        self.problems.append((finding, frames))

    def bytes(self, side):
        return b"".join(e[2] for e in self.events if e[0] in ("data", "datagram") and e[1] == side)

    def kinds(self, side=None):
        return [e[0] for e in self.events if side is None or e[1] == side]

    def gaps(self, side=None):
        return [e[2] for e in self.events if e[0] == "gap" and side in (None, e[1])]

    def codes(self):
        return [finding.code for finding, _ in self.problems]


class Recorder:
    """An opener that wants every flow, unless `want` says otherwise."""

    def __init__(self, want=lambda flow: True):
        self.want = want
        self.tapes: list[Tape] = []
        self.asked: list[Flow] = []
        self.notes: list[tuple[Finding, tuple[int, ...]]] = []
        self.kept: list[tuple[int, bytes]] = []

    def stream(self, flow):
        self.asked.append(flow)
        if not self.want(flow):
            return None
        self.tapes.append(Tape(flow))
        return self.tapes[-1]

    datagrams = stream

    def secrets(self, kind, data):
        self.kept.append((kind, data))

    def note(self, finding, frames):
        self.notes.append((finding, frames))

    def codes(self):
        return [finding.code for finding, _ in self.notes]

    @property
    def tape(self):
        assert len(self.tapes) == 1, [t.flow for t in self.tapes]
        return self.tapes[0]


def ip4(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


def ipv4_packet(source, destination, protocol, payload, *, ident=1, fragment=0, options=b""):
    head = 20 + len(options)
    return (
        struct.pack(
            ">BBHHHBBH", 0x40 | head // 4, 0, head + len(payload), ident, fragment, 64, protocol, 0
        )
        + ip4(source)
        + ip4(destination)
        + options
        + payload
    )


def tcp_segment(source, destination, seq, ack, flags, data=b"", options=b""):
    return (
        struct.pack(
            ">HHIIHHHH",
            source,
            destination,
            seq & 0xFFFFFFFF,
            ack & 0xFFFFFFFF,
            (5 + len(options) // 4) << 12 | flags,
            1000,
            0,
            0,
        )
        + options
        + data
    )


def udp_datagram(source, destination, data, length=None):
    return struct.pack(">HHHH", source, destination, length or 8 + len(data), 0) + data


def ethernet(packet, kind=0x0800, tags=b""):
    return bytes(12) + tags + struct.pack(">H", kind) + packet


def tcp_frame(source, destination, seq, ack, flags, data=b""):
    segment = tcp_segment(source[1], destination[1], seq, ack, flags, data)
    return ethernet(ipv4_packet(source[0], destination[0], 6, segment))


def udp_frame(source, destination, data):
    return ethernet(
        ipv4_packet(source[0], destination[0], 17, udp_datagram(source[1], destination[1], data))
    )


class Talk:
    """A TCP connection that is spoken frame by frame."""

    def __init__(self, client=CLIENT, server=SERVER, isn=(1000, 5000)):
        self.ends = (client, server)
        self.seq = list(isn)

    def frame(self, side, flags, data=b"", *, seq=None, ack=None):
        frame = tcp_frame(
            self.ends[side],
            self.ends[1 - side],
            self.seq[side] if seq is None else seq,
            (self.seq[1 - side] if ack is None else ack) if flags & ACK else 0,
            flags,
            data,
        )
        if seq is None:
            self.seq[side] += len(data) + bool(flags & SYN) + bool(flags & FIN)
        return frame

    def open(self):
        return [self.frame(0, SYN), self.frame(1, SYN | ACK), self.frame(0, ACK)]

    def say(self, side, data):
        return self.frame(side, PSH | ACK, data)

    def ack(self, side):
        return self.frame(side, ACK)

    def close(self):
        return [self.frame(0, FIN | ACK), self.frame(1, FIN | ACK), self.frame(0, ACK)]


def pcap(frames, linktype=1, *, order="<", nano=False, step=1000, snaplen=262144):
    magic, ticks = (0xA1B23C4D, 10**9) if nano else (0xA1B2C3D4, 10**6)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, linktype)]
    for number, frame in enumerate(frames):
        data, original = frame if isinstance(frame, tuple) else (frame, len(frame))
        seconds, fraction = divmod(number * step, 10**6)
        fraction *= ticks // 10**6
        out.append(struct.pack(order + "IIII", START + seconds, fraction, len(data), original))
        out.append(data)
    return b"".join(out)


def read(data: bytes, opener=None, limits: Limits = DEFAULT_LIMITS, **more):
    opener = opener or Recorder()
    summary: CaptureSummary = read_capture(io.BytesIO(data), opener, limits=limits, **more)
    return opener, summary
