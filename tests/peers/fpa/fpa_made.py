"""A line with deliveries of a real SM-DPf for eUICCs of the EUM, and devices that can fail."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from smdpf_made import DM, NOW, Bench, Octets, bench, pki

from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.host.station import Slot
from sgprobe.links.card import ReaderGone
from sgprobe.links.clock import Clock
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.eum.batches import batch
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised
from sgprobe.peers.fpa.line import Line
from sgprobe.peers.fpa.outcome import Device
from sgprobe.peers.fpa.station import Station
from sgprobe.peers.store import MemoryStore

KIND = Kind(config=Config(local_management=True), keys=(Suite.C1, Suite.C1))


@lru_cache(maxsize=128)
def personalised(number: int) -> Personalised:
    return Eum(pki(), entropy=random.Random(number)).personalise(number, KIND)


class Hand:
    """A clock that a test moves."""

    def __init__(self, now: float = NOW) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class Plugged:
    """A device in a reader; `cut` is after how many commands it loses power."""

    def __init__(self, chip: Personalised, off: Iterable[str] = ()) -> None:
        self.store = MemoryStore()
        self.chip = chip
        self.off = tuple(off)
        self.card = Card(chip.euicc(self.store, off=self.off))
        self.cut: int | None = None
        self.gone = False
        self.commands: list[bytes] = []
        # lose the answer of the command that is cut, not the command itself
        self.late = False

    def power_cycle(self) -> None:
        self.card = Card(self.chip.euicc(self.store, off=self.off))

    def apdu(self, command: bytes) -> bytes:
        if self.gone:
            raise ReaderGone("no device")
        self.commands.append(command)
        if self.cut is not None and len(self.commands) > self.cut:
            if self.late:
                self.card.apdu(command, NOW)
            self.cut = None
            self.power_cycle()
            raise ReaderGone("the contact was lost")
        return self.card.apdu(command, NOW)

    def reset(self) -> bytes:
        if self.gone:
            raise ReaderGone("no device")
        return self.card.reset()

    def profiles(self) -> list[str]:
        from sgprobe.peers.euicc.records import Profile

        return [one.iccid for one in self.card.euicc.draft().all(Profile)]

    def key_states(self) -> list[str]:
        from sgprobe.peers.euicc.factory_records import FactoryKey

        return sorted(one.state for one in self.card.euicc.draft().all(FactoryKey))


@dataclass
class Factory:
    bench: Bench
    folder: Path
    line: Line
    clock: Hand = field(default_factory=Hand)
    deliveries: list[str] = field(default_factory=list)

    def deliver(
        self, chips: Iterable[Personalised], key: int = 0, imported: bool = True, **members: Any
    ) -> Path:
        """Bind one key of each chip and import the delivery."""
        chips = list(chips)
        made = base64.b64encode(batch(Eum(pki()), "b1", chips)).decode()
        self.bench.call("batch", "eum.example", {"batch": made})
        answer = self.bench.bind(
            [(one.eid, one.one_time_keys[key].ref.hex()) for one in chips], **members
        )
        assert answer["refusals"] == [], answer
        self.deliveries.append(answer["deliveryId"])
        path = self.bench.smdpf.hand_over(answer["deliveryId"]).path
        if imported:
            found = self.line.import_delivery(path, self.clock.time)
            assert found.ok, found.faults
        return path

    def station(self, name: str = "s1") -> Station:
        return self.line.station(name)

    def load(
        self, device: Plugged, station: str = "s1", scanned: str | None = None, **slot: Any
    ) -> Device:
        clock: Clock = self.clock  # type: ignore[assignment]
        return Slot(device, clock=clock, **slot).run(self.station(station).process(scanned))

    def reopen(self, **options: Any) -> None:
        """Begin again as after a power cut of the line: nothing is closed in order."""
        self.line.abandon()
        self.line = line(self.folder, **options)

    def report(self, final: bool = False) -> list[dict[str, Any]]:
        """Send all reports to the SM-DPf; return its verdicts."""
        verdicts = []
        for one in self.line.reports(self.clock.time, final=final):
            text = base64.b64encode(one.octets()).decode()
            verdicts += self.bench.call("report", DM, {"report": text})["items"]
        return verdicts

    def items(self, station: str = "s1") -> list[tuple[int, str]]:
        """What the journal of a station has for its first delivery: sequence and outcome."""
        journal = self.station(station).journal
        return [
            (one.attempt.sequence, one.outcome.code.name if one.outcome.code else "RESULT")
            for name in journal.deliveries()
            for one in journal.ended(name)
        ]


def line(folder: Path, off: Iterable[str] = (), claims: Path | None = None) -> Line:
    return Line(
        folder / "line", [pki().anchor], off=frozenset(off), random=Octets("line"), claims=claims
    )


def factory(folder: Path, off: Iterable[str] = (), count: int = 50, **options: Any) -> Factory:
    made = bench(folder / "smdpf", **options)
    made.place(count)
    return Factory(made, folder, line(folder, off))


Make = Callable[..., Factory]
