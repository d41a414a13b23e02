"""TLS 1.2 and 1.3 over one TCP flow: protected records in, application bytes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dissectors.finding import Finding
from dissectors.link import keylog, tls_codes
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Flow, StreamSink
from dissectors.link.tls_closed import ClosedRecords
from dissectors.link.tls_direction import Direction
from dissectors.link.tls_early import EarlyData
from dissectors.link.tls_handshake import Message
from dissectors.link.tls_protection import (
    Protection,
    Protection12,
    Protection13,
    early_protection,
    establish,
)
from dissectors.link.tls_records import HEADER, Buffer, ContentType
from dissectors.link.tls_session import CLOSE_NOTIFY, SessionInfo
from dissectors.link.tls_teller import Teller
from dissectors.link.tls_tracker import SessionTracker

MAX_WAITING = 1 << 16  # bytes of records held while the other side's hello is awaited
MAX_TRIED = 8  # records behind a hole that are tried as the first under new keys

_CHANGE = ContentType.CHANGE_CIPHER_SPEC
_ALERT = ContentType.ALERT
_HANDSHAKE = ContentType.HANDSHAKE
_DATA = ContentType.APPLICATION_DATA
_HANDSHAKE_LABELS = (keylog.CLIENT_HANDSHAKE, keylog.SERVER_HANDSHAKE)


class TlsStream:
    """Takes the bytes of a flow that carries TLS and hands up what was protected by it."""

    def __init__(
        self,
        flow: Flow,
        keys: KeyLog,
        sink: StreamSink,
        on_session: Callable[[SessionInfo], None],
        psk: bytes | None = None,
    ) -> None:
        self._flow = flow
        self._keys = keys
        self._sink = sink
        self._on_session = on_session
        self._psk = psk
        self._sides = (Direction(0), Direction(1))  # of the client, of the server
        self._flip = 0  # 1 where the flow's opener is the server
        self._tracker = SessionTracker(flow, 1, "tls", keys, psk, (), 0.0)
        self._teller = Teller(sink)
        self._shut = ClosedRecords(self._teller)
        self._early = EarlyData(sink, self._teller)
        self._closed = False

    @property
    def session(self) -> SessionInfo:
        """Return what is known of the current session."""
        return self._tracker.info()

    # -- what the layer below calls

    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take the next bytes of `side`."""
        d = self._sides[side ^ self._flip]
        if d.stopped:
            return
        cutter = d.cutter
        if cutter.aligned:
            # the short way of the most common case: one segment, one record of data
            if (
                d.protection is not None
                and len(data) > HEADER
                and data[0] == _DATA
                and data[3] << 8 | data[4] == len(data) - HEADER
            ):
                cutter.unsure = False
                self._record(d, data[:HEADER], data[HEADER:], frames, time)
                return
        elif cutter.hold(data, frames):
            return
        self._take(d, cutter.feed(data, frames), time)
        if cutter.hunting and not d.noise_told and not d.stopped:
            d.noise_told = True
            text = "these bytes are no TLS record; the next record is looked for"
            self._teller.tell(tls_codes.NOT_RECORDS, text, frames)

    def _take(
        self,
        d: Direction,
        found: Iterator[tuple[bytes, memoryview, tuple[int, ...]]],
        time: float,
    ) -> None:
        for header, body, frames in found:
            if d.waiting:
                self._wait(d, header, body, frames, time)
            else:
                self._record(d, header, body, frames, time)
            if d.stopped:
                return

    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None:
        """Learn that `missing` bytes of `side` were never captured."""
        d = self._sides[side ^ self._flip]
        if d.stopped:
            return
        self._settle_waiting(d)
        cut = d.cutter.pending
        least, most = d.cutter.lose(missing)
        if d.protection is not None:
            d.protection.lost(least, most)
        d.gapped = MAX_TRIED
        d.noise_told = d.cutter.hunting
        d.messages.clear()
        if d.sent_data or d.protection is not None:
            self._sink.gap(side, missing + cut, frames, time)

    def end(self, side: int, frames: tuple[int, ...], time: float) -> None:
        """Learn that `side` sends no more."""
        d = self._sides[side ^ self._flip]
        if not d.stopped:
            self._take(d, d.cutter.flush(), time)
        self._settle_waiting(d)
        self._settle_waiting(self._sides[1 - d.side])  # its hello will not come any more
        if d.cutter.pending and not d.cutter.hunting and not d.stopped:
            text = f"the stream ends {d.cutter.pending} bytes into a record"
            self._teller.tell(tls_codes.CUT_RECORD, text, frames)
        self._end_sink(d, frames, time)
        d.over = True
        if self._sides[1 - d.side].over:
            self.close()

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Hand a finding of a lower layer up."""
        self._sink.problem(finding, frames)

    def close(self) -> None:
        """Say what is known of the session; nothing comes after."""
        if self._closed:
            return
        self._closed = True
        for d in self._sides:
            self._settle_waiting(d)
            self._shut.report(d, self._sides, self._tracker)
        self._early.release(self._tracker)
        self._report()

    # -- records

    def _record(
        self, d: Direction, header: bytes, body: Buffer, frames: tuple[int, ...], time: float
    ) -> None:
        kind = header[0]
        protection = d.protection
        if protection is None:
            self._clear(d, header, body, frames, time)
            return
        if protection.inner and kind != _DATA:
            # TLS 1.3: ChangeCipherSpec of the middlebox form, hellos and early alerts are in clear
            if kind == _ALERT and len(body) == 2:
                self._alert(d, bytes(body), False, frames, time)
            elif kind == _HANDSHAKE and not d.finished:
                self._handshake(d, bytes(body), False, frames, time)
            elif kind != _CHANGE:
                self._teller.tell(tls_codes.UNEXPECTED, f"a clear record of type {kind}", frames)
            return
        plain = protection.open(header, body)
        if plain is None:
            self._unopened(d, protection, kind, body, frames, time)
            return
        tracker = self._tracker
        tracker.opened += 1
        if tracker.unproven:
            tracker.confirm()
        if d.refused:
            d.refused = []
        if d.failures:
            self._shut.report(d, self._sides, self._tracker)
        d.noise_told = False
        if protection.inner:
            kind = plain[-1]
            if kind == 0:
                plain = plain.rstrip(b"\x00")  # RFC 8446 §5.4: padding
                if not plain:
                    self._teller.tell(tls_codes.BAD_INNER, "the record holds only padding", frames)
                    return
                kind = plain[-1]
            plain = plain[:-1]
        if kind == _DATA:
            d.sent_data = True
            if not plain:
                return
            if protection.inner and d.side == 0 and not d.finished:
                self._client_data(protection, plain, frames, time)
            else:
                self._sink.data(d.side ^ self._flip, plain, frames, time)
        elif kind == _HANDSHAKE:
            self._handshake(d, plain, True, frames, time)
        elif kind == _ALERT:
            self._alert(d, plain, True, frames, time)
        elif kind == _CHANGE and not protection.inner:
            self._change(d, frames)  # a renegotiation changes keys under the old ones
        elif kind != ContentType.HEARTBEAT:
            self._teller.tell(tls_codes.UNEXPECTED, f"a protected record of type {kind}", frames)

    def _clear(
        self, d: Direction, header: bytes, body: Buffer, frames: tuple[int, ...], time: float
    ) -> None:
        """Take a record of a direction that has no protection yet."""
        tracker = self._tracker
        if tracker.first_frame == 0 and frames:
            tracker.first_frame, tracker.time = frames[0], time
        kind = header[0]
        if d.gapped and kind != _CHANGE and self._after_lost_change(d, header, body, frames, time):
            return
        if kind == _HANDSHAKE:
            self._handshake(d, bytes(body), False, frames, time)
        elif kind == _ALERT and len(body) == 2:
            self._alert(d, bytes(body), False, frames, time)
        elif kind == _CHANGE and d.retried:
            return
        elif tracker.hellos:
            if kind == _CHANGE:
                self._change(d, frames)
            else:
                text = f"a record of type {kind} before the change of keys"
                self._teller.tell(tls_codes.UNEXPECTED, text, frames)
        elif d.hello and not self._sides[1 - d.side].over:
            # packets of the two directions may stand in the file in the wrong order
            self._wait(d, header, body, frames, time)
        else:
            tracker.lack_hello()
            d.protection = Protection(inner=False)
            if kind != _CHANGE:
                self._record(d, header, body, frames, time)
            self._settle_waiting(self._sides[1 - d.side])  # it waits for a hello in vain

    def _after_lost_change(
        self, d: Direction, header: bytes, body: Buffer, frames: tuple[int, ...], time: float
    ) -> bool:
        """Try a record behind a hole as a protected one: the hole may hold the change of keys."""
        tracker = self._tracker
        if not tracker.hellos or tracker.tls13:
            return False
        d.gapped -= 1
        openers = tracker.openers()
        if openers is None:
            return False
        protection = Protection12(openers[d.side])
        protection.lost(0, 64)
        plain = protection.open(header, body)
        if plain is None:
            return False
        again = Protection12(openers[d.side])
        again.seq = protection.seq - 1
        d.protection = again
        self._record(d, header, body, frames, time)
        return True

    def _wait(
        self, d: Direction, header: bytes, body: Buffer, frames: tuple[int, ...], time: float
    ) -> None:
        """Hold a record until the hello of the other side is known."""
        d.waiting.append((header, bytes(body), frames, time))
        d.waiting_bytes += len(body) + 64
        if d.waiting_bytes > MAX_WAITING:
            self._settle_waiting(d)

    def _settle_waiting(self, d: Direction) -> None:
        """Process what was held, with the hello or without."""
        if not d.waiting:
            return
        held, d.waiting, d.waiting_bytes = d.waiting, [], 0
        d.cutter.unsure = False
        if not self._tracker.hellos:
            self._tracker.lack_hello()
            d.protection = Protection(inner=False)
        for header, body, frames, time in held:
            if d.stopped:
                break
            self._record(d, header, body, frames, time)

    def _unopened(
        self,
        d: Direction,
        protection: Protection,
        kind: int,
        body: Buffer,
        frames: tuple[int, ...],
        time: float,
    ) -> None:
        if protection.blind:
            if kind == _CHANGE:
                return
            self._shut.without_key(d, self._sides, self._tracker, kind, frames)
            return
        if d.cutter.unsure:
            d.cutter.refuse()
            if self._shut.behind_hole(d, frames):
                self._shut.report(d, self._sides, self._tracker)
                d.stopped = True
            return
        protection.lost(0, 1)  # it has a number of its own, or is one too many
        if kind == _DATA and d.sent_data:
            self._sink.gap(d.side ^ self._flip, len(body), frames, time)
        if self._shut.despite_key(d, self._tracker, frames):
            self._shut.report(d, self._sides, self._tracker)
            d.stopped = True

    # -- handshake

    def _handshake(
        self, d: Direction, data: bytes, protected: bool, frames: tuple[int, ...], time: float
    ) -> None:
        for kind, body in d.messages.feed(data):
            self._message(d, kind, body, protected, frames, time)
        if d.messages.overlong:
            text = f"a handshake message announces {d.messages.overlong} bytes; it is passed over"
            d.messages.overlong = 0
            self._teller.tell(tls_codes.HANDSHAKE_TOO_LONG, text, frames)

    def _message(
        self,
        d: Direction,
        kind: int,
        body: bytes,
        protected: bool,
        frames: tuple[int, ...],
        time: float,
    ) -> None:
        if kind == Message.CLIENT_HELLO:
            if d.side == 1 and self._tracker.client is None and self._tracker.server is None:
                self._turn()
            if d.side == 0:
                self._begin(d, body, frames, time)
        tracker = self._tracker
        before = tracker.server
        for fault in tracker.message(d.side, kind, body, frames):
            self._teller.hand(fault, frames)
        if kind == Message.CLIENT_HELLO and d.side == 0 and tracker.client is not None:
            d.hello = True
            if tracker.early_data == "offered" and d.protection is None:
                d.protection = early_protection(tracker)
            self._hello_known()
        elif kind == Message.SERVER_HELLO and d.side == 1:
            if tracker.server is before:  # a HelloRetryRequest, or not readable
                self._sides[0].retried = d.retried = True
            else:
                d.hello = True
                self._hello_known()
        elif kind == Message.ENCRYPTED_EXTENSIONS:
            self._early.release(self._tracker)
        elif protected and isinstance(d.protection, Protection13):
            self._step(d, d.protection, kind)

    def _turn(self) -> None:
        """Learn from a ClientHello that the flow's opener is the server after all."""
        server, client = self._sides
        client.side, server.side = 0, 1
        self._sides = (client, server)
        self._flip = self._early.side = self._tracker.flip = 1

    def _begin(self, d: Direction, body: bytes, frames: tuple[int, ...], time: float) -> None:
        """Start a new session unless this ClientHello continues the current one."""
        current = self._tracker.client
        if current is None or current.random == body[2:34]:
            return
        self._shut.report(d, self._sides, self._tracker)
        self._report()
        for each in self._sides:
            if each.protection is not None and each.protection.inner:
                each.protection = None  # TLS 1.3 does not renegotiate: this is a new beginning
                each.finished = False
        number = self._tracker.number + 1
        self._tracker = SessionTracker(
            self._flow, number, "tls", self._keys, self._psk, frames, time
        )
        self._tracker.flip = self._flip
        self._shut.begin()

    def _hello_known(self) -> None:
        """Set the keys of TLS 1.3 in motion, and process what waited for a hello."""
        tracker = self._tracker
        if not tracker.hellos:
            return
        if tracker.tls13:
            for each in self._sides:
                if each.hello and not each.finished:
                    each.protection = establish(tracker, each.side, each.protection)
        else:
            client = self._sides[0]
            if client.protection is not None and client.protection.inner:
                client.protection = None  # a server of TLS 1.2 takes no 0-RTT data
        for each in self._sides:
            self._settle_waiting(each)

    def _step(self, d: Direction, protection: Protection13, kind: int) -> None:
        """Change keys after the TLS 1.3 messages that say so."""
        if kind == Message.END_OF_EARLY_DATA and d.side == 0 and not d.finished:
            self._tracker.early_data = "accepted"
            self._early.release(self._tracker)
            protection.advance(keylog.CLIENT_EARLY)
        elif kind == Message.FINISHED and not d.finished:
            d.finished = True
            if protection.label == keylog.CLIENT_EARLY:
                protection.advance(keylog.CLIENT_EARLY)
            protection.advance(_HANDSHAKE_LABELS[d.side])
        elif kind == Message.KEY_UPDATE and d.finished:
            protection.update()

    def _change(self, d: Direction, frames: tuple[int, ...]) -> None:
        """Take the ChangeCipherSpec of TLS 1.2."""
        tracker = self._tracker
        openers = tracker.openers()
        if openers is not None:
            d.protection = Protection12(openers[d.side])
        else:
            d.protection = Protection(inner=False)
            self._shut.keys_not_changed(d, tracker, frames)
        d.messages.clear()

    # -- what goes up

    def _client_data(
        self, protection: Protection, plain: bytes, frames: tuple[int, ...], time: float
    ) -> None:
        """Take TLS 1.3 data of a client whose Finished was not seen: 0-RTT data, as a rule."""
        tracker = self._tracker
        if isinstance(protection, Protection13) and protection.label != keylog.CLIENT_EARLY:
            # the message that ends the handshake was lost
            self._sides[0].finished = True
            if tracker.early_data == "offered":
                tracker.early_data = "rejected"
            self._early.release(tracker)
            self._sink.data(self._flip, plain, frames, time)
        else:
            self._early.take(tracker, plain, frames, time)

    def _alert(
        self, d: Direction, data: bytes, encrypted: bool, frames: tuple[int, ...], time: float
    ) -> None:
        told = self._tracker.alert(d.side, data, encrypted, frames)
        if told is not None:
            self._teller.hand(told, frames)
        elif len(data) == 2 and data[1] == CLOSE_NOTIFY:
            self._end_sink(d, frames, time)
            d.stopped = True  # RFC 5246 §7.2.1: what comes after it is ignored

    def _end_sink(self, d: Direction, frames: tuple[int, ...], time: float) -> None:
        if not d.ended:
            d.ended = True
            if d.side == 0:
                self._early.release(self._tracker)
            self._sink.end(d.side ^ self._flip, frames, time)

    def _report(self) -> None:
        tracker = self._tracker
        if tracker.client is not None or tracker.server is not None or tracker.closed:
            self._on_session(tracker.info())
