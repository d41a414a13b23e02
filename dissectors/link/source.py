"""Capture bytes from a path, standard input or an open file; gzip is undone on the way."""

from __future__ import annotations

import os
import stat
import sys
import zlib
from pathlib import Path
from typing import BinaryIO, Final

from dissectors.finding import Code
from dissectors.link.codes import GZIP_BOMB, GZIP_CORRUPT

ACCEPTED: Final = "pcap and pcapng files are accepted, also compressed with gzip"

_GZIP: Final = b"\x1f\x8b"
# Deflate reaches 1032:1 on equal bytes; captures stay below 100:1.
_BOMB_BYTES: Final = 16 << 20
_BOMB_RATIO: Final = 250
_READ: Final = 1 << 16


class CaptureError(Exception):
    """The input cannot be read as a capture; the text says why and what is accepted."""


class Source:
    """Bytes of a capture, in order, with a look at the first ones."""

    def __init__(self, name: str, file: BinaryIO, size: int | None, *, owned: bool) -> None:
        """Read from `file`, of `size` bytes if known; close it at the end if `owned`."""
        self.name = name
        self.size = size
        self.consumed = 0
        self.fault: tuple[Code, str] | None = None
        self._file = file
        self._owned = owned
        # A pipe gives what it has: a live capture must not wait until a whole chunk is there.
        self._take = file.read if size is not None else getattr(file, "read1", file.read)
        self._gzip: _Gunzip | None = None
        self._head = b""
        self._head = self.peek(2)
        if self._head[:2] == _GZIP:
            self._gzip = _Gunzip(self._head)
            self._head = b""

    def peek(self, count: int) -> bytes:
        """Return the next bytes without taking them: `count` or more, fewer only at the end."""
        while len(self._head) < count:
            more = self._fetch(count - len(self._head))
            if not more:
                break
            self._head += more
        return self._head

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, none only at the end; `fault` tells of a bad one."""
        if self._head:
            head, self._head = self._head[:count], self._head[count:]
            return head
        return self._fetch(count)

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self._file.close()

    def _fetch(self, count: int) -> bytes:
        if self._gzip is None:
            return self._raw(count)
        while self.fault is None:
            try:
                out = self._gzip.take(count)
            except zlib.error as error:
                self.fault = (GZIP_CORRUPT, f"gzip data is damaged: {error}")
                break
            if out:
                if self._gzip.made > _BOMB_BYTES and (
                    self._gzip.made > _BOMB_RATIO * self.consumed
                ):
                    self.fault = (
                        GZIP_BOMB,
                        f"gzip data expands {_BOMB_RATIO} times and more; reading stops",
                    )
                return out
            more = self._raw(_READ)
            if not more:
                if not self._gzip.complete:
                    self.fault = (GZIP_CORRUPT, "the gzip data ends early")
                break
            self._gzip.give(more)
        return b""

    def _raw(self, count: int) -> bytes:
        try:
            data = self._take(count)
        except OSError as error:
            raise CaptureError(f"{self.name}: cannot be read: {error.strerror or error}") from error
        self.consumed += len(data)
        return data


class _Gunzip:
    """Undoes gzip piece by piece: never more than asked for is in memory."""

    def __init__(self, first: bytes) -> None:
        self.made = 0
        self._inflate = zlib.decompressobj(31)
        self._pending = first
        self._padding = False

    @property
    def complete(self) -> bool:
        return self._inflate.eof

    def give(self, data: bytes) -> None:
        self._pending += data

    def take(self, count: int) -> bytes:
        """Return some bytes, or none if more input is needed first."""
        while self._pending and not self._padding:
            if self._inflate.eof:
                if len(self._pending) < 2:
                    break
                # RFC 1952 §2.2: members follow one another; what is no member is padding.
                if self._pending[:2] != _GZIP:
                    self._padding = True
                    break
                self._inflate = zlib.decompressobj(31)
            out = self._inflate.decompress(self._pending, count)
            ended = self._inflate.eof
            self._pending = self._inflate.unused_data if ended else self._inflate.unconsumed_tail
            if out:
                self.made += len(out)
                return out
        if self._padding:
            self._pending = b""
        return b""


def open_source(source: str | os.PathLike[str] | BinaryIO) -> Source:
    """Open a path, `-` for standard input, or wrap a binary file."""
    if not isinstance(source, str | os.PathLike):
        return Source(str(getattr(source, "name", "input")), source, None, owned=False)
    if source == "-":
        return Source("standard input", sys.stdin.buffer, None, owned=False)
    path = Path(source)
    try:
        if path.is_dir():
            raise CaptureError(f"{path} is a directory; {ACCEPTED}")
        file = path.open("rb")
    except OSError as error:
        raise CaptureError(f"{path}: cannot be opened: {error.strerror or error}") from error
    about = os.fstat(file.fileno())
    return Source(
        str(path), file, about.st_size if stat.S_ISREG(about.st_mode) else None, owned=True
    )
