"""What the SM-DPf remembers: orders, entries, eUICC data, jobs, deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from dissectors.spec.identity import is_luhn
from sgprobe.peers.delivery.writer import Position, position_of
from sgprobe.peers.es9.transaction import Transaction
from sgprobe.peers.profiles.library import ICCID_ISSUER, make_iccid
from sgprobe.peers.store import Record, Store


class State(StrEnum):
    """The life of one profile at the SM-DPf. IFPP §2."""

    PREPARED = "PREPARED"
    PROTECTED = "PROTECTED"
    BOUND = "BOUND"
    DELIVERED = "DELIVERED"
    INSTALLED = "INSTALLED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    WITHDRAWN = "WITHDRAWN"
    REMOVED = "REMOVED"


# bound, and no result is proved
WAITING = frozenset({State.BOUND, State.DELIVERED, State.FAILED, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Order:
    """Profiles that a mobile service provider has ordered; their ICCIDs follow one another."""

    id: str
    msp: str
    kind: str
    count: int
    first: int
    dm: str = ""
    mcc_mnc: str = ""
    profile_class: str = "operational"
    policy: tuple[str, ...] = ()
    eligibility: dict[str, Any] = field(default_factory=dict)
    notify: str = ""
    protected: int = 0
    used: int = 0
    closed: bool = False
    # entries that have left PROTECTED, by state
    states: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many profiles are still to be had."""
        return 0 if self.closed else self.count - self.used

    def iccid(self, place: int) -> str:
        """Return the ICCID at a place of the order, from 0."""
        return make_iccid(self.first + place)

    def counts(self) -> dict[str, int]:
        """Return how many profiles are in each state."""
        protected = max(0, self.protected - self.used)
        counts = {
            State.PREPARED.value: self.count - self.used - protected,
            State.PROTECTED.value: protected,
            **self.states,
        }
        return {state: number for state, number in counts.items() if number}


@dataclass(frozen=True, slots=True)
class Entry:
    """One profile that is bound: to whom, in which delivery, and what came of it."""

    iccid: str
    order: str
    eid: str
    key_ref: str
    package: str
    transaction: str
    suite: int
    delivery: str
    signer: str
    state: State = State.BOUND
    reason: str = ""
    # SHA-256 of the result that decided, and the counter of the last signed state
    result: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """One one-time key of an eUICC, and the profile that it is bound to."""

    suite: int
    point: str
    kem: str = ""
    batch: str = ""
    iccid: str = ""
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class EuiccData:
    """What is known of one eUICC: certificates, capabilities and one-time keys."""

    eid: str
    certificate: str
    eum: str
    info2: str
    dm: str = ""
    keys: dict[str, Key] = field(default_factory=dict)
    counter: int = -1

    def free(self) -> Iterator[str]:
        """Walk the keys that nothing is bound to."""
        return (ref for ref, key in self.keys.items() if not key.iccid and not key.blocked)


@dataclass(frozen=True, slots=True)
class Job:
    """One binding request while it is worked on."""

    id: str
    request: str
    order: str
    dm: str
    factory: str
    suite: int
    delivery: str
    total: int
    not_after: float
    created: float
    policy: dict[str, Any]
    supersedes: str | None = None
    # chunks of entries that are done
    done: int = 0
    bound: int = 0
    refused: int = 0
    state: str = "queued"
    reason: str = ""
    at: Position = field(default_factory=Position)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery: to whom, and whether it was fetched."""

    id: str
    order: str
    dm: str
    job: str
    entries: int
    ready: bool = False
    handed_over: bool = False
    superseded: bool = False
    # entries that are still BOUND, while it is not handed over
    bound: int = 0


class Work(Transaction):
    """The records of one command; what is put `anyway` is kept even if the command is refused."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._anyway: dict[str, Record] = {}

    def put_anyway(self, key: str, record: Record) -> None:
        """Write a record that a refusal does not take back."""
        self._anyway[key] = record

    def commit_refused(self) -> None:
        """Store what is to be kept of a command that was refused."""
        if self._anyway:
            self._store.commit(self._anyway)

    def order(self, name: str) -> Order | None:
        """Return an order."""
        record = self.get(f"order/{name}")
        if record is None:
            return None
        return Order(**{**record, "policy": tuple(record["policy"])})

    def save_order(self, order: Order) -> Order:
        """Write an order."""
        self.put(f"order/{order.id}", asdict(order))
        return order

    def order_of(self, iccid: str) -> tuple[Order, int] | None:
        """Return the order that an ICCID is of, and its place there."""
        if not (iccid.startswith(ICCID_ISSUER) and len(iccid) == 19 and is_luhn(iccid)):
            return None
        serial = int(iccid[len(ICCID_ISSUER) : -1])
        for first, count, name in self.get("ranges") or ():
            if first <= serial < first + count:
                order = self.order(name)
                return (order, serial - first) if order is not None else None
        return None

    def entry(self, iccid: str) -> Entry | None:
        """Return the entry of a profile that is bound."""
        record = self.get(f"entry/{iccid}")
        if record is None:
            return None
        return Entry(
            **{**record, "state": State(record["state"]), "remarks": tuple(record["remarks"])}
        )

    def add_entry(self, entry: Entry) -> None:
        """Write a new entry with the ways to find it."""
        self._put_entry(entry)
        self.put(f"package/{entry.package}", entry.iccid)
        self.put(f"transaction/{entry.transaction}", entry.iccid)

    def _put_entry(self, entry: Entry) -> None:
        self.put(f"entry/{entry.iccid}", asdict(entry))

    def state(self, entry: Entry) -> State:
        """Return the state of an entry; a delivery that is handed over is DELIVERED as a whole."""
        if entry.state is State.BOUND:
            delivery = self.delivery(entry.delivery)
            if delivery is not None and delivery.handed_over:
                return State.DELIVERED
        return entry.state

    def move(self, entry: Entry, state: State, **changes: Any) -> Entry:
        """Bring an entry into another state, and count."""
        before = self.state(entry)
        order = self.order(entry.order)
        if order is not None and before is not state:
            states = dict(order.states)
            states[before] = states.get(before, 0) - 1
            states[state] = states.get(state, 0) + 1
            self.save_order(replace(order, states={k: n for k, n in states.items() if n}))
        delivery = self.delivery(entry.delivery)
        if delivery is not None and before is State.BOUND and state is not State.BOUND:
            self.save_delivery(replace(delivery, bound=delivery.bound - 1))
        moved = replace(entry, state=state, **changes)
        self._put_entry(moved)
        return moved

    def note(self, entry: Entry, **changes: Any) -> Entry:
        """Change an entry that stays in its state."""
        noted = replace(entry, **changes)
        self._put_entry(noted)
        return noted

    def by_package(self, package: str) -> Entry | None:
        """Return the entry of a package."""
        iccid = self.get(f"package/{package}")
        return self.entry(iccid) if iccid is not None else None

    def by_transaction(self, transaction: str) -> Entry | None:
        """Return the entry of a transaction id."""
        iccid = self.get(f"transaction/{transaction}")
        return self.entry(iccid) if iccid is not None else None

    def euicc(self, eid: str) -> EuiccData | None:
        """Return the data of an eUICC."""
        record = self.get(f"euicc/{eid}")
        if record is None:
            return None
        keys = {ref: Key(**key) for ref, key in record["keys"].items()}
        return EuiccData(**{**record, "keys": keys})

    def save_euicc(self, data: EuiccData) -> None:
        """Write the data of an eUICC."""
        self.put(f"euicc/{data.eid}", asdict(data))

    def job(self, name: str) -> Job | None:
        """Return a binding job."""
        record = self.get(f"job/{name}")
        return Job(**{**record, "at": position_of(record["at"])}) if record is not None else None

    def save_job(self, job: Job) -> Job:
        """Write a binding job."""
        self.put(f"job/{job.id}", asdict(job))
        return job

    def delivery(self, name: str) -> Delivered | None:
        """Return a delivery."""
        record: Record = self.get(f"delivery/{name}")
        return Delivered(**record) if record is not None else None

    def save_delivery(self, delivery: Delivered) -> None:
        """Write a delivery."""
        self.put(f"delivery/{delivery.id}", asdict(delivery))
