"""A laboratory for the whole factory flow: MSP, EUM, SM-DPf, device maker and line in one folder.

The sixteen steps of SGP.41 §5.1 are the methods; the SM-DPf is the folder's own, or any other one
over HTTPS.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sgprobe.crypto import keys
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import CertificateSet, TestPki
from sgprobe.exchange import Request, Response
from sgprobe.host.binding_pool import BindingPool
from sgprobe.host.factory_tls import ask_remote
from sgprobe.host.station import CardDevice
from sgprobe.links.clock import WallClock
from sgprobe.peers.delivery.manifest import Manifest
from sgprobe.peers.dm.maker import PATH as ESED2
from sgprobe.peers.dm.maker import DeviceMaker
from sgprobe.peers.drive import drive
from sgprobe.peers.effects import Effect, LinkFailure, Now, Post, Procedure, Wait
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.eum.batches import batch
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised
from sgprobe.peers.fpa.line import Line
from sgprobe.peers.msp.provider import Msp, sign_order
from sgprobe.peers.rules import Rules
from sgprobe.peers.smdpf.client import SmDpfClient
from sgprobe.peers.smdpf.rules import RULES
from sgprobe.peers.smdpf.server import SmDpf, make_setup
from sgprobe.peers.store import SqliteStore

T = TypeVar("T")
MSP, EUM, DM = "msp.example", "eum.example", "dm.example"
NOTIFY = "https://msp.example/ifpp"
_OWN = "https://smdpf.example"
_MARK = "lab.json"
_BATCH, _KEYS = 1000, 2000
_SHOWN = 5
# as it stands in paths, here and at the SM-DPf
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Told = Callable[[int, int], None]


class LabError(Exception):
    """The laboratory is not in a state for this step."""


def _quiet(done: int, whole: int) -> None:
    pass


@dataclass
class Lab:
    """One laboratory folder; `url` is the SM-DPf where it is not the folder's own."""

    folder: Path
    url: str | None = None
    trust: tuple[Path, ...] = ()
    off: frozenset[str] = frozenset()
    clock: WallClock = field(default_factory=WallClock)

    def __post_init__(self) -> None:
        self.certificates: CertificateSet = TestPki.load()[Curve.P256]
        # a rule that nobody has is told before anything is done
        Rules(RULES, self.off)
        self.pool = BindingPool()
        self._smdpf: SmDpf | None = None
        self._stores: dict[str, SqliteStore] = {}
        path = self.folder / _MARK
        try:
            self.notes: dict[str, Any] = _notes(path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            raise LabError(f"{self.folder} is no laboratory; begin with `factory order`") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            text = "is damaged; `factory order --new` throws the laboratory away and begins anew"
            raise LabError(f"{path} {text}") from None

    @classmethod
    def make(cls, folder: Path, *, new: bool = False, seed: str = "sgprobe", **options: Any) -> Lab:
        """Return the laboratory in a folder; `new` throws an earlier one away."""
        if folder.exists() and not folder.is_dir():
            raise LabError(f"{folder} is a file; a laboratory is a folder")
        if new and (folder / _MARK).exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _MARK).exists():
            if any(folder.iterdir()):
                raise LabError(f"{folder} is not empty and no laboratory; name another folder")
            notes = {"seed": seed, "orders": [], "devices": [], "deliveries": []}
            (folder / _MARK).write_text(json.dumps(notes) + "\n")
        return cls(folder, **options)

    def _save(self) -> None:
        made = self.folder / f"{_MARK}.new"
        made.write_text(json.dumps(self.notes) + "\n")
        made.replace(self.folder / _MARK)

    # --- who is asked ---

    @property
    def smdpf(self) -> SmDpf:
        """The SM-DPf of the folder."""
        if self._smdpf is None:
            home = self.folder / "smdpf"
            home.mkdir(exist_ok=True)
            setup = make_setup(
                self.certificates, home / "deliveries", seed=self.notes["seed"], off=self.off
            )
            self._smdpf = SmDpf(setup, self._store("smdpf/smdpf.sqlite"), os.urandom, self.pool)
        return self._smdpf

    def _store(self, name: str) -> SqliteStore:
        """Return a store of the folder, the same each time; `close` closes it."""
        if name not in self._stores:
            self._stores[name] = SqliteStore(self.folder / name)
        return self._stores[name]

    def client(self, requester: str) -> SmDpfClient:
        """Return a client of the SM-DPf."""
        return SmDpfClient(self.url or _OWN, requester, lambda: os.urandom(8).hex())

    def ask(self, requester: str, procedure: Procedure[T]) -> T:
        """Run what a party asks the SM-DPf; LinkFailure says that it cannot be reached."""
        if self.url is not None:
            return ask_remote(self.certificates, requester, procedure, self.trust)
        return self._run(procedure)

    def _run(self, procedure: Procedure[T]) -> T:
        return drive(procedure, self._perform)

    def _perform(self, effect: Effect) -> Response | float | None:
        now = self.clock.now()
        match effect:
            case Post(address, request) if address == _OWN:
                return self.smdpf.answer(request, now)
            case Post(address, request) if NOTIFY.startswith(address):
                return self.msp.answer(request, now)
            case Post():
                return Response(404)
            case Wait():
                # instead of waiting for the server, do its work
                self.smdpf.step(now)
                return None
            case Now():
                return now
        raise LinkFailure(f"nobody does {effect!r} here")

    @property
    def msp(self) -> Msp:
        """The MSP that is told of results."""
        return Msp(self._store("msp.sqlite"), "/ifpp")

    # --- step 1: the MSP orders ---

    def order(self, kind: str, count: int, **members: Any) -> dict[str, Any]:
        """Sign and place an order; keep both as evidence."""
        asked = {"profileType": kind, "count": count, "notifyAddress": NOTIFY, **members}
        if self.url is None:
            asked.setdefault("orderId", f"O{len(self.notes['orders']) + 1}")
        client = self.client(MSP)
        answer = self.ask(MSP, client.order(asked))
        answer.pop("header", None)
        key = keys.derive_key(self.notes["seed"], MSP, Curve.P256)
        evidence = {**sign_order(asked, key).to_json(), "spki": keys.spki(key).hex(), **answer}
        _write_json(self.folder / "orders" / f"{answer['orderId']}.json", evidence)
        self.notes["orders"].append(answer["orderId"])
        self._save()
        return answer

    def last_order(self) -> str:
        """Return the order that was placed last."""
        if not self.notes["orders"]:
            raise LabError("nothing is ordered yet; `factory order` comes first")
        return str(self.notes["orders"][-1])

    # --- steps 2 to 4: the EUM personalises, and gives the data away ---

    def personalised(self, device: dict[str, Any]) -> Personalised:
        """Return an eUICC of the laboratory as it left the EUM: always the same one."""
        number, suite = device["number"], Suite(device["suite"])
        entropy = random.Random(f"{self.notes['seed']}/{number}")
        # the factory enables profiles over the local interface
        kind = Kind(config=Config(local_management=True), keys=(suite,) * device["keys"])
        return Eum(self.certificates, entropy=entropy).personalise(number, kind)

    def devices(self) -> Iterator[Personalised]:
        """Walk all eUICCs of the laboratory."""
        return (self.personalised(device) for device in self.notes["devices"])

    def personalise(
        self, count: int, suite: Suite = Suite.C1, spare: int = 1, told: Told = _quiet
    ) -> list[Personalised]:
        """Make eUICCs with one-time keys; they are devices without a package from here on."""
        first = len(self.notes["devices"]) + 1
        made = []
        for number in range(first, first + count):
            device = {"number": number, "suite": int(suite), "keys": 1 + spare}
            made.append(self.personalised(device))
            self.notes["devices"].append(device)
            told(len(made), count)
        self._save()
        return made

    @property
    def maker(self) -> DeviceMaker:
        """The device maker, with the eUICC data that were handed to it."""
        return DeviceMaker(self._store("dm.sqlite"))

    def give_data(self, chips: list[Personalised], route: str = "a") -> dict[str, Any]:
        """Send the eUICC data to the SM-DPf (route A, Esed1), or to the device maker (B, Esed2)."""
        eum = Eum(self.certificates)
        accepted: list[str] = []
        refused: list[Any] = []
        # a batch is one message: with many keys it has fewer eUICCs
        size = max(1, min(_BATCH, _KEYS // max(1, len(chips[0].one_time_keys))) if chips else 1)
        for at in range(0, len(chips), size):
            part = chips[at : at + size]
            name = f"B{part[0].eid[-8:]}"
            octets = batch(eum, name, part)
            path = self.folder / "eum" / f"{name}.ff47"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(octets)
            answer = self._send_batch(octets, route)
            accepted += answer["accepted"]
            refused += answer["refused"]
        return {"accepted": accepted, "refused": refused}

    def _send_batch(self, octets: bytes, route: str) -> dict[str, Any]:
        if route == "a":
            return self.ask(EUM, self.client(EUM).batch(octets, DM))
        header = {"functionRequesterIdentifier": EUM, "functionCallIdentifier": "esed2"}
        members = {"header": header, "batch": base64.b64encode(octets).decode()}
        body = json.dumps(members).encode()
        answer = self.maker.answer(Request(ESED2, "application/json", body), self.clock.now())
        return {"refused": [], **json.loads(answer.body)}

    # --- steps 5 and 6: the device maker requests packages, the SM-DPf binds ---

    def bind(
        self, order: str, chips: list[Personalised], suite: Suite = Suite.C1,
        told: Told = _quiet, **members: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Request a package for the first key of each eUICC; return what the job says."""
        entries = [{"eid": one.eid, "keyRef": one.one_time_keys[0].ref.hex()} for one in chips]
        asked = {"orderId": order, "dmId": DM, "suite": int(suite), "entries": entries, **members}
        data = self.maker.data_of(one.eid for one in chips)
        if data:
            asked["euiccData"] = data
        if self.url is None:
            asked.setdefault("deliveryId", f"D{len(self.notes['deliveries']) + 1}")
        job = self.ask(DM, self.client(DM).request(asked, told))
        if job["state"] != "done":
            raise LabError(f"the job ended as {job['state']}: {job.get('reason', '')}")
        self.notes["deliveries"].append(job["deliveryId"])
        self._save()
        return job

    # --- step 7: the delivery comes to the factory ---

    def delivery(self, name: str | None) -> str:
        """Return the name of a delivery, the last one where none is named."""
        known = self.notes["deliveries"]
        if name is None and not known:
            raise LabError("there is no delivery yet; `factory bind` makes one")
        if name is not None and not _NAME.fullmatch(name):
            raise LabError(f"{name[:40]!r} is no name of a delivery; {_listed(known)}")
        return name or str(known[-1])

    def known(self, kind: str, name: str) -> str:
        """Return the name of one of the `orders` or `deliveries`; LabError where it is none."""
        names = self.notes[kind]
        if self.url is None and name not in names:
            raise LabError(f"{name[:40]!r} is none of the {kind}; {_listed(names)}")
        return name

    def deliver(
        self, name: str | None, target: Path | None = None, told: Told = _quiet
    ) -> tuple[Path, Manifest]:
        """Fetch a delivery into a folder of the factory."""
        wanted = self.delivery(name)
        folder = target or self.folder / "delivery" / wanted
        manifest = self.ask(DM, self.client(DM).fetch(wanted, folder, told))
        return folder, manifest

    # --- steps 8 to 12: the line; nothing below asks anybody ---

    def line(self, off: frozenset[str] = frozenset()) -> Line:
        """Return the line of the factory."""
        return Line(self.folder / "line", [self.certificates.anchor], off=off)

    def device(self, chip: Personalised) -> CardDevice:
        """Return a device with its simulated eUICC, as its earlier commands left it."""
        folder = self.folder / "cards"
        folder.mkdir(exist_ok=True)
        card = Card(chip.euicc(SqliteStore(folder / f"{chip.eid}.sqlite")))
        return CardDevice(card, self.clock)

    # --- steps 13 to 16: reports ---

    def report(self, report: bytes) -> dict[str, Any]:
        """Send one loading report."""
        return self.ask(DM, self.client(DM).report(report))

    def tell_msp(self) -> dict[str, Any] | None:
        """Let the own SM-DPf tell the MSP; another one does so by itself."""
        if self.url is not None:
            return None
        self._run(self.smdpf.notify())
        return dict(self.msp.known(self.last_order()))

    def order_states(self, order: str) -> dict[str, int]:
        """Ask how many profiles of an order are in each state."""
        return self.ask(MSP, self.client(MSP).order_states(order))

    def gaps(self, delivery: str) -> dict[str, Any]:
        """Ask what is missing of the reports of a delivery."""
        return self.ask(DM, self.client(DM).gaps(delivery))

    def close(self) -> None:
        """End the workers, and close the stores: what they hold is in their files then."""
        self.pool.close()
        for store in self._stores.values():
            store.close()
        self._stores.clear()
        self._smdpf = None


def _notes(text: str) -> dict[str, Any]:
    """Return what a laboratory notes of itself; ValueError, KeyError, TypeError where it is not."""
    notes = json.loads(text)
    names = (*notes["orders"], *notes["deliveries"], notes["seed"])
    numbers = [one[name] for one in notes["devices"] for name in ("number", "keys")]
    if not (
        all(isinstance(one, str) for one in names) and all(type(one) is int for one in numbers)
    ):
        raise ValueError
    for one in notes["devices"]:
        Suite(one["suite"])
    return dict(notes)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[-_SHOWN:])
    return f"there are {shown}" if shown else "there is none yet"


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")
