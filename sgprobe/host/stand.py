"""A role standing alone behind its listeners, for `sgprobe serve`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sgprobe.crypto.pki import TestPki
from sgprobe.data import data_dir
from sgprobe.exchange import Request, Response
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import Coap, Directory, Place
from sgprobe.host.errands import Errands
from sgprobe.host.injecting import Injecting
from sgprobe.host.moved_clock import MovedClock
from sgprobe.host.ownership import judge_euicc
from sgprobe.host.serve import Handler, identity, prompt, thoughtful, url
from sgprobe.host.server_trust import OF_EIM, trusting
from sgprobe.host.smdp_orders import SmdpOrders
from sgprobe.host.upkeep import Upkeep
from sgprobe.links.coap_link import CoapLink
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TlsSettings
from sgprobe.peers.effects import Say
from sgprobe.peers.eim.config import setup as eim_setup
from sgprobe.peers.eim.server import Eim
from sgprobe.peers.es9.party import smdp_party, smds_party
from sgprobe.peers.ipa.config import RETRIEVE_COAPS, RETRIEVE_HTTPS
from sgprobe.peers.smdp.server import Setup as SmdpSetup
from sgprobe.peers.smdp.server import SmDp
from sgprobe.peers.smds.server import Setup as SmdsSetup
from sgprobe.peers.smds.server import SmDs
from sgprobe.peers.store import MemoryStore, SqliteStore, Store

ROLES = ("eim", "smdp", "smds")
# eUICCs of the test PKI that an eIM knows from the start
TEST_EUICCS = ("euicc", "euicc2", "euicc3")
_CREDENTIALS = {"eim": "eim-tls", "smdp": "dptls", "smds": "dstls"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve, and where."""

    role: str
    curve: str = "p256"
    version: str = "1.2"
    host: str = "127.0.0.1"
    port: int = 0
    operator_port: int = 0
    database: Path | None = None
    tape: Path | None = None
    keylog: Path | None = None
    off: frozenset[str] = frozenset()
    # eim: the token of its association with the first eUICC of the test PKI
    token: int | None = None
    # mutual TLS with the eUICC's certificate: a claim of field guides that no spec carries
    ask_euicc: bool = False
    # eim: ESipa over CoAP and DTLS beside HTTPS
    coaps: bool = False
    coaps_port: int = 0
    coap: Coap = field(default_factory=Coap)
    # names of other servers and where they are: eim asks the SM-DP+ that it relays to
    known: dict[str, tuple[str, int]] = field(default_factory=dict)
    say: Callable[[Say], None] = field(default=lambda said: None)


class Stand:
    """One role, its public listener and its operator's listener; an async context."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.clock = MovedClock()
        self.pki = TestPki.load()
        self.set = self.pki[plan.curve]
        self.store: Store = SqliteStore(plan.database) if plan.database else MemoryStore()
        self.tape = Tape.at(plan.tape) if plan.tape is not None else None
        self._keylog = plan.keylog.open("ab", buffering=0) if plan.keylog is not None else None
        asking = trusting(self.set, OF_EIM, self.clock.now)
        self.directory = Directory(asking, tape=self.tape)
        self.injected: Directory | None = None
        for name, address in plan.known.items():
            self.directory.add(name, Place(address, asking))
        self.eids: tuple[str, ...] = ()
        self.errands: Errands | None = None
        self.name, public, operator = self._make()
        self.coaps: CoapLink | None = None
        settings = TlsSettings(
            identity=identity(self.set[_CREDENTIALS[plan.role]]),
            verify=plan.ask_euicc,
            check_peer=self._judge_euicc if plan.ask_euicc else None,
            alpn=(b"h2", b"http/1.1"),
        )
        self.public = HttpsServer(public, settings, host=plan.host, port=plan.port,
                                  tape=self.tape, key_line=self._key_line)  # fmt: skip
        if plan.coaps:
            self.coaps = CoapLink(
                settings, handler=public, host=plan.host, port=plan.coaps_port,
                mtu=plan.coap.mtu, clock=self.clock, tape=self.tape, binding=plan.coap.binding,
                knobs=plan.coap.knobs, key_line=self._key_line,
            )  # fmt: skip
        # what an operator does is not for the network: loopback, whatever --host says
        self.operator = HttpsServer(operator, None, port=plan.operator_port)

    def _judge_euicc(self, chain: tuple[bytes, ...]) -> str:
        return judge_euicc(chain, [self.set.anchor], self.clock.now())

    def _key_line(self, line: bytes) -> None:
        if self._keylog is not None:
            self._keylog.write(line + b"\n")

    def _make(self) -> tuple[str, Handler, Handler]:
        plan, off = self.plan, self.plan.off
        if plan.role == "eim":
            ways = {RETRIEVE_HTTPS} | ({RETRIEVE_COAPS} if plan.coaps else set())
            setup = eim_setup(self.pki, plan.curve, version=plan.version, protocols=ways,
                              mutual=plan.ask_euicc, off=off)  # fmt: skip
            eim = Eim(setup, self.store, os.urandom, self.directory.certificate)
            self._enrol(eim)
            conductor = Conductor(self.directory, self.clock, say=plan.say)
            self.errands = errands = Errands(eim, conductor)
            injecting = Injecting(eim, self._injector())
            served = errands.serving(thoughtful(eim, conductor))

            def restart() -> None:
                Eim.__init__(eim, setup, self.store, os.urandom, self.directory.certificate)

            operator = self._upkeep(restart).before(injecting)
            return setup.eim_id, served, errands.serving(operator)
        own = [self.pki[plan.curve]]
        if plan.role == "smdp":
            smdp = SmDp(SmdpSetup(smdp_party(own), off=off), self.store, os.urandom)
            upkeep = self._upkeep(lambda: SmDp.__init__(smdp, smdp.setup, self.store, os.urandom))
            served = prompt(smdp, self.clock)
            paths = ("/gsma/rsp2/es2plus/",)
            orders = SmdpOrders(smdp, self.clock).before(_only(served, *paths))
            return smdp.setup.party.address, _without(served, *paths), upkeep.before(orders)
        smds = SmDs(SmdsSetup(smds_party(own), off=off), self.store, os.urandom)
        upkeep = self._upkeep(lambda: SmDs.__init__(smds, smds.setup, self.store, os.urandom))
        served = prompt(smds, self.clock)
        paths = ("/gsma/rsp2/es12/",)
        operator = upkeep.before(_only(served, *paths))
        return smds.setup.party.address, _without(served, *paths), operator

    def _upkeep(self, restart: Callable[[], None]) -> Upkeep:
        return Upkeep(self.clock, self.store, restart)

    def _injector(self) -> Conductor:
        """Return what carries packages to IPAs that listen: no specification has them certified."""
        self.injected = Directory(TlsSettings(verify=False), tape=self.tape,
                                  key_line=self._key_line, coap=self.plan.coap)  # fmt: skip
        return Conductor(self.injected, self.clock, say=self.plan.say)

    def _enrol(self, eim: Eim) -> None:
        eids: list[str] = []
        for name in TEST_EUICCS:
            credential = self.set[name]
            eid = credential.certificate.serial_number
            assert eid is not None
            if eim.device(eid) is None:
                eum = credential.intermediates[0]
                eim.enrol(eid, certificates=[(credential.certificate.der, eum.der)],
                          token=None if eids else self.plan.token)  # fmt: skip
            eids.append(eid)
        self.eids = tuple(eids)

    @property
    def trust(self) -> Path:
        """Return the file with the CI certificate that clients must trust."""
        return data_dir("vectors") / "pki" / self.plan.curve / "ci.cert.pem"

    def description(self) -> dict[str, object]:
        """Return what a person or a script needs to use this stand."""
        places = {"https": self.public.address}
        if self.coaps is not None:
            places["coaps"] = self.coaps.address
        return {
            "role": self.plan.role,
            "name": self.name,
            "urls": [url(scheme, place) for scheme, place in places.items()],
            "operator": "http://{}:{}".format(*self.operator.address),
            "eids": list(self.eids),
            "trust": str(self.trust),
            "capture": str(self.plan.tape) if self.plan.tape is not None else None,
        }

    async def __aenter__(self) -> Stand:
        await self.public.start()
        if self.coaps is not None:
            await self.coaps.start()
        await self.operator.start()
        if self.errands is not None:
            # what an earlier run has left in the database
            self.errands.wake()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.public.stop()
        if self.coaps is not None:
            await self.coaps.stop()
        await self.operator.stop()
        if self.errands is not None:
            await self.errands.stop()
        await self.directory.close()
        if self.injected is not None:
            await self.injected.close()
        if self.tape is not None:
            self.tape.close()
        if self._keylog is not None:
            self._keylog.close()
        if isinstance(self.store, SqliteStore):
            self.store.close()


def _without(handler: Handler, *prefixes: str) -> Handler:
    """Serve all but an operator's paths."""

    async def guarded(request: Request, caller: object) -> Response:
        if request.path.startswith(prefixes):
            return Response(404)
        return await handler(request, caller)

    return guarded


def _only(handler: Handler, *prefixes: str) -> Handler:
    """Serve an operator's paths alone."""

    async def guarded(request: Request, caller: object) -> Response:
        if not request.path.startswith(prefixes):
            return Response(404)
        return await handler(request, caller)

    return guarded
