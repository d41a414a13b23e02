"""Link types: where the IP packet of a frame begins, and what kind it is."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from dissectors.link.codes import FRAME_MALFORMED
from dissectors.link.fault import FrameFault

NULL: Final = 0
ETHERNET: Final = 1
RAW: Final = 101
LOOP: Final = 108
LINUX_SLL: Final = 113
GSMTAP_UM: Final = 217
GSMTAP_ABIS: Final = 218
RAW_IPV4: Final = 228
RAW_IPV6: Final = 229
LINUX_SLL2: Final = 276

# What libpcap's DLT_RAW is on some systems; seen in files although it is no link type.
_DLT_RAW: Final = (12, 14)

IPV4: Final = 0x0800
IPV6: Final = 0x86DD
OTHER: Final = 0

# 802.1Q, 802.1ad, and what QinQ used before it had a number of its own.
_VLAN: Final = (0x8100, 0x88A8, 0x9100)
_MAX_TAGS: Final = 8

# AF_INET6 of Linux, Windows, NetBSD/OpenBSD, FreeBSD and Darwin; AF_INET is 2 everywhere.
_FAMILIES: Final = {2: IPV4, 10: IPV6, 23: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}

# Ethernet/cooked protocol or family, then from IPv4: version and length, total length, fragment,
# protocol, addresses with ports, and from TCP: sequence, acknowledgment, offset with flags.
_IPV4_TCP: Final = "BxH2xHxB2x12sIIH"
# The same from an IPv6 header without extensions, at its start.
IPV6_TCP: Final = struct.Struct(">IHBx36sIIH").unpack_from


class FastPath(NamedTuple):
    """How to read link, IP and TCP header of a link type in one go; -1 is a tag no frame has."""

    unpack: Callable[..., tuple[Any, ...]]
    ipv4: object  # what the first field is in a frame with IPv4
    ip: int  # offset of the IP header
    ipv6: int = -1
    vlan: int = -1  # and in one with a VLAN tag, which moves all by 4


def _fast(link: str, ipv4: object, ip: int, ipv6: int = -1, vlan: int = -1) -> FastPath:
    return FastPath(struct.Struct(">" + link + _IPV4_TCP).unpack_from, ipv4, ip, ipv6, vlan)


_RAW_PATH: Final = _fast("0s", b"", 0)

# Supported link types. The family of NULL is in the order of the machine that captured; the
# usual one has the fast path.
FAST: Final[dict[int, FastPath]] = {
    ETHERNET: _fast("12xH", IPV4, 14, IPV6, _VLAN[0]),
    LINUX_SLL: _fast("14xH", IPV4, 16, IPV6),
    LINUX_SLL2: _fast("H18x", IPV4, 20, IPV6),
    NULL: _fast("I", 0x02000000, 4),
    LOOP: _fast("I", 2, 4),
    RAW: _RAW_PATH,
    RAW_IPV4: _RAW_PATH,
    RAW_IPV6: _RAW_PATH,
    **dict.fromkeys(_DLT_RAW, _RAW_PATH),
}

GSMTAP: Final = frozenset({GSMTAP_UM, GSMTAP_ABIS})
SUPPORTED: Final = frozenset(FAST) | GSMTAP

_SHORT: Final = "the frame ends inside its link header"


def network(linktype: int, buffer: bytes, start: int, end: int) -> tuple[int, int]:
    """Return what the frame carries (IPV4, IPV6 or OTHER) and where that begins."""
    if linktype == ETHERNET:
        return _ethertype(buffer, start + 12, start + 14, end)
    if linktype == LINUX_SLL:
        return _ethertype(buffer, start + 14, start + 16, end)
    if linktype == LINUX_SLL2:
        return _ethertype(buffer, start, start + 20, end)
    if linktype in (NULL, LOOP):
        if start + 4 > end:
            raise FrameFault(FRAME_MALFORMED, _SHORT, end - start)
        family = buffer[start : start + 4]
        kind = _FAMILIES.get(int.from_bytes(family, "big"), OTHER)
        if not kind and linktype == NULL:
            kind = _FAMILIES.get(int.from_bytes(family, "little"), OTHER)
        return kind, start + 4
    if start >= end:
        raise FrameFault(FRAME_MALFORMED, _SHORT, 0)
    return {4: IPV4, 6: IPV6}.get(buffer[start] >> 4, OTHER), start


def _ethertype(buffer: bytes, at: int, start: int, end: int) -> tuple[int, int]:
    if start > end:
        raise FrameFault(FRAME_MALFORMED, _SHORT, max(end - at, 0))
    kind = buffer[at] << 8 | buffer[at + 1]
    tags = 0
    while kind in _VLAN:
        tags += 1
        if start + 4 > end or tags > _MAX_TAGS:
            raise FrameFault(FRAME_MALFORMED, "the frame ends inside its VLAN tags", 0)
        kind = buffer[start + 2] << 8 | buffer[start + 3]
        start += 4
    return (kind if kind in (IPV4, IPV6) else OTHER), start
