"""One transaction of the eIM: it sees its own writes, and stores all of them or none."""

from __future__ import annotations

from collections.abc import Iterator

from sgprobe.peers.eim.records import (
    Device,
    Facts,
    Order,
    device_of,
    facts_of,
    order_of,
    to_record,
)
from sgprobe.peers.store import Record, Store

_DEVICE, _FACTS, _ORDER, _QUEUE = "eim/device/", "eim/facts/", "eim/order/", "eim/queue/"
_TAKEN = "eim/taken/"
_COUNTER, _TRANSACTION, _SERIAL = "eim/counter/", "eim/transaction/", "eim/serial"
OUTBOX, DOWNLOAD = "eim/outbox/", "eim/download/"


class Work:
    """What one command reads and changes; it must not live across an effect of a procedure."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes: dict[str, Record] = {}

    def get(self, key: str) -> Record:
        """Return a record as this command has it."""
        return self._changes[key] if key in self._changes else self._store.get(key)

    def put(self, key: str, record: Record) -> None:
        """Write a record; None deletes it."""
        self._changes[key] = record

    def keys(self, prefix: str) -> Iterator[str]:
        """Walk the stored keys that begin with `prefix`."""
        return self._store.keys(prefix)

    def commit(self) -> None:
        """Store all changes, or none."""
        if self._changes:
            self._store.commit(self._changes)
            self._changes = {}

    # --- eUICCs ---

    def device(self, eid: str) -> Device | None:
        """Return an eUICC that this eIM knows."""
        record = self.get(_DEVICE + eid)
        return None if record is None else device_of(record)

    def devices(self) -> Iterator[Device]:
        """Walk all eUICCs."""
        for key in self.keys(_DEVICE):
            found = self.device(key.removeprefix(_DEVICE))
            if found is not None:
                yield found

    def save_device(self, device: Device) -> Device:
        """Write an eUICC."""
        self.put(_DEVICE + device.eid, to_record(device))
        return device

    def facts(self, eid: str) -> Facts:
        """Return what an eUICC has said of itself."""
        record = self.get(_FACTS + eid)
        return Facts() if record is None else facts_of(record)

    def save_facts(self, eid: str, facts: Facts) -> Facts:
        """Write what an eUICC has said of itself."""
        self.put(_FACTS + eid, to_record(facts))
        return facts

    def taken(self, eid: str) -> dict[str, str]:
        """Return the sequence numbers taken of an eUICC, the newest last, with digests."""
        return dict(self.get(_TAKEN + eid) or {})

    def first_time(self, eid: str, seq: int, digest: str, limit: int) -> bool:
        """Remember that a sequence number was taken; say whether it is new."""
        known = self.taken(eid)
        if known.pop(str(seq), None) == digest:
            return False
        known[str(seq)] = digest
        while len(known) > limit:
            del known[next(iter(known))]
        self.put(_TAKEN + eid, known)
        return True

    # --- orders ---

    def order(self, name: str) -> Order | None:
        """Return an order by its id."""
        record = self.get(_ORDER + name)
        return None if record is None else order_of(record)

    def orders(self) -> Iterator[Order]:
        """Walk all orders, the oldest first."""
        for key in self.keys(_ORDER):
            found = self.order(key.removeprefix(_ORDER))
            if found is not None:
                yield found

    def next_id(self) -> str:
        """Take the next id of an order; ids sort as text."""
        serial = (self.get(_SERIAL) or 0) + 1
        self.put(_SERIAL, serial)
        return f"{serial:08d}"

    def save(self, order: Order) -> Order:
        """Write an order; one that is at its end leaves the queue."""
        self.put(_ORDER + order.id, to_record(order))
        if not order.open:
            queue = self.queue(order.eid)
            if order.id in queue:
                queue.remove(order.id)
                self.put(_QUEUE + order.eid, queue or None)
        return order

    def queue(self, eid: str) -> list[str]:
        """Return the ids of the open orders of an eUICC, in the order of delivery."""
        return list(self.get(_QUEUE + eid) or ())

    def enqueue(self, order: Order, first: bool = False) -> Order:
        """Write a new order and put it in the queue of its eUICC."""
        queue = self.queue(order.eid)
        queue.insert(0 if first else len(queue), order.id)
        self.put(_QUEUE + order.eid, queue)
        return self.save(order)

    def remember_counter(self, order: Order) -> None:
        """Keep which order a counter was signed for."""
        self.put(f"{_COUNTER}{order.eid}/{order.counter}", order.id)

    def by_counter(self, eid: str, counter: int) -> Order | None:
        """Return the order that a counter was signed for."""
        name = self.get(f"{_COUNTER}{eid}/{counter}")
        return None if name is None else self.order(name)

    def remember_transaction(self, order: Order) -> None:
        """Keep which order a transaction id was given to."""
        self.put(f"{_TRANSACTION}{order.transaction}", order.id)

    def by_transaction(self, transaction: bytes | str) -> Order | None:
        """Return the order that a transaction id was given to."""
        text = transaction if isinstance(transaction, str) else transaction.hex()
        name = self.get(f"{_TRANSACTION}{text}")
        return None if name is None else self.order(name)
