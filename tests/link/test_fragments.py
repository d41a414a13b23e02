"""Datagrams in fragments, cut by Scapy; in disorder, twice, overlapping, and without end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_frames import ethernet, ipv4_packet, pcap, read, udp_datagram

from dissectors.link.limits import Limits

pytest.importorskip("scapy", reason="Scapy cuts the datagrams")
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, fragment6

BODY = bytes(random.Random(1).randbytes(3000))


def ipv4_fragments(size=400, body=BODY, ident=9):
    datagram = IP(src="1.1.1.1", dst="2.2.2.2", id=ident) / UDP(sport=50000, dport=5683) / body
    return [ethernet(bytes(part)) for part in fragment(datagram, fragsize=size)]


def ipv6_fragments(size=500, extra=None):
    upper = UDP(sport=50000, dport=5683) / BODY
    upper = extra / upper if extra else upper
    datagram = IPv6(src="::1", dst="::2") / IPv6ExtHdrFragment(id=3) / upper
    return [ethernet(bytes(part), 0x86DD) for part in fragment6(datagram, size)]


def part(offset, data, *, more=True, ident=9, protocol=17):
    flags = (0x2000 if more else 0) | offset // 8
    return ethernet(ipv4_packet("1.1.1.1", "2.2.2.2", protocol, data, ident=ident, fragment=flags))


@pytest.mark.parametrize("make", [ipv4_fragments, ipv6_fragments])
def test_fragments_in_any_order_and_twice_are_one_datagram(make):
    frames = make()
    assert len(frames) > 5
    rnd = random.Random(2)
    for _ in range(10):
        mixed = frames + rnd.sample(frames, 3)
        rnd.shuffle(mixed)
        opener, _ = read(pcap(mixed, step=10))
        assert opener.tape.bytes(0) == BODY
        assert len(opener.tape.events) == 1
        numbers = opener.tape.events[0][3]
        assert len(numbers) == len(frames)
        assert list(numbers) == sorted(numbers)
        assert opener.notes == []


@pytest.mark.parametrize("make", [ipv4_fragments, ipv6_fragments])
def test_a_capture_with_every_frame_twice_has_the_datagram_once(make):
    opener, _ = read(pcap(make() * 2, step=10))
    assert len(opener.tape.events) == 1
    assert opener.notes == []


def test_extension_headers_inside_the_fragments():
    opener, _ = read(pcap(ipv6_fragments(extra=IPv6ExtHdrDestOpt(nh=17))))
    assert opener.tape.bytes(0) == BODY


def test_a_tcp_segment_in_fragments():
    segment = TCP(sport=40000, dport=80, flags="PA", seq=1, ack=1) / BODY
    datagram = IP(src="1.1.1.1", dst="2.2.2.2", id=9) / segment
    frames = [ethernet(bytes(each)) for each in fragment(datagram, fragsize=400)]
    opener, _ = read(pcap(frames))
    assert opener.tape.bytes(0) == BODY
    assert opener.tape.events[0][3] == tuple(range(1, len(frames) + 1))


def test_the_first_copy_wins_and_the_conflict_is_reported():
    whole = udp_datagram(50000, 5683, b"A" * 40)
    frames = [part(0, whole[:24]), part(16, b"B" * 24), part(40, whole[40:], more=False)]
    opener, _ = read(pcap(frames))
    assert opener.tape.bytes(0) == b"A" * 16 + b"B" * 16 + b"A" * 8
    assert [(f.code, where) for f, where in opener.notes] == [("fragment-conflict", (2,))]


def test_overlap_with_equal_bytes_is_a_warning():
    whole = udp_datagram(50000, 5683, b"A" * 40)
    frames = [part(0, whole[:24]), part(16, whole[16:40]), part(40, whole[40:], more=False)]
    opener, _ = read(pcap(frames))
    assert opener.tape.bytes(0) == b"A" * 40
    assert opener.codes() == ["fragment-overlap"]


def test_what_is_missing_is_reported_at_the_end():
    frames = ipv4_fragments()
    opener, _ = read(pcap(frames[:3] + frames[4:]))
    assert opener.tapes == []
    ((found, where),) = opener.notes
    assert found.code == "fragment-incomplete"
    assert where == tuple(range(1, len(frames)))


def test_old_fragments_are_given_up_and_the_number_is_used_again():
    first, second = ipv4_fragments(body=b"old" * 500), ipv4_fragments(body=b"new" * 500)
    opener, _ = read(pcap([*first[:-1], *second], step=40_000_000))
    assert opener.codes() == ["fragment-incomplete"] * (len(first) - 1 + len(second))
    opener, _ = read(pcap([*first, *second], step=1_100_000))
    assert opener.tape.bytes(0) == b"old" * 500 + b"new" * 500


@pytest.mark.parametrize(
    "frames",
    [
        [part(65_528, b"x" * 16)],
        [part(0, b"x" * 13)],
        [part(8, b"")],
        [part(16, b"x" * 8, more=False), part(24, b"x" * 8)],
        [part(24, b"x" * 8), part(16, b"x" * 8, more=False)],
    ],
)
def test_impossible_fragments_are_findings(frames):
    opener, _ = read(pcap(frames))
    assert "frame-malformed" in opener.codes()
    assert opener.tapes == []


def test_a_cut_fragment_is_a_finding():
    frame = part(0, b"x" * 800)
    opener, _ = read(pcap([(frame[:100], len(frame))]))
    assert opener.codes() == ["fragment-incomplete"]


@pytest.mark.parametrize(
    "limits", [Limits(datagrams=10), Limits(fragment_bytes=5000), Limits(fragments=20)]
)
def test_a_flood_is_bounded_and_what_follows_is_read(limits):
    flood = [part(8 * (n % 50) * 2, bytes([n & 255]) * 8, ident=n // 50) for n in range(3000)]
    opener, summary = read(pcap([*flood, *ipv4_fragments(ident=4000)], step=1), limits=limits)
    assert opener.tape.bytes(0) == BODY
    assert set(opener.codes()) <= {"fragment-incomplete"}
    assert summary.findings >= 60
    if limits.fragments == 20:
        assert "of 21 fragments" in opener.notes[0][0].text


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.binary(max_size=40), st.booleans(), st.integers(0, 1)),
        max_size=40,
    )
)
def test_any_fragments_are_survived(parts):
    frames = [part(8 * at, data, more=more, ident=ident) for at, data, more, ident in parts]
    _, summary = read(pcap(frames), limits=Limits(fragments=8, fragment_bytes=300))
    assert summary.frames == len(frames)
