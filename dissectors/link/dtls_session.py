"""One DTLS 1.2 session: its keys, its replay windows and what it hands up."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.link import tls_codes
from dissectors.link.dtls_fragments import MessageAssembler
from dissectors.link.dtls_records import Arrival, ReplayWindow, Sealed
from dissectors.link.stream import DatagramSink, Flow
from dissectors.link.tls_records import ContentType
from dissectors.link.tls_teller import Teller
from dissectors.link.tls_tracker import SessionTracker

MAX_HELD = 64  # protected records held until their keys can be known
MAX_HELD_BYTES = 1 << 16
MAX_MOVES = 16  # flows listed as joined by one session
MAX_FAILURES = 8  # records that stay closed before keys that never opened one count as wrong

_CHANGE = ContentType.CHANGE_CIPHER_SPEC
_ALERT = ContentType.ALERT
_HANDSHAKE = ContentType.HANDSHAKE
_DATA = ContentType.APPLICATION_DATA
_CID = ContentType.TLS12_CID

# (role of the sender, epoch, fragments, frames, time)
OnHandshake = Callable[[int, int, bytes, tuple[int, ...], float], None]


class DtlsSession:
    """One handshake and the records it protects, on whichever flow they come.

    A `role` is 0 for what the client sends, 1 for the server; `flip` maps it to sides of the flow.
    """

    __slots__ = (
        "_failures",
        "_held",
        "_held_bytes",
        "_on_handshake",
        "_settled",
        "_sink",
        "_teller",
        "_why_told",
        "_windows",
        "assembler",
        "client_random",
        "connection_ids",
        "epoch",
        "flip",
        "flow",
        "tracker",
    )

    def __init__(
        self,
        flow: Flow,
        flip: int,
        epoch: int,
        tracker: SessionTracker,
        sink: DatagramSink,
        teller: Teller,
        on_handshake: OnHandshake,
    ) -> None:
        self.flow = flow
        self.flip = flip  # 1 where the flow's opener is the server of this session
        self.epoch = epoch  # of the records that this handshake protects
        self.tracker = tracker
        tracker.flip = flip
        self.client_random = b""
        self.connection_ids: tuple[bytes, bytes] | None = None
        self.assembler = MessageAssembler()
        self._sink = sink
        self._teller = teller
        self._on_handshake = on_handshake
        self._windows = (ReplayWindow(), ReplayWindow())
        self._why_told = False
        self._failures: list[tuple[int, ...]] = []
        self._held: list[tuple[int, Sealed]] = []
        self._held_bytes = 0
        self._settled = False  # what the keys depend on is waited for no longer

    def open(self, role: int, record: Sealed) -> bool:
        """Hand up what a record holds, and tell whether it is a record of this session."""
        openers = self.tracker.openers()
        if openers is None:
            return False
        plain = openers[role].open(record.number, record.head, record.body)
        if plain is None:
            return False
        tracker = self.tracker
        tracker.opened += 1
        if tracker.unproven:
            tracker.confirm()
        if self._failures:
            self._tell_failures()
        if self._arrives(role, record):
            self._content(role, record, plain)
        return True

    def _arrives(self, role: int, record: Sealed) -> bool:
        arrival = self._windows[role].arrive(record.number)
        if arrival is Arrival.NEW:
            return True
        number = f"record {record.number & (1 << 48) - 1} of epoch {record.number >> 48}"
        if arrival is Arrival.AGAIN:
            text = f"{number} came again; it is handed up once"
            self._teller.tell(tls_codes.DTLS_REPLAY, text, record.frames)
        elif arrival is Arrival.STALE:
            text = f"{number} is far behind the newest and may be a repetition; it is left out"
            self._teller.tell(tls_codes.DTLS_STALE, text, record.frames)
        return False

    def _content(self, role: int, record: Sealed, plain: bytes) -> None:
        kind, frames = record.kind, record.frames
        if kind == _CID:  # RFC 9146 §4: content, type and padding
            plain = plain.rstrip(b"\x00")
            if not plain:
                text = "the record holds only padding"
                self._teller.tell(tls_codes.BAD_INNER, text, frames)
                return
            kind = plain[-1]
            plain = plain[:-1]
        elif self.connection_ids is not None and self.connection_ids[role]:
            text = "the record lacks the connection ID that was agreed"
            self._teller.tell(tls_codes.UNEXPECTED, text, frames)
        if kind == _DATA:
            if plain:
                self._sink.datagram(role ^ self.flip, plain, frames, record.time)
        elif kind == _HANDSHAKE:
            self._on_handshake(role ^ self.flip, record.number >> 48, plain, frames, record.time)
        elif kind == _ALERT:
            self.alert(role, plain, True, frames)
        elif kind != _CHANGE:  # a renegotiation announces its change of keys under the old ones
            text = f"a protected record of type {kind}"
            self._teller.tell(tls_codes.UNEXPECTED, text, frames)

    def alert(self, role: int, data: bytes, encrypted: bool, frames: tuple[int, ...]) -> None:
        """Note an alert."""
        told = self.tracker.alert(role, data, encrypted, frames)
        if told is not None:
            self._teller.hand(told, frames)

    def leave_closed(self, role: int, record: Sealed) -> None:
        """Take a record that nothing opens: hold it while its keys may still come, or count it."""
        if self.tracker.awaiting and not self._settled:
            self._held.append((role, record))
            record.body = bytes(record.body)
            self._held_bytes += len(record.body)
            if len(self._held) > MAX_HELD or self._held_bytes > MAX_HELD_BYTES:
                self.settle()
            return
        tracker = self.tracker
        tracker.closed += 1
        if record.kind == _ALERT:
            tracker.alert(role, b"", True, record.frames)
        if tracker.openers() is None:
            if not tracker.hellos:
                tracker.lack_hello()
            if not self._why_told:
                self._why_told = True
                self._teller.hand(tracker.why_closed(), record.frames)
        elif tracker.opened:
            self._tell_closed(record.frames)
        elif len(self._failures) < MAX_FAILURES:
            self._failures.append(record.frames)
            if len(self._failures) == MAX_FAILURES:
                self._tell_wrong()

    def _tell_closed(self, frames: tuple[int, ...]) -> None:
        text = "this record does not open: it is damaged, or not of this session"
        self._teller.tell(tls_codes.RECORD_CLOSED, text, frames)

    def _tell_failures(self) -> None:
        """Report records that stayed closed before the first one opened."""
        failures, self._failures = self._failures, []
        for frames in failures:
            self._tell_closed(frames)

    def _tell_wrong(self) -> None:
        if not self.tracker.wrong:
            self.tracker.note_wrong()
            self._teller.hand(self.tracker.why_closed(), self._failures[0])

    def join(self, flow: Flow, frames: tuple[int, ...]) -> None:
        """Go on over another flow too, after an authentic record came there."""
        if len(self.tracker.moved_to) < MAX_MOVES:
            self.tracker.moved_to.append(flow)
        text = f"the session of {self.flow.client} goes on over {flow.client} - {flow.server}"
        self._teller.tell(tls_codes.DTLS_PEER_MOVED, text, frames)

    def release(self) -> None:
        """Try what is held again, when something its keys depend on has come."""
        if self.tracker.awaiting and not self._settled:
            return
        held, self._held, self._held_bytes = self._held, [], 0
        for role, record in held:
            if not self.open(role, record):
                self.leave_closed(role, record)

    def settle(self) -> None:
        """Wait no longer: process what is held as it is."""
        self._settled = True
        self.release()

    def close(self) -> None:
        """End the session: say of its records what was not said before."""
        self.settle()
        if self._failures and not self.tracker.opened:
            self._tell_wrong()
        if self.assembler.unfinished:
            text = f"{self.assembler.unfinished} handshake messages lack fragments"
            self._teller.tell(tls_codes.DTLS_FRAGMENTS, text, ())
        self.tracker.retransmissions = self.assembler.retransmissions
