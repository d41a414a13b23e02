"""Notifications at the IPA: each to its receiver, in order, removed when taken. SGP.22 §3.5."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from dissectors.asn1.tlv import tlv
from sgprobe.peers.effects import Response
from sgprobe.peers.eim.operations import Enable, GetData
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import tag_of
from sgprobe.peers.euicc.build import Preloaded
from sgprobe.peers.ipa.config import Patience
from sgprobe.peers.ipa.es10 import sequence_number
from tests.peers.euicc.euicc_bench import notifying
from tests.peers.ipa.ipa_bench import NONE, Bench, asn1
from tests.peers.test_whole import KNOWN
from tests.peers.world import A, B, World

OTHER = "testsmdpplus2.example.com"
DIRECT, INDIRECT = {"features": frozenset({0})}, {"features": frozenset({1})}
PATIENCE = Patience(tries=1, first_pause=10, jitter=0)


def switched(make: Callable[..., Bench] = Bench, **how: Any) -> Bench:
    """Return a world whose eUICC has notified a switch to two servers."""
    smdp = World().host
    profiles = (
        Preloaded(A, enabled=True, metadata=notifying(smdp, OTHER)),
        Preloaded(B, metadata=notifying(smdp, OTHER)),
    )
    bench = make(euicc={"profiles": profiles, **how.pop("euicc", {})}, **how)
    bench.second = []

    def handler(request):
        bench.second.append(request)
        yield from ()
        return Response(204)

    bench.driver.handlers[f"https://{OTHER}"] = handler
    bench.order(Enable(B))
    bench.euicc.command(bench.driver.run(bench.eim.perform(m.GetEimPackage(bench.eid))).package, 0)
    bench.euicc.refresh_done(True, 0)
    assert bench.waiting() == (1, 4)
    return bench


def numbers(requests: list) -> list[int]:
    found = [json.loads(one.body)["pendingNotification"] for one in requests]
    return [sequence_number(base64.b64decode(one)) or 0 for one in found]


def removed(bench: Bench) -> list[int]:
    return [one[-1] for one in bench.card.sent("BF30")]


def test_each_receiver_gets_its_own_in_ascending_order():
    bench = switched(ipa=DIRECT)
    assert bench.poll().ok
    assert numbers(bench.dp_link.seen) == [2, 4]
    assert numbers(bench.second) == [3, 5]
    # the package result went to the eIM, and nothing else did
    assert [type(one).__name__ for one in bench.requests()] == [
        "ProvideEimPackageResult", "GetEimPackage"]  # fmt: skip
    assert sorted(removed(bench)) == [1, 2, 3, 4, 5]
    assert bench.waiting() == (0, 0)


def test_what_is_pending_at_the_start_is_delivered():
    bench = switched(ipa=DIRECT)
    bench.euicc.reset()
    bench.boot()
    assert bench.driver.run(bench.ipa.notify()) == 0
    assert bench.waiting() == (1, 0)


@pytest.mark.parametrize("answer", [Response(500), Response(400), Response(302)])
def test_what_is_not_taken_is_not_removed(answer):
    bench = switched(ipa={**DIRECT, "patience": PATIENCE})
    bench.dp_link.instead = lambda request: answer
    assert bench.poll().ok
    # the other server is served, this one is asked once and not hurried
    assert len(bench.dp_link.seen) == 1
    assert len(bench.second) == 2
    assert bench.waiting() == (0, 2)
    bench.dp_link.instead = lambda request: None
    bench.clock.now += 11
    assert bench.driver.run(bench.ipa.notify()) == 0
    assert numbers(bench.dp_link.seen)[1:] == [2, 4]


def test_a_server_that_is_down_is_asked_at_growing_intervals():
    bench = switched(ipa={**DIRECT, "patience": PATIENCE})
    bench.dp_link.down = True
    moments = []
    for _ in range(720):
        before = len(bench.dp_link.seen)
        bench.driver.run(bench.ipa.notify())
        if len(bench.dp_link.seen) > before:
            moments.append(bench.clock.now)
        bench.clock.now += 5
    pauses = [after - before for before, after in pairwise(moments)]
    assert len(moments) < 20
    assert pauses == sorted(pauses)
    assert max(pauses) <= PATIENCE.longest_pause + 5


@pytest.mark.parametrize("attach", [False, True])
def test_through_the_eim_there_is_no_other_way(attach):
    bench = switched(ipa={**INDIRECT, "attach_notifications": attach}, indirect=True)
    assert bench.poll().ok
    sent = bench.requests(m.HandleNotification)
    assert len(sent) == 4
    assert {tag_of(one.pending) for one in sent} == {"30"}
    assert bench.waiting() == (0, 0)
    # the eIM passed them on
    assert (len(bench.dp_link.seen), len(bench.second)) == (2, 2)
    assert {one.header("User-Agent") for one in bench.second} == {"gsma-rsp-eim"}


def test_notifications_go_beside_the_result_where_that_is_wanted():
    bench = Bench(ipa=INDIRECT, indirect=True)
    bench.order(Enable(B))
    assert bench.poll().ok
    (result,) = bench.results()
    assert len(result.notifications) == 2
    assert bench.requests(m.HandleNotification) == []
    assert bench.waiting() == (0, 0)


def test_an_eim_that_does_not_take_them_gets_them_again():
    bench = switched(ipa={**INDIRECT, "patience": PATIENCE}, indirect=True)
    bench.link.instead = lambda request: Response(400) if request.body[:2] == b"\xbf\x3d" else None
    bench.poll()
    assert bench.waiting()[1] == 4
    assert removed(bench) == [1]
    bench.link.instead = lambda request: None
    bench.clock.now += 11
    assert bench.poll().ok
    assert bench.waiting() == (0, 0)


def test_an_eim_that_answers_200_with_nothing_has_taken_them():
    bench = switched(ipa=INDIRECT, indirect=True)
    bench.link.instead = lambda request: asn1(b"") if request.body[:2] == b"\xbf\x3d" else None
    assert bench.poll().ok
    assert bench.waiting() == (0, 0)


@pytest.mark.parametrize("known", [False, True])
def test_compact_notifications_leave_out_what_the_eim_was_told(known):
    bench = Bench(ipa={"features": frozenset({1, 5}), "attach_notifications": False}, indirect=True)
    if known:
        bench.do(GetData(KNOWN))
    bench.order(Enable(B))
    assert bench.poll().ok
    sent = bench.requests(m.HandleNotification)
    assert {tag_of(one.pending) for one in sent} == {"A1" if known else "30"}
    assert len(bench.dp_link.seen) == 2
    assert bench.waiting() == (0, 0)


def test_nothing_is_asked_of_the_card_while_nothing_is_pending():
    bench = Bench()
    bench.poll()
    bench.card.commands.clear()
    bench.poll()
    assert [one[:2].hex() for one in bench.card.commands] == ["bf3e", "bf55"]


def test_a_card_that_fails_in_the_middle_loses_nothing():
    bench = switched(ipa=DIRECT)
    bench.card.failing("BF30", 0x6F00)
    bench.poll()
    bench.card.instead = lambda command: None
    assert bench.poll().ok
    assert bench.waiting() == (0, 0)
    # delivered twice, which the receivers tolerate
    assert numbers(bench.dp_link.seen)[-2:] == [2, 4]


@pytest.mark.parametrize(
    ("pending", "number"),
    [
        (tlv("30", tlv("BF2F", tlv("80", b"\x05"))), 5),
        (tlv("BF37", tlv("BF27", tlv("BF2F", tlv("80", b"\x00\x80")))), 128),
        (tlv("BF51", tlv("A0", tlv("30", tlv("83", b"\x07")))), 7),
        (b"", None),
        (b"\xbf", None),
        (tlv("30"), None),
        (tlv("BF37"), None),
        (tlv("BF51"), None),
        (NONE, None),
    ],
)
def test_sequence_numbers(pending, number):
    assert sequence_number(pending) == number
