"""Profile Loading Reports (FF4A) made from journals: chained, written once. IFPP §7."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from sgprobe.peers.fpa.journal import Ended, Journal
from sgprobe.peers.rules import Rules

SPEC = "IFPP@0"
# items of one report: some 200 kB
MAX_ITEMS = 500
_FIRST = bytes(32)


@dataclass(frozen=True, slots=True)
class Written:
    """One report: where it lies, and what it covers."""

    path: Path
    delivery: str
    station: str
    first: int
    last: int
    final: bool

    def octets(self) -> bytes:
        """Return the report."""
        return self.path.read_bytes()

    @property
    def sent(self) -> bool:
        """Say whether the SM-DPf has answered it."""
        return self.path.with_suffix(".sent").exists()

    def mark_sent(self, answer: dict[str, Any]) -> None:
        """Keep what the SM-DPf has answered; to send it again does no harm. RB-53."""
        self.path.with_suffix(".sent").write_text(json.dumps(answer) + "\n")


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes the reports of stations below `folder`, one folder for each delivery."""

    folder: Path
    rules: Rules

    def written(self, delivery: str, station: str) -> list[Written]:
        """Return the reports that there are, in their order."""
        found = []
        for path in sorted((self.folder / delivery).glob(f"{station}.*.der")):
            first, last, kind = path.name[len(station) + 1 :].split(".")[:3]
            found.append(Written(path, delivery, station, int(first), int(last), kind == "final"))
        return found

    def write(
        self, journal: Journal, delivery: str, station: str, now: float, *, final: bool = False
    ) -> Iterator[Written]:
        """Write reports of what no report tells of yet."""
        before = self.written(delivery, station)
        if before and before[-1].final:
            return
        last = before[-1].last if before else 0
        digest = hashlib.sha256(before[-1].octets()).digest() if before else _FIRST
        items: list[Ended] = []
        # a journal is read when there is something new in it
        for ended in journal.ended(delivery, last) if journal.last_of(delivery) > last else ():
            if len(items) == MAX_ITEMS:
                made = self._put(delivery, station, items, last, digest, now, False)
                digest, last, items = hashlib.sha256(made.octets()).digest(), made.last, []
                yield made
            items.append(ended)
        if items or final:
            yield self._put(delivery, station, items, last, digest, now, final)

    def _put(
        self,
        delivery: str,
        station: str,
        items: list[Ended],
        before: int,
        digest: bytes,
        now: float,
        final: bool,
    ) -> Written:
        last = items[-1].attempt.sequence if items else before
        if not self.rules.on("FPA.CHAIN"):
            digest = _FIRST
        name = hashlib.sha256(f"{delivery}\0{station}\0{before}".encode()).hexdigest()[:32]
        value = {
            "header": {
                "reportId": name,
                "deliveryId": delivery,
                "stationId": station,
                "firstSequence": before + 1,
                "lastSequence": last,
                "previousDigest": digest.hex(),
                "createdAt": _time(now),
                "final": final,
            },
            "items": [_item(one) for one in items],
        }
        data = codec.load(SPEC).encode("ProfileLoadingReport", value)
        kind = "final" if final else "part"
        path = self.folder / delivery / f"{station}.{before + 1:09d}.{last:09d}.{kind}.der"
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".new")
        with made.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # a report that is there is never written again: its digest is in the next one
        made.replace(path)
        return Written(path, delivery, station, before + 1, last, final)


def _item(ended: Ended) -> dict[str, object]:
    attempt = ended.attempt
    return {
        "sequence": attempt.sequence,
        "packageId": attempt.package,
        "eid": attempt.eid,
        "iccid": attempt.iccid,
        "attempt": attempt.attempt,
        "startedAt": _time(attempt.started),
        "durationMs": ended.milliseconds,
        "outcome": ended.outcome.to_item(),
    }


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%d%H%M%SZ")
