"""The SM-DPf of a line under test: deliveries for its devices, whole or with a fault."""

from __future__ import annotations

import hashlib
import json
import random
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dissectors.asn1.versions import parse_spec
from dissectors.spec.identity import eid_octets, iccid_octets, iccid_text
from sgprobe.cases.credentials import PARTIES
from sgprobe.cases.match import Unresolved
from sgprobe.crypto import ifpp
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.pki import CertificateSet
from sgprobe.engine.factory.line_device import Floor, LineDevice
from sgprobe.engine.given import only, said_yes, seconds_of, whole_number
from sgprobe.peers.delivery.entry import Prebound
from sgprobe.peers.delivery.files import MANIFEST, SIGNATURE, Folder, write_tar
from sgprobe.peers.delivery.manifest import (
    MAX_SHARD,
    Manifest,
    Policy,
    read_manifest,
    sign_manifest,
)
from sgprobe.peers.delivery.writer import DeliveryWriter, file_names
from sgprobe.peers.profiles.library import PROFILE_TYPES, make_iccid, package, subscription
from sgprobe.peers.profiles.package import imsi_octets
from sgprobe.peers.smdp.metadata import store_metadata

_METADATA = parse_spec("SGP.22@2.5")
_SMDPF, _ADDRESS = "smdp-pb", "smdpf.example.com"
# serial numbers of profiles, apart from those of other servers
_FIRST = 51_000
_VALID = 90 * 86_400.0
_GIVEN = frozenset(
    {"devices", "entries", "by", "type", "per-shard", "expires-in", "supersedes", "fault",
     "keep-keys"}
)  # fmt: skip
_OF_ENTRY = frozenset({"device", "key", "type"})
_LONG_LINE = 1 << 20
# a name that leads out of the delivery, and where to
_OUTSIDE = "../../outside"

# what may be wrong with a delivery, by the word of a case
FAULTS: dict[str, str] = {
    "signature": "the manifest was changed after it was signed",
    "signer": "another SM-DPf has signed it",
    "index": "the index of the last shard was changed",
    "packages": "one bit of each package was changed",
    "count-high": "the manifest counts one entry more than there is",
    "count-low": "it counts one less",
    "shard-missing": "the index of the last shard is not there",
    "shard-foreign": "there is a shard that the manifest does not list",
    "shard-large": "the last shard says that it has 10,001 entries",
    "line-long": "the last line of the last index has one megabyte",
    "path": "the name of the last shard leads out of the delivery",
    "link": "a tar, in which the last index is a symbolic link",
}


@dataclass(frozen=True, slots=True)
class Packed:
    """One package of a delivery: its name in reports, and what was bound."""

    device: int
    package_id: str
    bound: ifpp.Bound = field(repr=False)
    # what nobody but the eUICC may see of the profile: K, OPc, IMSI
    secrets: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """One delivery: its name, where it lies, and its packages as the case listed them."""

    name: str
    path: Path
    packages: tuple[Packed, ...]


class DeliveryDesk:
    """Binds profiles to devices and hands deliveries over in a folder."""

    def __init__(
        self,
        own: CertificateSet,
        floor: Floor,
        folder: Path,
        seed: str,
        now: Callable[[], float],
    ) -> None:
        self._own, self._floor, self._folder, self._seed = own, floor, folder, seed
        self._now = now
        self._random = random.Random(f"{seed} deliveries")
        self._used: dict[int, int] = {}
        self.made: list[Made] = []
        self.packages: list[Packed] = []

    def deliver(self, given: Mapping[str, Any]) -> Made:
        """Make a delivery as a case says; raises Unresolved."""
        only("smdpf.deliver", given, *_GIVEN)
        party = str(given.get("by", _SMDPF))
        if party not in PARTIES:
            raise Unresolved(f"there is no {party}")
        name = f"D{len(self.made) + 1}-{self._random.randbytes(4).hex()}"
        packed = [self._bind(one, party, str(given.get("type", "small")))
                  for one in _entries(given)]  # fmt: skip
        path = self._folder / name
        self._write(path, name, PARTIES[party][0], packed, given)
        fault = given.get("fault")
        if fault is not None:
            path = self._spoil(path, str(fault), PARTIES[party][0])
        made = Made(name, path, tuple(packed))
        self.made.append(made)
        self.packages += packed
        return made

    def _bind(self, entry: Mapping[str, Any], party: str, kind: str) -> Packed:
        only("an entry of a delivery", entry, *_OF_ENTRY)
        device: LineDevice = self._floor[whole_number(entry, "device", 1)]
        place = whole_number(entry, "key", self._used.get(device.number, 0) + 1)
        self._used[device.number] = max(place, self._used.get(device.number, 0))
        kind = str(entry.get("type", kind))
        if kind not in PROFILE_TYPES:
            raise Unresolved(f"the SM-DPf has no type {kind}")
        iccid = make_iccid(_FIRST + len(self.packages) + self._random.randrange(1, 10**9))
        content = ifpp.Content(
            iccid_octets(iccid),
            store_metadata(_METADATA, iccid, PROFILE_TYPES[kind], _ADDRESS),
            package(self._seed, iccid, PROFILE_TYPES[kind]),
        )
        bound = ifpp.bind(
            binder(self._own, PARTIES[party][0]), eid_octets(device.eid),
            device.key(place).public, content, random=self._random.randbytes,
        )  # fmt: skip
        person = subscription(self._seed, iccid, PROFILE_TYPES[kind])
        secrets = (person.k, person.opc, imsi_octets(person.imsi))
        return Packed(device.number, self._random.randbytes(16).hex(), bound, secrets)

    def _write(
        self, path: Path, name: str, signer: str, packed: list[Packed], given: Mapping[str, Any]
    ) -> None:
        writer = DeliveryWriter(Folder(path), None, whole_number(given, "per-shard", MAX_SHARD))
        for one in sorted(packed, key=lambda one: one.bound.eid):
            bound = one.bound
            writer.add(Prebound(
                one.package_id, bound.eid.hex(), bound.public.ref.hex(), iccid_text(bound.iccid),
                bound.transaction.hex(), int(bound.public.suite),
                bound.encoded(bytes.fromhex(one.package_id)),
            ))  # fmt: skip
        credential = self._own[signer]
        now = self._now()
        told = seconds_of(given, "expires-in")
        seconds = _VALID if told is None else told
        supersedes = given.get("supersedes")
        writer.finish(
            Manifest(
                name, "O1", "R1", "dm.example.com", "F1", credential.certificate.oid or "", 1,
                datetime.fromtimestamp(now, UTC), datetime.fromtimestamp(now + seconds, UTC),
                supersedes=None if supersedes is None else str(supersedes),
                policy=Policy(delete_leftover_keys=not said_yes(given, "keep-keys")),
            ),
            credential,
        )  # fmt: skip

    # --- faults ---

    def _spoil(self, path: Path, fault: str, signer: str) -> Path:
        if fault not in FAULTS:
            raise Unresolved(f"a delivery has no fault {fault}; it has {', '.join(FAULTS)}")
        files = Folder(path)
        manifest = json.loads(files.read(MANIFEST))
        last = manifest["shards"][-1]
        index = path / "shards" / f"{last['name']}.idx"
        match fault:
            case "signature":
                # JSON as before, and another octet: the octets are what is signed
                files.write(MANIFEST, files.read(MANIFEST) + b"\n")
            case "signer":
                other = next(one for one in ("dp2pb", "dppb") if one != signer)
                files.write(SIGNATURE, sign_manifest(files.read(MANIFEST), self._own[other]))
            case "index":
                data = index.read_bytes()
                index.write_bytes(data.replace(b'"n":', b'"n": ', 1))
            case "packages":
                self._flip_each(path, files)
            case "count-high" | "count-low":
                manifest["entryCount"] += 1 if fault == "count-high" else -1
                self._sign_again(files, manifest, signer)
            case "shard-missing":
                index.unlink()
            case "shard-foreign":
                for ending in (".idx", ".bin"):
                    data = index.with_suffix(ending).read_bytes()
                    (path / "shards" / f"9999{ending}").write_bytes(data)
            case "shard-large":
                last["entries"] = MAX_SHARD + 1
                self._sign_again(files, manifest, signer)
            case "line-long":
                data = index.read_bytes().rstrip(b"}\n")
                data += b',"x":"' + b"0" * _LONG_LINE + b'"}\n'
                index.write_bytes(data)
                last["idxSha256"] = hashlib.sha256(data).hexdigest()
                self._sign_again(files, manifest, signer)
            case "path":
                last["name"] = _OUTSIDE
                self._sign_again(files, manifest, signer)
            case "link":
                return self._linked(path, files, f"shards/{last['name']}.idx")
        return path

    def _flip_each(self, path: Path, files: Folder) -> None:
        manifest = read_manifest(files.read(MANIFEST))
        for shard in manifest.shards:
            data = bytearray(files.read(shard.bin))
            for line in files.read(shard.idx).splitlines():
                entry = json.loads(line)
                bit = self._random.randrange(entry["len"] * 8)
                data[entry["off"] + bit // 8] ^= 1 << bit % 8
            (path / shard.bin).write_bytes(data)

    def _sign_again(self, files: Folder, manifest: dict[str, Any], signer: str) -> None:
        data = json.dumps(manifest, indent=1).encode() + b"\n"
        files.write(MANIFEST, data)
        files.write(SIGNATURE, sign_manifest(data, self._own[signer]))

    def _linked(self, path: Path, files: Folder, name: str) -> Path:
        """Return the delivery as a tar in which one member points to a file elsewhere."""
        target = path.with_suffix(".tar")
        names = [one for one in file_names(read_manifest(files.read(MANIFEST)).shards)
                 if one != name]  # fmt: skip
        write_tar(files, names, target)
        with tarfile.open(target, "a:") as tar:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, str((path / name).resolve())
            tar.addfile(member)
        return target

    @property
    def escaped(self) -> bool:
        """Say whether something came to lie where a faulty name leads."""
        return any(self._folder.parent.rglob(f"{Path(_OUTSIDE).name}*"))


def _entries(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = given.get("entries")
    if isinstance(entries, list):
        return entries
    return [{"device": number} for number in range(1, whole_number(given, "devices", 1) + 1)]
