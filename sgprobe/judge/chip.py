"""Evidence that eUICC and SM-DPf have signed: keys, binding, result, state, each verified."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.tlv import TlvError, read_tlv, split
from dissectors.spec.identity import IdentityError, iccid_text
from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto import keys, rules
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.chain import Anchor, Need, verify
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_data import read_batch
from sgprobe.crypto.ifpp_keys import Suite, check_proof, signed_part
from sgprobe.crypto.signing import EUICC_SIGN_PIR
from sgprobe.judge.item import Refused, file_of, octets_of
from sgprobe.judge.plan import Plan
from sgprobe.peers.delivery.entry import EntryError, read_package
from sgprobe.peers.delivery.record import binding_record

SPEC, RSP = "IFPP@0", "SGP.22@2.5"
_MAC = 8


def iccid_of(octets: str) -> str:
    """Return an ICCID in digits, "" where it is none."""
    try:
        return iccid_text(bytes.fromhex(octets))
    except (IdentityError, ValueError, TypeError):
        return ""


def _certified(path: list[Certificate], anchors: Sequence[Anchor], need: Need) -> keys.PublicKey:
    report = verify(path, anchors, need)
    if not report.ok:
        raise Refused(f"the certificate of the {need.role} fails {report.failures[0].rule}")
    key = path[0].public_key
    if key is None:
        raise Refused("the certificate has no key that can be used")
    return key


@dataclass(frozen=True, slots=True)
class Chip:
    """E2: one eUICC of a batch, with its certified key and its proven one-time keys."""

    eid: str
    key: keys.PublicKey = field(repr=False)
    refs: frozenset[str]


def read_chips(files: Mapping[str, Path], anchors: Sequence[Anchor]) -> dict[str, Chip]:
    """Return the eUICCs of a batch by EID; what is not certified is left out."""
    found: dict[str, Chip] = {}
    why = "it names no eUICC"
    try:
        batch = read_batch(octets_of(file_of(files, "batch")))
        above = [read_certificate(one) for one in batch.eum_certificates]
        for item in batch.items:
            try:
                path = [read_certificate(item.certificate), *above]
                key = _certified(path, anchors, Need("euicc", eid=item.eid))
                proven = [check_proof(one, item.eid, key) for one in item.one_time_keys]
                refs = frozenset(one.ref.hex() for one in proven)
            except (Refused, CryptoError) as error:
                why = f"EID {item.eid}: {error}"
                continue
            found[item.eid] = Chip(item.eid, key, refs)
    except CryptoError as error:
        raise Refused(str(error)) from None
    if not found:
        raise Refused(why)
    return found


@dataclass(frozen=True, slots=True)
class Binding:
    """E3: who bound what to which chip."""

    package: str
    eid: str
    iccid: str
    key_ref: str
    transaction: str
    oid: str
    bpp_digest: str
    # the owner in the profile's metadata, as digits
    network: str
    # SHA-256 of the whole FF48
    digest: str


def read_binding(files: Mapping[str, Path], anchors: Sequence[Anchor]) -> Binding:
    """Return the binding record of a package, if a certified SM-DPf has signed its context."""
    raw = octets_of(file_of(files, "package"))
    try:
        record, package = binding_record(raw), read_package(raw)
    except (EntryError, IdentityError) as error:
        raise Refused(str(error)) from None
    decoded = codec.load(SPEC).decode("IfppLoadContextRequest", package.context).value
    try:
        path = [read_certificate(bytes.fromhex(one)) for one in decoded["certificates"]]
        if not path:
            raise Refused("the load context shows no certificate")
        key = _certified(path, anchors, Need("dppb", oid=record["smdpfOid"]))
        covered = signed_part(package.context)
        genuine = keys.verify(key, bytes.fromhex(decoded["signature"]), covered)
    except (CryptoError, TlvError) as error:
        raise Refused(str(error)) from None
    if not genuine:
        raise Refused("the load context is not signed by its SM-DPf")
    if record["suite"] == Suite.H1S.label:
        second = bytes.fromhex(decoded.get("pqSignature", ""))
        _check_quantum(path, second, covered, anchors)
    if not record["bppDigestRight"]:
        raise Refused("the package is not the one that the load context names")
    return Binding(
        record["packageId"], record["eid"], record["iccid"], record["keyRef"],
        record["transactionId"], record["smdpfOid"], record["bppDigest"],
        _owner(package.bound), hashlib.sha256(raw).hexdigest(),
    )  # fmt: skip


def _check_quantum(
    path: list[Certificate], signature: bytes, covered: bytes, anchors: Sequence[Anchor]
) -> None:
    """Refuse a context of suite h1s whose ML-DSA signature is not that of its SM-DPf. IFPP §4."""
    if why := quantum.missing_signature():
        raise Refused(f"suite h1s cannot be judged here: {why}")
    for one in path[1:]:
        if not quantum.is_signing_key(one.spki) or one.oid != path[0].oid:
            continue
        failures = verify([one, *path[1:]], anchors, Need("dppb")).failures
        # its key is on no curve, and that alone may be wrong with it
        if {each.rule for each in failures} <= {rules.CURVE.name} and quantum.verify(
            one.spki, signature, covered
        ):
            return
    raise Refused("the load context has no ML-DSA signature of its SM-DPf")


def _owner(bound: bytes) -> str:
    """Return the network in the metadata of a package, which are not enciphered. SGP.22 §2.5.4."""
    try:
        outer = read_tlv(bound)
        plain = b""
        for part in split(bound, outer.body, outer.end):
            if part.tag == b"\xa1":
                for one in split(bound, part.body, part.end):
                    plain += bound[one.body : one.end - _MAC]
    except TlvError:
        return ""
    value = codec.load(RSP).decode("StoreMetadataRequest", plain).value
    owner = value.get("profileOwner") if isinstance(value, dict) else None
    return network_of(owner.get("mccMnc", "")) if isinstance(owner, dict) else ""


def network_of(octets: str) -> str:
    """Return MCC and MNC in digits from their three octets. 3GPP TS 24.008 §10.5.1.13."""
    if len(octets) != 6:
        return ""
    swapped = "".join(octets.lower()[place] for place in (1, 0, 3, 5, 4, 2))
    return swapped.rstrip("f")


@dataclass(frozen=True, slots=True)
class Result:
    """E6: what the eUICC has signed of a load; `signer` is the EID whose key verifies it."""

    transaction: str
    iccid: str
    oid: str
    success: bool
    reason: str
    signer: str
    digest: str
    raw: bytes = field(repr=False)


def read_result(files: Mapping[str, Path], chips: Mapping[str, Chip], plan: Plan) -> Result:
    """Return the result of a load (BF37), if one of the certified eUICCs has signed it."""
    raw = octets_of(file_of(files, "result"))
    return parse_result(raw, chips, "" if plan.rules.on("JUDGE.RESULT-SIGNED") else plan.eid)


def parse_result(raw: bytes, chips: Mapping[str, Chip], taken: str = "") -> Result:
    """Return a result of a load, with the eUICC that has signed it.

    `taken` is the EID whose signature is believed unseen: a judge that does not verify.
    """
    if not chips:
        raise Refused("no certificate of an eUICC is at hand (E2 or E7)")
    tree = codec.load(RSP).tree("ProfileInstallationResult", raw)
    value: Any = tree.root.to_value() if tree.root is not None else None
    try:
        data = value["profileInstallationResultData"]
        kind, final = next(iter(data["finalResult"].items()))
        signed = tree.octets("profileInstallationResultData")
        signature = tree.octets("euiccSignPIR")
        told = data["notificationMetadata"]
        success = kind == "successResult"
        reason = "" if success else str(final.get("errorReason", ""))
        made = (data["transactionId"].lower(), iccid_of(told.get("iccid", "")), data["smdpOid"])
    except (TypeError, KeyError, AttributeError, StopIteration, ValueError):
        raise Refused("no result of a load (BF37)") from None
    digest = hashlib.sha256(raw).hexdigest()
    for chip in chips.values():
        try:
            genuine = EUICC_SIGN_PIR.verify(chip.key, signature, signed)
        except CryptoError:
            genuine = False
        if genuine:
            return Result(*made, success, reason, chip.eid, digest, raw)
    if taken:
        return Result(*made, success, reason, taken, digest, raw)
    raise Refused("it is signed by no eUICC whose certificate is at hand")


@dataclass(frozen=True, slots=True)
class Inside:
    """One profile in a signed state."""

    iccid: str
    enabled: bool
    kind: str
    loaded_by: str
    network: str
    result: str


@dataclass(frozen=True, slots=True)
class State:
    """E7: what the eUICC says it holds."""

    eid: str
    challenge: str
    # grows with every change that a state shows. RB-30
    counter: int
    unused: int
    profiles: tuple[Inside, ...]
    chip: Chip = field(repr=False)

    def find(self, iccid: str) -> Inside | None:
        """Return a profile by its ICCID."""
        return next((one for one in self.profiles if one.iccid == iccid), None)


def read_state(files: Mapping[str, Path], anchors: Sequence[Anchor]) -> State:
    """Return a signed state (FF45), if a certified eUICC has signed it."""
    return parse_state(octets_of(file_of(files, "state")), anchors)


def parse_state(raw: bytes, anchors: Sequence[Anchor]) -> State:
    """Return a signed state; who has asked for it is not judged."""
    tree = codec.load(SPEC).tree("GetSignedIfppStateResponse", raw)
    value: Any = tree.root.to_value() if tree.root is not None and not tree.findings else None
    if not isinstance(value, dict) or "ok" not in value:
        raise Refused("no signed state that answers GetSignedIfppState (FF45)")
    told = value["ok"]
    tbs = told["tbs"]
    try:
        path = [read_certificate(bytes.fromhex(told[f"{one}Certificate"])) for one in _SIGNERS]
        key = _certified(path, anchors, Need("euicc", eid=tbs["eid"]))
        covered = signed_part(tree.octets("ok"))
        genuine = keys.verify(key, bytes.fromhex(told["signature"]), covered)
    except (CryptoError, TlvError) as error:
        raise Refused(str(error)) from None
    if not genuine:
        raise Refused("the state is not signed by its eUICC")
    inside = tuple(
        Inside(
            iccid_of(one["iccid"]),
            bool(one["enabled"]),
            str(one["profileClass"]),
            str(one["loadedBy"]),
            network_of(one.get("mccMnc", "")),
            one.get("pirDigest", ""),
        )
        for one in tbs["profiles"]
    )
    chip = Chip(tbs["eid"], key, frozenset())
    return State(
        tbs["eid"], tbs["challenge"], tbs["stateCounter"], tbs["unusedOtk"], inside, chip
    )  # fmt: skip


_SIGNERS = ("euicc", "eum")
