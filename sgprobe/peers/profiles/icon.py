"""An icon of a wanted size: a small PNG image, padded by a text chunk."""

from __future__ import annotations

import struct
import zlib

SIDE = 16
# SGP.22: StoreMetadataRequest, icon
MAX_OCTETS = 1024


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png(size: int) -> bytes:
    """Return a PNG image of `size` octets."""
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(16 * (x ^ y) for x in range(SIDE)) for y in range(SIDE))
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head)
    end = _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    text = b"Comment\0"
    room = size - len(start) - len(end) - len(_chunk(b"tEXt", text))
    if room < 0 or size > MAX_OCTETS:
        raise ValueError(f"no icon of {size} octets")
    return start + _chunk(b"tEXt", text + b" " * room) + end
