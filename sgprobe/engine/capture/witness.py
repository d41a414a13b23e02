"""Watches a capture being read: keeps datagrams, HTTP messages and octets besides the messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from dissectors.asn1.versions import Spec
from dissectors.finding import Finding, Severity
from dissectors.link.coap.transfers import DatagramRecord
from dissectors.link.gsmtap import UDP_PORT
from dissectors.link.http import HttpMessage
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import DatagramFlow, Flow, StreamSink
from dissectors.link.tls_session import SessionInfo
from dissectors.trace.assembly import Assembly
from dissectors.trace.message import Message

# of each kind, and of notes; a run that sends more is not judged by what was left out
MOST = 100_000
_MOST_NOTES = 100
_Kept = TypeVar("_Kept")


class Datagram(NamedTuple):
    """One UDP payload as it was captured."""

    flow: Flow
    side: int
    data: bytes
    frames: tuple[int, ...]
    time: float


class HttpSeen(NamedTuple):
    """One HTTP message, of the interfaces or not."""

    flow: Flow
    secure: bool
    message: HttpMessage


@dataclass(slots=True)
class Seen:
    """All that was kept of one capture."""

    messages: list[Message] = field(default_factory=list)
    sessions: list[SessionInfo] = field(default_factory=list)
    records: list[tuple[Flow, DatagramRecord]] = field(default_factory=list)
    datagrams: list[Datagram] = field(default_factory=list)
    https: list[HttpSeen] = field(default_factory=list)
    # of each flow: octets of application data that client and server protected
    octets: dict[int, list[int]] = field(default_factory=dict)
    times: dict[int, float] = field(default_factory=dict)  # of frames
    notes: list[str] = field(default_factory=list)
    left_out: int = 0

    def keep(self, kept: list[_Kept], one: _Kept) -> None:
        """Keep one thing, or count it."""
        if len(kept) < MOST:
            kept.append(one)
        else:
            self.left_out += 1


class Witness(Assembly):
    """An assembly that keeps what passes."""

    def __init__(self, keys: KeyLog, seen: Seen, spec: Spec | None, psk: bytes | None) -> None:
        super().__init__(keys, self._message, self._session, self._note, spec, psk, self._record)
        self.seen = seen

    def _message(self, message: Message) -> None:
        self.seen.keep(self.seen.messages, message)

    def _session(self, session: SessionInfo) -> None:
        self.seen.keep(self.seen.sessions, session)

    def _record(self, flow: Flow, record: DatagramRecord) -> None:
        self.seen.keep(self.seen.records, (flow, record))

    def _note(self, finding: Finding, frames: tuple[int, ...]) -> None:
        if finding.severity is Severity.INFO or len(self.seen.notes) >= _MOST_NOTES:
            return
        where = f"frame {frames[0]}: " if frames else ""
        self.seen.notes.append(f"{where}{finding.text} ({finding.code})")

    def stream(self, flow: Flow) -> StreamSink | None:
        """Take a TCP flow, and the times of its frames."""
        inner = super().stream(flow)
        return inner and _Watched(inner, self._timed)

    def protected(self, flow: Flow) -> StreamSink:
        """Take what the TLS of a flow protects, and count it."""
        counts = self.seen.octets.setdefault(flow.number, [0, 0])

        def count(side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
            counts[side] += len(data)

        return _Watched(super().protected(flow), count)

    def http(self, flow: Flow, secure: bool) -> Callable[[HttpMessage], None]:
        """Take the HTTP messages of a connection, those of others too."""
        inner = super().http(flow, secure)

        def both(message: HttpMessage) -> None:
            self.seen.keep(self.seen.https, HttpSeen(flow, secure, message))
            inner(message)

        return both

    def datagrams(self, flow: Flow) -> DatagramFlow | None:
        """Take a UDP flow, and its datagrams as they are."""
        inner = super().datagrams(flow)
        return inner and _WatchedDatagrams(inner, flow, self.seen)

    def _timed(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        if len(self.seen.times) < MOST:
            self.seen.times.update(dict.fromkeys(frames, time))


class _Watched:
    """Hands the bytes of a stream on, and shows them to somebody first."""

    def __init__(
        self, inner: StreamSink, show: Callable[[int, bytes, tuple[int, ...], float], None]
    ) -> None:
        self._inner = inner
        self._show = show

    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        self._show(side, data, frames, time)
        self._inner.data(side, data, frames, time)

    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None:
        self._inner.gap(side, missing, frames, time)

    def end(self, side: int, frames: tuple[int, ...], time: float) -> None:
        self._inner.end(side, frames, time)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        self._inner.problem(finding, frames)


class _WatchedDatagrams:
    """Hands the datagrams of a flow on, and keeps them."""

    def __init__(self, inner: DatagramFlow, flow: Flow, seen: Seen) -> None:
        self._inner = inner
        self._flow = flow
        self._seen = seen

    def datagram(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        kept = Datagram(self._flow, side, data, frames, time)
        self._seen.keep(self._seen.datagrams, kept)
        self._seen.times.update(dict.fromkeys(frames, time))
        self._inner.datagram(side, data, frames, time)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        self._inner.problem(finding, frames)

    def close(self) -> None:
        self._inner.close()


def is_card(flow: Flow) -> bool:
    """Say whether a flow is that of a SIM tracer."""
    return UDP_PORT in (flow.client.port, flow.server.port)
