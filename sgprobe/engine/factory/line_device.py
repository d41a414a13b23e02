"""Devices that come to the line under test: simulated eUICCs of the EUM, and what befalls them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.writer import EncodeError
from dissectors.link.apdu_bpp import SEGMENTS, split_bpp
from dissectors.trace.recognise import first_tag
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.ifpp_keys import SPEC, OneTimeKey, Suite
from sgprobe.crypto.pki import CertificateSet
from sgprobe.engine.end import Command, TappedEuicc
from sgprobe.engine.given import said_yes, whole_number
from sgprobe.links.card import ReaderGone
from sgprobe.links.clock import Clock
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.euicc.factory_records import LEFT, FactoryKey
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised
from sgprobe.peers.store import MemoryStore

_KEYS = 4
_CONTEXT, _PACKAGE, _RESULT = (bytes.fromhex(tag) for tag in ("FF41", "BF36", "BF37"))
_DONE = b"\x90\x00"
_KIND = Kind(config=Config(), keys=(Suite.C1,) * _KEYS)


class Killed(BaseException):
    """The line lost its power while it worked: nothing of it may catch this."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls a device, or the line, in one contact; segments count from 0."""

    dead: bool = False
    # power goes before this segment of the package
    lost_at: int | None = None
    # and does not come back
    gone: bool = False
    # the eUICC has the result, and the answer does not arrive
    result_lost: bool = False
    # the line loses its power as soon as it has the result
    killed: bool = False
    # the error by which the eUICC refuses any load context
    refuses: str = ""


@dataclass(slots=True)
class LineDevice:
    """One device: its reader is `apdu` and `reset`, as stations use them."""

    number: int
    chip: Personalised
    off: frozenset[str]
    clock: Clock
    hears: Command
    # results (BF37) that its eUICC has given, and what it was told of packages
    results: list[bytes] = field(default_factory=list)
    contexts: list[bytes] = field(default_factory=list)
    segments: list[bytes] = field(default_factory=list)
    trouble: Trouble = field(default_factory=Trouble)
    _store: MemoryStore = field(default_factory=MemoryStore)
    _card: Card | None = None
    _segment: int = -1
    _away: bool = False
    _kill: bool = False

    @property
    def eid(self) -> str:
        """The EID of its eUICC."""
        return self.chip.eid

    def key(self, place: int) -> OneTimeKey:
        """Return a one-time key by its place, 1 is the first; raises Unresolved."""
        if not 1 <= place <= len(self.chip.one_time_keys):
            raise Unresolved(f"device {self.number} has no one-time key {place}")
        return self.chip.one_time_keys[place - 1]

    def befall(self, trouble: Trouble) -> None:
        """Have something befall it in the contact that comes."""
        self.trouble, self._away, self._segment, self._kill = trouble, trouble.dead, -1, False

    # --- the reader ---

    @property
    def card(self) -> Card:
        """Its eUICC, as its earlier commands left it."""
        if self._card is None:
            euicc = self.chip.euicc(self._store, off=self.off)
            tapped: Any = TappedEuicc(euicc, lambda command, default: self._heard(command, default))
            self._card = Card(tapped)
        return self._card

    def apdu(self, command: bytes) -> bytes:
        """Answer one command APDU; ReaderGone says that it does not answer."""
        if self._away:
            raise ReaderGone("no device answers")
        answer = self.card.apdu(command, self.clock.now())
        if self._kill and answer[-2:] == _DONE:
            # the last octets of the result are on their way: nobody takes them
            self._kill = False
            raise Killed
        return answer

    def reset(self) -> bytes:
        """Power it off and on."""
        if self._away:
            raise ReaderGone("no device answers")
        self._card = None
        return self.card.reset()

    def _lose(self) -> None:
        """Lose the contact, once."""
        self._card, self._away = None, self.trouble.gone
        self.trouble = Trouble(gone=self.trouble.gone)
        raise ReaderGone("the contact was lost")

    def _heard(self, command: bytes, default: Callable[[bytes], bytes]) -> bytes:
        tag = first_tag(command)
        of_package = tag == _PACKAGE or (self._segment >= 0 and tag.hex().upper() in SEGMENTS)
        if not of_package:
            self._segment = -1
            if tag == _CONTEXT:
                self.contexts.append(command)
                default = self._refusal or default
            return self.hears(command, default)
        self._segment += 1
        if self._segment == self.trouble.lost_at:
            self._lose()
        self.segments.append(command)
        answer = self.hears(command, default)
        if answer[:2] == _RESULT:
            self._segment = -1
            self.results.append(answer)
            if self.trouble.result_lost:
                self._lose()
            self._kill = self.trouble.killed
        return answer

    @property
    def _refusal(self) -> Callable[[bytes], bytes] | None:
        if not self.trouble.refuses:
            return None
        answer = {"error": {"code": self.trouble.refuses}}
        try:
            octets = codec.load(SPEC).encode("IfppLoadContextResponse", answer)
        except EncodeError:
            raise Unresolved(f"no eUICC refuses as {self.trouble.refuses}") from None
        return lambda command: octets

    # --- what became of it ---

    def row(self) -> dict[str, str]:
        """Return what is in its eUICC, and what it was told, as a case compares it."""
        draft = self.chip.euicc(self._store, off=self.off).draft()
        keys = [one for one in draft.all(FactoryKey) if one.state in LEFT]
        return {
            "device": str(self.number),
            "eid": self.eid,
            "profiles": str(len(draft.all(Profile))),
            "keys": str(len(keys)),
            "contexts": str(len(self.contexts)),
            "segments": str(len(self.segments)),
        }

    def was_told(self, packages: Iterable[bytes]) -> bool:
        """Say whether it was sent packages whole, once, octet by octet. SGP.22 §2.5.5."""
        return self.segments == [part for one in packages for part in split_bpp(one)]


class Floor:
    """All devices of one item; they are made when they are first named."""

    def __init__(
        self,
        own: CertificateSet,
        seed: str,
        off: frozenset[str],
        clock: Clock,
        hears: Command,
        base: int = 0,
    ) -> None:
        self._own, self._seed, self._off = own, seed, off
        # EIDs begin behind it: a line that serves several items must not take two for one
        self._base = base
        self._clock, self._hears = clock, hears
        self._devices: dict[int, LineDevice] = {}

    def __getitem__(self, number: int) -> LineDevice:
        if not 0 < number < 10_000:
            raise Unresolved(f"there is no device {number}")
        if number not in self._devices:
            entropy = random.Random(f"{self._seed} device {number}")
            chip = Eum(self._own, entropy=entropy).personalise(self._base + number, _KIND)
            self._devices[number] = LineDevice(number, chip, self._off, self._clock, self._hears)
        return self._devices[number]

    @property
    def known(self) -> list[LineDevice]:
        """The devices that were named, by their numbers."""
        return [self._devices[number] for number in sorted(self._devices)]


def trouble_of(given: Mapping[str, Any]) -> Trouble:
    """Return what befalls a device, as a case says it."""
    place = next((one for one in ("lost-at", "gone-at") if one in given), "")
    return Trouble(
        said_yes(given, "dead"), whole_number(given, place) if place else None, "gone-at" in given,
        said_yes(given, "result-lost"), said_yes(given, "killed"), str(given.get("refuses", "")),
    )  # fmt: skip
