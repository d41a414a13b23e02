"""A delivery as messages: its manifest, and each package held against its line of the index.

A folder, an uncompressed tar, or one `.bin` file alone. Files are read as streams; the signature of
the manifest is not judged here, the digests are. docs/reference/ifpp.md §6.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dissectors.asn1 import codec
from dissectors.finding import Code, Finding, Severity, finding
from dissectors.spec.functions import ESBPP, FUNCTIONS
from dissectors.spec.identity import IdentityError, iccid_text
from dissectors.trace.message import RESPONSE, Message

SPEC, MANIFEST, FORMAT = "IFPP@0", "manifest.json", "ifpp-rb-delivery"
_TAG = b"\xff\x48"
_NAME = re.compile(r"(?:.*/)?(manifest\.json|shards/\d{4,6}\.(?:idx|bin))")
_SHARD = re.compile(r"\d{4,6}", re.ASCII)
_HEAD = 16
# members of a tar that are looked at to know it
_FIRST = 16
# RB-45, and room for what later versions add
_LINE, _PACKAGE, _JSON, _MEMBERS = 4096, 4 << 20, 8 << 20, 400_000
_FETCH = next(f for f in FUNCTIONS if (f.interface, f.name) == (ESBPP, "FetchDelivery"))

MISSING = Code("delivery.missing", Severity.ERROR, "IFPP §6: a file that the manifest names")
FORM = Code("delivery.form", Severity.ERROR, "IFPP §6: the form of the files")
DIGEST = Code("delivery.digest", Severity.ERROR, "RB-41: the SHA-256 of an entry or an index")
ENTRY = Code("delivery.entry", Severity.ERROR, "RB-42: a line says what its package says")
TOTALS = Code("delivery.totals", Severity.ERROR, "RB-42: the totals of the manifest")

OnMessage = Callable[[Message], None]
OnNote = Callable[[Finding, tuple[int, ...]], None]
_Open = Callable[[str], "BinaryIO | None"]


def is_delivery(path: object) -> bool:
    """Say whether a path is a delivery: a folder, a tar, or one of its files."""
    if not isinstance(path, str | os.PathLike):
        return False
    place = Path(path)
    try:
        if place.is_dir():
            return (place / MANIFEST).is_file()
        with place.open("rb") as file:
            if file.read(2) == _TAG:
                # one package alone is a message like any other
                return _size(file, 0) not in (None, os.fstat(file.fileno()).st_size)
            if place.name == MANIFEST or place.suffix == ".idx":
                file.seek(0)
                value = _object(
                    file.read(_JSON) if place.name == MANIFEST else file.readline(_LINE)
                )
                return value is not None and (value.get("format") == FORMAT or "off" in value)
        if place.suffix != ".tar":
            return False
        with tarfile.open(place, "r:") as tar:
            first = (tar.next() for _ in range(_FIRST))
            return any(one is not None and _NAME.fullmatch(one.name) for one in first)
    except (OSError, ValueError, tarfile.TarError):
        return False


def read_delivery(path: str | os.PathLike[str], on_message: OnMessage, on_note: OnNote) -> int:
    """Hand up what a delivery holds; return how many octets were read of packages."""
    place = Path(path)
    reader = _Reader(on_message, on_note)
    if not place.is_dir() and place.suffix != ".tar":
        with place.open("rb") as file:
            if place.name == MANIFEST:
                reader.manifest(file.read(_JSON + 1))
            elif place.suffix == ".idx":
                reader.index(place.name, file)
            else:
                reader.packages(place.name, file)
        return reader.octets
    with contextlib.ExitStack() as stack:
        if place.is_dir():
            reader.delivery(lambda name: _in_folder(place, name))
        else:
            try:
                tar = stack.enter_context(tarfile.open(place, "r:"))
                members = _members(tar)
            except tarfile.TarError as error:
                on_note(finding(FORM, f"{place.name}: {error}"), ())
                return 0
            reader.delivery(lambda name: _in_tar(tar, members, name))
    return reader.octets


def _in_folder(place: Path, name: str) -> BinaryIO | None:
    # names are of the format alone, and links are not followed
    whole = place / name
    if whole.is_symlink() or whole.parent.is_symlink() or not whole.is_file():
        return None
    return whole.open("rb")


def _members(tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    for member in tar:
        name = _NAME.fullmatch(member.name)
        if name is not None and member.isreg():
            found.setdefault(name[1], member)
        if len(found) > _MEMBERS:
            raise tarfile.TarError(f"more than {_MEMBERS} files")
    return found


def _in_tar(
    tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo], name: str
) -> BinaryIO | None:
    member = members.get(name)
    file = tar.extractfile(member) if member is not None else None
    return None if file is None else file  # type: ignore[return-value]


def _size(file: BinaryIO, at: int) -> int | None:
    """Return how long the element at `at` is, header included; None where none begins there."""
    file.seek(at)
    head = file.read(_HEAD)
    if head[:2] != _TAG or len(head) < 3:
        return None
    length, body = head[2], 3
    if length > 0x7F:
        body += length & 0x7F
        length = int.from_bytes(head[3:body], "big")
    return None if body > 7 or len(head) < body else body + length


class _Reader:
    def __init__(self, on_message: OnMessage, on_note: OnNote) -> None:
        self._on_message = on_message
        self._on_note = on_note
        self._codec = codec.load(SPEC)
        self._number = 0
        self.octets = 0

    def delivery(self, open_: _Open) -> None:
        """Read a manifest and the shards that it names."""
        file = open_(MANIFEST)
        if file is None:
            self._note(MISSING, MANIFEST, "is not there")
            return
        with file:
            value = self.manifest(file.read(_JSON + 1))
        if value is None:
            return
        entries = sum(self._shard(open_, one) for one in value["shards"])
        if value.get("entryCount") != entries:
            said = str(value.get("entryCount"))[:20]
            self._note(TOTALS, MANIFEST, f"entryCount is {said}, there are {entries}")

    def manifest(self, octets: bytes) -> dict[str, Any] | None:
        """Read a manifest; None where it names no shards."""
        value = _object(octets) if len(octets) <= _JSON else None
        shards = value.get("shards") if value is not None else None
        good = isinstance(shards, list) and all(isinstance(one, dict) for one in shards)
        problems: tuple[Finding, ...] = ()
        if value is None or value.get("format") != FORMAT or not good:
            problems = (finding(FORM, f"no manifest of the format {FORMAT}"),)
        self._emit(MANIFEST, "manifest" if value is not None else None, value, octets, problems)
        return value if good else None

    def index(self, name: str, file: BinaryIO) -> None:
        """Read an index alone, line by line."""
        for line in iter(lambda: file.readline(_LINE), b""):
            value = _object(line)
            problems = () if value is not None else (finding(FORM, "no entry"),)
            self._emit(name, "entry" if value is not None else None, value, line, problems)

    def _shard(self, open_: _Open, shard: dict[str, Any]) -> int:
        name = shard.get("name")
        if not isinstance(name, str) or not _SHARD.fullmatch(name):
            self._note(FORM, MANIFEST, f"a shard is called {str(name)[:40]!r}")
            return 0
        index, packages = open_(f"shards/{name}.idx"), open_(f"shards/{name}.bin")
        with contextlib.ExitStack() as stack:
            for file, suffix in ((index, "idx"), (packages, "bin")):
                if file is None:
                    self._note(MISSING, f"shards/{name}.{suffix}", "is not there")
                else:
                    stack.enter_context(file)
            if index is None:
                return 0
            digest, count = hashlib.sha256(), 0
            for line in iter(lambda: index.readline(_LINE), b""):
                digest.update(line)
                count += 1
                self._entry(f"shards/{name}", count, line, packages)
        if digest.hexdigest() != shard.get("idxSha256"):
            self._note(DIGEST, f"shards/{name}.idx", "its SHA-256 is not the manifest's")
        return count

    def _entry(self, place: str, count: int, line: bytes, packages: BinaryIO | None) -> None:
        value = _object(line)
        offset, length = (value or {}).get("off"), (value or {}).get("len")
        if (
            value is None
            or type(offset) is not int
            or type(length) is not int
            or offset < 0
            or not 0 < length <= _PACKAGE
        ):
            self._note(FORM, f"{place}.idx", f"line {count} is no entry")
            return
        if packages is None:
            return
        packages.seek(offset)
        octets = packages.read(length)
        problems = []
        if hashlib.sha256(octets).hexdigest() != value.get("sha256"):
            problems.append(finding(DIGEST, "the SHA-256 is not that of the index"))
        self._package(f"{place}.bin", octets, problems, value)

    def packages(self, name: str, file: BinaryIO) -> None:
        """Read packages that stand one after the other, without an index."""
        at, end = 0, os.fstat(file.fileno()).st_size
        while at < end:
            size = _size(file, at)
            if size is None or size > _PACKAGE:
                self._note(FORM, name, f"no package begins at offset {at}")
                return
            file.seek(at)
            self._package(name, file.read(size), [], None)
            at += size

    def _package(
        self, place: str, octets: bytes, problems: list[Finding], line: dict[str, Any] | None
    ) -> None:
        self.octets += len(octets)
        decoded = self._codec.decode("PreboundPackage", octets)
        value = decoded.value if isinstance(decoded.value, dict) else None
        problems += decoded.findings
        if value is not None and line is not None:
            problems += _differences(value, line)
        self._emit(place, decoded.type, value, octets, tuple(problems))

    def _note(self, code: Code, place: str, text: str) -> None:
        self._on_note(finding(code, f"{place}: {text}"), ())

    def _emit(
        self, place: str, name: str | None, value: Any, octets: bytes, problems: tuple[Finding, ...]
    ) -> None:
        self._number += 1
        specs = (SPEC,) if name == "PreboundPackage" else ()
        self._on_message(
            Message(
                (self._number,), 0.0, place, "station", "file", _FETCH.interface, _FETCH.name,
                RESPONSE, name, specs, None, value, octets, problems,
                flow=1, sender=_FETCH.receiver, receiver=_FETCH.sender,
            )
        )  # fmt: skip


def _object(octets: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _differences(value: dict[str, Any], line: dict[str, Any]) -> Iterator[Finding]:
    """Give what a line says otherwise than its package."""
    for name in ("packageId", "eid", "keyRef", "transactionId", "iccid"):
        said, there = line.get(name), value.get(name)
        if name == "iccid" and isinstance(there, str):
            with contextlib.suppress(IdentityError, ValueError):
                there = iccid_text(bytes.fromhex(there))
        if said != there:
            yield finding(ENTRY, f"the index says {str(said)[:40]}", name)
