"""Injection: the eIM sends, the IPA answers, both ends of it. SGP.32 §3.1.1.2, §5.14.4."""

from __future__ import annotations

import pytest

from dissectors.asn1.tlv import tlv
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH
from sgprobe.peers.effects import Request
from sgprobe.peers.eim.config import Limits
from sgprobe.peers.eim.operations import Disable, Enable, GetData, ListProfiles
from sgprobe.peers.esipa import messages as m
from tests.peers.ipa.ipa_bench import Bench
from tests.peers.world import A, B, Lossy, World, states

IPA = "https://ipa.example.com"


def bench_of(version: str = "1.2", **how) -> Bench:
    bench = Bench(version, **how)
    bench.way = Lossy(lambda request: bench.ipa.answer(request))
    bench.driver.handlers[IPA] = bench.way
    return bench


def inject(bench: World, **how):
    return bench.driver.run(bench.eim.inject(bench.eid, IPA, **how))


@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize("version", ["1.0.1", "1.2", "1.3"])
def test_packages_are_executed_and_acknowledged(version, json):
    bench = bench_of(version)
    names = [bench.order(one) for one in (Disable(A), Enable(B), GetData(("euicc-info2",)))]
    report = inject(bench, json=json)
    assert (report.sent, report.trouble) == (["BF51", "BF51", "BF52"], "")
    assert [bench.state(name) for name in names] == ["done"] * 3
    assert states(bench.euicc)[B]
    assert bench.waiting()[0] == 0
    # the IPA asked nobody
    assert bench.link.seen == []
    paths = {one.path for one in bench.way.seen}
    assert paths == {"/gsma/rsp2/esipa/transferEimPackage" if json else ASN1_PATH}


def test_a_trigger_is_received_and_its_result_comes_later():
    bench = bench_of(ipa={"features": frozenset({0})})
    name, made = bench.download()
    assert inject(bench).later
    assert bench.state(name) == "sent"
    bench.boot()
    assert bench.driver.run(bench.ipa.errands()) == 1
    assert bench.state(name) == "done"
    assert made.iccid in bench.profiles()
    assert bench.driver.run(bench.ipa.errands()) == 0


def test_a_package_is_received_now_and_executed_later():
    bench = bench_of(ipa={"inject_later": True})
    name = bench.order(Enable(B, rollback=True))
    assert inject(bench).later
    assert inject(bench).later
    assert states(bench.euicc)[A]
    # sent twice, kept once
    assert bench.driver.run(bench.ipa.errands()) == 1
    assert bench.state(name) == "done"
    assert len(bench.card.sent("BF51")) == 1


def test_the_same_package_again_gets_the_same_answer():
    bench = bench_of()
    name = bench.order(Enable(B))
    bench.way.lose_answer = {0}
    report = inject(bench)
    assert report.trouble == ""
    assert bench.state(name) == "done"
    assert len(bench.card.sent("BF51")) == 1


def test_an_ipa_out_of_reach_is_asked_a_few_times_and_the_order_stays():
    bench = bench_of(limits=Limits(injections=3))
    name = bench.order(Enable(B))
    bench.way.down = True
    assert inject(bench).trouble
    assert len(bench.way.seen) == 3
    assert bench.state(name) == "sent"
    bench.way.down = False
    assert inject(bench).trouble == ""
    assert bench.state(name) == "done"


def test_notifications_come_beside_the_result_and_are_acknowledged():
    bench = bench_of(ipa={"features": frozenset({1})}, indirect=True)
    bench.order(Enable(B))
    assert inject(bench).trouble == ""
    assert len(bench.dp_link.seen) == 2
    assert bench.waiting() == (0, 0)


def answer(bench: Bench, body: bytes, **how) -> tuple[int, str]:
    request = Request(how.get("path", ASN1_PATH), how.get("media", ASN1_MEDIA), body, (),
                      how.get("method", "POST"))  # fmt: skip
    told = bench.driver.run(bench.ipa.answer(request))
    return told.status, told.body.hex()


@pytest.mark.parametrize(
    ("package", "told"),
    [
        ("BF7E00", "bf4e03020102"),
        ("3000", "bf4e03020102"),
        ("BF5100", "bf4e03020101"),
        ("BF5200", "bf4e03020101"),
        ("BF5403A00180", "bf4e03020101"),
        ("BF5300", "bf4e020500"),
        ("BF5303800163", "bf4e020500"),
    ],
)
def test_what_is_no_package(package, told):
    assert answer(Bench(), tlv("BF4E", bytes.fromhex(package))) == (200, told)


@pytest.mark.parametrize(
    ("body", "how", "status"),
    [
        (b"", {}, 400),
        (b"\xbf\x4e", {}, 400),
        (bytes.fromhex("BF4E00"), {}, 400),
        (bytes.fromhex("BF4F00"), {}, 400),
        (bytes.fromhex("BF4E06BF5300BF5300"), {}, 400),
        (bytes.fromhex("BF4E03BF5300"), {"media": "text/plain"}, 415),
        (bytes.fromhex("BF4E03BF5300"), {"method": "GET"}, 405),
        (bytes.fromhex("BF4E03BF5300"), {"path": "/other"}, 404),
        (bytes(5 << 20), {}, 413),
    ],
)
def test_what_is_no_request(body, how, status):
    assert answer(Bench(), body, **how) == (status, "")


def test_a_card_that_fails_is_told():
    bench = bench_of()
    name = bench.order(ListProfiles())
    bench.card.failing("BF51", 0x6F00)
    assert inject(bench).sent == ["BF51"]
    assert bench.state(name) == "failed"


def test_acknowledgements_are_followed_to_the_number():
    bench = Bench()
    for _ in range(2):
        bench.order(ListProfiles())
        package = bench.driver.run(bench.eim.perform(m.GetEimPackage(bench.eid))).package
        bench.euicc.command(package, 0)
        bench.eim.cancel(bench.eim.orders()[-1].id)
    assert bench.waiting()[0] == 2
    answer(bench, bytes.fromhex("BF4E06BF5303800102"))
    assert bench.waiting()[0] == 1
