"""What the eIM keeps: the eUICCs it manages, the orders for them, what was learnt of them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.peers.store import Record


class State(StrEnum):
    """The life of an order."""

    QUEUED = "queued"
    SENT = "sent"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN = frozenset({State.QUEUED, State.SENT, State.RUNNING})


class Kind(StrEnum):
    """What an order makes of its operations."""

    PSMO = "psmo"
    ECO = "eco"
    DATA = "data"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True)
class Device:
    """One eUICC: its association with this eIM, and how the eIM believes it to be."""

    eid: str
    # the last counter that was signed for it
    counter: int = 0
    token: int | None = None
    # which of the eIM's keys it verifies with
    key: str = ""
    associated: bool = True
    # ICCID to what is known of the profile
    profiles: dict[str, Value] = field(default_factory=dict)
    # other eIMs by their id
    eims: dict[str, Value] = field(default_factory=dict)
    # the device said that something has changed, and why
    stale: bool = False
    cause: int | None = None
    rplmn: str | None = None
    alarm: str = ""
    # signed results that wait for the certificates to verify them
    held: tuple[str, ...] = ()

    def enabled(self) -> str | None:
        """Return the ICCID of the profile believed to be enabled."""
        found = (iccid for iccid, one in self.profiles.items() if one.get("enabled"))
        return next(found, None)


@dataclass(frozen=True, slots=True)
class Facts:
    """What an eUICC and its IPA have said of themselves; octets as hex."""

    # pairs of eUICC and EUM certificate, one for each CI
    certificates: tuple[tuple[str, str], ...] = ()
    info1: str = ""
    info2: str = ""
    default_smdp: str = ""
    root_smds: str = ""
    # places of ipaFeatures; None while nothing was said
    features: tuple[int, ...] | None = None
    protocols: tuple[int, ...] = ()
    device_info: str = ""
    rat: Value = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order of the operator, or of the eIM itself, and what became of it."""

    id: str
    eid: str
    kind: Kind
    operations: tuple[Value, ...]
    state: State = State.QUEUED
    reason: str = ""
    created: float = 0.0
    expires: float | None = None
    not_before: float = 0.0
    # made by the eIM itself
    own: bool = False
    counter: int | None = None
    transaction: str | None = None
    package: str | None = field(default=None, repr=False)
    deliveries: int = 0
    # how often an answer came that proves nothing
    unproved: int = 0
    results: tuple[Value, ...] = ()
    # how often an SM-DS has led to another server
    cascades: int = 0
    # the profile that was enabled before
    before: str | None = None
    # SHA-256 of the confirmation code
    code: str | None = field(default=None, repr=False)

    @property
    def open(self) -> bool:
        """Whether the order is not at its end."""
        return self.state in OPEN


_MEMBERS = {kind: [one.name for one in fields(kind)] for kind in (Device, Facts, Order)}


def to_record(one: Device | Facts | Order) -> Record:
    """Return a record as JSON data."""
    return {name: getattr(one, name) for name in _MEMBERS[type(one)]}


def device_of(record: Record) -> Device:
    """Return the device of a stored record."""
    members: dict[str, Any] = dict(record)
    members["held"] = tuple(members["held"])
    return Device(**members)


def facts_of(record: Record) -> Facts:
    """Return the facts of a stored record."""
    members: dict[str, Any] = dict(record)
    members["certificates"] = tuple((euicc, eum) for euicc, eum in members["certificates"])
    if members["features"] is not None:
        members["features"] = tuple(members["features"])
    members["protocols"] = tuple(members["protocols"])
    return Facts(**members)


def order_of(record: Record) -> Order:
    """Return the order of a stored record."""
    members: dict[str, Any] = dict(record)
    members["kind"] = Kind(members["kind"])
    members["state"] = State(members["state"])
    members["operations"] = tuple(members["operations"])
    members["results"] = tuple(members["results"])
    return Order(**members)
