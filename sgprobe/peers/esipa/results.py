"""The result of a package as an element, also in its form of v1.0.1. SGP.32 §6.3.2.7."""

from __future__ import annotations

from dissectors.asn1.tlv import tlv
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import contents, elements, integer, number, optional, parts, tag_of

_RETRIEVED = "BF2B"


def read_result(data: bytes, first: bool) -> m.PackageResult:
    """Return the result in an element; `first` is SGP.32 v1.0.1."""
    tag = tag_of(data)
    if tag == m.EUICC_PACKAGE:
        return m.EuiccResult(data)
    if tag == m.DATA_REQUEST:
        return m.DataResult(data)
    if tag == m.TRIGGER:
        return m.TriggerResult(data)
    if tag == "30":
        result, listed = elements(data)[:2]
        if first:
            # a whole BF2B; anything but its notifications is none
            listed = parts(listed).get("A0", tlv("A0"))
        return m.EuiccResult(result, tuple(elements(listed)))
    if tag == "A0" and not first:
        found = parts(data)
        transaction = found.get("80")
        return m.PackageError(
            number(found["02"]), None if transaction is None else contents(transaction)
        )
    if tag == "02" and first:
        return m.PackageError(number(data))
    raise NotAsn1(f"{tag} is no result of a package")


def write_result(result: m.PackageResult, first: bool) -> bytes:
    """Return the element of a result."""
    if isinstance(result, m.EuiccResult):
        if not result.notifications:
            return result.result
        listed = tlv("A0", *result.notifications)
        return tlv("30", result.result, tlv(_RETRIEVED, listed) if first else listed)
    if isinstance(result, m.PackageError):
        if first:
            return integer("02", result.code)
        return tlv("A0", optional("80", result.transaction_id), integer("02", result.code))
    return result.result
