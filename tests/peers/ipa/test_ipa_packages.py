"""eUICC packages at the IPA: handed on as they are, kept until acknowledged, rolled back."""

from __future__ import annotations

import pytest

from dissectors.asn1.tlv import tlv
from sgprobe.peers.effects import LinkFailure, Response
from sgprobe.peers.eim.operations import Disable, Enable, ListProfiles
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import elements, tag_of
from sgprobe.peers.ipa.config import Patience
from tests.peers.euicc.euicc_bench import Operator
from tests.peers.ipa.ipa_bench import Bench
from tests.peers.world import A, B, states

# the pauses of a test are short and always the same
PATIENCE = Patience(tries=3, first_pause=5, jitter=0)


def acknowledged(*numbers: int) -> bytes:
    return tlv("BF50", tlv("BF53", *(tlv("80", bytes([one])) for one in numbers)))


def numbers_removed(bench: Bench) -> list[int]:
    return [one[-1] for one in bench.card.sent("BF30")]


def signed(bench: Bench, *operations) -> bytes:
    """Return a package that the eIM signs."""
    bench.order(*operations)
    return bench.driver.run(bench.eim.perform(m.GetEimPackage(bench.eid))).package


def test_the_card_gets_the_octets_that_came_and_the_eim_those_of_the_card():
    bench = Bench()
    package = signed(bench, Enable(B))
    assert bench.poll().ok
    assert bench.card.sent("BF51") == [package]
    (result,) = bench.results()
    assert tag_of(result.result) == "BF51"
    assert bench.eim.orders()[0].results == ({"enableResult": "ok"},)


def test_the_card_is_refreshed_before_the_result_is_delivered():
    bench = Bench()
    signed(bench, Enable(B))
    seen = []
    bench.link.instead = lambda request: (
        seen.append((request.body[1], bench.card.refreshed)) or None
    )
    assert bench.poll().ok
    assert seen == [(0x4F, 0), (0x50, 1), (0x4F, 1)]


def test_what_changes_nothing_needs_no_refresh():
    bench = Bench()
    signed(bench, ListProfiles())
    assert bench.poll().ok
    assert bench.card.refreshed == 0


@pytest.mark.parametrize("answer", ["BF50023000", "BF50020500", "BF5003020102"])
def test_what_is_not_acknowledged_is_not_removed_and_is_sent_again(answer):
    bench = Bench()
    package = signed(bench, ListProfiles())
    bench.offer(package, answer=bytes.fromhex(answer))
    bench.poll()
    assert numbers_removed(bench) == []
    assert bench.waiting()[0] == 1
    bench.offer(answer=acknowledged(1))
    assert bench.poll().ok
    first, again = bench.results()[0], bench.results()[-1]
    assert again == first
    assert bench.waiting()[0] == 0


def test_v1_answers_nothing_with_nothing():
    bench = Bench("1.0.1")
    package = signed(bench, ListProfiles())
    bench.offer(package, answer=bytes.fromhex("BF5000"))
    assert bench.poll().ok
    assert bench.waiting()[0] == 1


def test_exactly_what_is_acknowledged_is_removed():
    bench = Bench(ipa={"features": frozenset({1}), "attach_notifications": True})
    package = signed(bench, Enable(B))
    bench.offer(package, answer=acknowledged(1, 3))
    bench.dp_link.down = True
    bench.poll()
    (result, *_) = bench.results()
    assert len(result.notifications) == 2
    assert numbers_removed(bench)[:2] == [1, 3]


def test_a_number_that_nobody_knows_is_no_fault():
    bench = Bench()
    package = signed(bench, ListProfiles())
    bench.offer(package, answer=acknowledged(77, 1, 1))
    assert bench.poll().ok
    # each once
    assert numbers_removed(bench) == [77, 1]


@pytest.mark.parametrize("arm", ["A1", "A2"])
def test_errors_of_the_euicc_are_passed_on_as_they_are(arm):
    bench = Bench()
    if arm == "A2":
        # a package of an eIM that the eUICC does not know
        package = Operator(bench.euicc, "stranger").package([{"getRAT": {}}])
    else:
        package = signed(bench, ListProfiles())
        bench.euicc.command(package, 0)
    bench.offer(package)
    assert bench.poll().ok
    result = bench.results()[-1].result
    assert tag_of(elements(result)[0]) == arm


@pytest.mark.parametrize("sw", [0x6A80, 0x6985, 0x6F00, 0x9300])
def test_a_status_word_is_told_as_an_error_of_the_package(sw):
    bench = Bench()
    signed(bench, ListProfiles())
    bench.card.failing("BF51", sw)
    assert bench.poll().ok
    transaction = bench.eim.orders()[0].transaction
    assert bench.results() == [m.PackageError(127, bytes.fromhex(transaction))]
    assert bench.state(bench.eim.orders()[0].id) == "failed"


@pytest.mark.parametrize("octets", ["", "FFFFFFFF", "BF5105A0", "BF5102A000", "BF4F00", "BF510030"])
def test_nonsense_of_a_card_is_no_result(octets):
    bench, answer = Bench(), bytes.fromhex(octets)
    signed(bench, ListProfiles())
    bench.card.instead = lambda command: answer if command[:2] == b"\xbf\x51" else None
    assert bench.poll().ok
    (result,) = bench.results()
    assert (type(result), result.code) == (m.PackageError, 127)
    bench.card.instead = lambda command: None
    assert str(bench.do(ListProfiles()).state) == "done"


@pytest.mark.parametrize("tag", ["BF3E", "BF55", "BF2B", "BF30"])
def test_a_card_that_fails_elsewhere_ends_the_poll_with_a_word(tag):
    bench = Bench()
    signed(bench, ListProfiles())
    bench.card.failing(tag, 0x6F00)
    (report,) = bench.driver.run(bench.ipa.poll())
    assert "6F00" in report.trouble
    bench.card.instead = lambda command: None
    assert bench.poll().ok
    assert bench.waiting()[0] == 0


def test_a_package_for_another_euicc_is_for_the_card_to_refuse():
    bench = Bench()
    first = Operator(bench.euicc, bench.setup.eim_id, key=bench.setup.signer(""))
    first.token = 1
    bench.offer(first.package([{"getRAT": {}}], eid="12" * 16))
    assert bench.poll().ok
    (result,) = bench.results()
    value = bench.ipa.means.es10.read("EuiccPackageResult", result.result)
    error = value["euiccPackageErrorSigned"]["euiccPackageErrorDataSigned"]
    assert error["euiccPackageErrorCode"] == "invalidEid"


# --- rollback ---


def rolling(**how) -> tuple[Bench, str]:
    bench = Bench(ipa={"patience": PATIENCE, "rollback_seconds": 60.0, **how})
    bench.do(ListProfiles())
    return bench, bench.order(Enable(B, rollback=True))


def deaf(bench: Bench) -> None:
    """Let no result through while profile B is enabled."""
    original = bench.link.handler

    def handler(request):
        if request.body[:2] == b"\xbf\x50" and states(bench.euicc)[B]:
            raise LinkFailure("no network")
        return (yield from original(request))

    bench.link.handler = handler


def test_a_result_that_cannot_be_delivered_is_rolled_back():
    bench, name = rolling()
    deaf(bench)
    begun = bench.clock.now
    assert bench.poll().ok
    assert states(bench.euicc) == {A: True, B: False}
    assert bench.state(name) == "rolled-back"
    assert bench.eim.device(bench.eid).enabled() == A
    # not before the window had closed, and not long after it
    assert 30 <= bench.clock.now - begun <= 60
    assert len(bench.card.sent("BF58")) == 1
    assert bench.waiting() == (0, 0)
    # the result that nobody heard of is nowhere any more
    items = bench.outcome(name).results
    assert items == ({"rollbackResult": "ok"},)


def test_without_the_flag_nothing_is_rolled_back():
    bench, _ = rolling()
    bench.eim.cancel(bench.eim.orders()[-1].id)
    name = bench.order(Enable(B))
    deaf(bench)
    assert bench.poll().out_of_reach
    assert states(bench.euicc)[B]
    assert bench.card.sent("BF58") == []
    bench.link.handler = lambda request: bench.eim.answer(request)
    assert bench.poll().ok
    assert bench.state(name) == "done"


def test_after_an_acknowledgement_nothing_is_rolled_back():
    bench, name = rolling()
    assert bench.poll().ok
    assert bench.state(name) == "done"
    assert bench.ipa.means.notebook.now.window is None
    bench.link.down = True
    bench.clock.now += 10_000
    bench.poll()
    assert bench.card.sent("BF58") == []
    assert states(bench.euicc)[B]


def test_a_failed_enabling_opens_no_window():
    bench, _ = rolling()
    bench.eim.cancel(bench.eim.orders()[-1].id)
    bench.order(Enable(A, rollback=True))
    assert bench.poll().ok
    assert bench.ipa.means.notebook.now.window is None


@pytest.mark.parametrize("code", [1, 5, 7, 127])
def test_a_rollback_that_is_refused_is_asked_once_and_the_result_tried_on(code):
    bench, name = rolling()
    deaf(bench)
    bench.card.instead = lambda command: (
        tlv("BF58", tlv("02", bytes([code]))) if command[:2] == b"\xbf\x58" else None
    )
    assert bench.poll().out_of_reach
    assert bench.poll().out_of_reach
    assert len(bench.card.sent("BF58")) == 1
    bench.link.handler = lambda request: bench.eim.answer(request)
    assert bench.poll().ok
    assert bench.state(name) == "done"
    assert states(bench.euicc)[B]


def test_an_eim_that_answers_500_is_there():
    """A choice: an HTTP error shows that the network works, so nothing is rolled back for it."""
    bench, name = rolling()
    bench.link.instead = lambda request: Response(500) if request.body[:2] == b"\xbf\x50" else None
    assert not bench.poll().ok
    assert states(bench.euicc)[B]
    assert bench.card.sent("BF58") == []
    bench.link.instead = lambda request: None
    assert bench.poll().ok
    assert bench.state(name) == "done"


def test_the_power_fails_within_the_window():
    bench, name = rolling()
    deaf(bench)
    run = bench.ipa.poll()
    # the first try of the result is on its way when the power fails
    effect, outcome = next(run), None
    while getattr(getattr(effect, "request", None), "body", b"")[:2] != b"\xbf\x50":
        outcome = bench.driver._perform(effect)
        effect = run.send(outcome)
    run.close()
    assert states(bench.euicc)[B]
    bench.euicc.reset()
    bench.boot()
    bench.clock.now += 10
    # it goes on where it was
    assert bench.poll().ok
    assert states(bench.euicc) == {A: True, B: False}
    assert bench.state(name) == "rolled-back"


def test_the_acknowledgement_comes_when_the_rollback_is_done():
    bench, name = rolling()
    original = bench.link.handler

    def handler(request):
        answer = yield from original(request)
        if request.body[:2] == b"\xbf\x50" and states(bench.euicc)[B]:
            raise LinkFailure("the answer is lost")
        return answer

    bench.link.handler = handler
    assert bench.poll().ok
    # the eIM had taken the first result; the last word is the rollback
    assert states(bench.euicc) == {A: True, B: False}
    assert bench.state(name) == "rolled-back"
    assert bench.eim.device(bench.eid).enabled() == A


def test_disabling_and_enabling_in_one_package_is_rolled_back_too():
    bench = Bench(ipa={"patience": PATIENCE, "rollback_seconds": 30.0})
    bench.do(ListProfiles())
    name = bench.order(Disable(A), Enable(B, rollback=True))
    deaf(bench)
    assert bench.poll().ok
    assert states(bench.euicc) == {A: True, B: False}
    assert bench.state(name) == "rolled-back"
