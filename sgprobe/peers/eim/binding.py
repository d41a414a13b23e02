"""GetBoundProfilePackage and CancelSession of an indirect download. SGP.32 §5.14.2, §5.14.8."""

from __future__ import annotations

from sgprobe.peers.effects import LinkFailure, Now, Procedure
from sgprobe.peers.eim import policy
from sgprobe.peers.eim.means import COMPACT, Means
from sgprobe.peers.eim.sessions import Session, digest_of, once
from sgprobe.peers.eim.work import DOWNLOAD, Work
from sgprobe.peers.es9 import messages as es9
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.esipa import codes
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.bound import metadata_of
from sgprobe.peers.esipa.compact import expand_cancellation, expand_preparation, is_compact
from sgprobe.peers.esipa.profile import oid_element
from sgprobe.peers.esipa.wire import contents, parts

_BAD_SIGNATURE = {m.GBP: 1, m.CAN: 2}
# what is kept of the metadata until the result of the installation comes
_METADATA = (
    "iccid",
    "serviceProviderName",
    "profileName",
    "profileClass",
    "ecallIndication",
    "fallbackAllowed",
)


def bind(means: Means, request: m.GetBoundProfilePackage) -> Procedure[m.Answer]:
    """Fetch the bound package, and pass it on as it is."""
    now = yield Now()
    session = means.find(request.transaction_id, now)
    if session is None:
        return means.unknown(m.GBP)
    digest = digest_of(request.response)
    return (
        yield from once(
            session, m.GBP, digest, lambda: _bind(means, session, request.response, now)
        )
    )


def _bind(means: Means, session: Session, response: bytes, now: float) -> Procedure[m.Answer]:
    announced = session.authenticated
    if session.ended or announced is None:
        return means.unknown(m.GBP)
    try:
        if is_compact(response):
            response = _expanded(means, session, announced, response, now)
    except (NotAsn1, KeyError, IndexError) as error:
        return _unreadable(means, m.GBP, error)
    try:
        bound = yield from means.patiently(
            lambda: session.client.get_bound_profile_package(session.transaction_id, response)
        )
    except (ServerRefusal, ServerFault, LinkFailure) as error:
        return means.refused(m.GBP, session, error)
    try:
        same = metadata_of(bound.package) == announced.profile_metadata
    except NotAsn1 as error:
        means.journal(m.GBP, str(error)[:200])
        return means.failed(m.GBP, codes.UNDEFINED)
    if not same and means.rules.on("EIM.METADATA"):
        means.journal("EIM.METADATA", "the package holds other metadata than was announced")
        return means.failed(m.GBP, codes.METADATA_MISMATCH)
    _remember(means, session, announced)
    compact = COMPACT in (Work(means.store).facts(session.eid or "").features or ())
    return m.Bound(bound.package, None if compact else session.transaction_id)


def _unreadable(means: Means, name: str, error: Exception) -> m.Failed:
    means.journal(name, str(error)[:200])
    return means.failed(name, _BAD_SIGNATURE[name])


def _expanded(
    means: Means, session: Session, announced: es9.Authenticated, response: bytes, now: float
) -> bytes:
    offered = parts(announced.smdp_signed2).get("5F49")
    key = None if offered is None else contents(offered)
    full = expand_preparation(response, session.transaction_id, key, session.hash_cc)
    eid = session.eid or ""
    facts = Work(means.store).facts(eid)
    signature2 = announced.smdp_signature2
    good = policy.signs_preparation(means.trust, eid, facts, full, signature2, now)
    if not good and means.rules.on("EIM.COMPACT-SIGNATURE"):
        raise NotAsn1("what is rebuilt from the compact form does not verify")
    return full


def _remember(means: Means, session: Session, announced: es9.Authenticated) -> None:
    """Keep what the result of the installation is compared with, or rebuilt from."""
    work = Work(means.store)
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


def cancel(means: Means, request: m.CancelSession) -> Procedure[m.Answer]:
    """Pass the cancellation on; the order has failed."""
    now = yield Now()
    session = means.find(request.transaction_id, now)
    if session is None:
        return means.unknown(m.CAN)
    digest = digest_of(request.response)
    return (
        yield from once(session, m.CAN, digest, lambda: _cancel(means, session, request.response))
    )


def _cancel(means: Means, session: Session, response: bytes) -> Procedure[m.Answer]:
    if session.ended:
        return means.unknown(m.CAN)
    try:
        if is_compact(response):
            oid = oid_element(session.initiated.certificate)
            response = expand_cancellation(response, session.transaction_id, oid)
    except (NotAsn1, KeyError, IndexError) as error:
        return _unreadable(means, m.CAN, error)
    try:
        yield from means.patiently(
            lambda: session.client.cancel_session(session.transaction_id, response)
        )
    except (ServerRefusal, ServerFault, LinkFailure) as error:
        return means.refused(m.CAN, None, error)
    session.ended = True
    means.fail(session, f"cancelled by the IPA: reason {policy.reason_of(response)}")
    return m.Done()
