from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from layer_traffic import ether
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw

from dissectors.layers.headers import FrameStore, with_header
from dissectors.link.container import Batch
from dissectors.trace.message import Message


def message(
    src: str = "10.0.0.2:4000", dst: str = "10.0.0.5:80", transport: str = "http"
) -> Message:
    return Message((1,), 7.5, src, dst, transport, "ESipa", "GetEimPackage", "request", None, (),
                   None, None, b"body")  # fmt: skip


def frame(**tcp: int) -> bytes:
    below = IP(src="10.0.0.2", dst="10.0.0.5", ttl=9, id=77)
    return bytes(ether() / below / TCP(sport=4000, dport=80, **tcp) / b"on the wire")


def test_the_fields_of_the_frame_stay_and_lengths_are_made_anew() -> None:
    packet = with_header(message(), Raw(b"body"), (1, frame(seq=5, window=99)))
    assert packet.__class__ is IP
    assert (packet.ttl, packet.id, packet[TCP].seq, packet[TCP].window) == (9, 77, 5, 99)
    assert packet.time == 7.5
    again = IP(bytes(packet))
    assert again[TCP].payload.load == b"body"
    assert again.len == 44
    del again.chksum
    assert IP(bytes(again)).chksum == IP(bytes(packet)).chksum


def test_a_frame_of_somebody_else_is_not_taken() -> None:
    packet = with_header(message(src="10.0.0.9:1"), Raw(b"body"), (1, frame()))
    assert (packet.src, packet[TCP].sport, packet.ttl) == ("10.0.0.9", 1, 64)


def test_headers_are_made_of_addresses() -> None:
    packet = with_header(message("[2001:db8::1]:5", "[2001:db8::2]:5684", "coaps"), Raw(b"b"), None)
    assert (packet.__class__, packet.src, packet[UDP].dport) == (IPv6, "2001:db8::1", 5684)


def test_a_card_has_no_addresses() -> None:
    card = message("device", "card", "apdu")
    assert with_header(card, Raw(b"b"), None).__class__ is Raw
    below = ether() / IP(src="127.0.0.1", dst="127.0.0.1", ttl=3) / UDP(sport=5, dport=4729)
    packet = with_header(card, Raw(b"b"), (1, bytes(below)))
    assert (packet.ttl, packet[UDP].dport, packet[UDP].payload.load) == (3, 4729, b"b")


def test_the_last_of_several_fragments() -> None:
    four = bytes(
        ether() / IP(src="10.0.0.2", dst="10.0.0.5", flags="MF") / UDP(sport=4000, dport=80)
    )
    packet = with_header(message(transport="coap"), Raw(b"b"), (1, four))
    assert (int(packet.flags), packet.frag) == (0, 0)
    below = IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrFragment(m=1, nh=17)
    six = bytes(ether() / below / UDP(sport=1, dport=2))
    told = message("[2001:db8::1]:1", "[2001:db8::2]:2", "coap")
    assert with_header(told, Raw(b"b"), (1, six))[IPv6ExtHdrFragment].m == 0


def test_frames_are_found_by_number_until_they_are_forgotten() -> None:
    store = FrameStore()
    octets = bytes(range(100)) * 10
    for _ in range(3):
        store.add(Batch(octets, 1, [(0.0, 0, 10, 10), (0.0, 100, 600, 600)]))
    assert store.find(1) == (1, octets[:10])
    assert store.find(6) == (1, octets[100:612])
    assert store.find(7) is None
    store.add(Batch(bytes(9 << 20), 1, [(0.0, 0, 10, 10)]))
    assert store.find(1) is None
    assert store.find(7) == (1, bytes(10))


@given(st.binary(max_size=80), st.sampled_from([0, 1, 12, 101, 108, 113, 147, 217, 228, 229, 276]))
def test_any_frame_gives_a_packet(data: bytes, linktype: int) -> None:
    packet = with_header(message(), Raw(b"body"), (linktype, data))
    assert packet.lastlayer().load == b"body"


@given(st.integers(0, 60), st.integers(0, 255))
def test_a_damaged_frame_gives_a_packet(place: int, value: int) -> None:
    octets = bytearray(frame())
    octets[place % len(octets)] = value
    packet = with_header(message(), Raw(b"body"), (1, bytes(octets)))
    assert packet.lastlayer().load == b"body"
    bytes(packet)
