"""DTLS 1.2 over one UDP flow: protected records in, application datagrams out."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.finding import Finding
from dissectors.link import tls_codes
from dissectors.link.dtls_fragments import Fragment, split_fragments
from dissectors.link.dtls_records import HEADER, Sealed, cid_head, plain_head
from dissectors.link.dtls_registry import CidRegistry
from dissectors.link.dtls_session import DtlsSession
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import DatagramSink, Flow
from dissectors.link.tls_handshake import Message
from dissectors.link.tls_records import ContentType
from dissectors.link.tls_session import SessionInfo
from dissectors.link.tls_teller import Teller
from dissectors.link.tls_tracker import SessionTracker

MAX_SESSIONS = 4  # of one flow at a time, the newest
MAX_REORDER = 1.0  # seconds by which packets of one flight stand in the wrong order

_ALERT = ContentType.ALERT
_CHANGE = ContentType.CHANGE_CIPHER_SPEC
_HANDSHAKE = ContentType.HANDSHAKE
_CID = ContentType.TLS12_CID

# who sends a message that one side alone may send: 0 the client, 1 the server
_SENDERS = {
    Message.CLIENT_KEY_EXCHANGE: 0,
    Message.SERVER_HELLO: 1,
    Message.HELLO_VERIFY_REQUEST: 1,
    Message.NEW_SESSION_TICKET: 1,
    Message.SERVER_KEY_EXCHANGE: 1,
    Message.SERVER_HELLO_DONE: 1,
}


class DtlsFlow:
    """Takes the datagrams of a flow that carries DTLS and hands up what was protected by it."""

    def __init__(
        self,
        flow: Flow,
        keys: KeyLog,
        sink: DatagramSink,
        registry: CidRegistry,
        on_session: Callable[[SessionInfo], None],
        psk: bytes | None = None,
    ) -> None:
        self._flow = flow
        self._keys = keys
        self._sink = sink
        self._registry = registry
        self._on_session = on_session
        self._psk = psk
        self._teller = Teller(sink)
        # the sessions seen on this flow, the newest last, and the flip of each on this flow
        self._seats: list[tuple[DtlsSession, int]] = []
        self._begun = 0
        self._closed = False

    @property
    def sessions(self) -> list[SessionInfo]:
        """Return what is known of the sessions that began on this flow and are not over."""
        return [s.tracker.info() for s, _ in self._seats if s.flow is self._flow]

    # -- what the layer below calls

    def datagram(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take one whole datagram."""
        at = 0
        while at < len(data):
            at = self._record(side, data, at, frames, time)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Hand a finding of a lower layer up."""
        self._sink.problem(finding, frames)

    def close(self) -> None:
        """Say what is known of the sessions; nothing comes after."""
        if self._closed:
            return
        self._closed = True
        while self._seats:
            self._retire(self._seats.pop(0)[0])

    # -- records

    def _record(self, side: int, data: bytes, at: int, frames: tuple[int, ...], time: float) -> int:
        """Process the record at `at` and return where the next one starts."""
        kind = data[at]
        begin = at + HEADER
        if kind == _CID and len(data) > begin and data[at + 1 : at + 3] == b"\xfe\xfd":
            return self._with_cid(side, data, at, frames, time)
        whole = len(data) >= begin and data[at + 1] == 0xFE and 20 <= kind <= 24
        end = begin + (data[at + 11] << 8 | data[at + 12]) if whole else 0
        if not whole or end > len(data):
            self._not_records(kind, len(data) - at, frames)
            return len(data)
        number = int.from_bytes(data[at + 3 : at + 11], "big")
        if number >> 48:
            head = plain_head(data, at)
            body = memoryview(data)[begin:end]
            self._sealed(side, Sealed(kind, number, head, body, frames, time))
        elif kind == _HANDSHAKE:
            self._handshake(side, 0, data[begin:end], frames, time)
        elif kind == _ALERT:
            session, flip = self._newest(1) or self._begin(0, 1, frames, time)
            session.alert(side ^ flip, data[begin:end], False, frames)
        elif kind != _CHANGE:
            text = f"a clear record of type {kind}"
            self._teller.tell(tls_codes.UNEXPECTED, text, frames)
        return end

    def _not_records(self, kind: int, size: int, frames: tuple[int, ...]) -> None:
        if kind >> 5 == 1:  # RFC 9147 §4: the unified header begins with 001
            text = "a protected record of DTLS 1.3, which is not decrypted"
            self._teller.tell(tls_codes.UNSUPPORTED, text, frames)
        else:
            text = f"{size} bytes of this datagram are no DTLS record"
            self._teller.tell(tls_codes.DTLS_NOT_RECORDS, text, frames)

    def _sealed(self, side: int, record: Sealed) -> None:
        epoch = record.number >> 48
        newest: tuple[DtlsSession, int] | None = None
        for seat in reversed(self._seats):
            session, flip = seat
            if session.epoch == epoch:
                if session.open(side ^ flip, record):
                    return
                newest = newest or seat
        session, flip = newest or self._begin(0, epoch, record.frames, record.time)
        session.leave_closed(side ^ flip, record)

    def _with_cid(
        self, side: int, data: bytes, at: int, frames: tuple[int, ...], time: float
    ) -> int:
        """Process a record whose connection ID says which session it belongs to (RFC 9146)."""
        candidates = [
            (session, side ^ flip)
            for session, flip in reversed(self._seats)
            if session.connection_ids is not None
            and session.connection_ids[side ^ flip]
            and data.startswith(session.connection_ids[side ^ flip], at + 11)
        ]
        known = bool(candidates)
        if not known:
            candidates = self._registry.find(self._flow.ends(side)[1], data, at + 11)
        number = int.from_bytes(data[at + 3 : at + 11], "big")
        first: tuple[DtlsSession, int, Sealed, int] | None = None
        for session, role in candidates:
            cid = session.connection_ids[role] if session.connection_ids is not None else b""
            begin = at + HEADER + len(cid)
            end = begin + int.from_bytes(data[begin - 2 : begin], "big")
            if end > len(data):
                continue
            body = memoryview(data)[begin:end]
            record = Sealed(_CID, number, cid_head(data, at, cid), body, frames, time)
            if session.epoch == number >> 48 and session.open(role, record):
                if not known:
                    session.join(self._flow, frames)
                    self._seat(session, side ^ role)
                return end
            first = first or (session, role, record, end)
        if first is None:
            text = "the connection ID of this record belongs to no session captured before"
            self._teller.tell(tls_codes.DTLS_UNKNOWN_CID, text, frames)
            return len(data)
        session, role, record, end = first
        session.leave_closed(role, record)
        return end

    # -- sessions

    def _begin(
        self, flip: int, epoch: int, frames: tuple[int, ...], time: float
    ) -> tuple[DtlsSession, int]:
        """Start a session whose records will have `epoch`."""
        self._begun += 1
        tracker = SessionTracker(
            self._flow, self._begun, "dtls", self._keys, self._psk, frames, time
        )
        session = DtlsSession(
            self._flow, flip, epoch, tracker, self._sink, self._teller, self._handshake
        )
        return self._seat(session, flip)

    def _seat(self, session: DtlsSession, flip: int) -> tuple[DtlsSession, int]:
        if len(self._seats) >= MAX_SESSIONS:
            self._retire(self._seats.pop(0)[0])
        self._seats.append((session, flip))
        return session, flip

    def _retire(self, session: DtlsSession) -> None:
        if session.flow is self._flow:
            session.close()
            self._on_session(session.tracker.info())

    def _newest(self, epoch: int) -> tuple[DtlsSession, int] | None:
        for seat in reversed(self._seats):
            if seat[0].epoch == epoch:
                return seat
        return None

    # -- handshake

    def _handshake(
        self, side: int, epoch: int, data: bytes, frames: tuple[int, ...], time: float
    ) -> None:
        """Take the fragments of one record; `epoch` is the one they are protected by."""
        fragments, wrong = split_fragments(data)
        if wrong:
            self._teller.tell(tls_codes.DTLS_FRAGMENTS, wrong, frames, "handshake")
        for fragment in fragments:
            if fragment.kind == Message.HELLO_REQUEST:
                continue
            if fragment.kind == Message.FINISHED:  # it belongs to the epoch it is protected by
                continue
            session, flip = self._session_of(side, epoch + 1, fragment, frames, time)
            role = side ^ flip
            body = session.assembler.add(role, fragment)
            if isinstance(body, str):
                self._teller.tell(tls_codes.DTLS_FRAGMENTS, body, frames, "handshake")
            elif body is not None:
                self._message(session, role, fragment, body, frames)

    def _session_of(
        self, side: int, epoch: int, fragment: Fragment, frames: tuple[int, ...], time: float
    ) -> tuple[DtlsSession, int]:
        """Return the session that a fragment belongs to, a new one if it begins one."""
        newest = self._newest(epoch)
        if fragment.kind != Message.CLIENT_HELLO:
            role = _SENDERS.get(fragment.kind, side)  # by default the opener is the client
            return newest or self._begin(side ^ role, epoch, frames, time)
        if fragment.offset or len(fragment.data) < 34:
            return newest or self._begin(side, epoch, frames, time)
        random = fragment.data[2:34]
        for session, flip in self._seats:
            if session.client_random == random and session.epoch == epoch:
                return session, flip  # sent again, or with the cookie
        if newest is None or not self._precedes_hello(newest, side, time):
            newest = self._begin(side, epoch, frames, time)
        newest[0].client_random = random
        return newest

    @staticmethod
    def _precedes_hello(seat: tuple[DtlsSession, int], side: int, time: float) -> bool:
        """Tell whether what was seen of a session is what overtook its ClientHello."""
        session, flip = seat
        recent = time - session.tracker.time < MAX_REORDER
        return not session.client_random and flip == side and recent

    def _message(
        self,
        session: DtlsSession,
        role: int,
        fragment: Fragment,
        body: bytes,
        frames: tuple[int, ...],
    ) -> None:
        tracker = session.tracker
        if fragment.kind == Message.SERVER_HELLO and self._of_another(session, body):
            session.assembler.forget(role, fragment)
            return
        for fault in tracker.message(role, fragment.kind, body, frames, fragment.sequence):
            self._teller.hand(fault, frames)
        if fragment.kind in (Message.CLIENT_HELLO, Message.SERVER_HELLO):
            session.connection_ids = ids = tracker.connection_ids()
            for sender, cid in enumerate(ids or ()):
                if cid:
                    receiver = self._flow.ends(sender ^ session.flip)[1]
                    self._registry.add(receiver, cid, session, sender)
        session.release()

    def _of_another(self, session: DtlsSession, body: bytes) -> bool:
        """Tell whether a ServerHello is a late repetition from the session before."""
        return any(
            other is not session
            and other.tracker.server is not None
            and other.tracker.server.random == body[2:34]
            for other, _ in self._seats
        )
