"""GetEimPackage: who gets which package, and when. SGP.32 §5.14.5."""

from __future__ import annotations

import pytest

from dissectors.spec.identity import make_eid
from sgprobe.peers.eim.config import Limits
from sgprobe.peers.eim.operations import Disable, Download, Enable, GetData, ListProfiles
from sgprobe.peers.esipa import messages as m
from tests.peers.eim.eim_bench import Bench
from tests.peers.world import A, B

OTHER = make_eid("890490321234512345123456789077")


def test_an_empty_queue():
    bench = Bench()
    assert bench.post(bytes.fromhex(f"BF4F125A10{bench.eid}")).body.hex() == "bf4f03020101"


@pytest.mark.parametrize(
    ("eid", "code"),
    [(OTHER, 2), ("8904903212345123451234567890123F", 3), ("12345678" * 4, 3), ("890490", 3)],
)
@pytest.mark.parametrize("version", ["1.0.1", "1.2"])
def test_an_eid_that_is_none_of_ours(version, eid, code):
    # v1.0.1 has a code for nothing and one for everything else
    wanted = 127 if version == "1.0.1" else code
    assert Bench(version).get(eid) == m.Failed(wanted)


def test_no_eid_at_all():
    bench = Bench()
    assert bench.post(bytes.fromhex("BF4F00")).body.hex() == "bf4f03020104"
    assert bench.post(bytes.fromhex("BF4F028000")).body.hex() == "bf4f03020104"


def test_packages_come_in_the_order_of_their_orders_and_one_at_a_time():
    bench = Bench()
    names = [bench.order(one) for one in (Disable(A), Enable(B), ListProfiles())]
    counters = []
    for name in names:
        package = bench.package()
        assert bench.package() == package
        counters.append(bench.value(package)["counterValue"])
        bench.provide(bench.euicc.command(package, 0))
        assert bench.state(name) == "done"
    assert counters == [1, 2, 3]
    assert bench.get() == m.Failed(1)


def test_a_package_that_got_no_result_comes_again_octet_by_octet():
    bench = Bench()
    bench.order(Enable(B))
    first = bench.package()
    bench.clock.now += 1000
    bench.restart_eim()
    assert bench.package() == first


def test_a_package_that_is_never_answered_does_not_block_for_ever():
    bench = Bench(limits=Limits(deliveries=3))
    lost, next_one = bench.order(Enable(B)), bench.order(ListProfiles())
    for _ in range(3):
        bench.package()
    assert bench.value(bench.package())["euiccPackage"] == {"psmoList": [{"listProfileInfo": {}}]}
    assert bench.outcome(lost).reason == "never answered"
    assert bench.state(next_one) == "sent"


def test_packages_of_one_euicc_are_not_for_another():
    bench = Bench()
    name = bench.order(Enable(B))
    bench.eim.enrol(OTHER)
    assert bench.get(OTHER) == m.Failed(1)
    assert bench.state(name) == "queued"


@pytest.mark.parametrize(
    ("operation", "tag"),
    [
        (Enable(B), "BF51"),
        (GetData(("euicc-info2",)), "BF52"),
        (Download(activation_code="1$smdp.example.com$ID"), "BF54"),
    ],
)
def test_each_kind_has_its_arm(operation, tag):
    bench = Bench()
    bench.order(operation)
    assert bench.package().hex().upper().startswith(tag)


def test_what_changed_is_remembered():
    bench = Bench()
    assert bench.get(state_change=True, cause=1, rplmn=bytes.fromhex("62F210")) == m.Failed(1)
    device = bench.eim.device(bench.eid)
    assert (device.stale, device.cause, device.rplmn) == (True, 1, "62f210")
    # a whole list is news
    bench.do(ListProfiles())
    assert not bench.eim.device(bench.eid).stale


def test_a_cause_that_nobody_knows_is_no_fault():
    bench = Bench()
    assert bench.get(state_change=True, cause=99) == m.Failed(1)
    assert bench.eim.device(bench.eid).cause == 99


def test_v1_has_the_network_where_later_versions_have_the_cause():
    bench = Bench("1.0.1")
    body = bytes.fromhex(f"BF4F195A10{bench.eid}8000810362F210")
    bench.post(body)
    device = bench.eim.device(bench.eid)
    assert (device.cause, device.rplmn) == (None, "62f210")


def test_a_network_of_two_octets_is_refused():
    bench = Bench()
    assert bench.post(bytes.fromhex(f"BF4F165A10{bench.eid}820262F2")).status == 400


def test_an_order_past_its_time_is_not_delivered():
    bench = Bench()
    name = bench.order(Enable(B), expires=bench.clock.now + 10)
    bench.clock.now += 11
    assert bench.get() == m.Failed(1)
    assert bench.state(name) == "expired"


def test_a_cancelled_order_is_not_delivered():
    bench = Bench()
    name = bench.order(Enable(B))
    assert str(bench.eim.cancel(name).state) == "cancelled"
    assert bench.get() == m.Failed(1)
    # nothing was signed for it
    assert bench.eim.device(bench.eid).counter == 0


def test_counters_go_on_after_a_restart():
    bench = Bench()
    bench.do(Enable(B))
    bench.restart_eim()
    bench.order(Enable(A))
    assert bench.value(bench.package())["counterValue"] == 2


def test_the_counter_never_passes_its_end():
    bench = Bench()
    bench.eim.enrol(bench.eid, counter=0x7FFFFF - 1, token=1)
    last, over = bench.order(Enable(B)), bench.order(Enable(A))
    package = bench.package()
    assert bench.value(package)["counterValue"] == 0x7FFFFF
    bench.provide(bench.euicc.command(package, 0))
    assert bench.state(last) == "done"
    assert bench.get() == m.Failed(1)
    assert bench.outcome(over).reason == "no counter is left"
    assert "counter" in bench.eim.device(bench.eid).alarm


def test_two_polls_at_once_get_the_same_octets():
    bench = Bench()
    bench.order(Enable(B))
    request = m.GetEimPackage(bench.eid)
    both = [bench.eim.perform(request) for _ in range(2)]
    for one in both:
        next(one)
    packages = []
    for one in both:
        with pytest.raises(StopIteration) as done:
            one.send(bench.clock.now)
        packages.append(done.value.value)
    assert packages[0] == packages[1]
    assert bench.eim.device(bench.eid).counter == 1


def test_an_emergency_call_puts_a_package_off():
    bench = Bench()
    name = bench.order(Enable(B))
    first = bench.package()
    bench.provide(bench.error(104))
    assert bench.state(name) == "queued"
    # no tight loop of polls
    assert bench.get() == m.Failed(1)
    bench.clock.now += 61
    again = bench.package()
    # with a counter of its own: the eUICC may have stored the first one
    assert bench.value(again)["counterValue"] > bench.value(first)["counterValue"]
