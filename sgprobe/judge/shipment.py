"""E4, a delivery: the signed manifest and the index line of the package in question."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sgprobe.crypto.chain import Anchor
from sgprobe.judge.item import Refused, file_of, octets_of
from sgprobe.peers.delivery.entry import Entry, EntryError, read_line
from sgprobe.peers.delivery.manifest import (
    Manifest,
    ManifestError,
    check_signature,
    read_manifest,
)


@dataclass(frozen=True, slots=True)
class Shipment:
    """What was delivered to which factory; `lines` by packageId."""

    manifest: Manifest
    lines: Mapping[str, Entry] = field(repr=False)


def read_shipment(files: Mapping[str, Path], anchors: Sequence[Anchor]) -> Shipment:
    """Return a delivery whose manifest a certified SM-DPf has signed; indexes that fit are read."""
    folder = file_of(files, "delivery")
    data = octets_of(folder / "manifest.json")
    try:
        signer = check_signature(data, octets_of(folder / "manifest.sig"), anchors)
        manifest = read_manifest(data)
        if signer.oid != manifest.smdpf_oid:
            raise Refused("the manifest is signed by another SM-DPf than it names")
        lines: dict[str, Entry] = {}
        for shard in manifest.shards:
            path = folder / shard.idx
            if not path.exists():
                # a station may hold its own shard alone. RB-45
                continue
            index = octets_of(path)
            if hashlib.sha256(index).hexdigest() != shard.idx_sha256:
                raise Refused(f"{shard.idx} is not the one that the manifest names")
            for line in index.splitlines():
                entry = read_line(line)
                lines[entry.package_id] = entry
    except (ManifestError, EntryError) as error:
        raise Refused(str(error)) from None
    return Shipment(manifest, lines)
