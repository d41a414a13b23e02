"""Polling: what is asked, how often, and what the IPA makes of the answers. SGP.32 §3.1.1.1."""

from __future__ import annotations

import pytest

from dissectors.asn1.tlv import tlv
from sgprobe.peers.effects import Response
from sgprobe.peers.eim.config import association
from sgprobe.peers.eim.operations import Disable, Enable, GetData, ListProfiles
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import contents
from sgprobe.peers.ipa.config import Patience
from sgprobe.peers.run import EuiccSlot
from tests.peers.euicc.euicc_bench import Operator, call, make
from tests.peers.ipa.ipa_bench import NONE, Bench, asn1, bits
from tests.peers.world import A, B, World


def test_what_is_asked():
    bench = Bench()
    assert bench.poll().ok
    assert bench.requests() == [m.GetEimPackage(bench.eid)]
    (request,) = bench.link.seen
    assert (request.method, request.path) == ("POST", "/gsma/rsp2/asn1")
    assert request.media == "application/x-gsma-rsp-asn1"
    assert request.header("X-Admin-Protocol") == "gsma/rsp/v2.1.0"
    assert request.header("User-Agent") == "gsma-rsp-ipad"


def test_what_is_asked_in_json():
    bench = Bench(ipa={"json": True, "user_agent": "gsma-rsp-ipae"})
    assert bench.poll().ok
    (request,) = bench.link.seen
    assert request.path == "/gsma/rsp2/esipa/getEimPackage"
    assert request.media == "application/json;charset=UTF-8"
    assert request.header("User-Agent") == "gsma-rsp-ipae"


@pytest.mark.parametrize("code", [2, 3, 4, 77, 127])
def test_an_error_ends_the_poll_at_once(code):
    bench = Bench()
    bench.script(bytes([0xBF, 0x4F, 3, 2, 1, code]))
    report = bench.poll()
    assert (report.ended, report.ok, len(bench.link.seen)) == (code, False, 1)


def test_it_goes_on_until_there_is_nothing_more():
    bench = Bench()
    names = [bench.order(one) for one in (Disable(A), Enable(B), GetData(("euicc-info2",)))]
    report = bench.poll()
    assert report.handled == ["BF51", "BF51", "BF52"]
    assert [bench.state(name) for name in names] == ["done"] * 3


def test_an_eim_without_end_does_not_hold_the_ipa():
    bench = Bench(ipa={"packages": 3})
    for _ in range(9):
        bench.order(ListProfiles())
    assert "has more" in bench.poll().trouble
    assert len(bench.results()) == 3


def test_the_same_package_again_ends_the_poll():
    bench = Bench()
    bench.order(ListProfiles())
    bench.link.instead = lambda request: (
        asn1(bytes.fromhex("BF50023000")) if request.body[:2] == b"\xbf\x50" else None
    )
    report = bench.poll()
    assert "again" in report.trouble
    # executed once
    assert len(bench.card.sent("BF51")) == 1


# --- which eIMs, and how they are reached ---


def test_without_an_eim_nobody_is_asked():
    bench = Bench()
    bench.driver.slot = EuiccSlot(make())
    assert bench.driver.run(bench.ipa.poll()) == []
    assert bench.link.seen == []


def other(bench: Bench, name: str, **config) -> None:
    """Associate another eIM, by the first one."""
    operator = Operator(bench.euicc, name)
    first = Operator(bench.euicc, bench.setup.eim_id, key=bench.setup.signer(""))
    first.token, first.counter = 1, 500
    kind = config.pop("kind", "eimIdTypeFqdn")
    value = operator.config(eimIdType=kind, **config)
    assert first.eco({"addEim": value})[0] == {"addEimResult": {"addEimResultCode": "ok"}}
    call(bench.euicc, "NotificationSent", {"seqNumber": 1})


def silent(bench: Bench, address: str) -> list:
    """Put somebody at an address who has no packages."""
    seen: list = []

    def handler(request):
        seen.append(request)
        yield from ()
        return asn1(NONE)

    bench.driver.handlers[address] = handler
    return seen


def test_all_eims_are_asked_and_kept_apart():
    bench = Bench()
    other(bench, "second.example.com")
    seen = silent(bench, "https://second.example.com")
    reports = bench.driver.run(bench.ipa.poll())
    assert [(one.eim, one.ok) for one in reports] == [
        ("eim.example.com", True), ("second.example.com", True)]  # fmt: skip
    assert len(seen) == 1
    bench.driver.run(bench.ipa.poll("second.example.com"))
    assert (len(seen), len(bench.link.seen)) == (2, 1)


def test_one_eim_out_of_reach_does_not_stop_the_other():
    bench = Bench(ipa={"patience": Patience(tries=1)})
    other(bench, "second.example.com")
    seen = silent(bench, "https://second.example.com")
    bench.link.down = True
    first, second = bench.driver.run(bench.ipa.poll())
    assert (first.out_of_reach, second.ok, len(seen)) == (True, True, 1)


def test_the_address_is_the_fqdn_of_the_configuration():
    bench = Bench()
    other(bench, "some-id", eimFqdn="elsewhere.example.com:8443", kind="eimIdTypeProprietary")
    seen = silent(bench, "https://elsewhere.example.com:8443")
    bench.driver.run(bench.ipa.poll("some-id"))
    assert len(seen) == 1


def test_an_id_that_is_no_name_leads_nowhere():
    bench = Bench()
    other(bench, "2.999.7", kind="eimIdTypeOid")
    _, report = bench.driver.run(bench.ipa.poll())
    assert report.trouble == "no protocol in common"


@pytest.mark.parametrize(
    ("offered", "supported", "address"),
    [
        ({0}, {0}, "https://second.example.com"),
        ({0, 1}, {0, 1}, "https://second.example.com"),
        ({1}, {0, 1}, "coaps://second.example.com"),
        ({1}, {0}, None),
        ({0}, {1}, None),
        ({2, 3}, {0, 1}, None),
    ],
)
def test_the_protocol_is_one_of_both(offered, supported, address):
    bench = Bench(ipa={"protocols": frozenset(supported)})
    other(bench, "second.example.com", eimSupportedProtocol=bits(*offered))
    seen = silent(bench, address or "nowhere")
    (report,) = bench.driver.run(bench.ipa.poll("second.example.com"))
    assert (len(seen), report.ok) == (1, True) if address else (0, False)
    assert (report.trouble == "no protocol in common") == (address is None)


def test_each_eim_gets_the_results_that_are_its_own():
    bench = Bench(ipa={"patience": Patience(tries=1)})
    other(bench, "second.example.com")
    seen = silent(bench, "https://second.example.com")
    bench.eim.enrol(bench.eid, counter=600, certificates=certificates(bench))
    bench.order(ListProfiles())
    bench.link.lose_request = {1}
    first, second = bench.driver.run(bench.ipa.poll())
    assert (first.out_of_reach, second.ok) == (True, True)
    # the result waits in the eUICC for the first one
    assert bench.waiting()[0] == 1
    bench.driver.run(bench.ipa.poll("second.example.com"))
    assert {one.body[:2].hex() for one in seen} == {"bf4f"}
    assert bench.driver.run(bench.ipa.poll("eim.example.com"))[0].ok
    assert bench.waiting()[0] == 0


# --- state changes ---


def test_a_change_is_told_once_to_each_eim():
    bench = Bench()
    other(bench, "second.example.com")
    seen = silent(bench, "https://second.example.com")
    bench.driver.run(bench.ipa.state_changed(6))
    bench.driver.run(bench.ipa.poll())
    bench.driver.run(bench.ipa.poll())
    asked = bench.requests(m.GetEimPackage)
    assert [(one.state_change, one.cause) for one in asked] == [(True, 6), (False, None)]
    read = [bench.binding.read_request(one.path, one.body) for one in seen]
    assert [(one.state_change, one.cause) for one in read] == [(True, 6), (False, None)]


def test_a_change_that_could_not_be_told_is_told_later():
    bench = Bench(ipa={"patience": Patience(tries=1)})
    bench.driver.run(bench.ipa.state_changed(4))
    bench.link.lose_request = {0}
    assert bench.poll().out_of_reach
    bench.boot()
    assert bench.poll().ok
    assert bench.requests(m.GetEimPackage)[-1].cause == 4


def test_what_one_eim_orders_is_a_change_for_the_other():
    bench = Bench()
    other(bench, "second.example.com")
    seen = silent(bench, "https://second.example.com")
    bench.eim.enrol(bench.eid, counter=600, token=1, certificates=certificates(bench))
    bench.order(Enable(B))
    bench.driver.run(bench.ipa.poll())
    read = [bench.binding.read_request(one.path, one.body) for one in seen]
    assert [(one.state_change, one.cause) for one in read] == [(True, 0)]
    assert not any(one.state_change for one in bench.requests(m.GetEimPackage))


def certificates(bench: World) -> list[tuple[bytes, bytes]]:
    return [(one.certificate.der, one.eum.der) for one in bench.euicc.chip.ecasd.identities]


def test_v1_has_no_cause():
    bench = Bench("1.0.1")
    bench.driver.run(bench.ipa.state_changed(3))
    bench.poll()
    assert bench.requests() == [m.GetEimPackage(bench.eid, True)]


# --- links that fail ---


def test_it_asks_again_with_growing_pauses():
    bench = Bench(ipa={"patience": Patience(tries=5, first_pause=2, jitter=0)})
    bench.link.lose_request = {0, 1, 2}
    begun = bench.clock.now
    assert bench.poll().ok
    assert bench.clock.now - begun == 2 + 4 + 8


def test_it_does_not_ask_for_ever():
    bench = Bench(ipa={"patience": Patience(tries=3)})
    bench.link.down = True
    report = bench.poll()
    assert (report.out_of_reach, len(bench.link.seen)) == (True, 3)


def test_pauses_have_a_bound_and_are_not_all_the_same():
    patience = Patience(first_pause=2, factor=2, longest_pause=100, jitter=0.1)
    assert patience.pause(40) == 100
    assert patience.pause(3, 0) < patience.pause(3, 0.5) < patience.pause(3, 1)
    assert patience.pause(3, 1) - patience.pause(3, 0) == pytest.approx(0.2 * 16)


def test_a_server_in_trouble_is_left_alone_as_long_as_it_wants():
    bench = Bench(ipa={"patience": Patience(first_pause=1, jitter=0)})
    bench.script(Response(503, headers=(("Retry-After", "30"),)), Response(500))
    begun = bench.clock.now
    assert bench.poll().ok
    assert bench.clock.now - begun == 30 + 2


@pytest.mark.parametrize("wanted", ["soon", "-1", "1e9", "99999999999", "", "\u0663"])
def test_a_retry_after_that_is_no_number_of_seconds_counts_nothing(wanted):
    bench = Bench(ipa={"patience": Patience(first_pause=1, jitter=0)})
    bench.script(Response(503, headers=(("Retry-After", wanted),)))
    begun = bench.clock.now
    assert bench.poll().ok
    assert bench.clock.now - begun == 1


@pytest.mark.parametrize(
    "response",
    [
        Response(400),
        Response(404),
        Response(301, headers=(("Location", "https://elsewhere"),)),
        Response(204),
        Response(200),
        Response(200, "text/html", b"<html>"),
        Response(200, "application/json", b"{}"),
        asn1(b""),
        asn1(b"\xbf"),
        asn1(bytes.fromhex("BF50023000")),
        asn1(bytes.fromhex("BF4F84FFFFFFFF")),
        asn1(bytes.fromhex("BF4F06020101020101")),
    ],
    ids=lambda one: f"{one.status}-{one.media[-5:]}-{one.body[:4].hex()}",
)
def test_an_answer_that_is_none_ends_the_poll_and_the_card_is_left_alone(response):
    bench = Bench()
    bench.order(Enable(B))
    bench.script(response)
    report = bench.poll()
    assert report.trouble
    assert len(bench.link.seen) == 1
    assert bench.card.sent("BF51") == []
    # the next one is a new one
    assert bench.poll().ok


# --- packages that are none ---


@pytest.mark.parametrize(
    ("package", "code"),
    [
        ("BF7E00", 2),
        ("BF5300", 2),
        ("3000", 2),
        ("BF5100", 1),
        ("BF5103300100", 1),
        ("BF5200", 1),
        ("BF5403A00180", 1),
    ],
)
def test_a_package_that_is_none_is_told_and_never_meets_the_card(package, code):
    bench = Bench()
    bench.offer(bytes.fromhex(package))
    assert bench.poll().ok
    assert bench.results() == [m.PackageError(code)]
    assert not [one for one in bench.card.commands if one[:2].hex() in ("bf51", "bf7e")]


def test_every_beginning_of_a_package():
    bench = Bench()
    bench.order(Enable(B))
    package = bench.driver.run(bench.eim.perform(m.GetEimPackage(bench.eid))).package
    inside = contents(package)
    for size in range(len(inside)):
        # the length of the whole is right, that of the inside is not
        bench.offer(tlv("BF51", inside[:size]))
        assert bench.poll().ok
    assert bench.results() == [m.PackageError(1)] * len(inside)
    assert bench.card.sent("BF51") == []


def test_the_bootstrap_of_an_euicc():
    bench = Bench(enrol=False)
    again = bench.driver.run(bench.ipa.add_initial_eim([association(bench.setup)]))
    assert again == {"addInitialEimError": "associatedEimAlreadyExists"}
    assert len(bench.driver.run(bench.ipa.associations())) == 1
