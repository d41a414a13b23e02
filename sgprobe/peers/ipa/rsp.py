"""The eUICC's part of a download, as procedures over ES10b. SGP.22 §5.7.5, §5.7.6, §5.7.13."""

from __future__ import annotations

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.peers.effects import Card, Procedure
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import integer, optional
from sgprobe.peers.ipa.es10 import CardFault, Es10

# CancelSessionReason
REASONS = {
    "endUserRejection": 0,
    "postponed": 1,
    "timeout": 2,
    "pprNotAllowed": 3,
    "metadataMismatch": 4,
    "loadBppExecutionError": 5,
    "undefinedReason": 127,
}


def challenge(es10: Es10) -> Procedure[bytes]:
    """GetEUICCChallenge."""
    value = yield from es10.call("GetEuiccChallenge", {})
    return bytes.fromhex(value["euiccChallenge"])


def rat(es10: Es10) -> Procedure[Value]:
    """GetRAT."""
    value = yield from es10.call("GetRat", {})
    return value["rat"]


def authenticate(
    es10: Es10, initiated: m.Initiated, ci_key_id: bytes, context: bytes
) -> Procedure[bytes]:
    """AuthenticateServer with what the server has signed; `context` is CtxParams1."""
    command = tlv(
        "BF38",
        initiated.signed1,
        initiated.signature1,
        tlv("04", ci_key_id),
        initiated.certificate,
        context,
    )
    return (yield from es10.raw(command, "BF38", "AuthenticateServerResponse"))


def prepare(es10: Es10, answer: m.Authenticated, hash_cc: bytes | None) -> Procedure[bytes]:
    """PrepareDownload with what the SM-DP+ has signed."""
    code = optional("04", hash_cc)
    command = tlv("BF21", answer.signed2, answer.signature2, code, answer.certificate)
    return (yield from es10.raw(command, "BF21", "PrepareDownloadResponse"))


def cancel(es10: Es10, transaction_id: bytes, reason: str) -> Procedure[bytes]:
    """CancelSession."""
    command = tlv("BF41", tlv("80", transaction_id), integer("81", REASONS[reason]))
    return (yield from es10.raw(command, "BF41", "CancelSessionResponse"))


def load(es10: Es10, segments: list[bytes]) -> Procedure[bytes]:
    """LoadBoundProfilePackage, chain by chain, until the eUICC answers with its result (BF37)."""
    for segment in segments:
        answer: bytes = yield Card(segment)
        if answer:
            es10.read("ProfileInstallationResult", answer)
            return answer
    raise CardFault("the eUICC has taken the whole package and says nothing")
