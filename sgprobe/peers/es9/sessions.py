"""The RSP sessions of a server: volatile, bounded in number, ended by time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from sgprobe.peers.es9.euicc import Euicc
from sgprobe.peers.es9.party import Branch


@dataclass(slots=True)
class Session:
    """One session: what was challenged, and after AuthenticateClient, with whom and about what."""

    transaction_id: bytes
    euicc_challenge: bytes
    server_challenge: bytes
    branch: Branch
    # the CI that the eUICC was asked to sign under
    ci_key_id: bytes
    started: float
    euicc: Euicc | None = None
    order: str = ""
    smdp_signature2: bytes = b""
    # an answer lost on the way is given again when the same request comes again
    asked: bytes = field(default=b"", repr=False)
    answered: Any = field(default=None, repr=False)


class Sessions:
    """All sessions; a flood of new ones drops the oldest that no eUICC has proved itself in."""

    def __init__(self, limit: int, lifetime: float) -> None:
        self._limit = limit
        self._lifetime = lifetime
        self._begun: OrderedDict[bytes, Session] = OrderedDict()
        self._proved: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._begun) + len(self._proved)

    def add(self, session: Session) -> None:
        """Begin a session."""
        self._begun[session.transaction_id] = session
        self._trim(self._begun)

    def prove(self, session: Session) -> None:
        """Keep a session whose eUICC has proved itself apart from those that anyone can begin."""
        if self._begun.pop(session.transaction_id, None) is not None:
            self._proved[session.transaction_id] = session
            self._trim(self._proved)

    def _trim(self, kept: OrderedDict[bytes, Session]) -> None:
        while len(kept) > self._limit:
            kept.popitem(last=False)

    def get(self, transaction_id: bytes, now: float | None) -> Session | None:
        """Return a session; no `now`, no end by time."""
        session = self._proved.get(transaction_id) or self._begun.get(transaction_id)
        if session is not None and now is not None and now - session.started > self._lifetime:
            self.end(transaction_id)
            return None
        return session

    def end(self, transaction_id: bytes) -> None:
        """Forget a session."""
        self._begun.pop(transaction_id, None)
        self._proved.pop(transaction_id, None)
