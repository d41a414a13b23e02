"""The suite table against the names and numbers that OpenSSL prints."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from dissectors.link import tls_suites
from dissectors.link.tls_suites import suite, suite_name


@pytest.mark.oracle("openssl")
def test_names_and_numbers_are_those_of_openssl() -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command is not installed")
    words = ["ciphers", "-V", "-stdname", "-psk", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    printed = subprocess.run([openssl, *words], capture_output=True, text=True, check=True).stdout
    compared = 0
    for line in printed.splitlines():
        code, _, name, *_ = line.split()
        high, low = code.split(",")
        number = int(high, 16) << 8 | int(low, 16)
        if number in tls_suites._NAMES:
            assert suite_name(number) == name
            compared += 1
        else:
            assert "AES" not in name or "SRP" in name, f"{name} is missing"
    assert compared > 80


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0xC02B, ("gcm", 16, 16, "", "sha256")),
        (0xC02C, ("gcm", 32, 16, "", "sha384")),
        (0xC0AC, ("ccm", 16, 16, "", "sha256")),
        (0xC0AF, ("ccm", 32, 8, "", "sha256")),
        (0xC009, ("cbc", 16, 0, "sha1", "sha256")),
        (0x003D, ("cbc", 32, 0, "sha256", "sha256")),
        (0xC028, ("cbc", 32, 0, "sha384", "sha384")),
        (0xCCA8, ("chacha", 32, 16, "", "sha256")),
        (0xD005, ("ccm", 16, 16, "", "sha256")),
        (0x1305, ("ccm", 16, 8, "", "sha256")),
        (0x1302, ("gcm", 32, 16, "", "sha384")),
    ],
)
def test_parameters_follow_from_the_name(code: int, expected: tuple[object, ...]) -> None:
    found = suite(code)
    assert found is not None
    assert (found.kind, found.key_length, found.tag_length, found.mac, found.hash) == expected


def test_key_exchange_follows_from_the_name() -> None:
    flags = {}
    for code in (0xC0A8, 0xC0AA, 0xC02B, 0x1301):
        found = suite(code)
        assert found is not None
        flags[code] = (found.plain_psk, found.psk, found.ecdhe, found.tls13)
    assert flags == {
        0xC0A8: (True, True, False, False),
        0xC0AA: (False, True, False, False),
        0xC02B: (False, False, True, False),
        0x1301: (False, False, False, True),
    }


def test_other_suites_have_a_name_and_no_parameters() -> None:
    assert suite_name(0x5600) == "TLS_FALLBACK_SCSV"
    assert suite_name(0x3A3A) == "GREASE"
    assert suite_name(0xFFFE) == "0xFFFE"
    for code in (0, 0x5600, 0x3A3A, 0xFFFE, 0x000A, 0xC006):
        assert suite(code) is None
