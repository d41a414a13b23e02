"""The deliveries that a line has in stock: imported once, checked, and found by EID."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sgprobe.crypto.chain import Anchor
from sgprobe.peers.delivery.book import DeliveryBook, Place
from sgprobe.peers.delivery.check import Checked, Fault, Refused, check_delivery, open_manifest
from sgprobe.peers.delivery.distinct import Marks
from sgprobe.peers.delivery.entry import Entry
from sgprobe.peers.delivery.files import Files, FilesError, open_delivery
from sgprobe.peers.delivery.manifest import Manifest
from sgprobe.peers.rules import Rules


@dataclass(frozen=True, slots=True)
class Stocked:
    """One delivery in stock."""

    manifest: Manifest
    path: Path
    files: Files = field(repr=False)
    book: DeliveryBook = field(repr=False)
    duplicates: frozenset[str] = frozenset()
    void: bool = False

    @property
    def id(self) -> str:
        """The delivery id."""
        return self.manifest.delivery_id


@dataclass(frozen=True, slots=True)
class Candidate:
    """A package for an EID, and the delivery that it is of."""

    stocked: Stocked
    place: Place

    @property
    def entry(self) -> Entry:
        """The line of the index."""
        return self.place.entry


class Stock:
    """Deliveries by the order of their import; what is known of them lies in `folder`."""

    def __init__(self, folder: Path, anchors: Sequence[Anchor], rules: Rules) -> None:
        self._folder = folder
        self._anchors = tuple(anchors)
        self._rules = rules
        self._turn = threading.Lock()
        self._stocked: list[Stocked] = []
        folder.mkdir(parents=True, exist_ok=True)
        for record in self._records():
            self._stocked.append(self._open(record))

    def _records(self) -> list[dict[str, object]]:
        path = self._folder / "imports.json"
        return list(json.loads(path.read_text())) if path.exists() else []

    def _open(self, record: dict[str, object]) -> Stocked:
        path = Path(str(record["path"]))
        files = open_delivery(path)
        # the delivery may have been changed since it was imported
        manifest, _ = open_manifest(files, self._anchors, strict=self._rules.on("FPA.MANIFEST"))
        usable = set(record["usable"])  # type: ignore[call-overload]
        strict = self._rules.on("FPA.SHARD")
        shards = tuple(one for one in manifest.shards if one.name in usable or not strict)
        return Stocked(
            manifest, path, files, DeliveryBook(files, shards, strict=strict),
            frozenset(record["duplicates"]), bool(record["void"]),  # type: ignore[call-overload]
        )  # fmt: skip

    @property
    def deliveries(self) -> tuple[Stocked, ...]:
        """All deliveries, void ones too."""
        return tuple(self._stocked)

    def import_delivery(
        self,
        path: Path,
        now: float,
        *,
        packages: bool = False,
        told: Callable[[int], None] = lambda entries: None,
    ) -> Checked:
        """Check a delivery and take what is good of it; Refused where nothing may be used."""
        moment = datetime.fromtimestamp(now, UTC)
        path = path.resolve()
        try:
            files = open_delivery(path)
            others = [self._marks(one.id) for one in self._stocked if not one.void]
            # certificates are judged when they were used: RB-40 has notAfter for the time after
            found = check_delivery(
                files,
                self._anchors,
                None,
                packages=packages,
                others=others,
                told=told,
                strict=self._rules.on("FPA.MANIFEST"),
            )
        except FilesError as error:
            raise Refused(Fault("missing", error.place, error.text, "RB-41")) from None
        name = found.manifest.delivery_id
        if any(one.id == name for one in self._stocked):
            raise Refused(Fault("again", str(path), f"{name} is in stock already", "RB-42"))
        if moment > found.manifest.not_after and self._rules.on("FPA.EXPIRED"):
            text = f"it was good until {found.manifest.not_after:%Y-%m-%d}"
            raise Refused(Fault("expired", "manifest.json", text, "RB-40"))
        with self._turn:
            self._add(path, found)
        return found

    def _add(self, path: Path, found: Checked) -> None:
        name = found.manifest.delivery_id
        (self._folder / f"{name}.marks").write_bytes(found.marks.to_bytes())
        records = self._records()
        void = found.manifest.delivery_id in {str(one["supersedes"]) for one in records}
        for record in records:
            if record["delivery"] == found.manifest.supersedes:
                record["void"] = True
        records.append(
            {
                "delivery": name,
                "path": str(path),
                "supersedes": found.manifest.supersedes,
                "usable": [one.name for one in found.usable],
                "duplicates": sorted(found.duplicates),
                # its successor may have come first
                "void": void,
            }
        )
        made = self._folder / "imports.json.new"
        with made.open("w") as file:
            json.dump(records, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        made.replace(self._folder / "imports.json")
        self._stocked = [self._open(record) for record in records]

    def _marks(self, name: str) -> Marks:
        return Marks.from_bytes((self._folder / f"{name}.marks").read_bytes())

    def find(self, eid: str) -> Iterator[Candidate]:
        """Walk the packages for an EID, in the order of import and delivery."""
        for stocked in self._stocked:
            if stocked.void and self._rules.on("FPA.SUPERSEDED"):
                continue
            for place in stocked.book.find(eid):
                yield Candidate(stocked, place)
