"""Writes a delivery entry by entry; after a crash it goes on where the last commit was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, BinaryIO

from sgprobe.crypto.issuing import pem
from sgprobe.crypto.pki import Credential
from sgprobe.peers.delivery.entry import Entry, Prebound
from sgprobe.peers.delivery.files import CHAIN, MANIFEST, SIGNATURE, Folder
from sgprobe.peers.delivery.manifest import MAX_SHARD, Manifest, Shard, sign_manifest

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Position:
    """How far a delivery is written: finished shards, and how much of the one under way."""

    shards: tuple[Shard, ...] = ()
    entries: int = 0
    eids: int = 0
    first_eid: str = ""
    last_eid: str = ""
    idx_bytes: int = 0
    bin_bytes: int = 0
    # of all shards
    total: int = 0

    def to_record(self) -> dict[str, Any]:
        """Return the position as JSON data."""
        return asdict(self)


def position_of(record: dict[str, Any]) -> Position:
    """Return the position of a stored record."""
    shards = tuple(Shard(**one) for one in record["shards"])
    return Position(**{**record, "shards": shards})


@dataclass(slots=True)
class _Open:
    """The shard under way: its two files and their running digests."""

    idx: BinaryIO
    bin: BinaryIO
    idx_hash: Any = field(default_factory=hashlib.sha256)
    bin_hash: Any = field(default_factory=hashlib.sha256)


class DeliveryWriter:
    """Takes packages in the order of their EIDs; memory does not grow with their number."""

    def __init__(
        self, folder: Folder, position: Position | None = None, shard_entries: int = MAX_SHARD
    ) -> None:
        if not 0 < shard_entries <= MAX_SHARD:
            raise ValueError(f"a shard has 1 to {MAX_SHARD} entries")
        self._folder = folder
        self._most = shard_entries
        self._at = position or Position()
        self._open: _Open | None = None
        if self._at.entries:
            self._open = self._reopen()

    @property
    def position(self) -> Position:
        """How far it is written; durable after `flush`."""
        return self._at

    def _names(self) -> tuple[str, str]:
        name = f"shards/{len(self._at.shards):04d}"
        return f"{name}.idx", f"{name}.bin"

    def _reopen(self) -> _Open:
        idx, packages = self._names()
        # what was written behind the last commit belongs to nobody
        made = _Open(
            self._folder.create(idx, self._at.idx_bytes),
            self._folder.create(packages, self._at.bin_bytes),
        )
        for name, digest in ((idx, made.idx_hash), (packages, made.bin_hash)):
            with self._folder.open(name) as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        return made

    def add(self, package: Prebound) -> Entry:
        """Append one package and return its line."""
        at = self._at
        if package.eid < at.last_eid:
            raise ValueError(f"EID {package.eid} comes after {at.last_eid}: sort by EID first")
        if at.entries >= self._most:
            self._finish_shard()
            at = self._at
        if self._open is None:
            idx, packages = self._names()
            self._open = _Open(self._folder.create(idx), self._folder.create(packages))
        entry = Entry(
            at.total + 1, package.package_id, package.eid, package.key_ref, package.iccid,
            package.transaction_id, package.suite, at.bin_bytes, len(package.der),
            hashlib.sha256(package.der).hexdigest(),
        )  # fmt: skip
        line = entry.line()
        self._open.idx.write(line)
        self._open.idx_hash.update(line)
        self._open.bin.write(package.der)
        self._open.bin_hash.update(package.der)
        self._at = replace(
            at,
            entries=at.entries + 1,
            eids=at.eids + (package.eid != at.last_eid),
            first_eid=at.first_eid or package.eid,
            last_eid=package.eid,
            idx_bytes=at.idx_bytes + len(line),
            bin_bytes=at.bin_bytes + len(package.der),
            total=at.total + 1,
        )
        return entry

    def abandon(self) -> None:
        """Lose what was not flushed, as a process does that is killed."""
        if self._open is not None:
            # a number that is closed may be another file's before the buffers are thrown away
            with open(os.devnull, "wb") as nowhere:
                for file in (self._open.idx, self._open.bin):
                    os.dup2(nowhere.fileno(), file.fileno())
            self._open = None

    def flush(self) -> None:
        """Make what was added durable."""
        if self._open is not None:
            for file in (self._open.idx, self._open.bin):
                file.flush()
                os.fsync(file.fileno())

    def _finish_shard(self) -> None:
        assert self._open is not None
        self.flush()
        at = self._at
        shard = Shard(
            f"{len(at.shards):04d}", at.entries, at.first_eid, at.last_eid,
            self._open.idx_hash.hexdigest(), self._open.bin_hash.hexdigest(), at.bin_bytes,
        )  # fmt: skip
        self.close()
        # the last EID stays: the next shard may go on with it, and may not fall behind it
        self._at = replace(
            at, shards=(*at.shards, shard), entries=0, first_eid="", idx_bytes=0, bin_bytes=0
        )

    def close(self) -> None:
        """Close the files and keep the position."""
        if self._open is not None:
            self._open.idx.close()
            self._open.bin.close()
            self._open = None

    def finish(self, manifest: Manifest, signer: Credential) -> Manifest:
        """Write manifest, signature and chain; return the manifest with its totals."""
        if self._open is not None:
            self._finish_shard()
        whole = manifest.filled(self._at.shards, self._at.total, self._at.eids)
        data = whole.to_bytes()
        self._folder.write(CHAIN, chain_pem(signer))
        self._folder.write(SIGNATURE, sign_manifest(data, signer))
        # the manifest comes last: without it this is no delivery yet
        self._folder.write(MANIFEST, data)
        return whole


def chain_pem(signer: Credential) -> bytes:
    """Return the chain of the signer, leaf first and the root left out, as PEM."""
    return "".join(pem(one.der, "CERTIFICATE") for one in signer.path).encode()


def file_names(shards: Sequence[Shard]) -> list[str]:
    """Return the names of all files of a delivery, the manifest first."""
    names = [MANIFEST, SIGNATURE, CHAIN]
    for shard in shards:
        names += [shard.idx, shard.bin]
    return names
