"""Where a delivery lies: a folder, an uncompressed tar, or memory; names are the format's own."""

from __future__ import annotations

import io
import os
import re
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Protocol

MANIFEST, SIGNATURE, CHAIN = "manifest.json", "manifest.sig", "certs/smdpf-chain.pem"
# no other name is ever opened, so no name leads out of the delivery
_NAME = re.compile(r"manifest\.json|manifest\.sig|certs/smdpf-chain\.pem|shards/\d{4,6}\.(idx|bin)")
# a delivery of ten million entries has two thousand files
MAX_FILES = 200_000


class FilesError(Exception):
    """The delivery cannot be read or written; `place` is the file at fault."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}")
        self.place = place
        self.text = text


def checked(name: str) -> str:
    """Return a name of the format, or refuse any other."""
    if not _NAME.fullmatch(name):
        raise FilesError(name[:80], "a delivery has no such file")
    return name


class Files(Protocol):
    """The files of one delivery, for reading."""

    def names(self) -> list[str]:
        """Return what is there, whether the format knows it or not."""

    def size(self, name: str) -> int:
        """Return how many octets a file has."""

    def open(self, name: str) -> BinaryIO:
        """Open a file from its beginning."""

    def read(self, name: str, offset: int = 0, count: int = -1) -> bytes:
        """Return octets of a file."""


class Folder:
    """A delivery as a folder; links are not followed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        found = []
        for base, folders, files in os.walk(self.path):
            folders.sort()
            for name in sorted(files):
                found.append(Path(base, name).relative_to(self.path).as_posix())
                if len(found) > MAX_FILES:
                    raise FilesError(str(self.path), f"more than {MAX_FILES} files")
        return found

    def size(self, name: str) -> int:
        with self.open(name) as file:
            return os.fstat(file.fileno()).st_size

    def open(self, name: str) -> BinaryIO:
        path = self.path / checked(name)
        if path.parent != self.path and path.parent.is_symlink():
            raise FilesError(name, "its folder is a link")
        try:
            number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise FilesError(name, error.strerror or str(error)) from None
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise FilesError(name, "this is no file")
        return os.fdopen(number, "rb")

    def read(self, name: str, offset: int = 0, count: int = -1) -> bytes:
        with self.open(name) as file:
            file.seek(offset)
            return file.read(count)

    def create(self, name: str, keep: int = 0) -> BinaryIO:
        """Open a file for writing behind its first `keep` octets; what follows them is gone."""
        path = self.path / checked(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("r+b" if keep else "wb")
        if file.seek(0, os.SEEK_END) < keep:
            file.close()
            raise FilesError(name, f"fewer than the {keep} octets that were written")
        file.truncate(keep)
        file.seek(keep)
        return file

    def write(self, name: str, data: bytes) -> None:
        """Put a small file in its place at once."""
        path = self.path / checked(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".new")
        with made.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)


class Tar:
    """A delivery as one uncompressed tar: read where it lies, never unpacked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[str, tuple[int, int]] = {}
        self._odd: list[str] = []
        try:
            with tarfile.open(path, "r:") as tar:
                for number, member in enumerate(tar):
                    if number >= MAX_FILES:
                        raise FilesError(str(path), f"more than {MAX_FILES} files")
                    self._add(member)
        except (tarfile.TarError, OSError) as error:
            raise FilesError(str(path), f"no uncompressed tar: {error}") from None

    def _add(self, member: tarfile.TarInfo) -> None:
        name = member.name.removeprefix("./")
        plain = member.isreg() and not member.issparse()
        if plain and _NAME.fullmatch(name) and name not in self._places:
            self._places[name] = (member.offset_data, member.size)
        elif not member.isdir():
            # links, devices, names that lead elsewhere, and second copies are told, not followed
            self._odd.append(name)

    def names(self) -> list[str]:
        return sorted([*self._places, *self._odd])

    def _place(self, name: str) -> tuple[int, int]:
        if name not in self._places:
            raise FilesError(name[:80], "not in the tar as a file")
        return self._places[name]

    def size(self, name: str) -> int:
        return self._place(name)[1]

    def open(self, name: str) -> BinaryIO:
        start, size = self._place(name)
        return io.BufferedReader(_Window(self.path, start, size))

    def read(self, name: str, offset: int = 0, count: int = -1) -> bytes:
        with self.open(name) as file:
            file.seek(offset)
            return file.read(count)


class _Window(io.RawIOBase):
    """A part of a file, as a file."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb")
        self._start, self._size, self._at = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        room = min(len(view), max(0, self._size - self._at))
        self._file.seek(self._start + self._at)
        data = self._file.read(room)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def open_delivery(path: Path) -> Files:
    """Return the files of a delivery: a folder or a tar."""
    if path.is_dir():
        return Folder(path)
    if path.is_file():
        return Tar(path)
    raise FilesError(str(path), "neither a folder nor a tar")


def write_tar(source: Files, names: Iterable[str], target: Path) -> None:
    """Write a delivery as one uncompressed tar; the manifest comes first."""
    if target.is_dir():
        raise FilesError(str(target), "is a folder; a tar is a file")
    made = target.with_name(target.name + ".new")
    try:
        _write_tar(source, names, made)
        made.replace(target)
    except OSError as error:
        raise FilesError(str(target), error.strerror or str(error)) from None
    finally:
        # what was begun is nobody's delivery
        made.unlink(missing_ok=True)


def _write_tar(source: Files, names: Iterable[str], made: Path) -> None:
    with tarfile.open(made, "w:", format=tarfile.USTAR_FORMAT) as tar:
        for name in names:
            member = tarfile.TarInfo(checked(name))
            member.size = source.size(name)
            with source.open(name) as file:
                tar.addfile(member, file)
