"""Event records: by EID for the eUICC that asks, by event id against doubles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sgprobe.peers.es9.status import refuse
from sgprobe.peers.store import Record, Store

# an eUICC that has more events waiting than this is not a customer
MAX_OF_EID = 256
MAX_EVENTS = 100_000
COUNT = "count"
OUTBOX = "outbox"
MAX_OUTBOX = 10_000


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One registered event: who is to ask where, and whether the root SM-DS is to know."""

    event_id: str
    eid: str
    address: str
    forwarding: bool
    at: float


class Ledger:
    """The event records of one command; nothing is stored before `commit`."""

    def __init__(self, store: Store, checks_doubles: bool = True) -> None:
        self._store = store
        self._checks_doubles = checks_doubles
        self._changes: dict[str, Record] = {}

    def _get(self, key: str) -> Record:
        return self._changes[key] if key in self._changes else self._store.get(key)

    def of_eid(self, eid: str) -> Iterator[EventRecord]:
        """Walk the events of an EID, the oldest first."""
        return (EventRecord(**one) for one in self._get(f"events/{eid}") or ())

    def register(self, event: EventRecord) -> None:
        """Add an event. SGP.22 §5.9.1."""
        if self._get(f"event/{event.event_id}") is not None and self._checks_doubles:
            raise refuse("event-duplicate", event.event_id)
        waiting = list(self.of_eid(event.eid))
        if len(waiting) >= MAX_OF_EID:
            raise refuse("event-limit", f"{MAX_OF_EID} events wait for this EID")
        count = self._get(COUNT) or 0
        if count >= MAX_EVENTS:
            raise refuse("event-limit", f"{MAX_EVENTS} events wait")
        self._changes[COUNT] = count + 1
        self._changes[f"event/{event.event_id}"] = event.eid
        self._changes[f"events/{event.eid}"] = [asdict(one) for one in (*waiting, event)]
        if event.forwarding:
            self._forward("register", event)

    def delete(self, eid: str, event_id: str) -> bool:
        """Take an event away; say whether it was there. SGP.22 §5.9.2."""
        waiting = list(self.of_eid(eid))
        found = [one for one in waiting if one.event_id == event_id]
        if not found:
            return False
        left = [asdict(one) for one in waiting if one.event_id != event_id]
        self._changes[f"events/{eid}"] = left or None
        self._changes[f"event/{event_id}"] = None
        self._changes[COUNT] = max(0, (self._get(COUNT) or 0) - len(found))
        if found[0].forwarding:
            self._forward("delete", found[0])
        return True

    def _forward(self, what: str, event: EventRecord) -> None:
        waiting = self._get(OUTBOX) or []
        entry = {"what": what, "eid": event.eid, "event_id": event.event_id}
        self._changes[OUTBOX] = [*waiting, entry][-MAX_OUTBOX:]

    def outbox(self) -> list[Record]:
        """Return what the root SM-DS is still to be told."""
        return list(self._get(OUTBOX) or ())

    def sent(self, entry: Record) -> None:
        """Take what the root SM-DS has been told off the list."""
        left = self.outbox()
        left.remove(entry)
        self._changes[OUTBOX] = left or None

    def commit(self) -> None:
        """Store all changes, or none."""
        if self._changes:
            self._store.commit(self._changes)
