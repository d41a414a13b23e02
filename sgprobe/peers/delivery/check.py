"""Checks a delivery as a stream: signature, digests, order, totals, and that nothing is twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sgprobe.crypto.certificates import Certificate
from sgprobe.crypto.chain import Anchor
from sgprobe.peers.delivery.distinct import Marks, mark
from sgprobe.peers.delivery.entry import MAX_LINE, Entry, EntryError, read_line
from sgprobe.peers.delivery.files import CHAIN, MANIFEST, SIGNATURE, Files, FilesError
from sgprobe.peers.delivery.manifest import (
    MAX_MANIFEST,
    MAX_SHARD,
    MAX_SIGNATURE,
    Manifest,
    ManifestError,
    Shard,
    check_signature,
    read_manifest,
)

_BLOCK = 1 << 20
# findings that are kept; a broken delivery could have one for every entry
MAX_FAULTS, MAX_SHARD_FAULTS = 1000, 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: its code, the file and line, what it is, and the rule."""

    code: str
    place: str
    text: str
    rule: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text} ({self.rule})"


class Refused(Exception):
    """Nothing of a delivery may be used."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Names:
    """The three names of an entry that nobody else may have, as marks. RB-42."""

    package: int
    iccid: int
    key: int

    @classmethod
    def of(cls, entry: Entry) -> Names:
        """Return the marks of an entry."""
        return cls(
            mark("package", entry.package_id),
            mark("iccid", entry.iccid),
            mark("key", entry.eid + entry.key_ref),
        )

    def __iter__(self) -> Iterator[int]:
        return iter((self.package, self.iccid, self.key))


@dataclass(slots=True)
class Checked:
    """What a check has found: the manifest, the shards that may be used, and all faults."""

    manifest: Manifest
    signer: Certificate
    usable: tuple[Shard, ...] = ()
    # packages that are there twice, by package id: none of them may be loaded
    duplicates: frozenset[str] = frozenset()
    faults: list[Fault] = field(default_factory=list)
    dropped: int = 0
    entries: int = 0
    marks: Marks = field(default_factory=Marks, repr=False)

    @property
    def ok(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.faults

    def add(self, code: str, place: str, text: str, rule: str) -> None:
        """Note a fault."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(code, place, text, rule))
        else:
            self.dropped += 1


def open_manifest(
    files: Files, anchors: Sequence[Anchor], now: datetime | None = None, *, strict: bool = True
) -> tuple[Manifest, Certificate]:
    """Return manifest and signer of a delivery, or refuse it as a whole. RB-40, RB-41."""
    try:
        data = files.read(MANIFEST, 0, MAX_MANIFEST + 1)
        signature = files.read(SIGNATURE, 0, MAX_SIGNATURE + 1)
    except FilesError as error:
        raise Refused(Fault("missing", error.place, error.text, "RB-41")) from None
    try:
        signer = check_signature(data, signature, anchors, now, strict=strict)
        manifest = read_manifest(data)
    except ManifestError as error:
        place, _, text = str(error).partition(": ")
        code = "signature" if place == SIGNATURE else "format"
        raise Refused(Fault(code, place, text, "RB-40")) from None
    if strict and signer.oid != manifest.smdpf_oid:
        text = f"signed under OID {signer.oid}, made by {manifest.smdpf_oid}"
        raise Refused(Fault("signature", SIGNATURE, text, "RB-40"))
    return manifest, signer


def check_delivery(
    files: Files,
    anchors: Sequence[Anchor],
    now: datetime | None = None,
    *,
    packages: bool = False,
    strict: bool = True,
    others: Sequence[Marks] = (),
    told: Callable[[int], None] = lambda entries: None,
) -> Checked:
    """Check all of a delivery; `packages` also reads every .bin, as after a transfer.

    `others` are the marks of deliveries that are in use; `told` hears how many entries are done. A
    line that is not `strict` does not look at the signature.
    """
    manifest, signer = open_manifest(files, anchors, now, strict=strict)
    found = Checked(manifest, signer)
    _check_names(files, found)
    usable = []
    totals = _Totals()
    for shard in manifest.shards:
        begun = totals.entries
        try:
            good = _check_index(files, shard, found, totals, told)
            if packages and good:
                good = _check_packages(files, shard, found)
        except FilesError as error:
            found.add("missing", error.place, error.text, "RB-41")
            good = False
        if good:
            usable.append(shard)
        else:
            # the next shard is judged as if this one were what the manifest says
            totals.entries, totals.last = begun + shard.entries, shard.last_eid
    found.usable = tuple(usable)
    found.entries = sum(one.entries for one in usable)
    # a shard that is gone has its own fault already
    if len(usable) == len(manifest.shards):
        stated = (("entryCount", manifest.entry_count, totals.entries),
                  ("eidCount", manifest.eid_count, totals.eids))  # fmt: skip
        for name, said, there in stated:
            if said != there:
                text = f"{name} is {said}, there are {there}"
                found.add("totals", MANIFEST, text, "RB-42")
    _check_distinct(files, found, others)
    return found


@dataclass(slots=True)
class _Totals:
    entries: int = 0
    eids: int = 0
    last: str = ""


def _check_names(files: Files, found: Checked) -> None:
    manifest = found.manifest
    names = [one.name for one in manifest.shards]
    for name, times in Counter(names).items():
        if times > 1:
            found.add("format", MANIFEST, f"shard {name} is listed {times} times", "RB-42")
    listed = {MANIFEST, SIGNATURE, CHAIN}
    for shard in manifest.shards:
        listed |= {shard.idx, shard.bin}
        if shard.entries > MAX_SHARD:
            text = f"shard {shard.name} has {shard.entries} entries, at most {MAX_SHARD}"
            found.add("shard-size", MANIFEST, text, "RB-45")
    for name, times in Counter(files.names()).items():
        if name not in listed:
            found.add("foreign", name[:120], "the manifest does not list this file", "RB-41")
        elif times > 1:
            found.add("foreign", name, "there is another member of this name", "RB-41")


def _check_index(
    files: Files, shard: Shard, found: Checked, totals: _Totals, told: Callable[[int], None]
) -> bool:
    """Check one index line by line; say whether the shard may be used."""
    if shard.entries > MAX_SHARD:
        return False
    before = len(found.faults) + found.dropped
    marks: list[int] = []
    digest = hashlib.sha256()
    count, offset, last, eids = 0, 0, totals.last, 0
    first = ""
    for place, line in _lines(files, shard):
        digest.update(line)
        count += 1
        if count > MAX_SHARD:
            found.add("shard-size", shard.idx, f"more than {MAX_SHARD} lines", "RB-45")
            return False
        try:
            entry = read_line(line)
        except EntryError as error:
            rule = "RB-43" if "check digits" in str(error) else "RB-41"
            found.add("line", place, str(error), rule)
            return False
        if entry.eid < last:
            found.add("order", place, f"EID {entry.eid} comes after {last}", "RB-42")
        if entry.offset != offset:
            text = f"off is {entry.offset}, the package before ends at {offset}"
            found.add("offsets", place, text, "RB-41")
        if entry.number != totals.entries + count:
            text = f"n is {entry.number}, expected {totals.entries + count}"
            found.add("order", place, text, "RB-42")
        if entry.suite != found.manifest.suite:
            text = f"suite {entry.suite}, the manifest says {found.manifest.suite}"
            found.add("line", place, text, "RB-41")
        offset += entry.length
        eids += entry.eid != last
        last = entry.eid
        first = first or entry.eid
        marks.extend(Names.of(entry))
        if len(found.faults) + found.dropped > before + MAX_SHARD_FAULTS:
            found.add("line", place, "the rest of this index was not looked at", "RB-41")
            return False
        if not count % 1000:
            told(totals.entries + count)
    if digest.hexdigest() != shard.idx_sha256:
        found.add("digest", shard.idx, "its SHA-256 is not the manifest's", "RB-41")
    there = (count, first, last if count else "", offset)
    if there != (shard.entries, shard.first_eid, shard.last_eid, shard.bin_bytes):
        text = "entries, firstEid, lastEid or binBytes are not the manifest's"
        found.add("totals", shard.idx, text, "RB-42")
    size = files.size(shard.bin)
    if size != shard.bin_bytes:
        text = f"{size} octets, the manifest says {shard.bin_bytes}"
        found.add("size", shard.bin, text, "RB-41")
    totals.entries += count
    totals.eids += eids
    totals.last = last
    if len(found.faults) + found.dropped > before:
        return False
    for one in marks:
        found.marks.add(one)
    told(totals.entries)
    return True


def _lines(files: Files, shard: Shard) -> Iterator[tuple[str, bytes]]:
    with files.open(shard.idx) as file:
        number = 0
        # one octet more than is allowed, so that a longer line is seen as one
        while line := file.readline(MAX_LINE + 1):
            number += 1
            yield f"{shard.idx}:{number}", line


def _check_packages(files: Files, shard: Shard, found: Checked) -> bool:
    digest = hashlib.sha256()
    with files.open(shard.bin) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() == shard.bin_sha256:
        return True
    found.add("digest", shard.bin, "its SHA-256 is not the manifest's", "RB-41")
    return False


def _check_distinct(files: Files, found: Checked, others: Sequence[Marks]) -> None:
    """Find names that are there twice; marks only say where to look, the names decide."""
    suspects = found.marks.repeated()
    shared: set[int] = set()
    for other in others:
        shared |= found.marks.shared(other)
    if not suspects and not shared:
        return
    seen: dict[tuple[str, str], list[tuple[str, str]]] = {}
    duplicates = set()
    for shard in found.usable:
        for place, line in _lines(files, shard):
            entry = read_line(line)
            names = Names.of(entry)
            full = (("packageId", entry.package_id), ("iccid", entry.iccid),
                    ("EID and keyRef", f"{entry.eid} {entry.key_ref}"))  # fmt: skip
            for number, name in zip(names, full, strict=True):
                if number in suspects:
                    seen.setdefault(name, []).append((place, entry.package_id))
                if number in shared:
                    duplicates.add(entry.package_id)
                    text = f"{name[0]} {name[1]} is in another delivery, too"
                    found.add("duplicate", place, text, "RB-42")
    for (kind, said), places in seen.items():
        if len(places) > 1:
            duplicates |= {package for _, package in places}
            text = f"{kind} {said} is there {len(places)} times"
            found.add("duplicate", places[0][0], text, "RB-42")
    found.duplicates = frozenset(duplicates)
