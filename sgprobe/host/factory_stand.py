"""An SM-DPf standing alone behind HTTPS, for `sgprobe serve smdpf`. IFPP §5."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import TestPki
from sgprobe.data import data_dir
from sgprobe.exchange import Request, Response
from sgprobe.host.binding_pool import BindingPool
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import Directory, Place
from sgprobe.host.factory_tls import caller_of, client_identity, server_groups
from sgprobe.host.moved_clock import MovedClock
from sgprobe.host.serve import identity
from sgprobe.host.upkeep import Upkeep
from sgprobe.links.caller import Caller
from sgprobe.links.https_client import Unreachable
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TLS13, TlsSettings
from sgprobe.peers.delivery.files import FilesError
from sgprobe.peers.effects import LinkFailure
from sgprobe.peers.smdpf.server import SmDpf, make_setup
from sgprobe.peers.store import MemoryStore, SqliteStore, Store

# seconds between looks for something to do
_IDLE, _TICK = 0.05, 5.0


@dataclass(frozen=True, slots=True)
class FactoryPlan:
    """What to serve, and where."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    database: Path | None = None
    tape: Path | None = None
    keylog: Path | None = None
    off: frozenset[str] = frozenset()
    workers: int | None = None
    operator_port: int = 0
    # names of other servers and where they are: MSPs that are told of results
    known: dict[str, tuple[str, int]] = field(default_factory=dict)


class FactoryStand:
    """An SM-DPf and its listener; an async context. Jobs are done between requests."""

    def __init__(self, plan: FactoryPlan, say: Callable[[str], None] = lambda text: None) -> None:
        self.plan = plan
        self.clock = MovedClock()
        self.certificates = TestPki.load()[Curve.P256]
        self.store: Store = SqliteStore(plan.database) if plan.database else MemoryStore()
        self.pool = BindingPool(plan.workers)
        setup = make_setup(self.certificates, plan.folder, off=plan.off)
        self.setup = setup
        self._restart()
        self.tape = Tape.at(plan.tape) if plan.tape is not None else None
        self._keylog = plan.keylog.open("ab", buffering=0) if plan.keylog is not None else None
        self._say = say
        settings = TlsSettings(
            identity=identity(self.certificates["dptls"]),
            trust=(self.certificates.ci.der,),
            lowest=TLS13,
            groups=server_groups(),
        )
        self.public = HttpsServer(self._answer, settings, host=plan.host, port=plan.port,
                                  tape=self.tape, key_line=self._key_line)  # fmt: skip
        upkeep = Upkeep(self.clock, self.store, self._restart)
        # what an operator does is not for the network: loopback, whatever --host says
        self.operator = HttpsServer(upkeep.before(_nothing), None, port=plan.operator_port)
        own = client_identity(self.certificates, setup.party.address)
        outgoing = TlsSettings(identity=own, trust=(self.certificates.ci.der,))
        self.directory = Directory(outgoing, tape=self.tape)
        for name, address in plan.known.items():
            self.directory.add(name, Place(address, outgoing))
        self._task: asyncio.Task[None] | None = None

    def _restart(self) -> None:
        """Begin with what is stored."""
        self.smdpf = SmDpf(self.setup, self.store, os.urandom, self.pool)

    def _key_line(self, line: bytes) -> None:
        if self._keylog is not None:
            self._keylog.write(line + b"\n")

    async def _answer(self, request: Request, caller: Caller) -> Response:
        session = caller.session
        name = caller_of(session.peer_chain) if session is not None else None
        return self.smdpf.answer(request, self.clock.now(), name)

    async def _work(self) -> None:
        """Do jobs chunk by chunk, and what time and MSPs ask for."""
        conductor = Conductor(self.directory, self.clock)
        next_tick = 0.0
        while True:
            before = self.smdpf.store.get("jobs")
            if before:
                try:
                    self.smdpf.step(self.clock.now())
                except (OSError, FilesError) as error:
                    # the job stays where it was, and goes on when there is room again
                    self._say(f"a delivery cannot be written: {error}")
                    await asyncio.sleep(_TICK)
            now = self.clock.now()
            # a clock that was set back stops nothing
            if not next_tick - _TICK <= now < next_tick:
                next_tick = now + _TICK
                self.smdpf.tick(next_tick)
                try:
                    await conductor.run(self.smdpf.notify())
                except (LinkFailure, Unreachable) as error:
                    self._say(f"an MSP cannot be told: {error}")
            await asyncio.sleep(0 if before else _IDLE)

    @property
    def trust(self) -> Path:
        """Return the file with the CI certificate that clients must trust."""
        return data_dir("vectors") / "pki" / "p256" / "ci.cert.pem"

    @property
    def url(self) -> str:
        """Return where it listens."""
        host, port = self.public.address
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    def description(self) -> dict[str, object]:
        """Return what a person or a script needs to use this stand."""
        return {
            "role": "smdpf",
            "name": self.smdpf.address,
            "urls": [self.url],
            "operator": "http://{}:{}".format(*self.operator.address),
            "trust": str(self.trust),
            "deliveries": str(self.plan.folder),
            "capture": str(self.plan.tape) if self.plan.tape is not None else None,
        }

    async def __aenter__(self) -> FactoryStand:
        await self.public.start()
        await self.operator.start()
        self._task = asyncio.ensure_future(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.public.stop()
        await self.operator.stop()
        await self.directory.close()
        self.pool.close()
        if self.tape is not None:
            self.tape.close()
        if self._keylog is not None:
            self._keylog.close()
        if isinstance(self.store, SqliteStore):
            self.store.close()


async def _nothing(request: Request, caller: object) -> Response:
    return Response(404)
