"""Flows of datagrams: who is the client, what is cut, and how many are kept."""

from __future__ import annotations

import pytest
from link_frames import Recorder, ethernet, ipv4_packet, pcap, read, udp_datagram, udp_frame

from dissectors.link.limits import Limits

ONE, TWO = ("10.0.0.1", 50000), ("10.0.0.2", 5683)


def test_both_directions_are_one_flow():
    opener, _ = read(pcap([udp_frame(ONE, TWO, b"ask"), udp_frame(TWO, ONE, b"answer" * 9)]))
    assert [event[:4] for event in opener.tape.events] == [
        ("datagram", 0, b"ask", (1,)),
        ("datagram", 1, b"answer" * 9, (2,)),
    ]
    flow = opener.tape.flow
    assert (flow.number, flow.transport, str(flow.server)) == (1, "udp", "10.0.0.2:5683")


@pytest.mark.parametrize(
    ("source", "destination", "client"),
    [
        (50000, 5683, 50000),
        (5683, 50000, 50000),  # a service answers
        (5683, 5683, 5683),
        (5684, 5683, 5684),
        (3000, 2000, 3000),
        (2000, 3000, 2000),  # nothing tells: the first sender
        (53, 2000, 2000),
        (9, 10, 9),
    ],
)
def test_who_is_the_client(source, destination, client):
    opener, _ = read(pcap([udp_frame(("1.1.1.1", source), ("2.2.2.2", destination), b"x")]))
    assert opener.tape.flow.client.port == client
    expected = int(client != source)
    assert [event[1] for event in opener.tape.events] == [expected]


def test_a_flow_with_itself_is_read():
    frames = [udp_frame(("127.0.0.1", 5683), ("127.0.0.1", 5683), b"x" * 50)] * 3
    opener, _ = read(pcap(frames))
    assert opener.tape.bytes(0) == b"x" * 150


def test_a_flow_of_no_interest_is_asked_for_once():
    frames = [udp_frame(ONE, TWO, b"x" * 50), udp_frame(TWO, ONE, b"")] * 20
    opener, summary = read(pcap(frames), Recorder(want=lambda flow: False))
    assert len(opener.asked) == 1
    assert summary.flows == 1


def test_bytes_after_the_udp_length_are_no_payload():
    datagram = udp_datagram(50000, 5683, b"x" * 50, length=28)
    opener, _ = read(pcap([ethernet(ipv4_packet("1.1.1.1", "2.2.2.2", 17, datagram))] * 2))
    assert [event[2] for event in opener.tape.events] == [b"x" * 20] * 2


def test_a_cut_datagram_comes_with_a_problem():
    frame = udp_frame(ONE, TWO, b"0123456789" * 30)
    opener, summary = read(pcap([(frame[:142], len(frame))] * 20))
    assert opener.tape.events[0][2] == b"0123456789" * 10
    assert opener.tape.codes() == ["packet-cut"] * 8  # then they are only counted
    assert opener.tape.problems[0][1] == (1,)
    assert summary.findings == 20


def test_the_quietest_flows_are_forgotten_first():
    limits = Limits(flows=40)
    busy = udp_frame(ONE, TWO, b"busy" * 20)
    frames = []
    for n in range(400):
        frames += [udp_frame(("10.9.0.1", 1024 + n), TWO, b"x"), busy]
    opener, summary = read(pcap(frames), limits=limits)
    kept = [tape for tape in opener.tapes if tape.flow.client.host == ONE[0]]
    assert len(kept) == 1
    assert len(kept[0].events) == 400
    assert summary.flows == 401
    assert sum(tape.codes() == ["flow-evicted"] for tape in opener.tapes) >= 350


def test_flows_of_no_interest_are_bounded():
    frames = [udp_frame(("10.9.0.1", 1024 + n), TWO, b"x") for n in range(100)]
    opener, _ = read(pcap(frames * 2), Recorder(want=lambda flow: False), Limits(skipped=10))
    assert 100 < len(opener.asked) <= 200


def test_a_flow_learns_once_that_nothing_comes_after():
    frames = [udp_frame(("10.9.0.1", 1024 + n), TWO, b"x") for n in range(100)]
    opener, _ = read(pcap(frames), limits=Limits(flows=40))
    assert [tape.closings for tape in opener.tapes] == [1] * 100


def test_flows_end_in_the_order_in_which_they_began():
    ended = []
    frames = [udp_frame(("10.9.0.1", 1024 + n), TWO, b"x") for n in (5, 3, 9, 1)]
    opener = Recorder()
    opener.datagrams = lambda flow: Ended(opener.stream(flow), ended)
    read(pcap(frames * 2), opener)
    assert ended == [1029, 1027, 1033, 1025]


class Ended:
    def __init__(self, tape, ended):
        self.datagram, self.problem = tape.datagram, tape.problem
        self.close = lambda: ended.append(tape.flow.client.port)
