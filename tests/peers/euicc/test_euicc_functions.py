"""Functions of ES10 one by one: eIM configuration, fallback, emergency, reset, information."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from euicc_bench import (
    EIM,
    PKI,
    SMDP,
    A,
    B,
    C,
    Operator,
    call,
    make,
    notifying,
    pending,
    states,
    wire,
)

import sgprobe.peers.euicc
from dissectors.asn1.tlv import read_tlv, tlv
from sgprobe.crypto import keys
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.signing import EUICC_NOTIFICATION_SIGNATURE
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc.build import Preloaded
from sgprobe.peers.euicc.config import Limits
from sgprobe.peers.euicc.dialect import VERSIONS
from sgprobe.peers.euicc.factory_rules import FACTORY_RULES
from sgprobe.peers.euicc.rules import RULES
from sgprobe.peers.euicc.values import inner

SECOND = "2.999.77"
YES = {"refreshFlag": True}
NO = {"refreshFlag": False}
MISSING = "iccidOrAidNotFound"


def operator(euicc=None, **members) -> Operator:
    made = Operator(euicc or make())
    assert "addInitialEimOk" in made.associate(**members)
    return made


def other(eim: Operator, name: str = SECOND, curve: str = "p256") -> Operator:
    return Operator(eim.euicc, name, curve)


def eims(euicc) -> list[dict]:
    return call(euicc, "GetEimConfigurationData")["eimConfigurationDataList"]


# rules


def test_every_rule_is_asked_and_every_question_is_in_the_table():
    room = Path(sgprobe.peers.euicc.__file__).parent
    sources = "".join(one.read_text() for one in room.glob("*.py") if one.name != "rules.py")
    asked = set(re.findall(r'"(EUICC\.[A-Z0-9-]+)"', sources))
    table = (*RULES, *FACTORY_RULES)
    assert asked == {rule.name for rule in table}
    assert all(rule.clause and rule.text for rule in table)


# eIM configuration


def test_an_eim_id_is_bounded_where_its_type_is_not():
    for off, refused in (((), True), (("EUICC.EIM-ID",), False)):
        one = Operator(make("1.0.1", off=off), "x" * 129)
        answer = call(one.euicc, "AddInitialEim", {"eimConfigurationDataList": [one.config()]})
        assert ("addInitialEimError" in answer) is refused


@pytest.mark.parametrize("version", VERSIONS)
def test_first_eims_all_or_nothing(version):
    euicc = make(version)
    one = Operator(euicc)
    two = Operator(euicc, SECOND)
    unknown = two.config(euiccCiPKId="00" * 20)
    answer = call(euicc, "AddInitialEim", {"eimConfigurationDataList": [one.config(), unknown]})
    assert answer == {"addInitialEimError": "ciPKUnknown"}
    assert eims(euicc) == []
    token = two.config(associationToken=-1)
    answer = call(euicc, "AddInitialEim", {"eimConfigurationDataList": [one.config(), token]})
    assert answer == {"addInitialEimOk": [{"addOk": None}, {"associationToken": 1}]}
    again = call(euicc, "AddInitialEim", {"eimConfigurationDataList": [two.config()]})
    assert list(again) == ["addInitialEimError"]
    expected = "unsignedEimConfigDisallowed" if version == "1.0.1" else "associatedEimAlreadyExists"
    assert again["addInitialEimError"] == expected
    assert [one["eimId"] for one in eims(euicc)] == [EIM, SECOND]


def test_errors_of_first_eims():
    def code(**members) -> str:
        euicc = make(limits=Limits(eims=2))
        config = Operator(euicc).config()
        for name, value in members.items():
            if value is None:
                del config[name]
            else:
                config[name] = value
        listed = {"eimConfigurationDataList": [config]}
        return call(euicc, "AddInitialEim", listed)["addInitialEimError"]

    assert code(associationToken=9) == "invalidAssociationToken"
    assert code(counterValue=0x800000) == "counterValueOutOfRange"
    assert code(counterValue=-1) == "counterValueOutOfRange"
    assert code(eimPublicKeyData=None) == "commandError"
    assert code(eimIdType=9) == "commandError"
    off_curve = bytearray(keys.spki(keys.generate_key(Curve.P256)))
    off_curve[-1] ^= 1
    assert code(eimPublicKeyData={"eimPublicKey": off_curve.hex()}) == "commandError"
    p384 = keys.spki(keys.generate_key(Curve.P384)).hex()
    assert code(eimPublicKeyData={"eimPublicKey": p384}) == "commandError"
    euicc = make(limits=Limits(eims=8))
    many = [Operator(euicc, f"eim{n}").config() for n in range(50)]
    answer = call(euicc, "AddInitialEim", {"eimConfigurationDataList": many})
    assert answer == {"addInitialEimError": "insufficientMemory"}
    assert eims(euicc) == []


def test_configuration_is_told_without_counter():
    eim = operator(counterValue=7, eimFqdn="eim.example.com", associationToken=-1)
    told = eims(eim.euicc)
    assert told == [eim.config(eimFqdn="eim.example.com", associationToken=1)]
    one = {"searchCriteria": {"eimId": "nobody"}}
    assert call(eim.euicc, "GetEimConfigurationData", one) == {"eimConfigurationDataList": []}


def test_add_eim_and_let_it_command():
    eim = operator()
    second = other(eim, curve="brainpool")
    assert eim.eco({"addEim": second.config(counterValue=4)}) == [
        {"addEimResult": {"addEimResultCode": "ok"}}
    ]
    second.counter = 4
    assert second.run({"enable": {"iccid": wire(B)}}) == [{"enableResult": "ok"}]
    # counters are the eIMs' own
    assert eim.run({"enable": {"iccid": wire(A)}}) == [{"enableResult": "ok"}]


def test_errors_of_add_eim():
    eim = operator(make(limits=Limits(eims=2)))
    second = other(eim)

    def code(**members) -> str:
        config = second.config(**{k: v for k, v in members.items() if v is not None})
        for name, value in members.items():
            if value is None:
                del config[name]
        (result,) = eim.eco({"addEim": config})
        return result["addEimResult"]["addEimResultCode"]

    assert code(eimId=EIM) == "associatedEimAlreadyExists"
    assert code(euiccCiPKId="11" * 20) == "ciPKUnknown"
    assert code(counterValue=0x800000) == "counterValueOutOfRange"
    assert code(eimPublicKeyData=None) == "commandError"
    assert code(associationToken=9) == "invalidAssociationToken"
    assert code() == "ok"
    second = other(eim, "third")
    assert code() == "insufficientMemory"
    assert len(eims(eim.euicc)) == 2


def test_an_eim_id_of_129_characters():
    eim = operator()
    codec = eim.euicc.chip.dialect.codec
    good = codec.encode("EuiccPackage", {"ecoList": [{"addEim": other(eim, "x" * 99).config()}]})
    # the same with 30 more characters: every length grows
    old = bytes.fromhex("8063") + b"x" * 99
    new = bytes.fromhex("808181") + b"x" * 129
    (command,) = inner(good)
    body = command[read_tlv(command).body :].replace(old, new)
    assert eim.run(raw=tlv("A1", tlv("A8", body))) == [
        {"addEimResult": {"addEimResultCode": "commandError"}}
    ]


def test_tokens_grow_and_kill_old_packages():
    eim = operator()
    second = other(eim)
    add = {"addEim": second.config(associationToken=-1)}
    assert eim.eco(add) == [{"addEimResult": {"associationToken": 1}}]
    second.token = 1
    recorded = second.package([{"getRAT": {}}])
    assert "euiccPackageResultSigned" in second.send(recorded)
    assert eim.eco({"deleteEim": {"eimId": SECOND}}) == [{"deleteEimResult": "ok"}]
    assert "euiccPackageErrorUnsigned" in second.send(recorded)
    assert eim.eco(add) == [{"addEimResult": {"associationToken": 2}}]
    refused = second.send(recorded)["euiccPackageErrorUnsigned"]
    assert refused["associationToken"] == 2


def test_update_eim():
    eim = operator(eimFqdn="one.example", counterValue=9)
    eim.counter = 9

    def update(**members) -> str:
        (result,) = eim.eco({"updateEim": {"eimId": EIM, **members}})
        return result["updateEimResult"]

    assert update(eimFqdn="two.example") == "ok"
    assert eims(eim.euicc) == [eim.config(eimFqdn="two.example")]
    assert update() == "commandError"
    assert update(associationToken=3) == "commandError"
    assert update(counterValue=1) == "commandError"
    assert update(euiccCiPKId="00" * 20) == "ciPKUnknown"
    assert update(counterValue=0x800000) == "counterValueOutOfRange"
    (unknown,) = eim.eco({"updateEim": {"eimId": "nobody", "eimFqdn": "x"}})
    assert unknown == {"updateEimResult": "eimNotFound"}
    new = keys.derive_key("new", "eim", Curve.P256)
    told = {"eimPublicKey": keys.spki(new).hex()}
    assert update(eimPublicKeyData=told, counterValue=0) == "ok"
    assert "euiccPackageErrorUnsigned" in eim.send(eim.package([{"getRAT": {}}]))
    eim.key, eim.counter = new, 0
    assert isinstance(eim.run({"getRAT": {}}), list)
    assert eims(eim.euicc)[0]["eimFqdn"] == "two.example"


def test_delete_and_list_eims():
    eim = operator(eimIdType="eimIdTypeFqdn")
    eim.eco({"addEim": other(eim).config(eimIdType="eimIdTypeOid")})
    (listed,) = eim.eco({"listEim": {}})
    assert listed["listEimResult"]["eimIdList"] == [
        {"eimId": EIM, "eimIdType": "eimIdTypeFqdn"},
        {"eimId": SECOND, "eimIdType": "eimIdTypeOid"},
    ]
    assert eim.eco({"deleteEim": {"eimId": "nobody"}}) == [{"deleteEimResult": "eimNotFound"}]
    assert eim.eco({"deleteEim": {"eimId": EIM}}) == [{"deleteEimResult": "ok"}]
    assert "euiccPackageErrorUnsigned" in eim.send(eim.package([{"getRAT": {}}]))
    last = other(eim)
    assert last.eco({"deleteEim": {"eimId": SECOND}}) == [{"deleteEimResult": "lastEimDeleted"}]
    assert "addInitialEimOk" in eim.associate()


def test_signing_key_of_the_ci_that_the_eim_wants():
    eim = operator(euiccCiPKId=PKI["brainpool"].ci_id.hex())
    with pytest.raises(AssertionError):
        # the bench verifies with the preferred key
        eim.run({"getRAT": {}})


# profile management


def test_listing_by_tags_and_criteria():
    euicc = make()
    everything = call(euicc, "ProfileInfoList")["profileInfoListOk"]
    assert everything[0] == {
        "iccid": wire(A),
        "isdpAid": "a0000005591010ffffffff8900100000",
        "profileState": "enabled",
        "serviceProviderName": "sgprobe",
        "profileName": "A",
        "profileClass": "operational",
    }
    one = {"searchCriteria": {"iccid": wire(B)}, "tagList": "9f705a"}
    assert call(euicc, "ProfileInfoList", one) == {
        "profileInfoListOk": [{"iccid": wire(B), "profileState": "disabled"}]
    }
    by_aid = {"searchCriteria": {"isdpAid": everything[0]["isdpAid"]}, "tagList": "5a"}
    assert call(euicc, "ProfileInfoList", by_aid) == {"profileInfoListOk": [{"iccid": wire(A)}]}
    by_class = {"searchCriteria": {"profileClass": "test"}}
    assert call(euicc, "ProfileInfoList", by_class) == {"profileInfoListOk": []}
    for tags in ("9f7e", "9f"):
        assert call(euicc, "ProfileInfoList", {"tagList": tags}) == {
            "profileInfoListError": "incorrectInputValues"
        }
    lenient = make(off=["EUICC.TAG-LIST"])
    told = call(lenient, "ProfileInfoList", {"tagList": "9f7e5a"})["profileInfoListOk"]
    assert [list(one) for one in told] == [["iccid"], ["iccid"]]


def test_other_notifications_are_signed_as_they_are_told():
    eim = operator()
    eim.run({"enable": {"iccid": wire(B)}})
    raw = eim.euicc.command(bytes.fromhex("BF2B06A004800101FF"[:0] + "BF2B05A003800102"), 0.0)
    ((listed,),) = [inner(one) for one in inner(raw)]
    tbs, signature, certificate, eum = inner(listed)
    key = read_certificate(certificate).public_key
    assert key is not None
    assert EUICC_NOTIFICATION_SIGNATURE.verify(key, signature, tbs)
    assert eum == PKI["p256"]["eum"].certificate.der
    only = {"profileManagementOperation": {"value": "40", "length": 2}}
    told = call(eim.euicc, "ListNotification", only)["notificationMetadataList"]
    assert [one["seqNumber"] for one in told] == [3]


def test_local_management():
    euicc = make(local_management=True)
    by = {"profileIdentifier": {"iccid": wire(B)}}
    unknown = {"profileIdentifier": {"iccid": wire(C)}}
    assert call(euicc, "EnableProfile", {**unknown, **YES}) == {"enableResult": MISSING}
    assert call(euicc, "EnableProfile", {**by, **YES}) == {"enableResult": "ok"}
    assert euicc.refresh_pending
    assert call(euicc, "EnableProfile", {**by, **YES}) == {
        "enableResult": "profileNotInDisabledState"
    }
    assert call(euicc, "DisableProfile", {**by, **NO}) == {"disableResult": "ok"}
    assert call(euicc, "DisableProfile", {**by, **NO}) == {
        "disableResult": "profileNotInEnabledState"
    }
    assert call(euicc, "DeleteProfile", {"iccid": wire(B)}) == {"deleteResult": "ok"}
    assert call(euicc, "DeleteProfile", {"iccid": wire(B)}) == {"deleteResult": MISSING}
    name = {"iccid": wire(A), "profileNickname": "ö" * 32}
    assert call(euicc, "SetNickname", name) == {"setNicknameResult": "ok"}
    too_long = {"iccid": wire(A), "profileNickname": "ö" * 33}
    assert call(euicc, "SetNickname", too_long) == {"setNicknameResult": "undefinedError"}
    assert call(euicc, "SetNickname", {**name, "iccid": wire(C)}) == {
        "setNicknameResult": "iccidNotFound"
    }
    (told,) = call(euicc, "ProfileInfoList", {"tagList": "90"})["profileInfoListOk"]
    assert told == {"profileNickname": "ö" * 32}
    lenient = make(local_management=True, off=["EUICC.NICKNAME-LENGTH"])
    assert call(lenient, "SetNickname", too_long) == {"setNicknameResult": "ok"}


def test_an_iot_euicc_takes_no_unsigned_management():
    euicc = make()
    for command in ("BF3311A00C5A0A" + wire(A) + "8101FF", "BF290F5A0A" + wire(A) + "900141"):
        with pytest.raises(CardFailure):
            euicc.command(bytes.fromhex(command), 0.0)


def test_a_test_profile_comes_and_goes():
    profiles = (
        Preloaded(A, "A", enabled=True, metadata=notifying()),
        Preloaded(B, "B", metadata=notifying()),
        Preloaded(C, "T", metadata={"profileClass": "test", **notifying()}),
    )
    eim = operator(make(profiles=profiles))
    eim.run({"enable": {"iccid": wire(C)}})
    assert states(eim.euicc) == {A: False, B: False, C: True}
    # NTF: the test profile itself makes none
    assert [event for _, event, _ in pending(eim.euicc)] == ["disable"]
    assert eim.run({"enable": {"iccid": wire(B)}}) == [{"enableResult": "undefinedError"}]
    assert eim.run({"disable": {"iccid": wire(C)}}) == [{"disableResult": "ok"}]
    assert states(eim.euicc) == {A: True, B: False, C: False}


# fallback and emergency


def with_fallback(**more):
    profiles = (
        Preloaded(A, "A", enabled=True, metadata=notifying()),
        Preloaded(B, "B", metadata={"fallbackAllowed": True, **notifying()}),
        Preloaded(C, "C", metadata={"fallbackAllowed": True}),
    )
    return operator(make(profiles=profiles, **more))


def test_fallback_attribute():
    eim = with_fallback()

    def put(iccid: str) -> str:
        (result,) = eim.run({"setFallbackAttribute": {"iccid": wire(iccid)}})
        return result["setFallbackAttributeResult"]

    def take() -> str:
        (result,) = eim.run({"unsetFallbackAttribute": {}})
        return result["unsetFallbackAttributeResult"]

    def holders() -> list[str]:
        listed = call(eim.euicc, "ProfileInfoList", {"tagList": "5a9f26"})["profileInfoListOk"]
        return [one["iccid"] for one in listed if one.get("fallbackAttribute")]

    assert put("89990010000000000046") == "iccidOrAidNotFound"
    assert put(A) == "fallbackNotAllowed"
    assert take() == "noFallbackAttribute"
    assert put(B) == "ok"
    assert put(B) == "ok"
    assert put(C) == "ok"
    assert holders() == [wire(C)]
    assert put(B) == "ok"
    eim.run({"enable": {"iccid": wire(B)}})
    assert put(C) == "fallbackProfileEnabled"
    assert take() == "fallbackProfileEnabled"
    eim.run({"enable": {"iccid": wire(A)}})
    assert take() == "ok"
    assert holders() == []


def test_fallback_there_and_back():
    eim = with_fallback()

    def execute() -> str:
        return call(eim.euicc, "ExecuteFallbackMechanism", YES)["executeFallbackMechanismResult"]

    def back() -> str:
        return call(eim.euicc, "ReturnFromFallback", YES)["returnFromFallbackResult"]

    assert execute() == "fallbackNotAvailable"
    assert back() == "fallbackNotAvailable"
    eim.run({"setFallbackAttribute": {"iccid": wire(B)}})
    assert execute() == "ok"
    assert states(eim.euicc)[B]
    assert [event for _, event, _ in pending(eim.euicc)] == ["disable", "enable"]
    assert execute() == "profileNotInDisabledState"
    assert eim.run({"delete": {"iccid": wire(A)}}) == [{"deleteResult": "returnFallbackProfile"}]
    eim.euicc.reset()
    assert back() == "ok"
    assert states(eim.euicc)[A]
    assert back() == "fallbackNotAvailable"
    eim.run({"disable": {"iccid": wire(A)}})
    assert execute() == "commandError"
    eim.run({"enable": {"iccid": wire(A)}})
    eim.euicc.cat_busy = True
    assert execute() == "catBusy"


def test_refused_refresh_after_fallback():
    eim = with_fallback()
    eim.run({"setFallbackAttribute": {"iccid": wire(B)}})
    call(eim.euicc, "ExecuteFallbackMechanism", YES)
    eim.euicc.refresh_done(False, 0.0)
    assert states(eim.euicc)[A]
    answer = call(eim.euicc, "ReturnFromFallback", YES)["returnFromFallbackResult"]
    assert answer == "fallbackNotAvailable"


def test_fallback_withdraws_the_rollback():
    eim = with_fallback()
    eim.run({"setFallbackAttribute": {"iccid": wire(B)}})
    eim.run({"enable": {"iccid": wire(C), "rollbackFlag": None}})
    call(eim.euicc, "ExecuteFallbackMechanism", NO)
    assert call(eim.euicc, "ProfileRollback", YES) == {"cmdResult": "rollbackNotAllowed"}


def test_emergency():
    profiles = (
        Preloaded(A, "A", enabled=True, metadata=notifying()),
        Preloaded(B, "E", metadata={"ecallIndication": True, **notifying()}),
    )
    eim = operator(make("1.3", profiles=profiles))
    euicc = eim.euicc

    def on() -> str:
        return call(euicc, "EnableEmergencyProfile", YES)["enableEmergencyProfileResult"]

    def off() -> str:
        return call(euicc, "DisableEmergencyProfile", YES)["disableEmergencyProfileResult"]

    assert off() == "profileNotInEnabledState"
    assert on() == "ok"
    assert on() == "profileNotInDisabledState"
    euicc.reset()
    assert states(euicc) == {A: False, B: True}
    assert pending(euicc) == []
    refused = eim.send(eim.package([{"getRAT": {}}]))["euiccPackageErrorSigned"]
    assert refused["euiccPackageErrorDataSigned"]["euiccPackageErrorCode"] == "ecallActive"
    fallback = call(euicc, "ExecuteFallbackMechanism", YES)
    assert fallback == {"executeFallbackMechanismResult": "ecallActive"}
    options = {"resetOptions": {"value": "80", "length": 1}}
    assert call(euicc, "EuiccMemoryReset", options) == {"resetResult": "ecallActive"}
    assert off() == "ok"
    assert states(euicc) == {A: True, B: False}
    assert off() == "profileNotInEnabledState"
    none = make("1.3")
    assert call(none, "EnableEmergencyProfile", YES) == {
        "enableEmergencyProfileResult": "ecallNotAvailable"
    }
    assert call(none, "DisableEmergencyProfile", YES) == {
        "disableEmergencyProfileResult": "ecallNotAvailable"
    }


# reset


def reset(euicc, *bits: int):
    from sgprobe.peers.euicc.values import bit_string

    return call(euicc, "EuiccMemoryReset", {"resetOptions": bit_string(bits)})


def test_memory_reset_bit_by_bit():
    profiles = (
        Preloaded(A, "A", enabled=True, metadata=notifying()),
        Preloaded(B, "P", metadata={"profileClass": "provisioning"}),
        Preloaded(C, "T", metadata={"profileClass": "test"}),
    )
    eim = operator(make(profiles=profiles, default_smdp=SMDP))
    euicc = eim.euicc
    assert reset(euicc, 1) == {"resetResult": "nothingToDelete"}
    assert reset(euicc, 3) == {"resetResult": "ok"}
    assert states(euicc) == {A: True, B: False}
    assert reset(euicc, 4) == {"resetResult": "ok"}
    assert reset(euicc, 2) == {"resetResult": "ok"}
    assert "defaultDpAddress" not in call(euicc, "EuiccConfiguredAddresses")
    assert reset(euicc, 0) == {"resetResult": "ok"}
    assert euicc.refresh_pending
    assert states(euicc) == {}
    assert [event for _, event, _ in pending(euicc)] == ["disable", "delete"]
    assert reset(euicc, 0) == {"resetResult": "nothingToDelete"}
    assert reset(euicc, 5, 6) == {
        "resetResult": "ok",
        "resetEimResult": "ok",
        "resetImmediateEnableConfigResult": "ok",
    }
    assert eims(euicc) == []
    assert reset(euicc, 5)["resetEimResult"] == "nothingToDelete"
    closed = operator(make(eim_reset=False)).euicc
    assert reset(closed, 5)["resetEimResult"] == "eimResetNotSupported"


def test_memory_reset_of_the_first_version():
    eim = operator(make("1.0.1"))
    raw = eim.euicc.command(bytes.fromhex("BF340482020398"), 0.0)
    assert raw == bytes.fromhex("BF3409020100810100820100")
    assert eims(eim.euicc) == []
    with pytest.raises(CardFailure):
        eim.euicc.command(bytes.fromhex("BF640482020398"), 0.0)
    consumer = make(local_management=True)
    assert consumer.command(bytes.fromhex("BF340482020780"), 0.0) == bytes.fromhex("BF3403800100")


# information


@pytest.mark.parametrize("version", VERSIONS)
def test_information(version):
    euicc = make(version, ipae=True)
    one = call(euicc, "EUICCInfo1")
    two = call(euicc, "EUICCInfo2")
    for name in ("svn", "euiccCiPKIdListForVerification", "euiccCiPKIdListForSigning"):
        assert one[name] == two[name]
        assert one[name]
    assert two["ipaMode"] == "ipad"
    numbers = bytes(int(part) for part in version.split(".")).ljust(3, b"\0")
    assert two["iotSpecificInfo"]["iotVersion"] == [numbers.hex()]
    assert ("fallbackSupported" in two["iotSpecificInfo"]) == (version != "1.0.1")


def test_ipae_is_switched_on_and_off():
    euicc = make(ipae=True)
    on = {"ipaeOption": {"value": "80", "length": 1}}
    assert call(euicc, "IpaeActivation", on) == {"ipaeActivationResult": "ok"}
    euicc.reset()
    assert call(euicc, "EUICCInfo2")["ipaMode"] == "ipae"
    off = {"ipaeOption": {"value": "", "length": 0}}
    assert call(euicc, "IpaeActivation", off) == {"ipaeActivationResult": "ok"}
    assert call(euicc, "EUICCInfo2")["ipaMode"] == "ipad"
    assert call(make(), "IpaeActivation", on) == {"ipaeActivationResult": "notSupported"}


def test_challenges_differ():
    euicc = make()
    made = {euicc.command(bytes.fromhex("BF2E00"), 0.0) for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) == 21 for one in made)


def test_default_address():
    euicc = make()
    assert call(euicc, "SetDefaultDpAddress", {"defaultDpAddress": SMDP}) == {
        "setDefaultDpAddressResult": "ok"
    }
    euicc.reset()
    assert call(euicc, "EuiccConfiguredAddresses")["defaultDpAddress"] == SMDP
    cleared = call(euicc, "SetDefaultDpAddress", {"defaultDpAddress": ""}, rsp=True)
    assert cleared == {"setDefaultDpAddressResult": "ok"}
    assert "defaultDpAddress" not in call(euicc, "EuiccConfiguredAddresses")
    eim = operator(euicc)
    assert eim.run({"setDefaultDpAddress": {"defaultDpAddress": SMDP}}) == [
        {"setDefaultDpAddressResult": {"setDefaultDpAddressResult": "ok"}}
    ]
    assert call(euicc, "EuiccConfiguredAddresses")["defaultDpAddress"] == SMDP


def test_certificates():
    euicc = make()
    for curve in ("p256", "brainpool"):
        known = PKI[curve]
        told = call(euicc, "GetCerts", {"euiccCiPKId": known.ci_id.hex()})["certs"]
        assert told["euiccCertificate"] == known["euicc"].certificate.der.hex()
        assert told["eumCertificate"] == known["eum"].certificate.der.hex()
    assert call(euicc, "GetCerts", {"euiccCiPKId": "00" * 20}) == {"getCertsError": "invalidCiPKId"}


def test_rat_and_connectivity():
    eim = operator()
    told = call(eim.euicc, "GetRat")["rat"]
    assert told == [
        {
            "pprIds": {"value": "60", "length": 3},
            "allowedOperators": [{"mccMnc": "eeeeee"}],
            "pprFlags": {"value": "80", "length": 1},
        }
    ]
    assert eim.run({"getRAT": {}}) == [{"getRATResult": told}]
    missing = {"connectivityParametersError": "parametersNotAvailable"}
    assert call(eim.euicc, "GetConnectivityParameters") == missing
    connected = make(profiles=(Preloaded(A, enabled=True, connectivity=b"\x35\x07"),))
    assert call(connected, "GetConnectivityParameters") == {
        "connectivityParameters": {"httpParams": "3507"}
    }


def test_configure_immediate_enable():
    eim = operator()
    (result,) = eim.run({"configureImmediateEnable": {"immediateEnableFlag": None}})
    assert result == {"configureImmediateEnableResult": "ok"}
    long = {"immediateEnableFlag": None, "defaultSmdpAddress": "x" * 300}
    (result,) = eim.run({"configureImmediateEnable": long})
    assert result == {"configureImmediateEnableResult": "insufficientMemory"}
    (result,) = operator(make(off=["EUICC.IMMEDIATE-MEMORY"])).run(
        {"configureImmediateEnable": long}
    )
    assert result == {"configureImmediateEnableResult": "ok"}
    assert call(eim.euicc, "ConfigureImmediateProfileEnabling", {"immediateEnableFlag": None}) == {
        "configImmediateEnableResult": "associatedEimAlreadyExists"
    }
    assert call(eim.euicc, "ImmediateEnable", YES) == {"immediateEnableResult": "noSessionContext"}


def test_unknown_extensions_are_skipped():
    euicc = make()
    spki = keys.spki(keys.derive_key("x", "y", Curve.P256))
    key = tlv("A5", tlv("A0", spki[read_tlv(spki).body :]))
    unknown = bytes.fromhex("9F55015A")
    element = tlv("30", bytes.fromhex("800161"), key, unknown)
    raw = euicc.command(tlv("BF57", tlv("A0", element)), 0.0)
    assert raw == bytes.fromhex("BF5704A0020500")
    assert eims(euicc)[0]["eimId"] == "a"
