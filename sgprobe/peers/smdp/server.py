"""The SM-DP+ as one object: requests of ES9+ and ES2+ in, answers out, orders in a store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.peers.effects import Procedure, Request, Response
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.euicc import EuiccJudge
from sgprobe.peers.es9.front import Front
from sgprobe.peers.es9.mutual import Means, RandomSource, initiate
from sgprobe.peers.es9.party import Party
from sgprobe.peers.es9.sessions import Sessions
from sgprobe.peers.es9.status import ACL, CAN, GBP, HNT, IAU, Refusal
from sgprobe.peers.es9.transaction import tell_all
from sgprobe.peers.es12client import Es12Client
from sgprobe.peers.profiles.library import BROKEN_TYPES, PROFILE_TYPES, ProfileType
from sgprobe.peers.rules import Rules
from sgprobe.peers.smdp import download, es2plus, notifications
from sgprobe.peers.smdp.binding import ProtectedShelf
from sgprobe.peers.smdp.limits import Limits
from sgprobe.peers.smdp.operator import Desk, activation_code
from sgprobe.peers.smdp.orders import PPK, Order, Work, from_record
from sgprobe.peers.smdp.rules import PREFIX, RULES
from sgprobe.peers.store import Store

_T = TypeVar("_T")
_JOURNAL = 200


@dataclass(frozen=True, slots=True)
class Setup:
    """What an SM-DP+ is made of."""

    party: Party
    # SGP.22 version, "2.2" to "2.7"
    version: str = "2.5"
    # of the subscriptions and profile protection keys
    seed: str = field(default="sgprobe", repr=False)
    types: Mapping[str, ProfileType] = field(
        default_factory=lambda: {**PROFILE_TYPES, **BROKEN_TYPES}
    )
    limits: Limits = field(default_factory=Limits)
    off: frozenset[str] = frozenset()


class SmDp:
    """A simulated SM-DP+; `random` gives octets, always the same ones in a seeded run."""

    def __init__(self, setup: Setup, store: Store, random: RandomSource) -> None:
        self.setup = setup
        self.store = store
        self.rules = Rules(RULES, setup.off)
        read = codec.load(f"SGP.22@{setup.version}")
        limits = setup.limits
        sessions = Sessions(limits.sessions, limits.session_seconds)
        self._means = Means(setup.party, read, self.rules, sessions, random, PREFIX)
        self._desk = Desk(setup.types, random, limits.orders)
        judge = EuiccJudge(setup.party, self.rules, PREFIX)
        self._download = download.Download(
            self._means, judge, setup.types, setup.seed, limits, ProtectedShelf()
        )
        self._notifications = notifications.Notifications(self._means, judge)
        # what was refused lately, for people and tests; no secrets
        self.journal: deque[tuple[str, str]] = deque(maxlen=_JOURNAL)
        self._front = Front(
            read,
            self.rules,
            PREFIX,
            frozenset({IAU, ACL, GBP, HNT, CAN}),
            self.perform,
            es2plus.functions(self.operate, setup.party.address),
        )

    @property
    def protocol(self) -> str:
        """The X-Admin-Protocol that this server speaks."""
        return self._front.protocol

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return len(self._means.sessions)

    def answer(self, request: Request, now: float) -> Response:
        """Answer one HTTP request."""
        return self._front.answer(request, now)

    def perform(self, request: m.Request, now: float) -> m.Answer:
        """Execute one function of ES9+, or raise its refusal; what it changes is stored first."""
        work = Work(self.store)
        try:
            answer = self._perform(work, request, now)
        except Refusal as refusal:
            self.journal.append((m.NAMES[type(request)], str(refusal)))
            # a refusal changes counters, too
            work.commit()
            raise
        work.commit()
        return answer

    def _perform(self, work: Work, request: m.Request, now: float) -> m.Answer:
        if isinstance(request, m.InitiateAuthentication):
            return initiate(self._means, request, now)
        if isinstance(request, m.AuthenticateClient):
            return self._download.authenticate_client(work, request, now)
        if isinstance(request, m.GetBoundProfilePackage):
            return self._download.get_bound_profile_package(work, request, now)
        if isinstance(request, m.CancelSession):
            return self._download.cancel_session(work, request, now)
        refused = self._notifications.handle(work, request, now)
        if refused:
            self.journal.append((HNT, refused))
        return m.Done()

    def operate(self, function: Callable[[Desk, Work], _T]) -> _T:
        """Execute an operator function as one transaction."""
        work = Work(self.store)
        result = function(self._desk, work)
        work.commit()
        return result

    def order(
        self,
        kind: str = "30k",
        *,
        eid: str | None = None,
        matching_id: str | None = None,
        code: str | None = None,
        expires: float | None = None,
        release: bool = True,
        protection: str = PPK,
        rebinding: bool = True,
        iccid: str | None = None,
        smds: str | None = None,
    ) -> Order:
        """Order, confirm and release one profile; "" as matching id makes it a default order."""

        def both(desk: Desk, work: Work) -> Order:
            made = desk.order(
                work,
                eid=eid,
                iccid=iccid,
                kind=kind,
                protection=protection,
                rebinding=rebinding,
            )
            return desk.confirm(
                work,
                made.iccid,
                matching_id=matching_id,
                code=code,
                expires=expires,
                release=release,
                smds=smds,
            )

        return self.operate(both)

    def announce(self, client: Callable[[str], Es12Client]) -> Procedure[int]:
        """Register and delete events at SM-DSs (ES12); return how many they took."""
        return tell_all(self.store, self.setup.party.address, client)

    def state(self, iccid: str) -> Order | None:
        """Return the order of an ICCID as it stands."""
        record = self.store.get(f"order/{iccid}")
        return from_record(record) if record is not None else None

    def activation_code(self, order: Order) -> str:
        """Return what a person types or scans to download this order."""
        return activation_code(self.setup.party.address, order)

    def notifications(self, eid: str) -> list[Value]:
        """Return what an eUICC has notified, the oldest first."""
        return list(self.store.get(f"notified/{eid}") or ())
