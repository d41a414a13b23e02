"""The indirect downloads that are under way: volatile, bounded, ended by time."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.asn1.model import Value
from sgprobe.peers.effects import Procedure, Wait
from sgprobe.peers.es9 import messages as es9
from sgprobe.peers.es9client import Es9Client
from sgprobe.peers.esipa import messages as m

# a request that comes again while the first is still worked on waits for that one's answer
_STEP, _STEPS = 0.05, 1200


@dataclass(slots=True)
class Session:
    """One download through the eIM: the server, what it said, and the order that it serves."""

    transaction_id: bytes
    client: Es9Client
    initiated: es9.Initiated
    started: float
    eid: str | None = None
    order: str | None = None
    context: bytes | None = None
    authenticated: es9.Authenticated | None = None
    metadata: Value = None
    hash_cc: bytes | None = field(default=None, repr=False)
    ended: bool = False
    # by function: digest of the request, and the answer that it has got
    answers: dict[str, tuple[bytes, m.Answer]] = field(default_factory=dict, repr=False)
    busy: set[str] = field(default_factory=set)


class Sessions:
    """All sessions, by their transaction id; the oldest give way."""

    def __init__(self, limit: int, lifetime: float) -> None:
        self._limit = limit
        self._lifetime = lifetime
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        # answers to InitiateAuthentication, by digest: a challenge is never used twice
        self._begun: OrderedDict[bytes, tuple[float, m.Answer]] = OrderedDict()
        self._beginning: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, session: Session) -> None:
        """Begin a session."""
        self._sessions[session.transaction_id] = session
        while len(self._sessions) > self._limit:
            self._sessions.popitem(last=False)

    def get(self, transaction_id: bytes, now: float | None) -> Session | None:
        """Return a session; without `now` it does not end by time."""
        session = self._sessions.get(transaction_id)
        if session is not None and now is not None and now - session.started > self._lifetime:
            del self._sessions[transaction_id]
            return None
        return session

    def begin(
        self, digest: bytes, now: float, work: Callable[[], Procedure[m.Answer]]
    ) -> Procedure[m.Answer]:
        """Execute InitiateAuthentication once; the same request again gets the same answer."""
        for _ in range(_STEPS):
            kept = self._begun.get(digest)
            if kept is not None and now - kept[0] <= self._lifetime:
                return kept[1]
            if digest not in self._beginning:
                break
            yield Wait(_STEP)
        self._beginning.add(digest)
        try:
            answer = yield from work()
        finally:
            self._beginning.discard(digest)
        if isinstance(answer, m.Initiated):
            self._begun[digest] = (now, answer)
            while len(self._begun) > self._limit:
                self._begun.popitem(last=False)
        return answer


def digest_of(*parts: bytes | str | None) -> bytes:
    """Return what tells one request from another."""
    whole = hashlib.sha256()
    for part in parts:
        octets = part.encode() if isinstance(part, str) else part or b""
        whole.update(len(octets).to_bytes(4, "big") + octets)
    return whole.digest()


def once(
    session: Session, name: str, digest: bytes, work: Callable[[], Procedure[m.Answer]]
) -> Procedure[m.Answer]:
    """Execute a function of a session once; the same request again gets the same answer."""
    for _ in range(_STEPS):
        kept = session.answers.get(name)
        if kept is not None and kept[0] == digest:
            return kept[1]
        if name not in session.busy:
            break
        yield Wait(_STEP)
    session.busy.add(name)
    try:
        answer = yield from work()
    finally:
        session.busy.discard(name)
    if not isinstance(answer, m.Failed) or session.ended:
        # after a failure of the link to the server the request may come again and succeed
        session.answers[name] = (digest, answer)
    return answer
