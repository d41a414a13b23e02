"""The load context (FF41): checked in the order of RB-20, then the key is reserved."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto import keys
from sgprobe.crypto import rules as path_rules
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.chain import Need, Report, verify
from sgprobe.crypto.crl import read_crl
from sgprobe.crypto.errors import CertificateError, KeyFormatError
from sgprobe.crypto.ifpp_keys import SPEC, Hybrid, Suite, signed_part
from sgprobe.peers.euicc import installation, memory
from sgprobe.peers.euicc.authentication import crls
from sgprobe.peers.euicc.dialect import faults
from sgprobe.peers.euicc.factory_records import (
    CONSUMED,
    DELETED,
    RESERVED,
    Factory,
    FactoryKey,
    FactoryResult,
)
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.euicc.session import Agreed, FactoryLoad, Server
from sgprobe.peers.euicc.turn import Turn

_ROLE = "dppb"
# checks of the CRLs themselves are made when they are loaded
_OF_CRLS = "CRL."
_TOLD_APART = {
    path_rules.ANCHOR.name,
    path_rules.ROLE.name,
    path_rules.REVOCATION.name,
}


class ContextRefused(Exception):
    """The first check that fails; `code` is an IfppErrorCode."""

    def __init__(self, code: str) -> None:
        super().__init__(f"load context refused: {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class _Accepted:
    """What the checks have found: the key, who binds, and the KEM's secret."""

    key: FactoryKey
    certificate: Certificate
    private: keys.PrivateKey
    point: bytes
    hybrid: Hybrid | None


def load_context(turn: Turn, factory: Factory, raw: bytes) -> Value:
    """ES10f.IfppLoadContext: the answer as an IfppLoadContextResponse."""
    decoded = codec.load(SPEC).decode("IfppLoadContextRequest", raw)
    if faults(decoded):
        return {"error": {"code": "malformed"}}
    tbs = decoded.value["tbs"]
    try:
        accepted = _check(turn, factory, decoded.value, raw)
    except ContextRefused as refused:
        return {"error": {"transactionId": tbs["transactionId"], "code": refused.code}}
    resumed = accepted.key.state == RESERVED
    _open(turn, tbs, accepted)
    return {"ok": {"transactionId": tbs["transactionId"], "resumed": resumed}}


def _check(turn: Turn, factory: Factory, value: Value, raw: bytes) -> _Accepted:
    tbs = value["tbs"]
    _refuse(turn, "EUICC.IFPP-VERSION", tbs["bindingVersion"] != "v0", "malformed")
    _refuse(turn, "EUICC.IFPP-EID", tbs["eid"] != turn.chip.ecasd.eid.hex(), "eidMismatch")
    suite = _suite(tbs["suite"])
    unknown = suite is None or suite not in factory.suites
    _refuse(turn, "EUICC.IFPP-SUITE", unknown, "unsupportedSuite")
    key = _key(turn, tbs)
    _refuse(turn, "EUICC.IFPP-KEY-SUITE", key.suite != suite, "unsupportedSuite")
    certificate, others = _certificate(turn, value)
    _oid(turn, factory, tbs, certificate)
    _signatures(turn, value, raw, certificate, others)
    there = turn.draft.find(Profile, tbs["iccid"]) is not None
    ciphertext = bytes.fromhex(tbs.get("kemCiphertext", ""))
    expected = quantum.KEM_CIPHERTEXT if Suite(key.suite).hybrid else 0
    _refuse(turn, "EUICC.IFPP-KEM-LENGTH", len(ciphertext) != expected, "kemCiphertextInvalid")
    _refuse(turn, "EUICC.IFPP-ICCID-FREE", there, "iccidExists")
    _refuse(turn, "EUICC.IFPP-MEMORY", tbs["bppLength"] > memory.free(turn), "insufficientMemory")
    kept = turn.draft.all(FactoryResult)
    again = any(one.transaction == tbs["transactionId"] for one in kept)
    full = not again and len(kept) >= factory.results
    _refuse(turn, "EUICC.IFPP-RESULT-ROOM", full, "resultStoreFull")
    return _accepted(key, certificate, ciphertext)


def _refuse(turn: Turn, rule: str, condition: bool, code: str) -> None:
    if turn.broken(rule, condition):
        raise ContextRefused(code)


def _suite(label: Value) -> Suite | None:
    return next((one for one in Suite if one.label == label), None)


def _key(turn: Turn, tbs: Value) -> FactoryKey:
    key = turn.draft.find(FactoryKey, tbs["keyRef"])
    if key is None:
        _refuse(turn, "EUICC.IFPP-KEY-KNOWN", True, "unknownKeyRef")
        raise ContextRefused("undefinedError")
    _refuse(turn, "EUICC.IFPP-KEY-CONSUMED", key.state in (CONSUMED, DELETED), "otkConsumed")
    same = (key.transaction, key.digest) == (tbs["transactionId"], tbs["bppDigest"])
    _refuse(
        turn, "EUICC.IFPP-KEY-RESERVED", key.state == RESERVED and not same, "otkReservedForOther"
    )
    return key


def _certificate(turn: Turn, value: Value) -> tuple[Certificate, list[Certificate]]:
    """Return CERT.DPpb, if it may bind profiles, and the certificates after it."""
    try:
        leaf, *others = [read_certificate(bytes.fromhex(one)) for one in value["certificates"]]
    except (CertificateError, ValueError):
        # ValueError: there is none at all
        raise ContextRefused("invalidCertificate") from None
    report = _judge(turn, leaf, others)
    ci = report.anchor.ski.hex() if report.anchor is not None else None
    foreign = ci is None or ci != value["tbs"]["ciPkId"]
    _refuse(turn, "EUICC.IFPP-SERVER-CI", foreign, "certificateNotTrusted")
    failed = _failed(report)
    bad = bool(failed - _TOLD_APART)
    _refuse(turn, "EUICC.IFPP-SERVER-CERTIFICATE", bad, "invalidCertificate")
    revoked = path_rules.REVOCATION.name in failed
    _refuse(turn, "EUICC.IFPP-SERVER-REVOKED", revoked, "certificateRevoked")
    _refuse(turn, "EUICC.IFPP-SERVER-ROLE", path_rules.ROLE.name in failed, "invalidCertificate")
    return leaf, others


def _judge(turn: Turn, leaf: Certificate, others: list[Certificate]) -> Report:
    """Check a path; no date is, for an eUICC has no clock."""
    lists = [read_crl(bytes.fromhex(one)) for one in crls(turn)]
    return verify([leaf, *others], turn.chip.trust.anchors, Need(_ROLE), crls=lists)


def _failed(report: Report) -> set[str]:
    return {one.rule for one in report.failures if not one.rule.startswith(_OF_CRLS)}


def _oid(turn: Turn, factory: Factory, tbs: Value, certificate: Certificate) -> None:
    _refuse(turn, "EUICC.IFPP-SERVER-OID", certificate.oid != tbs["smdpfOid"], "invalidCertificate")
    stranger = factory.allowed is not None and certificate.oid not in factory.allowed
    _refuse(turn, "EUICC.IFPP-SERVER-ALLOWED", stranger, "smdpfNotAllowed")


def _signatures(
    turn: Turn, value: Value, raw: bytes, certificate: Certificate, others: list[Certificate]
) -> None:
    signed = signed_part(raw)
    key = certificate.public_key
    good = key is not None and keys.verify(key, bytes.fromhex(value["signature"]), signed)
    _refuse(turn, "EUICC.IFPP-SIGNATURE", not good, "invalidSignature")
    if value["tbs"]["suite"] == Suite.H1S.label:
        second = bytes.fromhex(value.get("pqSignature", ""))
        good = any(
            quantum.verify(one.spki, second, signed)
            for one in others
            if _is_quantum(turn, one, certificate, others)
        )
        _refuse(turn, "EUICC.IFPP-QUANTUM-SIGNATURE", not good, "invalidSignature")


def _is_quantum(
    turn: Turn, one: Certificate, certificate: Certificate, others: list[Certificate]
) -> bool:
    """Say whether a certificate gives the SM-DPf's ML-DSA key, and leads to a CI like CERT.DPpb."""
    if not quantum.is_signing_key(one.spki) or one.oid != certificate.oid:
        return False
    # its key is on no curve, and that alone may be wrong with it
    return not _failed(_judge(turn, one, others)) - {path_rules.CURVE.name}


def _accepted(key: FactoryKey, certificate: Certificate, ciphertext: bytes) -> _Accepted:
    pair = key.pair
    if pair is None or certificate.public_key is None:
        # the private half is gone, whatever the rules let pass
        raise ContextRefused("undefinedError")
    hybrid = None
    if pair.suite.hybrid:
        try:
            secret = pair.kem.decapsulate(ciphertext)
        except KeyFormatError:
            raise ContextRefused("undefinedError") from None
        hybrid = Hybrid.of(secret, pair.kem.public, ciphertext)
    private = pair.private
    return _Accepted(key, certificate, private, keys.point(private), hybrid)


def _open(turn: Turn, tbs: Value, accepted: _Accepted) -> None:
    """Reserve the key and let the package come."""
    key, session = accepted.key, turn.session
    if turn.chip.rules.on("EUICC.IFPP-RESERVE"):
        reserved = replace(
            key, state=RESERVED, transaction=tbs["transactionId"], digest=tbs["bppDigest"]
        )
        turn.draft.put(reserved)
    # a load that was under way ends here
    installation.interrupted(turn)
    session.forget_server()
    ecasd = turn.chip.ecasd
    identity = ecasd.identity(bytes.fromhex(tbs["ciPkId"])) or ecasd.identities[0]
    session.server = Server(
        bytes.fromhex(tbs["transactionId"]),
        turn.draft.settings.default_smdp,
        accepted.certificate,
        _ROLE,
        identity,
        b"",
    )
    session.agreed = Agreed(accepted.certificate, accepted.private, accepted.point, accepted.hybrid)
    session.factory = FactoryLoad(
        key.ref,
        tbs["iccid"],
        bytes.fromhex(tbs["bf23Digest"]),
        bytes.fromhex(tbs["bppDigest"]),
        tbs["bppLength"],
    )
