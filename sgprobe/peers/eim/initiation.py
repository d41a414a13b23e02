"""InitiateAuthentication: a session with the server that the order, or the IPA, names. §5.14.1."""

from __future__ import annotations

from dissectors.asn1.tlv import tlv
from sgprobe.crypto.errors import CertificateError
from sgprobe.peers.effects import LinkFailure, Now, Procedure
from sgprobe.peers.eim.forms import from_members
from sgprobe.peers.eim.means import COMPACT, EIM_CONTEXT, EIM_DATA, Means
from sgprobe.peers.eim.operations import Download
from sgprobe.peers.eim.records import Facts, Kind, Order
from sgprobe.peers.eim.servers import client_of
from sgprobe.peers.eim.sessions import Session, digest_of
from sgprobe.peers.eim.targets import Target, target_of
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9client import Es9Client, ServerFault, ServerRefusal
from sgprobe.peers.esipa import codes
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import contents, elements, parts, retag
from sgprobe.peers.server_identity import TLS_OID, differs

_INVALID_ADDRESS = 1
# a CI key id is not cut shorter than this
_SHORTEST_ID = 4


def initiate(means: Means, request: m.InitiateAuthentication) -> Procedure[m.Answer]:
    """Begin a session; the same request again gets the same answer."""
    now = yield Now()
    digest = digest_of(request.challenge, request.address, request.eim_transaction_id)
    return (yield from means.sessions.begin(digest, now, lambda: _initiate(means, request, now)))


def _initiate(means: Means, request: m.InitiateAuthentication, now: float) -> Procedure[m.Answer]:
    work = Work(means.store)
    order = _ordered(means, work, request)
    if isinstance(order, m.Failed):
        return order
    facts = Facts() if order is None else work.facts(order.eid)
    target = None if order is None else target_in(order)
    address = request.address or (server_of(target, facts) if target is not None else "")
    if not address:
        return means.failed(m.IAU, _INVALID_ADDRESS)
    info1 = request.info1 or bytes.fromhex(facts.info1)
    if not info1:
        return means.failed(m.IAU, codes.UNDEFINED)
    client = client_of(means.setup, address)
    oid = None if target is None else target.oid
    try:
        initiated = yield from means.patiently(
            lambda: client.initiate_authentication(request.challenge, info1, oid)
        )
        _check_tls(means, client, initiated.certificate)
    except (ServerRefusal, ServerFault, LinkFailure) as error:
        return means.refused(m.IAU, None, error)
    session = Session(initiated.transaction_id, client, initiated, now)
    answer = _begin(means, session, order, target, facts, info1)
    means.sessions.add(session)
    return answer


def _check_tls(means: Means, client: Es9Client, certificate: bytes) -> None:
    """Compare the certificate seen in TLS with the one that the server signs with.

    An eUICC takes both roles: that an SM-DP+ answers in the place of an SM-DS shows here alone.
    """
    seen = means.tls_certificate(client.address)
    try:
        broken = differs(seen, certificate, client.server) if seen is not None else ()
    except CertificateError as error:
        raise ServerFault(m.IAU, str(error), "EIM.TLS-OID") from None
    if TLS_OID in broken and means.rules.on("EIM.TLS-OID"):
        raise ServerFault(m.IAU, "another OID than in TLS", "EIM.TLS-OID")


def _ordered(
    means: Means, work: Work, request: m.InitiateAuthentication
) -> Order | m.Failed | None:
    """Return the download order that the IPA names, None where it names none."""
    if request.eim_transaction_id is None:
        return None
    order = work.by_transaction(request.eim_transaction_id)
    good = order is not None and order.kind is Kind.DOWNLOAD and order.open
    if not good and means.rules.on("EIM.TRIGGER-KNOWN"):
        return means.failed(m.IAU, codes.UNKNOWN_TRIGGER)
    return order if good else None


def _begin(
    means: Means,
    session: Session,
    order: Order | None,
    target: Target | None,
    facts: Facts,
    info1: bytes,
) -> m.Initiated:
    features = facts.features or ()
    matching_id = None
    if order is not None and target is not None:
        session.eid = order.eid
        means.begin(session, order.id)
        if EIM_DATA in features:
            matching_id = target.matching_id
        if EIM_CONTEXT in features and facts.device_info:
            device_info = retag(bytes.fromhex(facts.device_info), "A1")
            session.context = tlv("A0", tlv("80", target.matching_id.encode()), device_info)
    initiated = session.initiated
    key_id = contents(initiated.ci_key_id)
    compact = COMPACT in features
    return m.Initiated(
        initiated.server_signed1,
        initiated.server_signature1,
        _shortened(key_id, info1) if compact else key_id,
        initiated.certificate,
        None if compact else initiated.transaction_id,
        matching_id,
        session.context,
    )


def target_in(order: Order) -> Target:
    """Return where a download order leads."""
    download = from_members(order.operations[0])
    assert isinstance(download, Download)
    return target_of(download)


def server_of(target: Target, facts: Facts) -> str:
    """Return the address of the server to ask, "" where nobody knows it."""
    if target.smds is not None:
        return target.smds or facts.root_smds
    return target.smdp or facts.default_smdp


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
