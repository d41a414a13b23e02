"""Says of the records of a TLS stream that stay closed why they do, each reason once."""

from __future__ import annotations

from dissectors.link import keylog, tls_codes
from dissectors.link.tls_direction import Direction
from dissectors.link.tls_protection import WINDOW, Protection12, Protection13
from dissectors.link.tls_records import ContentType
from dissectors.link.tls_teller import Teller
from dissectors.link.tls_tracker import SessionTracker

MAX_FAILURES = 8  # records in a row that stay closed though there is a key

_ALERT = ContentType.ALERT
_HANDSHAKE = ContentType.HANDSHAKE
_DATA = ContentType.APPLICATION_DATA


class ClosedRecords:
    """Counts the closed records of one handshake after the other and reports them."""

    __slots__ = ("_renegotiation_told", "_teller", "_why_told")

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._why_told = False
        self._renegotiation_told = False

    def begin(self) -> None:
        """Start with a new handshake."""
        self._why_told = self._renegotiation_told = False

    def without_key(
        self,
        d: Direction,
        sides: tuple[Direction, Direction],
        tracker: SessionTracker,
        kind: int,
        frames: tuple[int, ...],
    ) -> None:
        """Take a record for which there is no secret; `kind` is the type seen from outside."""
        tracker.closed += 1
        for each in sides:
            if isinstance(each.protection, Protection13):
                tracker.missing |= each.protection.lacking
        if kind == _ALERT:
            tracker.alert(d.side, b"", True, frames)
        elif kind == _HANDSHAKE and d.sent_data:
            d.sent_data = False  # told once for each handshake
            text = "a handshake inside the session, which stays closed"
            self._teller.tell(tls_codes.RENEGOTIATION, text, frames)
        elif kind == _DATA and d.protection is not None and not d.protection.inner:
            d.sent_data = True
        if not self._why_told:
            self._why_told = True
            self._teller.hand(tracker.why_closed(), frames)

    def keys_not_changed(
        self, d: Direction, tracker: SessionTracker, frames: tuple[int, ...]
    ) -> None:
        """Take a change of keys to ones that are not known."""
        d.sent_data = False
        if tracker.number > 1 and not self._renegotiation_told:
            self._renegotiation_told = True
            text = "the session renegotiates; its new keys are not known"
            self._teller.tell(tls_codes.RENEGOTIATION, text, frames)

    def despite_key(self, d: Direction, tracker: SessionTracker, frames: tuple[int, ...]) -> bool:
        """Take a record that its key does not open; tell whether there were too many in a row."""
        tracker.closed += 1
        d.failures.append(frames)
        return len(d.failures) >= MAX_FAILURES

    def behind_hole(self, d: Direction, frames: tuple[int, ...]) -> bool:
        """Take what looks like a record behind a hole and does not open; tell when to give up."""
        d.refused.append(frames)
        return len(d.refused) >= MAX_FAILURES

    def report(
        self, d: Direction, sides: tuple[Direction, Direction], tracker: SessionTracker
    ) -> None:
        """Report the records in a row that their key did not open."""
        if d.refused:
            text = f"no record behind the hole opens within {WINDOW} numbers; the rest stays closed"
            self._teller.tell(tls_codes.STOPPED, text, d.refused[0])
            d.refused = []
        failures, d.failures = d.failures, []
        if not failures:
            return
        if not tracker.opened:
            if not tracker.wrong:
                tracker.wrong = True
                self._name_wrong(sides, tracker)
                self._teller.hand(tracker.why_closed(), failures[0])
            return
        for frames in failures:
            text = "this record does not open: it is damaged, or a record before it was lost"
            self._teller.tell(tls_codes.RECORD_CLOSED, text, frames)
        if len(failures) >= MAX_FAILURES:
            text = f"{len(failures)} records in a row stay closed; this direction is given up"
            self._teller.tell(tls_codes.STOPPED, text, failures[-1])

    @staticmethod
    def _name_wrong(sides: tuple[Direction, Direction], tracker: SessionTracker) -> None:
        """Name the key log lines whose secrets proved wrong."""
        for each in sides:
            if isinstance(each.protection, Protection13):
                tracker.missing.add(each.protection.label)
            elif isinstance(each.protection, Protection12):
                tracker.missing.add(keylog.CLIENT_RANDOM)
