"""Devices, a delivery for them, and the stations that they come to, many at once."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.versions import parse_spec
from dissectors.spec.identity import eid_octets, iccid_octets, make_eid
from sgprobe.cases.match import Unresolved
from sgprobe.crypto import ifpp
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import SPEC, Suite
from sgprobe.host.world import World
from sgprobe.links.card import ReaderGone
from sgprobe.peers.delivery.entry import Prebound
from sgprobe.peers.delivery.files import Folder
from sgprobe.peers.delivery.manifest import Manifest
from sgprobe.peers.delivery.writer import DeliveryWriter
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised, eid_of
from sgprobe.peers.profiles.library import PROFILE_TYPES, make_iccid, package
from sgprobe.peers.smdp.metadata import store_metadata

# serial numbers of profiles, and numbers of eUICCs, apart from those of other corners
_FIRST, _CHIPS = 61_000_000, 500_000
_VALID = timedelta(days=90)
_STORE_DATA = 0xE2
# seconds until the last of all stations has begun
_LATEST = 30.0
_PACKED = "small"


@dataclass(slots=True)
class Slow:
    """A device in a reader: dead, or with an eUICC that takes its time."""

    made: Callable[[], Personalised]
    eid: str
    seconds: float
    dead: bool = False
    refuses: bool = False
    # from contact to the first command, and where it was loaded
    waited: float = 0.0
    _card: Card | None = None
    _contact: float = 0.0

    def apdu(self, command: bytes) -> bytes:
        """Answer a command."""
        if self._contact:
            self.waited, self._contact = time.monotonic() - self._contact, 0.0
        assert self._card is not None
        if command[1] == _STORE_DATA and self.seconds:
            # once for a device: the whole of what its eUICC takes
            time.sleep(self.seconds)
            self.seconds = 0.0
        return self._card.apdu(command, time.time())

    def reset(self) -> bytes:
        """Power off and on."""
        if self.dead:
            raise ReaderGone("no device answers")
        if self._card is None:
            self._card = Card(self.made().euicc(entropy=random.Random(self.eid)))
        self._contact = time.monotonic()
        return self._card.reset()

    def leave(self) -> None:
        """Go on to where nobody loads anything: its eUICC is forgotten."""
        self._card = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What comes to the stations: how many devices, and the shares of those with a fault."""

    devices: int
    stations: int
    seconds: float
    slow: float
    dead: int
    slowed: int
    refused: int


@dataclass(slots=True)
class Floor:
    """Devices and one delivery for them, in a folder that goes when all is over."""

    world: World
    folder: Path
    seed: str
    count: int = 0

    def chip(self, number: int) -> Personalised:
        """Return an eUICC with one key, always the same one; what nobody holds is forgotten."""
        eum = Eum(self.world.set, entropy=random.Random(f"{self.seed} scale {number}"))
        return eum.personalise(_CHIPS + number, Kind(keys=(Suite.C1,)))

    def devices(self, seconds: float, numbers: range | None = None) -> list[Slow]:
        """Return devices, or all, each without its eUICC until it is in a reader."""
        return [Slow(partial(self.chip, number), eid_of(_CHIPS + number), seconds)
                for number in (range(self.count) if numbers is None else numbers)]  # fmt: skip

    def deliver(self, refused: frozenset[int]) -> Path:
        """Bind a profile to each eUICC; those that refuse have one that is for another chip."""
        path = self.folder / "delivery"
        signer = binder(self.world.set)
        kind = PROFILE_TYPES[_PACKED]
        writer = DeliveryWriter(Folder(path))
        order = sorted(range(self.count), key=lambda number: eid_of(_CHIPS + number))
        for number in order:
            chip, iccid = self.chip(number), make_iccid(_FIRST + number)
            content = ifpp.Content(
                iccid_octets(iccid),
                store_metadata(parse_spec("SGP.22@2.5"), iccid, kind, "smdpf.example.com"),
                package(self.seed, iccid, kind),
            )
            other = eid_of(_CHIPS + (number - 1) % self.count) if number in refused else chip.eid
            public = chip.one_time_keys[0].public
            bound = ifpp.bind(signer, eid_octets(other), public, content)
            name = os.urandom(16)
            writer.add(
                Prebound(
                    name.hex(), chip.eid, public.ref.hex(), iccid, bound.transaction.hex(), 1,
                    replaced(bound.encoded(name), other, chip.eid),
                )
            )  # fmt: skip
        self._finish(writer)
        return path

    def _finish(self, writer: DeliveryWriter) -> None:
        now = datetime.now(UTC)
        own = self.world.set["dppb"]
        manifest = Manifest("D-scale", "O1", "R1", "dm.example.com", "F1",
                            own.certificate.oid or "", 1, now, now + _VALID)  # fmt: skip
        writer.finish(manifest, own)

    def fill(self, count: int) -> tuple[Path, str]:
        """Write a delivery of so many entries that nobody opens; return the EID in its middle."""
        path = self.folder / "delivery"
        writer = DeliveryWriter(Folder(path))
        middle = ""
        for number in range(1, count + 1):
            name, eid = f"{number:032x}", make_eid(f"8904903212345{number:017d}")
            writer.add(Prebound(name, eid, name[16:], make_iccid(number), name, 1, os.urandom(512)))
            if number == count // 2 + 1:
                middle = eid
        self._finish(writer)
        return path, middle


def replaced(der: bytes, was: str, now: str) -> bytes:
    """Return a package under the EID of another device: its context stays for the first."""
    if was == now:
        return der
    value: Any = codec.load(SPEC).decode("PreboundPackage", der).value
    return codec.load(SPEC).encode("PreboundPackage", {**value, "eid": now})


def made(floor: Floor, wish: Wish) -> list[Slow]:
    """Return devices, those with a fault strewn among the others."""
    devices = floor.devices(wish.seconds)
    places = list(range(len(devices)))
    random.Random(floor.seed).shuffle(places)
    chosen: Iterator[int] = iter(places)
    if wish.dead + wish.slowed + wish.refused > len(devices):
        raise Unresolved("more devices with a fault than there are")
    for _ in range(wish.dead):
        devices[next(chosen)].dead = True
    for _ in range(wish.slowed):
        devices[next(chosen)].seconds = wish.slow
    for _ in range(wish.refused):
        devices[next(chosen)].refuses = True
    return devices


@dataclass(slots=True)
class Gate:
    """Where devices come to the stations, which all begin in the same moment."""

    start: threading.Barrier
    # how many devices each station has had, and the one that is there
    at: dict[str, int] = field(default_factory=dict)
    _there: dict[str, Slow] = field(default_factory=dict)

    def put(self, device: Slow) -> Slow:
        """Put a device in the reader of a station, which the name of its thread tells."""
        name = threading.current_thread().name
        self.at[name] = self.at.get(name, 0) + 1
        if name in self._there:
            self._there[name].leave()
        self._there[name] = device
        if self.at[name] == 1:
            self.start.wait(_LATEST)
        return device
