"""Evidence bundles: whole, changed anywhere, signed, redacted."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
import synthetic

from sgprobe.report.bundle import MANIFEST, BadBundle, pack, verify
from sgprobe.report.folder import read_run
from sgprobe.report.redact import KINDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = synthetic.write(tmp_path / "run", count=17)
    (found / "captures").mkdir()
    (found / "captures" / "a.pcapng").write_bytes(b"\n\r\r\n" + bytes(range(256)) * 8)
    (found / "report.html").write_text("<!doctype html>")
    return found


def repacked(source: Path, target: Path, change: dict[str, bytes | None]) -> Path:
    """Write a bundle again with some of its files changed, left out or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data = change.get(info.filename, old.read(info))
            if data is not None:
                new.writestr(zipfile.ZipInfo(info.filename, info.date_time), data)
        for name in change.keys() - set(old.namelist()):
            data = change[name]
            assert data is not None
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return target


def test_a_bundle_is_whole(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "b.zip")
    checked = verify(packed.path)
    assert checked.findings == ()
    assert checked.sha256 == packed.sha256
    names = [one["name"] for one in checked.manifest["files"]]
    assert names == ["captures/a.pcapng", "events.ndjson", "report.html"]
    assert checked.manifest["seed"] == 7
    assert checked.manifest["counts"]["failed"] == 1
    assert checked.manifest["product"]["name"] == "acme-eim"


def test_the_same_run_gives_the_same_bundle(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "one.zip")
    pack(folder, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_product_file_is_packed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "product.yaml").write_text("role: eim\n")
    names = [one["name"] for one in verify(pack(folder, tmp_path / "b.zip").path).manifest["files"]]
    assert "product/product.yaml" in names


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    packed = pack(folder, tmp_path / "b.zip")
    assert packed.left_out == ("link: it lies elsewhere",)
    assert "link" not in zipfile.ZipFile(packed.path).namelist()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"captures/a.pcapng": b"other"}, "captures/a.pcapng: it is shorter than it was"),
        ({"report.html": b"<!DOCTYPE html>"}, "report.html: its content is another"),
        ({"report.html": b"<!doctype html> "}, "report.html: it is longer than it was"),
        ({"report.html": None}, "report.html: it is missing"),
        ({"new.txt": b"x"}, "new.txt: it is not in the manifest"),
    ],
)
def test_a_change_is_found(
    folder: Path, tmp_path: Path, change: dict[str, bytes | None], found: str
) -> None:
    packed = pack(folder, tmp_path / "b.zip")
    assert verify(repacked(packed.path, tmp_path / "c.zip", change)).findings == (found,)


def test_a_manifest_made_anew_is_found_by_its_digest(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "b.zip")
    stream = folder / "events.ndjson"
    stream.write_text(stream.read_text().replace('"fail"', '"pass"'))
    forged = pack(folder, tmp_path / "c.zip")
    assert verify(forged.path).findings == ()
    (finding,) = verify(forged.path, sha256=packed.sha256.upper()).findings
    assert finding.startswith("manifest.json: it is another one")


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def test_no_octet_of_a_file_changes_unseen(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "b.zip")
    whole = contents(packed.path)
    data = bytearray(packed.path.read_bytes())
    broken = tmp_path / "c.zip"
    for at in range(0, len(data), 37):
        data[at] ^= 0x41
        broken.write_bytes(data)
        try:
            # zip has fields that say nothing, and bits between its streams: the files are the same
            assert verify(broken).findings or contents(broken) == whole
        except BadBundle:
            pass
        data[at] ^= 0x41


@pytest.mark.parametrize("data", [b"", b"PK", b"x" * 100, b"PK\x05\x06" + bytes(18)])
def test_no_bundle(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(data)
    with pytest.raises(BadBundle, match="no bundle"):
        verify(path)


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b"{}", b'{"format": 2, "files": []}', b'{"format": 1, "files": [{}]}',
     b'{"format": 1, "files": [{"name": 1, "size": 1, "sha256": ""}]}', b"[" * 100_000],
)  # fmt: skip
def test_a_broken_manifest(folder: Path, tmp_path: Path, manifest: bytes) -> None:
    packed = pack(folder, tmp_path / "b.zip")
    with pytest.raises(BadBundle, match=r"manifest\.json"):
        verify(repacked(packed.path, tmp_path / "c.zip", {MANIFEST: manifest}))


def test_a_bomb_is_not_unpacked(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "b.zip")
    with zipfile.ZipFile(packed.path) as old:
        manifest = old.read(MANIFEST)
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr(zipfile.ZipInfo(MANIFEST, (1980, 1, 1, 0, 0, 0)), manifest)
        info = zipfile.ZipInfo("report.html", (1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        new.writestr(info, bytes(50 << 20))
    found = verify(tmp_path / "c.zip").findings
    assert "report.html: it is longer than it was" in found


def test_redaction_hides_identities_everywhere(folder: Path, tmp_path: Path) -> None:
    iccid = "98001032547698103221"  # nibbles swapped, as on the wire
    whole = (folder / "events.ndjson").read_text()
    assert synthetic.EID in whole
    assert iccid in whole
    packed = pack(folder, tmp_path / "b.zip", redact=frozenset(KINDS))
    checked = verify(packed.path)
    assert checked.findings == ()
    assert checked.manifest["redacted"] == sorted(KINDS)
    assert checked.manifest["left_out"] == ["captures/a.pcapng: it cannot be redacted"]
    with zipfile.ZipFile(packed.path) as bundle:
        names = bundle.namelist()
        texts = {name: bundle.read(name).decode() for name in names}
        bundle.extractall(tmp_path / "out")
    assert {"events.ndjson", "report.html", "results.json"} <= set(names)
    for text in texts.values():
        assert synthetic.EID not in text
        assert iccid not in text
        assert "89890103" not in text
        assert re.search("(?:89){16}", text) is None  # the EID in a request's octets
    run = read_run(tmp_path / "out")
    assert run.counts()["failed"] == 1
    assert run.items[12].detail().judged()


def test_a_body_that_was_not_opened_is_left_out(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path / "run", count=1)
    stream = run / "events.ndjson"
    lines = [json.loads(line) for line in stream.read_text().splitlines()]
    for line in lines:
        if line["event"] == "message":
            line["value"], line["bytes"] = None, "cafe" * 9
    stream.write_text("\n".join(map(json.dumps, lines)) + "\n")
    packed = pack(run, tmp_path / "b.zip", redact=frozenset(KINDS))
    with zipfile.ZipFile(packed.path) as bundle:
        assert "cafecafe" not in bundle.read("events.ndjson").decode()


def test_what_a_late_message_gives_away_is_hidden_before_it(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path / "run", count=1)
    stream = run / "events.ndjson"
    lines = [json.loads(line) for line in stream.read_text().splitlines()]
    note = next(line for line in lines if line["event"] == "note")
    note["text"] = "the order has the matching id QX-77-ABCD"
    last = [line for line in lines if line["event"] == "message"][-1]
    last["value"] = {"matchingId": "QX-77-ABCD"}
    stream.write_text("\n".join(map(json.dumps, lines)) + "\n")
    packed = pack(run, tmp_path / "b.zip", redact=frozenset(KINDS))
    with zipfile.ZipFile(packed.path) as bundle:
        for name in bundle.namelist():
            assert b"QX-77-ABCD" not in bundle.read(name)
