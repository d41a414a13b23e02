"""The SM-DS as one object: requests of ES11 and ES12 in, answers out, events in a store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dissectors.asn1 import codec
from dissectors.spec.identity import IdentityError, eid_octets
from sgprobe.peers.effects import Procedure, Request, Response
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.euicc import EuiccJudge
from sgprobe.peers.es9.front import Front
from sgprobe.peers.es9.members import check_header, need
from sgprobe.peers.es9.mutual import Means, RandomSource, authenticate, initiate
from sgprobe.peers.es9.party import Party
from sgprobe.peers.es9.sessions import Sessions
from sgprobe.peers.es9.status import ACL, IAU, Refusal, refuse
from sgprobe.peers.es9.transaction import tell_all
from sgprobe.peers.es12client import DELETE, PATHS, REGISTER, Es12Client
from sgprobe.peers.rules import Rules
from sgprobe.peers.smds.events import EventRecord, Ledger
from sgprobe.peers.smds.rules import PREFIX, RULES
from sgprobe.peers.store import Store

_JOURNAL = 200


@dataclass(frozen=True, slots=True)
class Setup:
    """What an SM-DS is made of."""

    party: Party
    # SGP.22 version, "2.2" to "2.7"
    version: str = "2.5"
    session_seconds: float = 600.0
    sessions: int = 4096
    # the root SM-DS, where this one is an alternative
    root: str = ""
    off: frozenset[str] = frozenset()


class SmDs:
    """A simulated SM-DS; `random` gives octets, always the same ones in a seeded run."""

    def __init__(self, setup: Setup, store: Store, random: RandomSource) -> None:
        self.setup = setup
        self.store = store
        self.rules = Rules(RULES, setup.off)
        read = codec.load(f"SGP.22@{setup.version}")
        sessions = Sessions(setup.sessions, setup.session_seconds)
        self._means = Means(setup.party, read, self.rules, sessions, random, PREFIX)
        self._judge = EuiccJudge(setup.party, self.rules, PREFIX)
        # what was refused lately, for people and tests; no secrets
        self.journal: deque[tuple[str, str]] = deque(maxlen=_JOURNAL)
        self._front = Front(
            read,
            self.rules,
            PREFIX,
            frozenset({IAU, ACL}),
            self.perform,
            {PATHS[REGISTER]: self._register_event, PATHS[DELETE]: self._delete_event},
        )

    def answer(self, request: Request, now: float) -> Response:
        """Answer one HTTP request."""
        return self._front.answer(request, now)

    def perform(self, request: m.Request, now: float) -> m.Answer:
        """Execute one function of ES11, or raise its refusal."""
        try:
            if isinstance(request, m.InitiateAuthentication):
                return initiate(self._means, request, now)
            if isinstance(request, m.AuthenticateClient):
                return self._authenticate_client(request, now)
            raise refuse("transaction-unknown", "no function of an SM-DS")
        except Refusal as refusal:
            self.journal.append((m.NAMES[type(request)], str(refusal)))
            raise

    def _authenticate_client(
        self, request: m.AuthenticateClient, now: float
    ) -> m.AuthenticatedEvents:
        """Return the events of an eUICC: all, or the one it names. SGP.22 §5.8.2."""
        session = self._means.find(request.transaction_id, now)
        euicc = authenticate(self._means, self._judge, session, request, now)
        # nothing comes after it in a session with an SM-DS
        self._means.end(session)
        records = list(self._ledger().of_eid(euicc.eid))
        if euicc.matching_id:
            records = [one for one in records if one.event_id == euicc.matching_id]
            if not records and self._means.on("EVENT-ID"):
                raise refuse("event-unknown")
        events = tuple(m.Event(one.event_id, one.address) for one in records)
        return m.AuthenticatedEvents(session.transaction_id, events)

    def _ledger(self) -> Ledger:
        return Ledger(self.store, self.setup.root, self.rules.on("SMDS.EVENT-DUPLICATE"))

    def _register_event(self, members: dict[str, Any], now: float) -> dict[str, Any]:
        check_header(members)
        forwarding = members.get("forwardingIndicator", False)
        if not isinstance(forwarding, bool):
            raise refuse("element-invalid", "forwardingIndicator")
        self.register_event(
            need(members, "eid"),
            need(members, "eventId"),
            need(members, "rspServerAddress"),
            now,
            forwarding=forwarding,
        )
        return {}

    def register_event(
        self, eid: str, event_id: str, address: str, now: float, *, forwarding: bool = False
    ) -> None:
        """Register an event. SGP.22 §5.9.1."""
        try:
            eid_octets(eid)
        except IdentityError as error:
            raise refuse("element-invalid", str(error)) from None
        if not event_id or not address:
            # an empty matching id would ask for all events
            raise refuse("element-invalid", "eventId and rspServerAddress are not empty")
        ledger = self._ledger()
        ledger.register(EventRecord(event_id, eid, address, forwarding, now))
        ledger.commit()

    def _delete_event(self, members: dict[str, Any], now: float) -> dict[str, Any]:
        check_header(members)
        self.delete_event(need(members, "eid"), need(members, "eventId"))
        return {}

    def delete_event(self, eid: str, event_id: str) -> None:
        """Take an event away. SGP.22 §5.9.2."""
        ledger = self._ledger()
        if not ledger.delete(eid, event_id) and self.rules.on("SMDS.EVENT-DELETED"):
            raise refuse("event-unknown")
        ledger.commit()

    def events(self, eid: str) -> list[EventRecord]:
        """Return the events of an EID."""
        return list(self._ledger().of_eid(eid))

    def forward(self, client: Callable[[str], Es12Client]) -> Procedure[int]:
        """Tell the root SM-DS what it is to know (ES15); return how many records it took.

        The root sends the eUICC here. ES15 is likely, not certain.
        """
        return tell_all(self.store, self.setup.party.address, client)
