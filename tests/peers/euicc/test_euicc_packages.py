"""eUICC packages: order of checks, execution, results, rollback."""

from __future__ import annotations

import pytest
from euicc_bench import EIM, PKI, A, B, C, Operator, call, make, notifying, pending, states, wire

from dissectors.asn1.tlv import tlv
from sgprobe.crypto.keys import Curve
from sgprobe.peers.euicc.build import Preloaded
from sgprobe.peers.euicc.config import Limits
from sgprobe.peers.euicc.dialect import VERSIONS
from sgprobe.peers.euicc.values import inner

PKI_EIM = PKI["p256"]["eim-sign"]


def operator(euicc=None, **members) -> Operator:
    made = Operator(euicc or make())
    assert "addInitialEimOk" in made.associate(**members)
    return made


def enable(iccid: str, **more) -> dict:
    return {"enable": {"iccid": wire(iccid), **more}}


def disable(iccid: str) -> dict:
    return {"disable": {"iccid": wire(iccid)}}


def delete(iccid: str) -> dict:
    return {"delete": {"iccid": wire(iccid)}}


LIST = {"listProfileInfo": {}}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("curve", [Curve.P256, Curve.BRAINPOOL])
def test_enable_switches_and_tells(version, curve):
    eim = operator(make(version, curve=curve))
    assert eim.run(enable(B)) == [{"enableResult": "ok"}]
    assert states(eim.euicc) == {A: False, B: True}
    assert eim.euicc.refresh_pending
    assert pending(eim.euicc) == [(2, "disable", wire(A)), (3, "enable", wire(B))]


def test_codes_of_enable_disable_delete():
    eim = operator()
    assert eim.run(enable(C)) == [{"enableResult": "iccidOrAidNotFound"}]
    assert eim.run(enable(A)) == [{"enableResult": "profileNotInDisabledState"}]
    assert eim.run(disable(C)) == [{"disableResult": "iccidOrAidNotFound"}]
    assert eim.run(disable(B)) == [{"disableResult": "profileNotInEnabledState"}]
    assert eim.run(delete(C)) == [{"deleteResult": "iccidOrAidNotFound"}]
    assert eim.run(delete(A)) == [{"deleteResult": "profileNotInDisabledState"}]
    assert eim.run(disable(A), delete(A)) == [{"disableResult": "ok"}, {"deleteResult": "ok"}]
    assert states(eim.euicc) == {B: False}


def test_policy_rules():
    ppr = {"profilePolicyRules": {"value": "60", "length": 3}}
    profiles = (Preloaded(A, enabled=True, metadata=ppr), Preloaded(B, metadata=ppr))
    eim = operator(make(profiles=profiles))
    assert eim.run(enable(B)) == [{"enableResult": "disallowedByPolicy"}]
    assert eim.run(disable(A)) == [{"disableResult": "disallowedByPolicy"}]
    assert eim.run(delete(B)) == [{"deleteResult": "disallowedByPolicy"}]
    # v1.0.1 has no such code
    old = operator(make("1.0.1", profiles=profiles))
    assert old.run(enable(B)) == [{"enableResult": "undefinedError"}]


def test_check_order_signature_eid_counter():
    eim = operator(counterValue=5)
    stranger = Operator(eim.euicc, "nobody")
    answer = stranger.send(stranger.package([LIST]))
    assert answer == {"euiccPackageErrorUnsigned": {"eimId": "nobody"}}
    package = bytearray(eim.package([LIST], counter=1, eid="00" * 16))
    package[-1] ^= 1
    assert "euiccPackageErrorUnsigned" in eim.send(bytes(package))

    def code(**more):
        answer = eim.send(eim.package([LIST], transaction="0a0b", **more))
        data = answer["euiccPackageErrorSigned"]["euiccPackageErrorDataSigned"]
        assert data["eimTransactionId"] == "0a0b"
        return data["euiccPackageErrorCode"]

    assert code(counter=1, eid="00" * 16) == "invalidEid"
    assert code(counter=5) == "replayError"
    assert code(counter=-1) == "replayError"
    assert code(counter=0x800000) == "counterValueOutOfRange"
    assert "euiccPackageResultSigned" in eim.send(eim.package([LIST], counter=0x7FFFFF))


def test_bad_signature_leaves_the_counter():
    eim = operator()
    forged = bytearray(eim.package([LIST], counter=100))
    forged[-1] ^= 1
    eim.send(bytes(forged))
    assert eim.run(LIST, counter=1)


def test_replay_and_failed_commands_count():
    eim = operator()
    package = eim.package([enable(C)])
    eim.send(package)
    eim.euicc.reset()
    again = eim.send(package)
    data = again["euiccPackageErrorSigned"]["euiccPackageErrorDataSigned"]
    assert data["euiccPackageErrorCode"] == "replayError"


def test_token_is_part_of_the_signature():
    eim = operator(associationToken=-1)
    assert eim.token == 1
    refused = eim.send(eim.package([LIST], token=0))["euiccPackageErrorUnsigned"]
    assert refused == {"eimId": EIM, "associationToken": 1}
    assert isinstance(eim.run(LIST), list)


def test_unsigned_error_by_version():
    for version, members in (
        ("1.0.1", {"eimId"}),
        ("1.1", {"eimId", "eimTransactionId"}),
        ("1.3", {"eimId", "eimTransactionId", "euiccPackageUnsignedErrorCode"}),
    ):
        stranger = Operator(make(version), "nobody")
        answer = stranger.send(stranger.package([LIST], transaction="01"))
        assert answer["euiccPackageErrorUnsigned"].keys() == members


def test_processing_order_and_stop():
    eim = operator()
    assert len(eim.run(enable(C), LIST)) == 1
    assert eim.run(disable(A), enable(B)) == [{"disableResult": "ok"}, {"enableResult": "ok"}]
    assert [event for _, event, _ in pending(eim.euicc)] == ["disable", "enable"]


def test_one_enable_one_disable():
    eim = operator()
    assert eim.run(enable(B), enable(A)) == [
        {"enableResult": "ok"},
        {"enableResult": "undefinedError"},
    ]
    assert eim.run(enable(A), disable(A)) == [
        {"enableResult": "ok"},
        {"disableResult": "undefinedError"},
    ]


def test_list_after_switch_in_the_package():
    eim = operator()
    assert eim.run(enable(B), LIST)[1] == {
        "listProfileInfoResult": {"profileInfoListError": "profileChangeOngoing"}
    }
    listed = eim.run(LIST)[0]["listProfileInfoResult"]["profileInfoListOk"]
    assert [one["profileState"] for one in listed] == ["disabled", "enabled"]
    assert listed == call(eim.euicc, "ProfileInfoList")["profileInfoListOk"]


def test_unknown_and_damaged_commands():
    eim = operator()
    rat, unknown = bytes.fromhex("A600"), bytes.fromhex("BF630100")
    assert eim.run(raw=tlv("A0", rat, unknown, rat))[1:] == [
        {"processingTerminated": "unknownOrDamagedCommand"}
    ]
    short = bytes.fromhex("A30B5A09") + bytes(9)
    assert eim.run(raw=tlv("A0", short, rat)) == [{"enableResult": "undefinedError"}]
    assert eim.run(raw=bytes.fromhex("A000")) == []


def test_result_and_package_size():
    eim = operator(make(limits=Limits(result=300, package=400)))
    results = eim.run(LIST, LIST, LIST, LIST)
    assert results[-1] == {"processingTerminated": "resultSizeOverflow"}
    assert len(results) == 3
    answer = eim.send(eim.package([enable(C)] * 40))
    data = answer["euiccPackageErrorSigned"]["euiccPackageErrorDataSigned"]
    assert data["euiccPackageErrorCode"] == "sizeOverflow"


def test_numbers_are_shared_and_results_kept():
    eim = operator()
    first = eim.package([enable(B)])
    raw = eim.euicc.command(first, 0.0)
    eim.run(LIST)
    eim.euicc.reset()
    kept = eim.euicc.command(bytes.fromhex("BF2B04A0028200"), 0.0)
    assert raw in kept
    numbers = [
        one["euiccPackageResultSigned"]["euiccPackageResultDataSigned"]["seqNumber"]
        for one in call(
            eim.euicc,
            "RetrieveNotificationsList",
            {"searchCriteria": {"euiccPackageResults": None}},
        )["euiccPackageResultList"]
    ]
    assert (numbers, [seq for seq, _, _ in pending(eim.euicc)]) == ([1, 4], [2, 3])
    remove = {"seqNumber": 1}
    assert call(eim.euicc, "NotificationSent", remove) == {"deleteNotificationStatus": "ok"}
    assert call(eim.euicc, "NotificationSent", remove) == {
        "deleteNotificationStatus": "nothingToDelete"
    }


def test_rollback_takes_everything_back():
    eim = operator()
    eim.run(enable(B, rollbackFlag=None), transaction="77")
    answer = call(eim.euicc, "ProfileRollback", {"refreshFlag": True})
    assert answer["cmdResult"] == "ok"
    data = answer["eUICCPackageResult"]["euiccPackageResultSigned"]["euiccPackageResultDataSigned"]
    assert data == {
        "eimId": EIM,
        "counterValue": 1,
        "eimTransactionId": "77",
        "seqNumber": 4,
        "euiccResult": [{"rollbackResult": "ok"}],
    }
    assert states(eim.euicc) == {A: True, B: False}
    assert pending(eim.euicc) == []
    again = call(eim.euicc, "ProfileRollback", {"refreshFlag": True})
    assert again == {"cmdResult": "rollbackNotAllowed"}
    replay = eim.send(eim.package([LIST], counter=1))
    assert "euiccPackageErrorSigned" in replay


def test_rollback_is_granted_by_one_package_only():
    eim = operator()
    eim.run(enable(B))
    assert call(eim.euicc, "ProfileRollback", {"refreshFlag": True}) == {
        "cmdResult": "rollbackNotAllowed"
    }
    eim.run(enable(A, rollbackFlag=None))
    eim.run(LIST)
    assert call(eim.euicc, "ProfileRollback", {"refreshFlag": True}) == {
        "cmdResult": "rollbackNotAllowed"
    }


def test_rollback_survives_power_and_needs_a_way_back():
    eim = operator(make(profiles=(Preloaded(B),)))
    assert eim.run(enable(B, rollbackFlag=None)) == [{"enableResult": "rollbackNotAvailable"}]
    both = operator()
    assert both.run(disable(A), enable(B, rollbackFlag=None), delete(A))[2] == {
        "deleteResult": "rollbackNotAvailable"
    }
    both.euicc.reset()
    assert call(both.euicc, "ProfileRollback", {"refreshFlag": False})["cmdResult"] == "ok"
    assert states(both.euicc) == {A: True, B: False}
    assert not both.euicc.refresh_pending


def test_refused_refresh_takes_the_switch_back():
    eim = operator()
    eim.run(enable(B))
    eim.euicc.refresh_done(False, 0.0)
    assert states(eim.euicc) == {A: True, B: False}
    assert pending(eim.euicc) == []


def test_cat_busy():
    eim = operator()
    eim.euicc.cat_busy = True
    assert eim.run(enable(B)) == [{"enableResult": "catBusy"}]


def test_a_rule_switched_off_is_a_fault():
    eim = operator(make(off=["EUICC.COUNTER"]))
    package = eim.package([enable(C)])
    assert "euiccPackageResultSigned" in eim.send(package)
    assert "euiccPackageResultSigned" in eim.send(package)
    eim = operator(make(off=["EUICC.EIM-SIGNATURE"]))
    package = bytearray(eim.package([enable(B)]))
    package[-1] ^= 1
    assert "euiccPackageResultSigned" in eim.send(bytes(package))


def test_results_are_bounded():
    eim = operator(make(limits=Limits(results=3, notifications=4)))
    for _ in range(3):
        eim.run(enable(B))
        eim.run(enable(A))
    listed = call(
        eim.euicc, "RetrieveNotificationsList", {"searchCriteria": {"euiccPackageResults": None}}
    )["euiccPackageResultList"]
    assert len(listed) == 3
    numbers = [seq for seq, _, _ in pending(eim.euicc)]
    assert len(numbers) == 4
    assert numbers == sorted(numbers)
    assert numbers[-1] == 18


def test_eim_with_certificate():
    eim = Operator(make(), key=PKI_EIM.key)
    eim.config = lambda **more: {  # type: ignore[method-assign]
        "eimId": EIM,
        "eimPublicKeyData": {"eimCertificate": PKI_EIM.certificate.der.hex()},
    }
    assert "addInitialEimOk" in eim.associate()
    assert eim.run(enable(B)) == [{"enableResult": "ok"}]


def test_eim_on_brainpool():
    eim = Operator(make(), curve="brainpool")
    eim.associate()
    assert eim.run(enable(B)) == [{"enableResult": "ok"}]


def test_notifications_only_where_configured():
    profiles = (
        Preloaded(A, enabled=True, metadata=notifying(events="enable")),
        Preloaded(B, metadata=notifying("one.example", "two.example", events="delete")),
    )
    eim = operator(make(profiles=profiles))
    eim.run(disable(A))
    assert pending(eim.euicc) == []
    eim.run(delete(B))
    assert [event for _, event, _ in pending(eim.euicc)] == ["delete", "delete"]


def test_malformed_packages_are_answered_by_name_where_they_have_one():
    eim = operator(make("1.3"), associationToken=-1)
    good = eim.package([LIST], transaction="0a")
    signed, signature = inner(good)
    name, eid, counter, transaction, commands = inner(signed)

    def answer(*parts: bytes) -> str:
        raw = tlv("BF51", tlv("30", *parts), signature)
        return eim.euicc.command(raw, 0.0).hex()

    echoed = name.hex() + "82010a" + "840101" + "8f017f"
    assert answer(name, eid, transaction, commands).endswith(echoed)
    assert answer(name, counter, transaction, commands).endswith(echoed)
    nameless = "bf5107a205" + "8000" + "8f017f"
    assert answer(eid, counter, commands) == nameless
    assert eim.euicc.command(bytes.fromhex("BF5100"), 0.0).hex() == nameless
