"""The IPA at the command line: what it announces."""

from __future__ import annotations

import pytest

from sgprobe.host.device import Device, EimPlace, Plan
from sgprobe.peers.ipa.config import INJECT_COAPS, INJECT_HTTPS, RETRIEVE_COAPS, RETRIEVE_HTTPS


@pytest.mark.parametrize(
    ("scheme", "listens", "ways"),
    [
        ("https", False, {RETRIEVE_HTTPS}),
        ("https", True, {RETRIEVE_HTTPS, INJECT_HTTPS}),
        ("coaps", False, {RETRIEVE_COAPS}),
        ("coaps", True, {RETRIEVE_COAPS, INJECT_COAPS}),
    ],
)
def test_injection_is_announced_where_the_ipa_listens(
    scheme: str, listens: bool, ways: set[int]
) -> None:
    eim = EimPlace(f"{scheme}://127.0.0.1:1", "eim.example.com", "eim.example.com")
    assert Device(Plan(eim=eim, listens=listens)).ipa.config.protocols == ways
