"""An SM-DPf under load: data of many eUICCs, many bindings, many results, counted one by one."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import read_tlv, tlv
from dissectors.spec.identity import iccid_octets
from sgprobe.cases.match import Unresolved
from sgprobe.crypto import ifpp
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_keys import SPEC, Suite
from sgprobe.crypto.signing import EUICC_SIGN_PIR
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.factory_bench import FactoryBench
from sgprobe.engine.factory_chips import Chip, batch
from sgprobe.engine.factory_floor import suite_named
from sgprobe.engine.factory_station import Stations
from sgprobe.engine.outcome import NotHere, StepFailed
from sgprobe.engine.quantum_vectors import unready
from sgprobe.engine.scale import Published, Share, only, percentiles, publish, share
from sgprobe.engine.scale_line import FIGURES
from sgprobe.engine.settings import Setting
from sgprobe.host.conduct import Conductor
from sgprobe.host.factory_network import PARTIES
from sgprobe.peers.delivery.check import check_delivery
from sgprobe.peers.delivery.distinct import Marks, mark
from sgprobe.peers.delivery.entry import Entry, read_line, read_package
from sgprobe.peers.delivery.files import Folder
from sgprobe.peers.effects import LinkFailure, Procedure
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.fpa.outcome import Outcome
from sgprobe.peers.smdpf.client import SmDpfClient

_RSP = "SGP.22@2.5"
BIND, IMPORT, REPORT, BURST = "scale.bind", "scale.import", "scale.report", "scale.burst"
# seconds between two calls of those who have nothing to do with a burst
_BESIDE = 0.02
_PER_BATCH, _PER_REPORT, _STATIONS = 1000, 100, 2
_AID, _DONE = "a0000005591010ffffffff8900001000", "3007800100810200"
T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What came of a load."""

    good: int = 0
    refused: int = 0
    lost: int = 0
    # bound packages that nobody has asked for, or of another suite
    foreign: int = 0
    twice: int = 0
    reports: int = 0
    batches: int = 0
    gaps: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self, asked: int) -> dict[str, Value]:
        """Return the figures as cases compare them."""
        names = ("good", "refused", "lost", "foreign", "twice", "reports", "batches", "gaps")
        counted = {name: str(getattr(self, name)) for name in names}
        return {"asked": str(asked), **counted, "right": "no" if self.wrong else "yes"}


class SmdpfLoad(Corner):
    """Has the parties around an SM-DPf ask for much, and counts what they get."""

    names = frozenset({BIND, IMPORT, REPORT, BURST, FIGURES})

    def __init__(self, setting: Setting, bench: FactoryBench, published: Published) -> None:
        self._setting, self._bench, self._published = setting, bench, published
        self._rows: Rows = []
        self._calls = random.Random(f"{setting.seed} scale {time.time() if setting.product else 0}")
        self._times: list[float] = []
        self._oid = ""

    async def read(self, part: str) -> Rows:
        """Return what was counted."""
        if not self._rows:
            raise Unresolved("nothing was done yet whose figures there could be")
        return self._rows

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Run a load to its end."""
        only(action, given, "count", "at-least", "type", "suite")
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

    async def _ask(
        self, party: str, procedure: Callable[[SmDpfClient], Procedure[T]]
    ) -> T:  # fmt: skip
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
            yield self._bench._manufacture.make(made)
            left -= now

    # --- data ---

    async def _import(self, done: Share, tally: Tally) -> None:
        for chips in self._chips(done.count, Suite.C1):
            # one more has the key of the first one, and is to be found
            (double,) = self._bench._manufacture.make({})
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
        marks = Marks()
        await self._received(str(job["deliveryId"]), asked, Suite.C1, marks, tally)
        tally.twice = len(marks.repeated())
        p95 = sorted(beside)[int(0.95 * (len(beside) - 1))] if beside else 0.0
        publish(self._published, "p95 of another caller", None, p95, given)

    # --- bindings ---

    async def _bind(
        self, done: Share, tally: Tally, kind: str, suite: Suite, *, reports: bool
    ) -> None:
        order = await self._ask("msp", partial(_ordered, self._order(kind, done.count)))
        marks = Marks()
        for chips in self._chips(done.count, suite):
            octets = batch(f"B{chips[0].number}", chips)
            await self._ask("eum", partial(_given, octets))
            asked = {(one.eid, one.made.one_time_keys[0].ref.hex()): one for one in chips}
            members = self._entries(f"R{chips[0].number}", str(order["orderId"]), suite, asked)
            job = await self._ask("dm", partial(_requested, members))
            tally.batches += 1
            tally.refused += len(job["refusals"])
            bound = await self._received(str(job["deliveryId"]), asked, suite, marks, tally)
            if reports:
                await self._report(job["deliveryId"], bound, tally)
        tally.twice = len(marks.repeated())

    def _order(self, kind: str, count: int) -> dict[str, Any]:
        notify = self._bench.network.notify
        return {"profileType": kind, "count": count, "notifyAddress": notify}

    def _entries(
        self, name: str, order: str, suite: Suite, asked: Mapping[tuple[str, str], Chip]
    ) -> dict[str, Any]:
        entries = [{"eid": eid, "keyRef": ref} for eid, ref in asked]
        return {"requestId": name, "orderId": order, "dmId": PARTIES["dm"], "suite": int(suite),
                "entries": entries}  # fmt: skip

    async def _received(
        self, delivery: str, asked: dict[tuple[str, str], Chip], suite: Suite, marks: Marks,
        tally: Tally,
    ) -> list[tuple[Entry, Chip]]:  # fmt: skip
        """Fetch a delivery, look at it whole, and throw it away."""
        with tempfile.TemporaryDirectory(prefix="scale-") as name:
            folder = Path(name)
            await self._ask("dm", partial(_fetched, delivery, folder))
            return self._look(folder, asked, suite, marks, tally)

    def _look(
        self, folder: Path, asked: dict[tuple[str, str], Chip], suite: Suite, marks: Marks,
        tally: Tally,
    ) -> list[tuple[Entry, Chip]]:  # fmt: skip
        """Check one delivery whole, and count its entries against what was asked for."""
        anchor = self._bench.floor.certificates.anchor
        checked = check_delivery(Folder(folder), [anchor], packages=True)
        tally.wrong += [str(one) for one in checked.faults]
        self._oid = checked.manifest.smdpf_oid
        found: list[tuple[Entry, Chip]] = []
        for shard in checked.manifest.shards:
            octets = (folder / shard.bin).read_bytes()
            for line in (folder / shard.idx).read_bytes().splitlines(keepends=True):
                entry = read_line(line)
                for what in ("iccid", "package_id", "transaction_id"):
                    marks.add(mark(what, getattr(entry, what)))
                chip = asked.get((entry.eid, entry.key_ref))
                if chip is None or entry.suite != int(suite):
                    tally.foreign += 1
                    continue
                package = read_package(octets[entry.offset : entry.offset + entry.length])
                self._open(chip, package.context, package.bound, tally)
                for what, octets_of in _fresh(package.context, package.bound):
                    marks.add(mark(what, octets_of))
                found.append((entry, chip))
        tally.good += len(found)
        tally.lost += len(asked) - len({entry.key_ref for entry, _ in found})
        return found

    def _open(self, chip: Chip, context: bytes, bound: bytes, tally: Tally) -> None:
        """Open a package with the key that it was asked for."""
        eid = bytes.fromhex(chip.eid)
        try:
            ifpp.open_package(chip.made.one_time_keys[0], eid, context, bound)
        except CryptoError as error:
            tally.wrong.append(f"{chip.eid}: {error}")

    # --- reports ---

    async def _report(
        self, delivery: str, bound: list[tuple[Entry, Chip]], tally: Tally
    ) -> None:  # fmt: skip
        """Send the results of all packages, the reports of each station in any order."""
        stations, now = Stations(), self._bench.floor.clock.now()
        for number, (entry, chip) in enumerate(bound):
            station = f"st-{number % _STATIONS}"
            names = {"packageId": entry.package_id, "eid": entry.eid,
                     "iccid": iccid_octets(entry.iccid).hex()}  # fmt: skip
            outcome = Outcome(result=self._result(entry, chip))
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

    def _result(self, entry: Entry, chip: Chip) -> bytes:
        """Return what the eUICC would sign of a good load; nothing is loaded here."""
        value: Value = {
            "transactionId": entry.transaction_id,
            "notificationMetadata": {
                "seqNumber": 1,
                "profileManagementOperation": {"value": "80", "length": 1},
                "notificationAddress": self._bench.network.name,
                "iccid": iccid_octets(entry.iccid).hex(),
            },
            "smdpOid": self._oid,
            "finalResult": {"successResult": {"aid": _AID, "simaResponse": _DONE}},
        }
        data = codec.load(_RSP).encode("ProfileInstallationResultData", value)
        key = chip.made.ecasd.identities[0].key
        return tlv("BF37", data, EUICC_SIGN_PIR.sign(key, data))


def _fresh(context: bytes, bound: bytes) -> Iterator[tuple[str, str]]:
    """Yield what no other binding may have: the server's one-time key, and a ciphertext."""
    tbs: Any = codec.load(SPEC).decode("IfppLoadContextRequest", context).value
    if isinstance(tbs, dict) and "kemCiphertext" in tbs["tbs"]:
        yield "ciphertext", tbs["tbs"]["kemCiphertext"]
    outer = read_tlv(bound)
    channel = read_tlv(bound, outer.body, outer.end)
    octets = bound[channel.start : channel.end]
    value: Any = codec.load(_RSP).decode("InitialiseSecureChannelRequest", octets).value
    yield "otPK.DP", value["smdpOtpk"]


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
