"""Cards at links: a simulated eUICC for others to read, and what any eUICC tells of itself."""

from __future__ import annotations

import random
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.spec.identity import iccid_text
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import TestPki
from sgprobe.links.at_port import AtReader
from sgprobe.links.card import CardLink, CardStatus, ReaderGone
from sgprobe.links.card_slot import Reader, ServedCard
from sgprobe.links.card_tcp import TcpReader
from sgprobe.links.clock import Clock, WallClock
from sgprobe.links.lpac import StdioReader
from sgprobe.links.pcsc import PcscReader, list_readers
from sgprobe.links.tape import Tape
from sgprobe.peers.drive import drive_async
from sgprobe.peers.effects import Card as Command
from sgprobe.peers.effects import Effect, Procedure
from sgprobe.peers.euicc.build import Preloaded, build
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.eum.batches import batch
from sgprobe.peers.eum.personalisation import Eum, Kind
from sgprobe.peers.ipa.es10 import CardFault, Es10
from sgprobe.peers.store import MemoryStore, SqliteStore

T = TypeVar("T")
# EUICCInfo2 grows by optional members alone
_INFO = "SGP.22@2.5"
READERS = "pcsc[:NAME], tcp:HOST:PORT, at:PATH, at-aid:PATH, stdio:COMMAND"


@dataclass(frozen=True, slots=True)
class CardPlan:
    """What eUICC to simulate."""

    curve: str = "p256"
    version: str = "1.2"
    euicc: str = "euicc"
    database: Path | None = None
    off: frozenset[str] = frozenset()


def make_card(plan: CardPlan) -> Card:
    """Return a card with an eUICC of the test PKI and two profiles."""
    first = Curve(plan.curve)
    store = MemoryStore() if plan.database is None else SqliteStore(plan.database)
    euicc = build(
        TestPki.load(),
        Config(version=plan.version),
        name=plan.euicc,
        curves=(first, Curve.BRAINPOOL if first is Curve.P256 else Curve.P256),
        store=store,
        off=plan.off,
        profiles=(Preloaded("8949000000000000005", "A", enabled=True),
                  Preloaded("8949000000000000013", "B")),
    )  # fmt: skip
    return Card(euicc)


def make_factory_card(plan: CardPlan, one_time_keys: int = 4) -> tuple[Card, bytes]:
    """Return a card as it comes to a factory, and its data for an SM-DPf (FF47). IFPP §3.

    It is the same each time: all its keys come from the name of the eUICC.
    """
    store = MemoryStore() if plan.database is None else SqliteStore(plan.database)
    eum = Eum(TestPki.load()[Curve.P256], entropy=random.Random(plan.euicc))
    kind = Kind(Config(version=plan.version), keys=(Suite.C1,) * one_time_keys)
    # the last octet of the name tells the eUICCs of the test PKI apart
    chip = eum.personalise(ord(plan.euicc[-1]), kind)
    return Card(chip.euicc(store, off=plan.off)), batch(eum, plan.euicc, [chip])


def served(card: Card, clock: Clock | None = None, tape: Tape | None = None) -> ServedCard:
    """Return a card as links serve it."""
    now = (clock or WallClock()).now
    return ServedCard(lambda apdu: card.apdu(apdu, now()), card.reset, card.atr, tape)


def find_reader(text: str) -> Reader:
    """Return what reads the card that a text names; raises ValueError.

    `pcsc` or `pcsc:NAME`, `tcp:HOST:PORT`, `at:PATH` (+CSIM), `at-aid:PATH` (+CCHO, +CGLA),
    `stdio:COMMAND` (a program that answers as a driver of lpac's stdio interface).
    """
    kind, _, rest = text.partition(":")
    if kind == "pcsc":
        return PcscReader(rest)
    if kind in ("at", "at-aid") and rest:
        return AtReader(rest, by_aid=kind == "at-aid")
    if kind == "stdio" and rest:
        return StdioReader(shlex.split(rest))
    host, _, port = rest.rpartition(":")
    if kind == "tcp" and host and port.isascii() and port.isdigit() and int(port) < 65_536:
        return TcpReader((host.strip("[]"), int(port)))
    raise ValueError(f"no reader is named by {text!r}")


def be_there(text: str) -> None:
    """Raise ReaderGone where the reader itself is not there, whatever may be in it."""
    kind, _, rest = text.partition(":")
    if kind == "pcsc":
        names = list_readers()
        if not any(rest in name for name in names):
            known = ", ".join(names) or "none is connected"
            raise ReaderGone(f"no reader {rest!r}: {known}" if rest else "no reader is connected")
    elif kind in ("at", "at-aid") and not Path(rest).exists():
        raise ReaderGone(f"{rest}: there is no such serial port")


@dataclass(slots=True)
class Facts:
    """What an eUICC tells of itself; `missing` names what it refused, and how."""

    eid: str = ""
    info: Value = None
    addresses: Value = None
    profiles: list[Value] = field(default_factory=list)
    eims: list[Value] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON data."""
        return {
            "eid": self.eid,
            "euiccInfo2": self.info,
            "addresses": self.addresses,
            "profiles": self.profiles,
            "eims": self.eims,
            "missing": self.missing,
        }


async def read_facts(reader: Reader, version: str = "1.2", tape: Tape | None = None) -> Facts:
    """Ask a card for its EID and for what else it tells; raises CardStatus, CardFault."""
    link = CardLink(reader.transmit, reset=reader.reset, tape=tape)
    es10 = Es10(version)
    facts = Facts()
    try:
        await link.open()
        facts.eid = await _run(link, es10.eid())
        info = await _ask(link, facts, "euiccInfo2", es10.info2())
        if info is not None:
            facts.info = codec.load(_INFO).decode("EUICCInfo2", info).value
        facts.addresses = await _ask(link, facts, "addresses", es10.addresses())
        facts.profiles = await _ask(link, facts, "profiles", es10.profiles()) or []
        facts.eims = await _ask(link, facts, "eims", es10.eims()) or []
        await link.close()
    finally:
        await reader.close()
    return facts


async def _ask(link: CardLink, facts: Facts, name: str, procedure: Procedure[T]) -> T | None:
    """Ask for one thing; a consumer eUICC, for one, has no eIMs to tell of."""
    try:
        return await _run(link, procedure)
    except ReaderGone:
        raise
    except (CardFault, CardStatus) as error:
        facts.missing[name] = str(error)
        return None


async def _run(link: CardLink, procedure: Procedure[T]) -> T:
    """Run a procedure that needs a card alone."""

    async def perform(effect: Effect) -> bytes:
        assert isinstance(effect, Command)
        return await link.command(effect.command)

    return await drive_async(procedure, perform)


def profile_line(profile: Value) -> str:
    """Return one profile as a line of text."""
    iccid = iccid_text(bytes.fromhex(profile.get("iccid", "")))
    name = profile.get("profileName") or profile.get("serviceProviderName") or ""
    return f"{iccid}  {profile.get('profileState', ''):<9} {name}".rstrip()
