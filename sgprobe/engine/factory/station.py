"""What a simulated line has to report: items by station and delivery, and the chain of reports."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.ifpp_keys import SPEC
from sgprobe.peers.fpa.outcome import Outcome
from sgprobe.peers.smdpf.ranges import Ranges, added

REPORT = "ProfileLoadingReport"
_ZERO = "00" * 32


@dataclass(slots=True)
class Log:
    """The items of one station about one delivery, and the reports that it has written."""

    station: str
    delivery: str
    # numbers that reports have
    reported: int = 0
    digest: str = _ZERO
    pending: list[dict[str, Any]] = field(default_factory=list)
    # a report that was made and is on its way
    draft: Value = None


class Stations:
    """All stations of a line; the one at work last is the one that reports next."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, str], Log] = {}
        self._last: Log | None = None
        # reports as they were written, whether they were sent or not
        self.written: list[bytes] = []
        self._attempts: dict[str, int] = {}

    def add(self, station: str, delivery: str, names: dict[str, str], outcome: Outcome,
            now: float) -> None:  # fmt: skip
        """Note one attempt: `names` are packageId, eid and iccid as an item has them."""
        log = self._logs.setdefault((station, delivery), Log(station, delivery))
        self._last = log
        key = names["packageId"] + names["eid"]
        self._attempts[key] = self._attempts.get(key, 0) + 1
        log.pending.append({
            "sequence": log.reported + len(log.pending) + 1,
            **names,
            "attempt": self._attempts[key],
            "startedAt": _time(now),
            "durationMs": 40,
            "outcome": outcome.to_item(),
        })  # fmt: skip

    def log(self, station: str = "") -> Log:
        """Return the log of a station, or of the one at work last; raises Unresolved."""
        found = self._last
        if station:
            found = next((one for one in self._logs.values() if one.station == station), None)
        if found is None:
            raise Unresolved("there is nothing to report: fpa.load or fpa.fail comes first")
        self._last = found
        return found

    def draft(self, name: str, now: float, *, final: bool = False, station: str = "") -> Value:
        """Return the report of what no report tells of; with nothing to tell it is the last one."""
        log = self.log(station)
        last = log.reported + len(log.pending)
        log.draft = {
            "header": {
                "reportId": name,
                "deliveryId": log.delivery,
                "stationId": log.station,
                "firstSequence": log.reported + 1,
                "lastSequence": last,
                "previousDigest": log.digest,
                "createdAt": _time(now),
                "final": final or not log.pending,
            },
            "items": list(log.pending),
        }
        return log.draft

    def write(self, octets: bytes) -> None:
        """Keep a report as it went out: the next one follows it."""
        log = self._last
        if log is None or log.draft is None or octets in self.written:
            # an earlier one, again
            return
        self.written.append(octets)
        log.reported += len(log.pending)
        log.digest = hashlib.sha256(octets).hexdigest()
        log.pending, log.draft = [], None

    def write_unsent(self, name: str, now: float, *, final: bool, station: str) -> None:
        """Write a report that is not sent: it is lost, or comes later."""
        value = self.draft(name, now, final=final, station=station)
        self.write(codec.load(SPEC).encode(REPORT, value))

    def write_each(self, name: Callable[[], str], now: float, station: str) -> list[int]:
        """Write one report for each item of a station, and a last one; return their numbers."""
        log, first = self.log(station), len(self.written)
        waiting, log.pending = log.pending, []
        for items in (*([one] for one in waiting), []):
            log.pending = items
            self.write_unsent(name(), now, final=False, station=log.station)
        return list(range(first + 1, len(self.written) + 1))

    def lose(self, written: list[int], percent: int, chance: random.Random) -> list[int]:
        """Return reports of one item that are lost: a share of them, and at least one."""
        items = [one for one in written if not self._header(one)["final"]]
        if not items or not percent:
            return []
        return sorted(chance.sample(items, max(1, len(items) * percent // 100)))

    def gaps(self, lost: list[int]) -> Value:
        """Return the sequence numbers that these reports had, as ranges."""
        ranges: Ranges = []
        for one in lost:
            header = self._header(one)
            ranges = added(ranges, header["firstSequence"], header["lastSequence"])
        return [list(one) for one in ranges]

    def _header(self, number: int) -> Any:
        return cast(Any, self.report(number))["header"]

    def report(self, number: int) -> Value:
        """Return a report that was written, by its number; raises Unresolved."""
        if not 1 <= number <= len(self.written):
            raise Unresolved(f"there are {len(self.written)} reports, and no number {number}")
        return codec.load(SPEC).decode(REPORT, self.written[number - 1]).value


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%d%H%M%SZ")
