"""What the functions of an indirect download work with: sessions, orders, rules, errors told on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from sgprobe.peers.effects import LinkFailure, Procedure, Wait
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.records import State
from sgprobe.peers.eim.servers import code_of
from sgprobe.peers.eim.sessions import Session, Sessions
from sgprobe.peers.eim.trust import Trust
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.esipa import codes
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import Store

T = TypeVar("T")
# IpaCapabilities.ipaFeatures
EIM_DATA, EIM_CONTEXT, EIM_METADATA, COMPACT = 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Means:
    """What does not change while the eIM runs."""

    setup: Setup
    store: Store
    rules: Rules
    trust: Trust
    sessions: Sessions
    journal: Callable[[str, str], None]
    # what the server at an address has shown in TLS, where the host knows it
    tls_certificate: Callable[[str], bytes | None]

    def failed(self, name: str, code: int) -> m.Failed:
        """Return the error of a function in the version spoken."""
        return m.Failed(codes.told(name, code, self.setup.version))

    def unknown(self, name: str) -> m.Failed:
        """Return the error of a function whose transaction id names no session."""
        return self.failed(name, codes.INVALID_TRANSACTION[name])

    def find(self, transaction_id: bytes, now: float) -> Session | None:
        """Return a session that has not ended by time."""
        expires = self.rules.on("EIM.SESSION-EXPIRY")
        return self.sessions.get(transaction_id, now if expires else None)

    def patiently(self, make: Callable[[], Procedure[T]]) -> Procedure[T]:
        """Ask a server again where no answer comes, a few times: the IPA is waiting."""
        limits = self.setup.limits
        for _ in range(limits.server_tries - 1):
            try:
                return (yield from make())
            except LinkFailure:
                yield Wait(limits.server_pause)
        return (yield from make())

    def refused(
        self, name: str, session: Session | None, error: ServerRefusal | ServerFault | LinkFailure
    ) -> m.Failed:
        """Return the error that tells on what a server has answered.

        A server that says no ends the session and the order; one that is out of reach may answer
        when the IPA asks again.
        """
        self.journal(name, str(error) or "no link")
        if isinstance(error, LinkFailure):
            return self.failed(name, codes.UNDEFINED)
        if isinstance(error, ServerRefusal) and session is not None:
            session.ended = True
            self.fail(session, str(error))
        return m.Failed(code_of(name, error, self.setup.version))

    def fail(self, session: Session, reason: str) -> None:
        """End the order of a session."""
        work = Work(self.store)
        order = work.order(session.order or "")
        if order is not None and order.open:
            work.save(replace(order, state=State.FAILED, reason=reason))
            work.commit()

    def begin(self, session: Session, order: str) -> None:
        """Tie a session to the order that it carries out."""
        session.order = order
        work = Work(self.store)
        found = work.order(order)
        if found is not None and found.state in (State.QUEUED, State.SENT):
            work.save(replace(found, state=State.RUNNING))
            work.commit()
