"""Deliveries of packages that hold no profile: enough for all that a delivery itself says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dissectors.spec.identity import make_eid
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import CertificateSet, TestPki
from sgprobe.peers.delivery.entry import Prebound, encode_package
from sgprobe.peers.delivery.files import Folder
from sgprobe.peers.delivery.manifest import Manifest
from sgprobe.peers.delivery.writer import DeliveryWriter
from sgprobe.peers.profiles.library import make_iccid

NOW = datetime(2026, 11, 21, tzinfo=UTC)
END = datetime(2027, 11, 21, tzinfo=UTC)


def pki() -> CertificateSet:
    return TestPki.load()[Curve.P256]


def eid_of(number: int) -> str:
    return make_eid(f"8904903212345123{number:014d}")


def prebound(number: int, eid: str | None = None, size: int = 40) -> Prebound:
    name = f"{number:032x}"
    bare = Prebound(name, eid or eid_of(number), name[:16], make_iccid(number), name, 1, b"")
    bare = Prebound(name, eid or eid_of(number), name[16:], bare.iccid, name, 1, b"")
    der = encode_package(bare, b"\xff\x41\x00", b"\xbf\x36\x03" + bytes(3) + bytes(size))
    return Prebound(
        bare.package_id, bare.eid, bare.key_ref, bare.iccid, bare.transaction_id, 1, der
    )


def manifest(delivery: str = "D1", **changes: object) -> Manifest:
    given = {
        "delivery_id": delivery,
        "order_id": "O1",
        "request_id": "R1",
        "dm_id": "dm.example",
        "factory_id": "F1",
        "smdpf_oid": "2.999.10",
        "suite": 1,
        "created_at": NOW,
        "not_after": END,
    }
    return Manifest(**{**given, **changes})  # type: ignore[arg-type]


def packages(count: int) -> Iterator[Prebound]:
    return (prebound(number) for number in range(1, count + 1))


def write(path: Path, given: Iterator[Prebound], shard: int = 4, **changes: object) -> Folder:
    folder = Folder(path)
    writer = DeliveryWriter(folder, shard_entries=shard)
    for one in given:
        writer.add(one)
    writer.finish(manifest(**changes), pki()["dppb"])  # type: ignore[arg-type]
    return folder
