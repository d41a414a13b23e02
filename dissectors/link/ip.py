"""IPv4 and IPv6 headers: what a packet carries, from whom to whom, whole or as a fragment."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from dissectors.link.codes import FRAME_MALFORMED
from dissectors.link.fault import FrameFault

TCP: Final = 6
UDP: Final = 17

_HOP_BY_HOP: Final = 0
_ROUTING: Final = 43
_FRAGMENT: Final = 44
_AUTHENTICATION: Final = 51
# RFC 8200 §4 and the IANA list: headers of the common form "next, length in 8 bytes".
_EXTENSIONS: Final = frozenset({_HOP_BY_HOP, _ROUTING, 60, 135, 139, 140})
_MAX_EXTENSIONS: Final = 32

_ipv4: Final = struct.Struct(">BxHHHxB").unpack_from
_ipv6: Final = struct.Struct(">IHB").unpack_from


class Fragment(NamedTuple):
    """Which part of which datagram a packet carries."""

    ident: int
    offset: int
    more: bool


class Packet(NamedTuple):
    """The payload of an IP packet, as a place in the buffer."""

    protocol: int
    addresses: bytes  # source and destination
    start: int
    end: int
    missing: int  # bytes of the packet beyond `end`, which the capture does not have
    fragment: Fragment | None


def ipv4(buffer: bytes, start: int, end: int) -> Packet:
    """Read the IPv4 header at `start` (RFC 791 §3.1)."""
    if start + 20 > end:
        raise FrameFault(FRAME_MALFORMED, "the frame ends inside the IPv4 header", end - start)
    first, total, ident, offset, protocol = _ipv4(buffer, start)
    header = (first & 15) * 4
    if first >> 4 != 4 or header < 20:
        raise FrameFault(FRAME_MALFORMED, f"the IPv4 header begins with 0x{first:02x}")
    # Packets captured before segmentation offload have no length: they fill the frame.
    stop = start + total if total else end
    if stop < start + header or start + header > end:
        raise FrameFault(FRAME_MALFORMED, f"the IPv4 packet of {total} bytes ends in its header", 2)
    fragment = None
    if offset & 0x3FFF:
        fragment = Fragment(ident, (offset & 0x1FFF) * 8, bool(offset & 0x2000))
    return Packet(
        protocol,
        buffer[start + 12 : start + 20],
        start + header,
        min(stop, end),
        max(stop - end, 0),
        fragment,
    )


def ipv6(buffer: bytes, start: int, end: int) -> Packet:
    """Read the IPv6 header at `start` and the extension headers after it (RFC 8200 §3, §4)."""
    if start + 40 > end:
        raise FrameFault(FRAME_MALFORMED, "the frame ends inside the IPv6 header", end - start)
    first, length, protocol = _ipv6(buffer, start)
    if first >> 28 != 6:
        raise FrameFault(FRAME_MALFORMED, f"the IPv6 header begins with 0x{first >> 24:02x}")
    addresses = buffer[start + 8 : start + 40]
    # A length of 0 is a jumbogram (RFC 2675) or segmentation offload.
    stop = start + 40 + length if length else end
    missing = max(stop - end, 0)
    stop = min(stop, end)
    protocol, place, fragment = extensions(buffer, protocol, start + 40, stop)
    return Packet(protocol, addresses, place, stop, missing, fragment)


def extensions(
    buffer: bytes, protocol: int, start: int, end: int
) -> tuple[int, int, Fragment | None]:
    """Walk IPv6 extension headers: return protocol, place of its header, and the fragment."""
    for _ in range(_MAX_EXTENSIONS):
        if protocol not in _EXTENSIONS and protocol not in (_FRAGMENT, _AUTHENTICATION):
            return protocol, start, None
        if start + 8 > end:
            raise FrameFault(FRAME_MALFORMED, "the frame ends inside an IPv6 extension header")
        if protocol == _FRAGMENT:
            offset, ident = struct.unpack_from(">HI", buffer, start + 2)
            if offset & 0xFFF9:
                return (
                    buffer[start],
                    start + 8,
                    Fragment(ident, offset & 0xFFF8, bool(offset & 1)),
                )
            # RFC 6946: an atomic fragment is the whole datagram.
            protocol, start = buffer[start], start + 8
        elif protocol == _AUTHENTICATION:
            # RFC 4302 §2.2: the length counts 4-byte words, less 2.
            protocol, start = buffer[start], start + (buffer[start + 1] + 2) * 4
        else:
            protocol, start = buffer[start], start + (buffer[start + 1] + 1) * 8
        if start > end:
            raise FrameFault(FRAME_MALFORMED, "an IPv6 extension header is longer than the packet")
    raise FrameFault(FRAME_MALFORMED, f"more than {_MAX_EXTENSIONS} IPv6 extension headers")
