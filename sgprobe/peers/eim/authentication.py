"""AuthenticateClient: the eUICC's answer expanded, recognised, passed on. SGP.32 §5.14.3."""

from __future__ import annotations

from dataclasses import replace

from dissectors.asn1 import codec
from sgprobe.crypto import confirmation
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CryptoError
from sgprobe.peers.effects import LinkFailure, Now, Procedure
from sgprobe.peers.eim import policy
from sgprobe.peers.eim.forms import to_members
from sgprobe.peers.eim.initiation import server_of, target_in
from sgprobe.peers.eim.means import COMPACT, EIM_METADATA, Means
from sgprobe.peers.eim.operations import Download
from sgprobe.peers.eim.records import Kind, State
from sgprobe.peers.eim.sessions import Session, digest_of, once
from sgprobe.peers.eim.targets import Target, trigger
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9 import messages as es9
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.compact import Known, expand_authentication, is_compact
from sgprobe.peers.esipa.profile import allows
from sgprobe.peers.esipa.wire import elements, parts

_BAD_SIGNATURE, _EID_MISMATCH = 5, 7
_CERTIFICATES = 4
# an SM-DS that leads to an SM-DS that leads …
_CASCADES = 3


def authenticate(means: Means, request: m.AuthenticateClient) -> Procedure[m.Answer]:
    """Pass the eUICC's answer on; tell what waits for it."""
    now = yield Now()
    session = means.find(request.transaction_id, now)
    if session is None:
        return means.unknown(m.ACL)
    digest = digest_of(request.response)
    return (
        yield from once(
            session, m.ACL, digest, lambda: _authenticate(means, session, request.response, now)
        )
    )


def _authenticate(
    means: Means, session: Session, response: bytes, now: float
) -> Procedure[m.Answer]:
    if session.ended or session.authenticated is not None:
        return means.unknown(m.ACL)
    try:
        response, refused = _recognised(means, session, response, now)
    except (NotAsn1, KeyError, IndexError) as error:
        means.journal(m.ACL, str(error)[:200])
        return means.failed(m.ACL, _BAD_SIGNATURE)
    if refused:
        return means.failed(m.ACL, refused)
    try:
        answer = yield from means.patiently(
            lambda: session.client.authenticate_client(session.initiated, response)
        )
    except (ServerRefusal, ServerFault, LinkFailure) as error:
        return means.refused(m.ACL, session, error)
    _learn(means, session, response)
    if isinstance(answer, es9.AuthenticatedEvents):
        return _event(means, session, answer)
    if not isinstance(answer, es9.Authenticated):
        return means.failed(m.ACL, codes.UNDEFINED)
    return _authenticated(means, session, answer)


# --- whose answer it is ---


def _recognised(means: Means, session: Session, response: bytes, now: float) -> tuple[bytes, int]:
    """Return the full BF38 and 0, or the code with which it is refused."""
    work = Work(means.store)
    if is_compact(response):
        response = _expanded(means, work, session, response, now)
    (inside,) = elements(response)[:1]
    if wire.tag_of(inside) != "A0":
        # the eUICC refuses the server: that is for the server to know
        return response, 0
    eid = _holder(elements(inside)[2])
    device = None if eid is None else work.device(eid)
    wrong = device is None or not device.associated or session.eid not in (None, eid)
    if wrong and means.rules.on("EIM.SESSION-EID"):
        means.journal("EIM.SESSION-EID", "the eUICC is not the one of this download")
        return response, _EID_MISMATCH
    if session.order is None and eid is not None:
        _attach(means, work, session, eid)
    return response, 0


def _expanded(means: Means, work: Work, session: Session, response: bytes, now: float) -> bytes:
    facts = work.facts(session.eid or "")
    info2 = bytes.fromhex(facts.info2) or None
    signed1 = session.initiated.server_signed1
    pairs: list[tuple[bytes, bytes] | None] = [
        (bytes.fromhex(euicc), bytes.fromhex(eum)) for euicc, eum in facts.certificates
    ]
    expanded = [
        expand_authentication(response, signed1, Known(info2, pair, session.context))
        for pair in pairs or [None]
    ]
    for full in expanded:
        eid = session.eid or _holder(elements(elements(full)[0])[2]) or ""
        if policy.signs_itself(means.trust, eid, full, now):
            return full
    if means.rules.on("EIM.COMPACT-SIGNATURE"):
        raise NotAsn1("what is rebuilt from the compact form does not verify")
    return expanded[0]


def _attach(means: Means, work: Work, session: Session, eid: str) -> None:
    """Tie a session that named no order to the download order of its eUICC."""
    session.eid = eid
    for name in work.queue(eid):
        order = work.order(name)
        if order is None or order.kind is not Kind.DOWNLOAD:
            continue
        wanted = server_of(target_in(order), work.facts(eid))
        if wanted.lower() == session.client.server.lower():
            means.begin(session, order.id)
            return


def _holder(der: bytes) -> str | None:
    try:
        return read_certificate(der).serial_number
    except CryptoError as error:
        raise NotAsn1(str(error)) from None


def _learn(means: Means, session: Session, response: bytes) -> None:
    """Keep what the server has found genuine: certificates and EUICCInfo2."""
    (inside,) = elements(response)[:1]
    if session.eid is None or wire.tag_of(inside) != "A0":
        return
    signed1, _, euicc, eum = elements(inside)[:4]
    work = Work(means.store)
    facts = work.facts(session.eid)
    pair = (euicc.hex(), eum.hex())
    kept = facts.certificates if pair in facts.certificates else (*facts.certificates, pair)
    info2 = parts(signed1)["BF22"].hex()
    known = replace(facts, certificates=kept[-_CERTIFICATES:], info2=info2)
    if known != facts:
        work.save_facts(session.eid, known)
        work.commit()


# --- what the server has answered ---


def _authenticated(means: Means, session: Session, answer: es9.Authenticated) -> m.Answer:
    work = Work(means.store)
    facts = work.facts(session.eid or "")
    order = work.order(session.order or "")
    try:
        read = codec.load(f"SGP.32@{means.setup.version}")
        session.metadata = wire.read(read, "StoreMetadataRequest", answer.profile_metadata)
    except NotAsn1 as error:
        means.journal(m.ACL, str(error))
        return means.failed(m.ACL, codes.UNDEFINED)
    session.authenticated = answer
    if not allows(facts.rat, session.metadata) and means.rules.on("EIM.PPR"):
        # the IPA cancels the session, which only the eUICC can sign
        means.journal("EIM.PPR", "the rules of the eUICC do not allow those of the profile")
        return means.failed(m.ACL, codes.PPR_NOT_ALLOWED)
    if order is not None and order.code is not None:
        code = bytes.fromhex(order.code)
        session.hash_cc = confirmation.hash_cc(code, session.transaction_id)
    features = facts.features or ()
    compact = COMPACT in features
    return m.Authenticated(
        answer.smdp_signed2,
        answer.smdp_signature2,
        answer.certificate,
        None if compact else session.transaction_id,
        None if compact and EIM_METADATA in features else answer.profile_metadata,
        session.hash_cc,
    )


def _event(means: Means, session: Session, answer: es9.AuthenticatedEvents) -> m.Answer:
    """Turn the first event of an SM-DS into the trigger of a download. SGP.32 §3.9.2.2."""
    session.ended = True
    work = Work(means.store)
    order = work.order(session.order or "")
    if not answer.events:
        means.fail(session, "the SM-DS has no event")
        return m.AuthenticatedEvent(session.transaction_id)
    if order is not None and order.cascades >= _CASCADES and means.rules.on("EIM.CASCADE"):
        means.fail(session, "one SM-DS leads to another without end")
        return means.failed(m.ACL, codes.UNDEFINED)
    first = answer.events[0]
    target = Target(first.address, first.event_id)
    transaction = None
    if order is not None:
        download = Download(smdp=first.address, matching_id=first.event_id, indirect=True)
        # asked again, the order leads to the server of the event
        told = (to_members(download),)
        cascades = order.cascades + 1
        led = replace(order, state=State.SENT, operations=told, package=None, cascades=cascades)
        work.save(led)
        work.commit()
        transaction = order.transaction
    return m.AuthenticatedEvent(session.transaction_id, trigger(target, transaction, True))
