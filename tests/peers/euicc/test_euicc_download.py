"""Mutual authentication, PrepareDownload, and packages opened segment by segment."""

from __future__ import annotations

import pytest
from euicc_bench import PKI, SMDP, A, B, C, call, make, notifying, pending, read, states, wire
from euicc_server import SMALL, THIRTY, Server, error, pieces

from dissectors.asn1.tlv import tlv
from sgprobe.crypto.bsp import Bsp
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc.config import Limits
from sgprobe.peers.euicc.dialect import VERSIONS
from sgprobe.peers.profiles.library import package

SIMA_OK = "3007a0053003800100"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_a_whole_download(version, curve):
    euicc = make(version, curve=curve)
    server = Server(euicc, curve)
    final = server.install(C, kind=THIRTY)
    assert final["successResult"]["simaResponse"] == SIMA_OK
    assert states(euicc) == {A: True, B: False, C: False}
    assert [event for _, event, _ in pending(euicc)] == ["install"]
    raw = euicc.command(bytes.fromhex("BF2B00"), 0.0)
    listed = read(euicc, "RetrieveNotificationsListResponse", raw)["notificationList"]
    data = listed[0]["profileInstallationResult"]["profileInstallationResultData"]
    assert data["smdpOid"] == "2.999.10"
    assert data["notificationMetadata"]["iccid"] == wire(C)
    assert data["notificationMetadata"]["notificationAddress"] == SMDP
    assert data["finalResult"] == final


def test_what_was_installed_is_told():
    euicc = make()
    more = {"serviceSpecificDataNotStoredInEuicc": []}
    server = Server(euicc)
    server.authenticate()
    server.prepare()
    dp = bytes.fromhex("BF2407B805800388370A")
    final = server.load(server.bpp(C, metadata=server.metadata(C, **more), configure=dp))
    tags = {"tagList": "5a4f9f70929195b6b7b8bf22bf23"[:-4]}
    listed = call(euicc, "ProfileInfoList", tags)["profileInfoListOk"]
    assert listed[-1] == {
        "iccid": wire(C),
        "isdpAid": final["successResult"]["aid"],
        "profileState": "disabled",
        "serviceProviderName": "sgprobe",
        "profileName": "Loaded",
        "profileClass": "operational",
        "profileOwner": {"mccMnc": "00f110"},
        "dpProprietaryData": {"dpOid": "2.999.10"},
    }


def test_authenticate_echoes_and_serves_once():
    euicc = make()
    server = Server(euicc)
    challenge = server.challenge()
    answer = server.authenticate(challenge)
    signed = answer["euiccSigned1"]
    assert signed["serverAddress"] == SMDP
    assert signed["serverChallenge"] == "5a" * 16
    assert signed["transactionId"] == server.transaction.hex()
    assert signed["ctxParams1"]["ctxParamsForCommonAuthentication"]["matchingId"] == "M"
    assert server.authenticate(challenge) == "noSessionContext"


def test_authentication_errors():
    euicc = make()
    server = Server(euicc)
    assert server.authenticate("00" * 16) == "noSessionContext"
    server.challenge()
    assert server.authenticate("00" * 16) == "euiccChallengeMismatch"
    assert server.authenticate(spoil=True) == "invalidSignature"
    assert server.authenticate(ci="00" * 20) == "ciPKUnknown"
    euicc.reset()
    assert server.authenticate("00" * 16) == "noSessionContext"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("wrong-signature", "invalidCertificate"),
        ("wrong-curve", "unsupportedCurve"),
        ("unknown-ci", "ciPKUnknown"),
        ("wrong-role", "invalidOid"),
        ("wrong-key-usage", "invalidCertificate"),
        ("unknown-critical-extension", "invalidCertificate"),
        # an eUICC has no clock
        ("expired", None),
        ("not-yet-valid", None),
    ],
)
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_certificates_of_servers(fault, expected, curve):
    server = Server(make(), curve, auth=PKI[curve].get("dpauth", fault))
    answer = server.authenticate()
    assert (None if isinstance(answer, dict) else answer) == expected


def test_a_tls_certificate_is_no_server():
    answer = Server(make(), auth="dptls").authenticate()
    assert answer == "invalidOid"
    assert isinstance(Server(make(), auth="dsauth").authenticate(), dict)


def test_revocation():
    euicc = make()
    crl = PKI["p256"].crl("ci").der
    revoked = PKI["p256"].get("dpauth", "revoked")
    assert isinstance(Server(euicc, auth=revoked).authenticate(), dict)
    wrong = PKI["p256"].crl("ci-wrong-signature").der
    load = {"crl": wrong.hex()}
    assert call(euicc, "LoadCRL", load) == {"loadCRLResponseError": "invalidSignature"}
    assert call(euicc, "LoadCRL", {"crl": crl.hex()}) == {"loadCRLResponseOk": {}}
    euicc.reset()
    assert Server(euicc, auth=revoked).authenticate() == "invalidCertificate"
    assert isinstance(Server(euicc).authenticate(), dict)
    older = {"crl": PKI["p256"].crl("ci-older").der.hex()}
    assert call(euicc, "LoadCRL", older) == {"loadCRLResponseError": "fresherCrlAlreadyLoaded"}
    foreign = {"crl": PKI["p256"].crl("foreign-ci").der.hex()}
    assert call(euicc, "LoadCRL", foreign) == {"loadCRLResponseError": "verificationKeyNotFound"}
    full = make(limits=Limits(crls=100))
    answer = call(full, "LoadCRL", {"crl": crl.hex()})
    assert answer == {"loadCRLResponseError": "notEnoughMemorySpace"}


def test_prepare_errors():
    euicc = make()
    server = Server(euicc)
    server.signature1 = tlv("5F37", bytes(64))
    assert server.prepare() == "noSessionContext"
    server.authenticate()
    assert server.prepare(transaction=b"\x01") == "invalidTransactionId"
    assert server.prepare(spoil=True) == "invalidSignature"
    assert server.prepare(required=True) == "undefinedError"
    server.pb = PKI["p256"]["dp2pb"]
    assert server.prepare() == "invalidCertificate"
    server.pb = PKI["p256"]["dpauth"]
    assert server.prepare() == "invalidCertificate"
    server.pb = PKI["p256"]["dppb"]
    assert isinstance(server.prepare(), dict)
    discovery = Server(euicc, auth="dsauth")
    discovery.authenticate()
    assert discovery.prepare() == "noSessionContext"


def test_confirmation_code_is_carried():
    server = Server(make())
    server.authenticate()
    from sgprobe.crypto.confirmation import code_hash, hash_cc

    expected = hash_cc(code_hash("1234"), server.transaction).hex()
    assert server.prepare(code="1234")["hashCc"] == expected


def test_one_time_key_is_used_again():
    euicc = make()
    server = Server(euicc)
    server.authenticate()
    first = server.prepare()["euiccOtpk"]
    euicc.reset()
    again = Server(euicc)
    again.authenticate()
    assert again.prepare(otpk=bytes.fromhex(first))["euiccOtpk"] == first
    assert again.prepare()["euiccOtpk"] != first
    assert again.prepare(otpk=bytes(65))["euiccOtpk"] != first
    # spent by an installation
    again.authenticate()
    again.prepare(otpk=bytes.fromhex(first))
    assert "successResult" in again.load(again.bpp(C))
    last = Server(euicc)
    last.authenticate()
    assert last.prepare(otpk=bytes.fromhex(first))["euiccOtpk"] != first


def prepared(**config) -> Server:
    server = Server(make(**config))
    server.authenticate()
    server.prepare()
    return server


def test_errors_of_the_secure_channel():
    def final(change) -> tuple[str, str]:
        server = prepared()
        first = next(pieces(server.bpp(C)))
        result = server.result(server.euicc.command(change(bytearray(first)), 0.0))
        with pytest.raises(CardFailure):
            server.euicc.command(bytes.fromhex("A000"), 0.0)
        return error(result)

    channel = "initialiseSecureChannel"

    def with_byte(at: int, value: int):
        def change(first: bytearray) -> bytes:
            start = first.index(b"\xbf\x23")
            first[start + at] = value
            return bytes(first)

        return change

    body = 4  # BF23 81 LL
    assert final(with_byte(body + 2, 9)) == (channel, "unsupportedRemoteOperationType")
    assert final(with_byte(body + 5, 0xEE)) == (channel, "invalidTransactionId")
    crt = body + 3 + 18 + 2
    assert final(with_byte(crt + 2, 0x80)) == (channel, "unsupportedCrtValues")
    spoilt = final(lambda first: bytes(first[:-1]) + bytes([first[-1] ^ 1]))
    assert spoilt == (channel, "invalidSignature")
    assert final(lambda first: bytes(first[:-1])) == (channel, "incorrectInputValues")


def test_errors_of_segments():
    def final(which: bytes, change) -> tuple[str, str]:
        server = prepared()
        answer = b""
        for piece in pieces(server.bpp(C)):
            sent = change(piece) if piece[:1] == which else piece
            answer = server.euicc.command(sent, 0.0)
            if answer:
                break
        assert states(server.euicc) == {A: True, B: False}
        assert [event for _, event, _ in pending(server.euicc)] == ["install"]
        return error(server.result(answer))

    def flip(piece: bytes) -> bytes:
        return piece[:-1] + bytes([piece[-1] ^ 1])

    security, structure = "scp03tSecurityError", "scp03tStructureError"
    assert final(b"\xa0", flip) == ("configureISDP", security)
    assert final(b"\x88", flip) == ("storeMetadata", security)
    assert final(b"\x86", flip) == ("loadProfileElements", security)
    assert final(b"\x86", lambda piece: b"\x87" + piece[1:]) == ("loadProfileElements", structure)
    assert final(b"\xa1", lambda piece: b"\xa1\x00") == ("storeMetadata", structure)
    assert final(b"\xa3", lambda piece: b"\xa3\x83\xff\xff\xff") == (
        "replaceSessionKeys",
        structure,
    )


def test_errors_of_metadata():
    def final(iccid: str = C, **more) -> tuple[str, str]:
        config = {
            key: more.pop(key) for key in ("rat", "forbidden_pprs", "profiles") if key in more
        }
        server = prepared(**config)
        about = more.pop("raw", None) or server.metadata(iccid, **more)
        return error(server.load(server.bpp(iccid, metadata=about)))

    ppr1 = {"profilePolicyRules": {"value": "40", "length": 2}}
    ppr2 = {"profilePolicyRules": {"value": "20", "length": 3}}
    step = "storeMetadata"
    assert final(A) == (step, "installFailedDueToIccidAlreadyExistsOnEuicc")
    assert final(raw=bytes.fromhex("BF250C5A0A" + wire(C))) == (step, "incorrectInputValues")
    assert final(icon="00") == (step, "incorrectInputValues")
    assert final(profileClass=7) == (step, "unsupportedProfileClass")
    assert final(**ppr1) == (step, "pprNotAllowed")
    assert final(**ppr2, rat=()) == (step, "pprNotAllowed")
    assert final(**ppr2, forbidden_pprs=frozenset({2})) == (step, "pprNotAllowed")
    allowed = Server(make(profiles=()))
    allowed.authenticate()
    allowed.prepare()
    final_ok = allowed.load(allowed.bpp(C, metadata=allowed.metadata(C, **ppr1)))
    assert "successResult" in final_ok


def test_profile_class_and_test_key():
    server = prepared(profile_classes=frozenset({"operational"}))
    about = server.metadata(C, profileClass="provisioning")
    assert error(server.load(server.bpp(C, metadata=about)))[1] == "unsupportedProfileClass"
    server = prepared()
    about = server.metadata(C, profileClass="test")
    final = server.load(server.bpp(C, metadata=about))
    assert error(final)[1] == "testProfileInstallFailedDueToInvalidNaaKey"


def test_contents_must_match_the_metadata():
    server = prepared()
    final = server.load(server.bpp(C, elements=package("seed", B, SMALL)))
    assert error(final) == ("loadProfileElements", "installFailedDueToDataMismatch")
    server = prepared()
    about = server.metadata(C, profileOwner={"mccMnc": "62f220"})
    final = server.load(server.bpp(C, metadata=about))
    assert error(final) == ("loadProfileElements", "installFailedDueToDataMismatch")


def test_elements_that_cannot_be_processed():
    good = package("seed", C, SMALL)

    def final(elements: bytes) -> tuple[str, str]:
        server = prepared()
        result = server.load(server.bpp(C, elements=elements))
        assert states(server.euicc) == {A: True, B: False}
        return result["errorResult"]

    headless = final(b"\xb0\x00" + good)
    assert headless["errorReason"] == "installFailedDueToPEProcessingError"
    assert headless["simaResponse"] == "3009a00530038001058100"
    tail = good[: good.rindex(b"\xaa")]
    assert final(tail)["errorReason"] == "installFailedDueToPEProcessingError"


def test_memory_runs_out_and_comes_back():
    limits = Limits(memory=40_000)
    euicc = make(limits=limits)

    def free() -> int:
        octets = bytes.fromhex(call(euicc, "EUICCInfo2")["extCardResource"])
        at = octets.index(b"\x82")
        return int.from_bytes(octets[at + 2 : at + 2 + octets[at + 1]], "big")

    before = free()
    server = Server(euicc)
    assert "successResult" in server.install(C, kind=THIRTY)
    assert free() < before - 29_000
    again = Server(euicc)
    reason = "installFailedDueToInsufficientMemoryForProfile"
    other = "89990010000000000046"
    assert error(again.install(other, kind=THIRTY)) == ("loadProfileElements", reason)
    full = make(limits=Limits(memory=3_500))
    assert error(Server(full).install(C)) == ("configureISDP", reason)
    assert states(full) == {A: True, B: False}


def test_interrupted_installation():
    euicc = make()
    server = Server(euicc)
    server.authenticate()
    server.prepare()
    for piece in list(pieces(server.bpp(C)))[:6]:
        assert euicc.command(piece, 0.0) == b""
    euicc.reset()
    raw = euicc.command(bytes.fromhex("BF2B00"), 0.0)
    listed = read(euicc, "RetrieveNotificationsListResponse", raw)["notificationList"]
    final = listed[0]["profileInstallationResult"]["profileInstallationResultData"]["finalResult"]
    assert final["errorResult"]["errorReason"] == "installFailedDueToInterruption"
    assert states(euicc) == {A: True, B: False}
    euicc.reset()
    assert len(pending(euicc)) == 1
    assert "successResult" in Server(euicc).install(C)


def test_load_without_a_session():
    euicc = make()
    server = prepared()
    bpp = server.bpp(C)
    with pytest.raises(CardFailure):
        euicc.command(next(pieces(bpp)), 0.0)
    server.euicc.reset()
    with pytest.raises(CardFailure):
        server.euicc.command(next(pieces(bpp)), 0.0)


def test_a_second_secure_channel_is_refused():
    server = prepared()
    first = next(pieces(server.bpp(C)))
    assert server.euicc.command(first, 0.0) == b""
    assert error(server.result(server.euicc.command(first, 0.0)))[1] == "scp03tStructureError"


def test_cancel_session():
    reasons = "endUserRejection postponed timeout pprNotAllowed metadataMismatch undefinedReason"
    for reason in reasons.split():
        server = prepared()
        wrong = {"transactionId": "00", "reason": reason}
        assert call(server.euicc, "CancelSession", wrong) == {
            "cancelSessionResponseError": "invalidTransactionId"
        }
        right = {"transactionId": server.transaction.hex(), "reason": reason}
        answer = call(server.euicc, "CancelSession", right)["cancelSessionResponseOk"]
        assert answer["euiccCancelSessionSigned"] == {**right, "smdpOid": "2.999.10"}
        with pytest.raises(CardFailure):
            server.euicc.command(next(pieces(server.bpp(C))), 0.0)
        assert "cancelSessionResponseError" in call(server.euicc, "CancelSession", right)


def test_immediate_enable():
    euicc = make()
    flag = {"immediateEnableFlag": None, "defaultSmdpOid": "2.999.10"}
    refresh = {"refreshFlag": True}
    assert call(euicc, "ImmediateEnable", refresh) == {
        "immediateEnableResult": "immediateEnableNotAvailable"
    }
    assert call(euicc, "ConfigureImmediateProfileEnabling", flag) == {
        "configImmediateEnableResult": "ok"
    }
    assert call(euicc, "ImmediateEnable", refresh) == {"immediateEnableResult": "noSessionContext"}
    Server(euicc).install(C)
    assert call(euicc, "ImmediateEnable", refresh) == {"immediateEnableResult": "ok"}
    assert states(euicc) == {A: False, B: False, C: True}
    assert euicc.refresh_pending


def test_install_notifications_to_others():
    server = prepared()
    about = server.metadata(C, **notifying(SMDP, "other.example", events="install"))
    server.load(server.bpp(C, metadata=about))
    assert [event for _, event, _ in pending(server.euicc)] == ["install", "install"]


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        ("EUICC.BPP-MAC", b"\x86"),
        ("EUICC.BPP-MAC", b"\x88"),
    ],
)
def test_planted_faults_of_segments(rule, command):
    server = prepared(off=[rule])
    answer = b""
    for piece in pieces(server.bpp(C)):
        sent = piece[:-1] + bytes([piece[-1] ^ 1]) if piece[:1] == command else piece
        answer = server.euicc.command(sent, 0.0)
    assert "successResult" in server.result(answer)


@pytest.mark.parametrize("off", [(), ("EUICC.BPP-SEGMENT-SIZE",)])
def test_segments_that_are_too_long(monkeypatch, off):
    # osmo-smdpp fills a segment with 1008 octets before it pads them
    seal_all = Bsp.seal_all

    def fill(self, tag, plain, size=0):
        return seal_all(self, tag, plain, 1008)

    monkeypatch.setattr(Bsp, "seal_all", fill)
    server = prepared(off=off)
    package = server.bpp(C)
    assert max(map(len, pieces(package))) == 1036
    final = server.load(package)
    if off:
        assert "successResult" in final
    else:
        assert error(final) == ("loadProfileElements", "scp03tStructureError")


def test_planted_faults_of_authentication():
    server = Server(make(off=["EUICC.SERVER-SIGNATURE", "EUICC.CHALLENGE", "EUICC.SESSION"]))
    assert isinstance(server.authenticate("00" * 16, spoil=True), dict)
    role = Server(make(off=["EUICC.SERVER-ROLE"]), auth="dppb")
    assert isinstance(role.authenticate(), dict)
