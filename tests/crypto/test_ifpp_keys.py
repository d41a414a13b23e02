"""Suites and one-time keys: the vectors of the binding, and proofs that do not hold."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from ifpp_bench import EID, KAT, need, pair

from dissectors.asn1 import codec
from dissectors.asn1.tlv import read_tlv, tlv
from dissectors.spec.identity import make_eid
from sgprobe.crypto import ifpp_keys, keys
from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto.bsp import Bsp
from sgprobe.crypto.identities import TEST_EID
from sgprobe.crypto.ifpp_keys import Hybrid, ProofError, Suite
from sgprobe.crypto.pki import TestPki

C1 = KAT["c1"]
SECRET = bytes.fromhex(C1["shared_secret"])
HOST, C1_EID = bytes.fromhex(C1["host_id"]), bytes.fromhex(C1["eid"])


def raw(value: dict) -> bytes:
    return codec.load("IFPP@0").encode("OneTimePublicKey", value)


def test_c1_agrees_and_seals_as_the_vector_says() -> None:
    own = ec.derive_private_key(int(C1["otsk_dp"], 16), ec.SECP256R1())
    theirs = ec.derive_private_key(int(C1["otsk_euicc"], 16), ec.SECP256R1())
    assert keys.point(own).hex() == C1["otpk_dp"]
    assert keys.point(theirs).hex() == C1["otpk_euicc"]
    assert keys.ecdh(own, keys.point(theirs)) == keys.ecdh(theirs, keys.point(own)) == SECRET
    found = ifpp_keys.session_keys(SECRET, HOST, C1_EID)
    assert found.mcv.hex() == C1["initial_mcv"]
    assert found.enc.hex() == C1["s_enc"]
    assert found.mac.hex() == C1["s_mac"]
    bsp, (first, second) = Bsp(found), C1["segments"]
    assert bsp.seal(0x87, bytes.fromhex(first["plain"])).hex() == first["sealed"]
    assert bsp.seal_mac_only(0x88, bytes.fromhex(second["plain"])).hex() == second["sealed"]


def test_h1_derives_as_the_vector_says() -> None:
    vector = KAT["h1"]
    hybrid = Hybrid(bytes.fromhex(vector["kem_secret"]), bytes.fromhex(vector["digest"]))
    found = ifpp_keys.session_keys(SECRET, HOST, C1_EID, hybrid)
    assert found.mcv.hex() == vector["initial_mcv"]
    assert found.enc.hex() == vector["s_enc"]
    assert found.mac.hex() == vector["s_mac"]


def test_ml_kem_gives_the_key_of_the_seed() -> None:
    need(Suite.H1)
    public = quantum.KemKey(bytes.fromhex(KAT["kem"]["seed"])).public
    assert hashlib.sha256(public).hexdigest() == KAT["kem"]["public_sha256"]


@pytest.mark.parametrize("message", KAT["messages"], ids=lambda one: one["type"])
def test_messages_encode_as_the_vector_says(message: dict) -> None:
    loaded = codec.load("IFPP@0")
    assert loaded.encode(message["type"], message["value"]).hex() == message["hex"]
    assert loaded.decode(message["type"], bytes.fromhex(message["hex"])).value == message["value"]


def test_the_digest_of_h1_covers_label_key_and_ciphertext() -> None:
    ek, ct = b"e" * 1184, b"c" * 1088
    found = Hybrid.of(b"s" * 32, ek, ct)
    assert found.digest == hashlib.sha256(b"IFPP-RB-H1" + ek + ct).digest()


def test_a_suite_that_the_library_lacks_is_told_and_never_used(monkeypatch) -> None:
    quantum.missing_kem.cache_clear()
    monkeypatch.setattr(quantum, "mlkem", None)
    try:
        assert ifpp_keys.available() == (Suite.C1,)
        assert "no ML-KEM-768" in (ifpp_keys.unavailable(Suite.H1) or "")
        with pytest.raises(quantum.QuantumUnavailable):
            quantum.encapsulate(bytes(1184))
    finally:
        monkeypatch.undo()
        quantum.missing_kem.cache_clear()


def test_a_wrong_ciphertext_gives_another_secret_and_no_error() -> None:
    need(Suite.H1)
    key = quantum.KemKey(bytes(64))
    secret, ciphertext = quantum.encapsulate(key.public)
    assert key.decapsulate(ciphertext) == secret
    spoilt = ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])
    assert key.decapsulate(spoilt) != secret
    for wrong in (ciphertext[:-1], ciphertext + b"\0", b""):
        with pytest.raises(keys.KeyFormatError):
            key.decapsulate(wrong)


@pytest.mark.parametrize("name", quantum.SIGNATURES)
def test_ml_dsa_signs_and_refuses(name: str) -> None:
    need(Suite.H1S)
    key = quantum.SigningKey(b"s" * 32, name)
    signature = key.sign(b"data")
    assert len(signature) == quantum.SIGNATURES[name]
    assert quantum.verify(key.spki, signature, b"data")
    assert not quantum.verify(key.spki, signature, b"date")
    assert not quantum.verify(key.spki, signature[:-1], b"data")
    assert not quantum.verify(b"\x30\x00", signature, b"data")
    assert not quantum.verify(keys.spki(keys.derive_key("s", "n", keys.Curve.P256)), signature, b"")


@pytest.mark.parametrize("suite", Suite)
def test_a_proof_is_read_back(suite: Suite, pki: TestPki) -> None:
    public, euicc = pair(suite).public, pki["p256"]["euicc"]
    value = ifpp_keys.prove(EID, public, euicc.key)
    assert ifpp_keys.check_proof(raw(value), TEST_EID, euicc.key.public_key()) == public
    assert len(public.point) == 65
    assert len(public.kem) == (1184 if suite.hybrid else 0)


def test_an_unknown_member_is_covered_and_does_not_break_the_proof(pki: TestPki) -> None:
    euicc = pki["p256"]["euicc"]
    value = ifpp_keys.prove(EID, pair().public, euicc.key)
    tbs = codec.load("IFPP@0").encode("OtkTbs", value["tbs"])
    contents = tbs[read_tlv(tbs).body :] + bytes.fromhex("9f6301aa")
    signature = tlv("81", keys.sign(euicc.key, tlv("30", contents)))
    key = tlv("30", tlv("A0", contents), signature)
    public = ifpp_keys.check_proof(key, TEST_EID, euicc.key.public_key())
    assert public == pair().public


def spoilt_proofs(pki: TestPki):
    euicc = pki["p256"]["euicc"]
    good = ifpp_keys.prove(EID, pair().public, euicc.key)
    point = bytearray(bytes.fromhex(good["tbs"]["ecPublicKey"]))

    def again(**members):
        tbs = {**good["tbs"], **members}
        signed = codec.load("IFPP@0").encode("OtkTbs", tbs)
        return raw({"tbs": tbs, "signature": keys.sign(euicc.key, signed).hex()})

    point[-1] ^= 1
    changed = {**good, "tbs": {**good["tbs"], "ecPublicKey": point.hex()}}
    foreign = ifpp_keys.prove(EID, pair().public, pki["p256"]["eum"].key)
    return {
        "cut": ("format", raw(good)[:-1]),
        "other eid": ("eid", again(eid=make_eid("890490321234512345123456789013"))),
        "point changed": ("proof", raw(changed)),
        "foreign signer": ("proof", raw(foreign)),
        "off the curve": ("key", again(ecPublicKey=point.hex())),
        "infinity": ("key", again(ecPublicKey="00")),
        "compressed": ("key", again(ecPublicKey="02" + bytes(point[1:33]).hex())),
        "unknown suite": ("key", again(suite=9)),
        "kem in c1": ("key", again(kemPublicKey="00" * 1184)),
        "no kem in h1": ("key", again(suite="h1")),
        "kem too short": ("key", again(suite="h1", kemPublicKey="00" * 1183)),
        "kem not reduced": ("key", again(suite="h1", kemPublicKey="ff" * 1184)),
    }  # fmt: skip


def test_a_key_that_is_not_to_be_bound_to_is_refused(pki: TestPki) -> None:
    need(Suite.H1)
    signer = pki["p256"]["euicc"].key.public_key()
    for name, (reason, octets) in spoilt_proofs(pki).items():
        with pytest.raises(ProofError) as caught:
            ifpp_keys.check_proof(octets, TEST_EID, signer)
        assert caught.value.reason == reason, name


def test_private_halves_are_not_printed() -> None:
    assert "0101" not in repr(pair(Suite.C1, 1)).replace("\\x", "").replace("00", "")
    assert "seed" not in repr(pair())
