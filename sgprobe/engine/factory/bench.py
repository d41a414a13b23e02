"""The parties around an SM-DPf under test: what cases can have them do, and what they know."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dissectors.asn1.model import Value
from dissectors.spec.functions import Function
from dissectors.trace.json_functions import parse
from sgprobe.cases import planned as p
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.pki import CertificateSet
from sgprobe.engine.capture.row import Roles
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.factory.chips import Chip, Manufacture, batch
from sgprobe.engine.factory.fetching import Fetched, fetch
from sgprobe.engine.factory.operator import Operator
from sgprobe.engine.factory.peers_say import FactoryPeersSay
from sgprobe.engine.factory.shift import Shift
from sgprobe.engine.factory.station import Stations
from sgprobe.engine.factory.told import HEAR, TOLD, Ear
from sgprobe.engine.factory.witness import Look, leaks, look
from sgprobe.engine.given import Act, Given, only, whole_number
from sgprobe.engine.heard import History
from sgprobe.engine.message.compose import binding_fields
from sgprobe.engine.message.fill import Filler
from sgprobe.exchange import Request, Response
from sgprobe.host.factory_network import NOBODY, PARTIES, FactoryNetwork, Network, party_of
from sgprobe.links.clock import Clock
from sgprobe.peers.delivery.check import Refused, check_delivery
from sgprobe.peers.delivery.entry import Contents
from sgprobe.peers.delivery.files import FilesError

Octets = Callable[[int], bytes]
# seconds between looks at a job
POLL = 0.25
_UNDER_WAY = ("queued", "running")
_OK = 200
_DELIVERY, _AFFECTED = "dm.delivery", "smdpf.affected"
_PER_BATCH = 1000
# secrets that are looked for in all that was said: of ten thousand packages the first ones
_SEARCHED = 120


@dataclass(frozen=True, slots=True)
class Floor:
    """What the bench is made with."""

    certificates: CertificateSet
    clock: Clock
    history: History
    octets: Octets
    seed: str


@dataclass(frozen=True, slots=True)
class PartyRequest(Request):
    """A request, and the party whose certificate it is sent with."""

    party: str = ""


class FactoryBench(Corner):
    """MSP, EUM, device maker and line around one SM-DPf; an async context."""

    def __init__(self, floor: Floor, network: Callable[[Path], Network]) -> None:
        self.floor = floor
        self._home = tempfile.TemporaryDirectory(prefix="sgprobe-")
        self.network = FactoryNetwork(network(Path(self._home.name) / "smdpf"))
        # the store of a product lives on: each item has eUICCs that it has never seen
        first = 0 if self.network.smdpf is not None else int(floor.clock.now()) * 1000
        self.manufacture = Manufacture(floor.certificates, floor.seed, first)
        self.chips: list[Chip] = []
        self.stations = Stations()
        self.fetched: list[Fetched] = []
        self._looks: dict[str, Look] = {}
        self._chip_of: dict[str, Chip] = {}
        # every octet that the SM-DPf has said
        self.received: list[bytes] = []
        self.shift = Shift(self)
        self.operator = Operator(self.network, floor.certificates, self._told)
        self.ear = Ear(floor.history, floor.clock)
        self._acts: dict[str, Act] = {
            HEAR: self.ear.hear,
            "eum.personalise": self._personalise,
            "dm.fetch": self._fetch,
            **self.shift.acts,
            **self.operator.acts,
        }
        own = self.network.smdpf is not None
        # what an SM-DPf of others is told goes by its operator
        self.names = frozenset(
            {_DELIVERY, _AFFECTED, TOLD, *self._acts} if own
            else {_DELIVERY, TOLD, *(one for one in self._acts if not one.startswith("smdpf."))}
        )  # fmt: skip
        self.says = FactoryPeersSay(self)

    # --- asking ---

    def url(self, role: str) -> str:
        """Return where a role is asked; raises Unresolved where it has no address."""
        if role == "smdpf":
            return self.network.address
        if role == "msp":
            return self.network.notify
        raise Unresolved(f"the bench has no way to ask {role}")

    def roles(self) -> Roles:
        """Return who stands behind an address of the capture."""
        return Roles(self.network.listeners(), {"smdpf": "dm", "msp": "smdpf"})

    async def ask(self, party: str, request: Request) -> Response:
        """Have a party ask the SM-DPf."""
        answer = await self.network.client(party).ask(self.network.address, request)
        self.received.append(answer.body)
        return answer

    # --- names ---

    def called(self) -> dict[str, Any]:
        """Return what cases call parties and what was said last; looked up when it is used."""
        found: dict[str, Any] = {
            f"parties.{name}": (lambda told=told: told) for name, told in PARTIES.items()
        }
        return found | {
            "devices": lambda: [one.names() for one in self.chips],
            "order.id": lambda: self._told("OrderProfiles", "orderId"),
            "job.id": lambda: self._told("RequestPackages", "jobId"),
            "delivery.id": self.delivery_id,
            "smdpf.address": lambda: self.network.name,
            "smdpf.oid": self._oid,
            "msp.address": lambda: self.network.notify,
        }

    def families(self) -> dict[str, Callable[[str], Value]]:
        """Return names with parts: `$devices.1.eid`, `$reports.2`."""
        return {"devices": self._device_name, "reports": self._report_name}

    def _device_name(self, below: str) -> Value:
        number, _, name = below.partition(".")
        known = self.chip(number).names()
        if not name:
            return known
        if name not in known:
            raise Unresolved(f"$devices.{below} is not known; known are {', '.join(known)}")
        return known[name]

    def _report_name(self, below: str) -> Value:
        sorted_out = {"kept": self.shift.kept, "lost": self.shift.lost, "gaps": self.shift.gaps}
        if below in sorted_out:
            return sorted_out[below]
        return self.stations.report(int(below) if below.isdecimal() else 0)

    def chip(self, number: str) -> Chip:
        """Return an eUICC by its number, from 1; raises Unresolved."""
        place = int(number) if number.isascii() and number.isdigit() else 0
        if not 1 <= place <= len(self.chips):
            raise Unresolved(f"there are {len(self.chips)} devices, and no number {number[:20]}")
        return self.chips[place - 1]

    def _told(self, function: str, member: str) -> str:
        for heard in reversed(self.floor.history.said):
            right = heard.function.name == function and not heard.request
            if right and isinstance(heard.value, dict) and member in heard.value:
                return str(heard.value[member])
        raise Unresolved(f"the SM-DPf has told no {member} yet")

    def delivery_id(self) -> str:
        """Return the delivery that the SM-DPf has told of last."""
        for heard in reversed(self.floor.history.said):
            right = heard.function.name in ("ShowJob", "RequestPackages") and not heard.request
            if right and isinstance(heard.value, dict) and "deliveryId" in heard.value:
                return str(heard.value["deliveryId"])
        raise Unresolved("the SM-DPf has told of no delivery yet")

    def _oid(self) -> str:
        if self.fetched:
            return self.fetched[-1].manifest.smdpf_oid
        return self.network.setup.party.oid

    # --- the EUM ---

    async def _personalise(self, given: Given) -> dict[str, Value]:
        self.chips += self.manufacture.make(given)
        return {}

    def waiting(self) -> list[Chip]:
        """Return the eUICCs whose data nobody has: those of the EUM of the first one."""
        left = [one for one in self.chips if not one.given_away]
        left = [one for one in left if one.eum.chain == left[0].eum.chain]
        return left[:_PER_BATCH]

    def give_away(self) -> bytes:
        """Return the batch of what nobody has yet, or of all where everything was given away."""
        chips = self.waiting() or self.chips
        made = batch(f"B{chips[0].number if chips else 0}", chips)
        for one in chips:
            one.given_away = True
        return made

    # --- the device maker ---

    async def _fetch(self, given: Given) -> dict[str, Value]:
        only("dm.fetch", given, "delivery", "chunk", "client")
        name = str(given.get("delivery") or self.delivery_id())
        party = str(given.get("client", party_of("dm")))
        folder = Path(self._home.name) / "fetched" / f"{len(self.fetched)}"
        found = await fetch(
            name, folder, lambda request: self.ask(party, request), whole_number(given, "chunk")
        )
        self.fetched.append(found)
        for package in found.packages:
            chip = self._by_eid().get(package.eid)
            known = chip is not None and package in chip.packages
            if chip is not None and not known:
                chip.packages.append(package)
        return {}

    def _by_eid(self) -> dict[str, Chip]:
        if len(self._chip_of) != len(self.chips):
            self._chip_of = {one.eid: one for one in self.chips}
        return self._chip_of

    def _looked(self, package: Contents) -> Look:
        key = f"{package.package_id}{package.key_ref}{package.eid}{len(package.bound)}"
        if key not in self._looks:
            chip = self._by_eid().get(package.eid)
            keys = chip.made.one_time_keys if chip is not None else ()
            pair = next((one for one in keys if one.ref.hex() == package.key_ref), None)
            now = datetime.fromtimestamp(self.floor.clock.now(), UTC)
            self._looks[key] = look(package, pair, [self.floor.certificates.anchor], now)
        return self._looks[key]

    def _delivery(self) -> list[dict[str, Value]]:
        """Return what was found in the delivery that was fetched last, and in all together."""
        if not self.fetched:
            raise Unresolved("nothing was fetched yet: dm.fetch comes first")
        last = self.fetched[-1]
        looks = [self._looked(one) for one in last.packages]
        every = [one for whole in self.fetched for one in whole.packages]
        unique = {one.package_id: one for one in every}.values()
        marks = [mark for one in unique for mark in self._looked(one).marks]
        secrets = [secret for one in unique for secret in self._looked(one).secrets]
        keys = [key for one in unique for key in self._looked(one).keys]
        now = datetime.fromtimestamp(self.floor.clock.now(), UTC)
        try:
            checked = check_delivery(
                last.files, [self.floor.certificates.anchor], now, packages=True
            )
            faults = "; ".join(str(one) for one in checked.faults)
        except (Refused, FilesError) as error:
            faults = str(error)
        iccids = {one.iccid for one in unique}
        row: dict[str, Value] = {
            "delivery": last.name,
            "packages": str(len(last.packages)),
            "devices": str(len({one.eid for one in last.packages})),
            "iccids": str(len(iccids)),
            "faults": faults or "none",
            "fresh": "yes" if len(set(marks)) == len(marks) else "no",
            "leaks": str(leaks(secrets[:_SEARCHED], self._said())),
            "keysTold": str(leaks(keys[:_SEARCHED], self._said())),
        }
        for name in ("opened", "signed", "chained", "formed"):
            wrong = [getattr(one, name) for one in looks if getattr(one, name)]
            row[name] = "yes" if looks and not wrong else wrong[0] if wrong else "no"
        return [row]

    def _said(self) -> list[bytes]:
        told = [one.octets for one in self.floor.history.said if one.product]
        return [*self.received, *told]

    # --- triggers and states ---

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Have a party act."""
        return await self._acts[action](given)

    async def read(self, part: str) -> Rows:
        """Return the rows of a state."""
        if part == TOLD:
            return [self.ear.row()]
        return self._delivery() if part == _DELIVERY else self.operator.affected

    # --- life ---

    async def __aenter__(self) -> FactoryBench:
        await self.network.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.network.__aexit__()
        self._home.cleanup()


def client_of(planned: p.PlannedMessage, filler: Filler) -> str:
    """Return the party that a step speaks as: `http: {client: …}`, or its sender."""
    for name, template in planned.binding:
        if name == "http":
            told = binding_fields(template, filler).get("client")
            if told is not None:
                if str(told) not in (*PARTIES, NOBODY):
                    raise Unresolved(f"{told} is no party ({', '.join(PARTIES)}, {NOBODY})")
                return str(told)
    return party_of(planned.sender)


def with_party(asked: Request, party: str) -> PartyRequest:
    """Return a request that goes out with the certificate of a party."""
    return PartyRequest(
        asked.path, asked.media, asked.body, asked.headers, asked.method, party=party
    )


def is_under_way(function: Function, answer: Response) -> bool:
    """Say whether a job goes on, so that a device maker asks again."""
    if function.name != "ShowJob" or answer.status != _OK:
        return False
    return parse(answer.body).members.get("state") in _UNDER_WAY
