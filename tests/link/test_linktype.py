"""Every link type, in frames that Scapy builds: the same bytes come out of each."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_frames import Recorder, pcap, read

from dissectors.link import linktype
from dissectors.link.fault import FrameFault

pytest.importorskip("scapy", reason="Scapy builds the frames")
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether, Loopback

V4 = IP(src="192.0.2.1", dst="192.0.2.2")
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2")

# Without addresses Scapy would ask the network for them.
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
ETHERNET = {
    "plain": lambda: Ether(**MACS),
    "vlan": lambda: ETHERNET["plain"]() / Dot1Q(vlan=7),
    "qinq": lambda: ETHERNET["plain"]() / Dot1AD(vlan=100) / Dot1Q(vlan=7),
    "old qinq": lambda: Ether(type=0x9100, **MACS) / Dot1Q(vlan=100) / Dot1Q(vlan=7),
}


def link(name, packet):
    """Return link type number and frame, by the name of the case."""
    six = isinstance(packet, IPv6)
    if name in ETHERNET:
        return linktype.ETHERNET, bytes(ETHERNET[name]() / packet)
    if name == "sll":
        return linktype.LINUX_SLL, bytes(CookedLinux() / packet)
    if name == "sll2":
        return linktype.LINUX_SLL2, bytes(CookedLinuxV2() / packet)
    if name == "loop":
        return linktype.LOOP, struct.pack(">I", 24 if six else 2) + bytes(packet)
    if name.startswith("null"):
        if name == "null big":
            return linktype.NULL, struct.pack(">I", 30 if six else 2) + bytes(packet)
        family = int(name.partition(" ")[2] or 30) if six else 2
        return linktype.NULL, bytes(Loopback(type=family) / packet)
    number = {"raw": linktype.RAW, "raw 12": 12, "raw 14": 14}.get(name)
    if number is None:
        number = linktype.RAW_IPV6 if six else linktype.RAW_IPV4
    return number, bytes(packet)


NAMES = [
    *ETHERNET,
    "sll",
    "sll2",
    "loop",
    "null",
    "null big",
    "null 10",
    "null 24",
    "null 28",
    "raw",
    "raw 12",
    "raw 14",
    "raw one version",
]


@pytest.mark.parametrize("ip", [V4, V6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_bytes_come_out_of_every_link_type(name, ip):
    if name.startswith("null ") and name != "null big" and ip is V4:
        pytest.skip("AF_INET is 2 everywhere")
    client, server = TCP(sport=40000, dport=80), TCP(sport=80, dport=40000)
    back = ip.copy()
    back.src, back.dst = ip.dst, ip.src

    def segment(layer, flags, seq, ack, data=b"", way=ip):
        tcp = layer.copy()
        tcp.flags, tcp.seq, tcp.ack = flags, seq, ack
        return way / tcp / data if data else way / tcp

    packets = [
        segment(client, "S", 99, 0),
        segment(server, "SA", 499, 100, way=back),
        segment(client, "A", 100, 500),
        segment(client, "PA", 100, 500, b"question " * 10),
        segment(server, "PA", 500, 190, b"answer " * 10, way=back),
        segment(server, "PA", 570, 190, b"more", way=back),
        ip / UDP(sport=50000, dport=5683) / b"datagram",
        back / UDP(sport=5683, dport=50000) / b"",
        ip / UDP(sport=50000, dport=5683) / b"second datagram, long enough for the bulk path",
    ]
    links = [link(name, packet) for packet in packets]
    opener, summary = read(pcap([frame for _, frame in links], links[0][0]))
    assert (summary.frames, summary.flows) == (9, 2)
    assert opener.notes == []
    tcp, udp = opener.tapes
    assert tcp.bytes(0) == b"question " * 10
    assert tcp.bytes(1) == b"answer " * 10 + b"more"
    assert (tcp.flow.client.host, tcp.flow.client.port) == (ip.src, 40000)
    assert (tcp.flow.server.host, tcp.flow.server.port) == (ip.dst, 80)
    assert [event[:4] for event in udp.events] == [
        ("datagram", 0, b"datagram", (7,)),
        ("datagram", 1, b"", (8,)),
        ("datagram", 0, b"second datagram, long enough for the bulk path", (9,)),
    ]
    assert udp.flow.server.port == 5683


def test_padding_and_frame_check_sequence_are_no_payload():
    frame = bytes(Ether(**MACS) / V4 / UDP(sport=50000, dport=5683) / b"x")
    opener, _ = read(pcap([frame + b"\xee" * 21, frame + b"\xee" * 60]))
    assert opener.tape.bytes(0) == b"xx"


def test_what_is_not_ip_is_passed_over_silently():
    frames = [
        bytes(Ether(**MACS) / ARP()),
        bytes(Ether(type=0x88CC, **MACS) / b"lldp"),
        bytes(Ether(**MACS) / Dot1Q()),
    ]
    opener, summary = read(pcap(frames))
    assert (summary.frames, opener.notes, opener.asked) == (3, [], [])


@pytest.mark.parametrize("number", [linktype.GSMTAP_UM, linktype.GSMTAP_ABIS])
def test_gsmtap_without_ip_is_a_flow_of_its_own(number):
    frames = [b"\x02\x04\x04" + bytes(13) + b"apdu", b"second"]
    opener, _ = read(pcap(frames, number))
    assert [event[2] for event in opener.tape.events] == frames
    assert opener.tape.flow.transport == "gsmtap"
    assert (opener.tape.flow.number, opener.tape.flow.server.port) == (1, 4729)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(linktype.FAST)), st.binary(max_size=120))
def test_any_frame_is_located_or_refused(number, frame):
    try:
        _, start = linktype.network(number, frame, 0, len(frame))
    except FrameFault:
        return
    assert 0 <= start <= len(frame)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(linktype.SUPPORTED)), st.lists(st.binary(max_size=120), max_size=10))
def test_any_frames_are_survived(number, frames):
    opener, summary = read(pcap(frames, number), Recorder())
    assert summary.frames == len(frames)
    assert all(1 <= where[0] <= len(frames) for _, where in opener.notes)
