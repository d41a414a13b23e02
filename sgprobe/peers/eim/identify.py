"""Whose result this is: SGP.32 v1.0.1 and some later IPAs do not send the EID along. §6.3.2.7."""

from __future__ import annotations

from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CryptoError
from sgprobe.peers.eim.data import read_data
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa import wire
from sgprobe.peers.esipa.wire import contents, elements, parts


def eid_of(work: Work, version: str, result: m.PackageResult) -> str | None:
    """Return the EID that a result names by its transaction or its certificate, if it does."""
    transaction = _transaction(result)
    if transaction is not None:
        order = work.by_transaction(transaction)
        if order is not None:
            return order.eid
    if isinstance(result, m.DataResult):
        told = read_data(version, result.result)
        if told.euicc is not None:
            try:
                return read_certificate(told.euicc).serial_number
            except CryptoError:
                return None
    return None


def _transaction(result: m.PackageResult) -> bytes | None:
    try:
        if isinstance(result, m.PackageError):
            return result.transaction_id
        if isinstance(result, m.TriggerResult):
            found = parts(result.result).get("82")
        elif isinstance(result, m.DataResult):
            (inside,) = elements(result.result)[:1]
            found = parts(inside).get("87" if wire.tag_of(inside) == "A0" else "80")
        else:
            (inside,) = elements(result.result)[:1]
            signed = inside if wire.tag_of(inside) == "A2" else elements(inside)[0]
            found = parts(signed).get("82")
    except NotAsn1:
        return None
    return None if found is None else contents(found)
