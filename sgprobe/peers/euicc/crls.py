"""LoadCRL: base and partial revocation lists of the CIs. SGP.22 §4.6, §5.7.12."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.crypto import rules as path_rules
from sgprobe.crypto.chain import Anchor
from sgprobe.crypto.crl import Crl, check_crl, read_crl
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.rules import Outcome
from sgprobe.peers.euicc.records import Revocation
from sgprobe.peers.euicc.turn import Turn

_BAD_SIGNATURE, _BAD_FORMAT, _NO_MEMORY, _NO_KEY, _OLDER, _NO_BASE = range(1, 7)
_MAX_PARTS = 10_000


def load(turn: Turn, value: Value) -> Value:
    """ES10b.LoadCRL; no date is checked, for an eUICC has no clock."""
    try:
        crl = read_crl(bytes.fromhex(value["crl"]))
    except CertificateError:
        return {"loadCRLResponseError": _BAD_FORMAT}
    anchor = _signer(turn, crl)
    if turn.broken("EUICC.CRL-KEY", anchor is None):
        return {"loadCRLResponseError": _NO_KEY}
    if anchor is None:
        # nobody's: there is no certificate that it could revoke
        return {"loadCRLResponseOk": {}}
    code = _refusal(turn, crl, anchor)
    if code:
        return {"loadCRLResponseError": code}
    ci = anchor.ski.hex()
    part = crl.partial_number or 0
    if part == 0:
        # a new base list ends the life of the parts of the old one
        for old in turn.draft.all(Revocation):
            if old.ci == ci:
                turn.draft.remove(old)
    turn.draft.put(Revocation(ci, part, crl.der.hex()))
    missing = _missing(turn, ci)
    return {"loadCRLResponseOk": {"missingParts": missing} if missing else {}}


def _signer(turn: Turn, crl: Crl) -> Anchor | None:
    for anchor in turn.chip.ecasd.anchors:
        if crl.aki == anchor.ski:
            return anchor
        known = anchor.certificate
        if crl.aki is None and known is not None and known.subject == crl.issuer:
            return anchor
    return None


def _refusal(turn: Turn, crl: Crl, anchor: Anchor) -> int:
    checks = check_crl(crl, anchor.spki, None, None)
    failed = {one.rule for one in checks if one.outcome is Outcome.FAILED}
    if turn.broken("EUICC.CRL-SIGNATURE", path_rules.CRL_SIGNATURE.name in failed):
        return _BAD_SIGNATURE
    part = crl.partial_number or 0
    if path_rules.CRITICAL.name in failed or crl.number is None or not 0 <= part <= _MAX_PARTS:
        return _BAD_FORMAT
    ci = anchor.ski.hex()
    base = _kept(turn, ci, 0)
    if turn.broken("EUICC.CRL-BASE", part > 0 and base is None):
        return _NO_BASE
    old = _kept(turn, ci, part)
    older = old is not None and old.number is not None and crl.number < old.number
    if turn.broken("EUICC.CRL-FRESH", older):
        return _OLDER
    taken = sum(
        len(one.der) // 2 for one in turn.draft.all(Revocation) if one.key != f"{ci}/{part:05d}"
    )
    full = taken + len(crl.der) > turn.chip.config.limits.crls
    if turn.broken("EUICC.CRL-MEMORY", full):
        return _NO_MEMORY
    return 0


def _kept(turn: Turn, ci: str, part: int) -> Crl | None:
    found = turn.draft.find(Revocation, f"{ci}/{part:05d}")
    return None if found is None else read_crl(bytes.fromhex(found.der))


def _missing(turn: Turn, ci: str) -> list[int]:
    """Return the numbers of the partial lists that the base list announces and nobody loaded."""
    base = _kept(turn, ci, 0)
    total = min((base.total_partials or 0) if base is not None else 0, _MAX_PARTS)
    there = {one.part for one in turn.draft.all(Revocation) if one.ci == ci}
    return [number for number in range(1, total + 1) if number not in there]
