"""Packages that a stranger bound, opened step by step by the eUICC. vectors/kat/bpp.json."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from euicc_bench import make
from euicc_server import Server, pieces

from sgprobe.crypto import keys
from sgprobe.crypto.keys import Curve
from sgprobe.data import data_dir
from sgprobe.peers.euicc import bpp
from sgprobe.peers.euicc.records import Installation
from sgprobe.peers.euicc.session import Agreed
from sgprobe.peers.euicc.session import Server as Session

CASES = json.loads((data_dir("vectors") / "kat" / "bpp.json").read_text())["cases"]
_CURVES = {"p256": ec.SECP256R1(), "brainpool": ec.BrainpoolP256R1()}


class Collector:
    """Takes what would go to the interpreter: the vectors hold no real profile."""

    def __init__(self, rules: Any, room: int) -> None:
        self.package = b""

    def feed(self, octets: bytes) -> None:
        self.package += octets

    def finish(self) -> bytes:
        raise AssertionError


def profile_of(case: dict[str, Any]) -> bytes:
    octets = b""
    while len(octets) < case["profile_size"]:
        counter = len(octets) // 32
        octets += hashlib.sha256(f"{case['profile_label']}/{counter}".encode()).digest()
    return octets[: case["profile_size"]]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_strangers_package_opens(case, monkeypatch):
    curve = _CURVES[case["curve"]]
    euicc = make(curve=case["curve"])
    assert euicc.eid == case["eid"]
    transaction = bytes.fromhex(case["transaction_id"])
    public = keys.public_from_point(Curve(case["curve"]), bytes.fromhex(case["dppb_public"]))
    identity = euicc.chip.ecasd.identities[0]
    certificate = SimpleNamespace(public_key=public, oid="2.999.10")
    euicc.session.server = Session(
        transaction,
        "smdp",
        certificate,
        "dpauth",
        identity,
        b"",  # type: ignore[arg-type]
    )
    own = ec.derive_private_key(int(case["otsk_euicc"], 16), curve)
    point = bytes.fromhex(case["otpk_euicc"])
    assert keys.point(own) == point
    euicc.session.agreed = Agreed(certificate, own, point)  # type: ignore[arg-type]
    found: dict[str, Any] = {}

    def install(turn: Any, loader: bpp.Loader, interpreter: Collector) -> bytes:
        found.update(package=interpreter.package, metadata=loader.metadata)
        return b"\xbf\x37\x00"

    monkeypatch.setattr(bpp, "Interpreter", Collector)
    monkeypatch.setattr(bpp.installing, "install", install)
    parts = list(pieces(bytes.fromhex(case["bpp"])))
    for part in parts[:-1]:
        assert euicc.command(part, 0.0) == b""
    assert euicc.draft().find(Installation) is not None
    assert euicc.command(parts[-1], 0.0) == b"\xbf\x37\x00"
    assert found["package"] == profile_of(case)
    codec = euicc.chip.dialect.codec
    told = codec.decode("StoreMetadataRequest", bytes.fromhex(case["store_metadata"]))
    assert found["metadata"] == told.value


def test_the_own_server_helper_cuts_as_the_vectors():
    server = Server(make())
    server.authenticate()
    server.prepare()
    heads = [piece[:1].hex() for piece in pieces(server.bpp("89990010000000000038"))]
    other = [piece[:1].hex() for piece in pieces(bytes.fromhex(CASES[0]["bpp"]))]
    assert list(dict.fromkeys(heads)) == list(dict.fromkeys(other))
