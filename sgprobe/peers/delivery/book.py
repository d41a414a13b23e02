"""Finds the packages of one EID in a delivery, without reading the rest of it."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from sgprobe.peers.delivery.entry import Entry, read_line
from sgprobe.peers.delivery.files import Files, FilesError
from sgprobe.peers.delivery.manifest import Shard

# indices that are kept: 3 MB each at the most
_KEPT = 16


@dataclass(frozen=True, slots=True)
class _Index:
    """One index in memory: its octets, and where each line begins."""

    data: bytes
    starts: tuple[int, ...]

    def line(self, number: int) -> bytes:
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.data)
        return self.data[self.starts[number] : end]

    def eid(self, number: int) -> str:
        return read_line(self.line(number)).eid


class _ByEid:
    """The EIDs of an index, as bisect wants them."""

    def __init__(self, index: _Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return len(self._index.starts)

    def __getitem__(self, number: int) -> str:
        return self._index.eid(number)


@dataclass(frozen=True, slots=True)
class Place:
    """An entry and the shard that it stands in."""

    shard: Shard
    entry: Entry


class DeliveryBook:
    """Looks up entries by EID in the shards that may be used."""

    def __init__(self, files: Files, shards: tuple[Shard, ...], *, strict: bool = True) -> None:
        self._strict = strict
        self._files = files
        self._shards = shards
        self._last = [one.last_eid for one in shards]
        self._kept: OrderedDict[str, _Index] = OrderedDict()
        # stations in threads share one book
        self._turn = threading.Lock()

    def find(self, eid: str) -> Iterator[Place]:
        """Walk the entries of an EID in the order of the delivery."""
        # one EID may go on in the next shard
        for place in range(bisect_left(self._last, eid), len(self._shards)):
            shard = self._shards[place]
            if shard.first_eid > eid:
                return
            index = self._index(shard)
            for number in range(bisect_left(_ByEid(index), eid), len(index.starts)):
                entry = read_line(index.line(number))
                if entry.eid != eid:
                    return
                yield Place(shard, entry)

    def package(self, place: Place) -> bytes:
        """Return the octets that stand at an entry's place; whether they match is not judged."""
        return self._files.read(place.shard.bin, place.entry.offset, place.entry.length)

    def entries(self) -> Iterator[Entry]:
        """Walk all entries."""
        for shard in self._shards:
            index = self._index(shard)
            for number in range(len(index.starts)):
                yield read_line(index.line(number))

    def _index(self, shard: Shard) -> _Index:
        with self._turn:
            return self._read(shard)

    def _read(self, shard: Shard) -> _Index:
        kept = self._kept.get(shard.name)
        if kept is None:
            data = self._files.read(shard.idx)
            # the file may have changed since the delivery was checked. RB-41
            if self._strict and hashlib.sha256(data).hexdigest() != shard.idx_sha256:
                raise FilesError(shard.idx, "its SHA-256 is not the manifest's (RB-41)")
            kept = _Index(data, tuple(_starts(data)))
            self._kept[shard.name] = kept
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(shard.name)
        return kept


def _starts(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        yield at
        end = data.find(b"\n", at)
        at = len(data) if end < 0 else end + 1
