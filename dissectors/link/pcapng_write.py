"""Writes pcapng: sections, interfaces, packets with comments, and key logs. No I/O: gives bytes."""

from __future__ import annotations

import struct
from typing import Final

from dissectors.link.linktype import ETHERNET
from dissectors.link.pcapng_blocks import (
    COMMENT,
    END_OF_OPTIONS,
    ENHANCED_PACKET,
    INTERFACE,
    INTERFACE_DESCRIPTION,
    INTERFACE_NAME,
    INTERFACE_TICKS,
    PACKET_FLAGS,
    SECRETS,
    SECTION,
    SECTION_APPLICATION,
    SECTION_HARDWARE,
    SECTION_SYSTEM,
    TLS_KEY_LOG,
)

_ORDER_MAGIC: Final = 0x1A2B3C4D
_MAX_OPTION: Final = 0xFFFF

MICROSECONDS: Final = 6
NANOSECONDS: Final = 9

INBOUND: Final = 1
OUTBOUND: Final = 2


class PcapngWriter:
    """Makes the blocks of one section, little-endian; write what the methods return, in order."""

    def __init__(self) -> None:
        self._nanoseconds_per_tick: list[int] = []

    def section(
        self, *, application: str = "", system: str = "", hardware: str = "", comment: str = ""
    ) -> bytes:
        """Return the section header, which comes first and once."""
        body = struct.pack("<IHHq", _ORDER_MAGIC, 1, 0, -1)
        return _block(
            SECTION,
            body
            + _options(
                (COMMENT, _text(comment)),
                (SECTION_HARDWARE, _text(hardware)),
                (SECTION_SYSTEM, _text(system)),
                (SECTION_APPLICATION, _text(application)),
            ),
        )

    def interface(
        self,
        linktype: int = ETHERNET,
        *,
        name: str = "",
        description: str = "",
        snaplen: int = 0,
        digits: int = MICROSECONDS,
    ) -> bytes:
        """Return the block of the next interface, from 0; its times have `digits` decimals."""
        if not 0 <= digits <= NANOSECONDS:
            raise ValueError(f"{digits} decimals; 0 to {NANOSECONDS} are possible")
        self._nanoseconds_per_tick.append(10 ** (NANOSECONDS - digits))
        return _block(
            INTERFACE,
            struct.pack("<HHI", linktype, 0, snaplen)
            + _options(
                (INTERFACE_NAME, _text(name)),
                (INTERFACE_DESCRIPTION, _text(description)),
                (INTERFACE_TICKS, bytes([digits]) if digits != MICROSECONDS else b""),
            ),
        )

    def packet(
        self,
        data: bytes,
        time: int,
        *,
        interface: int = 0,
        original: int | None = None,
        comment: str = "",
        direction: int = 0,
    ) -> bytes:
        """Return the block of a packet captured at `time`, in nanoseconds since 1970."""
        if not 0 <= interface < len(self._nanoseconds_per_tick):
            raise ValueError(f"interface {interface} is not described yet")
        ticks = time // self._nanoseconds_per_tick[interface]
        header = struct.pack(
            "<IIIII",
            interface,
            ticks >> 32,
            ticks & 0xFFFFFFFF,
            len(data),
            len(data) if original is None else original,
        )
        return _block(
            ENHANCED_PACKET,
            header
            + _padded(data)
            + _options(
                (COMMENT, _text(comment)),
                (PACKET_FLAGS, struct.pack("<I", direction) if direction else b""),
            ),
        )

    def secrets(self, data: bytes, kind: int = TLS_KEY_LOG) -> bytes:
        """Return a block of secrets; readers want it before the packets that need it."""
        return _block(SECRETS, struct.pack("<II", kind, len(data)) + _padded(data))


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _options(*pairs: tuple[int, bytes]) -> bytes:
    out = b"".join(
        struct.pack("<HH", code, len(value)) + _padded(value) for code, value in pairs if value
    )
    return out + struct.pack("<HH", END_OF_OPTIONS, 0) if out else b""


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _text(value: str) -> bytes:
    data = value.encode()
    if len(data) > _MAX_OPTION:
        # A cut inside a character must not leave half of it.
        data = data[:_MAX_OPTION].decode("utf-8", "ignore").encode()
    return data
