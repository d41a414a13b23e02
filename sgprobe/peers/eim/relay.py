"""Indirect download: the eIM relays between IPA and SM-DP+ what it cannot read. SGP.32 §3.2.3.2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dissectors.asn1 import codec
from dissectors.asn1.tlv import tlv
from sgprobe.crypto import confirmation
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CryptoError
from sgprobe.peers.effects import LinkFailure, Now, Procedure
from sgprobe.peers.eim import policy
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.forms import from_members, to_members
from sgprobe.peers.eim.operations import Download
from sgprobe.peers.eim.records import Facts, Kind, Order, State
from sgprobe.peers.eim.servers import client_of, code_of
from sgprobe.peers.eim.sessions import Session, Sessions, digest_of, once
from sgprobe.peers.eim.targets import Target, target_of, trigger
from sgprobe.peers.eim.trust import Trust
from sgprobe.peers.eim.work import DOWNLOAD, Work
from sgprobe.peers.es9 import messages as es9
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.bound import metadata_of
from sgprobe.peers.esipa.compact import (
    Known,
    expand_authentication,
    expand_cancellation,
    expand_preparation,
    is_compact,
)
from sgprobe.peers.esipa.profile import allows, oid_element
from sgprobe.peers.esipa.wire import contents, elements, parts, retag
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import Store

# IpaCapabilities.ipaFeatures
_EIM_DATA, _EIM_CONTEXT, _EIM_METADATA, _COMPACT = 2, 3, 4, 5
# a CI key id is not cut shorter than this
_SHORTEST_ID = 4
_METADATA = (
    "iccid",
    "serviceProviderName",
    "profileName",
    "profileClass",
    "ecallIndication",
    "fallbackAllowed",
)


@dataclass(frozen=True, slots=True)
class Relay:
    """The four functions of an indirect download."""

    setup: Setup
    store: Store
    rules: Rules
    trust: Trust
    sessions: Sessions
    journal: Callable[[str, str], None]

    def _failed(self, name: str, code: int) -> m.Failed:
        return m.Failed(codes.told(name, code, self.setup.version))

    def _find(self, transaction_id: bytes, now: float) -> Session | None:
        expires = self.rules.on("EIM.SESSION-EXPIRY")
        return self.sessions.get(transaction_id, now if expires else None)

    # --- InitiateAuthentication, §5.14.1 ---

    def initiate(self, request: m.InitiateAuthentication) -> Procedure[m.Answer]:
        """Begin a session with the server that the order, or the IPA, names."""
        now = yield Now()
        digest = digest_of(request.challenge, request.address, request.eim_transaction_id)
        again = self.sessions.begun(digest, now)
        if again is not None:
            return again
        work = Work(self.store)
        order = self._ordered(work, request)
        if isinstance(order, m.Failed):
            return order
        facts = Facts() if order is None else work.facts(order.eid)
        target = None if order is None else _target(order)
        address = request.address or (target and _server(target, facts))
        if not address:
            return self._failed(m.IAU, 1)
        info1 = request.info1 or bytes.fromhex(facts.info1)
        if not info1:
            return self._failed(m.IAU, codes.UNDEFINED)
        client = client_of(self.setup, address)
        oid = target.oid if target is not None else None
        try:
            initiated = yield from client.initiate_authentication(request.challenge, info1, oid)
        except (ServerRefusal, ServerFault) as error:
            self.journal(m.IAU, str(error))
            return m.Failed(code_of(m.IAU, error, self.setup.version))
        except LinkFailure as failure:
            self.journal(m.IAU, str(failure) or "no link")
            return self._failed(m.IAU, codes.UNDEFINED)
        session = Session(initiated.transaction_id, client, initiated, now)
        answer = self._begin(session, order, target, facts, info1)
        self.sessions.add(session)
        self.sessions.keep(digest, now, answer)
        return answer

    def _ordered(self, work: Work, request: m.InitiateAuthentication) -> Order | m.Failed | None:
        """Return the download order that the IPA names, None where it names none."""
        if request.eim_transaction_id is None:
            return None
        order = work.by_transaction(request.eim_transaction_id)
        good = order is not None and order.kind is Kind.DOWNLOAD and order.open
        if not good and self.rules.on("EIM.TRIGGER-KNOWN"):
            return self._failed(m.IAU, codes.UNKNOWN_TRIGGER)
        return order if good else None

    def _begin(
        self,
        session: Session,
        order: Order | None,
        target: Target | None,
        facts: Facts,
        info1: bytes,
    ) -> m.Initiated:
        features = facts.features or ()
        matching_id = None
        if order is not None and target is not None:
            session.eid, session.order = order.eid, order.id
            _run(self.store, order.id)
            if _EIM_DATA in features:
                matching_id = target.matching_id
            if _EIM_CONTEXT in features and facts.device_info:
                device_info = retag(bytes.fromhex(facts.device_info), "A1")
                matching = tlv("80", target.matching_id.encode())
                session.context = tlv("A0", matching, device_info)
        initiated = session.initiated
        key_id = contents(initiated.ci_key_id)
        compact = _COMPACT in features
        return m.Initiated(
            initiated.server_signed1,
            initiated.server_signature1,
            _shortened(key_id, info1) if compact else key_id,
            initiated.certificate,
            None if compact else initiated.transaction_id,
            matching_id,
            session.context,
        )

    # --- AuthenticateClient, §5.14.3 ---

    def authenticate(self, request: m.AuthenticateClient) -> Procedure[m.Answer]:
        """Pass the eUICC's answer on; tell what waits for it."""
        now = yield Now()
        session = self._find(request.transaction_id, now)
        if session is None:
            return self._failed(m.ACL, codes.INVALID_TRANSACTION[m.ACL])
        digest = digest_of(request.response)
        return (
            yield from once(
                session, m.ACL, digest, lambda: self._authenticate(session, request.response, now)
            )
        )

    def _authenticate(self, session: Session, response: bytes, now: float) -> Procedure[m.Answer]:
        if session.ended or session.authenticated is not None:
            return self._failed(m.ACL, codes.INVALID_TRANSACTION[m.ACL])
        try:
            response, refused = self._identify(session, response, now)
        except (NotAsn1, KeyError, IndexError) as error:
            self.journal(m.ACL, str(error)[:200])
            return self._failed(m.ACL, 5)
        if refused:
            return self._failed(m.ACL, refused)
        try:
            answer = yield from session.client.authenticate_client(session.initiated, response)
        except (ServerRefusal, ServerFault) as error:
            return self._refused(m.ACL, session, error)
        except LinkFailure as failure:
            self.journal(m.ACL, str(failure) or "no link")
            return self._failed(m.ACL, codes.UNDEFINED)
        self._learn(session, response, now)
        if isinstance(answer, es9.AuthenticatedEvents):
            return self._event(session, answer)
        if not isinstance(answer, es9.Authenticated):
            return self._failed(m.ACL, codes.UNDEFINED)
        return self._authenticated(session, answer)

    def _identify(self, session: Session, response: bytes, now: float) -> tuple[bytes, int]:
        """Return the full BF38 and 0, or the code with which it is refused."""
        work = Work(self.store)
        if is_compact(response):
            response = self._expanded(work, session, response, now)
        (inside,) = elements(response)[:1]
        if wire.tag_of(inside) != "A0":
            # the eUICC refuses the server: that is for the server to know
            return response, 0
        eid = _holder(elements(inside)[2])
        device = None if eid is None else work.device(eid)
        wrong = device is None or not device.associated or session.eid not in (None, eid)
        if wrong and self.rules.on("EIM.SESSION-EID"):
            self.journal("EIM.SESSION-EID", "the eUICC is not the one of this download")
            return response, 7
        if session.order is None and eid is not None:
            self._attach(work, session, eid)
        return response, 0

    def _expanded(self, work: Work, session: Session, response: bytes, now: float) -> bytes:
        facts = work.facts(session.eid or "")
        info2 = bytes.fromhex(facts.info2) or None
        signed1 = session.initiated.server_signed1
        pairs: list[tuple[bytes, bytes] | None] = [
            (bytes.fromhex(euicc), bytes.fromhex(eum)) for euicc, eum in facts.certificates
        ]
        full = response
        for pair in pairs or [None]:
            full = expand_authentication(response, signed1, Known(info2, pair, session.context))
            eid = session.eid or _holder(elements(elements(full)[0])[2]) or ""
            if policy.signs_itself(self.trust, eid, full, now):
                return full
        if self.rules.on("EIM.COMPACT-SIGNATURE"):
            raise NotAsn1("what is rebuilt from the compact form does not verify")
        return full

    def _attach(self, work: Work, session: Session, eid: str) -> None:
        """Tie a session that named no order to the download order of its eUICC."""
        session.eid = eid
        for name in work.queue(eid):
            order = work.order(name)
            if order is None or order.kind is not Kind.DOWNLOAD:
                continue
            wanted = _server(_target(order), work.facts(eid))
            if wanted.lower() == session.client.server.lower():
                session.order = order.id
                _run(self.store, order.id)
                return

    def _learn(self, session: Session, response: bytes, now: float) -> None:
        """Keep what the server has found genuine: certificates and EUICCInfo2."""
        (inside,) = elements(response)[:1]
        if session.eid is None or wire.tag_of(inside) != "A0":
            return
        signed1, _, euicc, eum = elements(inside)[:4]
        work = Work(self.store)
        facts = work.facts(session.eid)
        pair = (euicc.hex(), eum.hex())
        info2 = parts(signed1)["BF22"].hex()
        kept = facts.certificates if pair in facts.certificates else (*facts.certificates, pair)
        known = replace(facts, certificates=kept[-4:], info2=info2)
        if known != facts:
            work.save_facts(session.eid, known)
            work.commit()

    def _authenticated(self, session: Session, answer: es9.Authenticated) -> m.Answer:
        work = Work(self.store)
        facts = work.facts(session.eid or "")
        order = work.order(session.order or "")
        try:
            read = codec.load(f"SGP.32@{self.setup.version}")
            session.metadata = wire.read(read, "StoreMetadataRequest", answer.profile_metadata)
        except NotAsn1 as error:
            self.journal(m.ACL, str(error))
            return self._failed(m.ACL, codes.UNDEFINED)
        session.authenticated = answer
        if not allows(facts.rat, session.metadata) and self.rules.on("EIM.PPR"):
            # the IPA cancels the session, which only the eUICC can sign
            self.journal("EIM.PPR", "the rules of the eUICC do not allow those of the profile")
            return self._failed(m.ACL, codes.PPR_NOT_ALLOWED)
        if order is not None and order.code is not None:
            code = bytes.fromhex(order.code)
            session.hash_cc = confirmation.hash_cc(code, session.transaction_id)
        features = facts.features or ()
        compact = _COMPACT in features
        return m.Authenticated(
            answer.smdp_signed2,
            answer.smdp_signature2,
            answer.certificate,
            None if compact else session.transaction_id,
            None if compact and _EIM_METADATA in features else answer.profile_metadata,
            session.hash_cc,
        )

    def _event(self, session: Session, answer: es9.AuthenticatedEvents) -> m.Answer:
        """Turn the first event of an SM-DS into the trigger of a download. SGP.32 §3.9.2.2."""
        session.ended = True
        work = Work(self.store)
        order = work.order(session.order or "")
        if not answer.events:
            if order is not None:
                work.save(replace(order, state=State.FAILED, reason="the SM-DS has no event"))
                work.commit()
            return m.AuthenticatedEvent(session.transaction_id)
        first = answer.events[0]
        target = Target(first.address, first.event_id)
        transaction = None
        if order is not None:
            download = Download(smdp=first.address, matching_id=first.event_id, indirect=True)
            # asked again, the order leads to the server of the event
            work.save(replace(order, operations=(to_members(download),), package=None))
            work.commit()
            transaction = order.transaction
        told = trigger(target, transaction, with_data=True)
        return m.AuthenticatedEvent(session.transaction_id, told)

    # --- GetBoundProfilePackage, §5.14.2 ---

    def bind(self, request: m.GetBoundProfilePackage) -> Procedure[m.Answer]:
        """Fetch the bound package, and pass it on as it is."""
        now = yield Now()
        session = self._find(request.transaction_id, now)
        if session is None:
            return self._failed(m.GBP, codes.INVALID_TRANSACTION[m.GBP])
        digest = digest_of(request.response)
        return (
            yield from once(
                session, m.GBP, digest, lambda: self._bind(session, request.response, now)
            )
        )

    def _bind(self, session: Session, response: bytes, now: float) -> Procedure[m.Answer]:
        announced = session.authenticated
        if session.ended or announced is None:
            return self._failed(m.GBP, codes.INVALID_TRANSACTION[m.GBP])
        try:
            if is_compact(response):
                response = self._expanded_preparation(session, announced, response, now)
        except (NotAsn1, KeyError, IndexError) as error:
            self.journal(m.GBP, str(error)[:200])
            return self._failed(m.GBP, 1)
        try:
            bound = yield from session.client.get_bound_profile_package(
                session.transaction_id, response
            )
        except (ServerRefusal, ServerFault) as error:
            return self._refused(m.GBP, session, error)
        except LinkFailure as failure:
            self.journal(m.GBP, str(failure) or "no link")
            return self._failed(m.GBP, codes.UNDEFINED)
        try:
            same = metadata_of(bound.package) == announced.profile_metadata
        except NotAsn1 as error:
            self.journal(m.GBP, str(error)[:200])
            return self._failed(m.GBP, codes.UNDEFINED)
        if not same and self.rules.on("EIM.METADATA"):
            self.journal("EIM.METADATA", "the package holds other metadata than was announced")
            return self._failed(m.GBP, codes.METADATA_MISMATCH)
        self._remember(session, announced)
        compact = _COMPACT in (Work(self.store).facts(session.eid or "").features or ())
        return m.Bound(bound.package, None if compact else session.transaction_id)

    def _expanded_preparation(
        self, session: Session, announced: es9.Authenticated, response: bytes, now: float
    ) -> bytes:
        offered = parts(announced.smdp_signed2).get("5F49")
        full = expand_preparation(
            response,
            session.transaction_id,
            None if offered is None else contents(offered),
            session.hash_cc,
        )
        eid = session.eid or ""
        facts = Work(self.store).facts(eid)
        good = policy.signs_preparation(
            self.trust, eid, facts, full, announced.smdp_signature2, now
        )
        if not good and self.rules.on("EIM.COMPACT-SIGNATURE"):
            raise NotAsn1("what is rebuilt from the compact form does not verify")
        return full

    def _remember(self, session: Session, announced: es9.Authenticated) -> None:
        """Keep what the result of the installation is compared with, or rebuilt from."""
        work = Work(self.store)
        told = session.metadata
        work.put(
            DOWNLOAD + session.transaction_id.hex(),
            {
                "eid": session.eid,
                "order": session.order,
                "address": session.client.server,
                "oid": oid_element(announced.certificate).hex(),
                "iccid": told["iccid"],
                "metadata": {name: told[name] for name in _METADATA if name in told},
            },
        )
        work.commit()

    # --- CancelSession, §5.14.8 ---

    def cancel(self, request: m.CancelSession) -> Procedure[m.Answer]:
        """Pass the cancellation on; the order has failed."""
        now = yield Now()
        session = self._find(request.transaction_id, now)
        if session is None:
            return self._failed(m.CAN, codes.INVALID_TRANSACTION[m.CAN])
        digest = digest_of(request.response)
        return (
            yield from once(session, m.CAN, digest, lambda: self._cancel(session, request.response))
        )

    def _cancel(self, session: Session, response: bytes) -> Procedure[m.Answer]:
        if session.ended:
            return self._failed(m.CAN, codes.INVALID_TRANSACTION[m.CAN])
        try:
            if is_compact(response):
                oid = oid_element(session.initiated.certificate)
                response = expand_cancellation(response, session.transaction_id, oid)
        except (NotAsn1, KeyError, IndexError) as error:
            self.journal(m.CAN, str(error)[:200])
            return self._failed(m.CAN, 2)
        try:
            yield from session.client.cancel_session(session.transaction_id, response)
        except (ServerRefusal, ServerFault) as error:
            self.journal(m.CAN, str(error))
            return m.Failed(code_of(m.CAN, error, self.setup.version))
        except LinkFailure as failure:
            self.journal(m.CAN, str(failure) or "no link")
            return self._failed(m.CAN, codes.UNDEFINED)
        session.ended = True
        self._fail(session, f"cancelled by the IPA: {policy.reason_of(response)}")
        return m.Done()

    # --- failures ---

    def _refused(self, name: str, session: Session, error: ServerRefusal | ServerFault) -> m.Failed:
        self.journal(name, str(error))
        if isinstance(error, ServerRefusal):
            session.ended = True
            self._fail(session, str(error))
        return m.Failed(code_of(name, error, self.setup.version))

    def _fail(self, session: Session, reason: str) -> None:
        work = Work(self.store)
        order = work.order(session.order or "")
        if order is not None and order.open:
            work.save(replace(order, state=State.FAILED, reason=reason))
            work.commit()


def _run(store: Store, name: str) -> None:
    work = Work(store)
    order = work.order(name)
    if order is not None and order.state in (State.QUEUED, State.SENT):
        work.save(replace(order, state=State.RUNNING))
        work.commit()


def _target(order: Order) -> Target:
    download = from_members(order.operations[0])
    assert isinstance(download, Download)
    return target_of(download)


def _server(target: Target, facts: Facts) -> str:
    """Return the address of the server to ask; "" where nobody knows it."""
    if target.smds is not None:
        return target.smds or facts.root_smds
    return target.smdp or facts.default_smdp


def _holder(der: bytes) -> str | None:
    try:
        return read_certificate(der).serial_number
    except CryptoError as error:
        raise NotAsn1(str(error)) from None


def _shortened(key_id: bytes, info1: bytes) -> bytes:
    """Return the beginning of a CI key id that still names it among those of EUICCInfo1."""
    try:
        listed = parts(info1)
        known = {contents(one) for tag in ("A9", "AA") for one in elements(listed[tag])}
    except (NotAsn1, KeyError):
        return key_id
    for size in range(_SHORTEST_ID, len(key_id)):
        if sum(one.startswith(key_id[:size]) for one in known) == 1:
            return key_id[:size]
    return key_id
