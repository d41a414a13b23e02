"""Results: verified, matched to their orders, acknowledged, followed. SGP.32 §5.14.6."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import make_eid
from sgprobe.crypto import keys
from sgprobe.peers.eim.config import Limits
from sgprobe.peers.eim.operations import (
    AddEim,
    Delete,
    DeleteEim,
    Disable,
    Enable,
    GetRat,
    ListEim,
    ListProfiles,
    SetDefaultSmdp,
    UpdateEim,
)
from sgprobe.peers.esipa import messages as m
from tests.peers.eim.eim_bench import OTHER_KEY, Bench
from tests.peers.eim.test_eim_packages import SPKI
from tests.peers.world import PKI, A, B, C, call

OTHER = make_eid("890490321234512345123456789077")
TAKEN, NOTHING = m.Acknowledged((1,)), m.Acknowledged()


def ordered(*operations, **how) -> tuple[Bench, str]:
    bench = Bench(**how)
    name = bench.order(*(operations or (Enable(B),)))
    bench.package()
    return bench, name


@pytest.mark.parametrize("version", ["1.0.1", "1.1", "1.2", "1.3"])
def test_a_signed_result_is_taken_and_acknowledged(version):
    bench, name = ordered(version=version)
    eid = None if version == "1.0.1" else bench.eid
    assert bench.provide(bench.execute(), eid) == TAKEN
    assert bench.state(name) == "done"
    assert bench.eim.device(bench.eid).enabled() == B
    assert bench.get() == m.Failed(1)


def test_a_result_that_comes_by_notification_is_taken_without_a_word():
    bench, name = ordered()
    result = m.ProvideEimPackageResult(bench.eid, m.EuiccResult(bench.execute()))
    assert bench.ask(m.HandleNotification(result=result)) == m.Done()
    assert bench.state(name) == "done"


@pytest.mark.parametrize(
    ("eid", "answer"),
    [(OTHER, m.Failed(2)), ("12" * 16, m.Failed(3)), (None, TAKEN)],
)
def test_whose_result_it_is(eid, answer):
    bench, name = ordered()
    assert bench.provide(bench.execute(), eid) == answer
    assert bench.state(name) == ("done" if answer == TAKEN else "sent")


def test_a_result_that_names_nobody_is_not_booked():
    bench, name = ordered(eim={"transaction_ids": False})
    assert bench.provide(bench.execute(), None) == m.Failed(4)
    assert bench.state(name) == "sent"


OK = [{"enableResult": "ok"}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": OTHER_KEY},
        {"token": None},
        {"eimId": "another.example.com"},
    ],
    ids=["key", "token", "eim"],
)
def test_a_result_that_is_not_genuine_changes_nothing(wrong):
    bench, name = ordered()
    assert bench.provide(bench.signed(OK, **wrong)) == NOTHING
    assert bench.state(name) == "sent"
    assert bench.eim.device(bench.eid).enabled() is None
    assert len(bench.eim.journal) == 1


def test_one_bit_of_the_signature():
    bench, name = ordered()
    result = bytearray(bench.signed(OK))
    result[-1] ^= 1
    assert bench.provide(bytes(result)) == NOTHING
    assert bench.state(name) == "sent"


@pytest.mark.parametrize("head", [{"counterValue": 77}, {"eimTransactionId": "00" * 16}])
def test_a_genuine_result_of_no_order_is_taken_off_the_euicc_and_no_more(head):
    bench, name = ordered()
    assert bench.provide(bench.signed(OK, **head)) == TAKEN
    assert bench.state(name) == "sent"
    assert bench.eim.device(bench.eid).enabled() is None


def test_a_result_that_was_never_asked_for():
    bench = Bench()
    assert bench.provide(bench.signed(OK, counterValue=3)) == TAKEN
    assert bench.eim.orders() == []


@pytest.mark.parametrize("seq", [1, 127, 128, 200, 65535])
def test_the_sequence_number_is_what_is_acknowledged(seq):
    bench, _ = ordered()
    assert bench.provide(bench.signed(OK, seq=seq)) == m.Acknowledged((seq,))


@pytest.mark.parametrize(
    ("operation", "member", "codes"),
    [
        (Enable(B), "enableResult", (1, 2, 3, 5, 20, 127, 99)),
        (Disable(A), "disableResult", (1, 2, 3, 5, 127)),
        (Delete(B), "deleteResult", (1, 2, 3, 20, 21, 127)),
    ],
)
def test_each_code_fails_the_order_with_its_reason(operation, member, codes):
    for code in codes:
        bench, name = ordered(operation)
        assert bench.provide(bench.signed([{member: code}])) == TAKEN
        order = bench.outcome(name)
        assert str(order.state) == "failed"
        assert member in order.reason


def test_what_was_executed_before_a_failure_is_kept():
    bench, name = ordered(Disable(A), Delete(B), ListProfiles())
    items = [{"disableResult": "ok"}, {"processingTerminated": 2}]
    bench.provide(bench.signed(items))
    order = bench.outcome(name)
    assert (str(order.state), len(order.results)) == ("failed", 2)
    assert "processingTerminated" in order.reason
    assert bench.eim.device(bench.eid).profiles[A]["enabled"] is False
    assert B not in bench.eim.device(bench.eid).profiles


def test_fewer_results_than_operations_are_no_success():
    bench, name = ordered(Disable(A), ListProfiles())
    bench.provide(bench.signed([{"disableResult": "ok"}]))
    assert bench.state(name) == "failed"


@pytest.mark.parametrize(
    ("operation", "item"),
    [
        (ListProfiles(), {"getRATResult": []}),
        (DeleteEim("second"), {"disableResult": "ok"}),
        (ListEim(), {"enableResult": "ok"}),
        (Enable(B), {"deleteResult": "ok"}),
    ],
)
def test_a_genuine_result_of_another_operation_fails_the_order(operation, item):
    bench, name = ordered(operation)
    assert bench.provide(bench.signed([item])) == TAKEN
    assert bench.state(name) == "failed"
    assert "is no result of" in bench.outcome(name).reason
    assert bench.eim.device(bench.eid).enabled() is None


def test_a_duplicate_is_acknowledged_again_and_has_no_second_effect():
    bench, name = ordered()
    result = bench.execute()
    assert bench.provide(result) == TAKEN
    bench.do(Enable(A))
    assert bench.provide(result) == TAKEN
    assert bench.state(name) == "done"
    assert bench.eim.device(bench.eid).enabled() == A


def test_another_result_for_the_same_package_does_not_count():
    bench, name = ordered()
    bench.provide(bench.execute())
    bench.provide(bench.signed([{"enableResult": 1}], seq=9))
    assert bench.state(name) == "done"


def test_a_result_after_a_cancellation_follows_the_euicc():
    bench, name = ordered()
    result = bench.execute()
    bench.eim.cancel(name)
    assert bench.provide(result) == TAKEN
    order = bench.outcome(name)
    assert str(order.state) == "done"
    assert "after it was cancelled" in order.reason
    assert bench.eim.device(bench.eid).enabled() == B


def test_a_rollback_takes_the_place_of_the_result():
    bench = Bench()
    bench.do(ListProfiles())
    name = bench.order(Enable(B, rollback=True))
    bench.execute()
    bench.euicc.refresh_done(True, 0)
    answer = call(bench.euicc, "ProfileRollback", {"refreshFlag": True})
    raw = bench.dialect.codec.encode("EuiccPackageResult", answer["eUICCPackageResult"])
    bench.provide(raw)
    assert bench.state(name) == "rolled-back"
    assert bench.eim.device(bench.eid).enabled() == A


def test_a_rollback_after_a_result_that_was_taken_is_the_last_word():
    bench = Bench()
    bench.do(ListProfiles())
    name = bench.order(Enable(B, rollback=True))
    bench.provide(bench.execute())
    assert bench.state(name) == "done"
    bench.provide(bench.signed([{"rollbackResult": "ok"}], seq=9))
    assert bench.state(name) == "rolled-back"
    assert bench.eim.device(bench.eid).enabled() == A


@pytest.mark.parametrize(
    ("code", "reason"),
    [(3, "invalidEid"), (6, "counterValueOutOfRange"), (15, "sizeOverflow"), (127, "undefined")],
)
def test_a_signed_error_fails_the_order(code, reason):
    bench, name = ordered()
    assert bench.provide(bench.error(code)) == NOTHING
    assert str(bench.outcome(name).state) == "failed"
    assert reason in bench.outcome(name).reason
    assert bench.get() == m.Failed(1)


def test_a_signed_error_that_is_not_genuine_changes_nothing():
    bench, name = ordered()
    bench.provide(bench.error(3, key=OTHER_KEY))
    assert bench.state(name) == "sent"


def test_a_replay_is_an_alarm_and_the_next_counter_is_higher():
    bench, name = ordered()
    bench.provide(bench.error(4))
    assert bench.outcome(name).reason == "replayError"
    assert "counter 1" in bench.eim.device(bench.eid).alarm
    bench.order(Enable(B))
    assert bench.value(bench.package())["counterValue"] == 2


def test_a_replay_of_a_package_sent_twice_has_the_result_looked_for():
    bench, name = ordered()
    lost = bench.execute()
    bench.provide(bench.error(4))
    # the eIM asks for the results that wait in the eUICC
    assert bench.package().hex() == "bf52155c01a28310" + bench.eim.orders()[-1].transaction
    told = tlv("BF52", tlv("A0", tlv("A2", lost)))
    assert bench.provide(m.DataResult(told)) == TAKEN
    # the order has ended; what the eUICC did is seen
    assert bench.state(name) == "failed"


def test_an_unsigned_error_proves_nothing_but_does_not_go_on_for_ever():
    bench, name = ordered(limits=Limits(unproved=2))
    assert bench.provide(bench.unsigned()) == NOTHING
    assert bench.state(name) == "sent"
    bench.provide(bench.unsigned())
    assert bench.state(name) == "failed"
    assert bench.eim.device(bench.eid).profiles == {}


@pytest.mark.parametrize("code", [1, 2, 127])
def test_the_error_of_an_ipa_fails_the_order(code):
    bench, name = ordered()
    assert bench.provide(m.PackageError(code)) == NOTHING
    assert str(bench.outcome(name).state) == "failed"
    assert f"({code})" in bench.outcome(name).reason


def test_without_certificates_the_result_waits_for_them():
    bench = Bench(certificates=False)
    name = bench.order(Enable(B))
    bench.clock.now += 1
    result = bench.execute()
    assert bench.provide(result) == NOTHING
    assert bench.provide(result) == NOTHING
    assert bench.state(name) == "sent"
    # before anything else the eIM asks who the eUICC is
    assert bench.package()[:2].hex() == "bf52"
    assert bench.poll().ok
    assert bench.state(name) == "done"
    assert bench.waiting()[0] == 0
    assert len(bench.eim.orders()) == 2


def test_several_results_wait_for_the_certificates():
    bench = Bench(certificates=False)
    name = bench.order(Enable(B))
    bench.provide(bench.execute())
    bench.provide(bench.signed(OK, seq=9, counterValue=77))
    assert len(bench.eim.device(bench.eid).held) == 2
    (own,) = [one for one in bench.eim.orders() if one.own]
    bench.package()
    identity = bench.euicc.chip.ecasd.identities[0]
    transaction = bytes.fromhex(bench.outcome(own.id).transaction)
    told = tlv("A5", identity.eum.der[4:]) + tlv("A6", identity.certificate.der[4:])
    answer = bench.provide(m.DataResult(tlv("BF52", tlv("A0", told, tlv("87", transaction)))))
    assert answer == m.Acknowledged((1, 9))
    assert bench.state(name) == "done"


def test_certificates_of_another_euicc_are_not_kept():
    bench = Bench(certificates=False)
    bench.order(Enable(B))
    bench.provide(bench.execute())
    (request,) = [one for one in bench.eim.orders() if one.own]
    bench.package()
    other = bench.euicc.chip.ecasd.identities[0]
    stranger = PKI["p256"]["euicc2"].certificate.der
    told = tlv("A5", other.eum.der[4:]) + tlv("A6", stranger[4:])
    told += tlv("87", bytes.fromhex(bench.outcome(request.id).transaction))
    bench.provide(m.DataResult(tlv("BF52", tlv("A0", told))))
    assert bench.eim.facts(bench.eid).certificates == ()


# --- what the eIM believes afterwards ---


def test_a_list_is_the_whole_truth():
    bench = Bench()
    bench.do(ListProfiles())
    profiles = bench.eim.device(bench.eid).profiles
    assert {iccid: one["enabled"] for iccid, one in profiles.items()} == {A: True, B: False}
    assert profiles[A]["name"] == "A"
    bench.do(Disable(A), Delete(B))
    assert list(bench.eim.device(bench.eid).profiles) == [A]


def test_the_rat_and_the_default_server_are_known_after_they_were_told():
    bench = Bench()
    bench.do(GetRat(), SetDefaultSmdp("dp.example.com"))
    facts = bench.eim.facts(bench.eid)
    assert facts.default_smdp == "dp.example.com"
    assert facts.rat[0]["pprIds"] == {"value": "60", "length": 3}


def test_another_eim_gets_its_token():
    bench = Bench()
    bench.do(AddEim("b", public_key=SPKI.hex(), token=True), ListEim())
    eims = bench.eim.device(bench.eid).eims
    assert eims["b"]["token"] == 2
    assert set(eims) == {"b", bench.setup.eim_id}


def test_the_eim_signs_with_its_new_key_once_the_euicc_has_it():
    bench = Bench()
    new = keys.derive_key("rotated", "eim", keys.Curve.P256)
    bench.setup = replace(bench.setup, signers={**bench.setup.signers, "new": new})
    bench.restart_eim()
    bench.do(ListProfiles())
    spki = keys.spki(new).hex()
    update = UpdateEim(bench.setup.eim_id, key="new", public_key=spki, counter=0)
    assert str(bench.do(update).state) == "done"
    assert bench.eim.device(bench.eid).key == "new"
    assert str(bench.do(Enable(B)).state) == "done"
    assert bench.eim.device(bench.eid).counter == 1


def test_the_last_eim_can_delete_itself():
    bench = Bench()
    name = bench.order(DeleteEim(bench.setup.eim_id))
    bench.provide(bench.execute())
    assert bench.state(name) == "done"
    assert bench.eim.device(bench.eid).associated is False
    assert bench.get() == m.Failed(2)


def test_a_profile_of_which_nothing_was_known():
    bench, _ = ordered(Enable(C))
    bench.provide(bench.signed(OK))
    assert bench.eim.device(bench.eid).enabled() == C
