"""pcapng captures: sections, interfaces, secrets, comments, and blocks that lie."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_frames import Recorder, Talk, read, udp_frame

from dissectors.link import pcapng as module
from dissectors.link import pcapng_scan
from dissectors.link.capture import CaptureError, scan_secrets
from dissectors.link.limits import Limits
from dissectors.link.pcapng_write import NANOSECONDS, PcapngWriter

CLIENT, SERVER = ("10.0.0.1", 50000), ("10.0.0.2", 5683)
NOW = 1_700_000_000_000_000_000
TLS = 0x544C534B


def datagram(number, size=20):
    return udp_frame(CLIENT, SERVER, b"%06d" % number + b"." * size)


def numbers(opener):
    return [int(event[2][:6]) for event in opener.tape.events]


def capture(count=10, size=20):
    writer = PcapngWriter()
    out = [writer.section(), writer.interface()]
    out += [writer.packet(datagram(n, size), NOW + n) for n in range(count)]
    return out


def block(kind, body, order="<", length=None):
    body += bytes(-len(body) % 4)
    length = len(body) + 12 if length is None else length
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def section(order):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_of_packet_block_in_both_byte_orders(order):
    frames = [datagram(n) for n in range(4)]
    size = len(frames[0])
    ticks = 1_700_000_000_250_000
    about = struct.pack(order + "IIII", ticks >> 32, ticks & 0xFFFFFFFF, size, size)
    data = (
        section(order)
        + block(1, struct.pack(order + "HHI", 1, 0, 0), order)
        + block(6, struct.pack(order + "I", 0) + about + frames[0], order)
        + block(3, struct.pack(order + "I", size) + frames[1], order)
        + block(2, struct.pack(order + "HH", 0, 7) + about + frames[2], order)
        + block(0xBAD, b"a custom block", order)
        + block(6, struct.pack(order + "I", 0) + about + frames[3], order)
    )
    opener, summary = read(data)
    assert numbers(opener) == [0, 1, 2, 3]
    assert {event[4] for event in opener.tape.events} == {1_700_000_000.25}
    assert [event[3] for event in opener.tape.events] == [(1,), (2,), (3,), (4,)]
    assert (summary.frames, opener.notes) == (4, [])


def test_interfaces_have_their_own_link_type_and_clock():
    writer = PcapngWriter()
    frame = datagram(1)
    data = [
        writer.section(),
        writer.interface(1, name="eth0", description="towards the eIM", snaplen=96),
        writer.interface(101, name="tun0", digits=NANOSECONDS),
        writer.interface(147, name="odd", digits=3),
        writer.packet(frame, NOW + 1_234_567),
        writer.packet(frame[14:], NOW + 1_234_567, interface=1),
        writer.packet(b"unknown", NOW, interface=2),
        writer.packet(frame, NOW, interface=0),
    ]
    opener, summary = read(b"".join(data))
    assert [event[3] for event in opener.tape.events] == [(1,), (2,), (4,)]
    assert opener.tape.events[0][4] == 1_700_000_000.001234
    assert opener.tape.events[1][4] == pytest.approx(1_700_000_000.001234567, abs=3e-7)
    assert [(each.linktype, each.name, each.ticks) for each in summary.interfaces] == [
        (1, "eth0", 10**6),
        (101, "tun0", 10**9),
        (147, "odd", 10**3),
    ]
    assert (summary.interfaces[0].description, summary.interfaces[0].snaplen) == (
        "towards the eIM",
        96,
    )
    ((found, where),) = opener.notes
    assert (found.code, where) == ("link-type-unsupported", (3,))


def test_clocks_by_powers_of_two_and_with_an_offset():
    options = struct.pack("<HHB3xHHqHH", 9, 1, 0x80 | 10, 14, 8, 1_000_000_000, 0, 0)
    frame = datagram(0)
    data = (
        section("<")
        + block(1, struct.pack("<HHI", 1, 0, 0) + options)
        + block(6, struct.pack("<IIIII", 0, 0, 1536, len(frame), len(frame)) + frame)
    )
    opener, _ = read(data)
    assert opener.tape.events[0][4] == 1_000_000_001.5


def test_a_new_section_has_its_own_interfaces_and_byte_order():
    packet = datagram(5)[14:]
    big = (
        section(">")
        + block(1, struct.pack(">HHI", 101, 0, 0), ">")
        + block(6, struct.pack(">IIIII", 0, 0, 0, len(packet), len(packet)) + packet, ">")
    )
    opener, summary = read(b"".join(capture(3)) + big + b"".join(capture(2)))
    assert numbers(opener) == [0, 1, 2, 5, 0, 1]
    assert [each.linktype for each in summary.interfaces] == [1, 101, 1]


def test_secrets_are_handed_on_and_found_ahead(tmp_path):
    writer = PcapngWriter()
    parts = capture(3)
    parts.insert(2, writer.secrets(b"CLIENT_RANDOM 00 11\n"))
    parts.append(writer.secrets(b"late", kind=0x57474B4C))
    parts.append(section(">"))
    parts.append(block(10, struct.pack(">II", TLS, 3) + b"big", ">"))
    path = tmp_path / "a.pcapng"
    path.write_bytes(b"".join(parts))
    expected = [(TLS, b"CLIENT_RANDOM 00 11\n"), (0x57474B4C, b"late"), (TLS, b"big")]
    opener, _ = read(b"".join(parts))
    assert opener.kept == expected
    assert scan_secrets(path) == expected
    path.write_bytes(b"".join(parts)[:-1])
    assert scan_secrets(path) == expected[:2]
    assert scan_secrets("-") == []


def test_the_scan_crosses_the_borders_of_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(pcapng_scan, "CHUNK", 50)
    parts = capture(20, 300)
    for at in (3, 9, 22):
        parts.insert(at, PcapngWriter().secrets(b"%d" % at * 60))
    path = tmp_path / "a.pcapng"
    path.write_bytes(b"".join(parts))
    assert scan_secrets(path) == [(TLS, b"%d" % at * 60) for at in (3, 9, 22)]
    path.write_bytes(b"".join(parts)[:-7])
    assert len(scan_secrets(path)) == 3


def test_secrets_are_bounded(tmp_path):
    data = b"".join(capture(1)) + PcapngWriter().secrets(b"x" * 400) * 10
    opener, _ = read(data, limits=Limits(secrets_bytes=1000))
    assert len(opener.kept) == 2
    assert "capture-corrupt" in opener.codes()
    path = tmp_path / "a.pcapng"
    path.write_bytes(data)
    assert len(scan_secrets(path, limits=Limits(secrets_bytes=1000))) == 2


def test_comments_come_with_their_frame():
    writer = PcapngWriter()
    data = [
        writer.section(comment="whole capture"),
        writer.interface(),
        writer.packet(datagram(0), NOW),
        writer.packet(datagram(1), NOW, comment="here it fails: größer"),
        writer.packet(datagram(2), NOW, comment="and here", direction=1),
    ]
    told = []
    read(b"".join(data), comments=lambda text, frames: told.append((text, frames)))
    assert told == [
        ("whole capture", ()),
        ("here it fails: größer", (2,)),
        ("and here", (3,)),
    ]


def test_frames_of_all_sizes_cross_the_borders_of_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 64)
    parts = capture(2)
    writer = PcapngWriter()
    writer.interface()
    parts += [writer.packet(datagram(n, n % 300), NOW) for n in range(2, 500)]
    opener, _ = read(b"".join(parts))
    assert numbers(opener) == list(range(500))
    assert opener.notes == []


def test_a_truncated_file_is_read_to_its_end_and_reported():
    parts = capture(10)
    for cut in (1, 9, 20, 50, len(parts[-1]) - 1):
        opener, summary = read(b"".join(parts)[:-cut])
        assert summary.frames == 9
        assert opener.codes() == ["capture-truncated"]


@pytest.mark.parametrize(
    "bad",
    [
        block(6, bytes(20), length=8),
        block(6, bytes(20), length=0),
        block(5, bytes(20), length=0),
        block(5, bytes(20), length=11),
        block(5, bytes(20), length=64),
        block(5, bytes(20), length=0xFFFFFFF0),
        block(6, bytes(20), length=0x7FFFFFFC),
        block(6, struct.pack("<IIIII", 0, 0, 0, 4000, 4000) + b"x" * 20),
        block(6, struct.pack("<IIIII", 0, 0, 0, 20, 20) + bytes(20))[:-4] + bytes(4),
        block(1, b""),
        block(10, b"\0" * 4),
        block(0x0A0D0D0A, b"\x11\x22\x33\x44" + bytes(12)),
        b"noise",
    ],
)
def test_a_block_that_lies_is_reported_and_the_rest_is_read(bad):
    parts = capture(10)
    parts.insert(7, bad)
    opener, _ = read(b"".join(parts))
    assert numbers(opener) == list(range(10))
    ((found, where),) = opener.notes
    assert (found.code, where) == ("capture-corrupt", (6,))


def test_a_block_that_announces_more_than_the_file_has_does_not_hide_the_rest(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 500)
    parts = capture(100)
    parts.insert(7, block(5, bytes(20), length=1 << 20))
    opener, _ = read(b"".join(parts))
    assert numbers(opener) == list(range(100))
    assert opener.codes() == ["capture-corrupt"]


def test_an_unknown_interface_is_reported_and_its_frames_are_counted():
    parts = capture(3)
    odd = datagram(9)
    parts.insert(3, block(6, struct.pack("<IIIII", 4, 0, 0, len(odd), len(odd)) + odd))
    opener, summary = read(b"".join(parts))
    assert numbers(opener) == [0, 1, 2]
    assert opener.tape.events[1][3] == (3,)
    assert summary.frames == 4
    assert [(f.code, where) for f, where in opener.notes] == [("interface-unknown", (2,))]


def test_millions_of_interfaces_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MAX_INTERFACES", 100)
    parts = capture(1)
    opener, summary = read(b"".join(parts) + PcapngWriter().interface() * 500)
    assert len(summary.interfaces) == 100
    assert set(opener.codes()) == {"capture-limit"}


def test_no_known_link_type_is_refused():
    writer = PcapngWriter()
    data = writer.section() + writer.interface(127) + writer.packet(b"wifi", NOW)
    with pytest.raises(CaptureError, match="link type 127"):
        read(data)


def test_garbage_to_the_end_stops():
    noise = random.Random(4).randbytes(3_000_000)
    opener, summary = read(b"".join(capture(10)) + noise)
    assert opener.codes() == ["capture-corrupt", "capture-stopped"]
    assert summary.frames == 10


def test_a_file_of_false_starts_takes_bounded_time():
    false = struct.pack("<II", 6, 0xFFFF)
    opener, summary = read(b"".join(capture(10)) + b"\xff" * 16 + false * 400_000)
    assert opener.codes()[-1] == "capture-stopped"
    assert summary.frames == 10


def test_blocks_that_announce_megabytes_take_bounded_time():
    lie = block(5, bytes(20), length=16 << 20)
    packets = b"".join(capture(2)[2:])
    opener, summary = read(b"".join(capture(3)) + (lie + packets) * 20_000)
    assert set(opener.codes()) == {"capture-corrupt", "capture-stopped"}
    assert 3 <= summary.frames < 10_000


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_after_the_section_are_survived(data):
    read(section("<") + data)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_captures_are_survived(data):
    talk = Talk()
    writer = PcapngWriter()
    frames = [*talk.open()]
    for n in range(8):
        frames += [talk.say(0, b"q%d" % n * 9), talk.say(1, b"a%d" % n * 9), datagram(n)]
    parts = [writer.section(comment="c"), writer.interface(name="eth0"), writer.interface(101)]
    for n, frame in enumerate(frames):
        parts.append(writer.packet(frame, NOW + n * 1000, comment="x" * (n % 3)))
    parts.insert(9, writer.secrets(b"CLIENT_RANDOM"))
    raw = bytearray(b"".join(parts))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    try:
        opener, summary = read(bytes(raw), Recorder(), comments=lambda text, frames: None)
    except CaptureError:
        return
    for _, where in opener.notes:
        assert all(0 < n <= summary.frames + 1 for n in where)
