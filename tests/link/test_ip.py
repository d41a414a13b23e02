"""IPv4 and IPv6 headers, with Scapy as the builder."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_frames import ethernet, ipv4_packet, pcap, read, udp_datagram

from dissectors.link.fault import FrameFault
from dissectors.link.ip import extensions, ipv4, ipv6

pytest.importorskip("scapy", reason="Scapy builds the packets")
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.ipsec import AH


def whole(packet):
    return bytes(packet), 0, len(bytes(packet))


def test_ipv4_with_options():
    packet = ipv4(*whole(IP(src="1.2.3.4", dst="5.6.7.8", options=[b"\x01" * 8]) / UDP() / b"abc"))
    assert (packet.protocol, packet.start, packet.end) == (17, 28, 39)
    assert packet.addresses == bytes(range(1, 9))
    assert packet.fragment is None


def test_ipv4_without_a_length_fills_the_frame():
    raw = bytearray(bytes(IP() / UDP() / b"abc"))
    raw[2:4] = b"\0\0"
    assert ipv4(bytes(raw), 0, len(raw)).end == len(raw)


def test_a_fragment_knows_its_place():
    packet = ipv4(*whole(IP(id=77, flags="MF", frag=3) / (b"x" * 16)))
    assert packet.fragment == (77, 24, True)
    packet = ipv6(*whole(IPv6() / IPv6ExtHdrFragment(id=5, offset=2, m=0, nh=17) / (b"x" * 16)))
    assert (packet.protocol, packet.fragment) == (17, (5, 16, False))


def test_an_atomic_fragment_is_a_whole_packet():
    packet = ipv6(*whole(IPv6() / IPv6ExtHdrFragment(id=5, offset=0, m=0) / UDP() / b"abc"))
    assert (packet.protocol, packet.fragment, packet.start) == (17, None, 48)


def test_extension_headers_are_walked():
    headers = (
        IPv6ExtHdrHopByHop()
        / IPv6ExtHdrRouting()
        / IPv6ExtHdrDestOpt()
        / AH(nh=17, icv=b"i" * 12, payloadlen=4)
    )
    raw = bytes(IPv6() / headers / UDP(sport=1, dport=2) / b"abc")
    packet = ipv6(raw, 0, len(raw))
    assert packet.protocol == 17
    assert raw[packet.start : packet.start + 4] == b"\0\1\0\2"


def test_what_the_capture_cut_is_counted():
    raw = bytes(IP() / UDP() / (b"x" * 100))
    assert ipv4(raw, 0, 60).missing == 68
    raw = bytes(IPv6() / UDP() / (b"x" * 100))
    assert ipv6(raw, 0, 60).missing == 88


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x45" + bytes(18),
        b"\x41" + bytes(30),  # header of 4 bytes
        b"\x55" + bytes(30),  # version 5
        b"\x4f\0\0\x20" + bytes(26),  # header longer than the frame
        b"\x45\0\0\x10" + bytes(30),  # packet shorter than its header
    ],
)
def test_ipv4_refuses(raw):
    with pytest.raises(FrameFault):
        ipv4(raw, 0, len(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"\x60" + bytes(38),
        b"\x70" + bytes(50),
        struct.pack(">IHBB", 6 << 28, 4, 0, 64) + bytes(32) + bytes(4),
        struct.pack(">IHBB", 6 << 28, 8, 0, 64) + bytes(32) + b"\x11\xff" + bytes(6),
        struct.pack(">IHBB", 6 << 28, 400, 0, 64) + bytes(32) + bytes(400),  # 50 headers
    ],
)
def test_ipv6_refuses(raw):
    with pytest.raises(FrameFault):
        ipv6(raw, 0, len(raw))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100), st.sampled_from([0x45, 0x4F, 0x60]))
def test_any_packet_is_read_or_refused(data, first):
    raw = bytes([first]) + data
    for read_packet in (ipv4, ipv6):
        try:
            packet = read_packet(raw, 0, len(raw))
        except FrameFault:
            continue
        assert 0 < packet.start <= packet.end <= len(raw)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 255))
def test_any_extension_headers_are_walked_or_refused(data, protocol):
    try:
        _, start, _ = extensions(data, protocol, 0, len(data))
    except FrameFault:
        return
    assert start <= len(data)


def test_a_bad_header_is_a_finding_with_its_frame_and_the_rest_is_read():
    good = ethernet(ipv4_packet("1.1.1.1", "2.2.2.2", 17, udp_datagram(9, 10, b"x" * 30)))
    bad = ethernet(b"\x41" + bytes(60))
    opener, _ = read(pcap([good, bad, good]))
    assert [(f.code, where) for f, where in opener.notes] == [("frame-malformed", (2,))]
    assert opener.tape.bytes(0) == b"x" * 60


@pytest.mark.parametrize(
    "payload",
    [
        b"\0\x50",
        udp_datagram(1, 2, b"x", length=4),
        udp_datagram(1, 2, b"x", length=4000),
    ],
)
@pytest.mark.parametrize("options", [b"", b"\x01" * 4])
def test_a_bad_udp_header_is_a_finding(payload, options):
    good = ethernet(ipv4_packet("1.1.1.1", "2.2.2.2", 17, udp_datagram(1, 2, b"x" * 30)))
    frame = ethernet(ipv4_packet("1.1.1.1", "2.2.2.2", 17, payload, options=options))
    opener, _ = read(pcap([good, frame + bytes(40), good]))
    assert opener.codes() == ["frame-malformed"]
    assert opener.tape.bytes(0) == b"x" * 60


def test_a_bad_tcp_header_is_a_finding():
    segment = struct.pack(">HHIIHHHH", 1, 2, 3, 4, 0xF010, 0, 0, 0)
    frame = ethernet(ipv4_packet("1.1.1.1", "2.2.2.2", 6, segment))
    short = ethernet(ipv4_packet("1.1.1.1", "2.2.2.2", 6, segment[:10]))
    opener, _ = read(pcap([frame, short, frame[:40]]))
    assert opener.codes() == ["frame-malformed"] * 2 + ["packet-cut"]
