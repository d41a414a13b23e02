"""Reads one large capture in several processes, each its share of the flows, as one NDJSON stream.

A process walks all frames and keeps the flows whose addresses hash to it. Rows come back in the
order of the frame that completed them and are numbered where they meet. Secrets that one flow
leaves for another (resumption, connection IDs) do not cross processes: a capture that needs keys
is read in one.
"""

from __future__ import annotations

import marshal
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from heapq import merge
from multiprocessing.connection import Connection
from operator import itemgetter
from typing import Any

from dissectors.finding import Finding
from dissectors.link.capture import CaptureError, CaptureSummary
from dissectors.link.tls_session import SessionInfo
from dissectors.trace.message import Message
from dissectors.trace.read import Options, Trace, read_messages

_BATCH = 256
# under this size a second process costs more than it saves
WORTH_IT = 24 << 20

# key, NDJSON after its number (None: not wanted), malformed
Row = tuple[int, str | None, bool]


@dataclass(slots=True)
class _Result:
    """What a process knows at its end."""

    summary: CaptureSummary | None = None
    sessions: list[SessionInfo] = field(default_factory=list)
    notes: list[tuple[Finding, tuple[int, ...]]] = field(default_factory=list)
    error: str = ""


class WorkerDied(RuntimeError):
    """A process ended before its share was read."""


def rows_of(
    path: str,
    options: Options,
    wanted: Callable[[Message], bool],
    change: Callable[[Message], Message],
    jobs: int,
    trace: Trace,
) -> Iterator[tuple[str | None, bool]]:
    """Walk the rows of a capture: NDJSON without `{"n":`, None where not wanted; and malformed.

    `trace` receives sessions, notes and summary when the rows are over.
    """
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    processes = []
    for index in range(jobs):
        ours, theirs = context.Pipe(duplex=False)
        share = replace(options, shard=(index, jobs))
        if index:
            share.progress = None
        process = context.Process(
            target=_work, args=(path, share, wanted, change, theirs), daemon=True
        )
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    results: list[_Result] = []
    try:
        for _, text, malformed in merge(
            *(_rows(pipe, results) for pipe in pipes), key=itemgetter(0)
        ):
            yield text, malformed
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            if process.is_alive() and len(results) < jobs:
                process.terminate()
            process.join()
    for result in results:
        if result.error:
            raise CaptureError(result.error)
        trace.sessions += result.sessions
        trace.notes += result.notes
    trace.sessions.sort(key=lambda session: session.first_frame)
    trace.summary = _sum([result.summary for result in results if result.summary is not None])


def _rows(pipe: Connection, results: list[_Result]) -> Iterator[Row]:
    while True:
        try:
            data = pipe.recv_bytes()
        except EOFError:
            raise WorkerDied("a reading process ended early; try --jobs 1") from None
        if data[:1] == b"R":
            results.append(pickle.loads(data[1:]))
            return
        yield from marshal.loads(data)


def _work(
    path: str,
    options: Options,
    wanted: Callable[[Message], bool],
    change: Callable[[Message], Message],
    pipe: Connection,
) -> None:
    result = _Result()
    rows: list[Any] = []
    key = 0

    def on_message(message: Message) -> None:
        nonlocal key
        last = message.frames[-1] if message.frames else 0
        key = max(key, last)
        text = change(message).as_json()[len('{"n":0') :] if wanted(message) else None
        rows.append((key, text, message.malformed))
        if len(rows) >= _BATCH:
            pipe.send_bytes(marshal.dumps(rows))
            rows.clear()

    try:
        result.summary = read_messages(
            path, options, on_message, result.sessions.append,
            lambda finding, frames: result.notes.append((finding, frames)),
        )  # fmt: skip
    except CaptureError as error:
        result.error = str(error)
    except BrokenPipeError:
        os._exit(0)  # the reader has gone; there is nobody to tell
    try:
        pipe.send_bytes(marshal.dumps(rows))
        pipe.send_bytes(b"R" + pickle.dumps(result))
    except BrokenPipeError:
        os._exit(0)  # as above


def _sum(parts: list[CaptureSummary]) -> CaptureSummary | None:
    if not parts:
        return None
    return replace(
        parts[0],
        flows=sum(part.flows for part in parts),
        gaps=sum(part.gaps for part in parts),
        findings=sum(part.findings for part in parts),
    )
