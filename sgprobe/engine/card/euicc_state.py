"""The state of the simulated eUICC as cases name it: read, and brought about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.keys import spki
from sgprobe.peers.eim.operations import PROTOCOLS
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.records import Eim, Notification, OneTimeKey, Profile, Result
from sgprobe.peers.euicc.state import Draft
from sgprobe.peers.euicc.values import PPR1, PPR2, bit_string

Rows = list[dict[str, Value]]
_EVENTS = ("install", "enable", "disable", "delete")
_PPRS = {"none": (), "ppr1": (PPR1,), "ppr2": (PPR2,)}
# columns that are members of the metadata, and what their words mean there
_FLAGS = {"fallbackAllowed": "fallbackAllowed", "emergency": "ecallIndication"}


def read(euicc: Euicc, part: str) -> Rows:
    """Return the rows of a state; raises Unresolved where it cannot be seen."""
    draft = euicc.draft()
    match part:
        case "euicc.profiles":
            return [_profile(one) for one in draft.all(Profile)]
        case "euicc.eims":
            return [_eim(one) for one in draft.all(Eim)]
        case "euicc.notifications":
            return [_notification(one) for one in draft.all(Notification)]
    raise Unresolved(f"the bench lacks a view of {part}")


def bring(euicc: Euicc, part: str, rows: Rows) -> None:
    """Bring a state about; raises Unresolved where the bench cannot."""
    draft = euicc.draft()
    match part:
        case "euicc.profiles":
            _bring_profiles(draft, rows)
        case "euicc.eims":
            _bring_eims(draft, rows)
        case "euicc.notifications" if not rows:
            for kind in (Notification, Result):
                for one in draft.all(kind):
                    draft.remove(one)
        case "euicc.one-time-keys" if not rows:
            for kept in draft.all(OneTimeKey):
                draft.remove(kept)
        case "euicc.rat" if not rows:
            euicc.chip = replace(euicc.chip, config=replace(euicc.chip.config, rat=()))
        case "euicc.memory":
            # a session that stands goes on
            _bring_memory(euicc, rows[0])
            return
        case _:
            raise Unresolved(f"the bench cannot bring {part} about")
    euicc.adopt(draft)


def _bring_profiles(draft: Draft, rows: Rows) -> None:
    wanted = {str(row["iccid"]).lower(): row for row in rows}
    for profile in draft.all(Profile):
        row = wanted.pop(profile.iccid, None)
        if row is None:
            draft.remove(profile)
            continue
        enabled = row.get("state", "disabled") == "enabled"
        fallback = row.get("fallback") == "yes"
        metadata = _metadata(profile.metadata, row)
        draft.put(replace(profile, enabled=enabled, fallback=fallback, metadata=metadata))
    if wanted:
        raise Unresolved(f"the eUICC has no profile {next(iter(wanted))}")


def _metadata(known: Mapping[str, Any], row: dict[str, Value]) -> Value:
    """Return metadata with what a row says; what it leaves out stays."""
    made = dict(known)
    for column, member in _FLAGS.items():
        if column in row:
            made[member] = row[column] == "yes"
    if "class" in row:
        made["profileClass"] = row["class"]
    if "rules" in row:
        made.pop("profilePolicyRules", None)
        if row["rules"] != "none":
            made["profilePolicyRules"] = bit_string(_PPRS[str(row["rules"])])
            made["profileOwner"] = {"mccMnc": "00f110"}
    if "notify" in row:
        made["notificationConfigurationInfo"] = [notification_of(one) for one in row["notify"]]
    return made


def notification_of(told: Mapping[str, Any]) -> Value:
    """Return who is notified of one operation."""
    event = _EVENTS.index(str(told["operation"]))
    return {
        "profileManagementOperation": bit_string((event,)),
        "notificationAddress": told["address"],
    }


def _bring_eims(draft: Draft, rows: Rows) -> None:
    """Make the rows the associated eIMs, all of them."""
    wanted = {str(row["eimId"]): row for row in rows}
    like: Eim | None = None
    for known in draft.all(Eim):
        row = wanted.pop(known.id, None)
        if row is None:
            draft.remove(known)
            continue
        counter = int(str(row.get("counterValue", known.counter)))
        config = association(known.config, row)
        draft.put(replace(known, config=config, counter=counter, token=_token(row, known.token)))
        like = like or known
    for place, (ident, row) in enumerate(wanted.items(), 1):
        if like is None:
            raise Unresolved("the eUICC knows no eIM that another could be like")
        config = association({**like.config, "eimId": ident}, row)
        counter = int(str(row.get("counterValue", 0)))
        draft.put(Eim(ident, config, counter, _token(row, None), like.place + place))


def association(known: Mapping[str, Any], row: dict[str, Value]) -> Value:
    """Return a configuration with what a row says of where the eIM is and how it is asked."""
    made = dict(known)
    if "fqdn" in row:
        made.pop("eimFqdn", None)
        if row["fqdn"] != "none":
            made["eimFqdn"] = row["fqdn"]
    if "indirect" in row:
        made.pop("indirectProfileDownload", None)
        if row["indirect"] == "yes":
            made["indirectProfileDownload"] = None
    if "protocols" in row:
        try:
            bits = [PROTOCOLS.index(str(one)) for one in row["protocols"]]
        except ValueError:
            raise Unresolved(f"protocols of an eIM are {', '.join(PROTOCOLS)}") from None
        made["eimSupportedProtocol"] = bit_string(bits)
    if "tlsCertificate" in row:
        made["trustedPublicKeyDataTls"] = {"trustedCertificateTls": row["tlsCertificate"]}
    if "tlsKeyOf" in row:
        holder = read_certificate(bytes.fromhex(str(row["tlsKeyOf"])))
        if holder.public_key is None:
            raise Unresolved("the key of that certificate cannot be read")
        made["trustedPublicKeyDataTls"] = {"trustedEimPkTls": spki(holder.public_key).hex()}
    return made


def _token(row: dict[str, Value], known: int | None) -> int | None:
    """Return the association token of a row; `none` is none."""
    told = str(row.get("associationToken", known))
    return None if told in ("none", "None") else int(told)


def _bring_memory(euicc: Euicc, row: dict[str, Value]) -> None:
    """Leave so many octets free, or so many places for eIMs, results and notifications."""
    chip = euicc.chip
    limits = chip.config.limits
    if "free" in row:
        taken = sum(one.size + limits.isdp for one in euicc.draft().all(Profile))
        limits = replace(limits, memory=taken + int(str(row["free"])))
    for column in ("eims", "results", "notifications", "crls", "result", "package"):
        if column in row:
            limits = replace(limits, **{column: int(str(row[column]))})
    if "immediate" in row:
        limits = replace(limits, immediate_address=int(str(row["immediate"])))
    euicc.chip = replace(chip, config=replace(chip.config, limits=limits))


def _profile(one: Profile) -> dict[str, Value]:
    return {
        "iccid": one.iccid,
        "state": "enabled" if one.enabled else "disabled",
        "fallback": "yes" if one.fallback else "no",
        **{column: "yes" if one.metadata.get(member) else "no"
           for column, member in _FLAGS.items()},
        "class": one.profile_class,
    }  # fmt: skip


def _eim(one: Eim) -> dict[str, Value]:
    row: dict[str, Value] = {"eimId": one.id, "counterValue": one.counter}
    if one.token is not None:
        row["associationToken"] = one.token
    return row


def _notification(one: Notification) -> dict[str, Value]:
    row: dict[str, Value] = {"seqNumber": one.seq}
    # the event is the place of its bit in NotificationEvent
    if 0 <= one.event < len(_EVENTS):
        row["operation"] = _EVENTS[one.event]
    if one.iccid:
        row["iccid"] = one.iccid
    return row
