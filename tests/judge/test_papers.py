"""Forged papers: each is right but for one thing, and refused for it."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dissectors.asn1 import codec
from sgprobe.crypto import keys
from sgprobe.judge import chip, papers, shipment
from sgprobe.judge.item import Refused
from sgprobe.peers.delivery.manifest import sign_manifest
from vectors.ifpp.make import EVIDENCE
from vectors.ifpp.names import CERTIFICATES, OPERATOR_KEY

COMPLETE = EVIDENCE / "GENUINE_IFPP-complete"
PRELOAD = EVIDENCE / "BORN_CONNECTED_EUM_PRELOAD-statement"
ANCHORS = [CERTIFICATES.anchor]
KEY = keys.spki(OPERATOR_KEY)


def rewritten(tmp_path: Path, source: Path, **members: Any) -> dict[str, Path]:
    """Return a JSON paper with other members, under every name that an item may have."""
    value = {**json.loads(source.read_text()), **members}
    path = tmp_path / source.name
    path.write_text(json.dumps(value))
    return dict.fromkeys(("order", "answer", "statement", "custody", "verdict"), path)


def text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def test_an_order(tmp_path: Path) -> None:
    source = COMPLETE / "order.json"
    assert papers.read_order(rewritten(tmp_path, source), KEY).id == "O1"
    stranger = keys.spki(keys.derive_key("another", "operator", keys.Curve.P256))
    for members, key, words in (
        ({"digest": "00" * 32}, KEY, "digest"),
        ({"alg": "none"}, KEY, "alg"),
        ({"orderId": "O2"}, KEY, "another order"),
        ({"signature": text(bytes(64))}, KEY, "not signed"),
        ({}, stranger, "not signed"),
        ({}, b"no key", "cannot be used"),
    ):
        with pytest.raises(Refused, match=words):
            papers.read_order(rewritten(tmp_path, source, **members), key)


def test_a_preload_statement(tmp_path: Path) -> None:
    source = PRELOAD / "preload.json"
    files = rewritten(tmp_path, source)
    assert papers.read_statement(files, ANCHORS).iccid
    body = base64.b64decode(json.loads(source.read_text())["statement"])
    # a party of the same PKI that is no EUM
    other = CERTIFICATES["dppb"]
    shown = [text(one.der) for one in other.path]
    signed = text(keys.sign(other.key, body))
    for members, words in (
        ({"signature": text(bytes(64))}, "not signed by the EUM"),
        ({"statement": text(body.replace(b"8", b"9", 1))}, "not signed by the EUM"),
        ({"certificates": shown, "signature": signed}, "certificate of the EUM fails"),
        ({"certificates": []}, "missing"),
    ):
        with pytest.raises(Refused, match=words):
            papers.read_statement(rewritten(tmp_path, source, **members), ANCHORS)


def test_a_verdict_is_about_its_report(tmp_path: Path) -> None:
    report = {"report": COMPLETE / "report.ff4a"}
    good = rewritten(tmp_path, COMPLETE / "verdict.json")
    assert papers.read_report({**good, **report})[0].verdict == "proven-installed"
    other = rewritten(tmp_path, COMPLETE / "verdict.json", reportId="00" * 16)
    with pytest.raises(Refused, match="another report"):
        papers.read_report({**other, **report})


@pytest.mark.parametrize("sealed", ["yesterday", "2026-01-01T00:00:00", ""])
def test_a_seal_has_a_time_with_its_zone(tmp_path: Path, sealed: str) -> None:
    with pytest.raises(Refused, match="sealed"):
        papers.read_custody(rewritten(tmp_path, COMPLETE / "custody.json", sealed=sealed))


def test_a_context_that_the_smdpf_has_not_signed(tmp_path: Path) -> None:
    whole, path = codec.load("IFPP@0"), tmp_path / "package.ff48"
    value = whole.decode("PreboundPackage", (COMPLETE / "package.ff48").read_bytes()).value
    context = whole.decode("IfppLoadContextRequest", bytes.fromhex(value["loadContext"])).value
    context["signature"] = context["signature"][2:] + "00"
    value["loadContext"] = whole.encode("IfppLoadContextRequest", context).hex()
    path.write_bytes(whole.encode("PreboundPackage", value))
    with pytest.raises(Refused, match="not signed by its SM-DPf"):
        chip.read_binding({"package": path}, ANCHORS)


def test_a_state_that_answers_another_command(tmp_path: Path) -> None:
    """What the station gets when it closes the phase (FF44) is no witness's state."""
    octets = (COMPLETE / "state.ff45").read_bytes()
    path = tmp_path / "state"
    path.write_bytes(b"\xff\x44" + octets[2:])
    with pytest.raises(Refused, match="FF45"):
        chip.read_state({"state": path}, ANCHORS)


def test_a_delivery(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(COMPLETE / "delivery", tmp_path / "delivery"))
    files = {"delivery": folder}
    assert len(shipment.read_shipment(files, ANCHORS).lines) == 1
    index = folder / "shards/0000.idx"
    kept = index.read_text()
    index.write_text(kept.replace('"n":1,', '"n":2,'))
    with pytest.raises(Refused, match="not the one that the manifest names"):
        shipment.read_shipment(files, ANCHORS)
    index.write_text(kept)
    data = (folder / "manifest.json").read_bytes()
    (folder / "manifest.sig").write_bytes(sign_manifest(data, CERTIFICATES["dp2pb"]))
    with pytest.raises(Refused, match="another SM-DPf"):
        shipment.read_shipment(files, ANCHORS)
