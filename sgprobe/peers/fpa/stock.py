"""The deliveries that a line has in stock: imported once, checked, and found by EID."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
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
    # no shard of it was left out when it was imported
    whole: bool = True

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
        folder.mkdir(parents=True, exist_ok=True)
        self._stocked = self._known(self._records())

    def _records(self) -> list[dict[str, object]]:
        path = self._folder / "imports.json"
        if not path.exists():
            return []
        try:
            records = list(json.loads(path.read_bytes()))
            good = all(
                {"path", "delivery", "usable", "duplicates"} <= one.keys() for one in records
            )
        except (ValueError, TypeError, AttributeError, RecursionError):
            good = False
        if not good:
            raise FilesError(str(path), "the record of imports is damaged; keep it for people")
        return records

    def _known(self, records: list[dict[str, object]]) -> list[Stocked]:
        found = []
        for record in records:
            path = Path(str(record["path"]))
            # one that was thrown away keeps its record: what it supersedes stays void
            if not path.exists():
                continue
            try:
                found.append(self._open(record))
            except Refused as error:
                one = error.fault
                raise Refused(replace(one, place=str(path / one.place))) from None
        return found

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
            usable.issuperset(one.name for one in manifest.shards),
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
        """Check a delivery and take what is good of it; Refused where nothing may be used.

        One of which shards were left out may come again, as it was signed.
        """
        moment = datetime.fromtimestamp(now, UTC)
        path = path.resolve()
        try:
            files = open_delivery(path)
            again = self._again(files)
            others = [self._marks(one.id) for one in self._stocked
                      if not one.void and one is not again]  # fmt: skip
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
        if again is None and any(one.id == name for one in self._stocked):
            raise Refused(Fault("again", str(path), f"{name} is in stock already", "RB-42"))
        if moment > found.manifest.not_after and self._rules.on("FPA.EXPIRED"):
            text = f"it was good until {found.manifest.not_after:%Y-%m-%d}"
            raise Refused(Fault("expired", "manifest.json", text, "RB-40"))
        with self._turn:
            self._add(path, found)
        return found

    def _again(self, files: Files) -> Stocked | None:
        """Return the delivery in stock that this is, where it was not whole at its import."""
        manifest, _ = open_manifest(files, self._anchors, strict=self._rules.on("FPA.MANIFEST"))
        return next((one for one in self._stocked if one.manifest == manifest and not one.whole),
                    None)  # fmt: skip

    def _add(self, path: Path, found: Checked) -> None:
        name = found.manifest.delivery_id
        (self._folder / f"{name}.marks").write_bytes(found.marks.to_bytes())
        records = [one for one in self._records() if one["delivery"] != name]
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
        self._stocked = self._known(records)

    def _marks(self, name: str) -> Marks:
        return Marks.from_bytes((self._folder / f"{name}.marks").read_bytes())

    def find(self, eid: str) -> Iterator[Candidate]:
        """Walk the packages for an EID, in the order of import and delivery."""
        for stocked in self._stocked:
            if stocked.void and self._rules.on("FPA.SUPERSEDED"):
                continue
            for place in stocked.book.find(eid):
                yield Candidate(stocked, place)
