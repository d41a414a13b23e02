"""A whole world in memory: eIM, IPA, eUICC, and what stands between them on the way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from dissectors.spec.identity import iccid_text
from sgprobe.peers.effects import LinkFailure, Procedure, Request, Response
from sgprobe.peers.eim.config import Limits, association, setup
from sgprobe.peers.eim.operations import Download, Operation
from sgprobe.peers.eim.records import Order
from sgprobe.peers.eim.server import Eim
from sgprobe.peers.es9.party import smdp_party, smds_party
from sgprobe.peers.ipa.config import Config
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.run import Clock, Driver, EuiccSlot, Handler, timed
from sgprobe.peers.smdp.server import Setup as SmdpSetup
from sgprobe.peers.smdp.server import SmDp
from sgprobe.peers.smds.server import Setup as SmdsSetup
from sgprobe.peers.smds.server import SmDs
from sgprobe.peers.store import MemoryStore, Store
from tests.peers.euicc.euicc_bench import PKI, A, B, C, call, make, states

NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
EIM = "https://eim.example.com"

__all__ = ["EIM", "NOW", "PKI", "A", "B", "C", "Lossy", "World", "call", "states"]


class Lossy:
    """A way to a role on which requests or answers get lost, by their place in the traffic."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        # what was asked: path and body, in order
        self.seen: list[Request] = []
        self.answered: list[Response] = []
        self.lose_request: set[int] = set()
        self.lose_answer: set[int] = set()
        self.down = False
        # stands in for the role where it returns an answer
        self.instead: Callable[[Request], Response | None] = lambda request: None

    def __call__(self, request: Request) -> Procedure[Response]:
        place = len(self.seen)
        self.seen.append(request)
        if self.down or place in self.lose_request:
            raise LinkFailure("lost on the way there")
        answer = self.instead(request)
        if answer is None:
            answer = yield from self.handler(request)
        self.answered.append(answer)
        if place in self.lose_answer:
            raise LinkFailure("lost on the way back")
        return answer


class World:
    """One eIM, one IPA, one eUICC with profile A enabled and B disabled."""

    def __init__(
        self,
        version: str = "1.2",
        curve: str = "p256",
        *,
        enrol: bool = True,
        certificates: bool = True,
        token: bool = True,
        indirect: bool = False,
        off: Iterable[str] = (),
        ipa: dict[str, Any] | None = None,
        eim: dict[str, Any] | None = None,
        euicc: dict[str, Any] | None = None,
        limits: Limits | None = None,
        eim_store: Store | None = None,
    ) -> None:
        off = frozenset(off)
        self.clock = Clock(NOW)
        self.euicc = make(version, curve=curve, **(euicc or {}))
        self.setup = setup(PKI, curve, version=version, off=off, limits=limits, **(eim or {}))
        self.eim_store = eim_store or MemoryStore()
        self.ipa_store = MemoryStore()
        self.eim = Eim(self.setup, self.eim_store, random.Random(1).randbytes)
        self.config = Config(version=version, off=off, **(ipa or {}))
        self.ipa = self.boot()
        self.eid = self.euicc.eid
        self.link = Lossy(lambda request: self.eim.answer(request))
        rsp = self.setup.rsp_version
        dp, ds = smdp_party(PKI), smds_party(PKI)
        self.smdp = SmDp(SmdpSetup(dp, version=rsp), MemoryStore(), random.Random(4).randbytes)
        self.smds = SmDs(SmdsSetup(ds, version=rsp), MemoryStore(), random.Random(5).randbytes)
        self.host, self.ds_host = dp.address, ds.address
        self.dp_link, self.ds_link = Lossy(timed(self.smdp)), Lossy(timed(self.smds))
        handlers: dict[str, Handler] = {
            EIM: self.link,
            f"https://{self.host}": self.dp_link,
            f"https://{self.ds_host}": self.ds_link,
        }
        self.driver = Driver(handlers, EuiccSlot(self.euicc), self.clock)
        answer = self.associate(token=token, indirect=indirect)
        if enrol:
            self.enrol(answer, certificates)

    def associate(self, **how: Any) -> Any:
        config = association(self.setup, **how)
        return call(self.euicc, "AddInitialEim", {"eimConfigurationDataList": [config]})

    def enrol(self, answer: Any, certificates: bool) -> None:
        identities = self.euicc.chip.ecasd.identities if certificates else ()
        self.eim.enrol(
            self.eid,
            certificates=[(one.certificate.der, one.eum.der) for one in identities],
            token=answer["addInitialEimOk"][0].get("associationToken"),
        )

    def boot(self) -> Ipa:
        """Start the IPA, as after a power cut: it knows what its store holds."""
        self.ipa = Ipa(self.config, self.ipa_store, random.Random(2).randbytes)
        return self.ipa

    def restart_eim(self) -> None:
        self.eim = Eim(self.setup, self.eim_store, random.Random(3).randbytes)

    def order(self, *operations: Operation, **how: Any) -> str:
        return self.eim.order(self.eid, *operations, now=self.clock.now, **how).id

    def poll(self) -> Any:
        (report,) = self.driver.run(self.ipa.poll())
        return report

    def outcome(self, name: str) -> Order:
        return self.eim.outcome(name)

    def state(self, name: str) -> str:
        return str(self.outcome(name).state)

    def download(self, kind: str = "small", **how: Any) -> tuple[str, Any]:
        """Order a profile at the SM-DP+ and its download at the eIM; return both orders."""
        made = self.smdp.order(kind, code=how.get("code"))
        name = self.order(Download(smdp=self.host, matching_id=made.matching_id, **how))
        return name, made

    def profiles(self) -> dict[str, str]:
        """Return the profiles that the eUICC holds: names by ICCID."""
        found = self.driver.run(self.ipa.means.es10.profiles())
        return {iccid_text(bytes.fromhex(one["iccid"])): one["profileName"] for one in found}

    def do(self, *operations: Operation) -> Order:
        """Order, poll, and return what became of it."""
        name = self.order(*operations)
        report = self.poll()
        assert report.ok, report
        return self.outcome(name)

    def waiting(self) -> tuple[int, int]:
        """Return how many package results and notifications the eUICC keeps."""
        es10 = self.ipa.means.es10
        results = self.driver.run(es10.results())
        return len(results), len(self.driver.run(es10.notifications()))
