"""The bulk path and the way for all else come to the same: on any frames, in every link type."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_frames import ACK, PSH, SYN, Recorder, Talk, pcap, read, udp_frame

from dissectors.link import frames as module

V6 = bytes(15) + b"\x01", bytes(15) + b"\x02"


def over_ipv6(frame):
    """The same segment over IPv6."""
    protocol, payload = frame[23], frame[34:]
    ends = V6 if frame[29] == 1 else V6[::-1]
    header = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + ends[0] + ends[1]
    return frame[:12] + b"\x86\xdd" + header + payload


def tagged(frame):
    return frame[:12] + b"\x81\x00\x00\x07" + frame[12:]


LINKS = {
    "ethernet": (1, lambda frame: frame),
    "ipv6": (1, over_ipv6),
    "vlan": (1, tagged),
    "vlan ipv6": (1, lambda frame: tagged(over_ipv6(frame))),
    "qinq": (1, lambda frame: tagged(tagged(frame))),
    "sll": (113, lambda frame: bytes(14) + frame[12:]),
    "sll2 ipv6": (276, lambda frame: b"\x86\xdd" + bytes(18) + over_ipv6(frame)[14:]),
    "raw": (101, lambda frame: frame[14:]),
    "raw ipv6": (101, lambda frame: over_ipv6(frame)[14:]),
    "null": (0, lambda frame: b"\x02\0\0\0" + frame[14:]),
}


def conversation(rnd):
    talk = Talk()
    frames = talk.open()
    one, two = ("10.0.0.1", 50000), ("10.0.0.2", 5683)
    for n in range(rnd.randint(1, 25)):
        side = rnd.getrandbits(1)
        kind = rnd.randrange(7)
        if kind < 3:
            frames.append(talk.say(side, b"%d;" % n * rnd.randint(1, 30)))
        elif kind == 3:
            frames.append(talk.ack(side))
        elif kind == 4:
            flags = rnd.choice((ACK, PSH | ACK, 0x3F, 0, SYN, 0xD0))
            seq = talk.seq[side] + rnd.randint(-20, 20)
            frames.append(talk.frame(side, flags, b"?" * rnd.randint(0, 9), seq=seq))
        else:
            frames.append(udp_frame(*((one, two) if side else (two, one)), b"%d" % n * kind))
    return frames


def told(data):
    opener, summary = read(data, Recorder())
    notes = [(found.code, where) for found, where in opener.notes]
    return [(t.flow, t.events, t.problems) for t in opener.tapes], notes, summary


@pytest.mark.parametrize("link", LINKS)
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_the_bulk_path_comes_to_what_the_slow_one_does(link, seed):
    rnd = random.Random(seed)
    number, wrap = LINKS[link]
    frames = []
    for frame in map(wrap, conversation(rnd)):
        changed = bytearray(frame)
        if rnd.random() < 0.2:  # a wrong bit in the headers
            at = rnd.randrange(min(len(changed), 80))
            changed[at] ^= 1 << rnd.randrange(8)
        if rnd.random() < 0.1:
            frames.append((bytes(changed)[: rnd.randint(0, len(changed))], len(changed)))
        else:
            frames.append(bytes(changed))
    data = pcap(frames, number)
    bulk = told(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_IP_AND_TCP", 1 << 30)
        slow = told(data)
    assert bulk == slow


@pytest.mark.parametrize("link", LINKS)
def test_every_link_carries_a_connection(link):
    number, wrap = LINKS[link]
    talk = Talk()
    frames = [*talk.open()]
    for n in range(20):
        frames += [talk.say(0, b"q%d;" % n), talk.ack(1), talk.say(1, b"a%d;" % n), talk.ack(0)]
    opener, summary = read(pcap([wrap(frame) for frame in [*frames, *talk.close()]], number))
    assert opener.tape.bytes(0) == b"".join(b"q%d;" % n for n in range(20))
    assert opener.tape.bytes(1) == b"".join(b"a%d;" % n for n in range(20))
    assert opener.tape.problems == opener.notes == []
    assert summary.findings == 0


def test_bytes_after_the_ip_packet_are_no_payload():
    talk = Talk()
    frames = [frame + b"\xee" * 50 for frame in [*talk.open(), talk.say(0, b"a"), talk.ack(1)]]
    frames += [over_ipv6(talk.say(0, b"b")) + b"\xee" * 50]
    opener, _ = read(pcap(frames))
    assert [tape.bytes(0) for tape in opener.tapes] == [b"a", b"b"]
