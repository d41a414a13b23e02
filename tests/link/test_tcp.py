"""TCP connections: whatever the order of segments, the bytes come out as they were sent."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_frames import ACK, CLIENT, FIN, PSH, RST, SERVER, SYN, Recorder, Talk, pcap, read

from dissectors.link.limits import Limits

REQUEST, ANSWER = b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"


def one(frames, **more):
    opener, summary = read(pcap(frames), **more)
    assert summary.frames == len(frames)
    return opener.tape


def test_a_plain_connection_is_opened_read_and_ended_once():
    talk = Talk()
    tape = one([*talk.open(), talk.say(0, REQUEST), talk.say(1, ANSWER), *talk.close()])
    assert [event[:4] for event in tape.events] == [
        ("data", 0, REQUEST, (4,)),
        ("data", 1, ANSWER, (5,)),
        ("end", 0, None, (6,)),
        ("end", 1, None, (7,)),
    ]
    assert tape.events[0][4] == 1_700_000_000.003
    assert (tape.flow.number, tape.flow.transport) == (1, "tcp")
    assert (str(tape.flow.client), str(tape.flow.server)) == ("10.0.0.1:40000", "10.0.0.2:80")
    assert tape.problems == []


def test_an_answer_stored_before_its_question_comes_after_it():
    talk = Talk()
    start, ask, answer = talk.open(), talk.say(0, REQUEST), talk.say(1, ANSWER)
    tape = one([*start, answer, ask, talk.ack(0), *talk.close()])
    assert [event[1] for event in tape.events[:2]] == [0, 1]
    assert tape.gaps() == []


def test_a_syn_stored_after_the_data_still_says_who_is_the_client():
    talk = Talk(client=("10.0.0.1", 80), server=("10.0.0.2", 40000))
    syn, synack, _ = talk.open()
    tape = one([talk.say(0, REQUEST), synack, syn, talk.say(1, ANSWER)])
    assert str(tape.flow.client) == "10.0.0.1:80"
    assert tape.bytes(0) == REQUEST
    assert tape.bytes(1) == ANSWER


def test_a_missing_segment_is_a_gap_once_the_other_side_has_acknowledged_it():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"first")]
    talk.say(0, b"never captured")
    frames += [talk.say(0, b"third")]
    frames += [talk.ack(1) for _ in range(40)]
    before = len(frames)
    frames += [talk.say(0, b"fourth")]
    tape = one(frames)
    assert [event[2] for event in tape.events if event[1] == 0][:4] == [
        b"first",
        len(b"never captured"),
        b"third",
        b"fourth",
    ]
    # given up while the capture goes on, not at its end; data keeps the frame it came in
    assert tape.events[1][3] == (5,)
    assert tape.events[3][3] == (before + 1,)


def test_a_hole_nobody_acknowledges_waits_for_the_segment_to_be_sent_again():
    talk = Talk()
    frames = [*talk.open()]
    lost = talk.say(0, b"lost on the way ")
    at = talk.seq[0] - 16
    frames += [talk.say(0, b"x" * 10) for _ in range(100)]
    frames += [talk.frame(1, ACK, ack=at) for _ in range(100)]
    frames += [lost, talk.ack(1)]
    tape = one(frames)
    assert tape.bytes(0) == b"lost on the way " + b"x" * 1000
    assert tape.gaps() == []


def test_a_lost_request_is_a_gap_before_its_answer():
    talk = Talk()
    frames = talk.open()
    talk.say(0, REQUEST)
    frames += [talk.say(1, ANSWER), talk.ack(0), *talk.close()]
    tape = one(frames)
    assert [event[:3] for event in tape.events] == [
        ("gap", 0, len(REQUEST)),
        ("data", 1, ANSWER),
        ("end", 0, None),
        ("end", 1, None),
    ]


def test_the_last_segment_missing_is_a_gap_at_the_end():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, REQUEST), talk.say(1, b"part")]
    talk.say(1, b"the rest")
    frames += [talk.ack(0)]
    tape = one(frames)
    assert [event[:3] for event in tape.events if event[1] == 1] == [
        ("data", 1, b"part"),
        ("gap", 1, 8),
        ("end", 1, None),
    ]


def test_a_fin_that_was_not_captured_is_no_gap():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, REQUEST), talk.say(1, ANSWER)]
    talk.frame(1, FIN | ACK)
    tape = one([*frames, talk.ack(0)])
    assert tape.gaps() == []


def test_late_segments_are_told_from_copies():
    talk = Talk()
    frames = [*talk.open()]
    lost = talk.say(0, b"late")
    frames += [talk.say(0, b"on time"), *[talk.ack(1) for _ in range(40)], lost]
    tape = one(frames)
    assert tape.codes() == ["tcp-late"]
    assert tape.gaps() == [4]


def test_retransmissions_are_silent_and_a_conflict_keeps_the_first_copy():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"abcdef")]
    frames += [talk.frame(0, PSH | ACK, b"abcdef", seq=1001), talk.ack(1)]
    assert one(frames).problems == []
    frames += [talk.frame(0, PSH | ACK, b"abXdef!", seq=1001)]
    tape = one(frames)
    assert tape.bytes(0) == b"abcdef!"
    assert tape.codes() == ["tcp-conflict"]
    assert tape.problems[0][1] == (7,)


def test_a_conflict_among_held_segments_keeps_the_first_copy():
    talk = Talk()
    frames = [
        *talk.open(),
        talk.frame(0, PSH | ACK, b"cdef", seq=1003),
        talk.frame(0, PSH | ACK, b"bXdefgh", seq=1002),
        talk.frame(0, PSH | ACK, b"a", seq=1001),
    ]
    tape = one(frames)
    assert tape.bytes(0) == b"abcdefgh"
    assert tape.codes() == ["tcp-conflict"]


def test_a_keep_alive_with_a_byte_of_garbage_is_no_conflict():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"abc"), talk.frame(0, ACK, b"\0", seq=1003)]
    assert one(frames).problems == []


def test_sequence_numbers_wrap():
    talk = Talk(isn=(0xFFFFFFF0, 0xFFFFFFFF))
    frames = talk.open()
    parts = [talk.say(0, bytes([n]) * 7) for n in range(10)]
    frames += [parts[1], parts[0], *reversed(parts[2:]), talk.say(1, ANSWER), *talk.close()]
    tape = one(frames)
    assert tape.bytes(0) == b"".join(bytes([n]) * 7 for n in range(10))
    assert tape.bytes(1) == ANSWER
    assert tape.gaps() == []


def test_a_capture_that_begins_inside_a_connection_goes_on_from_there():
    talk = Talk()
    frames = []
    for n in range(40):
        frames += [talk.say(0, b"q%d" % n), talk.say(1, b"a%d" % n)]
    tape = one(frames)
    assert tape.bytes(0) == b"".join(b"q%d" % n for n in range(40))
    assert tape.bytes(1) == b"".join(b"a%d" % n for n in range(40))
    assert str(tape.flow.client) == "10.0.0.1:40000"
    assert set(tape.codes()) == {"tcp-mid-flow"}
    sides = [event[1] for event in tape.events if event[0] == "data"]
    assert sides == [0, 1] * 40


def test_one_direction_alone_is_read():
    talk = Talk()
    frames = []
    for n in range(100):
        frames.append(talk.say(0, b"%03d" % n))
        talk.say(1, b"not captured")
    tape = one(frames)
    assert tape.bytes(0) == b"".join(b"%03d" % n for n in range(100))
    assert tape.gaps() == []


def test_a_reset_ends_both_sides_after_what_was_in_flight():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, REQUEST), talk.frame(0, RST | ACK), talk.say(1, ANSWER)]
    tape = one(frames)
    assert tape.bytes(1) == ANSWER
    assert sorted(tape.kinds()) == ["data", "data", "end", "end"]
    assert tape.problems == []


def test_a_reset_in_mid_capture_ends_the_connection_there():
    talk, other = Talk(), Talk(client=("10.0.0.9", 5000))
    frames = [*talk.open(), talk.say(0, REQUEST), talk.frame(1, RST | ACK), *other.open()]
    frames += [other.say(0, b"x") for _ in range(40_000)]
    ended = []
    opener = Recorder()
    read(pcap(frames, step=1), opener)
    first, second = opener.tapes
    ended = [event[4] for event in first.events if event[0] == "end"]
    assert len(ended) == 2
    assert ended[0] < second.events[-2][4]


def test_a_forged_reset_does_not_stop_the_data():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"one"), talk.frame(0, RST, seq=talk.seq[0])]
    frames += [talk.say(0, b"two"), talk.say(1, ANSWER), talk.say(0, b"three")]
    # longer than the wait for what was in flight, and more than one chunk of the file
    frames += [talk.ack(1) for _ in range(4000)]
    tape = one([*frames, talk.say(0, b"four")])
    assert tape.bytes(0) == b"onetwothreefour"
    assert tape.codes() == ["tcp-after-reset"]


def test_data_after_a_fin_is_reported_and_not_handed_on():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"one"), talk.frame(0, FIN | ACK), talk.say(0, b"two")]
    tape = one(frames)
    assert tape.bytes(0) == b"one"
    assert tape.codes() == ["tcp-after-end"]


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("what", ["handshake", "syn only", "no syn"])
def test_ports_used_again_are_a_new_flow(closed, what):
    first, second = Talk(), Talk(isn=(0x50000000, 0x60000000))
    frames = [*first.open(), first.say(0, REQUEST), first.say(1, ANSWER)]
    if closed:
        frames += first.close()
    syn, synack, ack = second.open()
    frames += {"handshake": [syn, synack, ack], "syn only": [syn], "no syn": []}[what]
    number = len(frames) + 1 if what == "no syn" else frames.index(syn) + 1
    for n in range(30):
        frames += [second.say(0, b"Q%d" % n), second.say(1, b"A%d" % n)]
    opener, summary = read(pcap(frames))
    assert len(opener.tapes) == 2
    old, new = opener.tapes
    assert old.bytes(0) == REQUEST
    assert old.kinds()[-2:] == ["end", "end"]
    lost = 0 if closed or what != "no syn" else 16
    questions = b"".join(b"Q%d" % n for n in range(30))
    assert questions.endswith(new.bytes(0))
    assert len(new.bytes(0)) >= len(questions) - 3 * lost
    if not lost:
        assert new.flow.number == number
    assert summary.flows == 2


def test_ports_used_again_where_the_server_speaks_first():
    first, second = Talk(), Talk(isn=(900, 5020))
    frames = [*first.open(), first.say(0, REQUEST), *second.open(), second.say(1, b"220 hello")]
    opener, _ = read(pcap([*frames, second.say(0, b"EHLO")]))
    old, new = opener.tapes
    assert old.bytes(0) == REQUEST
    assert old.bytes(1) == b""
    assert (new.bytes(1), new.bytes(0), new.problems) == (b"220 hello", b"EHLO", [])


def test_ports_used_again_after_the_end_with_sequence_numbers_nearby():
    first, second = Talk(), Talk(isn=(2000, 6000))
    frames = [*first.open(), first.say(0, REQUEST), *first.close()]
    _, synack, ack = second.open()
    frames += [synack, ack, second.say(0, b"again"), second.say(1, ANSWER)]
    opener, _ = read(pcap(frames))
    old, new = opener.tapes
    assert old.bytes(0) == REQUEST
    assert (new.flow.number, new.bytes(0), new.bytes(1)) == (8, b"again", ANSWER)
    assert new.problems == []


def test_a_syn_sent_again_leaves_the_number_of_the_flow():
    talk = Talk()
    syn, *rest = talk.open()
    assert one([b"\0" * 60, syn, syn, *rest, talk.say(0, REQUEST)]).flow.number == 2


def test_a_forged_syn_does_not_disturb_the_connection():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"one"), talk.frame(0, SYN, seq=77)]
    frames += [talk.ack(1), talk.say(0, b"two"), talk.say(1, ANSWER)]
    tape = one(frames)
    assert tape.bytes(0) == b"onetwo"
    assert tape.bytes(1) == ANSWER


def test_stray_segments_are_reported_and_left_out():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"one"), talk.frame(0, ACK, b"evil", seq=0x70000000)]
    frames += [talk.say(0, b"two")]
    tape = one(frames)
    assert tape.bytes(0) == b"onetwo"
    assert tape.codes() == ["tcp-stray"]


@pytest.mark.parametrize("answered", [None, 5001])
def test_a_false_acknowledgment_costs_no_data(answered):
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"one"), talk.frame(1, ACK, b"evil", ack=1_000_000)]
    frames += [talk.frame(0, PSH | ACK, b"%02d" % n, ack=answered) for n in range(60)]
    tape = one(frames)
    assert tape.bytes(0) == b"one" + b"".join(b"%02d" % n for n in range(60))
    assert tape.bytes(1) == b"evil"
    assert tape.gaps() == []


def test_a_false_acknowledgment_makes_no_gap_at_the_end_nor_of_a_later_hole():
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"one"), talk.frame(1, ACK, ack=1_000_000)]
    assert one([*frames, talk.say(0, b"two")]).gaps() == []
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"one"), talk.frame(1, ACK, b"evil", ack=1_000_000)]
    frames += [talk.frame(0, PSH | ACK, b"%02d" % n, ack=5001) for n in range(60)]
    lost = talk.say(0, b"lost")
    frames += [talk.say(0, b"%02d" % n) for n in range(60)]
    tape = one([*frames, lost])
    assert tape.gaps() == []
    assert b"59lost00" in tape.bytes(0)


def test_a_fin_stored_before_all_data_still_ends_its_side():
    talk = Talk()
    syn, synack, ack = talk.open()
    data = talk.say(1, ANSWER)
    fins = talk.close()
    tape = one([syn, fins[0], ack, data, synack, *fins[1:]])
    assert tape.bytes(1) == ANSWER
    assert [event[:4] for event in tape.events if event[0] == "end"] == [
        ("end", 0, None, (2,)),
        ("end", 1, None, (6,)),
    ]


def test_data_on_the_syn_counts_from_the_byte_after_it():
    talk = Talk()
    frames = [talk.frame(0, SYN, b"early")]
    frames += [talk.frame(1, SYN | ACK), talk.say(0, b" and later"), talk.say(1, ANSWER)]
    tape = one(frames)
    assert tape.bytes(0) == b"early and later"


def test_handshakes_without_data_open_no_flow():
    frames = []
    for port in range(2000, 2100):
        frames += Talk(client=("10.0.0.1", port)).open()
    opener, summary = read(pcap(frames))
    assert opener.asked == []
    assert summary.flows == 0


def test_a_flow_of_no_interest_is_asked_for_once():
    talk = Talk()
    frames = [*talk.open()]
    for _ in range(50):
        frames += [talk.say(0, REQUEST), talk.say(1, ANSWER)]
    opener, summary = read(pcap(frames), Recorder(want=lambda flow: False))
    assert len(opener.asked) == 1
    assert opener.tapes == []
    assert summary.frames == 103


def test_cut_segments_are_handed_on_as_far_as_they_go():
    talk = Talk()
    frames = [*talk.open()]
    for _ in range(3):
        full = talk.say(0, b"0123456789" * 10)
        frames.append((full[:64], len(full)))
    tape = one(frames)
    assert [event[:3] for event in tape.events[:6]] == [
        ("data", 0, b"0123456789"),
        ("gap", 0, 90),
    ] * 3
    assert set(tape.codes()) == {"packet-cut"}


def test_too_much_behind_a_hole_is_given_up():
    talk = Talk()
    frames = [*talk.open()]
    talk.say(0, b"lost")
    frames += [talk.say(0, b"x" * 1000) for _ in range(200)]
    limits = Limits(held_bytes=50_000)
    opener, _ = read(pcap(frames[:100]), limits=limits)
    assert "tcp-held-limit" in opener.tape.codes()
    assert opener.tape.gaps() == [4]
    assert len(opener.tape.bytes(0)) == 97_000


@pytest.mark.parametrize("limits", [Limits(held_segments=20), Limits(held_total=10_000)])
def test_endless_disorder_is_bounded(limits):
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"a")]
    # every second segment is missing, for ever
    for _ in range(500):
        talk.seq[0] += 100
        frames.append(talk.say(0, b"x" * 100))
    half = len(frames) // 2
    # the other connection tells what was given up before the end
    other = Talk(client=("10.0.0.9", 40000))
    frames[half:half] = [*other.open(), other.say(0, b"now")]
    order = []

    class Watcher(Recorder):
        def stream(self, flow):
            order.append(sum(len(tape.gaps()) for tape in self.tapes))
            return super().stream(flow)

    opener, _ = read(pcap(frames, step=1), Watcher(), limits)
    assert len(opener.tapes[0].gaps()) == 500
    assert opener.tapes[0].bytes(0) == b"a" + b"x" * 50_000
    assert order[1] > 100


# -- properties -----------------------------------------------------------------------------------


@st.composite
def conversations(draw):
    """Turns of both sides, cut into segments, with a start anywhere in the sequence space."""
    turns = draw(
        st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=1, max_size=60)), max_size=12)
    )
    isns = st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 40, 2**32 - 1))
    return turns, (draw(isns), draw(isns)), random.Random(draw(st.integers(0, 2**32)))


def spoken(turns, isn, rnd):
    talk = Talk(isn=isn)
    frames = talk.open()
    for side, data in turns:
        begin, seq = 0, talk.seq[side]
        while begin < len(data):
            end = min(begin + rnd.randint(1, 25), len(data))
            frames.append(talk.say(side, data[begin:end]))
            if rnd.random() < 0.3:  # sent again, cut otherwise
                low = rnd.randint(0, begin)
                frames.append(talk.frame(side, ACK, data[low:end], seq=seq + low))
            if rnd.random() < 0.3:
                frames.append(talk.ack(1 - side))
            begin = end
    frames += talk.close()
    return frames


def runs(turns):
    """Join what one side says without the other."""
    joined = []
    for side, data in turns:
        if joined and joined[-1][0] == side:
            joined[-1] = (side, joined[-1][1] + data)
        else:
            joined.append((side, data))
    return joined


def disordered(frames, rnd, reach):
    """Move each frame by up to `reach` places and store some twice."""
    placed = [(n + rnd.uniform(0, reach), frame) for n, frame in enumerate(frames)]
    placed += [(n + rnd.uniform(0, reach), frame) for n, frame in placed if rnd.random() < 0.2]
    return [frame for _, frame in sorted(placed, key=lambda pair: pair[0])]


def handshake_first(frames):
    """Tell whether the server's SYN comes before data: what the client answers is known then."""
    return next(f for f in frames if len(f) > 54 or f[47] == SYN | ACK)[47] == SYN | ACK


@settings(max_examples=300, deadline=None)
@given(conversations(), st.integers(0, 12))
def test_disorder_and_copies_change_nothing(conversation, reach):
    turns, isn, rnd = conversation
    frames = disordered(spoken(turns, isn, rnd), rnd, reach)
    opener, _ = read(pcap(frames))
    if not turns:
        assert opener.tapes == []
        return
    tape = opener.tape
    got = [(event[1], event[2]) for event in tape.events if event[0] == "data"]
    for side in (0, 1):
        assert tape.bytes(side) == b"".join(data for each, data in turns if each == side)
    if handshake_first(frames):
        assert runs(got) == runs(turns)
    assert tape.gaps() == []
    assert tape.problems == []
    assert sorted(tape.kinds()).count("end") == 2
    assert tape.flow.client.port == CLIENT[1]
    assert tape.flow.server.port == SERVER[1]


@settings(max_examples=200, deadline=None)
@given(conversations(), st.integers(0, 6), st.floats(0, 0.5))
def test_what_is_lost_is_a_gap_and_the_rest_keeps_its_place(conversation, reach, loss):
    turns, isn, rnd = conversation
    frames = [f for f in spoken(turns, isn, rnd)[3:] if rnd.random() >= loss]
    frames = spoken([], isn, rnd)[:3] + disordered(frames, rnd, reach)
    opener, _ = read(pcap(frames))
    if not opener.tapes:
        return
    tape = opener.tape
    for side in (0, 1):
        sent = b"".join(data for each, data in turns if each == side)
        place = 0
        for kind, each, what, _, _ in tape.events:
            if each != side or kind == "end":
                continue
            if kind == "data":
                assert sent[place : place + len(what)] == what
                place += len(what)
            else:
                place += what
        assert place <= len(sent) + 1  # a lost FIN cannot be told from a byte


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_any_segments_are_survived(seed):
    rnd = random.Random(seed)
    talk = Talk()
    frames = []
    for _ in range(rnd.randint(0, 150)):
        frames.append(
            talk.frame(
                rnd.getrandbits(1),
                rnd.choice((ACK, ACK, ACK, PSH | ACK, SYN, SYN | ACK, FIN | ACK, RST, 0, 0x3F)),
                rnd.randbytes(rnd.choice((0, 1, 5, 50))),
                seq=rnd.choice((1000, 2**32 - 10, 2**31)) + rnd.randint(0, 300),
                ack=rnd.choice((1000, 2**32 - 10, 2**31)) + rnd.randint(0, 300),
            )
        )
    limits = Limits(held_segments=16, held_bytes=500, held_total=800, patience_segments=8)
    opener, summary = read(pcap(frames, step=rnd.choice((1, 10**6))), limits=limits)
    assert summary.frames == len(frames)
    for tape in opener.tapes:
        assert tape.kinds(0).count("end") <= 1
        for side in (0, 1):
            kinds = tape.kinds(side)
            assert "end" not in kinds[:-1]


def test_many_flows_at_once_keep_apart():
    rnd = random.Random(7)
    talks = [Talk(client=("10.1.0.1", 1024 + n)) for n in range(200)]
    queue = [iter([*t.open(), *(t.say(0, b"%d," % n) for n in range(20))]) for t in talks]
    frames = []
    while queue:
        each = rnd.choice(queue)
        frame = next(each, None)
        if frame is None:
            queue.remove(each)
        else:
            frames.append(frame)
    opener, _ = read(pcap(frames))
    assert len(opener.tapes) == 200
    expected = b"".join(b"%d," % n for n in range(20))
    assert {tape.bytes(0) for tape in opener.tapes} == {expected}
