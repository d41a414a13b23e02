"""Event records: by EID for the eUICC that asks, by event id against doubles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sgprobe.peers.es9.status import refuse
from sgprobe.peers.es9.transaction import DELETE, REGISTER, Transaction
from sgprobe.peers.store import Store

# an eUICC that has more events waiting than this is not a customer
MAX_OF_EID = 256
MAX_EVENTS = 100_000
COUNT = "count"


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One registered event: who is to ask where, and whether the root SM-DS is to know."""

    event_id: str
    eid: str
    address: str
    forwarding: bool
    at: float


class Ledger(Transaction):
    """The event records of one command; those that forward are left to be told to the root."""

    def __init__(self, store: Store, root: str, checks_doubles: bool = True) -> None:
        super().__init__(store)
        self._root = root
        self._checks_doubles = checks_doubles

    def of_eid(self, eid: str) -> Iterator[EventRecord]:
        """Walk the events of an EID, the oldest first."""
        return (EventRecord(**one) for one in self.get(f"events/{eid}") or ())

    def register(self, event: EventRecord) -> None:
        """Add an event. SGP.22 §5.9.1."""
        if self.get(f"event/{event.event_id}") is not None and self._checks_doubles:
            raise refuse("event-duplicate", event.event_id)
        if event.forwarding and not self._root:
            raise refuse("root-unavailable", "this server has no root to forward to")
        waiting = list(self.of_eid(event.eid))
        if len(waiting) >= MAX_OF_EID:
            raise refuse("event-limit", f"{MAX_OF_EID} events wait for this EID")
        count = self.get(COUNT) or 0
        if count >= MAX_EVENTS:
            raise refuse("event-limit", f"{MAX_EVENTS} events wait")
        self.put(COUNT, count + 1)
        self.put(f"event/{event.event_id}", event.eid)
        self.put(f"events/{event.eid}", [asdict(one) for one in (*waiting, event)])
        if event.forwarding:
            self.tell(REGISTER, self._root, event.eid, event.event_id)

    def delete(self, eid: str, event_id: str) -> bool:
        """Take an event away; say whether it was there. SGP.22 §5.9.2."""
        waiting = list(self.of_eid(eid))
        found = [one for one in waiting if one.event_id == event_id]
        if not found:
            return False
        left = [asdict(one) for one in waiting if one.event_id != event_id]
        self.put(f"events/{eid}", left or None)
        self.put(f"event/{event_id}", None)
        self.put(COUNT, max(0, (self.get(COUNT) or 0) - len(found)))
        if found[0].forwarding:
            self.tell(DELETE, self._root, eid, event_id)
        return True
