"""Download orders: their states, how they are found, and how they stand in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from sgprobe.peers.es9.transaction import DELETE, REGISTER, Transaction
from sgprobe.peers.store import Record


class State(StrEnum):
    """The life of a profile at the SM-DP+. SGP.22 §3.1.6."""

    AVAILABLE = "available"
    ALLOCATED = "allocated"
    LINKED = "linked"
    CONFIRMED = "confirmed"
    RELEASED = "released"
    DOWNLOADED = "downloaded"
    INSTALLED = "installed"
    ERROR = "error"
    UNAVAILABLE = "unavailable"


# SGP.22 §2.5.3: pre-protected under keys of its own, or under the session keys directly
PPK, SESSION = "ppk", "session"
# a download may begin, or be tried again
OPEN = frozenset({State.RELEASED, State.DOWNLOADED})
# ordered, but not to be had yet
EARLY = frozenset({State.ALLOCATED, State.LINKED, State.CONFIRMED})


@dataclass(frozen=True, slots=True)
class BindingKeys:
    """The one-time keys that a package was bound with: the server's is kept for a retry."""

    otsk: str = field(repr=False)
    euicc_otpk: str
    host_id: str
    curve: str


@dataclass(frozen=True, slots=True)
class Order:
    """One profile and what was ordered about it."""

    iccid: str
    kind: str
    state: State = State.ALLOCATED
    eid: str | None = None
    matching_id: str | None = None
    # SHA-256 of the confirmation code, in hex
    code: str | None = field(default=None, repr=False)
    wrong_codes: int = 0
    attempts: int = 0
    expires: float | None = None
    protection: str = PPK
    # whether its package may be bound to another one-time key of the same eUICC
    rebinding: bool = True
    # the SM-DS that knows of it as an event
    smds: str | None = None
    keys: BindingKeys | None = None
    # transaction ids whose installation result may still come
    sessions: tuple[str, ...] = ()
    # why it ended in error, or what the eUICC reported last
    reason: str = ""

    def to_record(self) -> Record:
        """Return the order as JSON data."""
        return asdict(self)


def _event(order: Order | None) -> tuple[str, str, str] | None:
    """Return SM-DS, EID and event id of an order that waits for its eUICC."""
    if order is None or order.state not in OPEN:
        return None
    if not order.smds or not order.eid or not order.matching_id:
        return None
    return order.smds, order.eid, order.matching_id


def from_record(record: Record) -> Order:
    """Return the order of a stored record."""
    members: dict[str, Any] = dict(record)
    keys = members.pop("keys")
    return Order(
        **{
            **members,
            "state": State(members["state"]),
            "sessions": tuple(members["sessions"]),
            "keys": BindingKeys(**keys) if keys else None,
        }
    )


class Work(Transaction):
    """The orders of one command."""

    def order(self, iccid: str) -> Order | None:
        """Return the order of an ICCID."""
        record = self.get(f"order/{iccid}")
        return from_record(record) if record is not None else None

    def by_matching_id(self, matching_id: str) -> Order | None:
        """Return the order that a matching id (or event id) names."""
        iccid = self.get(f"matching/{matching_id}")
        return self.order(iccid) if iccid is not None else None

    def of_eid(self, eid: str) -> Iterator[Order]:
        """Walk the orders of an EID, the oldest first."""
        for iccid in self.get(f"eid/{eid}") or ():
            order = self.order(iccid)
            if order is not None:
                yield order

    def save(self, order: Order) -> Order:
        """Write an order and keep the ways to find it."""
        old = self.order(order.iccid)
        if old is not None and old.matching_id and old.matching_id != order.matching_id:
            self.put(f"matching/{old.matching_id}", None)
        if order.matching_id:
            self.put(f"matching/{order.matching_id}", order.iccid)
        if old is not None and old.eid and old.eid != order.eid:
            left = [iccid for iccid in self.get(f"eid/{old.eid}") or () if iccid != order.iccid]
            self.put(f"eid/{old.eid}", left or None)
        if order.eid:
            listed = self.get(f"eid/{order.eid}") or []
            if order.iccid not in listed:
                self.put(f"eid/{order.eid}", [*listed, order.iccid])
        self._announce(old, order)
        self.put(f"order/{order.iccid}", order.to_record())
        return order

    def _announce(self, old: Order | None, order: Order) -> None:
        """Leave to the SM-DS's ears what begins or ends to wait. SGP.22 §3.6."""
        before, after = _event(old), _event(order)
        if before != after:
            if before:
                self.tell(DELETE, *before)
            if after:
                self.tell(REGISTER, *after)

    def fail(self, order: Order, reason: str) -> Order:
        """End an order in error."""
        return self.save(replace(order, state=State.ERROR, reason=reason))
