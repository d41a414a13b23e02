"""The record protection of one direction: its opener, its sequence number, its way to the next key.

After a hole in the stream the sequence number is searched in a bounded window; the tag of a record
proves the number found. Every try counts against one budget, so that no stream can buy time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dissectors.link import keylog, tls_keys
from dissectors.link.tls_records import Buffer
from dissectors.link.tls_suites import Suite, suite
from dissectors.link.tls_tracker import SessionTracker

if TYPE_CHECKING:
    from dissectors.link.tls_openers import Opener

WINDOW = 1024  # sequence numbers tried for one record
BUDGET = 1 << 24  # bytes decrypted in vain, for one direction
_TRY_COST = 256  # a try costs as much as so many bytes, however short its record


class Protection:
    """Opens no record: the protection of a direction without usable secrets."""

    __slots__ = ("inner",)

    def __init__(self, inner: bool) -> None:
        self.inner = inner  # TLS 1.3: the content type is inside

    def open(self, header: bytes, body: Buffer) -> bytes | None:
        """Return the plain bytes of the next record, or None when nothing opens it."""
        return None

    def lost(self, least: int, most: int) -> None:
        """Learn that between `least` and `most` records were not captured."""

    @property
    def blind(self) -> bool:
        """Tell whether there is no secret for the records that come now."""
        return True


class Protection12(Protection):
    """Opens TLS 1.2 records under one key."""

    __slots__ = ("_budget", "_opener", "_window", "seq")

    def __init__(self, opener: Opener) -> None:
        super().__init__(inner=False)
        self._opener = opener
        self.seq = 0
        self._window = 0
        self._budget = BUDGET

    @property
    def blind(self) -> bool:
        """Tell that the secret is there."""
        return False

    def open(self, header: bytes, body: Buffer) -> bytes | None:
        """Open a record with the next sequence number, after a hole with one near it."""
        seq = self.seq
        plain = self._opener.open(seq, seq.to_bytes(8, "big") + header[:3], body)
        if plain is not None:
            self.seq = seq + 1
            self._window = 0
            return plain
        for found in range(seq + 1, seq + 1 + self._window):
            self._budget -= len(body) + _TRY_COST
            if self._budget < 0:
                break
            plain = self._opener.open(found, found.to_bytes(8, "big") + header[:3], body)
            if plain is not None:
                self.seq = found + 1
                self._window = 0
                return plain
        return None

    def lost(self, least: int, most: int) -> None:
        """Move the sequence number by what was lost for certain, and widen the window by doubt."""
        self.seq += least
        self._window = min(WINDOW, self._window + most - least)


@dataclass(slots=True)
class Stage:
    """One traffic secret on the way of a TLS 1.3 direction, None where the log lacks it."""

    label: str
    suite: Suite
    secret: bytes | None
    opener: Opener | None = None

    def ready(self) -> Opener | None:
        """Return the opener, made on first use."""
        if self.opener is None and self.secret is not None:
            self.opener = tls_keys.opener_13(self.suite, self.secret)
        return self.opener


class Protection13(Protection):
    """Opens TLS 1.3 records, moving along the secrets of one direction."""

    __slots__ = ("_budget", "_opener", "_stages", "_window", "generation", "seq")

    def __init__(self, stages: list[Stage]) -> None:
        super().__init__(inner=True)
        self._stages = stages
        self._opener = stages[0].ready()
        self.seq = 0
        self.generation = 0  # KeyUpdates so far
        self._window = 0
        self._budget = BUDGET

    @property
    def blind(self) -> bool:
        """Tell whether the secret of the stage reached is missing."""
        return self._opener is None

    @property
    def label(self) -> str:
        """Return the key log label of the stage reached."""
        return self._stages[0].label

    @property
    def last_label(self) -> str:
        """Return the key log label of the last stage known."""
        return self._stages[-1].label

    @property
    def lacking(self) -> set[str]:
        """Return the labels of the stages, from the one reached, that the key log lacks."""
        return {stage.label for stage in self._stages if stage.secret is None}

    def extend(self, stages: list[Stage]) -> None:
        """Append the stages that a ServerHello makes known."""
        self._stages += stages

    def open(self, header: bytes, body: Buffer) -> bytes | None:
        """Open a record with the key and number expected, else look further along."""
        if self._opener is not None:
            plain = self._opener.open(self.seq, header, body)
            if plain is not None:
                self.seq += 1
                self._window = 0
                return plain
        return self._search(header, body)

    def _search(self, header: bytes, body: Buffer) -> bytes | None:
        if self._opener is not None and self._window:
            plain = self._try(self._opener, self.seq + 1, self._window, header, body)
            if plain is not None:
                return plain
        # The step to the next secret is a handshake message, which may be lost or closed to us.
        for ahead, stage in enumerate(self._stages[1:], 1):
            opener = stage.ready()
            if opener is None:
                continue
            plain = self._try(opener, 0, self._window + 1, header, body)
            if plain is not None:
                del self._stages[:ahead]
                self._opener = opener
                return plain
        last = self._stages[0]
        if self._window and len(self._stages) == 1 and last.secret is not None:
            updated = Stage(last.label, last.suite, tls_keys.next_secret(last.suite, last.secret))
            opener = updated.ready()
            if opener is not None:
                plain = self._try(opener, 0, self._window + 1, header, body)
                if plain is not None:
                    self._stages[0] = updated
                    self._opener = opener
                    self.generation += 1
                    return plain
        return None

    def _try(
        self, opener: Opener, first: int, count: int, header: bytes, body: Buffer
    ) -> bytes | None:
        for seq in range(first, first + count):
            self._budget -= len(body) + _TRY_COST
            if self._budget < 0:
                return None
            plain = opener.open(seq, header, body)
            if plain is not None:
                self.seq = seq + 1
                self._window = 0
                return plain
        return None

    def lost(self, least: int, most: int) -> None:
        """Move the sequence number by what was lost for certain, and widen the window by doubt."""
        self.seq += least
        self._window = min(WINDOW, self._window + most - least)

    def advance(self, label: str) -> None:
        """Move on to the first stage that is not of `label` (Finished, EndOfEarlyData)."""
        reached = self._stages[0]
        while len(self._stages) > 1 and self._stages[0].label == label:
            del self._stages[0]
        if self._stages[0] is not reached:
            self._opener = self._stages[0].ready()
            self.seq = 0

    def update(self) -> None:
        """Move on to the next generation of the last secret (KeyUpdate, RFC 8446 §7.2)."""
        last = self._stages[0]
        if last.secret is not None:
            secret = tls_keys.next_secret(last.suite, last.secret)
            self._stages[0] = updated = Stage(last.label, last.suite, secret)
            self._opener = updated.ready()
        self.seq = 0
        self.generation += 1


_STAGES = (
    (keylog.CLIENT_HANDSHAKE, keylog.CLIENT_TRAFFIC),
    (keylog.SERVER_HANDSHAKE, keylog.SERVER_TRAFFIC),
)
_MAX_GUESSES = 5  # suites tried for 0-RTT records: as many as TLS 1.3 has


def establish(tracker: SessionTracker, side: int, current: Protection | None) -> Protection:
    """Return the protection of a TLS 1.3 direction once both hellos are known (RFC 8446 §7.3)."""
    chosen = tracker.usable_suite()
    if chosen is None:
        return Protection(inner=True)
    if isinstance(current, Protection13) and current.last_label != keylog.CLIENT_EARLY:
        return current
    stages = [Stage(label, chosen, tracker.secret(label)) for label in _STAGES[side]]
    if isinstance(current, Protection13):
        current.extend(stages)
        return current
    return Protection13(stages)


def early_protection(tracker: SessionTracker) -> Protection:
    """Return what opens 0-RTT records: the suite is the one of the ticket, found by trying."""
    secret = tracker.secret(keylog.CLIENT_EARLY)
    stages: list[Stage] = []
    for code in tracker.client.suites if tracker.client is not None else ():
        offered = suite(code)
        if offered is None or not offered.tls13:
            continue
        stages.append(Stage(keylog.CLIENT_EARLY, offered, secret))
        if secret is None or len(stages) == _MAX_GUESSES:
            break
    return Protection13(stages) if stages else Protection(inner=True)
