"""What one command of a server changes, and what it leaves to be told to other servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sgprobe.peers.effects import Procedure
from sgprobe.peers.es9.status import STATUS
from sgprobe.peers.es9client import ServerRefusal
from sgprobe.peers.es12client import Es12Client
from sgprobe.peers.store import Record, Store

_OUTBOX = "outbox"
# an SM-DS that is away for so long has missed something
MAX_OUTBOX = 1_000
REGISTER, DELETE = "register", "delete"
# the answers of an SM-DS that was told before, and whose first answer was lost
_TOLD = {
    (STATUS[name].subject, STATUS[name].reason) for name in ("event-duplicate", "event-unknown")
}


class Transaction:
    """Reads see the command's own writes; nothing is stored before `commit`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes: dict[str, Record] = {}

    def get(self, key: str) -> Record:
        """Return a record as this command has it."""
        return self._changes[key] if key in self._changes else self._store.get(key)

    def put(self, key: str, record: Record) -> None:
        """Write a record; None deletes it."""
        self._changes[key] = record

    def commit(self) -> None:
        """Store all changes, or none."""
        if self._changes:
            self._store.commit(self._changes)

    def tell(self, what: str, smds: str, eid: str, event_id: str) -> None:
        """Leave an event to be registered at, or deleted from, another SM-DS."""
        entry = {"what": what, "smds": smds, "eid": eid, "event_id": event_id}
        self.put(_OUTBOX, [*self.outbox(), entry][-MAX_OUTBOX:])

    def outbox(self) -> list[dict[str, Any]]:
        """Return what is still to be told, the oldest first."""
        return list(self.get(_OUTBOX) or ())

    def told(self, entry: dict[str, Any]) -> None:
        """Take an entry off the list."""
        left = self.outbox()
        if entry in left:
            left.remove(entry)
        self.put(_OUTBOX, left or None)


def tell_all(store: Store, own_address: str, client: Callable[[str], Es12Client]) -> Procedure[int]:
    """Tell other SM-DSs what is to be told; return how many entries they took.

    `client` gives the client of an SM-DS address; the eUICC is sent to `own_address`.
    """
    taken = 0
    for entry in Transaction(store).outbox():
        server, eid, event_id = client(entry["smds"]), entry["eid"], entry["event_id"]
        try:
            if entry["what"] == REGISTER:
                yield from server.register_event(eid, event_id, own_address)
            else:
                yield from server.delete_event(eid, event_id)
        except ServerRefusal as refusal:
            if (refusal.subject, refusal.reason) not in _TOLD:
                raise
        done = Transaction(store)
        done.told(entry)
        done.commit()
        taken += 1
    return taken
