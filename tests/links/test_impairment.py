"""What a bad link does to datagrams and to streams, by number and by chance."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.links.impairment import PROFILES, BadLink, Perfect, Plan, Stream, both_ways

TEN = [bytes([number]) * 4 for number in range(1, 11)]


def through(plan: Plan, datagrams: list[bytes] = TEN, seed: int = 0) -> list[bytes]:
    link = BadLink(plan, Plan(), seed)
    return [one for data in datagrams for _, one in link.inward(data, 0.0)]


def test_nothing_happens_without_a_plan() -> None:
    assert through(Plan()) == TEN
    assert Perfect().outward(b"x", 0.0) == [(0.0, b"x")]
    assert Perfect().connection() is None


def test_datagrams_by_number() -> None:
    assert through(Plan(drop=frozenset({2, 9}))) == [TEN[0], *TEN[2:8], TEN[9]]
    assert through(Plan(duplicate=frozenset({1}))) == [TEN[0], *TEN]
    assert through(Plan(cut={3: 1}))[2] == b"\x03"
    assert through(Plan(mtu=3)) == []
    hurt = through(Plan(corrupt=frozenset({4})))
    assert [a == b for a, b in zip(hurt, TEN)].count(False) == 1
    assert bin(int.from_bytes(hurt[3], "big") ^ int.from_bytes(TEN[3], "big")).count("1") == 1


def test_directions_count_apart() -> None:
    link = BadLink(Plan(drop=frozenset({1})), Plan(drop=frozenset({2})))
    assert link.inward(b"a", 0.0) == []
    assert link.outward(b"a", 0.0) == [(0.0, b"a")]
    assert link.outward(b"b", 0.0) == []


def test_delay_and_rate() -> None:
    link = BadLink(Plan(latency=0.5, rate=100.0, delay={2: 3.0}), Plan())
    waits = [wait for _ in range(3) for wait, _ in link.inward(bytes(50), 10.0)]
    assert waits == pytest.approx([1.0, 4.5, 2.0])
    # what was sent meanwhile makes room
    assert link.inward(bytes(50), 20.0)[0][0] == pytest.approx(1.0)


def test_disorder_swaps_and_loses_nothing() -> None:
    sent = TEN * 20
    got = through(Plan(disorder=0.4), sent, seed=3)
    # a last one may still be held
    assert len(got) >= 199
    assert not Counter(got) - Counter(sent)
    assert got != sent[: len(got)]


@pytest.mark.parametrize("name", ["loss", "copies", "damage"])
def test_chance_keeps_its_promise(name: str) -> None:
    many = [bytes([n & 255, n >> 8]) * 8 for n in range(4000)]
    got = through(Plan(**{name: 0.15}), many, seed=7)
    if name == "damage":
        share = sum(a != b for a, b in zip(got, many)) / 4000
    else:
        share = abs(len(got) - 4000) / 4000
    assert 0.13 < share < 0.17


def test_the_same_seed_does_the_same() -> None:
    plan = Plan(loss=0.2, copies=0.2, disorder=0.2, damage=0.2)
    assert through(plan, TEN * 10, 5) == through(plan, TEN * 10, 5)
    assert through(plan, TEN * 10, 5) != through(plan, TEN * 10, 6)


def test_chance_begins_after_a_number_or_after_the_handshake() -> None:
    assert through(Plan(loss=1.0, after=4)) == TEN[:4]
    hello, finished, data = b"\x16" + bytes(20), b"\x14" + bytes(20), b"\x17" + bytes(20)
    plan = Plan(loss=1.0, spare_handshake=True, latency=0.1)
    assert through(plan, [hello, data, finished, data]) == [hello, finished]


def test_profiles_have_the_order_of_the_networks() -> None:
    assert PROFILES["nbiot"].rate < PROFILES["ltem"].rate < PROFILES["roaming-4g"].rate
    assert all(0 < plan.loss < 0.1 and plan.latency for plan in PROFILES.values())


# --- streams ---


def flow(plan: Plan, pieces: list[bytes], seed: int = 0) -> tuple[bytes, list[float], bool]:
    ways = both_ways(plan, seed).connection()
    assert ways is not None
    out, waits = b"", []
    for piece in pieces:
        for wait, data in ways[0].fate(piece, 0.0):
            if data is None:
                return out, waits, True
            out += data
            waits.append(wait)
    return out, waits, False


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=70), max_size=20), st.integers(0, 99))
def test_a_stream_keeps_its_bytes_whatever_the_reads(pieces: list[bytes], seed: int) -> None:
    plan = Plan(loss=0.3, copies=0.5, disorder=0.5, latency=0.1, rate=1000.0, mtu=16)
    out, _, broken = flow(plan, pieces, seed)
    assert out == b"".join(pieces)
    assert not broken


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.integers(0, 300))
def test_a_stream_breaks_at_its_octet_whatever_the_reads(size: int, octet: int) -> None:
    data = bytes(range(200))
    plan = Plan(cut={octet // 50 + 1: octet % 50}, mtu=50)
    out, _, broken = flow(plan, [data[at : at + size] for at in range(0, 200, size)])
    assert out == data[:octet]
    assert broken == (octet < 200)


def test_the_segment_of_a_number_is_late_or_hurt() -> None:
    data = bytes(300)
    out, waits, _ = flow(Plan(delay={2: 5.0}, drop=frozenset({3}), mtu=100), [data])
    assert waits == [0.0, 5.0, 1.0]
    assert out == data
    out, _, _ = flow(Plan(corrupt=frozenset({2}), mtu=100), [data])
    assert out[:100] == out[200:] == bytes(100)
    assert out[100:200] != bytes(100)


def test_connections_have_chances_of_their_own_but_the_same_every_time() -> None:
    plan = Plan(loss=0.5, mtu=1)

    def waits(link: BadLink) -> list[float]:
        ways = link.connection()
        assert ways is not None
        return [wait for wait, _ in ways[1].fate(bytes(64), 0.0)]

    one, other = both_ways(plan, 1), both_ways(plan, 1)
    assert (waits(one), waits(one)) == (waits(other), waits(other))
    one = both_ways(plan, 1)
    assert waits(one) != waits(one)


def test_an_empty_piece_is_nothing() -> None:
    assert Stream(Plan(cut={1: 0}), random.Random(0)).fate(b"", 0.0) == []
