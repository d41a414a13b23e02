"""A shift at the line: packages are loaded, items noted, reports written, profiles removed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dissectors.asn1.model import Value
from dissectors.spec.identity import iccid_octets
from sgprobe.cases.match import Unresolved
from sgprobe.engine.factory.chips import Chip
from sgprobe.engine.factory.foreign_load import foreign_package
from sgprobe.engine.factory.retold import retold
from sgprobe.engine.given import Act, Given, only, said_yes, whole_number
from sgprobe.peers.delivery.entry import Contents
from sgprobe.peers.fpa.outcome import NO_EID, NO_ICCID, NO_PACKAGE, Code, Outcome

if TYPE_CHECKING:
    from sgprobe.engine.factory.bench import FactoryBench

STATION = "st-1"
# what an eUICC may be made to sign in place of what is so
_TELLS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "transaction": lambda text: {"transactionId": text},
    "oid": lambda text: {"smdpOid": text},
    "iccid": lambda text: {"notificationMetadata": {"iccid": text}},
}
# the number of the copy's first notification: it has lived on by itself
_COPY_NUMBER = 5


class Shift:
    """What cases can have the line do with the eUICCs of a bench."""

    def __init__(self, bench: FactoryBench) -> None:
        self._bench = bench
        # of reports of one item each: what is sent, what is not, and the numbers of those
        self.kept: list[Value] = []
        self.lost: list[Value] = []
        self.gaps: Value = []
        self.acts: dict[str, Act] = {
            "fpa.load": self._load,
            "fpa.fail": self._fail,
            "fpa.report": self._write_report,
            "fpa.remove": self._remove,
            "fpa.state": self._state,
        }

    def _chips(self, given: Given) -> list[Chip]:
        if "device" in given:
            return [self._bench.chip(str(given["device"]))]
        return self._bench.chips

    # --- loads ---

    async def _load(self, given: Given) -> dict[str, Value]:
        only("fpa.load", given, "device", "station", "package", "damage", "memory", "copy", *_TELLS)
        floor = self._bench.floor
        station = str(given.get("station", STATION))
        for chip in self._chips(given):
            waiting = chip.packages[chip.loaded :]
            if said_yes(given, "copy"):
                waiting = chip.packages[: chip.loaded][-1:]
            elif given.get("package") == "foreign":
                waiting = [foreign_package(chip, floor.certificates, floor.octets)]
            if "device" in given and not waiting:
                raise Unresolved("no package was fetched for this device: dm.fetch comes first")
            for package in waiting:
                self._attempt(chip, package, station, given)
        return {}

    def _attempt(self, chip: Chip, package: Contents, station: str, given: Given) -> None:
        now = self._bench.floor.clock.now()
        if "memory" in given:
            chip.short_of_memory(whole_number(given, "memory"))
        sent = _damaged(package) if said_yes(given, "damage") else package
        copied = said_yes(given, "copy")
        outcome = (_copy(chip) if copied else chip).load(sent, now)
        known = package
        if copied:
            outcome = _retold(chip, outcome, {"notificationMetadata": {"seqNumber": _COPY_NUMBER}})
        elif package in chip.packages:
            chip.loaded += 1
        elif chip.loaded < len(chip.packages):
            # it is reported in place of the one that should have been loaded
            known = chip.packages[chip.loaded]
        for name, change in _TELLS.items():
            if name in given:
                outcome = _retold(chip, outcome, change(str(given[name])))
        names = {
            "packageId": known.package_id,
            "eid": known.eid,
            "iccid": iccid_octets(known.iccid).hex(),
        }
        self._bench.stations.add(station, self._delivery_of(known), names, outcome, now)

    def _delivery_of(self, package: Contents) -> str:
        for one in self._bench.fetched:
            if package in one.packages:
                return one.name
        return self._bench.delivery_id()

    async def _fail(self, given: Given) -> dict[str, Value]:
        """Note an attempt that came to no package, or to no answer."""
        only("fpa.fail", given, "device", "station", "code")
        try:
            code = Code[str(given.get("code", "NO_ANSWER_TO_RESET")).upper().replace("-", "_")]
        except KeyError:
            known = ", ".join(one.name.lower().replace("_", "-") for one in Code)
            raise Unresolved(f"code is one of {known}") from None
        names = {"packageId": NO_PACKAGE, "eid": NO_EID, "iccid": NO_ICCID}
        delivery = self._bench.delivery_id()
        if "device" in given:
            chip = self._bench.chip(str(given["device"]))
            names["eid"] = chip.eid
            if chip.packages:
                package = chip.packages[min(chip.loaded, len(chip.packages) - 1)]
                iccid = iccid_octets(package.iccid).hex()
                names |= {"packageId": package.package_id, "iccid": iccid}
                delivery = self._delivery_of(package)
        station = str(given.get("station", STATION))
        now = self._bench.floor.clock.now()
        self._bench.stations.add(station, delivery, names, Outcome(code=code), now)
        return {}

    # --- reports ---

    async def _write_report(self, given: Given) -> dict[str, Value]:
        only("fpa.report", given, "final", "station", "each", "lost")
        floor, stations = self._bench.floor, self._bench.stations
        final, station = said_yes(given, "final"), str(given.get("station", ""))
        if not said_yes(given, "each"):
            stations.write_unsent(
                floor.octets(16).hex(), floor.clock.now(), final=final, station=station
            )
            return {}
        written = stations.write_each(lambda: floor.octets(16).hex(), floor.clock.now(), station)
        chance = random.Random(f"{floor.seed} loss")
        lost = stations.lose(written, whole_number(given, "lost"), chance)
        self.lost = [stations.report(one) for one in lost]
        left = [one for one in written if one not in lost]
        chance.shuffle(left)
        self.kept = [stations.report(one) for one in left]
        self.gaps = stations.gaps(lost)
        return {}

    # --- what is inside ---

    async def _remove(self, given: Given) -> dict[str, Value]:
        only("fpa.remove", given, "device")
        for chip in self._chips(given):
            if not chip.results:
                raise Unresolved("nothing was loaded that could be removed: fpa.load comes first")
            chip.remove(self._bench.floor.octets, self._bench.floor.clock.now())
        return {}

    async def _state(self, given: Given) -> dict[str, Value]:
        only("fpa.state", given, "device")
        for chip in self._chips(given):
            chip.tell_state(self._bench.floor.octets, self._bench.floor.clock.now())
        return {}


def _copy(chip: Chip) -> Chip:
    """Return a chip with the memory that the eUICC had when it left the EUM."""
    return replace(chip, packages=[], results=[], _euicc=None)


def _retold(chip: Chip, outcome: Outcome, changes: dict[str, Any]) -> Outcome:
    if not outcome.result:
        raise Unresolved("the eUICC has signed no result that could tell something else")
    chip.results[-1:] = [retold(outcome.result, changes, chip.made.ecasd.identities[0].key)]
    return replace(outcome, result=chip.results[-1])


def _damaged(package: Contents) -> Contents:
    """Return a package whose last segment was damaged on its way to the eUICC."""
    octets = bytearray(package.bound)
    octets[-20] ^= 1
    return replace(package, bound=bytes(octets))
