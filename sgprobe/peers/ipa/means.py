"""What the procedures of an IPA work with, and how they ask an eIM that does not answer again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sgprobe.peers.effects import LinkFailure, Now, Procedure, Wait
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.es9client import ServerFault
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.asn1_binding import Asn1Binding
from sgprobe.peers.esipa.client import EsipaClient, pause_of
from sgprobe.peers.esipa.front import Binding
from sgprobe.peers.esipa.wire import retag
from sgprobe.peers.ipa.associations import Association
from sgprobe.peers.ipa.config import Config
from sgprobe.peers.ipa.es10 import Es10
from sgprobe.peers.ipa.memory import Notebook
from sgprobe.peers.rules import Rules

T = TypeVar("T")
Journal = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Means:
    """What does not change while the IPA runs."""

    config: Config
    rules: Rules
    es10: Es10
    binding: Binding
    notebook: Notebook
    random: RandomSource
    journal: Journal
    # the certificate that the server at an address has shown in TLS, where the host knows it
    tls_certificate: Callable[[str], bytes | None]
    # results are kept as octets, whatever the binding
    asn1: Asn1Binding
    # servers that did not take notifications: how often, and when they may be tried again
    paces: dict[str, tuple[int, float]] = field(default_factory=dict)
    # injected packages of late, by their digest, with the answers they have got
    answered: OrderedDict[bytes, m.Answer] = field(default_factory=OrderedDict)

    def device_info(self, tag: str) -> bytes:
        """Return DeviceInfo under a tag."""
        return retag(self.es10.dialect.rsp.encode("DeviceInfo", self.config.device_info), tag)

    def again(
        self, name: str, make: Callable[[], Procedure[T]], until: float | None = None
    ) -> Procedure[T]:
        """Do what `make` does, again and again where no answer comes.

        It is tried as often as the configuration says, or until a time. What a server says with
        an HTTP status 4xx is its answer: it is not asked again.
        """
        patience = self.config.patience
        attempt = 0
        while True:
            pause = patience.pause(attempt, self.chance()) if self.rules.on("IPA.BACK-OFF") else 0.0
            try:
                return (yield from make())
            except LinkFailure as lost:
                failure: Exception = lost
            except ServerFault as fault:
                final = fault.status is None or fault.status < 500
                if final or not self.rules.on("IPA.TRIED-AGAIN"):
                    raise
                failure = fault
                if self.rules.on("IPA.RETRY-AFTER"):
                    pause = max(pause, pause_of(fault))
            attempt += 1
            self.journal("LINK", f"try {attempt} of {name} failed")
            now = yield Now()
            if attempt >= patience.tries if until is None else now + pause > until:
                raise failure
            yield Wait(pause)

    def chance(self) -> float:
        """Return a number from 0 to 1."""
        return int.from_bytes(self.random(2), "big") / 0xFFFF


@dataclass(frozen=True, slots=True)
class Party:
    """One eIM in one poll: its association, the client to it, and the EID that it is asked for."""

    means: Means
    association: Association
    client: EsipaClient = field(repr=False)
    eid: str
    # whether the eUICC has other eIMs beside this one
    others: bool = False

    @property
    def told(self) -> dict[str, bytes]:
        """What this eIM was told of the eUICC."""
        known = self.means.notebook.now.told.get(self.association.eim_id, {})
        return {name: bytes.fromhex(one) for name, one in known.items()}

    def remember(self, told: dict[str, bytes]) -> None:
        """Keep what this eIM was told."""
        known = {name: one.hex() for name, one in told.items()}
        everything = {**self.means.notebook.now.told, self.association.eim_id: known}
        self.means.notebook.note(told=everything)

    def ask(self, request: m.Request, until: float | None = None) -> Procedure[m.Answer]:
        """Execute a function, again where no answer comes; see `Means.again`."""
        name = m.NAMES[type(request)]
        return self.means.again(name, lambda: self.client.ask(request), until)
