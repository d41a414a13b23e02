"""Reads a capture into messages: one call for the command line, for tests and for the bench."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from dissectors.asn1.versions import Spec
from dissectors.finding import Finding, Severity
from dissectors.link.apdu_log import ApduLog, looks_like_apdu_log
from dissectors.link.capture import WHOLE, CaptureSummary, Shard, read_capture, scan_secrets
from dissectors.link.coap.transfers import DatagramRecord
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Flow
from dissectors.link.tls_session import SessionInfo
from dissectors.trace.assembly import TLS_KEY_LOG, Assembly
from dissectors.trace.card_carrier import CardCarrier
from dissectors.trace.coap_carrier import OnRecord
from dissectors.trace.delivery import is_delivery, read_delivery
from dissectors.trace.message import Message

_HEAD, _PIECE = 4096, 1 << 20

Source = str | os.PathLike[str] | BinaryIO


@dataclass(slots=True)
class Options:
    """How to read: keys, a version if it is to be one, a shard of the flows.

    `scanned` says that `keys` have the secrets of the capture itself already.
    """

    keys: KeyLog = field(default_factory=KeyLog)
    psk: bytes | None = None
    spec: Spec | None = None
    progress: Callable[[int, int | None], None] | None = None
    shard: Shard = WHOLE
    scanned: bool = False


@dataclass(slots=True)
class Trace:
    """All that a capture says: messages in order, sessions, notes that belong to no message.

    What is over `most` of a kind is counted, not kept; messages are always kept.
    """

    messages: list[Message] = field(default_factory=list)
    sessions: list[SessionInfo] = field(default_factory=list)
    notes: list[tuple[Finding, tuple[int, ...]]] = field(default_factory=list)
    records: list[tuple[Flow, DatagramRecord]] = field(default_factory=list)
    summary: CaptureSummary | None = None
    most: int = 10_000
    more_sessions: int = 0
    more_notes: int = 0
    errors: int = 0  # of the notes

    def add_message(self, message: Message) -> None:
        """Keep a message under its number."""
        self.messages.append(message)
        message.n = len(self.messages)

    def add_session(self, session: SessionInfo) -> None:
        """Keep a session."""
        if len(self.sessions) < self.most:
            self.sessions.append(session)
        else:
            self.more_sessions += 1

    def add_note(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Keep a note."""
        self.errors += finding.severity is Severity.ERROR
        if len(self.notes) < self.most:
            self.notes.append((finding, frames))
        else:
            self.more_notes += 1

    def add_record(self, flow: Flow, record: DatagramRecord) -> None:
        """Keep what one CoAP datagram is."""
        if len(self.records) < self.most:
            self.records.append((flow, record))


def read_messages(
    source: Source,
    options: Options,
    on_message: Callable[[Message], None],
    on_session: Callable[[SessionInfo], None],
    on_note: Callable[[Finding, tuple[int, ...]], None],
    on_record: OnRecord | None = None,
    position: Callable[[Callable[[], int]], None] | None = None,
) -> CaptureSummary:
    """Read a capture and hand up each message as it is complete; raises CaptureError."""
    assembly = Assembly(
        options.keys, on_message, on_session, on_note, options.spec, options.psk, on_record
    )
    if isinstance(source, str | os.PathLike) and is_delivery(source):
        size = read_delivery(source, on_message, on_note)
        return CaptureSummary(0, size, None, None, (), 1, 0, 0)
    if is_apdu_log(source):
        return _read_log(source, assembly)
    assembly.scanned = options.scanned or add_secrets(source, options.keys, on_note)
    return read_capture(
        source, assembly, progress=options.progress, position=position, shard=options.shard
    )


def add_secrets(
    source: Source, keys: KeyLog, on_note: Callable[[Finding, tuple[int, ...]], None]
) -> bool:
    """Take the keys that a capture file carries, before it is read: they may stand behind the
    packets that they open. Returns False where the source is no file.
    """
    if not isinstance(source, str | os.PathLike) or not Path(source).is_file():
        return False
    for kind, data in scan_secrets(source):
        if kind == TLS_KEY_LOG:
            for problem in keys.add_text(data):
                on_note(problem, ())
    return True


def is_apdu_log(source: Source) -> bool:
    """Say whether a file, or a stream that can be peeked into, is a text log of APDUs."""
    if not isinstance(source, str | os.PathLike):
        peek = getattr(source, "peek", None)
        return peek is not None and looks_like_apdu_log(peek(_HEAD)[:_HEAD])
    try:
        with Path(source).open("rb") as file:
            return looks_like_apdu_log(file.read(_HEAD))
    except OSError:
        return False  # the capture reader says what is wrong with it


def _read_log(source: Source, assembly: Assembly) -> CaptureSummary:
    """Read a log of APDUs; its line numbers stand where a capture has its frames."""
    carrier = CardCarrier(1, ("device", "card"), assembly.on_message, assembly.spec)
    log = ApduLog(carrier.message, assembly.note)
    size = 0
    with contextlib.ExitStack() as stack:
        if isinstance(source, str | os.PathLike):
            file: BinaryIO = stack.enter_context(Path(source).open("rb"))
        else:
            file = source
        while data := file.read(_PIECE):
            size += len(data)
            log.data(data)
    log.end()
    return CaptureSummary(log.lines, size, None, None, (), 1, 0, 0)


def read_trace(source: Source, options: Options | None = None) -> Trace:
    """Read a whole capture."""
    trace = Trace()
    trace.summary = read_messages(
        source,
        options or Options(),
        trace.add_message,
        trace.add_session,
        trace.add_note,
        trace.add_record,
    )
    return trace
