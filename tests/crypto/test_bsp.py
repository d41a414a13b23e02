"""Segments of the BPP protection against pySim's, and against everything that can go wrong."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import read_tlv, split, tlv
from sgprobe.crypto import bsp, kdf, keys
from sgprobe.crypto.bsp import Bsp
from sgprobe.crypto.errors import SegmentError
from sgprobe.crypto.kdf import SessionKeys
from sgprobe.data import data_dir

KAT = data_dir("vectors") / "kat"
CASES = json.loads((KAT / "bsp.json").read_text())["cases"]
PACKAGES = json.loads((KAT / "bpp.json").read_text())["cases"]
KEYS = SessionKeys(b"M" * 16, b"E" * 16, b"A" * 16)


def pattern(label: str, size: int) -> bytes:
    """The plaintext that the vectors name by its label."""
    blocks = (hashlib.sha256(f"{label}/{at}".encode()).digest() for at in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def keys_of(case: dict[str, Any]) -> SessionKeys:
    return SessionKeys(*(bytes.fromhex(case[name]) for name in ("initial_mcv", "s_enc", "s_mac")))


def replaced_keys(case: dict[str, Any]) -> SessionKeys:
    names = ("initial_mcv", "ppk_enc", "ppk_cmac")
    return SessionKeys(*(bytes.fromhex(case[name]) for name in names))


def check_segments(seals: Bsp, opens: Bsp, segments: list[dict[str, str]]) -> None:
    for one in segments:
        tag, plain = int(one["tag"], 16), bytes.fromhex(one["plain"])
        sealed = bytes.fromhex(one["sealed"])
        if one["mode"] == "mac":
            assert seals.seal_mac_only(tag, plain) == sealed
            assert opens.open_mac_only(sealed) == plain
        else:
            assert seals.seal(tag, plain) == sealed
            assert opens.open(sealed) == plain
        assert seals.counter == opens.counter
        assert seals.chaining_value == opens.chaining_value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_segments_are_those_of_a_stranger(case: dict[str, Any]) -> None:
    seals, opens = Bsp(keys_of(case)), Bsp(keys_of(case))
    check_segments(seals, opens, case["segments"])
    if "replaced" in case:
        new = replaced_keys(case["replaced"])
        request = bytes.fromhex(case["replaced"]["replace_session_keys"])
        assert bsp.replace_session_keys(new) == request
        assert bsp.read_replace_session_keys(request) == new
        seals.replace_keys(new)
        opens.replace_keys(bsp.read_replace_session_keys(request))
        assert opens.counter == 1
        check_segments(seals, opens, case["replaced"]["segments"])


@pytest.mark.parametrize("case", [case for case in CASES if "long" in case], ids=lambda c: c["id"])
def test_a_long_profile_is_that_of_a_stranger(case: dict[str, Any]) -> None:
    long = case["long"]
    seals, opens = Bsp(keys_of(case)), Bsp(keys_of(case))
    check_segments(seals, opens, case["segments"])
    plain = pattern(long["label"], long["size"])
    assert hashlib.sha256(plain).hexdigest() == long["plain_sha256"]
    segments = list(seals.seal_all(int(long["tag"], 16), plain))
    assert len(segments) == long["segments"]
    assert max(map(len, segments)) == long["longest"] == bsp.MAX_SEGMENT
    assert hashlib.sha256(b"".join(segments)).hexdigest() == long["sealed_sha256"]
    assert b"".join(map(opens.open, segments)) == plain


@pytest.mark.parametrize("case", PACKAGES, ids=lambda case: case["id"])
def test_a_stranger_s_bound_package_opens_step_by_step(case: dict[str, Any]) -> None:
    package = bytes.fromhex(case["bpp"])
    top = read_tlv(package)
    parts = {one.tag: one for one in split(package, top.body, top.end)}
    curve = keys.Curve(case["curve"])
    own = scalar(curve, case["otsk_euicc"])
    assert keys.point(own).hex() == case["otpk_euicc"]
    opens = Bsp(
        kdf.agree(
            own,
            bytes.fromhex(case["otpk_dp"]),
            bytes.fromhex(case["host_id"]),
            bytes.fromhex(case["eid"]),
        )
    )

    def inside(tag: bytes) -> Iterator[bytes]:
        one = parts[tag]
        return (package[item.start : item.end] for item in split(package, one.body, one.end))

    assert b"".join(map(opens.open, inside(b"\xa0"))).hex() == case["configure_isdp"]
    metadata = b"".join(map(opens.open_mac_only, inside(b"\xa1")))
    assert metadata.hex() == case["store_metadata"]
    if case["keys"] == "ppk":
        request = b"".join(map(opens.open, inside(b"\xa2")))
        assert bsp.read_replace_session_keys(request) == replaced_keys(case)
        opens.replace_keys(bsp.read_replace_session_keys(request))
    profile = b"".join(map(opens.open, inside(b"\xa3")))
    assert profile == pattern(case["profile_label"], case["profile_size"])


def scalar(curve: keys.Curve, digits: str) -> keys.PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    kinds = {keys.Curve.P256: ec.SECP256R1(), keys.Curve.BRAINPOOL: ec.BrainpoolP256R1()}
    return ec.derive_private_key(int(digits, 16), kinds[curve])


@given(
    st.lists(st.tuples(st.booleans(), st.binary(max_size=bsp.MAX_PLAIN)), max_size=6),
)
@settings(max_examples=50, deadline=None)
def test_what_is_sealed_opens_and_fits(parts: list[tuple[bool, bytes]]) -> None:
    seals, opens = Bsp(KEYS), Bsp(KEYS)
    for encrypted, plain in parts:
        if encrypted:
            segment = seals.seal(bsp.TAG_ENCRYPTED, plain)
            assert opens.open(segment) == plain
        else:
            segment = seals.seal_mac_only(bsp.TAG_MAC_ONLY, plain)
            assert opens.open_mac_only(segment) == plain
        assert len(segment) <= bsp.MAX_SEGMENT


@given(st.binary(max_size=1100))
@settings(max_examples=100, deadline=None)
def test_any_octets_open_or_give_one_error(octets: bytes) -> None:
    opens = Bsp(KEYS)
    for opened in (opens.open, opens.open_mac_only):
        with pytest.raises(SegmentError):
            opened(octets)
    assert (opens.counter, opens.chaining_value) == (1, KEYS.mcv)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_one_changed_bit_is_seen_and_the_channel_goes_on(data: st.DataObject) -> None:
    seals, opens = Bsp(KEYS), Bsp(KEYS)
    segment = seals.seal(0x86, data.draw(st.binary(max_size=200)))
    at = data.draw(st.integers(0, 8 * len(segment) - 1))
    bad = bytearray(segment)
    bad[at // 8] ^= 1 << at % 8
    with pytest.raises(SegmentError):
        opens.open(bytes(bad))
    opens.open(segment)


def test_order_matters() -> None:
    seals, opens = Bsp(KEYS), Bsp(KEYS)
    first, second = seals.seal(0x86, b"1"), seals.seal(0x86, b"2")
    with pytest.raises(SegmentError, match="segment 1 is wrong"):
        opens.open(second)
    assert opens.open(first) == b"1"
    with pytest.raises(SegmentError) as error:
        opens.open(first)
    assert error.value.reason == "mac"


def test_oversize_is_refused_on_both_sides() -> None:
    channel = Bsp(KEYS)
    for seal, most in ((channel.seal, bsp.MAX_PLAIN), (channel.seal_mac_only, bsp.MAX_DATA)):
        assert len(seal(0x86, bytes(most))) <= bsp.MAX_SEGMENT
        with pytest.raises(SegmentError) as error:
            seal(0x86, bytes(most + 1))
        assert error.value.reason == "size"
    with pytest.raises(SegmentError) as error:
        channel.open(tlv("86", bytes(1017)))
    assert error.value.reason == "size"
    # a card that does not look at the size goes on to the MAC
    with pytest.raises(SegmentError) as error:
        channel.open(tlv("86", bytes(1017)), check_size=False)
    assert error.value.reason == "mac"


def test_a_right_mac_does_not_excuse_wrong_contents() -> None:
    for data, reason in ((b"", "format"), (bytes(15), "format"), (bytes(16), "padding")):
        seals, opens = Bsp(KEYS), Bsp(KEYS)
        with pytest.raises(SegmentError) as error:
            opens.open(seals.seal_mac_only(0x86, data))
        assert error.value.reason == reason
        assert opens.counter == 1


@pytest.mark.parametrize("padded", [b"", b"\0" * 16, b"\x80" + bytes(16), b"\x80\x01" + bytes(14)])
def test_wrong_padding(padded: bytes) -> None:
    with pytest.raises(SegmentError) as error:
        bsp.unpad(padded)
    assert error.value.reason == "padding"


@given(st.binary(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_octets_are_no_key_replacement(octets: bytes) -> None:
    for data in (octets, tlv("BF26", octets)):
        with pytest.raises(SegmentError):
            bsp.read_replace_session_keys(data)


def test_the_order_of_replacement_keys_is_fixed() -> None:
    request = bsp.replace_session_keys(KEYS)
    swapped = request[:3] + request[21:39] + request[3:21] + request[39:]
    assert len(swapped) == len(request)
    with pytest.raises(SegmentError):
        bsp.read_replace_session_keys(swapped)


def test_a_segment_holds_something() -> None:
    with pytest.raises(SegmentError):
        list(Bsp(KEYS).seal_all(0x86, b"1", 0))
