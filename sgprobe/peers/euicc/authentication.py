"""Mutual authentication: challenge, AuthenticateServer, CancelSession. SGP.22 §5.7.7, §5.7.13."""

from __future__ import annotations

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import read_tlv, tlv
from sgprobe.crypto.signing import (
    EUICC_CANCEL_SESSION_SIGNATURE,
    EUICC_SIGNATURE1,
    SERVER_SIGNATURE1,
)
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc import info, installation
from sgprobe.peers.euicc.dialect import faults
from sgprobe.peers.euicc.records import Revocation
from sgprobe.peers.euicc.session import Server
from sgprobe.peers.euicc.status import BAD_DATA
from sgprobe.peers.euicc.trust import Verdict
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import inner

# SGP.22, AuthenticateErrorCode
_BAD_CERTIFICATE, _BAD_SIGNATURE, _BAD_CURVE, _NO_SESSION, _BAD_OID, _BAD_CHALLENGE = range(1, 7)
_CI_UNKNOWN, _UNDEFINED = 7, 127
# CancelSessionResponse
_INVALID_TRANSACTION = 5

# ctxParams1 of AuthenticateServerRequest
_CONTEXT = b"\xa0"

CHALLENGE_OCTETS = 16
ROLES = ("dpauth", "dsauth")


def challenge(turn: Turn, value: Value) -> Value:
    """ES10b.GetEUICCChallenge: a new one, good for one authentication."""
    turn.session.challenge = turn.chip.random.randbytes(CHALLENGE_OCTETS)
    return {"euiccChallenge": turn.session.challenge.hex()}


def crls(turn: Turn) -> tuple[str, ...]:
    """Return the CRLs that were loaded."""
    return tuple(one.der for one in turn.draft.all(Revocation))


def authenticate(turn: Turn, raw: bytes) -> bytes:
    """ES10b.AuthenticateServer."""
    decoded = turn.chip.dialect.decode("AuthenticateServerRequest", raw)
    value = decoded.value if isinstance(decoded.value, dict) else {}
    signed1 = value.get("serverSigned1")
    transaction = signed1.get("transactionId") if isinstance(signed1, dict) else None
    if not isinstance(transaction, str) or not 1 <= len(transaction) // 2 <= 16:
        # the error has a mandatory transaction, and there is none
        raise CardFailure(BAD_DATA)
    if faults(decoded):
        return _error(turn, transaction, _UNDEFINED)
    # SGP.22 §5.7.13: what was signed is verified as it came
    signed_raw, signature = inner(raw)[:2]
    certificate = bytes.fromhex(value["serverCertificate"])
    verdict = turn.chip.trust.judge(certificate, ROLES, crls(turn))
    code = _refusal(turn, value, signed_raw, signature, verdict)
    if code or verdict is None:
        return _error(turn, transaction, code or _BAD_CERTIFICATE)
    return _accept(turn, value, raw, signed_raw, verdict)


def _refusal(
    turn: Turn, value: Value, signed_raw: bytes, signature: bytes, verdict: Verdict | None
) -> int:
    session = turn.session
    signed1 = value["serverSigned1"]
    if turn.broken("EUICC.SESSION", session.challenge is None):
        return _NO_SESSION
    known = turn.chip.ecasd.identity(bytes.fromhex(value["euiccCiPKIdToBeUsed"]))
    if turn.broken("EUICC.CI-KEY", known is None):
        return _CI_UNKNOWN
    if verdict is None or verdict.certificate.public_key is None:
        return _BAD_CERTIFICATE if verdict is None else _BAD_CURVE
    if turn.broken("EUICC.SERVER-CURVE", verdict.bad_curve):
        return _BAD_CURVE
    if turn.broken("EUICC.SERVER-CI", verdict.ci_unknown):
        return _CI_UNKNOWN
    if turn.broken("EUICC.SERVER-CERTIFICATE", verdict.bad):
        return _BAD_CERTIFICATE
    if turn.broken("EUICC.SERVER-REVOKED", verdict.revoked):
        return _BAD_CERTIFICATE
    if turn.broken("EUICC.SERVER-ROLE", verdict.bad_role):
        return _BAD_OID
    key = verdict.certificate.public_key
    bad = not SERVER_SIGNATURE1.verify(key, signature, signed_raw)
    if turn.broken("EUICC.SERVER-SIGNATURE", bad):
        return _BAD_SIGNATURE
    expected = session.challenge.hex() if session.challenge is not None else None
    other = expected is not None and signed1["euiccChallenge"] != expected
    if turn.broken("EUICC.CHALLENGE", other):
        return _BAD_CHALLENGE
    return 0


def _accept(turn: Turn, value: Value, raw: bytes, signed_raw: bytes, verdict: Verdict) -> bytes:
    dialect = turn.chip.dialect
    ecasd = turn.chip.ecasd
    wanted = bytes.fromhex(value["euiccCiPKIdToBeUsed"])
    identity = ecasd.identity(wanted) or ecasd.identities[0]
    # id, address and challenge are echoed as they came, and so is ctxParams1
    came = {read_tlv(part).tag: part for part in inner(signed_raw)}
    (context,) = (part for part in inner(raw) if part[:1] == _CONTEXT)
    about = dialect.encode("EUICCInfo2", info.info2(turn, {}))
    data = tlv("30", came[b"\x80"], came[b"\x83"], came[b"\x84"], about, context)
    signature1 = EUICC_SIGNATURE1.sign(identity.key, data)
    installation.interrupted(turn)
    turn.session.forget_server()
    turn.session.fresh = None
    # SGP.22 §5.7.13: a challenge serves one authentication
    turn.session.challenge = None
    turn.session.server = Server(
        bytes.fromhex(value["serverSigned1"]["transactionId"]),
        value["serverSigned1"]["serverAddress"],
        verdict.certificate,
        verdict.role,
        identity,
        signature1,
    )
    shown = (identity.certificate.der, identity.eum.der)
    return tlv("BF38", tlv("A0", data, signature1, *shown))


def _error(turn: Turn, transaction: str, code: int) -> bytes:
    error = {"transactionId": transaction, "authenticateErrorCode": code}
    answer = {"authenticateResponseError": error}
    return turn.chip.dialect.encode("AuthenticateServerResponse", answer)


def cancel(turn: Turn, value: Value) -> Value | bytes:
    """ES10b.CancelSession: the session ends, and the server gets a signed word. SGP.22 §5.7.14."""
    server = turn.session.server
    transaction = value["transactionId"]
    other = server is None or server.transaction.hex() != transaction
    if turn.broken("EUICC.CANCEL-TRANSACTION", other) or server is None:
        return {"cancelSessionResponseError": _INVALID_TRANSACTION}
    signed = {"transactionId": transaction, "smdpOid": server.oid, "reason": value["reason"]}
    data = turn.chip.dialect.encode("EuiccCancelSessionSigned", signed)
    signature = EUICC_CANCEL_SESSION_SIGNATURE.sign(server.identity.key, data)
    installation.abandoned(turn)
    turn.session.forget_server()
    return tlv("BF41", tlv("A0", data, signature))
