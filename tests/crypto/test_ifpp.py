"""Profiles bound to one-time keys: they open with that key alone, and no two are alike."""

import hashlib
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ifpp_bench import EID, ICCID, METADATA, content, counted, need, pair, sm_dpf

from dissectors.asn1 import codec
from dissectors.asn1.tlv import read_tlv, split
from sgprobe.crypto import bpp, ifpp, keys
from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import KeyFormatError, SegmentError
from sgprobe.crypto.ifpp_keys import Suite, session_keys, signed_part
from sgprobe.crypto.kdf import SessionKeys
from sgprobe.crypto.pki import TestPki
from sgprobe.crypto.signing import SMDP_SIGN


def context_of(bound: ifpp.Bound):
    decoded = codec.load("IFPP@0").decode("IfppLoadContextRequest", bound.context)
    assert decoded.findings == ()
    return decoded.value


@pytest.mark.parametrize("suite", Suite)
def test_a_package_opens_with_its_key(suite: Suite, pki: TestPki) -> None:
    one, profile = pair(suite), content()
    bound = ifpp.bind(sm_dpf(pki, suite), EID, one.public, profile)
    opened = ifpp.open_package(one, EID, bound.context, bound.package)
    assert (opened.configure, opened.metadata, opened.elements) == (
        ifpp.CONFIGURE, METADATA, profile.elements,
    )  # fmt: skip


@pytest.mark.parametrize("suite", [Suite.C1, Suite.H1])
def test_a_package_opens_with_no_other_key_and_for_no_other_eid(suite: Suite, pki: TestPki) -> None:
    one = pair(suite)
    bound = ifpp.bind(sm_dpf(pki), EID, one.public, content())
    for key, eid in ((pair(suite, 2), EID), (one, bytes(16))):
        with pytest.raises(SegmentError) as caught:
            ifpp.open_package(key, eid, bound.context, bound.package)
        assert caught.value.reason == "mac"


def test_h1_does_not_open_with_the_ecdh_secret_alone(pki: TestPki) -> None:
    one = pair(Suite.H1)
    bound = ifpp.bind(sm_dpf(pki), EID, one.public, content())
    channel = parts(bound.package)[0]
    value = codec.load("SGP.22@2.7").decode("InitialiseSecureChannelRequest", channel).value
    secret = keys.ecdh(one.private, bytes.fromhex(value["smdpOtpk"]))
    host_id = bytes.fromhex(value["controlRefTemplate"]["hostId"])
    with pytest.raises(SegmentError):
        ifpp.unseal(session_keys(secret, host_id, EID), bound.package)


def parts(whole: bytes) -> list[bytes]:
    outer = read_tlv(whole)
    return [whole[one.start : one.end] for one in split(whole, outer.body, outer.end)]


def test_the_context_says_what_is_bound(pki: TestPki) -> None:
    one, dpf = pair(), sm_dpf(pki)
    until = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    bound = ifpp.bind(dpf, EID, one.public, content(), transaction=b"T" * 16, not_after=until)
    value = context_of(bound)
    assert value["tbs"] == {
        "bindingVersion": "v0",
        "suite": "c1",
        "eid": EID.hex(),
        "keyRef": one.ref.hex(),
        "transactionId": (b"T" * 16).hex(),
        "ciPkId": pki["p256"].ci_id.hex(),
        "smdpfOid": "2.999.10",
        "iccid": ICCID.hex(),
        "bf23Digest": hashlib.sha256(parts(bound.package)[0]).hexdigest(),
        "bppDigest": hashlib.sha256(bound.package).hexdigest(),
        "bppLength": len(bound.package),
        "notAfter": "20300102030405Z",
    }
    key = dpf.key.public_key()
    assert keys.verify(key, bytes.fromhex(value["signature"]), signed_part(bound.context))
    assert value["certificates"] == [pki["p256"]["dppb"].certificate.der.hex()]


def test_the_channel_is_signed_over_both_one_time_keys(pki: TestPki) -> None:
    one, dpf = pair(), sm_dpf(pki)
    bound = ifpp.bind(dpf, EID, one.public, content())
    *covered, signature = parts(parts(bound.package)[0])
    for number in (1, 2):
        own = b"\x5f\x49\x41" + pair(Suite.C1, number).public.point
        good = SMDP_SIGN.verify(dpf.key.public_key(), signature, *covered, own)
        assert good == (number == 1)


def test_h1s_is_signed_twice_over_the_same_octets(pki: TestPki) -> None:
    one, dpf = pair(Suite.H1S), sm_dpf(pki, Suite.H1S)
    bound = ifpp.bind(dpf, EID, one.public, content())
    value = context_of(bound)
    signed, (_, second) = signed_part(bound.context), value["certificates"]
    spki = read_certificate(bytes.fromhex(second)).spki
    assert keys.verify(dpf.key.public_key(), bytes.fromhex(value["signature"]), signed)
    assert quantum.verify(spki, bytes.fromhex(value["pqSignature"]), signed)
    with pytest.raises(quantum.QuantumUnavailable):
        ifpp.bind(sm_dpf(pki), EID, one.public, content())


@pytest.mark.parametrize("suite", [Suite.C1, Suite.H1])
def test_no_two_bindings_share_a_key(suite: Suite, pki: TestPki) -> None:
    need(suite)
    one, dpf = pair(suite), sm_dpf(pki)
    found = [ifpp.bind(dpf, EID, one.public, content(10)) for _ in range(20)]
    assert len({one.transaction for one in found}) == 20
    assert len({parts(one.package)[0] for one in found}) == 20
    if suite.hybrid:
        assert len({context_of(one)["tbs"]["kemCiphertext"] for one in found}) == 20


def test_the_same_source_gives_the_same_package(pki: TestPki) -> None:
    def made() -> ifpp.Bound:
        return ifpp.bind(sm_dpf(pki), EID, pair().public, content(), random=counted())

    assert made() == made()


def test_a_package_protected_beforehand_is_bound_without_its_plaintext(pki: TestPki) -> None:
    one, profile = pair(), content()
    assert isinstance(profile.elements, bytes)
    session = SessionKeys(b"m" * 16, b"e" * 16, b"c" * 16)
    bound = ifpp.bind(
        sm_dpf(pki), EID, one.public,
        ifpp.Content(ICCID, METADATA, bpp.protect(profile.elements, session)),
    )  # fmt: skip
    assert [part[:1].hex() for part in parts(bound.package)] == ["bf", "a0", "a1", "a2", "a3"]
    assert ifpp.open_package(one, EID, bound.context, bound.package).elements == profile.elements


def test_what_is_handed_out_holds_no_secret(pki: TestPki) -> None:
    one, profile = pair(), content()
    bound = ifpp.bind(sm_dpf(pki), EID, one.public, profile, random=counted())
    out = bound.encoded(b"P" * 16)
    assert isinstance(profile.elements, bytes)
    private = one.private.private_numbers().private_value.to_bytes(32, "big")
    for secret in (profile.elements[:16], one.seed, private, b"\x00\x03" * 16):
        assert secret not in out


def test_a_package_is_one_ff48(pki: TestPki) -> None:
    bound = ifpp.bind(sm_dpf(pki), EID, pair().public, content())
    octets = bound.encoded(b"P" * 16)
    assert octets[:2] == b"\xff\x48"
    value = codec.load("IFPP@0").decode("PreboundPackage", octets).value
    assert bytes.fromhex(value["boundProfilePackage"]) == bound.package
    assert bytes.fromhex(value["loadContext"]) == bound.context
    assert (value["eid"], value["iccid"]) == (EID.hex(), ICCID.hex())


@pytest.mark.parametrize("octets", [b"", b"\xbf\x36\x00", b"\xbf\x36\x05\xa4\x00", b"\x30\x00"])
def test_what_is_no_package_is_refused(octets: bytes) -> None:
    with pytest.raises(SegmentError):
        ifpp.unseal(SessionKeys(bytes(16), bytes(16), bytes(16)), octets or b"\xbf")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([Suite.C1, Suite.H1]), st.data())
def test_any_octets_open_or_give_one_error(pki: TestPki, suite: Suite, data: st.DataObject) -> None:
    one = pair(suite)
    bound = ifpp.bind(sm_dpf(pki), EID, one.public, content(40))
    both = [bytearray(bound.context), bytearray(bound.package)]
    for _ in range(data.draw(st.integers(1, 3))):
        spoilt = both[data.draw(st.integers(0, 1))]
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    context, package = (bytes(o[: data.draw(st.integers(0, len(o)))]) for o in both)
    with suppress(SegmentError, KeyFormatError):
        ifpp.open_package(one, EID, context, package)


def test_binding_keeps_up_with_a_line(pki: TestPki) -> None:
    """150 profiles of 12 kB a second on two cores leave 13 ms for each on one."""
    one, dpf, profile = pair().public, sm_dpf(pki), content(12_000)
    ifpp.bind(dpf, EID, one, profile)
    taken = []
    for _ in range(20):
        start = time.process_time()
        ifpp.bind(dpf, EID, one, profile).encoded(b"P" * 16)
        taken.append(time.process_time() - start)
    assert sorted(taken)[10] < 0.013
