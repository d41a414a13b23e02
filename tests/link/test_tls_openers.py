"""Record openers against records sealed by the tests' own record layer (tls_forge)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_forge import SUITES, Forge

from dissectors.link.tls_keys import openers_12
from dissectors.link.tls_openers import Opener
from dissectors.link.tls_suites import suite


def make(code: int, etm: bool = False) -> tuple[Forge, tuple[Opener, Opener]]:
    forge = Forge(code, dtls=False, etm=etm)
    chosen = suite(code)
    assert chosen is not None
    return forge, openers_12(chosen, forge.master, forge.client_random, forge.server_random, etm)


VARIANTS = [(code, False) for code in SUITES] + [
    (code, True) for code, spec in SUITES.items() if spec[0] == "cbc"
]


@pytest.mark.parametrize(("code", "etm"), VARIANTS)
def test_opens_what_was_sealed_and_nothing_else(code: int, etm: bool) -> None:
    forge, openers = make(code, etm)
    for side in (0, 1):
        for number, content in enumerate((b"x", b"hello " * 100, bytes(16), b"")):
            record = forge.seal(side, 23, content, number=number)
            head, body = struct.pack("!Q", number) + record[:3], record[5:]
            assert openers[side].open(number, head, body) == content
            assert openers[side].open(number, head, memoryview(body)) == content
            assert openers[1 - side].open(number, head, body) is None
            assert openers[side].open(number, head[:8] + b"\x16\x03\x03", body) is None
            wrong = struct.pack("!Q", number + 1) + record[:3]
            assert openers[side].open(number + 1, wrong, body) is None
            for at in (0, len(body) // 2, len(body) - 1):
                bad = bytearray(body)
                bad[at] ^= 1
                assert openers[side].open(number, head, bytes(bad)) is None
            # a record that stays closed does not disturb the one after it
            assert openers[side].open(number, head, body) == content


@pytest.mark.parametrize("etm", [False, True])
def test_padding_is_checked_byte_by_byte(etm: bool) -> None:
    """RFC 5246 §6.2.3.2: every byte of the padding holds its length."""
    forge, openers = make(0xC023, etm)
    forge.wrong_padding = 1
    record = forge.seal(0, 23, b"content", number=0)
    assert openers[0].open(0, bytes(8) + record[:3], record[5:]) is None


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(VARIANTS), st.binary(max_size=120))
def test_any_bytes_stay_closed(variant: tuple[int, bool], body: bytes) -> None:
    _, openers = make(*variant)
    assert openers[0].open(0, bytes(8) + b"\x17\x03\x03", body) is None
