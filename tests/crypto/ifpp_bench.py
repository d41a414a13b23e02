"""What the IFPP tests share: an SM-DPf, a one-time key, a profile."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import eid_octets
from sgprobe.crypto import ifpp
from sgprobe.crypto.identities import TEST_EID
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import OneTimeKey, Suite, unavailable
from sgprobe.crypto.pki import TestPki
from sgprobe.data import data_dir

KAT: Any = json.loads((data_dir("vectors") / "kat" / "ifpp.json").read_text(encoding="utf-8"))
EID = eid_octets(TEST_EID)
ICCID = bytes.fromhex("98001032547698103254")
METADATA = tlv("BF25", tlv("5A", ICCID), tlv("91", b"sgprobe"), tlv("92", b"Small"))


def need(suite: Suite) -> None:
    """Skip the test where a suite cannot be used."""
    if why := unavailable(suite):
        pytest.skip(why)


def pair(suite: Suite = Suite.C1, number: int = 1) -> OneTimeKey:
    need(suite)
    return OneTimeKey(number.to_bytes(8, "big"), suite, bytes([number]) * 32)


def sm_dpf(pki: TestPki, suite: Suite = Suite.C1, name: str = "dppb") -> ifpp.Binder:
    return binder(pki["p256"], name, with_quantum=suite is Suite.H1S)


def counted() -> Callable[[int], bytes]:
    """A source of octets that comes out again."""
    calls = iter(range(1, 1000))
    return lambda size: next(calls).to_bytes(2, "big") * (size // 2)


def content(size: int = 3000) -> ifpp.Content:
    return ifpp.Content(ICCID, METADATA, bytes(at % 251 for at in range(size)))
