"""Deliveries: written, read again, resumed, and every fault of the format found."""

from __future__ import annotations

import gc
import hashlib
import json
import tarfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from delivery_made import END, NOW, eid_of, manifest, packages, pki, prebound, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgprobe.peers.delivery.book import DeliveryBook
from sgprobe.peers.delivery.check import Refused, check_delivery
from sgprobe.peers.delivery.distinct import Marks, mark
from sgprobe.peers.delivery.entry import EntryError, read_line, read_package
from sgprobe.peers.delivery.files import FilesError, Folder, Tar, open_delivery, write_tar
from sgprobe.peers.delivery.manifest import (
    Manifest,
    ManifestError,
    read_manifest,
    sign_manifest,
)
from sgprobe.peers.delivery.writer import DeliveryWriter, file_names, position_of

ANCHORS = (pki().anchor,)


def codes(folder: Folder, **options: object) -> set[str]:
    found = check_delivery(folder, ANCHORS, NOW, **options)  # type: ignore[arg-type]
    return {one.code for one in found.faults}


def sign_again(folder: Folder, **changes: object) -> None:
    """Let the SM-DPf sign another manifest over the same files."""
    value = json.loads(folder.read("manifest.json"))
    data = json.dumps({**value, **changes}).encode()
    folder.write("manifest.json", data)
    folder.write("manifest.sig", sign_manifest(data, pki()["dppb"]))


def spoil(folder: Folder, name: str, old: bytes, new: bytes) -> None:
    data = folder.read(name)
    assert old in data
    (folder.path / name).write_bytes(data.replace(old, new, 1))


def test_what_is_written_is_found_again(tmp_path: Path) -> None:
    folder = write(tmp_path, packages(10))
    found = check_delivery(folder, ANCHORS, NOW, packages=True)
    assert found.ok, found.faults
    assert (found.entries, found.manifest.entry_count, found.manifest.eid_count) == (10, 10, 10)
    assert [one.entries for one in found.usable] == [4, 4, 2]
    book = DeliveryBook(folder, found.usable)
    for number in range(1, 11):
        (place,) = book.find(eid_of(number))
        package = book.package(place)
        assert place.entry.matches(package)
        assert read_package(package).package_id == f"{number:032x}"
    assert list(book.find(eid_of(11))) == []
    assert len(list(book.entries())) == 10


def test_packages_of_one_eid_stay_in_their_order_across_shards(tmp_path: Path) -> None:
    eid = eid_of(7)
    folder = write(tmp_path, (prebound(number, eid) for number in (9, 3, 5, 1, 8)), shard=2)
    found = check_delivery(folder, ANCHORS, NOW)
    assert found.ok, found.faults
    assert found.manifest.eid_count == 1
    numbers = [
        int(one.entry.package_id, 16) for one in DeliveryBook(folder, found.usable).find(eid)
    ]
    assert numbers == [9, 3, 5, 1, 8]


def test_writer_refuses_eids_out_of_order(tmp_path: Path) -> None:
    writer = DeliveryWriter(Folder(tmp_path))
    writer.add(prebound(2))
    with pytest.raises(ValueError, match="sort by EID"):
        writer.add(prebound(1))


def test_writer_goes_on_after_a_crash_and_makes_the_same_files(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", packages(10))
    folder = Folder(tmp_path / "cut")
    writer = DeliveryWriter(folder, shard_entries=4)
    for one in packages(6):
        writer.add(one)
    writer.flush()
    record = json.loads(json.dumps(writer.position.to_record()))
    # what comes after the last commit is written, and lost
    writer.add(prebound(99))
    writer.flush()
    writer.close()
    again = DeliveryWriter(folder, position_of(record), shard_entries=4)
    for number in range(7, 11):
        again.add(prebound(number))
    again.finish(manifest(), pki()["dppb"])
    for name in file_names(check_delivery(whole, ANCHORS, NOW).manifest.shards):
        assert folder.read(name) == whole.read(name), name


def test_altered_manifest_and_foreign_signers_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, packages(3))
    good = folder.read("manifest.json")
    spoil(folder, "manifest.json", b'"entryCount": 3', b'"entryCount": 4')
    with pytest.raises(Refused, match="does not cover"):
        check_delivery(folder, ANCHORS, NOW)
    folder.write("manifest.json", good)
    for name, rule in (("dpauth", "dppb"), ("dp2pb", "OID"), ("dptls", "")):
        folder.write("manifest.sig", sign_manifest(good, pki()[name]))
        with pytest.raises(Refused):
            check_delivery(folder, ANCHORS, NOW)
        assert rule is not None
    folder.write("manifest.sig", sign_manifest(good, pki().get("dppb", "expired")))
    with pytest.raises(Refused, match="certificate fails"):
        check_delivery(folder, ANCHORS, NOW)
    foreign = pki()["foreign-ci"].certificate
    from sgprobe.crypto.chain import Anchor

    folder.write("manifest.sig", sign_manifest(good, pki()["dppb"]))
    with pytest.raises(Refused, match="certificate fails"):
        check_delivery(folder, (Anchor.of(foreign),), NOW)
    (tmp_path / "manifest.sig").unlink()
    with pytest.raises(Refused, match="No such file"):
        check_delivery(folder, ANCHORS, NOW)


def test_a_spoilt_shard_is_refused_and_the_others_are_usable(tmp_path: Path) -> None:
    folder = write(tmp_path, packages(10))
    spoil(folder, "shards/0001.idx", b'"suite":1', b'"suite":2')
    found = check_delivery(folder, ANCHORS, NOW)
    assert {one.code for one in found.faults} == {"line", "digest"}
    assert [one.name for one in found.usable] == ["0000", "0002"]


def test_truncated_and_missing_shards_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path, packages(10))
    path = tmp_path / "shards/0000.bin"
    path.write_bytes(path.read_bytes()[:-1])
    (tmp_path / "shards/0001.idx").unlink()
    found = check_delivery(folder, ANCHORS, NOW)
    assert {(one.code, one.place) for one in found.faults} == {
        ("size", "shards/0000.bin"),
        ("missing", "shards/0001.idx"),
    }
    assert [one.name for one in found.usable] == ["0002"]
    # a line cut in the middle
    data = folder.read("shards/0002.idx")
    (tmp_path / "shards/0002.idx").write_bytes(data[: len(data) - 40])
    assert "line" in codes(folder)


def test_an_altered_package_is_seen_by_entry_and_by_transfer_check(tmp_path: Path) -> None:
    folder = write(tmp_path, packages(3))
    data = bytearray(folder.read("shards/0000.bin"))
    data[5] ^= 1
    (tmp_path / "shards/0000.bin").write_bytes(bytes(data))
    found = check_delivery(folder, ANCHORS, NOW)
    assert found.ok
    book = DeliveryBook(folder, found.usable)
    bad = [one for one in range(1, 4) for place in book.find(eid_of(one))
           if not place.entry.matches(book.package(place))]  # fmt: skip
    assert bad == [1]
    assert codes(folder, packages=True) == {"digest"}


def test_totals_that_do_not_add_up(tmp_path: Path) -> None:
    folder = write(tmp_path, packages(5))
    sign_again(folder, entryCount=6)
    assert codes(folder) == {"totals"}
    sign_again(folder, entryCount=5, eidCount=4)
    assert codes(folder) == {"totals"}
    shards = json.loads(folder.read("manifest.json"))["shards"]
    sign_again(folder, eidCount=5, shards=[{**shards[0], "entries": 3}, shards[1]])
    assert "totals" in codes(folder)
    sign_again(folder, shards=[*shards, shards[0]])
    assert "format" in codes(folder)


def test_foreign_files_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path, packages(2))
    (tmp_path / "shards/0007.bin").write_bytes(b"x")
    (tmp_path / "readme.txt").write_text("hello")
    assert codes(folder) == {"foreign"}


def test_more_entries_than_a_shard_may_have(tmp_path: Path) -> None:
    folder = write(tmp_path, packages(2))
    line = folder.read("shards/0000.idx").splitlines(keepends=True)[0]
    value = json.loads(line)
    many = b"".join(
        json.dumps({**value, "n": number, "off": (number - 1) * value["len"]}).encode() + b"\n"
        for number in range(1, 10_002)
    )
    (tmp_path / "shards/0000.idx").write_bytes(many)
    shard = json.loads(folder.read("manifest.json"))["shards"][0]
    shard = {**shard, "entries": 10_001, "idxSha256": hashlib.sha256(many).hexdigest()}
    sign_again(folder, shards=[shard])
    assert "shard-size" in codes(folder)
    # the manifest keeps quiet about it
    sign_again(folder, shards=[{**shard, "entries": 10_000}])
    assert "shard-size" in codes(folder)


def test_a_line_of_a_megabyte_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    folder = write(tmp_path, packages(2))
    with (tmp_path / "shards/0000.idx").open("ab") as file:
        file.write(b'{"n":3,"x":"' + b"a" * 1_000_000 + b'"}\n')
    assert "line" in codes(folder)


def twice(first: int, second: int, **same: str) -> list[object]:
    one, two = prebound(first), prebound(second)
    from dataclasses import replace

    return [one, replace(two, **{name: getattr(one, name) for name in same})]


@pytest.mark.parametrize("name", ["package_id", "iccid"])
def test_names_that_come_twice_are_duplicates(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, iter(twice(1, 2, **{name: ""})), shard=1)  # type: ignore[arg-type]
    found = check_delivery(folder, ANCHORS, NOW)
    assert {one.code for one in found.faults} == {"duplicate"}
    assert {prebound(1).package_id} <= found.duplicates


def test_one_key_for_two_packages_is_a_duplicate(tmp_path: Path) -> None:
    from dataclasses import replace

    one = prebound(1)
    other = replace(prebound(2), eid=one.eid, key_ref=one.key_ref)
    found = check_delivery(write(tmp_path, iter([one, other])), ANCHORS, NOW)
    assert found.duplicates == {one.package_id, other.package_id}
    # the same key reference at two EIDs is none
    other = replace(prebound(2), key_ref=one.key_ref)
    assert codes(write(tmp_path / "b", iter([one, other]))) == set()


def test_a_package_of_another_delivery_is_a_duplicate(tmp_path: Path) -> None:
    first = check_delivery(write(tmp_path / "a", packages(5)), ANCHORS, NOW)
    kept = Marks.from_bytes(first.marks.to_bytes())
    folder = write(tmp_path / "b", (prebound(number) for number in (4, 6)))
    found = check_delivery(folder, ANCHORS, NOW, others=[kept])
    assert found.duplicates == {prebound(4).package_id}
    assert codes(write(tmp_path / "c", iter([prebound(6)])), others=[kept]) == set()


def test_wrong_check_digits_of_an_eid(tmp_path: Path) -> None:
    eid = eid_of(1)
    wrong = eid[:-1] + str((int(eid[-1]) + 1) % 10)
    found = check_delivery(write(tmp_path, iter([prebound(1, wrong)])), ANCHORS, NOW)
    assert [one.rule for one in found.faults] == ["RB-43"]


def test_tar_is_read_where_it_lies(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", packages(6))
    shards = check_delivery(folder, ANCHORS, NOW).manifest.shards
    write_tar(folder, file_names(shards), tmp_path / "d.tar")
    files = open_delivery(tmp_path / "d.tar")
    found = check_delivery(files, ANCHORS, NOW, packages=True)
    assert found.ok, found.faults
    (place,) = DeliveryBook(files, found.usable).find(eid_of(5))
    assert place.entry.matches(DeliveryBook(files, found.usable).package(place))
    with pytest.raises(FilesError):
        files.read("shards/9999.idx")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside.idx", tarfile.REGTYPE),
        ("/etc/passwd", tarfile.REGTYPE),
        ("shards/../../x.bin", tarfile.REGTYPE),
        ("shards/0000.idx", tarfile.SYMTYPE),
        ("shards/0001.bin", tarfile.LNKTYPE),
        ("shards/0002.bin", tarfile.FIFOTYPE),
    ],
)
def test_names_and_links_of_a_tar_lead_nowhere(tmp_path: Path, name: str, kind: bytes) -> None:
    folder = write(tmp_path / "d", packages(2))
    shards = check_delivery(folder, ANCHORS, NOW).manifest.shards
    write_tar(folder, file_names(shards), tmp_path / "d.tar")
    with tarfile.open(tmp_path / "d.tar", "a:") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.size = kind, "/etc/passwd", 0
        tar.addfile(member, BytesIO())
    before = sorted(tmp_path.rglob("*"))
    found = check_delivery(Tar(tmp_path / "d.tar"), ANCHORS, NOW)
    assert {one.code for one in found.faults} == {"foreign"}
    assert sorted(tmp_path.rglob("*")) == before


def test_links_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", packages(2))
    path = tmp_path / "d/shards/0000.idx"
    path.rename(tmp_path / "real.idx")
    path.symlink_to(tmp_path / "real.idx")
    assert "missing" in codes(folder)
    (tmp_path / "d/shards").rename(tmp_path / "elsewhere")
    (tmp_path / "d/shards").symlink_to(tmp_path / "elsewhere")
    assert "missing" in codes(folder)


@pytest.mark.parametrize("path", ["nowhere", "text"])
def test_what_is_no_delivery(tmp_path: Path, path: str) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(FilesError):
        open_delivery(tmp_path / path)


LINE = json.loads(
    b'{"n":1,"packageId":"' + b"0" * 32 + b'","eid":"89049032123451234512345678901235",'
    b'"keyRef":"0000000000000001","iccid":"8999001000000000016","transactionId":"00",'
    b'"suite":1,"off":0,"len":10,"sha256":"' + b"0" * 64 + b'"}'
)


def test_lines_of_later_versions_are_read() -> None:
    assert read_line(json.dumps({**LINE, "more": [1]}).encode()).suite == 1


@pytest.mark.parametrize("name", sorted(LINE))
@pytest.mark.parametrize("value", [None, "", -1, True, 1.5, [], "zz" * 16, 1 << 60, "٣" * 32])
def test_lines_with_a_wrong_member(name: str, value: object) -> None:
    with pytest.raises(EntryError):
        read_line(json.dumps({**LINE, name: value}).encode())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda one: f'{{"n":{one}}}'.encode()))
def test_any_octets_are_a_line_or_none(data: bytes) -> None:
    try:
        read_line(data)
    except EntryError:
        pass
    try:
        read_manifest(data)
    except ManifestError:
        pass


def test_deep_json_is_refused() -> None:
    for reader, error in ((read_line, EntryError), (read_manifest, ManifestError)):
        with pytest.raises(error):
            reader(b"[" * 4000)  # type: ignore[operator]
        with pytest.raises(error):
            reader(b"[" * 100_000)  # type: ignore[operator]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_changed_octet_is_seen_before_a_package_is_used(
    tmp_path: Path, data: st.DataObject
) -> None:
    folder = write(tmp_path / "d", packages(3))
    names = ["manifest.json", "manifest.sig", "shards/0000.idx", "shards/0000.bin"]
    name = data.draw(st.sampled_from(names))
    octets = bytearray(folder.read(name))
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= 1 << data.draw(st.integers(0, 7))
    (folder.path / name).write_bytes(bytes(octets))
    try:
        found = check_delivery(folder, ANCHORS, NOW)
    except Refused:
        assert name.startswith("manifest")
        return
    if name == "manifest.sig":
        # white space, or a member that nobody needs
        return
    assert name.startswith("shards")
    book = DeliveryBook(folder, found.usable)
    matches = [one.matches(book.package(place)) for number in range(1, 4)
               for place in book.find(eid_of(number)) for one in [place.entry]]  # fmt: skip
    assert not found.ok or not all(matches)


def test_marks_find_what_is_there_twice() -> None:
    marks = Marks(mark("iccid", str(number)) for number in range(1000))
    assert marks.repeated() == set()
    marks.add(mark("iccid", "7"))
    assert marks.repeated() == {mark("iccid", "7")}
    other = Marks([mark("iccid", "5"), mark("package", "6")])
    assert marks.shared(other) == {mark("iccid", "5")}
    assert len(Marks.from_bytes(marks.to_bytes())) == 1001


def test_manifest_reads_what_it_writes() -> None:
    made: Manifest = manifest(supersedes="D0")
    assert read_manifest(made.to_bytes()) == made
    assert made.not_after == END == NOW + timedelta(days=365)


def test_what_a_killed_writer_had_in_its_buffers_comes_nowhere(tmp_path: Path) -> None:
    """The next writer goes on in the same files, and the old one is thrown away later."""
    folder = Folder(tmp_path)
    killed = DeliveryWriter(folder)
    killed.add(prebound(1))
    killed.flush()
    at = killed.position
    killed.add(prebound(2, size=60))
    killed.abandon()
    again = DeliveryWriter(folder, at)
    for number in (3, 4):
        again.add(prebound(number))
    again.flush()
    del killed
    gc.collect()
    again.add(prebound(5))
    again.finish(manifest(), pki()["dppb"])
    found = check_delivery(folder, [pki().anchor], packages=True)
    assert (found.faults, found.entries) == ([], 4)
