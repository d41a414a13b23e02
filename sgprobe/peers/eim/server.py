"""The eIM as one object: ESipa in, answers out, orders and eUICCs in a store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from dissectors.spec.identity import is_eid
from sgprobe.peers.effects import Now, Procedure, Request, Response
from sgprobe.peers.eim.answers import Answers
from sgprobe.peers.eim.authentication import authenticate
from sgprobe.peers.eim.binding import bind, cancel
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.desk import Desk
from sgprobe.peers.eim.identify import eid_of
from sgprobe.peers.eim.initiation import initiate
from sgprobe.peers.eim.injection import Injected, Injection
from sgprobe.peers.eim.intake import Intake
from sgprobe.peers.eim.means import Means
from sgprobe.peers.eim.notifications import NotBelieved, Notifications, Taken
from sgprobe.peers.eim.operations import Operation
from sgprobe.peers.eim.outbox import Outbox
from sgprobe.peers.eim.queue import Queue
from sgprobe.peers.eim.records import Device, Facts, Order, State
from sgprobe.peers.eim.results import Results
from sgprobe.peers.eim.rules import PREFIX, RULES
from sgprobe.peers.eim.sessions import Sessions
from sgprobe.peers.eim.trust import Trust
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.esipa import codes
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.asn1_binding import Asn1Binding
from sgprobe.peers.esipa.front import Front, Refused
from sgprobe.peers.esipa.json_binding import JsonBinding
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import Store

_T = TypeVar("_T")
_JOURNAL = 200


class Eim:
    """A simulated eIM; `random` gives octets, always the same ones in a seeded run.

    `tls_certificate` gives the certificate that the server at an address has shown in TLS, where
    the host knows it.
    """

    def __init__(
        self,
        setup: Setup,
        store: Store,
        random: RandomSource,
        tls_certificate: Callable[[str], bytes | None] = lambda address: None,
    ) -> None:
        self.setup = setup
        self.store = store
        self.rules = Rules(RULES, frozenset(one for one in setup.off if one.startswith(PREFIX)))
        # what was refused lately, for people and tests; no secrets
        self.journal: deque[tuple[str, str]] = deque(maxlen=_JOURNAL)
        self._trust = Trust(setup, self.rules)
        self._desk = Desk(setup, self.rules)
        self._queue = Queue(setup, self.rules, random)
        self._results = Results(setup, self.rules, self._trust, self.note)
        self._outbox = Outbox(setup, store, self.rules, self.note)
        self._notifications = Notifications(
            setup, self.rules, self._trust, self._results, self._outbox, self.note
        )
        self._answers = Answers(setup, self._trust, self._results, self._notifications, self.note)
        self._intake = Intake(self._results, self._answers, self._notifications)
        self._injection = Injection(
            setup, store, self._queue, self._intake, self._answers, self._outbox
        )
        limits = setup.limits
        sessions = Sessions(limits.sessions, limits.session_seconds)
        self._means = Means(
            setup, store, self.rules, self._trust, sessions, self.note, tls_certificate
        )
        json = JsonBinding(setup.version) if setup.json else None
        self._front = Front(
            Asn1Binding(setup.version), json, self.rules, PREFIX, self.perform, self.note,
            self._check_client,
        )  # fmt: skip

    def note(self, what: str, text: str) -> None:
        """Keep what was refused or found."""
        self.journal.append((what, text))

    # --- ESipa ---

    def answer(self, request: Request) -> Procedure[Response]:
        """Answer one HTTP request of an IPA."""
        return self._front.answer(request)

    def perform(self, request: m.Request) -> Procedure[m.Answer]:
        """Execute one function of ESipa; what it changes is stored before it answers."""
        now = yield Now()
        if isinstance(request, m.GetEimPackage):
            return self._get_package(request, now)
        if isinstance(request, m.ProvideEimPackageResult):
            return (yield from self._provide(request, now))
        if isinstance(request, m.HandleNotification):
            return (yield from self._notified(request, now))
        if isinstance(request, m.InitiateAuthentication):
            return (yield from initiate(self._means, request))
        if isinstance(request, m.AuthenticateClient):
            return (yield from authenticate(self._means, request))
        if isinstance(request, m.GetBoundProfilePackage):
            return (yield from bind(self._means, request))
        if isinstance(request, m.CancelSession):
            return (yield from cancel(self._means, request))
        return m.Failed(codes.UNDEFINED)

    def _check_client(self, request: Request, message: m.Request) -> None:
        """Refuse what is about another eUICC than the one whose certificate TLS showed."""
        eid = getattr(message, "eid", None)
        other = eid is not None and eid.lower() != request.client
        if self.setup.asks_client and other and self.rules.on("EIM.CLIENT-EID"):
            raise Refused(403, "the certificate in TLS is of another eUICC")

    def _failed(self, function: str, code: int) -> m.Failed:
        return m.Failed(codes.told(function, code, self.setup.version))

    def _get_package(self, request: m.GetEimPackage, now: float) -> m.Answer:
        work = Work(self.store)
        refused = self._check_eid(request.eid)
        device = work.device(request.eid)
        known = device is not None and device.associated
        if not refused and not known and self.rules.on("EIM.EID-KNOWN"):
            refused = codes.EID_NOT_FOUND
        if refused or device is None:
            return self._failed(m.GEP, refused or codes.NO_PACKAGE)
        if request.state_change or request.cause is not None or request.rplmn is not None:
            rplmn = device.rplmn if request.rplmn is None else request.rplmn.hex()
            stale = device.stale or request.state_change
            cause = device.cause if request.cause is None else request.cause
            device = work.save_device(replace(device, stale=stale, cause=cause, rplmn=rplmn))
        package = self._queue.next_package(work, device, now)
        work.commit()
        if package is None:
            return self._failed(m.GEP, codes.NO_PACKAGE)
        return m.EimPackage(package)

    def _check_eid(self, eid: str) -> int:
        if not eid and self.rules.on("EIM.EID-PRESENT"):
            return codes.MISSING_EID
        if not is_eid(eid) and self.rules.on("EIM.EID-VALID"):
            return codes.INVALID_EID
        return 0

    def _provide(self, request: m.ProvideEimPackageResult, now: float) -> Procedure[m.Answer]:
        work = Work(self.store)
        eid = request.eid
        if eid is None:
            eid = eid_of(work, self.setup.version, request.result)
        if eid is None:
            return self._failed(m.PER, codes.MISSING_EID)
        if not is_eid(eid) and self.rules.on("EIM.EID-VALID"):
            return self._failed(m.PER, codes.INVALID_EID)
        if work.device(eid) is None:
            return self._failed(m.PER, codes.EID_NOT_FOUND)
        taken = self._intake.take(work, eid, request.result, now)
        work.commit()
        yield from self._send(taken)
        return m.Acknowledged(tuple(dict.fromkeys(taken.numbers)))

    def _send(self, taken: Taken) -> Procedure[None]:
        """Try what has come into the outbox once; the rest is for `errands`."""
        for entry in taken.entries:
            yield from self._outbox.send(entry)

    def _notified(self, request: m.HandleNotification, now: float) -> Procedure[m.Answer]:
        if request.result is not None:
            answer = yield from self._provide(request.result, now)
            return m.Done() if isinstance(answer, m.Acknowledged) else answer
        work, taken = Work(self.store), Taken()
        try:
            self._notifications.take(work, None, request.pending or b"", now, taken)
        except NotBelieved as error:
            self.note("NOTIFICATION", str(error))
            return m.Failed(codes.UNDEFINED)
        work.commit()
        yield from self._send(taken)
        return m.Done()

    def errand_at(self) -> float | None:
        """Return when `errands` has something to do, None where nothing waits."""
        return self._outbox.due()

    def errands(self) -> Procedure[int]:
        """Deliver notifications that are due, once more after a pause. SGP.32 §3.7."""
        return self._outbox.deliver()

    def inject(self, eid: str, address: str, *, json: bool = False) -> Procedure[Injected]:
        """Send what waits for an eUICC to the address that its IPA listens at."""
        version = self.setup.version
        binding = JsonBinding(version) if json else Asn1Binding(version)
        return self._injection.inject(eid, address, binding)

    # --- the operator ---

    def operate(self, function: Callable[[Desk, Work], _T]) -> _T:
        """Execute an operator function as one transaction."""
        work = Work(self.store)
        result = function(self._desk, work)
        work.commit()
        return result

    def enrol(
        self,
        eid: str,
        *,
        certificates: Iterable[tuple[bytes, bytes]] = (),
        counter: int | None = None,
        token: int | None = None,
        key: str | None = None,
    ) -> Device:
        """Manage an eUICC, or correct what is known of its association; what is not given stays."""
        pairs = tuple(certificates)
        return self.operate(
            lambda desk, work: desk.enrol(
                work, eid, certificates=pairs, counter=counter, token=token, key=key
            )
        )

    def order(
        self, eid: str, *operations: Operation, now: float = 0.0, expires: float | None = None
    ) -> Order:
        """Queue one package of operations."""
        return self.operate(
            lambda desk, work: desk.order(work, eid, operations, now, expires=expires)
        )

    def cancel(self, name: str) -> Order:
        """Take an order back."""
        return self.operate(lambda desk, work: desk.cancel(work, name))

    def outcome(self, name: str) -> Order:
        """Return an order as it stands."""
        return self.operate(lambda desk, work: desk.find(work, name))

    def orders(self, eid: str | None = None, state: State | None = None) -> list[Order]:
        """Return the orders of an eUICC, or of all, in a state, or in any."""
        return self.operate(lambda desk, work: list(desk.search(work, eid, state)))

    def device(self, eid: str) -> Device | None:
        """Return an eUICC as the eIM believes it to be."""
        return Work(self.store).device(eid)

    def devices(self) -> list[Device]:
        """Return all eUICCs."""
        return list(Work(self.store).devices())

    def facts(self, eid: str) -> Facts:
        """Return what an eUICC and its IPA have said of themselves."""
        return Work(self.store).facts(eid)

    def operator(self, request: Request, now: float) -> Response:
        """Answer one request of the operator interface."""
        from sgprobe.peers.eim import rest

        return rest.answer(self, request, now)
