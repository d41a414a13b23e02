"""The non-volatile memory: records behind a store, changed by whole commands only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, cast

from sgprobe.peers.euicc.factory_records import FACTORY_KINDS
from sgprobe.peers.euicc.records import KINDS, Kept, Settings
from sgprobe.peers.store import Changes, Store

T = TypeVar("T", bound=Kept)
Tables = dict[str, dict[str, Kept]]


class State:
    """The records as of the last command; `commit` is the only way to change them."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._tables: Tables = {}
        self.reload()

    def reload(self) -> None:
        """Read everything from the store, as after a power cut."""
        self._tables = {}
        for kind in (*KINDS, *FACTORY_KINDS):
            prefix = f"{self._prefix}/{kind.kind}/"
            self._tables[kind.kind] = {
                key[len(prefix) :]: kind(**self._store.get(key)) for key in self._store.keys(prefix)
            }

    def draft(self) -> Draft:
        """Return a view in which one command makes its changes."""
        return Draft(self._tables)

    def commit(self, draft: Draft) -> None:
        """Make the changes of a draft durable, all of them or none."""
        changes: dict[str, Any] = {}
        for kind, records in draft.changed.items():
            for key, record in records.items():
                if record is self._tables[kind].get(key):
                    continue
                place = f"{self._prefix}/{kind}/{key}"
                changes[place] = None if record is None else record.record()
        if not changes:
            return
        self._store.commit(cast("Changes", changes))
        for kind, records in draft.changed.items():
            table = self._tables[kind]
            for key, record in records.items():
                if record is None:
                    table.pop(key, None)
                else:
                    table[key] = record


class Draft:
    """The records as one command sees and changes them; nothing is durable before the commit."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.changed: dict[str, dict[str, Kept | None]] = {}

    def find(self, kind: type[T], key: str = "") -> T | None:
        """Return a record, or None."""
        changed = self.changed.get(kind.kind)
        if changed is not None and key in changed:
            return cast("T | None", changed[key])
        return cast("T | None", self._tables[kind.kind].get(key))

    def before(self, kind: type[T], key: str = "") -> T | None:
        """Return a record as it was when the command began, or None."""
        return cast("T | None", self._tables[kind.kind].get(key))

    def touched(self, kind: type[Kept]) -> list[str]:
        """Return the keys of the records of a kind that this command has put or removed."""
        return list(self.changed.get(kind.kind, ()))

    def all(self, kind: type[T]) -> list[T]:
        """Return all records of a kind in the order of their keys."""
        table = self._tables[kind.kind]
        changed = self.changed.get(kind.kind)
        records: dict[str, Kept | None] = {**table, **changed} if changed else {**table}
        there = [records[key] for key in sorted(records)]
        return cast("list[T]", [record for record in there if record is not None])

    def put(self, record: Kept) -> None:
        """Add a record, or replace the one with its key."""
        self.changed.setdefault(record.kind, {})[record.key] = record

    def remove(self, record: Kept) -> None:
        """Take a record away."""
        self.changed.setdefault(record.kind, {})[record.key] = None

    @property
    def settings(self) -> Settings:
        """The settings record."""
        return self.find(Settings) or Settings()

    def set(self, **members: Any) -> None:
        """Change members of the settings."""
        self.put(replace(self.settings, **members))

    def next_seq(self) -> int:
        """Take the next sequence number. SGP.32 §2.11.2.1: one space for all that is pending."""
        number = self.settings.seq + 1
        self.set(seq=number)
        return number
