"""The line under test as the bench drives it: our own one in this process, or a product's."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dissectors.spec.identity import iccid_octets
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.chain import Anchor
from sgprobe.engine.factory.line_device import Killed, LineDevice
from sgprobe.engine.factory.witness import leaks
from sgprobe.engine.given import whole_number
from sgprobe.engine.outcome import Declined
from sgprobe.host.offline import Watch, watching
from sgprobe.host.station import Slot
from sgprobe.links.clock import Clock
from sgprobe.links.tape import Tape
from sgprobe.peers.delivery.check import Refused
from sgprobe.peers.fpa.journal import JournalError
from sgprobe.peers.fpa.line import Line
from sgprobe.peers.fpa.outcome import Device

ACCEPTED, LIMITED, REFUSED = "accepted", "limited", "refused"
GOOD, HELD = "good", "held"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a line says of a delivery, or of a device."""

    word: str
    reason: str = ""


class LineProduct(Protocol):
    """What a line can be asked for; raises Unresolved where it cannot."""

    async def import_delivery(self, path: Path, given: Mapping[str, Any]) -> Verdict:
        """Take a delivery: accepted, limited or refused."""

    async def load(self, device: LineDevice, given: Mapping[str, Any]) -> Verdict:
        """Load and finish the device in the reader: good or held."""

    async def reports(self, *, final: bool) -> list[bytes]:
        """Return the reports (FF4A) about what none has told of yet."""

    async def damaged(self, device: LineDevice) -> None:
        """Take down that a device broke at a later step."""

    async def restart(self) -> None:
        """Start again, the store kept."""

    async def bring(self, part: str, rows: list[dict[str, Any]]) -> None:
        """Bring a state of it about."""

    async def network(self) -> list[dict[str, Any]]:
        """Return how often it asked for the network, and whether that would be seen."""

    async def holds(self, octets: bytes) -> bool:
        """Say whether octets stand in what it keeps, as they are or in hex."""

    async def close(self) -> None:
        """Let go of what it holds."""


class OwnLine:
    """The reference line: its stations run here, one device after the other."""

    def __init__(
        self,
        folder: Path,
        anchors: tuple[Anchor, ...],
        off: frozenset[str],
        clock: Clock,
        tape: Tape | None,
        random: Callable[[int], bytes],
    ) -> None:
        self._folder, self._anchors, self._off = folder, anchors, off
        self._clock, self._tape, self._random = clock, tape, random
        self._ahead = 0.0
        self._lines: dict[int, Line] = {}
        self._watch = Watch()
        self._full = False

    def now(self) -> float:
        """Return what the clock of the line shows."""
        return self._clock.now() + self._ahead

    def _line(self, given: Mapping[str, Any]) -> Line:
        number = whole_number(given, "line", 1)
        if number not in self._lines:
            self._lines[number] = Line(
                self._folder / f"line{number}", self._anchors, off=self._off, random=self._random
            )
        return self._lines[number]

    async def import_delivery(self, path: Path, given: Mapping[str, Any]) -> Verdict:
        line = self._line(given)
        try:
            found = line.import_delivery(path, self.now())
        except Refused as refused:
            return Verdict(REFUSED, str(refused.fault))
        if found.ok or not line.rules.on("FPA.SHARD"):
            return Verdict(ACCEPTED)
        reason = "; ".join(str(one) for one in found.faults[:3])
        return Verdict(LIMITED if found.usable else REFUSED, reason)

    async def load(self, device: LineDevice, given: Mapping[str, Any]) -> Verdict:
        line = self._line(given)
        scanned, override = (_text(given, name) for name in ("scanned", "override"))
        clock: Any = _Shown(self.now)
        try:
            station = line.station(f"s{whole_number(given, 'station', 1):02d}")
            slot = Slot(device, clock=clock, tape=self._tape)
            with watching(self._watch):
                done = slot.run(station.process(scanned, override))
                if not line.rules.on("FPA.OFFLINE"):
                    _ask_at_home()
        except JournalError as error:
            raise Declined(f"the line stops: {error}") from None
        except Killed:
            self._abandon(line)
            return Verdict(HELD, "the line lost its power")
        return _verdict(done)

    async def reports(self, *, final: bool) -> list[bytes]:
        return [one.octets() for number in sorted(self._lines)
                for one in self._lines[number].reports(self.now(), final=final)]  # fmt: skip

    async def damaged(self, device: LineDevice) -> None:
        line = self._line({})
        candidate = next(iter(line.stock.find(device.eid)), None)
        if candidate is None:
            raise Unresolved("the line has no package for this device")
        entry = candidate.entry
        iccid = iccid_octets(entry.iccid).hex()
        line.damaged("s01", candidate.stocked.id, entry.package_id, device.eid, iccid, self.now())

    async def restart(self) -> None:
        for line in list(self._lines.values()):
            self._abandon(line)

    def _abandon(self, line: Line) -> None:
        line.abandon()
        self._lines = {number: one for number, one in self._lines.items() if one is not line}

    async def bring(self, part: str, rows: list[dict[str, Any]]) -> None:
        row = rows[0] if rows else {}
        match part:
            case "fpa.clock":
                self._ahead = _seconds(row)
            case "fpa.store" if row.get("room") == "none":
                journal = self._line({}).station("s01").journal
                # from here on each octet that is written finds the disk full
                with open("/dev/full", "r+b", buffering=0) as full:
                    os.dup2(full.fileno(), journal.fileno())
                self._full = True
            case _:
                raise Unresolved(f"the reference line has no {part} like that")

    async def network(self) -> list[dict[str, Any]]:
        return [{"attempts": str(len(self._watch.attempts)), "canaries": str(self._watch.canaries)}]

    async def holds(self, octets: bytes) -> bool:
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return any(leaks([octets], [path.read_bytes()]) for path in files)

    async def close(self) -> None:
        for line in list(self._lines.values()):
            # a full disk takes no last words
            self._abandon(line) if self._full else line.close()


class _Shown:
    """A clock that shows what the line believes."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now


def _seconds(row: Mapping[str, Any]) -> float:
    try:
        return float(row.get("ahead", 0))
    except (TypeError, ValueError):
        raise Unresolved(f"ahead is {str(row.get('ahead'))[:40]}, no number of seconds") from None


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    return None if value is None else str(value)


def _verdict(done: Device) -> Verdict:
    return Verdict(GOOD if done.good else HELD, done.reason)


def _ask_at_home() -> None:
    """Commit the fault of a line that tells a server of each device."""
    with suppress(OSError):
        socket.getaddrinfo("line.example.com", 443)
