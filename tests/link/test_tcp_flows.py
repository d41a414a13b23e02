"""The table of connections under floods: bounded, and those that talk are kept."""

from __future__ import annotations

import pytest
from link_frames import (
    ACK,
    FIN,
    PSH,
    RST,
    START,
    SYN,
    Recorder,
    Talk,
    pcap,
    read,
    tcp_frame,
)

from dissectors.link.container import Batch
from dissectors.link.flows import Shard
from dissectors.link.frames import Frames
from dissectors.link.limits import Limits
from dissectors.link.notes import Notes
from dissectors.link.pcapng_write import PcapngWriter
from dissectors.link.tcp_flows import SKIPPED

SERVER = ("10.0.0.2", 80)
LIMITS = Limits(flows=64, half_open=100, skipped=50)


def stranger(number):
    return (f"10.77.{number >> 8}.{number & 255}", 1024 + number % 60_000)


def flood(kind, count):
    """Frames of `count` connections that nobody ever closes."""
    for n in range(count):
        client = stranger(n)
        if kind == "syn":
            yield tcp_frame(client, SERVER, n, 0, SYN)
        elif kind == "handshake":
            yield tcp_frame(client, SERVER, n, 0, SYN)
            yield tcp_frame(SERVER, client, n, n + 1, SYN | ACK)
            yield tcp_frame(client, SERVER, n + 1, n + 1, ACK)
        elif kind == "data":
            yield tcp_frame(client, SERVER, n, 0, PSH | ACK, b"x")
        elif kind == "started":
            yield tcp_frame(client, SERVER, n, 0, SYN)
            yield tcp_frame(client, SERVER, n + 1, 0, PSH | ACK, b"x")
        elif kind == "fin":
            yield tcp_frame(client, SERVER, n, 0, SYN)
            yield tcp_frame(client, SERVER, n + 1, 0, FIN | ACK)
        elif kind == "hole":
            yield tcp_frame(client, SERVER, n, 0, SYN)
            yield tcp_frame(client, SERVER, n + 500, 0, PSH | ACK, b"y" * 100)
        elif kind == "reset":
            yield tcp_frame(client, SERVER, n, 0, SYN)
            yield tcp_frame(client, SERVER, n + 1, 0, PSH | ACK, b"x")
            yield tcp_frame(client, SERVER, n + 2, 0, RST)


KINDS = ["syn", "handshake", "data", "started", "fin", "hole", "reset"]


def table_of(frames, opener, limits=LIMITS):
    """Feed frames by hands and return what the table holds at its fullest."""
    reader = Frames(opener, Notes(opener.note, quiet=False), limits, Shard(0, 1))
    most = held = 0
    for number, frame in enumerate(frames):
        reader.take(Batch(frame, 1, [(START + number / 1000, 0, len(frame), len(frame))]))
        most = max(most, len(reader.tcp.sides))
        held = max(held, reader.tcp.held)
    reader.close()
    assert reader.tcp.held == 0
    return most, held


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_is_bounded_and_the_connection_in_it_is_read(kind):
    talk = Talk()
    frames = list(talk.open())
    for n, frame in enumerate(flood(kind, 2000)):
        frames.append(frame)
        if n % 20 == 0:
            frames += [talk.say(0, b"q%d;" % n), talk.say(1, b"a%d;" % n)]
    opener = Recorder()
    most, _ = table_of(frames, opener)
    assert most <= 2 * LIMITS.flows
    (tape,) = (t for t in opener.tapes if t.flow.client.host == "10.0.0.1")
    assert tape.gaps() == []
    assert tape.bytes(0).count(b";") == tape.bytes(1).count(b";") >= 100
    assert "flow-evicted" not in tape.codes()
    for each in opener.tapes:
        assert each.kinds().count("end") == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_nobody_wants_is_bounded(kind):
    most, _ = table_of(flood(kind, 2000), Recorder(want=lambda flow: False))
    assert most <= 2 * (LIMITS.flows + LIMITS.skipped)


def test_holes_of_all_connections_are_bounded():
    limits = Limits(flows=5000, held_total=10_000)
    opener = Recorder()
    _, held = table_of(flood("hole", 2000), opener, limits)
    assert held <= 10_100
    assert sum(tape.codes() == ["tcp-held-limit"] for tape in opener.tapes) == 1900


def test_evicted_connections_say_so_and_go_on_as_new_ones():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"before")]
    frames += flood("data", 500)
    frames += [talk.say(0, b"after"), talk.say(1, b"answer")]
    opener = Recorder()
    table_of(frames, opener)
    old, new = [t for t in opener.tapes if t.flow.client.host == "10.0.0.1"]
    assert old.bytes(0) == b"before"
    assert old.codes() == ["flow-evicted"]
    assert (new.bytes(0), new.bytes(1)) == (b"after", b"answer")


def test_shards_divide_the_flows_and_keep_their_numbers():
    frames = []
    talks = [Talk(client=stranger(n)) for n in range(60)]
    for talk in talks:
        frames += talk.open()
    for talk in talks:
        frames += [talk.say(0, b"q" * 30), talk.say(1, b"a" * 30)]
    frames.append(b"\0" * 12 + b"\x08\0\x99")
    data = pcap(frames)
    whole, total = read(data)
    parts = [read(data, Recorder(), shard=Shard(n, 3)) for n in range(3)]
    flows = [tape.flow for opener, _ in parts for tape in opener.tapes]
    assert sorted(flow.number for flow in flows) == sorted(t.flow.number for t in whole.tapes)
    assert {flow.number: flow for flow in flows} == {t.flow.number: t.flow for t in whole.tapes}
    assert [summary.frames for _, summary in parts] == [total.frames] * 3
    assert sum(summary.flows for _, summary in parts) == 60
    assert [opener.codes() for opener, _ in parts] == [["frame-malformed"], [], []]
    # what another shard takes costs one entry for each direction
    reader = Frames(Recorder(), Notes(lambda *_: None, quiet=True), Limits(), Shard(0, 3))
    for n, frame in enumerate(frames):
        reader.take(Batch(frame, 1, [(n, 0, len(frame), len(frame))]))
    assert sum(side is SKIPPED for side in reader.tcp.sides.values()) == 2 * (
        60 - parts[0][1].flows
    )


def test_secrets_reach_every_shard():
    writer = PcapngWriter()
    data = writer.section() + writer.interface() + writer.secrets(b"key")
    for n in range(2):
        opener, _ = read(data, Recorder(), shard=Shard(n, 2))
        assert opener.kept == [(0x544C534B, b"key")]


def test_the_server_is_the_lower_port_where_no_syn_was_seen():
    for first, client in ((("1.1.1.1", 40000), 40000), (("1.1.1.1", 25), 80)):
        frames = [tcp_frame(first, SERVER, 1, 1, PSH | ACK, b"x")]
        opener, _ = read(pcap(frames))
        assert opener.tape.flow.client.port == client
        assert opener.tape.kinds() == ["data", "end", "end"]


def test_sequence_numbers_of_a_handshake_long_gone_are_not_used():
    client = ("10.0.0.1", 40000)
    frames = [
        tcp_frame(client, SERVER, 100, 0, SYN),
        tcp_frame(client, SERVER, 0x70000000, 1, PSH | ACK, b"hello"),
    ]
    opener, _ = read(pcap(frames))
    assert opener.tape.bytes(0) == b"hello"
    assert opener.tape.codes() == ["tcp-mid-flow"]


def test_a_capture_read_twice_gives_the_same():
    data = pcap(list(flood("started", 50)))
    one, two = read(data)[0], read(data)[0]
    assert [t.events for t in one.tapes] == [t.events for t in two.tapes]
    assert len(one.tapes) == 50
