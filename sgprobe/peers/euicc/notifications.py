"""Notifications and package results: made, listed, retrieved, removed. SGP.22 §5.7.9 to §5.7.11."""

from __future__ import annotations

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.crypto.signing import EUICC_NOTIFICATION_SIGNATURE
from sgprobe.peers.euicc.records import Notification, Profile, Result
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import bit_string, places

# SGP.22, NotificationEvent
INSTALL, ENABLE, DISABLE, DELETE = range(4)


def metadata(turn: Turn, seq: int, event: int, address: str, iccid: str | None) -> Value:
    """Return the NotificationMetadata of an event."""
    value = {
        "seqNumber": seq,
        "profileManagementOperation": bit_string({event}),
        "notificationAddress": address,
    }
    return value if iccid is None else {**value, "iccid": iccid}


def addresses(profile: Profile, event: int) -> list[str]:
    """Return who is to hear of an event of a profile. SGP.22 §2.4.3.2."""
    if profile.profile_class == "test":
        # SGP.22 §2.4: the management of test profiles makes no notifications
        return []
    configured = profile.metadata.get("notificationConfigurationInfo") or ()
    return [
        one["notificationAddress"]
        for one in configured
        if event in places(one["profileManagementOperation"])
    ]


def notify(turn: Turn, event: int, profile: Profile) -> None:
    """Remember an event; its notifications are made when the command ends."""
    turn.events.append((event, profile))


def installed(turn: Turn, profile: Profile, server: str) -> None:
    """Tell everybody of an installation but the server, which gets the result itself."""
    for address in addresses(profile, INSTALL):
        if address != server:
            turn.notes.append(_sign(turn, INSTALL, address, profile))


def flush(turn: Turn) -> None:
    """Make the notifications of the events of this command."""
    for event, profile in turn.events:
        for address in addresses(profile, event):
            turn.notes.append(_sign(turn, event, address, profile))
    turn.events.clear()


def _sign(turn: Turn, event: int, address: str, profile: Profile) -> int:
    seq = turn.draft.next_seq()
    value = metadata(turn, seq, event, address, profile.iccid)
    tbs = turn.chip.dialect.encode("NotificationMetadata", value)
    ecasd = turn.chip.ecasd
    identity = ecasd.identity(bytes.fromhex(profile.ci)) or ecasd.identities[0]
    signed = tbs + EUICC_NOTIFICATION_SIGNATURE.sign(identity.key, tbs)
    keep(
        turn,
        Notification(seq, event, address, profile.iccid, signed.hex(), identity.ci.hex()),
    )
    return seq


def keep(turn: Turn, notification: Notification) -> None:
    """Store a notification; the oldest gives way when there is no room."""
    turn.draft.put(notification)
    kept = turn.draft.all(Notification)
    excess = len(kept) - turn.chip.config.limits.notifications
    if excess > 0:
        # a PIR is worth more to its server than news of switches: those go first
        for one in sorted(kept[:-1], key=lambda one: (one.ci is None, one.seq))[:excess]:
            turn.draft.remove(one)


def keep_result(turn: Turn, result: Result) -> None:
    """Store a package result; the oldest gives way when there is no room."""
    turn.draft.put(result)
    for old in turn.draft.all(Result)[: -turn.chip.config.limits.results]:
        turn.draft.remove(old)


def pending(turn: Turn, notification: Notification) -> bytes:
    """Return a notification as a PendingNotification."""
    signed = bytes.fromhex(notification.signed)
    if notification.ci is None:
        return signed
    ecasd = turn.chip.ecasd
    identity = ecasd.identity(bytes.fromhex(notification.ci)) or ecasd.identities[0]
    return tlv("30", signed, identity.certificate.der, identity.eum.der)


def list_metadata(turn: Turn, value: Value) -> Value:
    """ES10b.ListNotification: what is pending, in the order of its numbers."""
    wanted = value.get("profileManagementOperation")
    found = [
        metadata(turn, one.seq, one.event, one.address, one.iccid)
        for one in turn.draft.all(Notification)
        if wanted is None or one.event in places(wanted)
    ]
    return {"notificationMetadataList": found}


def retrieve(turn: Turn, value: Value) -> bytes:
    """ES10b.RetrieveNotificationsList: the signed notifications, or the package results."""
    criteria = value.get("searchCriteria") or {}
    notes = turn.draft.all(Notification)
    results = turn.draft.all(Result)
    if "seqNumber" in criteria:
        seq = criteria["seqNumber"]
        notes = [one for one in notes if one.seq == seq]
        results = [one for one in results if one.seq == seq]
        # one space of numbers: it names one or the other
        return _results(results) if results else _notifications(turn, notes)
    if "profileManagementOperation" in criteria:
        events = places(criteria["profileManagementOperation"])
        return _notifications(turn, [one for one in notes if one.event in events])
    if "euiccPackageResults" in criteria:
        return _results(results)
    if turn.chip.dialect.first and results:
        # SGP.32 v1.0.1 has an alternative for both lists
        both = (_elements(turn, notes), b"".join(bytes.fromhex(one.signed) for one in results))
        return tlv("BF2B", tlv("A3", tlv("A0", both[0]), tlv("A1", both[1])))
    return _notifications(turn, notes)


def _elements(turn: Turn, notes: list[Notification]) -> bytes:
    return b"".join(pending(turn, one) for one in notes)


def _notifications(turn: Turn, notes: list[Notification]) -> bytes:
    return tlv("BF2B", tlv("A0", _elements(turn, notes)))


def _results(results: list[Result]) -> bytes:
    return tlv("BF2B", tlv("A2", *(bytes.fromhex(one.signed) for one in results)))


def forget(turn: Turn, numbers: frozenset[int]) -> bool:
    """Remove what has these sequence numbers; say whether there was any."""
    notes = [one for one in turn.draft.all(Notification) if one.seq in numbers]
    results = [one for one in turn.draft.all(Result) if one.seq in numbers]
    for one in (*notes, *results):
        turn.draft.remove(one)
    return bool(notes or results)


def remove(turn: Turn, value: Value) -> Value:
    """ES10b.RemoveNotificationFromList: forget what was delivered."""
    there = forget(turn, frozenset({value["seqNumber"]}))
    return {"deleteNotificationStatus": int(turn.broken("EUICC.REMOVE-KNOWN", not there))}
