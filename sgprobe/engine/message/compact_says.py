"""Compact forms of what the eUICC says, where a step of a case names one. SGP.32 §5.14."""

from __future__ import annotations

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from dissectors.asn1.versions import Spec
from sgprobe.cases.match import Unresolved
from sgprobe.peers.esipa.compact import (
    Installed,
    Known,
    compact_authentication,
    compact_installation,
    compact_notification,
    compact_preparation,
)
from sgprobe.peers.esipa.wire import contents, elements, parts

AUTHENTICATION, _PREPARATION = "compactAuthenticateResponseOk", "compactDownloadResponseOk"
_INSTALLATION, _OTHER = "compactProfileInstallationResult", "compactOtherSignedNotification"


def authentication(full: bytes, signed1: bytes, info2: bytes) -> bytes:
    """Return the compact form of BF38, without EUICCInfo2 and certificates."""
    euicc, eum = elements(elements(full)[0])[2:4]
    return compact_authentication(full, signed1, Known(info2, (euicc, eum)))


def preparation(full: bytes, wanted: frozenset[str]) -> bytes:
    """Return BF21, without the transaction id where the compact form is wanted."""
    return compact_preparation(full, None) if _PREPARATION in wanted else full


def notification(listed: list[Value], eid: str, spec: Spec, wanted: frozenset[str]) -> Value:
    """Return the notification whose alternative is wanted, else the oldest."""
    if not listed:
        raise Unresolved("the eUICC has no notification to deliver")
    loaded = codec.load(spec)
    if _OTHER in wanted:
        full = _first(listed, "otherSignedNotification")
        made = compact_notification(loaded.encode("PendingNotification", full), eid, None)
        return loaded.decode("PendingNotification", made).value
    if _INSTALLATION in wanted:
        full = _first(listed, "profileInstallationResult")
        octets = loaded.encode("PendingNotification", full)
        made = compact_installation(octets, _about(octets))
        return loaded.decode("PendingNotification", made).value
    return next((one for one in listed if wanted & one.keys()), listed[0])


def _first(listed: list[Value], arm: str) -> Value:
    found = next((one for one in listed if arm in one), None)
    if found is None:
        raise Unresolved(f"the eUICC has no {arm} to deliver")
    return found


def _about(result: bytes) -> Installed:
    """Return what an eIM that drove the download knows of it."""
    data = parts(elements(result)[0])
    metadata = parts(data["BF2F"])
    return Installed(
        contents(metadata["0C"]).decode(), tlv("06", contents(data["06"])), contents(metadata["5A"])
    )
