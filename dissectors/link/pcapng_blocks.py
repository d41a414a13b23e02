"""The blocks of a pcapng file: their numbers, options, interfaces and secrets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from dissectors.link.container import Interface

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
OLD_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
ENHANCED_PACKET: Final = 6
SECRETS: Final = 10

ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

# Kinds of secrets that readers of captures know.
TLS_KEY_LOG: Final = 0x544C534B

END_OF_OPTIONS: Final = 0
COMMENT: Final = 1
SECTION_HARDWARE: Final = 2
SECTION_SYSTEM: Final = 3
SECTION_APPLICATION: Final = 4
INTERFACE_NAME: Final = 2
INTERFACE_DESCRIPTION: Final = 3
INTERFACE_TICKS: Final = 9
INTERFACE_OFFSET: Final = 14
PACKET_FLAGS: Final = 2

# The default of if_tsresol: microseconds.
_DEFAULT_TICKS: Final = 1_000_000


def options(buffer: bytes, start: int, end: int, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the options between `start` and `end`; stop at one that does not fit."""
    header = struct.Struct(order + "HH")
    while start + 4 <= end:
        code, length = header.unpack_from(buffer, start)
        start += 4
        if code == END_OF_OPTIONS or start + length > end:
            return
        yield code, buffer[start : start + length]
        start += (length + 3) & ~3


def read_interface(buffer: bytes, start: int, end: int, order: str) -> Interface:
    """Read the interface description block whose first byte is at `start`, last before `end`."""
    linktype, _, snaplen = struct.unpack_from(order + "HHI", buffer, start + 8)
    name = description = ""
    ticks, offset = _DEFAULT_TICKS, 0
    for code, value in options(buffer, start + 16, end - 4, order):
        if code == INTERFACE_NAME:
            name = text(value)
        elif code == INTERFACE_DESCRIPTION:
            description = text(value)
        elif code == INTERFACE_TICKS and len(value) == 1:
            power = value[0] & 0x7F
            ticks = 2**power if value[0] & 0x80 else 10**power
        elif code == INTERFACE_OFFSET and len(value) == 8:
            (offset,) = struct.unpack(order + "q", value)
    return Interface(linktype, name, description, snaplen, ticks, offset)


def read_secrets(buffer: bytes, start: int, end: int, order: str) -> tuple[int, bytes]:
    """Read the decryption secrets block between `start` and `end`: kind and data."""
    kind, length = struct.unpack_from(order + "II", buffer, start + 8)
    return kind, buffer[start + 16 : min(start + 16 + length, end - 4)]


def text(value: bytes) -> str:
    """Read an option as UTF-8 text; bytes that are none are shown as such."""
    return value.rstrip(b"\0").decode("utf-8", "backslashreplace")
