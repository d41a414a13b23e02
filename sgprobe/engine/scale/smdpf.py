"""An SM-DPf under load: data of many eUICCs, many bindings, many results, counted one by one."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from dissectors.asn1.model import Value
from dissectors.spec.identity import iccid_octets
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.engine.factory.bench import FactoryBench
from sgprobe.engine.factory.chips import Chip, batch
from sgprobe.engine.factory.floor import suite_named
from sgprobe.engine.factory.quantum_vectors import unready
from sgprobe.engine.factory.station import Stations
from sgprobe.engine.given import only
from sgprobe.engine.outcome import NotHere, StepFailed
from sgprobe.engine.scale.figures import (
    FIGURES,
    LIMITS,
    Load,
    Published,
    Share,
    percentiles,
    publish,
    share,
)
from sgprobe.engine.scale.tally import Asked, Inspection, Tally, good_result
from sgprobe.engine.settings import Setting
from sgprobe.host.conduct import Conductor
from sgprobe.host.factory_network import PARTIES
from sgprobe.peers.delivery.entry import Entry
from sgprobe.peers.effects import LinkFailure, Procedure
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.fpa.outcome import Outcome
from sgprobe.peers.smdpf.client import SmDpfClient

BIND, IMPORT, REPORT, BURST = "scale.bind", "scale.import", "scale.report", "scale.burst"
# seconds between two calls of those who have nothing to do with a burst
_BESIDE = 0.02
_PER_BATCH, _PER_REPORT, _STATIONS = 1000, 100, 2
T = TypeVar("T")


class SmdpfLoad(Load):
    """Has the parties around an SM-DPf ask for much, and counts what they get."""

    names = frozenset({BIND, IMPORT, REPORT, BURST, FIGURES})

    def __init__(self, setting: Setting, bench: FactoryBench, published: Published) -> None:
        super().__init__(setting, published)
        self._bench = bench
        self._calls = random.Random(f"{setting.seed} scale {time.time() if setting.product else 0}")
        self._times: list[float] = []

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Run a load to its end."""
        only(action, given, "count", "at-least", "type", "suite", *LIMITS)
        suite = suite_named(str(given.get("suite", "c1")))
        if why := unready(suite):
            raise NotHere(f"suite {suite.label}: {why}")
        done, tally = share(given, self._setting.scale), Tally()
        self._times.clear()
        begun = time.monotonic()
        try:
            if action == IMPORT:
                await self._import(done, tally)
            elif action == BURST:
                await self._burst(done, tally, given)
            else:
                kind = str(given.get("type", "small"))
                await self._bind(done, tally, kind, suite, reports=action == REPORT)
        except (ServerFault, ServerRefusal, LinkFailure) as error:
            raise StepFailed(f"after {tally.good} of {done.count}: {error}") from None
        limits = {name: one for name, one in given.items() if action != BURST}
        publish(self._published, action.partition(".")[2], done, time.monotonic() - begun, limits)
        self._published.figures.append(f"answers: {percentiles(self._times)}")
        self._rows = [tally.row(done.count)]
        if tally.wrong:
            self._published.figures.append(f"the first that is wrong: {tally.wrong[0][:200]}")
        return {}

    # --- asking ---

    def _client(self, party: str) -> SmDpfClient:
        name = self._bench.network.address
        return SmDpfClient(name, PARTIES[party], lambda: self._calls.randbytes(8).hex())

    async def _ask(self, party: str, procedure: Callable[[SmDpfClient], Procedure[T]]) -> T:
        network, begun = self._bench.network, time.monotonic()
        conductor = Conductor(network.client(party), network.plan.clock)
        answer = await conductor.run(procedure(self._client(party)))
        self._times.append(time.monotonic() - begun)
        return answer

    def _chips(self, count: int, suite: Suite) -> Iterator[list[Chip]]:
        """Yield eUICCs, a batch at a time; what is done with is forgotten."""
        left = count
        while left:
            now = min(left, _PER_BATCH)
            made = {"count": str(now), "suite": suite.label}
            yield self._bench.manufacture.make(made)
            left -= now

    # --- data ---

    async def _import(self, done: Share, tally: Tally) -> None:
        for chips in self._chips(done.count, Suite.C1):
            # one more has the key of the first one, and is to be found
            (double,) = self._bench.manufacture.make({})
            double.made = replace(double.made, one_time_keys=chips[0].made.one_time_keys)
            octets = batch(f"B{chips[0].number}", [*chips, double])
            answer = await self._ask("eum", partial(_given, octets))
            tally.batches += 1
            taken, refused = set(answer["accepted"]), answer["refused"]
            tally.good += len(taken & {one.eid for one in chips})
            tally.refused += len(refused)
            tally.lost += len({one.eid for one in chips} - taken)
            tally.foreign += len([one for one in refused if one["eid"] != double.eid])

    # --- one order at once, and somebody else who asks ---

    async def _burst(self, done: Share, tally: Tally, given: Mapping[str, Any]) -> None:
        order = await self._ask("msp", partial(_ordered, self._order("small", done.count)))
        every: list[Chip] = []
        for chips in self._chips(done.count, Suite.C1):
            await self._ask("eum", partial(_given, batch(f"B{chips[0].number}", chips)))
            every += chips
        asked = {(one.eid, one.made.one_time_keys[0].ref.hex()): one for one in every}
        members = self._entries("burst", str(order["orderId"]), Suite.C1, asked)
        work = asyncio.ensure_future(self._ask("dm", partial(_requested, members)))
        beside: list[float] = []
        try:
            while not work.done():
                begun = time.monotonic()
                states = await self._ask("msp", partial(_shown, str(order["orderId"])))
                beside.append(time.monotonic() - begun)
                tally.wrong += (
                    [] if sum(states.values()) == done.count else ["an order that shrank"]
                )
                await asyncio.sleep(_BESIDE)
            job = await work
        finally:
            work.cancel()
        tally.refused, tally.batches = len(job["refusals"]), len(beside)
        inspection = self._inspection(Suite.C1, tally)
        await self._received(str(job["deliveryId"]), asked, inspection)
        inspection.end()
        p95 = sorted(beside)[int(0.95 * (len(beside) - 1))] if beside else 0.0
        publish(self._published, "p95 of another caller", None, p95, given)

    # --- bindings ---

    async def _bind(
        self, done: Share, tally: Tally, kind: str, suite: Suite, *, reports: bool
    ) -> None:
        order = await self._ask("msp", partial(_ordered, self._order(kind, done.count)))
        inspection = self._inspection(suite, tally)
        for chips in self._chips(done.count, suite):
            octets = batch(f"B{chips[0].number}", chips)
            await self._ask("eum", partial(_given, octets))
            asked = {(one.eid, one.made.one_time_keys[0].ref.hex()): one for one in chips}
            members = self._entries(f"R{chips[0].number}", str(order["orderId"]), suite, asked)
            job = await self._ask("dm", partial(_requested, members))
            tally.batches += 1
            tally.refused += len(job["refusals"])
            bound = await self._received(str(job["deliveryId"]), asked, inspection)
            if reports:
                await self._report(job["deliveryId"], bound, inspection.oid, tally)
        inspection.end()

    def _inspection(self, suite: Suite, tally: Tally) -> Inspection:
        return Inspection(self._bench.floor.certificates.anchor, suite, tally)

    def _order(self, kind: str, count: int) -> dict[str, Any]:
        notify = self._bench.network.notify
        return {"profileType": kind, "count": count, "notifyAddress": notify}

    def _entries(self, name: str, order: str, suite: Suite, asked: Asked) -> dict[str, Any]:
        entries = [{"eid": eid, "keyRef": ref} for eid, ref in asked]
        return {"requestId": name, "orderId": order, "dmId": PARTIES["dm"], "suite": int(suite),
                "entries": entries}  # fmt: skip

    async def _received(
        self, delivery: str, asked: Asked, inspection: Inspection
    ) -> list[tuple[Entry, Chip]]:
        """Fetch a delivery, look at it whole, and throw it away."""
        with tempfile.TemporaryDirectory(prefix="scale-") as name:
            folder = Path(name)
            await self._ask("dm", partial(_fetched, delivery, folder))
            return inspection.look(folder, asked)

    # --- reports ---

    async def _report(
        self, delivery: str, bound: list[tuple[Entry, Chip]], oid: str, tally: Tally
    ) -> None:
        """Send the results of all packages, the reports of each station in any order."""
        stations, now = Stations(), self._bench.floor.clock.now()
        for number, (entry, chip) in enumerate(bound):
            station = f"st-{number % _STATIONS}"
            names = {"packageId": entry.package_id, "eid": entry.eid,
                     "iccid": iccid_octets(entry.iccid).hex()}  # fmt: skip
            outcome = Outcome(result=good_result(entry, chip, oid, self._bench.network.name))
            stations.add(station, delivery, names, outcome, now)
            if len(stations.log(station).pending) == _PER_REPORT:
                stations.write_unsent(os.urandom(16).hex(), now, final=False, station=station)
        for number in range(_STATIONS):
            stations.write_unsent(os.urandom(16).hex(), now, final=True, station=f"st-{number}")
        reports = list(stations.written)
        self._calls.shuffle(reports)
        proven = 0
        for octets in reports:
            answer = await self._ask("dm", partial(_reported, octets))
            proven += sum(item["verdict"] == "proven-installed" for item in answer["items"])
        tally.reports += len(reports)
        tally.lost += len(bound) - proven
        gaps = await self._ask("dm", lambda one: one.gaps(delivery))
        tally.gaps += sum(len(one["missing"]) for one in gaps["stations"])
        tally.gaps += int(gaps["withoutOutcomeCount"])


def _given(octets: bytes, client: SmDpfClient) -> Procedure[dict[str, Any]]:
    return client.batch(octets, PARTIES["dm"])


def _ordered(members: Mapping[str, Any], client: SmDpfClient) -> Procedure[dict[str, Any]]:
    return client.order(dict(members))


def _shown(order: str, client: SmDpfClient) -> Procedure[dict[str, int]]:
    return client.order_states(order)


def _requested(members: Mapping[str, Any], client: SmDpfClient) -> Procedure[dict[str, Any]]:
    return client.request(dict(members))


def _fetched(delivery: str, folder: Path, client: SmDpfClient) -> Procedure[Any]:
    return client.fetch(delivery, folder)


def _reported(octets: bytes, client: SmDpfClient) -> Procedure[dict[str, Any]]:
    return client.report(octets)
