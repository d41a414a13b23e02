"""Switches of the IPA's own: fallback, emergency call, reset; what the eIM is told of them."""

from __future__ import annotations

import pytest

from sgprobe.peers.effects import CardFailure, LinkFailure
from sgprobe.peers.eim.operations import Enable, ListProfiles, SetFallback
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.euicc.build import Preloaded
from sgprobe.peers.ipa.config import Patience
from tests.peers.ipa.ipa_bench import Bench
from tests.peers.world import A, B, C, states

PROFILES = (
    Preloaded(A, "A", enabled=True),
    Preloaded(B, "B", metadata={"fallbackAllowed": True}),
    Preloaded(C, "C", metadata={"ecallIndication": True}),
)


def bench_of(version: str = "1.2", **ipa) -> Bench:
    ipa = {"patience": Patience(tries=1), **ipa}
    return Bench(version, ipa=ipa, euicc={"profiles": PROFILES})


def causes(bench: Bench) -> list[int | None]:
    return [one.cause for one in bench.requests(m.GetEimPackage) if one.state_change]


def test_fallback_and_back():
    bench = bench_of()
    assert str(bench.do(SetFallback(B)).state) == "done"
    assert bench.driver.run(bench.ipa.execute_fallback()) == "ok"
    assert states(bench.euicc)[B]
    assert bench.card.refreshed == 1
    assert bench.poll().ok
    assert bench.driver.run(bench.ipa.return_from_fallback()) == "ok"
    assert states(bench.euicc)[A]
    assert bench.poll().ok
    assert causes(bench) == [1, 1]


def test_a_fallback_that_is_refused_changes_nothing():
    bench = bench_of()
    assert bench.driver.run(bench.ipa.execute_fallback()) == "fallbackNotAvailable"
    assert bench.card.refreshed == 0
    assert bench.poll().ok
    assert causes(bench) == []


def test_when_no_eim_is_reached_the_ipa_falls_back_and_asks_again():
    bench = bench_of(fallback_after=3)
    bench.do(SetFallback(B))
    original = bench.link.handler

    def handler(request):
        if not states(bench.euicc)[B]:
            raise LinkFailure("no network with this profile")
        return (yield from original(request))

    bench.link.handler = handler
    for _ in range(2):
        assert bench.poll().out_of_reach
        assert bench.card.sent("BF5D") == []
        bench.boot()
    assert bench.poll().ok
    assert states(bench.euicc)[B]
    assert causes(bench)[-1] == 1


def test_a_link_that_comes_and_goes_makes_no_flapping():
    bench = bench_of(fallback_after=3)
    bench.do(SetFallback(B))
    for turn in range(20):
        bench.link.down = turn % 3 != 2
        bench.poll()
    assert bench.card.sent("BF5D") == []
    bench.link.down = True
    for _ in range(20):
        bench.poll()
    # once, however long it lasts
    assert len(bench.card.sent("BF5D")) == 1


def test_by_itself_the_ipa_does_not_fall_back():
    bench = bench_of()
    bench.do(SetFallback(B))
    bench.link.down = True
    for _ in range(10):
        bench.poll()
    assert bench.card.sent("BF5D") == []


def test_an_emergency_call():
    bench = bench_of()
    name = bench.order(Enable(B))
    assert bench.driver.run(bench.ipa.enable_emergency()) == "ok"
    bench.boot()
    bench.poll()
    # the package was refused, and is kept for later
    assert bench.state(name) == "queued"
    assert causes(bench) == [2]
    assert bench.driver.run(bench.ipa.disable_emergency()) == "ok"
    bench.clock.now += 61
    assert bench.poll().ok
    assert bench.state(name) == "done"
    assert causes(bench) == [2, 2]


def test_an_emergency_call_without_a_profile_for_it():
    bench = Bench()
    assert bench.driver.run(bench.ipa.enable_emergency()) == "ecallNotAvailable"
    assert not bench.ipa.means.notebook.now.emergency


@pytest.mark.parametrize(("version", "bit"), [("1.0.1", 0), ("1.2", 3)])
def test_a_reset_is_told(version, bit):
    bench = Bench(version)
    value = bench.driver.run(bench.ipa.reset({bit, 0}))
    assert value["resetResult"] in ("ok", "nothingToDelete")
    changed = value["resetResult"] == "ok"
    bench.poll()
    asked = bench.requests(m.GetEimPackage)
    assert asked[0].state_change == changed


def test_a_reset_with_nothing_to_delete_is_no_change():
    bench = Bench(euicc={"profiles": ()})
    value = bench.driver.run(bench.ipa.reset({0}))
    assert value == {"resetResult": "nothingToDelete"}
    bench.poll()
    assert causes(bench) == []


@pytest.mark.parametrize("version", ["1.0.1", "1.2"])
def test_immediate_enabling_that_is_not_configured(version):
    bench = Bench(version)
    assert "NotAvailable" in bench.driver.run(bench.ipa.immediate_enable())


def test_while_the_ipa_in_the_euicc_is_active_this_one_is_silent():
    bench = Bench(euicc={"ipae": True})
    assert bench.driver.run(bench.ipa.activate_ipae()) == "ok"
    bench.boot()
    assert bench.driver.run(bench.ipa.poll()) == []
    assert bench.link.seen == []
    assert bench.driver.run(bench.ipa.activate_ipae(False)) == "ok"
    assert bench.poll().ok
    other = Bench()
    assert other.driver.run(other.ipa.activate_ipae()) == "notSupported"
    assert other.poll().ok


def test_a_profile_without_a_network_is_rolled_back():
    bench = Bench(ipa={"patience": Patience(tries=1), "rollback_seconds": 20.0})
    bench.do(ListProfiles())
    name = bench.order(Enable(B, rollback=True))
    refresh = bench.card.refresh

    def failing(now):
        refresh(now)
        if states(bench.euicc)[B]:
            bench.link.down = True
            raise LinkFailure("no network to attach to")
        bench.link.down = False

    bench.card.refresh = failing
    assert bench.poll().ok
    assert states(bench.euicc)[A]
    assert bench.state(name) == "rolled-back"


def test_a_card_that_fails_is_for_the_caller_to_know():
    bench = Bench()
    bench.card.failing("BF5D", 0x6F00)
    with pytest.raises(CardFailure):
        bench.driver.run(bench.ipa.execute_fallback())
    assert str(bench.do(ListProfiles()).state) == "done"
