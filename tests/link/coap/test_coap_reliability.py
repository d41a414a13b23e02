"""The message layer in virtual time: RFC 7252 §4, and the knobs that break it."""

from __future__ import annotations

import itertools
import random

import pytest

from dissectors.link.coap import codes
from dissectors.link.coap.message import CoapMessage, decode, encode, encode_raw
from dissectors.link.coap.reliability import FEW_SEEN, MAX_SEEN_PER_PEER, MessageLayer
from dissectors.link.coap.transmission import (
    Acknowledged,
    GaveUp,
    Incoming,
    MessageKnobs,
    Problem,
    Refused,
    Transmission,
)

GET = CoapMessage(codes.CON, codes.GET, 0, b"t")
PEER = ("192.0.2.1", 5683)


def layer(seed: int = 1, **knobs: object) -> MessageLayer:
    return MessageLayer(random.Random(seed), knobs=MessageKnobs(**knobs))  # type: ignore[arg-type]


def sent(layer: MessageLayer, now: float = 0.0) -> list[CoapMessage]:
    return [decode(d.data)[0] for d in layer.send(now)]  # type: ignore[misc]


def test_derived_times_are_those_of_the_rfc() -> None:
    times = Transmission()
    assert times.max_transmit_span == 45
    assert times.exchange_lifetime == 247
    assert times.non_lifetime == 145


@pytest.mark.parametrize("seed", range(20))
def test_retransmits_four_times_with_doubling_waits_then_gives_up(seed: int) -> None:
    ours = layer(seed)
    ours.submit(GET, PEER, 0.0)
    times = [0.0]
    frames = [d.data for d in ours.send(0.0)]
    while not (events := ours.events()):
        now = ours.timer()
        assert now is not None
        ours.handle_timer(now)
        for datagram in ours.send(now):
            times.append(now)
            frames.append(datagram.data)
    waits = [b - a for a, b in itertools.pairwise(times)]
    assert len(frames) == 5
    assert len(set(frames)) == 1
    assert 2.0 <= waits[0] <= 3.0
    assert waits == pytest.approx([waits[0] * 2**n for n in range(4)])
    assert isinstance(events[0], GaveUp)
    assert events[0].time == pytest.approx(times[-1] + 2 * waits[-1])
    assert events[0].outgoing.transmissions == 5


def test_randomness_comes_from_outside() -> None:
    def first_wait(seed: int) -> float | None:
        ours = layer(seed)
        ours.submit(GET, PEER, 0.0)
        return ours.timer()

    assert first_wait(3) == first_wait(3)
    assert first_wait(3) != first_wait(4)


@pytest.mark.parametrize(
    ("kind", "event"), [(codes.ACK, Acknowledged), (codes.RST, Refused)], ids=["ACK", "RST"]
)
def test_ack_and_rst_end_retransmission(kind: int, event: type) -> None:
    ours = layer()
    outgoing = ours.submit(GET, PEER, 0.0, context="mine")
    mid = sent(ours)[0].mid
    ours.receive(encode(CoapMessage(kind, 0, mid)), PEER, 0.5)
    (told,) = ours.events()
    assert isinstance(told, event)
    assert told.outgoing is outgoing
    ours.handle_timer(1000.0)
    assert ours.send(1000.0) == []
    assert ours.events() == []


def test_ack_of_another_peer_or_id_is_ignored() -> None:
    ours = layer()
    ours.submit(GET, PEER, 0.0)
    mid = sent(ours)[0].mid
    ours.receive(encode(CoapMessage(codes.ACK, 0, mid)), "someone else", 0.5)
    ours.receive(encode(CoapMessage(codes.ACK, 0, mid ^ 1)), PEER, 0.5)
    assert ours.events() == []
    ours.handle_timer(3.0)
    assert [m.mid for m in sent(ours)] == [mid]


def test_nstart_holds_back_the_second_message() -> None:
    ours = layer()
    ours.submit(GET, PEER, 0.0)
    ours.submit(GET, PEER, 0.0)
    ours.submit(GET, "another peer", 0.0)
    first, foreign = sent(ours)
    ours.receive(encode(CoapMessage(codes.ACK, 0, first.mid)), PEER, 0.1)
    (second,) = sent(ours, 0.1)
    assert second.mid == (first.mid + 1) & 0xFFFF
    assert foreign.mid != first.mid


def test_giving_up_makes_way_for_the_next() -> None:
    ours = layer()
    ours.submit(GET, PEER, 0.0)
    ours.submit(CoapMessage(codes.CON, codes.GET, 0, b"next"), PEER, 0.0)
    tokens: list[bytes] = []
    for _ in range(12):
        tokens += [m.token for m in sent(ours)]
        ours.handle_timer(ours.timer() or 0.0)
    assert tokens == [b"t"] * 5 + [b"next"] * 5


def test_duplicate_is_answered_again_and_told_once() -> None:
    ours = layer()
    data = encode(CoapMessage(codes.CON, codes.POST, 77, b"t"))
    ours.receive(data, PEER, 0.0)
    (incoming,) = ours.events()
    assert isinstance(incoming, Incoming)
    ours.receive(data, PEER, 0.5)  # no answer yet: nothing to repeat
    assert ours.send(0.5) == []
    ours.reply(incoming, CoapMessage(codes.ACK, codes.CHANGED, 0, b"t", (), b"done"))
    first = ours.send(1.0)
    for now in (2.0, 100.0, 246.9):
        ours.receive(data, PEER, now)
        assert ours.send(now) == first
    assert ours.events() == []


@pytest.mark.parametrize(("kind", "lifetime"), [(codes.CON, 247.0), (codes.NON, 145.0)])
def test_an_id_counts_for_its_lifetime(kind: int, lifetime: float) -> None:
    ours = layer()
    data = encode(CoapMessage(kind, codes.POST, 77, b"t"))
    for now, told in ((0.0, 1), (lifetime - 0.1, 0), (lifetime + 0.1, 1)):
        ours.receive(data, PEER, now)
        assert len(ours.events()) == told


def test_same_id_of_another_peer_is_another_message() -> None:
    ours = layer()
    data = encode(CoapMessage(codes.CON, codes.POST, 77, b"t"))
    ours.receive(data, PEER, 0.0)
    ours.receive(data, "other", 0.0)
    assert len(ours.events()) == 2


def test_id_used_again_with_other_bytes_is_reported_and_taken() -> None:
    ours = layer()
    ours.receive(encode(CoapMessage(codes.CON, codes.POST, 77, b"a")), PEER, 0.0)
    ours.receive(encode(CoapMessage(codes.CON, codes.POST, 77, b"b")), PEER, 1.0)
    first, problem, second = ours.events()
    assert isinstance(first, Incoming)
    assert isinstance(second, Incoming)
    assert isinstance(problem, Problem)
    assert problem.finding.code == "coap-mid-reused"


def test_ping_is_answered_by_reset() -> None:
    ours = layer()
    ours.receive(encode(CoapMessage(codes.CON, 0, 9)), PEER, 0.0)
    assert sent(ours) == [CoapMessage(codes.RST, 0, 9)]
    assert ours.events() == []


@pytest.mark.parametrize(
    ("data", "replies"),
    [
        (encode_raw(CoapMessage(0, 2, 9), token_length=9), [CoapMessage(codes.RST, 0, 9)]),
        (encode_raw(CoapMessage(1, 2, 9), token_length=9), []),
        (encode_raw(CoapMessage(0, 2, 9), marker=True), [CoapMessage(codes.RST, 0, 9)]),
        (encode_raw(CoapMessage(0, 0, 9, b"t")), [CoapMessage(codes.RST, 0, 9)]),
        (encode_raw(CoapMessage(0, 2, 9), version=3), []),
        (encode_raw(CoapMessage(2, 0x44, 9), marker=True), []),
        (encode_raw(CoapMessage(3, 2, 9)), []),
        (b"\x40", []),
        (b"", []),
    ],
)
def test_malformed_messages_are_rejected_or_ignored(
    data: bytes, replies: list[CoapMessage]
) -> None:
    ours = layer()
    ours.receive(data, PEER, 0.0)
    assert sent(ours) == replies
    assert all(isinstance(event, Problem) for event in ours.events())
    assert ours.peers == 0


def test_reset_of_a_non_reaches_its_sender() -> None:
    ours = layer()
    outgoing = ours.submit(CoapMessage(codes.NON, codes.POST, 0, b"t"), PEER, 0.0)
    mid = sent(ours)[0].mid
    ours.receive(encode(CoapMessage(codes.RST, 0, mid)), PEER, 0.1)
    assert ours.events() == [Refused(outgoing, 0.1)]
    assert ours.timer() == pytest.approx(247.0)  # nothing to retransmit, only to forget


def test_state_is_gone_after_the_lifetime() -> None:
    ours = layer()
    for number in range(50):
        ours.receive(encode(CoapMessage(codes.CON, codes.POST, number, b"t")), number, 0.1 * number)
    assert ours.peers == 50
    while (now := ours.timer()) is not None:
        ours.handle_timer(now)
    assert ours.peers == 0


def test_forgetting_a_peer_stops_its_timers() -> None:
    ours = layer()
    ours.submit(GET, PEER, 0.0)
    ours.send(0.0)
    ours.forget(PEER)
    while (now := ours.timer()) is not None:
        ours.handle_timer(now)
    assert ours.send(1000.0) == []
    assert ours.events() == []


def test_memory_of_ids_is_bounded_per_peer() -> None:
    ours = layer()
    for number in range(3 * MAX_SEEN_PER_PEER):
        data = encode(CoapMessage(codes.CON, codes.POST, number & 0xFFFF, b"t"))
        ours.receive(data, PEER, 0.0)
        ours.events()
    held = len(ours._peers[PEER].seen)
    assert FEW_SEEN <= held <= MAX_SEEN_PER_PEER
    assert ours._seen_count == held


# The knobs.


def test_fixed_and_first_mid() -> None:
    fixed = layer(fixed_mid=4711)
    first = layer(first_mid=65535)
    for ours in (fixed, first):
        for _ in range(2):
            ours.submit(CoapMessage(codes.NON, codes.POST), PEER, 0.0)
    assert [m.mid for m in sent(fixed)] == [4711, 4711]
    assert [m.mid for m in sent(first)] == [65535, 0]


def test_mid_of_one_message() -> None:
    ours = layer()
    ours.submit(GET, PEER, 0.0, mid=99)
    assert sent(ours)[0].mid == 99


def test_skipped_ack_is_sent_for_the_duplicate() -> None:
    ours = layer(skip_acks={1})
    data = encode(CoapMessage(codes.CON, codes.POST, 77, b"t"))
    ours.receive(data, PEER, 0.0)
    (incoming,) = ours.events()
    assert isinstance(incoming, Incoming)
    ours.reply(incoming, CoapMessage(codes.ACK, 0))
    assert ours.send(0.0) == []
    ours.receive(data, PEER, 2.0)
    assert sent(ours) == [CoapMessage(codes.ACK, 0, 77)]


def test_copies_double_and_drop_datagrams() -> None:
    ours = layer(copies={1: 2, 2: 0})
    for number in range(3):
        ours.submit(CoapMessage(codes.NON, codes.POST, 0, bytes((number,))), PEER, 0.0)
    assert [m.token for m in sent(ours)] == [b"\0", b"\0", b"\2"]


def test_without_deduplication_each_copy_is_told() -> None:
    ours = layer(deduplicate=False)
    data = encode(CoapMessage(codes.CON, codes.POST, 77, b"t"))
    for _ in range(3):
        ours.receive(data, PEER, 0.0)
    assert len(ours.events()) == 3


def test_rewrite_changes_what_goes_out() -> None:
    def rewrite(message: CoapMessage) -> CoapMessage | bytes:
        return encode_raw(message, token_length=15) if message.token else message

    ours = layer(rewrite=rewrite)
    ours.submit(GET, PEER, 0.0)
    (datagram,) = ours.send(0.0)
    assert datagram.data[0] == 0x4F
    ours.handle_timer(3.0)
    assert ours.send(3.0) == [datagram]  # retransmitted as it was
