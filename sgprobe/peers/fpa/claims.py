"""Which station has which package: one at a time, across threads, processes and copies. RB-46."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from sgprobe.peers.store import open_database

# stations wait for one another so long; a claim takes a millisecond
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a station learns when it asks for a package."""

    granted: bool
    # the number of this attempt, or of the last one
    attempt: int
    done: bool
    holder: str


class Claims:
    """The claim records of one delivery stock; every station uses the same file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = open_database(path, _PATIENCE)
        self._turn = threading.Lock()
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS claim (package TEXT PRIMARY KEY, holder TEXT,"
            " attempts INTEGER NOT NULL, done INTEGER NOT NULL)"
        )

    def claim(self, package: str, station: str) -> Claim:
        """Ask for a package; it is the station's until it is released or done."""
        with self._turn:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                row = self._db.execute(
                    "SELECT holder, attempts, done FROM claim WHERE package = ?", (package,)
                ).fetchone()
                holder, attempts, done = row or ("", 0, 0)
                granted = not done and holder in ("", station)
                if granted:
                    attempts += 1
                    self._db.execute(
                        "INSERT OR REPLACE INTO claim VALUES (?, ?, ?, 0)",
                        (package, station, attempts),
                    )
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        return Claim(granted, attempts, bool(done), holder or station)

    def release(self, package: str, station: str) -> None:
        """Give a package back, so that any station may try again."""
        self._change("UPDATE claim SET holder = '' WHERE package = ? AND holder = ? AND done = 0",
                     (package, station))  # fmt: skip

    def release_all(self, station: str) -> None:
        """Give back all that a station had in work when it stopped."""
        self._change("UPDATE claim SET holder = '' WHERE holder = ? AND done = ?", (station, 0))

    def done(self, package: str, station: str) -> None:
        """Know that a package is loaded; nobody gets it again."""
        self._change("UPDATE claim SET done = 1, holder = ? WHERE package = ?", (station, package))

    def find(self, package: str) -> Claim | None:
        """Return what is known of a package."""
        with self._turn:
            row = self._db.execute(
                "SELECT holder, attempts, done FROM claim WHERE package = ?", (package,)
            ).fetchone()
        return None if row is None else Claim(False, row[1], bool(row[2]), row[0])

    def _change(self, statement: str, values: tuple[str | int, ...]) -> None:
        with self._turn:
            self._db.execute(statement, values)

    def close(self) -> None:
        """Close the file."""
        self._db.close()
