"""The line system: a folder with the stock, the claims, the journals and the reports."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sgprobe.crypto import keys
from sgprobe.crypto.chain import Anchor
from sgprobe.peers.delivery.check import Checked
from sgprobe.peers.fpa.claims import Claims
from sgprobe.peers.fpa.journal import Journal, JournalBusy
from sgprobe.peers.fpa.outcome import Code, Outcome
from sgprobe.peers.fpa.reports import Reporter, Written
from sgprobe.peers.fpa.rules import RULES
from sgprobe.peers.fpa.station import Station
from sgprobe.peers.fpa.stock import Stock
from sgprobe.peers.rules import Rules

MAX_STATIONS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


class Line:
    """One line: 1 to 64 stations over one stock of deliveries.

    `claims` is the file of the claim records; lines that share deliveries share it, too.
    """

    def __init__(
        self,
        folder: Path,
        anchors: Sequence[Anchor],
        *,
        claims: Path | None = None,
        off: frozenset[str] = frozenset(),
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.folder = folder
        self.rules = Rules(RULES, off)
        self.stock = Stock(folder / "stock", anchors, self.rules)
        self.claims = Claims(claims or folder / "claims.sqlite")
        self.reporter = Reporter(folder / "reports", self.rules)
        self._random = random
        self._stations: dict[str, Station] = {}
        self._id = _identity(folder / "line.id")
        if not self.rules.on("FPA.NO-KEYS"):
            # the fault of a line that wants to sign something itself
            made = keys.derive_key(random(32).hex(), "line", keys.Curve.P256)
            (folder / "line.key").write_text(keys.key_pem(made))

    def import_delivery(
        self, path: Path, now: float, told: Callable[[int], None] = lambda entries: None
    ) -> Checked:
        """Take a delivery into the stock, or what is good of it."""
        return self.stock.import_delivery(path, now, told=told)

    def station(self, name: str) -> Station:
        """Return a station; what a power cut has left open is ended as such."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is no name of a station")
        if name not in self._stations:
            if len(self._stations) >= MAX_STATIONS:
                raise ValueError(f"a line has at most {MAX_STATIONS} stations")
            journal = Journal(self.folder / "stations" / f"{name}.journal")
            self._stations[name] = Station(
                name, self.stock, self.claims, journal, self.rules, self._random, self._id
            )
        return self._stations[name]

    def recover(self) -> int:
        """End what a power cut has left open at any station; return how many there are.

        Stations that work in another process are left alone.
        """
        count = 0
        for name in self.stations():
            try:
                self.station(name)
            except JournalBusy:
                continue
            count += 1
        return count

    def stations(self) -> list[str]:
        """Return the names of all stations that have ever worked."""
        return sorted(path.stem for path in (self.folder / "stations").glob("*.journal"))

    def removed(
        self, station: str, delivery: str, package: str, eid: str, iccid: str, state: bytes,
        now: float,
    ) -> None:  # fmt: skip
        """Write down that a profile was taken off a device in stock, with its proof. USE-A4."""
        journal = self.station(station).journal
        journal.begin(delivery, package, eid, iccid, 1, now)
        journal.end(Outcome(deleted=state), 0)

    def damaged(
        self, station: str, delivery: str, package: str, eid: str, iccid: str, now: float
    ) -> None:
        """Write down that a device broke after it was loaded; what was reported stays."""
        journal = self.station(station).journal
        journal.begin(delivery, package, eid, iccid, 1, now)
        journal.end(Outcome(code=Code.DEVICE_DAMAGED, text="it broke at a later step"), 0)

    def reports(self, now: float, *, final: bool = False) -> Iterator[Written]:
        """Write and give the reports of all stations about what none tells of yet."""
        for name in self.stations():
            journal = self.station(name).journal
            for delivery in journal.deliveries():
                yield from self.reporter.write(journal, delivery, name, now, final=final)

    def unsent(self) -> Iterator[Written]:
        """Walk the reports that the SM-DPf has not answered yet, each station's in its order."""
        for name in self.stations():
            for delivery in self.station(name).journal.deliveries():
                for one in self.reporter.written(delivery, name):
                    if not one.sent:
                        yield one

    def abandon(self) -> None:
        """Let go of all files as a power cut does; a line made of the folder goes on."""
        for station in self._stations.values():
            station.journal.abandon()
        self.claims.close()

    def close(self) -> None:
        """Close all files."""
        for station in self._stations.values():
            station.journal.close()
        self.claims.close()


def _identity(path: Path) -> str:
    """Return the name under which the stations of a line make claims: no other line has it."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        made = f"{os.urandom(4).hex()}/"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made)
        return made
