"""The network around an SM-DPf on loopback: mutual TLS, one client for each party, an MSP to tell.

Who asks stands in the client's certificate, so each party has connections of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgprobe.crypto.pki import CertificateSet
from sgprobe.exchange import Request, Response
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import HTTPS, Directory, Place
from sgprobe.host.factory_tls import caller_of, client_identity, server_groups
from sgprobe.host.serve import Handler, identity, listen, prompt, url
from sgprobe.links.caller import Caller
from sgprobe.links.clock import Clock
from sgprobe.links.https_client import Unreachable
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.line import Line
from sgprobe.links.tape import Address, Tape
from sgprobe.links.tls import TLS13, Identity, TlsSettings
from sgprobe.peers.delivery.entry import Prebound
from sgprobe.peers.effects import LinkFailure
from sgprobe.peers.msp.provider import Msp
from sgprobe.peers.smdpf.binder import Press, Runner, Task
from sgprobe.peers.smdpf.records import Job
from sgprobe.peers.smdpf.server import Setup, SmDpf, make_setup
from sgprobe.peers.store import MemoryStore, SqliteStore, Store

MSP_PATH = "/ifpp"
# name in cases: the name in TLS and in messages
PARTIES = {
    "msp": "msp.example",
    "eum": "eum.example",
    "dm": "dm.example",
    "fpa": "dm.example",
    "other-msp": "msp2.example",
    "other-eum": "eum2.example",
    "other-dm": "dm2.example",
    "ipa": "device.example",
}
NOBODY = "none"


@dataclass(frozen=True, slots=True)
class Server:
    """An SM-DPf that is no part of this process: its name, its place, and what its TLS leads to."""

    name: str
    address: Address
    trust: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """What the network is made with; `handle` wraps what a role answers, by its name."""

    certificates: CertificateSet
    clock: Clock
    tape: Tape | None
    folder: Path
    random: Callable[[int], bytes]
    handle: Callable[[str, Handler], Handler]
    off: frozenset[str] = frozenset()
    # the product, where the SM-DPf is not ours
    server: Server | None = None
    # certificates of parties in place of those of the test PKI
    identities: Callable[[str], Identity | None] = lambda party: None
    msp_place: Address = ("127.0.0.1", 0)
    # how a product of others calls the MSP; by its address where there is no name
    msp_name: str = ""
    # whether the own SM-DPf keeps its records in a file: those of a million do not fit elsewhere
    in_file: bool = False


def _store(plan: Network) -> Store:
    if not plan.in_file:
        return MemoryStore()
    plan.folder.mkdir(parents=True, exist_ok=True)
    return SqliteStore(plan.folder / "smdpf.sqlite")


class FactoryNetwork:
    """An SM-DPf, its clients by party, and an MSP that listens; an async context."""

    def __init__(self, plan: Network) -> None:
        self.plan = plan
        self.lines = {"smdpf": Line(), "msp": Line()}
        self.msp = Msp(MemoryStore(), MSP_PATH)
        self.setup: Setup = make_setup(plan.certificates, plan.folder, off=plan.off)
        self.smdpf: SmDpf | None = None
        if plan.server is None:
            self.smdpf = SmDpf(self.setup, _store(plan), plan.random)
        # what the SM-DPf asks others may pass through a planted fault
        self.disguise: Callable[[Directory], Any] = lambda spoken: spoken
        self._servers: list[HttpsServer] = []
        self._clients: dict[str, Directory] = {}
        self._outgoing: Directory | None = None
        self._address: Address | None = None
        self._msp_address: Address | None = None
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    # --- who is where ---

    @property
    def name(self) -> str:
        """The name of the SM-DPf."""
        server = self.plan.server
        return server.name if server is not None else self.setup.party.address

    @property
    def address(self) -> str:
        """Scheme and authority of the SM-DPf."""
        return f"{HTTPS}://{self.name}"

    @property
    def notify(self) -> str:
        """The address at which the MSP is told of results."""
        if self.plan.server is None or self._msp_address is None:
            return f"{HTTPS}://{PARTIES['msp']}{MSP_PATH}"
        name, address = self.plan.msp_name, self._msp_address
        return (f"{HTTPS}://{name}:{address[1]}" if name else url(HTTPS, address)) + MSP_PATH

    def listeners(self) -> dict[str, str]:
        """Return the role at each address that captures show."""
        found = {"smdpf": self._address, "msp": self._msp_address}
        return {
            url("", address).removeprefix("://"): role
            for role, address in found.items() if address is not None
        }  # fmt: skip

    def client(self, party: str) -> Directory:
        """Return the connections of a party, with its certificate; `none` has no certificate."""
        if party not in self._clients:
            own = None if party == NOBODY else self._identity(party)
            server = self.plan.server
            trust = (self.plan.certificates.ci.der,) if server is None else server.trust
            settings = TlsSettings(identity=own, trust=trust, verify=bool(trust), lowest=TLS13)
            made = Directory(settings, tape=self.plan.tape, clock=self.plan.clock)
            if self._address is not None:
                made.add(self.name, Place(self._address, settings))
            self._clients[party] = made
        return self._clients[party]

    def _identity(self, party: str) -> Identity:
        known = self.plan.identities(party)
        return known or client_identity(self.plan.certificates, PARTIES[party])

    # --- life ---

    async def __aenter__(self) -> FactoryNetwork:
        plan, ci = self.plan, (self.plan.certificates.ci.der,)
        # a product of others tells the MSP over a connection that is not on our tape
        tape = plan.tape if self.smdpf is None else None
        shown = client_identity(plan.certificates, plan.msp_name or PARTIES["msp"])
        self._msp_address = await self._listen(
            "msp", prompt(self.msp, plan.clock), shown, ci, plan.msp_place, tape
        )
        if self.smdpf is None:
            assert plan.server is not None
            self._address = plan.server.address
            return self
        own = identity(plan.certificates["dptls"])
        self._address = await self._listen("smdpf", self._answer, own, ci)
        known = client_identity(plan.certificates, self.name)
        settings = TlsSettings(identity=known, trust=ci, lowest=TLS13)
        self._outgoing = Directory(settings, tape=plan.tape, clock=plan.clock)
        for party in ("msp", "other-msp"):
            self._outgoing.add(PARTIES[party], Place(self._msp_address, settings))
        self._task = asyncio.ensure_future(self._work(self._outgoing))
        return self

    async def _listen(
        self,
        role: str,
        handler: Handler,
        own: Identity,
        trust: tuple[bytes, ...],
        place: Address = ("127.0.0.1", 0),
        tape: Tape | None = None,
    ) -> Address:
        settings = TlsSettings(identity=own, trust=trust, lowest=TLS13, groups=server_groups())
        server = HttpsServer(self.plan.handle(role, handler), settings, host=place[0],
                             port=place[1], clock=self.plan.clock, tape=tape,
                             impairment=self.lines[role])  # fmt: skip
        await listen(server, place)
        self._servers.append(server)
        return server.address

    async def _answer(self, request: Request, caller: Caller) -> Response:
        assert self.smdpf is not None
        session = caller.session
        name = caller_of(session.peer_chain) if session is not None else None
        answer = self.smdpf.answer(request, self.plan.clock.now(), name)
        self._news.set()
        return answer

    async def _work(self, outgoing: Directory) -> None:
        """Do what there is to do after each request: jobs, and what the MSPs have to hear."""
        conductor = Conductor(self.disguise(outgoing), self.plan.clock)
        while True:
            await self._news.wait()
            self._news.clear()
            with self.plan.clock.hold():
                await self._bind()
                try:
                    assert self.smdpf is not None
                    await conductor.run(self.smdpf.notify())
                except (LinkFailure, Unreachable):
                    # it stays in the outbox until there is something else to tell
                    continue

    async def _bind(self) -> None:
        """Do binding jobs as far as they go; one that waits for its HSM is left alone."""
        before: Job | None = None
        while (smdpf := self.smdpf) is not None and smdpf.store.get("jobs"):
            try:
                job = smdpf.step(self.plan.clock.now())
            except _Killed:
                self.restart()
                continue
            if job is None or job == before:
                return
            before = job
            await asyncio.sleep(0)

    def restart(self) -> None:
        """Start the SM-DPf again: what is not in its store or its folder is lost."""
        assert self.smdpf is not None
        self.smdpf.jobs.abandon()
        self.smdpf = SmDpf(self.setup, self.smdpf.store, self.plan.random)
        self._news.set()

    def die_after(self, packages: int) -> None:
        """Let the SM-DPf die as soon as it has made so many packages more."""
        assert self.smdpf is not None
        self.smdpf.runner = _mortal(packages)

    def wake(self) -> None:
        """Have the SM-DPf do what is due, and tell what has changed."""
        if self.smdpf is not None:
            self.smdpf.tick(self.plan.clock.now())
            self._news.set()

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for directory in self._clients.values():
            await directory.close()
        if self._outgoing is not None:
            await self._outgoing.close()
        for server in self._servers:
            await server.stop()


class _Killed(Exception):
    """The process is gone."""


def _mortal(packages: int) -> Runner:
    left = packages

    def run(press: Press, tasks: Iterable[Task]) -> Iterator[Prebound]:
        nonlocal left
        for task in tasks:
            if not left:
                raise _Killed
            left -= 1
            yield press.bind(task)

    return run


def party_of(role: str) -> str:
    """Return the party that a role speaks as where nothing else is said."""
    return role if role in PARTIES else NOBODY
