"""Prints the messages of a capture in the form that was asked for."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from dissectors.link.capture import CaptureError
from dissectors.link.keylog import KeyLog
from dissectors.trace.message import Message
from dissectors.trace.parallel import WorkerDied, rows_of
from dissectors.trace.read import Options, Trace, read_messages
from dissectors.trace.render import MACHINE_FORMS, LineRenderer, Renderer, Style, make
from dissectors.trace.render.sessions import closing_lines
from sgprobe.cli.command import UserError

PICTURES = frozenset({"svg", "mermaid"})
_FLUSH = 0.5  # seconds between what is printed of a file


@dataclass(frozen=True, slots=True)
class Choice:
    """Which messages are printed, and how they are changed before."""

    wanted: Callable[[Message], bool]
    change: Callable[[Message], Message]
    is_all: bool = True


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
        if text.strip() and not len(keys):
            raise UserError(f"--keylog {path}: no key in it", "expected lines of SSLKEYLOGFILE")
    return keys


def show_in_parallel(
    path: str, form: str, style: Style, options: Options, choice: Choice, jobs: int
) -> int:
    """Print a large capture as NDJSON or CSV from several processes."""
    trace = Trace()
    malformed = number = shown = 0
    _as_utf8()
    renderer = cast(LineRenderer, _renderer(form, style))
    sys.stdout.flush()  # a process takes with it what is not written
    write, change, numbered = sys.stdout.write, choice.change, renderer.numbered

    def line(message: Message) -> str:
        return renderer.line(change(message))

    progress = options.progress = Progress() if sys.stderr.isatty() else None
    try:
        for rows in rows_of(path, options, choice.wanted, line, jobs, trace):
            texts = []
            for _, text, bad in rows:
                number += 1
                malformed += bad
                if text is not None:
                    shown += 1
                    texts.append(numbered(text, number))
            write("".join(texts))
            sys.stdout.flush()
    except (CaptureError, WorkerDied) as error:
        raise UserError(str(error)) from None
    finally:
        if progress is not None:
            progress.clear()
    _close(form, style, trace, number, shown, choice)
    return 1 if malformed or trace.errors else 0


def show_capture(
    source: str | BinaryIO, form: str, style: Style, options: Options, choice: Choice
) -> int:
    """Print a capture; 0 where all messages decode, 1 where some are malformed."""
    _as_utf8()
    renderer = _renderer(form, style)
    trace = Trace()
    malformed = number = shown = 0
    wanted, change, show = choice.wanted, choice.change, renderer.message
    # what comes through a pipe may come slowly: each message is shown when it is there; those of
    # a file that are far apart do not wait for each other either
    at_once, in_pieces = not isinstance(source, str), form not in PICTURES
    due = 0.0

    def on_message(message: Message) -> None:
        nonlocal malformed, number, shown, due
        number += 1
        message.n = number
        if message.problems:
            malformed += message.malformed
        if wanted(message):
            shown += 1
            show(change(message))
            if in_pieces and (at_once or time.monotonic() > due):
                sys.stdout.flush()
                due = time.monotonic() + _FLUSH

    progress = None
    if sys.stderr.isatty() and options.progress is None:
        progress = options.progress = Progress()
    try:
        on_record = trace.add_record if form in PICTURES else None
        trace.summary = read_messages(
            source, options, on_message, trace.add_session, trace.add_note, on_record
        )
    except CaptureError as error:
        raise UserError(str(error)) from None
    finally:
        if progress is not None:
            progress.clear()
    renderer.finish(trace)
    _close(form, style, trace, number, shown, choice)
    return 1 if malformed or trace.errors else 0


def _renderer(form: str, style: Style) -> Renderer:
    try:
        return make(form, sys.stdout, style)
    except ValueError as error:
        raise UserError(f"--fields: {error}", "such as n,type,counterValue") from None


def _as_utf8() -> None:
    """Make the output UTF-8, whatever the locale: it is what the machine forms say they are."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def _close(form: str, style: Style, trace: Trace, number: int, shown: int, choice: Choice) -> None:
    """Say what belongs to no message where the form has not said it, and that nothing was found."""
    if form in MACHINE_FORMS:
        for line in closing_lines(trace, style.veil):
            print(line, file=sys.stderr)
    out = sys.stderr if form in MACHINE_FORMS else sys.stdout
    if number == 0:
        print(_nothing(trace), file=out)
    elif shown == 0 and not choice.is_all:
        print(f"none of {number} eSIM messages was asked for", file=out)


def _nothing(trace: Trace) -> str:
    frames = trace.summary.frames if trace.summary is not None else 0
    text = f"no eSIM messages in {frames} frames"
    if any(session.closed for session in trace.sessions):
        return f"{text}; some sessions are encrypted: give their keys with --keylog"
    return text


class Progress:
    """One line on a terminal, after the first second, four times a second."""

    def __init__(self) -> None:
        self._first = self._next = time.monotonic() + 1

    def __call__(self, done: int, size: int | None) -> None:
        """Show how much of the file is read."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 0.25
        part = f"{done / size:4.0%} of {size >> 20} MiB" if size else f"{done >> 20} MiB"
        print(f"\r{part} read", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away; another process may have written it."""
        if time.monotonic() >= self._first:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
