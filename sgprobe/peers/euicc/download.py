"""PrepareDownload: the certificate for binding, the confirmation code, the one-time key. §5.7.5."""

from __future__ import annotations

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.crypto import keys
from sgprobe.crypto.certificates import same_oid
from sgprobe.crypto.keys import Curve, PrivateKey
from sgprobe.crypto.signing import EUICC_SIGNATURE2, SMDP_SIGNATURE2
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc.authentication import crls
from sgprobe.peers.euicc.dialect import faults
from sgprobe.peers.euicc.records import OneTimeKey
from sgprobe.peers.euicc.session import Agreed, Server
from sgprobe.peers.euicc.status import BAD_DATA
from sgprobe.peers.euicc.trust import Verdict
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import inner

# SGP.22, DownloadErrorCode
_BAD_CERTIFICATE, _BAD_SIGNATURE, _BAD_CURVE, _NO_SESSION, _BAD_TRANSACTION = range(1, 6)
_UNDEFINED = 127
_ROLES = ("dppb",)


def prepare(turn: Turn, raw: bytes) -> bytes:
    """ES10b.PrepareDownload."""
    decoded = turn.chip.dialect.decode("PrepareDownloadRequest", raw)
    value = decoded.value if isinstance(decoded.value, dict) else {}
    signed2 = value.get("smdpSigned2")
    transaction = signed2.get("transactionId") if isinstance(signed2, dict) else None
    if not isinstance(transaction, str) or not 1 <= len(transaction) // 2 <= 16:
        # the error has a mandatory transaction, and there is none
        raise CardFailure(BAD_DATA)
    if faults(decoded):
        return _error(turn, transaction, _UNDEFINED)
    signed_raw, signature = inner(raw)[:2]
    server = turn.session.server
    certificate = bytes.fromhex(value["smdpCertificate"])
    verdict = turn.chip.trust.judge(certificate, _ROLES, crls(turn))
    code = _refusal(turn, value, signed_raw, signature, verdict)
    if code or server is None or verdict is None:
        return _error(turn, transaction, code or _UNDEFINED)
    kept = _one_time_key(turn, server, value["smdpSigned2"].get("bppEuiccOtpk"))
    pair = _pair(kept)
    turn.session.agreed = Agreed(verdict.certificate, pair, bytes.fromhex(kept.point))
    turn.session.loader = None
    signed: Value = {"transactionId": transaction, "euiccOtpk": kept.point}
    if "hashCc" in value:
        signed["hashCc"] = value["hashCc"]
    data = turn.chip.dialect.encode("EUICCSigned2", signed)
    # euiccSignature2 also covers the server's signature
    return tlv("BF21", tlv("A0", data, EUICC_SIGNATURE2.sign(server.identity.key, data, signature)))


def _refusal(
    turn: Turn, value: Value, signed_raw: bytes, signature: bytes, verdict: Verdict | None
) -> int:
    server = turn.session.server
    none = server is None or server.role != "dpauth"
    if turn.broken("EUICC.PREPARE-SESSION", none):
        return _NO_SESSION
    if server is None:
        # without the rule there is no transaction that this could be
        return _BAD_TRANSACTION
    signed2 = value["smdpSigned2"]
    other = signed2["transactionId"] != server.transaction.hex()
    if turn.broken("EUICC.PREPARE-TRANSACTION", other):
        return _BAD_TRANSACTION
    if verdict is None or verdict.certificate.public_key is None:
        return _BAD_CERTIFICATE if verdict is None else _BAD_CURVE
    if turn.broken("EUICC.PREPARE-CURVE", verdict.bad_curve):
        return _BAD_CURVE
    if turn.broken("EUICC.PREPARE-CERTIFICATE", verdict.bad or verdict.ci_unknown):
        return _BAD_CERTIFICATE
    if turn.broken("EUICC.PREPARE-REVOKED", verdict.revoked):
        return _BAD_CERTIFICATE
    if turn.broken("EUICC.PREPARE-ROLE", verdict.bad_role):
        return _BAD_CERTIFICATE
    if turn.broken("EUICC.PREPARE-OID", not same_oid(server.certificate, verdict.certificate)):
        return _BAD_CERTIFICATE
    key = verdict.certificate.public_key
    bad = not SMDP_SIGNATURE2.verify(key, signature, signed_raw, server.signature1)
    if turn.broken("EUICC.PREPARE-SIGNATURE", bad):
        return _BAD_SIGNATURE
    missing = bool(signed2["ccRequiredFlag"]) and "hashCc" not in value
    if turn.broken("EUICC.CONFIRMATION-CODE", missing):
        return _UNDEFINED
    return 0


def _one_time_key(turn: Turn, server: Server, wanted: str | None) -> OneTimeKey:
    """Return the key of an earlier try if the server asks for it, else a new one."""
    kept = sorted(turn.draft.all(OneTimeKey), key=lambda one: one.place)
    for one in kept:
        if one.point == wanted and one.smdp == server.oid:
            return one
    curve = server.certificate.curve or Curve.P256
    seed = turn.chip.random.randbytes(32).hex()
    place = kept[-1].place + 1 if kept else 1
    new = OneTimeKey("", seed, str(curve), server.oid, place)
    made = OneTimeKey(keys.point(_pair(new)).hex(), seed, str(curve), server.oid, place)
    turn.draft.put(made)
    for old in kept[: len(kept) + 1 - turn.chip.config.limits.one_time_keys]:
        turn.draft.remove(old)
    return made


def _pair(kept: OneTimeKey) -> PrivateKey:
    return keys.derive_key(kept.seed, "otSK.EUICC", Curve(kept.curve))


def _error(turn: Turn, transaction: str, code: int) -> bytes:
    error = {"transactionId": transaction, "downloadErrorCode": code}
    return turn.chip.dialect.encode("PrepareDownloadResponse", {"downloadResponseError": error})
