"""Keys, plain signatures and ECDH against RFC 6979, python-ecdsa and cryptography."""

import json

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.crypto import keys
from sgprobe.crypto.errors import KeyFormatError
from sgprobe.crypto.keys import Curve
from sgprobe.data import data_dir

KAT = data_dir("vectors") / "kat"
SIGNATURES = json.loads((KAT / "ecdsa.json").read_text())["cases"]
AGREEMENTS = json.loads((KAT / "bsp.json").read_text())["cases"]


def private(curve: str, scalar: str) -> keys.PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    curves = {"p256": ec.SECP256R1(), "brainpool": ec.BrainpoolP256R1()}
    return ec.derive_private_key(int(scalar, 16), curves[curve])


@pytest.mark.parametrize("case", SIGNATURES, ids=lambda case: case["id"])
def test_signatures_are_those_of_strangers(case: dict[str, str]) -> None:
    key = private(case["curve"], case["private"])
    message = bytes.fromhex(case["message"])
    assert keys.sign(key, message).hex() == case["signature"]
    point = bytes.fromhex(case["public"])
    assert keys.point(key) == point
    public = keys.public_from_point(Curve(case["curve"]), point)
    assert keys.verify(public, bytes.fromhex(case["signature"]), message)
    assert not keys.verify(public, bytes.fromhex(case["signature"]), message + b"\0")


@pytest.mark.parametrize("case", AGREEMENTS, ids=lambda case: case["id"])
def test_both_ends_agree_on_the_secret_of_a_stranger(case: dict[str, str]) -> None:
    for own, peer in (("otsk_dp", "otpk_euicc"), ("otsk_euicc", "otpk_dp")):
        secret = keys.ecdh(private(case["curve"], case[own]), bytes.fromhex(case[peer]))
        assert secret.hex() == case["shared_secret"]


# fixed once: a change here would change every stored certificate
@pytest.mark.parametrize(
    ("curve", "identifier"),
    [
        (Curve.P256, "b9412c4e2e52ee3f2a84a97dea26be08f6faa2e4"),
        (Curve.BRAINPOOL, "14695955173cf0513f2d18bc22841fa381806c85"),
    ],
)
def test_a_seed_gives_the_same_key_for_ever(curve: Curve, identifier: str) -> None:
    assert keys.ski(keys.derive_key("sgprobe test PKI 1", "ci", curve)).hex() == identifier


def test_every_part_of_the_derivation_counts() -> None:
    points = {
        keys.point(keys.derive_key(seed, name, curve))
        for seed in ("a", "b")
        for name in ("ci", "eum")
        for curve in Curve
    }
    assert len(points) == 12


@pytest.mark.parametrize("curve", Curve)
def test_key_id_and_spki_are_those_of_cryptography(curve: Curve) -> None:
    public = keys.derive_key("s", "n", curve).public_key()
    assert keys.ski(public) == x509.SubjectKeyIdentifier.from_public_key(public).digest
    assert keys.public_from_spki(keys.spki(public)) == public
    assert keys.curve_of(public) is curve


@pytest.mark.parametrize("curve", Curve)
def test_a_key_survives_its_pem(curve: Curve) -> None:
    key = keys.derive_key("s", "n", curve)
    assert keys.point(keys.key_from_pem(keys.key_pem(key))) == keys.point(key)


@given(st.binary(max_size=80), st.sampled_from(list(Curve)))
@settings(max_examples=60, deadline=None)
def test_no_octets_are_taken_for_a_signature(signature: bytes, curve: Curve) -> None:
    public = keys.derive_key("s", "n", curve).public_key()
    assert not keys.verify(public, signature, b"data")


def test_der_and_plain_form_are_one_signature() -> None:
    raw = bytes(31) + b"\x01" + b"\xff" * 32
    assert keys.raw_from_der(keys.der_from_raw(raw)) == raw
    for bad in (b"", b"\0"):
        with pytest.raises(KeyFormatError):
            keys.der_from_raw(bad)
    for bad in (b"", raw, bytes.fromhex("3006020100020180"), bytes.fromhex("30060201ff020101")):
        with pytest.raises(KeyFormatError):
            keys.raw_from_der(bad)


@given(st.binary(max_size=70) | st.binary(min_size=64, max_size=64).map(lambda xy: b"\4" + xy))
@settings(max_examples=60, deadline=None)
def test_a_point_off_the_curve_is_refused(octets: bytes) -> None:
    for curve in keys.RSP_CURVES:
        with pytest.raises(KeyFormatError):
            keys.public_from_point(curve, octets)


def test_a_compressed_point_is_refused() -> None:
    point = keys.point(keys.derive_key("s", "n", keys.Curve.P256))
    compressed = bytes([2 + point[-1] % 2]) + point[1:33]
    with pytest.raises(KeyFormatError, match="04 and 64 octets"):
        keys.public_from_point(keys.Curve.P256, compressed)


def test_a_point_of_the_other_curve_is_refused() -> None:
    own, other = (keys.derive_key("s", "n", curve) for curve in keys.RSP_CURVES)
    with pytest.raises(KeyFormatError):
        keys.ecdh(own, keys.point(other))


@given(st.binary(max_size=120))
@settings(max_examples=60, deadline=None)
def test_any_octets_are_a_key_or_one_error(octets: bytes) -> None:
    with pytest.raises(KeyFormatError):
        keys.public_from_spki(octets)
    with pytest.raises(KeyFormatError):
        keys.key_from_pem(octets.decode("latin-1"))


def test_a_key_of_another_kind_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    other = Ed25519PrivateKey.generate().public_key()
    der = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(KeyFormatError, match="elliptic"):
        keys.public_from_spki(der)
