"""What a role remembers: JSON records under text keys, changed only in whole transactions.

A role computes all changes of one command, commits them, and answers only then. A power cut
leaves the state before or after the command, never between.
"""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

Record: TypeAlias = Any  # JSON data
# what one command changes: new records by key, None deletes
Changes: TypeAlias = Mapping[str, Record]
# SQLite quotes names of a damaged file in its messages, which may be no text
_FAULTS = (sqlite3.Error, UnicodeDecodeError)


def open_database(path: Path | str, patience: float = 5.0) -> sqlite3.Connection:
    """Return a SQLite file that survives a power cut; OSError names the file that is none."""
    found = None
    try:
        found = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=patience
        )
        found.execute("PRAGMA journal_mode=WAL")
        found.execute("PRAGMA synchronous=NORMAL")
    except _FAULTS as error:
        if found is not None:
            found.close()
        raise OSError(errno.EIO, f"no store to write to: {error}", str(path)) from None
    return found


class Store(Protocol):
    """A place for records; `commit` is atomic."""

    def get(self, key: str) -> Record:
        """Return a record, or None."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Walk the keys that begin with `prefix`, in order."""

    def commit(self, changes: Changes) -> None:
        """Apply all changes, or none."""


class MemoryStore:
    """Records in memory; they are kept as text, so that nobody changes them in passing."""

    def __init__(self) -> None:
        self._records: dict[str, str] = {}

    def get(self, key: str) -> Record:
        text = self._records.get(key)
        return None if text is None else json.loads(text)

    def keys(self, prefix: str = "") -> Iterator[str]:
        return iter(sorted(key for key in self._records if key.startswith(prefix)))

    def commit(self, changes: Changes) -> None:
        # encode first: a record that is no JSON must leave everything as it was
        new = {key: None if r is None else json.dumps(r) for key, r in changes.items()}
        for key, text in new.items():
            if text is None:
                self._records.pop(key, None)
            else:
                self._records[key] = text


class SqliteStore:
    """Records in one SQLite file; a file that cannot be read or written is an OSError."""

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        self._db = open_database(path)
        try:
            self._do("CREATE TABLE IF NOT EXISTS record (key TEXT PRIMARY KEY, value TEXT)")
        except OSError:
            self._db.close()
            raise

    def get(self, key: str) -> Record:
        rows = self._do("SELECT value FROM record WHERE key = ?", key)
        try:
            return json.loads(rows[0][0]) if rows else None
        except (ValueError, TypeError, RecursionError):
            raise self._broken(f"the record {key[:80]!r} is damaged") from None

    def keys(self, prefix: str = "") -> Iterator[str]:
        rows = self._do(
            "SELECT key FROM record WHERE key >= ? AND key < ? ORDER BY key",
            prefix,
            prefix + "\U0010ffff",
        )
        if not all(isinstance(row[0], str) for row in rows):
            raise self._broken("a key is damaged")
        return (row[0] for row in rows)

    def commit(self, changes: Changes) -> None:
        new = [(key, None if r is None else json.dumps(r)) for key, r in changes.items()]
        self._do("BEGIN IMMEDIATE")
        try:
            for key, text in new:
                if text is None:
                    self._do("DELETE FROM record WHERE key = ?", key)
                else:
                    self._do("INSERT OR REPLACE INTO record VALUES (?, ?)", key, text)
        except BaseException:
            if self._db.in_transaction:
                self._do("ROLLBACK")
            raise
        self._do("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _do(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except _FAULTS as error:
            # a disk that is full, a file that is damaged, or that somebody else has in work
            raise self._broken(f"the store cannot be used: {error}") from None

    def _broken(self, why: str) -> OSError:
        return OSError(errno.EIO, why, self._path)
