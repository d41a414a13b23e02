"""Writes what a link carries to one pcapng, with the secrets of its sessions inside.

The frames are made here, not caught: a link hands over the bytes of a connection, and the tape
gives them addresses, sequence numbers and times. Nothing needs to run as root.
"""

from __future__ import annotations

import ipaddress
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import sgprobe
from dissectors.link.gsmtap import UDP_PORT, build_gsmtap
from dissectors.link.pcapng_write import PcapngWriter

_RAW_IP = 101
_SEGMENT = 1400
_SYN, _ACK, _FIN, _PUSH, _RST = 0x02, 0x10, 0x01, 0x08, 0x04
_TCP, _UDP = 6, 17
_TRACER_PORT = 44729
_MOST_APDU = 65_000  # ES10 stays below 1,000

Address = tuple[str, int]


class Tape:
    """One capture in the making; closing it is closing the file."""

    def __init__(
        self, file: BinaryIO, now: Callable[[], float] = time.time, comment: str = ""
    ) -> None:
        self._file = file
        self._now = now
        self._writer = PcapngWriter()
        self._secrets: set[bytes] = set()
        self._sequence = 0x1000
        # connections that a client of ours writes: its server does not write them again
        self._clients: set[tuple[Address, Address]] = set()
        file.write(self._writer.section(application=f"sgprobe {sgprobe.__version__}",
                                        comment=comment))  # fmt: skip
        file.write(self._writer.interface(_RAW_IP, name="sgprobe"))

    @classmethod
    def at(cls, path: Path, comment: str = "") -> Tape:
        """Begin a capture in a new file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(path.open("wb"), comment=comment)

    def secret(self, line: bytes) -> None:
        """Write one line of a key log, ahead of the packets that it opens."""
        if line not in self._secrets and not self._file.closed:
            self._secrets.add(line)
            self._file.write(self._writer.secrets(line.rstrip(b"\n") + b"\n"))

    def asked(self, client: Address, server: Address) -> TcpTape:
        """Begin a TCP connection as its client sees it."""
        self._clients.add((client, server))
        return self.connection(client, server)

    def taken(self, client: Address, server: Address) -> TcpTape | None:
        """Begin a TCP connection as its server sees it; None where the client writes it."""
        if (client, server) in self._clients:
            self._clients.remove((client, server))
            return None
        return self.connection(client, server)

    def connection(self, client: Address, server: Address) -> TcpTape:
        """Begin a TCP connection."""
        self._sequence = (self._sequence + 0x10001) & 0x7FFFFFFF
        return TcpTape(self, client, server, self._sequence)

    def datagram(self, source: Address, target: Address, data: bytes) -> None:
        """Write one UDP datagram."""
        header = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
        self.packet(_UDP, source[0], target[0], header + data)

    def apdu(self, command: bytes, response: bytes) -> None:
        """Write one APDU exchange as a SIM tracer would send it; one beyond a datagram is not."""
        if len(command) + len(response) > _MOST_APDU:
            return
        source, target = ("127.0.0.1", _TRACER_PORT), ("127.0.0.1", UDP_PORT)
        self.datagram(source, target, build_gsmtap(command, response))

    def packet(self, protocol: int, source: str, target: str, payload: bytes) -> None:
        """Write one IP packet; a transport checksum of zero is filled in."""
        src, dst = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
        pseudo = src + dst + struct.pack("!HH", protocol, len(payload))
        at = 16 if protocol == _TCP else 6
        sum_ = struct.pack("!H", _checksum(pseudo + payload) or 0xFFFF)
        payload = payload[:at] + sum_ + payload[at + 2 :]
        if len(src) == 4:
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64,
                                 protocol, 0, src, dst)  # fmt: skip
            header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
        else:
            header = struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, src, dst)
        # links may outlive the tape: what comes after its end is not on it
        if not self._file.closed:
            self._file.write(self._writer.packet(header + payload, int(self._now() * 1e9)))

    def close(self) -> None:
        """End the capture."""
        self._file.close()

    def __enter__(self) -> Tape:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TcpTape:
    """One connection on a tape; side 0 is the client."""

    def __init__(self, tape: Tape, client: Address, server: Address, sequence: int) -> None:
        self._tape = tape
        self._ends = (client, server)
        self._next = [sequence, sequence ^ 0x2AAAAAAA]
        self._open = [True, True]
        self._segment(0, _SYN)
        self._segment(1, _SYN | _ACK)
        self._segment(0, _ACK)

    def data(self, side: int, data: bytes) -> None:
        """Write bytes that one side sent."""
        for at in range(0, len(data), _SEGMENT):
            self._segment(side, _ACK | _PUSH, data[at : at + _SEGMENT])

    def end(self, side: int) -> None:
        """Write that one side closed."""
        if self._open[side]:
            self._open[side] = False
            self._segment(side, _ACK | _FIN)

    def reset(self, side: int) -> None:
        """Write that one side broke the connection off."""
        if any(self._open):
            self._open = [False, False]
            self._segment(side, _ACK | _RST)

    def _segment(self, side: int, flags: int, data: bytes = b"") -> None:
        (source, sport), (target, dport) = self._ends[side], self._ends[1 - side]
        ack = self._next[1 - side] if flags & _ACK else 0
        header = struct.pack(
            "!HHIIBBHHH", sport, dport, self._next[side], ack, 0x50, flags, 0xFFFF, 0, 0
        )
        self._next[side] = (self._next[side] + len(data) + bool(flags & (_SYN | _FIN))) & 0xFFFFFFFF
        self._tape.packet(_TCP, source, target, header + data)


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
