"""Signatures that need their padding are signatures, the same ones each time."""

from __future__ import annotations

import copy

import pytest

from sgprobe.crypto import keys
from sgprobe.crypto.padded import PARTS, PaddedKey


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("curve", keys.RSP_CURVES)
def test_a_part_begins_with_a_zero_octet_and_the_signature_verifies(
    curve: keys.Curve, part: str
) -> None:
    own = keys.derive_key("tests", "padded", curve)
    padded = PaddedKey(own, part)
    for data in (b"", b"one", b"two" * 1000):
        signature = keys.sign(padded, data)
        assert len(signature) == 64
        assert signature[32 * PARTS.index(part)] == 0
        assert keys.verify(own.public_key(), signature, data)
        assert keys.sign(copy.deepcopy(padded), data) == signature
        assert not keys.verify(own.public_key(), signature, data + b"x")
