"""Bound packages against those of a stranger, and the limits of segments."""

from __future__ import annotations

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dissectors.asn1.tlv import read_tlv, split
from sgprobe.crypto import keys
from sgprobe.crypto.bpp import Protected, protect, seal, secure_channel
from sgprobe.crypto.kdf import SessionKeys, agree
from sgprobe.crypto.signing import SMDP_SIGN
from sgprobe.data import data_dir

# made by osmocom/pysim, an independent implementation; see the file's origin
CASES = json.loads((data_dir("vectors") / "kat" / "bpp.json").read_text())["cases"]
CURVES = {"p256": ec.SECP256R1(), "brainpool": ec.BrainpoolP256R1()}


def pattern(label: str, size: int) -> bytes:
    """The plaintext that the vectors name by its label."""
    blocks = (hashlib.sha256(f"{label}/{at}".encode()).digest() for at in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def parts(data: bytes) -> list[bytes]:
    outer = read_tlv(data)
    return [data[one.start : one.end] for one in split(data, outer.body, outer.end)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_stranger_seals_the_same(case):
    raw = {name: bytes.fromhex(case[name]) for name in ("host_id", "otpk_euicc", "otpk_dp")}
    otsk = ec.derive_private_key(int(case["otsk_dp"], 16), CURVES[case["curve"]])
    session = agree(otsk, raw["otpk_euicc"], raw["host_id"], bytes.fromhex(case["eid"]))
    package: bytes | Protected = pattern(case["profile_label"], case["profile_size"])
    if case["keys"] != "session-keys":
        names = ("initial_mcv", "ppk_enc", "ppk_cmac")
        assert isinstance(package, bytes)
        package = protect(package, SessionKeys(*(bytes.fromhex(case[name]) for name in names)))
    configure, metadata = (
        bytes.fromhex(case[name]) for name in ("configure_isdp", "store_metadata")
    )
    theirs_channel, *theirs = parts(bytes.fromhex(case["bpp"]))
    # theirs takes 1007 octets for segments that are MACed only, too
    assert seal(session, metadata, configure, package, 1007) == theirs
    # the channel is the same up to its signature, which is random there
    ours = secure_channel(
        otsk,
        bytes.fromhex(case["transaction_id"]),
        raw["host_id"],
        raw["otpk_dp"],
        raw["otpk_euicc"],
    )
    assert parts(ours)[:-1] == parts(theirs_channel)[:-1]
    signer = keys.public_from_point(keys.Curve(case["curve"]), bytes.fromhex(case["dppb_public"]))
    *covered, signature = parts(theirs_channel)
    euicc_otpk = b"\x5f\x49\x41" + raw["otpk_euicc"]
    assert SMDP_SIGN.verify(signer, signature, *covered, euicc_otpk)


@pytest.mark.parametrize("size", [1, 1006, 1007, 1008, 2014, 5000])
def test_no_segment_is_too_long(size):
    session = SessionKeys(bytes(16), bytes(16), bytes(16))
    sealed = seal(session, bytes(size), bytes(size), bytes(size))
    for sequence in sealed:
        assert max(map(len, parts(sequence))) <= 1020
    assert [sequence[0] for sequence in sealed] == [0xA0, 0xA1, 0xA3]
