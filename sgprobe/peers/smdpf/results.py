"""What an eUICC says came of a load (BF37), and what it says it holds (FF45), both judged."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from dissectors.asn1 import codec
from dissectors.spec.identity import IdentityError, iccid_text
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_keys import SPEC, signed_part
from sgprobe.crypto.keys import PublicKey, verify
from sgprobe.crypto.signing import EUICC_SIGN_PIR
from sgprobe.peers.es9.asn1_binding import NotAsn1, Octets
from sgprobe.peers.rules import Rules
from sgprobe.peers.smdpf.records import Entry, Work

RSP = "SGP.22@2.5"
# SGP.22 §2.5.6: a load that ended so may be tried again with the same package
TEMPORARY = frozenset(
    {"installFailedDueToInsufficientMemoryForProfile", "installFailedDueToInterruption"}
)
_STATES = ("GetSignedIfppStateResponse", "DeleteOneTimeKeysResponse", "CloseFactoryPhaseResponse")
_LAST_COUNTER = 1 << 62


class Unproved(Exception):
    """A result or a state is not believed; `rule` is why."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Result:
    """A result that is believed: of which entry, and what came of it."""

    entry: Entry
    success: bool
    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Results:
    """Judges results and states under the certificates that are stored. RB-51."""

    rules: Rules
    oid: str

    def judge(self, work: Work, raw: bytes, expected: Entry | None = None) -> Result:
        """Return a result that is believed, or say why not; `expected` is the item's entry."""
        try:
            octets = Octets(codec.load(RSP), "ProfileInstallationResult", raw)
        except NotAsn1 as error:
            raise Unproved("RB-51", f"no result: {error}") from None
        data = octets.value["profileInstallationResultData"]
        entry = work.by_transaction(data["transactionId"].lower())
        if entry is None and not self.rules.on("SMDPF.RESULT-TRANSACTION"):
            entry = expected
        if entry is None:
            raise Unproved("SMDPF.RESULT-TRANSACTION", "no package has this transaction id")
        if data["smdpOid"] != self.oid and self.rules.on("SMDPF.RESULT-OID"):
            raise Unproved("SMDPF.RESULT-OID", f"smdpOid is {data['smdpOid']}")
        iccid = data["notificationMetadata"].get("iccid")
        if iccid is not None and _iccid(iccid) != entry.iccid and self.rules.on(
            "SMDPF.RESULT-ICCID"
        ):  # fmt: skip
            raise Unproved("SMDPF.RESULT-ICCID", "the ICCID is not the one bound")
        signed = octets.raw("profileInstallationResultData")
        key = _key(work, entry.eid)
        genuine = EUICC_SIGN_PIR.verify(key, octets.raw("euiccSignPIR"), signed)
        if not genuine and self.rules.on("SMDPF.RESULT-SIGNATURE"):
            raise Unproved("SMDPF.RESULT-SIGNATURE", "not signed by the eUICC of this package")
        kind, final = next(iter(data["finalResult"].items()))
        success = kind == "successResult"
        reason = "" if success else str(final["errorReason"])
        digest = hashlib.sha256(raw).hexdigest()
        return Result(entry, success, reason, digest)

    def removed(self, work: Work, raw: bytes, entry: Entry) -> int:
        """Return the counter of a signed state that proves the removal of a profile. USE-A4."""
        tbs, signature, covered = _state(raw)
        if tbs["eid"] != entry.eid:
            raise Unproved("SMDPF.ITEM-NAMES", "the state is of another eUICC")
        genuine = verify(_key(work, entry.eid), signature, covered)
        if not genuine and self.rules.on("SMDPF.REMOVAL-PROOF"):
            raise Unproved("SMDPF.REMOVAL-PROOF", "the state is not signed by this eUICC")
        data = work.euicc(entry.eid)
        counter: int = min(tbs["stateCounter"], _LAST_COUNTER)
        older = data is not None and counter < data.counter
        if older and self.rules.on("SMDPF.REMOVAL-NEWER"):
            raise Unproved("SMDPF.REMOVAL-NEWER", "a later state is known")
        held = {_iccid(one["iccid"]) for one in tbs["profiles"]}
        if entry.iccid in held and self.rules.on("SMDPF.REMOVAL-PROOF"):
            raise Unproved("SMDPF.REMOVAL-PROOF", "the state still lists the profile")
        return counter


def _state(raw: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    """Return contents, signature and signed octets of a response that carries a signed state."""
    for name in _STATES:
        try:
            octets = Octets(codec.load(SPEC), name, raw)
        except NotAsn1:
            continue
        if "ok" in octets.value:
            # a CHOICE arm is tagged explicitly or not: the sequence is what the path leads to
            value = octets.value["ok"]
            covered = signed_part(octets.raw("ok"))
            return value["tbs"], bytes.fromhex(value["signature"]), covered
    raise Unproved("SMDPF.REMOVAL-PROOF", "no signed state")


def _key(work: Work, eid: str) -> PublicKey:
    data = work.euicc(eid)
    try:
        if data is not None:
            certificate = read_certificate(base64.b64decode(data.certificate))
            if certificate.public_key is not None:
                return certificate.public_key
    except CryptoError:
        pass
    raise Unproved("SMDPF.RESULT-SIGNATURE", "no certificate of this eUICC is known")


def _iccid(octets: str) -> str:
    try:
        return iccid_text(bytes.fromhex(octets))
    except IdentityError:
        return ""
