"""The whole set on loopback: eIM, SM-DP+, SM-DS behind TLS, an IPA with its eUICC in a slot.

Everything runs in one process over real sockets; one tape catches what the clients see, card
included, with the secrets inside.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dissectors.asn1 import codec
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import CertificateSet, TestPki
from sgprobe.exchange import Request
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import Directory, Place
from sgprobe.host.serve import Handler, identity, prompt, thoughtful
from sgprobe.links.card import CardLink
from sgprobe.links.clock import Clock, ScenarioClock
from sgprobe.links.fault import Fault, FaultPlan
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TlsSettings
from sgprobe.peers.effects import Say
from sgprobe.peers.eim.config import association
from sgprobe.peers.eim.config import setup as eim_setup
from sgprobe.peers.eim.server import Eim
from sgprobe.peers.es9.party import smdp_party, smds_party
from sgprobe.peers.euicc.build import Preloaded, build
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config as EuiccConfig
from sgprobe.peers.ipa.config import DIRECT, INDIRECT
from sgprobe.peers.ipa.config import Config as IpaConfig
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.smdp.server import Setup as SmdpSetup
from sgprobe.peers.smdp.server import SmDp
from sgprobe.peers.smds.server import Setup as SmdsSetup
from sgprobe.peers.smds.server import SmDs
from sgprobe.peers.store import MemoryStore

# two operational profiles that the eUICC has from the start: A is enabled
ICCID_A, ICCID_B = "8949000000000000005", "8949000000000000013"


@dataclass(frozen=True, slots=True)
class Plan:
    """What world to make."""

    curve: str = "p256"
    version: str = "1.2"
    seed: int = 1
    tape: Path | None = None
    off: frozenset[str] = frozenset()
    indirect: bool = False
    eim_faults: FaultPlan | None = None
    say: Callable[[Say], None] = field(default=lambda said: None)


class World:
    """All roles, made and linked; use it as an async context."""

    def __init__(self, plan: Plan, pki: TestPki | None = None) -> None:
        self.plan = plan
        self.pki = pki or TestPki.load()
        self.set: CertificateSet = self.pki[plan.curve]
        self.clock: Clock = ScenarioClock()
        self.tape = None
        if plan.tape is not None:
            plan.tape.parent.mkdir(parents=True, exist_ok=True)
            self.tape = Tape(plan.tape.open("wb"), now=self.clock.now)
        self.directory = Directory(tape=self.tape)
        # what the eIM asks of others goes its own way, on the same tape
        self.eim_directory = Directory(tape=self.tape)
        # a scenario puts the eIM out of reach, as a network does after a change of profile
        self.unreachable_when: Callable[[], bool] = lambda: False
        self._servers: list[HttpsServer] = []
        self._make_servers()
        self._make_device()

    def _bytes(self, name: str) -> Callable[[int], bytes]:
        return random.Random(f"{self.plan.seed} {name}").randbytes

    def _make_servers(self) -> None:
        curve, off = self.plan.curve, self.plan.off
        own = [self.pki[curve]]
        self.smdp = SmDp(SmdpSetup(smdp_party(own), off=_of(off, "SMDP.")), MemoryStore(),
                         self._bytes("smdp"))  # fmt: skip
        self.smds = SmDs(SmdsSetup(smds_party(own), off=_of(off, "SMDS.")), MemoryStore(),
                         self._bytes("smds"))  # fmt: skip
        self.eim_setup = eim_setup(self.pki, curve, version=self.plan.version,
                                   off=_of(off, "EIM."))  # fmt: skip
        self.eim = Eim(self.eim_setup, MemoryStore(), self._bytes("eim"))

    def _make_device(self) -> None:
        first = Curve(self.plan.curve)
        other = Curve.BRAINPOOL if first is Curve.P256 else Curve.P256
        events = {"value": "f0", "length": 4}
        address = self.smdp.setup.party.address
        told = {"notificationConfigurationInfo": [
            {"profileManagementOperation": events, "notificationAddress": address}]}  # fmt: skip
        self.euicc = build(
            self.pki,
            EuiccConfig(version=self.plan.version),
            curves=(first, other),
            off=_of(self.plan.off, "EUICC."),
            profiles=(Preloaded(ICCID_A, "A", enabled=True, metadata=told),
                      Preloaded(ICCID_B, "B", metadata=told)),
            entropy=random.Random(f"{self.plan.seed} euicc"),
        )  # fmt: skip
        self.card = Card(self.euicc)
        # where an IPA can do both, SGP.32 v1.0.1 has no field by which an eIM asks for one
        features = frozenset({INDIRECT}) if self.plan.indirect else frozenset({DIRECT, INDIRECT})
        self.ipa = Ipa(
            IpaConfig(self.plan.version, features=features, off=_of(self.plan.off, "IPA.")),
            MemoryStore(),
            self._bytes("ipa"),
            self.directory.certificate,
        )
        link = CardLink(self._transmit, tape=self.tape)
        self.device = Conductor(self.directory, self.clock, link, self.plan.say)
        self._associate()

    async def _transmit(self, apdu: bytes) -> bytes:
        return self.card.apdu(apdu, self.clock.now())

    def _associate(self) -> None:
        """Do what a factory or a first boot does: the eUICC learns of the eIM, the eIM of it."""
        iot = codec.load(f"SGP.32@{self.plan.version}")
        config = association(self.eim_setup, token=True, indirect=self.plan.indirect)
        request = iot.encode("AddInitialEimRequest", {"eimConfigurationDataList": [config]})
        answer = iot.decode("AddInitialEimResponse",
                            self.euicc.command(request, self.clock.now())).value  # fmt: skip
        token = answer["addInitialEimOk"][0].get("associationToken")
        identities = self.euicc.chip.ecasd.identities
        self.eim.enrol(
            self.euicc.eid,
            certificates=[(one.certificate.der, one.eum.der) for one in identities],
            token=token,
        )

    # --- links ---

    async def __aenter__(self) -> World:
        eim_conductor = Conductor(self.eim_directory, self.clock, say=self.plan.say)
        await self._listen(self.eim_setup.eim_id, "eim-tls", thoughtful(self.eim, eim_conductor),
                           self._eim_fault)  # fmt: skip
        await self._listen(self.smdp.setup.party.address, "dptls", prompt(self.smdp, self.clock))
        await self._listen(self.smds.setup.party.address, "dstls", prompt(self.smds, self.clock))
        return self

    def _eim_fault(self, request: Request, number: int) -> Fault | None:
        if self.unreachable_when():
            return Fault(reset=True)
        return self.plan.eim_faults(request, number) if self.plan.eim_faults is not None else None

    async def _listen(
        self, name: str, credential: str, handler: Handler, faults: FaultPlan | None = None
    ) -> None:
        settings = TlsSettings(identity=identity(self.set[credential]), verify=False)
        server = HttpsServer(handler, settings, faults=faults)
        await server.start()
        self._servers.append(server)
        place = Place(server.address, TlsSettings(trust=(self.set.ci.der,)))
        self.directory.add(name, place)
        self.eim_directory.add(name, place)

    async def __aexit__(self, *_: object) -> None:
        await self.directory.close()
        await self.eim_directory.close()
        for server in self._servers:
            await server.stop()
        if self.tape is not None:
            self.tape.close()

    @property
    def addresses(self) -> dict[str, str]:
        """Return the names of the servers and where they listen."""
        names = (self.eim_setup.eim_id, self.smdp.setup.party.address,
                 self.smds.setup.party.address)  # fmt: skip
        return {
            name: f"https://{host}:{port}"
            for name, (host, port) in zip(names, (s.address for s in self._servers), strict=True)
        }


def _of(off: frozenset[str], prefix: str) -> frozenset[str]:
    return frozenset(name for name in off if name.startswith(prefix))
