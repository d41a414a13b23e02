"""What a station has done, on a disk, before and after it does it.

An attempt is written down and flushed before its first command, with room for its end: a station
whose disk is full stops before a result could be lost.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sgprobe.peers.fpa.outcome import Code, Outcome, outcome_of

# a Profile Installation Result has some 200 octets, a signed state with certificates 1500
_ROOM = 16_384


class JournalError(Exception):
    """The journal cannot be written or read; the station must not load anything."""


class JournalBusy(JournalError):
    """Another process writes this journal: the station works elsewhere."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: its number within delivery and station, and what it is about."""

    delivery: str
    sequence: int
    package: str
    eid: str
    iccid: str
    attempt: int
    started: float


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over."""

    attempt: Attempt
    milliseconds: int
    outcome: Outcome


@dataclass
class Journal:
    """The journal of one station; only one process writes it."""

    path: Path
    _at: int = 0
    _file: int = -1
    # the attempt that has begun and not ended, and the last one that has
    open: Attempt | None = None
    last: Ended | None = None
    _last: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise JournalBusy(f"{self.path}: another process writes it") from None
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror}") from None
        for one, end in self._lines():
            self._at = end
            if isinstance(one, Attempt):
                self.open = one
                self._last[one.delivery] = one.sequence
            elif self.open is not None:
                self.last = Ended(self.open, *one)
                self.open = None

    def _lines(self) -> Iterator[tuple[Attempt | tuple[int, Outcome], int]]:
        """Walk the lines that were written whole; what follows them is room, or torn."""
        with self.path.open("rb") as file:
            end = 0
            for number, line in enumerate(file, 1):
                if line[:1] == b"\0" or not line.endswith(b"\n"):
                    return
                end += len(line)
                try:
                    value = json.loads(line)
                    one = (Attempt(**value["begin"]) if "begin" in value
                           else (int(value["ms"]), outcome_of(value["end"])))  # fmt: skip
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    text = f"{self.path}:{number}: this line is damaged; keep the file for people"
                    raise JournalError(text) from None
                yield one, end

    def _write(self, value: dict[str, Any], room: int) -> None:
        data = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        try:
            if room:
                os.posix_fallocate(self._file, self._at, len(data) + room)
            written = 0
            while written < len(data):
                written += os.pwrite(self._file, data[written:], self._at + written)
            os.fdatasync(self._file)
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror}") from None
        self._at += len(data)

    def begin(
        self, delivery: str, package: str, eid: str, iccid: str, attempt: int, now: float
    ) -> Attempt:
        """Write down that an attempt begins. RB-50."""
        if self.open is not None:
            raise JournalError(f"{self.path}: attempt {self.open.sequence} has not ended")
        sequence = self._last.get(delivery, 0) + 1
        begun = Attempt(delivery, sequence, package, eid, iccid, attempt, now)
        record = {name: getattr(begun, name) for name in Attempt.__slots__}
        self._write({"begin": record}, _ROOM)
        self.open = begun
        self._last[delivery] = sequence
        return begun

    def end(self, outcome: Outcome, milliseconds: int) -> Ended:
        """Write down how the attempt ended, before anything else happens."""
        if self.open is None:
            raise JournalError(f"{self.path}: no attempt has begun")
        ended = Ended(self.open, milliseconds, outcome)
        self._write({"end": outcome.to_record(), "ms": milliseconds}, 0)
        self.open, self.last = None, ended
        return ended

    def recover(self) -> Ended | None:
        """End the attempt that a power cut has left open."""
        if self.open is None:
            return None
        return self.end(Outcome(code=Code.POWER_LOSS, text="the station lost power"), 0)

    def ended(self, delivery: str, after: int = 0) -> Iterator[Ended]:
        """Walk the attempts for a delivery that have ended, from a sequence number on."""
        begun: Attempt | None = None
        for one, _ in self._lines():
            if isinstance(one, Attempt):
                begun = one
            elif begun is not None:
                if begun.delivery == delivery and begun.sequence > after:
                    yield Ended(begun, *one)
                begun = None

    def last_of(self, delivery: str) -> int:
        """Return the number of the last attempt for a delivery, 0 where there was none."""
        return self._last.get(delivery, 0)

    def deliveries(self) -> list[str]:
        """Return the deliveries that the station has worked on."""
        return sorted(self._last)

    def fileno(self) -> int:
        """Return the number of the open file."""
        return self._file

    def abandon(self) -> None:
        """Let go of the file as the kernel does after a power cut: nothing more is written."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def close(self) -> None:
        """Give back the room that was kept, and close the file."""
        if self._file >= 0:
            os.ftruncate(self._file, self._at)
            os.close(self._file)
            self._file = -1
