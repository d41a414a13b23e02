"""Mutated answers, packages and cards: the IPA ends its poll with a word, and works on."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import length_octets, tlv
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH
from sgprobe.peers.effects import CardFailure, Request, Response
from sgprobe.peers.eim.operations import Enable, GetData
from sgprobe.peers.ipa.config import Patience
from tests.peers.ipa.ipa_bench import NONE, Bench, asn1
from tests.peers.test_whole import KNOWN
from tests.peers.world import B, states

FEATURES = frozenset({1, 5})
PATIENCE = Patience(tries=1)


def life(json: bool = False) -> Bench:
    """Return a world with a whole day before it."""
    ipa = {"features": FEATURES, "json": json, "patience": PATIENCE}
    bench = Bench(indirect=True, ipa=ipa)
    bench.order(GetData(KNOWN))
    bench.order(Enable(B))
    bench.download(indirect=True)
    return bench


@lru_cache(maxsize=2)
def answers(json: bool) -> int:
    """Return how many answers an IPA gets on that day."""
    bench = life(json)
    assert bench.poll().ok
    return len(bench.link.answered)


def mutated(data, body: bytes) -> bytes:
    """Return a body with a few octets changed."""
    changed = bytearray(body or b"\0")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, max(0, len(changed) - 1)))
        kind = data.draw(st.sampled_from(["flip", "cut", "add"]))
        if kind == "flip" and changed:
            changed[place] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            del changed[place : place + data.draw(st.integers(1, 8))]
        else:
            changed[place:place] = data.draw(st.binary(min_size=1, max_size=4))
    return bytes(changed)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_answers_of_the_eim_with_octets_changed(data):
    json = data.draw(st.booleans())
    bench = life(json)
    place = data.draw(st.integers(0, answers(json) - 1))
    original = bench.link.handler
    count = [0]

    def handler(request):
        answer = yield from original(request)
        count[0] += 1
        if count[0] - 1 != place:
            return answer
        return Response(answer.status, answer.media, mutated(data, answer.body), answer.headers)

    bench.link.handler = handler
    bench.poll()
    bench.link.handler = original
    # whatever it was, the next poll is a good one, and the eUICC is whole
    for _ in range(3):
        bench.poll()
        bench.clock.now += 600
    assert bench.poll().ok, bench.ipa.journal
    assert bench.waiting() == (0, 0), bench.ipa.journal
    assert set(states(bench.euicc).values()) == {True, False}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_answers_of_the_card_with_octets_changed(data):
    bench = life()
    place = data.draw(st.integers(0, 60))
    count = [0]
    slot = bench.card

    def instead(command: bytes) -> bytes | None:
        count[0] += 1
        if count[0] - 1 != place:
            return None
        if data.draw(st.integers(0, 4)) == 0:
            raise CardFailure(data.draw(st.sampled_from([0x6A80, 0x6985, 0x6F00, 0x6E00])))
        slot.instead = lambda command: None
        return mutated(data, bench.euicc.command(command, 0))

    slot.instead = instead
    (report, *_) = bench.driver.run(bench.ipa.poll()) or [None]
    assert report is None or report.ended is not None or report.trouble
    slot.instead = lambda command: None
    bench.euicc.refresh_done(True, 0)
    for _ in range(4):
        bench.driver.run(bench.ipa.poll())
        # what was not taken is left alone for a while
        bench.clock.now += 600
    assert bench.poll().ok, bench.ipa.journal
    assert bench.waiting() == (0, 0), bench.ipa.journal


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_injected_octets_that_may_be_anything(body):
    bench = shared()
    for octets in (body, tlv("BF4E", body), tlv("BF4E", tlv("BF52", body))):
        request = Request(ASN1_PATH, ASN1_MEDIA, octets)
        assert bench.driver.run(bench.ipa.answer(request)).status in (200, 400)


@lru_cache(maxsize=1)
def shared() -> Bench:
    return Bench(ipa={"patience": PATIENCE})


def nested(levels: int) -> bytes:
    body = b""
    for _ in range(levels):
        body = b"\xa0" + length_octets(len(body)) + body
    return body


@pytest.mark.parametrize(
    "body",
    [
        tlv("BF4F", nested(10_000)),
        tlv("BF4F", tlv("BF51", nested(10_000))),
        bytes.fromhex("BF4F84FFFFFFFF"),
        tlv("BF4F", tlv("02", bytes(10_000))),
        tlv("BF4F", tlv("BF54", tlv("A0", tlv("80", b"1$" + b"a" * 100_000)))),
        tlv("BF4F", tlv("BF52", tlv("5C", b"\x83" * 100_000))),
        tlv("BF4F", tlv("BF52", tlv("5C", b"\xbf\xff\xff\xff\xff\xff\x01"))),
        bytes(5 << 20),
    ],
    ids=["deep", "deep-inside", "long", "number", "code", "tags", "tag", "large"],
)
def test_answers_that_are_too_much(body):
    bench = Bench(ipa={"patience": PATIENCE})
    bench.script(asn1(body), None, None)
    bench.poll()
    assert bench.card.sent("BF51") == []
    assert bench.poll().ok


def test_a_hundred_thousand_acknowledgements():
    bench = Bench()
    bench.order(Enable(B))
    numbers = tlv("BF50", tlv("BF53", tlv("80", b"\x01") * 100_000))
    bench.script(None, asn1(numbers), asn1(NONE))
    assert bench.poll().ok
    # each number once
    assert [one[-1] for one in bench.card.sent("BF30")].count(1) == 1
