"""Deliveries as messages: folders, tars, single files, and whatever is wrong with them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes_ifpp import bound

from dissectors.spec.identity import iccid_text
from dissectors.trace.delivery import is_delivery
from dissectors.trace.read import Trace, read_trace
from sgprobe.cli import run

PACKAGES = [bound().encoded(bytes([number]) * 16) for number in range(3)]


def line(number: int, octets: bytes, offset: int) -> dict[str, Any]:
    one = bound()
    return {
        "n": number, "packageId": f"{number - 1:02x}" * 16, "eid": one.eid.hex(),
        "keyRef": one.public.ref.hex(), "iccid": iccid_text(one.iccid),
        "transactionId": one.transaction.hex(), "suite": 1, "off": offset, "len": len(octets),
        "sha256": hashlib.sha256(octets).hexdigest(),
    }  # fmt: skip


def make(folder: Path, **members: Any) -> Path:
    """Write a delivery of three packages in one shard; members change the manifest."""
    shards = folder / "shards"
    shards.mkdir(parents=True)
    rows, at = [], 0
    for number, octets in enumerate(PACKAGES, 1):
        rows.append(line(number, octets, at))
        at += len(octets)
    index = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    (shards / "0000.idx").write_bytes(index)
    (shards / "0000.bin").write_bytes(b"".join(PACKAGES))
    shard = {"name": "0000", "entries": 3, "idxSha256": hashlib.sha256(index).hexdigest()}
    manifest = {"format": "ifpp-rb-delivery", "version": 0, "entryCount": 3, "shards": [shard]}
    (folder / "manifest.json").write_text(json.dumps({**manifest, **members}, indent=1))
    return folder


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    return make(tmp_path / "D-1")


def tar(folder: Path, where: Path) -> Path:
    with tarfile.open(where, "w") as file:
        file.add(folder, ".")
    return where


def codes(trace: Trace) -> list[str]:
    found = [one.code for message in trace.messages for one in message.problems]
    return found + [one.code for one, _ in trace.notes]


def test_a_folder_and_its_tar_are_one_manifest_and_their_packages(delivery: Path) -> None:
    folder = read_trace(delivery)
    assert [one.type for one in folder.messages] == ["manifest"] + ["PreboundPackage"] * 3
    assert [one.octets for one in folder.messages[1:]] == PACKAGES
    assert {one.transport for one in folder.messages} == {"file"}
    assert codes(folder) == []
    packed = read_trace(tar(delivery, delivery.parent / "d.tar"))
    assert [one.octets for one in packed.messages] == [one.octets for one in folder.messages]
    assert codes(packed) == []


def test_files_alone(delivery: Path) -> None:
    shards = delivery / "shards"
    assert [one.octets for one in read_trace(shards / "0000.bin").messages] == PACKAGES
    assert [one.value["n"] for one in read_trace(shards / "0000.idx").messages] == [1, 2, 3]
    assert [one.type for one in read_trace(delivery / "manifest.json").messages] == ["manifest"]


def test_one_package_alone_is_a_message_and_no_delivery(tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(PACKAGES[0])
    assert not is_delivery(tmp_path / "one.bin")
    assert not is_delivery(tmp_path)
    assert not is_delivery(tmp_path / "none")
    assert not is_delivery(io.BytesIO(PACKAGES[0] * 2))


def spoil(folder: Path, name: str, old: bytes, new: bytes) -> None:
    path = folder / name
    octets = path.read_bytes()
    assert old in octets
    path.write_bytes(octets.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("shards/0000.bin", b"\x02" * 16, b"\x05" * 16, "delivery.digest"),
        ("shards/0000.idx", b'"n": 2', b'"n": 9', "delivery.digest"),
        ("shards/0000.idx", b'"keyRef": "', b'"keyRef": "00', "delivery.entry"),
        ("shards/0000.idx", b'"off": 0', b'"off": -1', "delivery.form"),
        ("shards/0000.idx", b'"len": ', b'"len": 9999999', "delivery.form"),
        ("shards/0000.idx", b"{", b"", "delivery.form"),
        ("manifest.json", b'"entryCount": 3', b'"entryCount": 4', "delivery.totals"),
        ("manifest.json", b'"name": "0000"', b'"name": "0001"', "delivery.missing"),
        ("manifest.json", b'"name": "0000"', b'"name": "../../etc"', "delivery.form"),
        ("manifest.json", b'"shards": [', b'"shards": [7, ', "delivery.form"),
        ("manifest.json", b"ifpp-rb-delivery", b"ifpp-rb-deliverx", "delivery.form"),
    ],
)
def test_what_is_wrong_is_told(
    delivery: Path, name: str, old: bytes, new: bytes, code: str
) -> None:
    spoil(delivery, name, old, new)
    assert code in codes(read_trace(delivery))


def test_files_that_are_gone_or_links(delivery: Path) -> None:
    target = delivery / "shards" / "0000.bin"
    moved = delivery.parent / "elsewhere.bin"
    target.rename(moved)
    assert codes(read_trace(delivery)) == ["delivery.missing"]
    target.symlink_to(moved)
    assert codes(read_trace(delivery)) == ["delivery.missing"]


def test_a_tar_that_ends_inside(delivery: Path) -> None:
    packed = tar(delivery, delivery.parent / "d.tar")
    packed.write_bytes(packed.read_bytes()[:4000])
    assert codes(read_trace(packed)) != []


def test_the_command_line(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", str(delivery), "--as", "summary"]) == 0
    assert capsys.readouterr().out.count("PreboundPackage") == 3
    spoil(delivery, "shards/0000.bin", b"\x02" * 16, b"\x05" * 16)
    assert run(["decode", str(delivery), "--as", "ndjson"]) == 1
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [bool(row["problems"]) for row in rows] == [False, False, False, True]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_change_gives_messages_or_findings(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "D"
    if not folder.exists():
        make(folder)
    name = data.draw(st.sampled_from(["manifest.json", "shards/0000.idx", "shards/0000.bin"]))
    path = folder / name
    good = path.read_bytes()
    spoilt = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        path.write_bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))])
        for one in (folder, path):
            if is_delivery(one):
                read_trace(one)
    finally:
        path.write_bytes(good)
