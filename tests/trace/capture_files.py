"""Captures as files: pcap in both byte orders and both resolutions, pcapng, gzip."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence

from capture_wire import Frame


def pcap(frames: Sequence[Frame], linktype: int, *, order: str = "<", nano: bool = False) -> bytes:
    """Return a pcap file."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, linktype)]
    for frame in frames:
        seconds, rest = divmod(frame.time, 10**9)
        ticks = rest if nano else rest // 1000
        out.append(struct.pack(order + "IIII", seconds, ticks, len(frame.data), frame.original))
        out.append(frame.data)
    return b"".join(out)


def pcapng(
    frames: Sequence[Frame],
    linktypes: Sequence[int],
    *,
    order: str = "<",
    keys: bytes = b"",
    keys_last: bool = False,
    comment: str = "",
    nano: bool = False,
) -> bytes:
    """Return a pcapng file of one section; every interface has its link type."""

    def block(kind: int, body: bytes) -> bytes:
        size = len(body) + 12
        return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)

    def options(*pairs: tuple[int, bytes]) -> bytes:
        out = b"".join(
            struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
            for code, value in pairs
            if value
        )
        return out + bytes(4) if out else b""

    out = [
        block(
            0x0A0D0D0A,
            struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options((1, comment.encode())),
        )
    ]
    for linktype in linktypes:
        resolution = b"\x09" if nano else b""
        out.append(block(1, struct.pack(order + "HHI", linktype, 0, 0) + options((9, resolution))))
    secrets = [block(10, struct.pack(order + "II", 0x544C534B, len(keys)) + _padded(keys))]
    if keys and not keys_last:
        out += secrets
    for frame in frames:
        ticks = frame.time if nano else frame.time // 1000
        body = struct.pack(
            order + "IIIII", frame.interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame.data),
            frame.original,
        )  # fmt: skip
        out.append(block(6, body + _padded(frame.data)))
    if keys and keys_last:
        out += secrets
    return b"".join(out)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def gzipped(data: bytes) -> bytes:
    """Return a gzip file without a time in it."""
    return gzip.compress(data, mtime=0)
