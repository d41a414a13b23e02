"""A month of a factory in compressed time: its line works by day, its SM-DPf is asked by night."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.crypto.ifpp_keys import SPEC, Suite
from sgprobe.engine.given import only, whole_number
from sgprobe.engine.outcome import NotHere, StepFailed
from sgprobe.engine.scale.devices import Floor, Gate
from sgprobe.engine.scale.figures import FIGURES, LIMITS, Load, Published, publish, share
from sgprobe.engine.settings import Setting
from sgprobe.host.factory_network import PARTIES
from sgprobe.host.loading import Source, load_all
from sgprobe.host.world import World
from sgprobe.peers.delivery.check import Refused
from sgprobe.peers.delivery.distinct import Marks, mark
from sgprobe.peers.drive import drive
from sgprobe.peers.effects import Effect, LinkFailure, Now, Post, Procedure, Wait
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.eum.batches import batch
from sgprobe.peers.eum.personalisation import Eum
from sgprobe.peers.fpa.line import MAX_STATIONS, Line
from sgprobe.peers.fpa.outcome import is_success
from sgprobe.peers.smdpf.client import SmDpfClient
from sgprobe.peers.smdpf.server import SmDpf, make_setup
from sgprobe.peers.store import SqliteStore

MONTH = "scale.month"
_DAYS, _STOCK, _OUTAGES = 22, 2, 2
_DAY, _NIGHT = 16 * 3600.0, 8 * 3600.0
_ADDRESS = "https://smdpf.example"
_PER_BATCH = 1000


class Month(Load):
    """Runs SM-DPf and line through a month, with nights in which the SM-DPf is away."""

    names = frozenset({MONTH, FIGURES})

    def __init__(self, setting: Setting, world: World, published: Published) -> None:
        super().__init__(setting, published)
        self._world = world

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Let the month pass; it takes both roles, and the bench has no others than its own."""
        if self._setting.product is not None:
            raise NotHere(
                "a month in compressed time takes an SM-DPf and a line of the bench's own"
            )
        only(MONTH, given, "count", "at-least", "days", "stock", "outages", "stations", *LIMITS)
        days = whole_number(given, "days", _DAYS, least=1, most=_DAYS)
        month = share(given, self._setting.scale)
        # a part of the month has its part of the devices
        done = replace(month, count=max(days, month.count * days // _DAYS))
        plan = Plan(
            done.count,
            days,
            whole_number(given, "stock", _STOCK, least=1, most=31),
            whole_number(given, "outages", _OUTAGES, most=31),
            whole_number(given, "stations", MAX_STATIONS, least=1, most=MAX_STATIONS),
        )
        with tempfile.TemporaryDirectory(prefix="month-") as name:
            factory = Factory(plan, Path(name), self._world, self._setting)
            begun = time.monotonic()
            try:
                await asyncio.to_thread(factory.run)
            except (ServerFault, ServerRefusal, LinkFailure, Refused) as error:
                raise StepFailed(f"on day {factory.day}: {error}") from None
            finally:
                factory.close()
            publish(self._published, "month", done, time.monotonic() - begun, given)
            self._published.figures.append(
                f"{plan.days} days, {factory.away} nights without SM-DPf, "
                f"least stock at the end of a day: {factory.least} devices"
            )
            self._rows = [factory.row()]
        return {}


@dataclass(frozen=True, slots=True)
class Plan:
    """How many devices in how many days, and for how many of these the stock lasts."""

    devices: int
    days: int
    stock: int
    outages: int
    stations: int

    def until(self, day: int) -> int:
        """Return how many devices are done by the end of a day; days count from 1."""
        return self.devices * min(day, self.days) // self.days

    def is_away(self, night: int) -> bool:
        """Say whether the SM-DPf is away in the night before a day; never before the first."""
        step = max(1, self.days // (self.outages + 1))
        return night > 1 and (night - 1) % step == 0 and (night - 1) // step <= self.outages


@dataclass
class Factory:
    """All parties of the month: MSP, EUM, device maker, SM-DPf and line."""

    plan: Plan
    folder: Path
    world: World
    setting: Setting
    day: int = 0
    # nights without the SM-DPf, and the devices that had a package when a day was over
    away: int = 0
    least: int = -1
    _bound: int = 0
    _tally: Counter[str] = field(default_factory=Counter)
    _stations: set[str] = field(default_factory=set)
    _loaded: Marks = field(default_factory=Marks)

    def __post_init__(self) -> None:
        own, off = self.world.set, self.setting.off
        self._now = time.time()
        setup = make_setup(
            own, self.folder / "out", off=frozenset(one for one in off if one.startswith("SMDPF."))
        )
        self._smdpf = SmDpf(setup, SqliteStore(self.folder / "smdpf.sqlite"), os.urandom)
        rules = frozenset(one for one in off if one.startswith("FPA."))
        self._line = Line(self.folder / "line", [own.anchor], off=rules)
        self._floor = Floor(
            self.world, self.folder, f"{self.setting.seed} month", self.plan.devices
        )
        self._eum = Eum(own)
        self._calls = random.Random(f"{self.setting.seed} month")
        self._reachable = True

    # --- the month ---

    def run(self) -> None:
        """Let all nights and days pass, and what is left be reported."""
        members = {"profileType": "small", "count": self.plan.devices, "notifyAddress": ""}
        order = str(self._ask("msp", lambda one: one.order(members))["orderId"])
        for day in range(1, self.plan.days + 1):
            self.day = day
            self._reachable = not self.plan.is_away(day)
            self.away += not self._reachable
            self._at_night(order, final=False)
            self._now += _NIGHT
            # by day nobody asks the SM-DPf, whether it is there or not
            self._reachable = False
            self._load(range(self.plan.until(day - 1), self.plan.until(day)))
            self._now += _DAY
        self._reachable = True
        self._at_night(order, final=True)
        states = self._ask("msp", lambda one: one.order_states(order))
        self._tally["lost"] = self.plan.devices - int(states.get("INSTALLED", 0))

    def _at_night(self, order: str, *, final: bool) -> None:
        """Report what was loaded, and bring the stock back to where it should be."""
        for _ in self._line.reports(self._now, final=final):
            pass
        try:
            for report in self._line.unsent():
                octets = report.octets()
                report.mark_sent(self._ask("dm", partial(_reported, octets)))
                self._count(octets)
            wanted = self.plan.until(self.day - 1 + self.plan.stock)
            if wanted > self._bound and not final:
                self._bind(order, range(self._bound, wanted))
        except LinkFailure:
            # there is another night
            return

    def _bind(self, order: str, numbers: range) -> None:
        entries = []
        for at in range(numbers.start, numbers.stop, _PER_BATCH):
            chips = [self._floor.chip(one) for one in numbers[at - numbers.start :][:_PER_BATCH]]
            octets = batch(self._eum, f"B{at}", chips)
            self._ask("eum", lambda one, octets=octets: one.batch(octets, PARTIES["dm"]))
            entries += [{"eid": one.eid, "keyRef": one.one_time_keys[0].ref.hex()} for one in chips]
        members = {"requestId": f"R{numbers.start}", "orderId": order, "dmId": PARTIES["dm"],
                   "suite": int(Suite.C1), "entries": entries}  # fmt: skip
        job = self._ask("dm", lambda one: one.request(members))
        self._tally["refused"] += len(job["refusals"])
        self._tally["batches"] += 1
        name = str(job["deliveryId"])
        folder = self.folder / "in" / name
        self._ask("dm", lambda one: one.fetch(name, folder))
        self._line.import_delivery(folder, self._now)
        self._bound = numbers.stop

    def _load(self, numbers: range) -> None:
        """Load the devices of a day at all stations at once, with what is in stock."""
        devices = self._floor.devices(0.0, numbers)
        if not devices:
            return
        stations = min(self.plan.stations, len(devices))
        gate = Gate(threading.Barrier(stations))
        sources: list[Source] = [partial(gate.put, one) for one in devices]
        tally = load_all(self._line, sources, stations)
        self._tally["short"] += tally.held
        self._tally["good"] += tally.good
        self._stations |= set(gate.at)
        left = self._bound - numbers.stop
        self.least = left if self.least < 0 else min(self.least, max(left, 0))

    def _count(self, report: bytes) -> None:
        value: Any = codec.load(SPEC).decode("ProfileLoadingReport", report).value
        self._tally["reports"] += 1
        for item in value["items"]:
            self._tally["items"] += 1
            result = bytes.fromhex(item["outcome"].get("euiccResult", ""))
            if result and is_success(result):
                self._loaded.add(mark("package", item["packageId"]))

    # --- asking ---

    def _ask(self, party: str, procedure: Any) -> Any:
        client = SmDpfClient(_ADDRESS, PARTIES[party], lambda: self._calls.randbytes(8).hex())
        asked: Procedure[Any] = procedure(client)
        return drive(asked, self._perform)

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case Post() if not self._reachable:
                raise LinkFailure("the SM-DPf is away")
            case Post(_, request):
                return self._smdpf.answer(request, self._now)
            case Wait():
                # instead of waiting for the server, do its work
                self._smdpf.step(self._now)
                return None
            case Now():
                return self._now
        raise LinkFailure(f"nobody does {effect!r} here")

    # --- what came of it ---

    def row(self) -> dict[str, Value]:
        """Return what was counted."""
        told = {name: str(self._tally[name]) for name in
                ("items", "good", "short", "refused", "lost", "reports", "batches")}  # fmt: skip
        twice = len(self._loaded.repeated())
        return {**told, "asked": str(self.plan.devices), "twice": str(twice),
                "stations": str(len(self._stations))}  # fmt: skip

    def close(self) -> None:
        """Let go of all files."""
        self._line.close()


def _reported(octets: bytes, client: SmDpfClient) -> Procedure[dict[str, Any]]:
    return client.report(octets)
