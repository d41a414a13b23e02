"""Signatures are judged over the octets that came; what products get wrong is named."""

from __future__ import annotations

from typing import Any

import pytest
from compose_helpers import EID, KEY, OTHER, SPEC
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from hypothesis import given
from hypothesis import strategies as st

from dissectors.asn1 import codec
from dissectors.asn1.tlv import tlv
from sgprobe.cases.match import Judgement, Unresolved
from sgprobe.crypto import keys
from sgprobe.engine.message import signatures
from sgprobe.engine.message.elements import Body
from sgprobe.engine.message.signatures import Surroundings

TYPE = "EuiccPackageRequest"
TOKEN = bytes.fromhex("840105")
AROUND = Surroundings((), lambda eim_id: 5 if eim_id == "eim.test" else None)


def message(signature: bytes) -> bytes:
    value: dict[str, Any] = {
        "euiccPackageSigned": {
            "eimId": "eim.test", "eidValue": EID, "counterValue": 5,
            "euiccPackage": {"psmoList": [{"enable": {"iccid": "98103254769810321432"}}]},
        },
        "eimSignature": "00" * 64,
    }  # fmt: skip
    made: bytes = codec.load(SPEC).encode(TYPE, value)
    at = made.index(bytes.fromhex("5f3740"))
    inside = made[made.index(b"\x30") : at] + tlv("5F37", signature)
    return tlv("BF51", inside)


def signed() -> bytes:
    return codec.load(SPEC).tree(TYPE, message(bytes(64))).octets("euiccPackageSigned")


def judge(octets: bytes, **more: Any) -> Judgement:
    publics = {"keys.eim": KEY.public_key(), "keys.stranger": OTHER.public_key()}
    return signatures.judge(
        Body(octets, TYPE, SPEC, False), "eimSignature", KEY.public_key(), AROUND,
        name="keys.eim", others=publics, **more,
    )  # fmt: skip


def test_a_right_signature_is_good() -> None:
    assert judge(message(keys.sign(KEY, signed() + TOKEN))) == Judgement(True)


def content(element: bytes) -> bytes:
    return element[2:]


def swapped(data: bytes) -> bytes:
    made = keys.sign(KEY, data)
    return made[32:] + made[:32]


def as_der(data: bytes) -> bytes:
    """Sign with the library alone, so that the form is not our own opinion."""
    return KEY.sign(data, ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    ("signature", "hint"),
    [
        (lambda: keys.sign(KEY, signed()), "verifies without associationToken (840105)"),
        (lambda: keys.sign(KEY, TOKEN), "verifies without euiccPackageSigned"),
        (lambda: keys.sign(OTHER, signed() + TOKEN), "verifies under $keys.stranger: the wrong"),
        (lambda: as_der(signed() + TOKEN), "a DER signature, where r‖s is due"),
        (lambda: keys.sign(KEY, TOKEN + signed()), "with the parts in the other order"),
        (lambda: keys.sign(KEY, content(signed())),
         "over the content of euiccPackageSigned, without tag and length"),
        (lambda: swapped(signed() + TOKEN), "as s‖r: the halves are swapped"),
        (lambda: bytes(64), ""),
        (lambda: b"\x01" * 63, "63 octets; r‖s has 64"),
        (lambda: b"", "0 octets; r‖s has 64"),
    ],
    ids=["no token", "token alone", "wrong key", "DER", "other order", "content", "swapped",
         "noise", "short", "empty"],
)  # fmt: skip
def test_hints(signature: Any, hint: str) -> None:
    found = judge(message(signature()))
    assert not found.good
    assert hint in found.hint
    assert bool(found.hint) is bool(hint)


def test_without_a_token_the_one_that_stands_for_none_is_covered() -> None:
    """SGP.32 §2.11.1.1: 84 01 00 where the eIM has no token."""
    around = Surroundings((), lambda eim_id: None)
    octets = message(keys.sign(KEY, signed() + bytes.fromhex("840100")))
    found = signatures.judge(Body(octets, TYPE, SPEC, False), "eimSignature", KEY.public_key(),
                             around)  # fmt: skip
    assert found.good


def test_over_names_what_is_covered() -> None:
    assert judge(message(keys.sign(KEY, signed())), over=("euiccPackageSigned",)).good


def test_what_is_not_there() -> None:
    assert judge(bytes.fromhex("bf5100")) == Judgement(False, "absent")
    lone = tlv("BF51", tlv("5F37", bytes(64)))
    with pytest.raises(Unresolved, match="covers euiccPackageSigned, which is not there"):
        judge(lone)
    with pytest.raises(Unresolved, match="not known; write `over a, b`"):
        signatures.covered(Body(signed(), TYPE, SPEC, False), "a.unknownSignature", AROUND)


RIGHT = message(keys.sign(KEY, signed() + TOKEN))


@given(st.integers(8 * 3, 8 * len(RIGHT) - 1))
def test_no_flipped_bit_verifies_or_breaks_the_bench(bit: int) -> None:
    """Wherever it is inside the message: in what is covered, in the signature, in a length."""
    octets = bytearray(RIGHT)
    octets[bit // 8] ^= 1 << bit % 8
    try:
        assert not judge(bytes(octets)).good
    except Unresolved:
        pass


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda one: RIGHT[:40] + one))
def test_any_octets_are_judged(octets: bytes) -> None:
    try:
        assert not judge(octets).good
    except Unresolved:
        pass


@pytest.mark.parametrize("length", ["8108", "820008", "80"])
def test_a_length_that_is_no_der_is_judged(length: str) -> None:
    """The eimId, which decides the token, has a length that a parser of DER does not take."""
    octets = RIGHT.replace(b"\x80\x08eim.test", bytes.fromhex("80" + length) + b"eim.test")
    assert octets != RIGHT
    try:
        assert not judge(octets).good
    except Unresolved:
        pass
