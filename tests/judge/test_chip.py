"""Binding records of suite h1s: both signatures of the load context must be the SM-DPf's."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dissectors.asn1 import codec
from dissectors.spec.identity import eid_octets, iccid_octets
from sgprobe.crypto import ifpp
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import Suite, unavailable
from sgprobe.judge.chip import network_of, read_binding
from sgprobe.judge.item import Refused
from sgprobe.peers.eum.personalisation import Eum, Kind
from sgprobe.peers.profiles.library import PROFILE_TYPES, package
from sgprobe.peers.smdp.metadata import store_metadata
from vectors.ifpp.names import CERTIFICATES, OPERATIONAL, SEED
from vectors.ifpp.story import _USUAL


def bound(tmp_path: Path) -> Path:
    eum = Eum(CERTIFICATES, entropy=random.Random("h1s"))
    chip = eum.personalise(7, Kind(keys=(Suite.H1S,)))
    kind = PROFILE_TYPES["small"]
    metadata = store_metadata(_USUAL, OPERATIONAL, kind, "smdpf.example")
    content = ifpp.Content(iccid_octets(OPERATIONAL), metadata, package(SEED, OPERATIONAL, kind))
    signer = binder(CERTIFICATES, with_quantum=True)
    made = ifpp.bind(signer, eid_octets(chip.eid), chip.one_time_keys[0].public, content)
    path = tmp_path / "package.ff48"
    path.write_bytes(made.encoded(bytes(16)))
    return path


@pytest.mark.skipif(bool(unavailable(Suite.H1S)), reason=str(unavailable(Suite.H1S)))
def test_a_context_of_h1s_has_two_signatures(tmp_path: Path) -> None:
    path = bound(tmp_path)
    anchors = [CERTIFICATES.anchor]
    assert read_binding({"package": path}, anchors).iccid == OPERATIONAL
    whole = codec.load("IFPP@0")
    value = whole.decode("PreboundPackage", path.read_bytes()).value
    context = whole.decode("IfppLoadContextRequest", bytes.fromhex(value["loadContext"])).value
    good = context["pqSignature"]
    for wrong in ("00" + good[2:] if good[:2] != "00" else "01" + good[2:], None):
        given = {**context, "pqSignature": wrong}
        if wrong is None:
            del given["pqSignature"]
        value["loadContext"] = whole.encode("IfppLoadContextRequest", given).hex()
        path.write_bytes(whole.encode("PreboundPackage", value))
        with pytest.raises(Refused, match="ML-DSA"):
            read_binding({"package": path}, anchors)


def test_networks_of_two_and_three_digits() -> None:
    assert network_of("00f110") == "00101"
    assert network_of("130062") == "310260"
    assert network_of("62f210") == "26201"
    assert network_of("") == ""
