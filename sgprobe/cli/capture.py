"""Prints the messages of a capture in the form that was asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from dissectors.finding import Finding, Severity
from dissectors.link.capture import CaptureError
from dissectors.link.coap.transfers import DatagramRecord
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Flow
from dissectors.link.tls_session import SessionInfo
from dissectors.trace.message import Message
from dissectors.trace.parallel import rows_of
from dissectors.trace.read import Options, Trace, read_messages
from dissectors.trace.render import MACHINE_FORMS, Style, make
from dissectors.trace.render.sessions import note_lines, session_lines
from sgprobe.cli.command import UserError

PICTURES = frozenset({"svg", "mermaid"})
# sessions and notes beyond this many are counted, not kept
_KEPT = 10_000


def load_keys(paths: list[str]) -> KeyLog:
    """Read key log files; a bad line is told and passed over."""
    keys = KeyLog()
    for path in paths:
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise UserError(f"--keylog {path}: {error.strerror}") from None
        for problem in keys.add_text(text):
            print(f"{path}: {problem.text}", file=sys.stderr)
    return keys


def show_in_parallel(
    path: str,
    options: Options,
    wanted: Callable[[Message], bool],
    change: Callable[[Message], Message],
    jobs: int,
) -> int:
    """Print a large capture as NDJSON from several processes."""
    trace = Trace()
    malformed = number = 0
    write = sys.stdout.write
    if sys.stderr.isatty():
        options.progress = Progress()
    try:
        for text, bad in rows_of(path, options, wanted, change, jobs, trace):
            number += 1
            malformed += bad
            if text is not None:
                write(f'{{"n":{number}{text}\n')
    except CaptureError as error:
        raise UserError(str(error)) from None
    malformed += sum(finding.severity is Severity.ERROR for finding, _ in trace.notes)
    for line in (*session_lines(trace), *note_lines(trace)):
        print(line, file=sys.stderr)
    return 1 if malformed else 0


def show_capture(
    source: str | BinaryIO,
    form: str,
    style: Style,
    options: Options,
    wanted: Callable[[Message], bool],
    change: Callable[[Message], Message],
) -> int:
    """Print a capture; 0 where all messages decode, 1 where some are malformed."""
    renderer = make(form, sys.stdout, style)
    trace = Trace()
    malformed = number = 0

    def on_message(message: Message) -> None:
        nonlocal malformed, number
        number += 1
        message.n = number
        malformed += message.malformed
        if wanted(message):
            renderer.message(change(message))

    def on_session(session: SessionInfo) -> None:
        if len(trace.sessions) < _KEPT:
            trace.sessions.append(session)

    def on_note(finding: Finding, frames: tuple[int, ...]) -> None:
        nonlocal malformed
        malformed += finding.severity is Severity.ERROR
        if len(trace.notes) < _KEPT:
            trace.notes.append((finding, frames))

    def on_datagram(flow: Flow, record: DatagramRecord) -> None:
        if len(trace.records) < _KEPT:
            trace.records.append((flow, record))

    if sys.stderr.isatty() and options.progress is None:
        options.progress = Progress()
    try:
        on_record = on_datagram if form in PICTURES else None
        trace.summary = read_messages(source, options, on_message, on_session, on_note, on_record)
    except CaptureError as error:
        raise UserError(str(error)) from None
    finally:
        if isinstance(options.progress, Progress):
            options.progress.clear()
    renderer.finish(trace)
    if form in MACHINE_FORMS:
        for line in (*session_lines(trace), *note_lines(trace)):
            print(line, file=sys.stderr)
    elif number == 0:
        print(_nothing(trace))
    return 1 if malformed else 0


def _nothing(trace: Trace) -> str:
    frames = trace.summary.frames if trace.summary is not None else 0
    text = f"no eSIM messages in {frames} frames"
    if any(session.closed for session in trace.sessions):
        return f"{text}; some sessions are encrypted: give their keys with --keylog"
    return text


class Progress:
    """One line on a terminal, after the first second, four times a second."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 1
        self._shown = False

    def __call__(self, done: int, size: int | None) -> None:
        """Show how much of the file is read."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 0.25
        self._shown = True
        part = f"{done / size:4.0%} of {size >> 20} MiB" if size else f"{done >> 20} MiB"
        print(f"\r{part} read", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
