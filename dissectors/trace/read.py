"""Reads a capture into messages: one call for the command line, for tests and for the bench."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from dissectors.asn1.versions import Spec
from dissectors.finding import Finding
from dissectors.link.apdu_log import ApduLog, looks_like_apdu_log
from dissectors.link.capture import CaptureSummary, read_capture, scan_secrets
from dissectors.link.coap.transfers import DatagramRecord
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Flow
from dissectors.link.tls_session import SessionInfo
from dissectors.trace.assembly import Assembly
from dissectors.trace.card_carrier import CardCarrier
from dissectors.trace.coap_carrier import OnRecord
from dissectors.trace.message import Message

_HEAD, _PIECE = 4096, 1 << 20

Source = str | os.PathLike[str] | BinaryIO


@dataclass(slots=True)
class Options:
    """How to read: keys, a version if it is to be one, a shard of the flows."""

    keys: KeyLog = field(default_factory=KeyLog)
    psk: bytes | None = None
    spec: Spec | None = None
    progress: Callable[[int, int | None], None] | None = None
    shard: tuple[int, int] = (0, 1)


@dataclass(slots=True)
class Trace:
    """All that a capture says: messages in order, sessions, notes that belong to no message."""

    messages: list[Message] = field(default_factory=list)
    sessions: list[SessionInfo] = field(default_factory=list)
    notes: list[tuple[Finding, tuple[int, ...]]] = field(default_factory=list)
    records: list[tuple[Flow, DatagramRecord]] = field(default_factory=list)
    summary: CaptureSummary | None = None


def read_messages(
    source: Source,
    options: Options,
    on_message: Callable[[Message], None],
    on_session: Callable[[SessionInfo], None],
    on_note: Callable[[Finding, tuple[int, ...]], None],
    on_record: OnRecord | None = None,
) -> CaptureSummary:
    """Read a capture and hand up each message as it is complete; raises CaptureError."""
    assembly = Assembly(
        options.keys, on_message, on_session, on_note, options.spec, options.psk, on_record
    )
    if is_apdu_log(source):
        return _read_log(Path(str(source)), assembly)
    if isinstance(source, str | os.PathLike) and str(source) != "-" and Path(source).is_file():
        # keys may stand behind the packets that they open
        for kind, data in scan_secrets(source):
            assembly.secrets(kind, data)
        assembly.scanned = True
    summary = read_capture(source, assembly, progress=options.progress, shard=options.shard)
    assembly.finish()
    return summary


def is_apdu_log(source: Source) -> bool:
    """Say whether a file is a text log of APDUs."""
    if not isinstance(source, str | os.PathLike) or str(source) == "-":
        return False
    try:
        with Path(source).open("rb") as file:
            return looks_like_apdu_log(file.read(_HEAD))
    except OSError:
        return False  # the capture reader says what is wrong with it


def _read_log(path: Path, assembly: Assembly) -> CaptureSummary:
    """Read a log of APDUs; its line numbers stand where a capture has its frames."""
    carrier = CardCarrier(1, ("device", "card"), assembly.on_message, assembly.spec)
    log = ApduLog(carrier.message, assembly.note)
    size = path.stat().st_size
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            log.data(data)
    log.end()
    return CaptureSummary(log.lines, size, None, None, (), 1, 0, 0)


def read_trace(source: Source, options: Options | None = None) -> Trace:
    """Read a whole capture."""
    trace = Trace()

    def number(message: Message) -> None:
        message.n = len(trace.messages) + 1
        trace.messages.append(message)

    trace.summary = read_messages(
        source,
        options or Options(),
        number,
        trace.sessions.append,
        lambda finding, frames: trace.notes.append((finding, frames)),
        lambda flow, record: trace.records.append((flow, record)),
    )
    return trace
