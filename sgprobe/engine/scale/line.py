"""A line under load: devices at 64 stations at once, reports of many items, one EID among many."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.crypto.ifpp_keys import SPEC
from sgprobe.engine.given import only, seconds_of, whole_number
from sgprobe.engine.outcome import NotHere
from sgprobe.engine.scale.devices import Floor, Gate, Slow, Wish, made
from sgprobe.engine.scale.figures import FIGURES, LIMITS, Load, Published, Share, publish, share
from sgprobe.engine.settings import Setting
from sgprobe.host.loading import Source, load_all
from sgprobe.host.station import Slot
from sgprobe.host.world import World
from sgprobe.peers.fpa.line import MAX_STATIONS, Line
from sgprobe.peers.fpa.outcome import NO_PACKAGE, is_success

STATIONS, LOOK_UP = "scale.stations", "scale.look-up"


class LineLoad(Load):
    """Has the line under test do much at once, and counts what came of it."""

    names = frozenset({STATIONS, LOOK_UP, FIGURES})

    def __init__(self, setting: Setting, world: World, published: Published) -> None:
        super().__init__(setting, published)
        self._world = world

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Run a load to its end; a product of others has one reader here, and no 64."""
        if self._setting.product is not None:
            raise NotHere("the bench has one reader for a line of others, and no 64 stations")
        work = self._stations if action == STATIONS else self._look_up
        with tempfile.TemporaryDirectory(prefix="line-load-") as name:
            floor = Floor(self._world, Path(name), f"{self._setting.seed}")
            self._rows = [await work(floor, given)]
        return {}

    def _line(self, floor: Floor) -> Line:
        off = frozenset(name for name in self._setting.off if name.startswith("FPA."))
        return Line(floor.folder / "line", [self._world.set.anchor], off=off)

    # --- stations ---

    async def _stations(self, floor: Floor, given: dict[str, Value]) -> dict[str, Value]:
        only(STATIONS, given, "count", "at-least", "stations", "takes", "slow-takes",
             "dead", "slow", "refused", *LIMITS)  # fmt: skip
        scale = self._setting.scale
        done = share(given, scale)
        stations = whole_number(given, "stations", MAX_STATIONS, least=1, most=MAX_STATIONS)
        wish = Wish(
            done.count, stations,
            (seconds_of(given, "takes") or 0.0) * float(scale),
            (seconds_of(given, "slow-takes") or 0.0) * float(scale),
            *(_part(given, name, done.count) for name in ("dead", "slow", "refused")),
        )  # fmt: skip
        floor.count = done.count
        devices = made(floor, wish)
        refused = frozenset(number for number, one in enumerate(devices) if one.refuses)
        path = floor.deliver(refused)
        line = self._line(floor)
        try:
            line.import_delivery(path, time.time())
            parties = min(stations, len(devices))
            gate = Gate(threading.Barrier(parties))
            sources: list[Source] = [partial(gate.put, device) for device in devices]
            begun = time.monotonic()
            await asyncio.to_thread(load_all, line, sources, parties)
            took = time.monotonic() - begun
            written = time.monotonic()
            reports = [one.octets() for one in line.reports(time.time(), final=True)]
            wrote = time.monotonic() - written
        finally:
            line.close()
        self._publish(done, wish, devices, took, wrote, given)
        return _counted(devices, refused, reports, gate.at)

    def _publish(
        self, done: Share, wish: Wish, devices: list[Slow], took: float, wrote: float, given: Any
    ) -> None:
        # stations wait for their eUICCs side by side: what the line does itself is the limit
        limits = {name: given[name] for name in ("per-second",) if name in given}
        publish(self._published, f"{wish.stations} stations", done, took, limits)
        waited = max((one.waited for one in devices), default=0.0)
        slowest = {name: given[name] for name in ("at-most",) if name in given}
        publish(self._published, "slowest first command after contact", None, waited, slowest)
        publish(self._published, "reports", None, wrote, {})

    # --- one among many ---

    async def _look_up(self, floor: Floor, given: dict[str, Value]) -> dict[str, Value]:
        only(LOOK_UP, given, "count", "at-least", "warm", *LIMITS)
        done = share(given, self._setting.scale)
        path, eid = floor.fill(done.count)
        line = self._line(floor)
        try:
            found = line.import_delivery(path, time.time())
            begun = time.monotonic()
            cold = list(line.stock.find(eid))
            between = time.monotonic()
            warm = list(line.stock.find(eid))
            ended = time.monotonic()
            right = [one.place.entry.matches(one.stocked.book.package(one.place)) for one in cold]
            floor.count = 1
            device = Slot(floor.devices(0.0)[0]).run(line.station("s01").process())
            strangers = [one for one in device.loads if one.package_id != NO_PACKAGE]
        finally:
            line.close()
        limit = {"at-most": given["at-most"]} if "at-most" in given else {}
        publish(self._published, f"cold ({done})", None, between - begun, limit)
        warmly = {"at-most": given["warm"]} if "warm" in given else {}
        publish(self._published, "warm", None, ended - between, warmly)
        return {
            "asked": str(done.count), "items": str(found.entries),
            "found": str(len([one for one in (*cold, *warm) if one.entry.eid == eid])),
            "right": "yes" if right and all(right) else "no", "foreign": str(len(strangers)),
        }  # fmt: skip


def _part(given: dict[str, Value], name: str, count: int) -> int:
    """Return how many of the devices a share in per mille is; of a share at least one."""
    told = whole_number(given, name, most=1000)
    return max(1, round(count * told / 1000)) if told else 0


def _counted(
    devices: list[Slow], refused: frozenset[int], reports: list[bytes], at: dict[str, int]
) -> dict[str, Value]:
    """Return what the reports tell of the devices, against what was there."""
    outcomes: Counter[str] = Counter()
    loaded: Counter[str] = Counter()
    told: set[str] = set()
    items = 0
    for octets in reports:
        value: Any = codec.load(SPEC).decode("ProfileLoadingReport", octets).value
        for item in value["items"]:
            items += 1
            told.add(item["eid"])
            result = bytes.fromhex(item["outcome"].get("euiccResult", ""))
            if result and is_success(result):
                outcomes["success"] += 1
                loaded[item["packageId"]] += 1
            else:
                outcomes["error"] += 1
    good = [one for number, one in enumerate(devices) if not one.dead and number not in refused]
    silent = sum(one.dead for one in devices)
    answering = {one.eid for one in devices if not one.dead}
    # a dead device tells no EID: its items are counted
    lost = len(answering - told) + max(0, silent - (items - len(answering & told)))
    return {
        "asked": str(len(devices)), "items": str(items), "good": str(outcomes["success"]),
        "short": str(len(good) - outcomes["success"]), "refused": str(outcomes["error"]),
        "lost": str(lost),
        "twice": str(sum(count - 1 for count in loaded.values())), "stations": str(len(at)),
    }  # fmt: skip
