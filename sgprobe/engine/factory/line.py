"""A line under test: the devices and deliveries that come to it, and what it does with them."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.cases.keys import STATES
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.ifpp_keys import SPEC
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.end import Command
from sgprobe.engine.factory.line_delivery import DeliveryDesk, Packed
from sgprobe.engine.factory.line_device import Floor, LineDevice, trouble_of
from sgprobe.engine.factory.line_foreign import ForeignLine
from sgprobe.engine.factory.line_product import LineProduct, OwnLine, Verdict
from sgprobe.engine.factory.line_says import REPORT
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.given import only, said_yes, whole_number
from sgprobe.host.world import World

# how many devices, packages and deliveries have names of their own
NAMED = 4
SUCCESS, WHOLE, BROKEN = "success", "whole", "broken"
# as PEM has it, whatever kind of key it is
_PRIVATE_KEY = b"PRIVATE KEY-----"
# those that were at no station yet
_OTHERS = "others"
_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", re.ASCII)
_LOAD = frozenset(
    {"devices", "device", "station", "line", "scanned", "override", "dead", "lost-at", "gone-at",
     "result-lost", "killed", "refuses"}
)  # fmt: skip


class FactoryLine(Corner):
    """What is around a line under test; the line itself is ours, or a product's."""

    names = frozenset(
        {"smdpf.deliver", "fpa.import", "fpa.load", "fpa.report", "fpa.damaged", "fpa.restart"}
        | {name for name in STATES if name.startswith("fpa.")}
    )

    def __init__(
        self,
        world: World,
        seed: str,
        off: frozenset[str],
        command: Command,
        foreign: Foreign | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="line-")
        folder = Path(self._temporary.name) / "in" / "factory"
        folder.mkdir(parents=True)
        clock = world.clock
        eu = frozenset(name for name in off if name.startswith("EUICC."))
        base = 0
        if foreign is not None:
            # it keeps what it was given in other items: nothing may be there twice
            seed, base = secrets.token_hex(16), secrets.randbelow(10**16) * 10_000
        self.floor = Floor(world.set, seed, eu, clock, command, base)
        self.desk = DeliveryDesk(world.set, self.floor, folder, seed, clock.now)
        rules = frozenset(name for name in off if name.startswith("FPA."))
        self.product: LineProduct
        if foreign is not None:
            self.product = ForeignLine(foreign, world.tape)
        else:
            self.product = OwnLine(
                Path(self._temporary.name) / "line", (world.set.anchor,), rules, clock, world.tape,
                world.entropy("fpa"),
            )  # fmt: skip
        # takes a report as the product said it, and returns it as it was heard
        self.tell: Callable[[bytes], bytes | None] = lambda octets: octets
        self._reports: list[bytes] = []
        self._imports: dict[str, Verdict] = {}
        self._verdicts: dict[int, Verdict] = {}
        self._acts: dict[str, Callable[[Mapping[str, Any]], Awaitable[dict[str, Value]]]] = {
            "smdpf.deliver": self._deliver,
            "fpa.import": self._import,
            "fpa.load": self._load,
            "fpa.report": self._report,
            "fpa.damaged": self._damaged,
            "fpa.restart": self._restart,
        }

    # --- names ---

    def called(self) -> dict[str, Callable[[], Value]]:
        """Return what cases call devices, packages and deliveries."""
        found: dict[str, Callable[[], Value]] = {}
        for number in range(1, NAMED + 1):
            found |= {
                f"device.{number}": partial(self._eid, number),
                f"device.{number}.result": partial(self._result, number),
                f"package.{number}": partial(self._package, number, "id"),
                f"package.{number}.iccid": partial(self._package, number, "iccid"),
                f"package.{number}.transaction": partial(self._package, number, "transaction"),
                f"delivery.{number}": partial(self._delivery, number),
            }
        return found

    def _eid(self, number: int) -> str:
        return self.floor[number].eid

    def _result(self, number: int) -> str:
        results = self.floor[number].results
        if not results:
            raise Unresolved(f"the eUICC of device {number} has given no result")
        return results[-1].hex()

    def _package(self, number: int, part: str) -> str:
        if number > len(self.desk.packages):
            raise Unresolved(f"there is no package {number}: smdpf.deliver makes them")
        one: Packed = self.desk.packages[number - 1]
        if part == "id":
            return one.package_id
        return (one.bound.iccid if part == "iccid" else one.bound.transaction).hex()

    def _delivery(self, number: int) -> str:
        if number > len(self.desk.made):
            raise Unresolved(f"there is no delivery {number}: smdpf.deliver makes them")
        return self.desk.made[number - 1].name

    # --- what steps ask for ---

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Act; raises Unresolved."""
        return await self._acts[action](given)

    async def _deliver(self, given: Mapping[str, Any]) -> dict[str, Value]:
        return {"delivery": self.desk.deliver(given).name}

    async def _import(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Have the line take a delivery: the last one, or one by its name."""
        wanted = given.get("delivery")
        made = [one for one in self.desk.made if wanted in (None, one.name)]
        if not made:
            raise Unresolved("there is no such delivery: smdpf.deliver makes them")
        verdict = await self.product.import_delivery(made[-1].path, given)
        self._imports[made[-1].name] = verdict
        return {}

    async def _load(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Put devices in the reader of a station, one after the other."""
        only("fpa.load", given, *_LOAD)
        for device in self._wanted(given):
            device.befall(trouble_of(given))
            self._verdicts[device.number] = await self.product.load(device, given)
            await asyncio.sleep(0)
        return {}

    def _wanted(self, given: Mapping[str, Any]) -> list[LineDevice]:
        told = str(given.get("devices", given.get("device", "")))
        if not told:
            return self.floor.known
        if told == _OTHERS:
            return [one for one in self.floor.known if one.number not in self._verdicts]
        found = _RANGE.fullmatch(told)
        if found is None:
            raise Unresolved(f"{told[:40]} is no device, no range such as 1-20, and not others")
        first = int(found[1])
        return [self.floor[number] for number in range(first, int(found[2] or first) + 1)]

    async def _report(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Have the line write its reports; each is heard."""
        final = said_yes(given, "final")
        own = {one.name for one in self.desk.made}
        for octets in await self.product.reports(final=final):
            if _value(octets)["header"] and _of(octets)[0] not in own:
                # of another item, where one line serves them all
                continue
            said = self.tell(octets)
            if said is not None:
                self._reports.append(said)
        return {}

    async def _damaged(self, given: Mapping[str, Any]) -> dict[str, Value]:
        await self.product.damaged(self.floor[whole_number(given, "device", 1)])
        return {}

    async def _restart(self, given: Mapping[str, Any]) -> dict[str, Value]:
        await self.product.restart()
        return {}

    # --- states ---

    async def bring(self, part: str, rows: Rows) -> None:
        """Bring a state about; raises Unresolved."""
        await self.product.bring(part, rows)

    async def read(self, part: str) -> Rows:
        """Return the rows of a state; raises Unresolved."""
        match part:
            case "fpa.deliveries":
                return [{"delivery": name, "state": one.word, "reason": one.reason,
                         "escaped": "yes" if self.desk.escaped else "no"}
                        for name, one in self._imports.items()]  # fmt: skip
            case "fpa.devices":
                return [self._device(one) for one in self.floor.known]
            case "fpa.outcomes":
                counted = Counter(_outcome(item) for one in self._reports for item in _items(one))
                return [{"outcome": name, "items": str(number)} for name, number in counted.items()]
            case "fpa.packages":
                return _packages(item for one in self._reports for item in _items(one))
            case "fpa.stations":
                return self._stations()
            case "fpa.secrets":
                return await self._secrets()
            case "fpa.network":
                return await self.product.network()
        raise Unresolved(f"the bench cannot see {part}")

    def _device(self, device: LineDevice) -> dict[str, Value]:
        verdict = self._verdicts.get(device.number, Verdict("absent"))
        own = [one.bound.package for one in self.desk.packages if one.device == device.number]
        whole = device.was_told(own)
        return {**device.row(), "verdict": verdict.word, "reason": verdict.reason,
                "told": "as bound" if whole else "otherwise"}  # fmt: skip

    async def _secrets(self) -> Rows:
        """Return how many secrets were looked for in what the line keeps, and which are there."""
        wanted = {"a private key": _PRIVATE_KEY}
        for device in self.floor.known:
            for place, key in enumerate(device.chip.one_time_keys, 1):
                name = f"one-time key {place} of device {device.number}"
                scalar = key.private.private_numbers().private_value
                wanted |= {name: scalar.to_bytes(32, "big"), f"the seed of {name}": key.seed}
        for number, one in enumerate(self.desk.packages, 1):
            names = zip(("K", "OPc", "IMSI"), one.secrets, strict=True)
            wanted |= {f"{name} of package {number}": octets for name, octets in names}
        found = [name for name, octets in wanted.items() if await self.product.holds(octets)]
        return [{"searched": str(len(wanted)), "found": ", ".join(found) or "none"}]

    def _stations(self) -> Rows:
        """Return what each station has reported, and whether none of it is missing."""
        found: dict[tuple[str, str], list[bytes]] = {}
        for octets in self._reports:
            found.setdefault(_of(octets), []).append(octets)
        return [_station(name, reports) for (_, name), reports in found.items()]

    async def close(self) -> None:
        """Let go of the line and of all files."""
        await self.product.close()
        self._temporary.cleanup()


def _value(report: bytes) -> dict[str, Any]:
    decoded = codec.load(SPEC).decode(REPORT, report)
    value = decoded.value if decoded.ok else None
    return value if isinstance(value, dict) else {"header": {}, "items": []}


def _items(report: bytes) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = _value(report)["items"]
    return items


def _of(report: bytes) -> tuple[str, str]:
    """Return delivery and station of a report."""
    header = _value(report)["header"]
    return str(header.get("deliveryId")), str(header.get("stationId"))


def _outcome(item: dict[str, Any]) -> str:
    """Return what a case calls the outcome of an item."""
    outcome = item["outcome"]
    if "fpaError" in outcome:
        return str(outcome["fpaError"]["code"])
    if "deleted" in outcome:
        return "deleted"
    result = bytes.fromhex(outcome["euiccResult"])
    value = codec.load("SGP.22@2.5").decode("ProfileInstallationResult", result).value
    try:
        final = value["profileInstallationResultData"]["finalResult"]
    except (TypeError, KeyError):
        return "unreadable"
    return SUCCESS if "successResult" in final else "error"


def _station(name: str, reports: list[bytes]) -> dict[str, Value]:
    items = [item for one in reports for item in _items(one)]
    numbers = [int(item["sequence"]) for item in items]
    # what the first one names may be older than this item
    digests = [hashlib.sha256(one).hexdigest() for one in reports[:-1]]
    named = [_value(one)["header"].get("previousDigest") for one in reports[1:]]
    return {
        "station": name,
        "items": str(len(items)),
        "loaded": str(sum(_outcome(item) == SUCCESS for item in items)),
        "sequence": WHOLE if numbers == _consecutive(numbers) else BROKEN,
        "chain": WHOLE if named == digests else BROKEN,
    }


def _packages(items: Iterable[dict[str, Any]]) -> Rows:
    """Return what items say of each package, in the order of its first one."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        found.setdefault(str(item["packageId"]), []).append(item)
    return [_package(place, name, told) for place, (name, told) in enumerate(found.items(), 1)]


def _package(place: int, name: str, items: list[dict[str, Any]]) -> dict[str, Value]:
    outcomes = [_outcome(item) for item in items]
    results = [item["outcome"]["euiccResult"] for item, outcome in zip(items, outcomes, strict=True)
               if outcome == SUCCESS]  # fmt: skip
    error = items[0]["outcome"].get("fpaError", {})
    return {
        "package": name,
        "place": str(place),
        "first": outcomes[0],
        "last": outcomes[-1],
        "successes": str(len(results)),
        "result": results[0] if results else "",
        "segment": str(error.get("segmentIndex", "")),
        "refused": str(error.get("euiccError", "")),
    }


def _consecutive(numbers: list[int]) -> list[int]:
    return list(range(numbers[0], numbers[0] + len(numbers))) if numbers else []
