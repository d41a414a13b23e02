"""Classic captures: byte orders, clocks, cut and damaged files."""

from __future__ import annotations

import io
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_frames import Recorder, Talk, pcap, read, udp_frame

from dissectors.link import container
from dissectors.link import pcap as module
from dissectors.link.capture import CaptureError
from dissectors.link.notes import Notes
from dissectors.link.source import open_source

CLIENT, SERVER = ("10.0.0.1", 50000), ("10.0.0.2", 5683)


def datagrams(count, size=20):
    return [udp_frame(CLIENT, SERVER, b"%06d" % n + b"." * size) for n in range(count)]


def numbers(opener):
    return [int(event[2][:6]) for event in opener.tape.events]


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_and_clocks(order, nano):
    opener, summary = read(pcap(datagrams(3), order=order, nano=nano, step=1_250_001))
    assert [event[4] for event in opener.tape.events] == [
        1_700_000_000.0,
        1_700_000_001.250001,
        1_700_000_002.500002,
    ]
    assert (summary.first, summary.last) == (1_700_000_000.0, 1_700_000_002.500002)
    assert summary.interfaces[0].ticks == (10**9 if nano else 10**6)
    assert summary.bytes == sum(map(len, datagrams(3)))


def test_frames_of_all_sizes_cross_the_borders_of_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 100)
    frames = [udp_frame(CLIENT, SERVER, b"%06d" % n + b"." * (n % 300)) for n in range(600)]
    opener, _ = read(pcap(frames))
    assert numbers(opener) == list(range(600))
    assert [event[3] for event in opener.tape.events] == [(n + 1,) for n in range(600)]


def test_a_truncated_file_is_read_to_its_end_and_reported():
    data = pcap(datagrams(10))
    for cut in (1, 5, 30, len(datagrams(1)[0]) + 3):
        opener, summary = read(data[:-cut])
        assert (summary.frames, summary.findings) == (9, 1)
        ((found, where),) = opener.notes
        assert (found.code, where) == ("capture-truncated", (10,))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("damage", ["length", "noise", "missing"])
def test_a_damaged_record_is_reported_and_the_rest_is_read(order, damage):
    frames = datagrams(400)
    data = bytearray(pcap(frames, order=order))
    size = 16 + len(frames[0])
    at = 24 + 200 * size
    if damage == "length":
        data[at + 8 : at + 12] = b"\xff\xff\xff\xf0"
    elif damage == "noise":
        data[at - 10 : at + 30] = random.Random(3).randbytes(40)
    else:
        del data[at : at + 13]
    opener, _ = read(bytes(data))
    got = numbers(opener)
    assert got[:199] == list(range(199))
    assert got[-190:] == list(range(210, 400))
    corrupt = [where for found, where in opener.notes if found.code == "capture-corrupt"]
    assert 1 <= len(corrupt) <= 3
    assert 200 <= corrupt[0][0] <= 205
    assert "capture-stopped" not in opener.codes()


def test_damage_before_the_first_record_stops():
    opener, summary = read(pcap([])[:24] + b"\xff" * 100)
    assert opener.codes() == ["capture-corrupt", "capture-stopped"]
    assert summary.frames == 0


def test_garbage_to_the_end_stops():
    noise = random.Random(4).randbytes(3_000_000)
    opener, summary = read(pcap(datagrams(10)) + b"\xff" * 16 + noise)
    assert opener.codes() == ["capture-corrupt", "capture-stopped"]
    assert summary.frames == 10


def test_a_file_of_false_starts_takes_bounded_time():
    # every place looks like a record of now, and none is one
    mark = struct.pack("<I", 1_700_000_000)[2:]
    opener, summary = read(pcap(datagrams(10)) + b"\xff" * 16 + mark * 2_000_000)
    assert opener.codes()[-1] == "capture-stopped"
    assert summary.frames >= 10


def test_a_file_damaged_everywhere_takes_bounded_time():
    bad = struct.pack("<IIII", 1_700_000_000, 0, 0xFFFFFFFF, 0)
    good = pcap(datagrams(2))[24:]
    opener, summary = read(pcap([]) + (good + bad) * 5000 + good)
    assert "capture-stopped" in opener.codes()
    assert 1000 < summary.frames < 5000
    assert len(opener.notes) <= 103


def test_records_without_bytes_are_frames():
    opener, summary = read(pcap([b""] * 1000))
    assert summary.frames == 1000
    assert set(opener.codes()) == {"frame-malformed"}
    # a hundred of a kind are listed, the rest is counted
    assert len(opener.notes) == 101
    assert opener.notes[-1][0].text.startswith("900 more")
    assert summary.findings == 1000


def test_a_header_with_frame_check_sequence_bits():
    data = bytearray(pcap(datagrams(1)))
    data[23] = 0x24
    opener, summary = read(bytes(data))
    assert summary.interfaces[0].linktype == 1
    assert numbers(opener) == [0]


def test_cut_packets_are_said_to_be_cut():
    frame = datagrams(1, 500)[0]
    opener, _ = read(pcap([(frame[:100], len(frame))]))
    assert opener.tape.codes() == ["packet-cut"]
    assert opener.tape.events[0][2] == frame[42:100]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_after_the_header_are_survived(data):
    _, summary = read(pcap([]) + data)
    assert summary.frames <= len(data) // 16 + 1


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_captures_are_survived(data):
    talk = Talk()
    frames = [*talk.open()]
    for n in range(8):
        frames += [talk.say(0, b"q%d" % n * 9), talk.say(1, b"a%d" % n * 9), *datagrams(1)]
    capture = bytearray(pcap([*frames, *talk.close()]))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(capture) - 1))
        capture[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    try:
        opener, summary = read(bytes(capture))
    except CaptureError:
        return
    for _, where in opener.notes:
        assert all(0 < n <= summary.frames + 1 for n in where)


def test_batches_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 4096)
    source = open_source(io.BytesIO(pcap(datagrams(2000))))
    notes = Notes(Recorder().note, quiet=False)
    biggest = max(len(batch.buffer) for batch in module.PcapFile(source, notes).batches())
    assert biggest < 4096 + 200
    assert container.MAX_PACKET == 262_144


@pytest.mark.parametrize("order", ["<", ">"])
def test_after_a_damaged_first_record_the_rest_is_read(order):
    data = bytearray(pcap(datagrams(50), order=order))
    data[24 + 8 : 24 + 12] = b"\x7f\xff\xff\xff"
    opener, _ = read(bytes(data))
    assert opener.codes() == ["capture-corrupt"]
    assert numbers(opener) == list(range(1, 50))


def test_a_first_record_that_is_too_long_for_the_file():
    data = bytearray(pcap(datagrams(50)))
    data[24 + 8 : 24 + 12] = struct.pack("<I", 5000)
    opener, _ = read(bytes(data))
    assert numbers(opener) == list(range(1, 50))
