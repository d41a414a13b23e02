"""The whole set on loopback: eIM, SM-DP+, SM-DS behind TLS, an IPA with its eUICC in a slot.

Everything runs in one process over real sockets; one tape catches what the clients see, card
included, with the secrets inside. `World.impair` and `World.reach` change the links while they run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import CertificateSet, TestPki
from sgprobe.exchange import Request
from sgprobe.host.certificate import self_signed
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import COAPS, HTTPS, Coap, Directory, Place
from sgprobe.host.errands import Errands
from sgprobe.host.ownership import judge_euicc
from sgprobe.host.serve import Handler, faulty, identity, listen, prompt, thoughtful, url
from sgprobe.links.card import CardLink
from sgprobe.links.clock import Clock, ScenarioClock
from sgprobe.links.coap_binding import Binding
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.fault import Fault, FaultPlan
from sgprobe.links.handshake_fault import Spoil
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.impairment import Impairment
from sgprobe.links.line import Line, OtherEnd
from sgprobe.links.tape import Address, Tape
from sgprobe.links.tls import Identity, TlsSettings
from sgprobe.peers.effects import Say
from sgprobe.peers.eim.config import association
from sgprobe.peers.eim.config import setup as eim_setup
from sgprobe.peers.eim.injection import Injected
from sgprobe.peers.eim.server import Eim
from sgprobe.peers.es9.party import smdp_party, smds_party
from sgprobe.peers.euicc.build import Preloaded, build
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config as EuiccConfig
from sgprobe.peers.ipa.config import (
    DIRECT,
    INDIRECT,
    INJECT_COAPS,
    INJECT_HTTPS,
    RETRIEVE_COAPS,
    RETRIEVE_HTTPS,
)
from sgprobe.peers.ipa.config import Config as IpaConfig
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.smdp.server import Setup as SmdpSetup
from sgprobe.peers.smdp.server import SmDp
from sgprobe.peers.smds.server import Setup as SmdsSetup
from sgprobe.peers.smds.server import SmDs
from sgprobe.peers.store import MemoryStore

# two operational profiles that the eUICC has from the start: A is enabled
ICCID_A, ICCID_B = "8949000000000000005", "8949000000000000013"
EIM, SMDP, SMDS, IPA, EUICC = "eim", "smdp", "smds", "ipa", "euicc"
BINDINGS = (HTTPS, COAPS)
IPA_NAME = "ipa.example.com"
# by binding: the bits of EimSupportedProtocol and ipaSupportedProtocols
_RETRIEVAL = {HTTPS: RETRIEVE_HTTPS, COAPS: RETRIEVE_COAPS}
# the second SM-DP+ and the second SM-DS, and where they listen in Plan.places
OTHER_SMDP, SECOND = "testsmdpplus2.example.com", "other-smdp"
OTHER_SMDS, SECOND_SMDS = "testsmds2.example.com", "other-smds"
_SECOND = {OTHER_SMDP: SECOND, OTHER_SMDS: SECOND_SMDS}
_INJECTION = {HTTPS: INJECT_HTTPS, COAPS: INJECT_COAPS}


@dataclass(frozen=True, slots=True)
class Plan:
    """What world to make.

    `binding` is what ESipa is spoken in: "https" or "coaps"; `coap` says how the latter stands in
    messages, the knobs what a test turns on the eIM's and on the IPA's side of it. With `injects`
    the IPA listens, and `World.inject` has the eIM send it what waits. `eim_faults` counts requests
    of ESipa in either binding.
    """

    curve: str = "p256"
    version: str = "1.2"
    seed: int = 1
    tape: Path | None = None
    off: frozenset[str] = frozenset()
    indirect: bool = False
    eim_faults: FaultPlan | None = None
    binding: str = HTTPS
    injects: bool = False
    coap: Binding = field(default_factory=Binding)
    eim_knobs: CoapKnobs | None = None
    ipa_knobs: CoapKnobs | None = None
    mtu: int = 1200
    # which of the test PKI's eUICCs is in the slot
    euicc: str = "euicc"
    # a product that is no part of this process goes by the wall
    clock: Clock | None = None
    # where roles listen, others than on a free port of loopback; who is not simulated at all
    places: Mapping[str, Address] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    # the SM-DP+ has a second name, with a certificate and a port of its own
    second: bool = False
    # another SM-DS, with events of its own
    second_smds: bool = False
    # by role ("eim", "euicc", "ipa"): fields of its configuration that are not the usual ones
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    say: Callable[[Say], None] = field(default=lambda said: None)


class World:
    """All roles, made and linked; use it as an async context."""

    def __init__(self, plan: Plan, pki: TestPki | None = None) -> None:
        self.plan = plan
        self.pki = pki or TestPki.load()
        self.set: CertificateSet = self.pki[plan.curve]
        # servers trust both CIs, and the eUICC has certificates of both
        other = Curve.BRAINPOOL if Curve(plan.curve) is Curve.P256 else Curve.P256
        self.other_set: CertificateSet = self.pki[other]
        self.clock: Clock = plan.clock or ScenarioClock()
        self.tape = None
        if plan.tape is not None:
            plan.tape.parent.mkdir(parents=True, exist_ok=True)
            self.tape = Tape(plan.tape.open("wb"), now=self.clock.now)
        self._knobs = CoapKnobs(seed=plan.seed)
        self.directory = self._directory(plan.ipa_knobs)
        # what the eIM asks of others goes its own way, on the same tape
        self.eim_directory = self._directory(plan.eim_knobs)
        # a scenario puts the eIM out of reach, as a network does after a change of profile
        self.unreachable_when: Callable[[], bool] = lambda: False
        self.lines = {role: Line() for role in (SMDP, SMDS, IPA)}
        self.lines[EIM] = Line(carries=lambda: not self.unreachable_when())
        self._servers: list[HttpsServer | CoapLink] = []
        self._urls: dict[str, str] = {}
        self._make_servers()
        self._make_device()

    def _directory(self, knobs: CoapKnobs | None) -> Directory:
        coap = Coap(self.plan.coap, knobs or self._knobs, self.plan.mtu)
        return Directory(tape=self.tape, clock=self.clock, coap=coap)

    def entropy(self, name: str) -> Callable[[int], bytes]:
        """Return random octets for one name, the same ones for each seed of the plan."""
        return random.Random(f"{self.plan.seed} {name}").randbytes

    def _make_servers(self) -> None:
        curve, off = self.plan.curve, self.plan.off
        own = [self.set, self.other_set]
        self.smdp = SmDp(SmdpSetup(smdp_party(own), off=_of(off, "SMDP.")), MemoryStore(),
                         self.entropy("smdp"))  # fmt: skip
        self.smds = SmDs(SmdsSetup(smds_party(own), off=_of(off, "SMDS.")), MemoryStore(),
                         self.entropy("smds"))  # fmt: skip
        self.other_smds = SmDs(SmdsSetup(smds_party(own, "ds2"), off=_of(off, "SMDS.")),
                               MemoryStore(), self.entropy("other smds"))  # fmt: skip
        ways = {*_RETRIEVAL.values(), *_INJECTION.values()}
        made = eim_setup(self.pki, curve, version=self.plan.version, protocols=ways,
                         off=_of(off, "EIM."))  # fmt: skip
        self.eim_setup = replace(made, **self._model(EIM))
        self.eim = Eim(self.eim_setup, MemoryStore(), self.entropy("eim"),
                       self.eim_directory.certificate)  # fmt: skip

    def _model(self, role: str) -> Mapping[str, Any]:
        return self.plan.models.get(role, {})

    def _make_device(self) -> None:
        events = {"value": "f0", "length": 4}
        address = self.smdp.setup.party.address
        told = {"notificationConfigurationInfo": [
            {"profileManagementOperation": events, "notificationAddress": address}]}  # fmt: skip
        self.euicc = build(
            self.pki,
            replace(EuiccConfig(version=self.plan.version), **self._model(EUICC)),
            name=self.plan.euicc,
            curves=(self.set.curve, self.other_set.curve),
            off=_of(self.plan.off, "EUICC."),
            profiles=(Preloaded(ICCID_A, "A", enabled=True, metadata=told),
                      Preloaded(ICCID_B, "B", metadata=told)),
            entropy=random.Random(f"{self.plan.seed} euicc"),
        )  # fmt: skip
        self.card = Card(self.euicc)
        # where an IPA can do both, SGP.32 v1.0.1 has no field by which an eIM asks for one
        features = frozenset({INDIRECT}) if self.plan.indirect else frozenset({DIRECT, INDIRECT})
        ways = frozenset({*_RETRIEVAL.values(), *_INJECTION.values()})
        off = _of(self.plan.off, "IPA.") | _of(self.plan.off, "LPA.")
        config = IpaConfig(self.plan.version, features=features, protocols=ways, off=off)
        self.ipa = Ipa(
            replace(config, **self._model(IPA)),
            MemoryStore(),
            self.entropy("ipa"),
            self.directory.certificate,
        )
        link = CardLink(self.transmit, tape=self.tape)
        self.device = Conductor(self.directory, self.clock, link, self.plan.say)
        self._associate()

    async def transmit(self, apdu: bytes) -> bytes:
        """Have the simulated card answer a command APDU."""
        return self.card.apdu(apdu, self.clock.now())

    def _associate(self) -> None:
        """Do what a factory or a first boot does: the eUICC learns of the eIM, the eIM of it."""
        iot = codec.load(f"SGP.32@{self.plan.version}")
        binding = self.plan.binding
        ways = {_RETRIEVAL[binding]} | ({_INJECTION[binding]} if self.plan.injects else set())
        config = association(self.eim_setup, token=True, indirect=self.plan.indirect,
                             protocols=ways)  # fmt: skip
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
        trust = TlsSettings(trust=(self.set.ci.der,))
        self.eim_conductor = Conductor(self.eim_directory, self.clock, say=self.plan.say)
        self.eim_errands = Errands(self.eim, self.eim_conductor)
        served = self.eim_errands.serving(thoughtful(self.eim, self.eim_conductor))
        await self._listen(EIM, self.eim_setup.eim_id, identity(self.set["eim-tls"]), trust,
                           served, self.plan.binding)  # fmt: skip
        await self._listen(SMDP, self.smdp.setup.party.address, identity(self.set["dptls"]), trust,
                           prompt(self.smdp, self.clock))  # fmt: skip
        if self.plan.second:
            await self._listen(SMDP, OTHER_SMDP, identity(self.set["dp2tls"]), trust,
                               prompt(self.smdp, self.clock))  # fmt: skip
        await self._listen(SMDS, self.smds.setup.party.address, identity(self.set["dstls"]), trust,
                           prompt(self.smds, self.clock))  # fmt: skip
        if self.plan.second_smds:
            await self._listen(SMDS, OTHER_SMDS, identity(self.set["ds2tls"]), trust,
                               prompt(self.other_smds, self.clock))  # fmt: skip
        if self.plan.injects:
            own = self_signed(IPA_NAME, self.plan.curve, self.clock.now())
            await self._listen(IPA, IPA_NAME, own, TlsSettings(trust=own.chain),
                               thoughtful(self.ipa, self.device), self.plan.binding)  # fmt: skip
        return self

    def _eim_fault(self, request: Request, number: int) -> Fault | None:
        if self.unreachable_when():
            return Fault(reset=True)
        return self.plan.eim_faults(request, number) if self.plan.eim_faults is not None else None

    async def _listen(
        self,
        role: str,
        name: str,
        own: Identity,
        trust: TlsSettings,
        handler: Handler,
        binding: str = HTTPS,
    ) -> None:
        if role in self.plan.absent:
            return
        settings = self._settings(role, own)
        place = _SECOND.get(name, role)
        host, port = self.plan.places.get(place, ("127.0.0.1", 0))
        faults, line = self._eim_fault if role == EIM else None, self.lines[role]
        # a client that is not ours has no tape
        tape = self.tape if self.plan.absent else None
        server: HttpsServer | CoapLink
        if binding == COAPS:
            if self.plan.eim_faults is not None and role == EIM:
                handler = faulty(handler, self.plan.eim_faults, self.clock)
            knobs = (self.plan.eim_knobs if role == EIM else self.plan.ipa_knobs) or self._knobs
            # who asks the eIM for an id of its association gets one
            given = role == EIM or knobs.connection_ids
            spoil = self._spoil(role) or knobs.spoil
            knobs = replace(knobs, spoil=spoil, connection_ids=given)
            server = CoapLink(settings, handler=handler, host=host, port=port,
                              mtu=self.plan.mtu, clock=self.clock, tape=tape,
                              impairment=line, binding=self.plan.coap, knobs=knobs)  # fmt: skip
        else:
            server = HttpsServer(handler, settings, host=host, port=port, faults=faults,
                                 spoil=self._spoil(role),
                                 clock=self.clock, tape=tape, impairment=line)  # fmt: skip
            server.mend = self._mend(role)
            server.anew = self._anew(role)
        await listen(server, (host, port))
        self._servers.append(server)
        self._urls[name] = url(binding, server.address)
        for client, directory in ((IPA, self.directory), (EIM, self.eim_directory)):
            spoken = self._as_client(client, role, trust)
            directory.add(name, Place(server.address, spoken, carries=line.carries))

    def _settings(self, role: str, own: Identity) -> TlsSettings:
        """Return how a role speaks TLS as a server."""
        if role == EIM and self.eim_setup.asks_client:
            return TlsSettings(identity=own, check_peer=self._judge_euicc)
        return TlsSettings(identity=own, verify=False, by_hint=self._by_hint(role, own))

    def _by_hint(self, role: str, own: Identity) -> tuple[tuple[bytes, Identity], ...]:
        """Return what the SM-DP+ has of each CI, for clients that name one."""
        if role != SMDP or own.chain != identity(self.set["dptls"]).chain:
            return ()
        sets = (self.set, self.other_set)
        return tuple((one.ci_id, identity(one["dptls"])) for one in sets)

    def _judge_euicc(self, chain: tuple[bytes, ...]) -> str:
        return judge_euicc(chain, [self.set.anchor, self.other_set.anchor], self.clock.now())

    def _as_client(self, client: str, role: str, trust: TlsSettings) -> TlsSettings:
        """Return how a client, IPA or eIM, speaks TLS to a role."""
        return trust

    def _spoil(self, role: str) -> Spoil | None:
        """Return the fault that a role commits in handshakes."""
        return None

    def _mend(self, role: str) -> Spoil | None:
        """Return what takes the fault out of handshakes that a role overlooks."""
        return None

    def _anew(self, role: str) -> int:
        """Return how many connections a role asks for another handshake."""
        return 0

    async def __aexit__(self, *_: object) -> None:
        await self.eim_errands.stop()
        await self.directory.close()
        await self.eim_directory.close()
        for server in self._servers:
            await server.stop()
        if self.tape is not None:
            self.tape.close()

    @property
    def addresses(self) -> dict[str, str]:
        """Return the names of the servers and where they listen."""
        return dict(self._urls)

    # --- while it runs ---

    def impair(self, role: str, impairment: Impairment) -> None:
        """Put the link of "eim", "smdp", "smds" or "ipa" (injection) in a condition.

        It holds from now on, for UDP and TCP, for connections that stand as well; the numbers of a
        plan count from here. `Perfect()` ends it. Seen from the server: inward is towards it.
        """
        self.lines[role].use(impairment)

    def reach(self, role: str, reaches: bool) -> None:
        """Put a server out of reach, or within reach again.

        Datagrams are lost; what TCP connections send waits until the server is back.
        """
        self.lines[role].reach(reaches)

    def outside(self, role: str, name: str, address: Address, settings: TlsSettings) -> None:
        """Say where a server is that is no part of this world: its role's line leads to it."""
        line = self.lines[role]
        place = Place(address, settings, OtherEnd(line), line.carries)
        self.directory.add(name, place)
        self.eim_directory.add(name, place)

    async def inject(self, *, json: bool = False) -> Injected:
        """Have the eIM send what waits for the eUICC to the IPA, which listens."""
        url = f"{self.plan.binding}://{IPA_NAME}"
        async with self.eim_errands.around():
            return await self.eim_conductor.run(self.eim.inject(self.euicc.eid, url, json=json))


def _of(off: frozenset[str], prefix: str) -> frozenset[str]:
    return frozenset(name for name in off if name.startswith(prefix))
