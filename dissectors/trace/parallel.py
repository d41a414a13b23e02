"""Reads one large capture in several processes, each its share of the flows, as one NDJSON stream.

Every process walks all frames and keeps the flows whose addresses hash to it. A row carries the
frame that was being read when it was made, so that the rows meet in the order in which one process
would have made them; they are numbered there. Where keys are given, flows that may share secrets
stay together (`Shard.kin`).
"""

from __future__ import annotations

import marshal
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from multiprocessing.connection import Connection
from operator import itemgetter
from typing import Any

from dissectors.link.capture import AFTER, CaptureError, CaptureSummary, Shard
from dissectors.trace.message import Message
from dissectors.trace.read import Options, Trace, read_messages

_BATCH = 256
# under this size a second process costs more than it saves
WORTH_IT = 24 << 20
# at the end of a capture TCP connections are closed first, then flows of datagrams
_DATAGRAMS = 1 << 40

# place in the order, NDJSON after its number (None: not wanted), malformed
Row = tuple[int, str | None, bool]


@dataclass(slots=True)
class _Result:
    """What a process knows at its end."""

    trace: Trace
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
    """Walk the rows of a capture: NDJSON without `{"n":0`, None where not wanted; and malformed.

    `trace` receives sessions, notes and summary when the rows are over. Raises CaptureError if the
    input is no capture, WorkerDied if a process was killed.
    """
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    processes = []
    together = bool(len(options.keys) or options.psk)
    for index in range(jobs):
        ours, theirs = context.Pipe(duplex=False)
        share = replace(options, shard=Shard(index, jobs, together))
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
    _gather(trace, [result.trace for result in results])


def _gather(trace: Trace, parts: list[Trace]) -> None:
    for part in parts:
        for session in part.sessions:
            trace.add_session(session)
        for note in part.notes:
            trace.add_note(*note)
        trace.more_sessions += part.more_sessions
        trace.more_notes += part.more_notes
    trace.errors = sum(part.errors for part in parts)
    trace.sessions.sort(key=lambda session: session.first_frame)
    trace.notes.sort(key=lambda note: note[1][-1] if note[1] else AFTER)
    trace.summary = _sum([part.summary for part in parts if part.summary is not None])


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
    trace = Trace()
    result = _Result(trace)
    rows: list[Any] = []
    lead = len('{"n":0')
    frame: Callable[[], int] = int

    def position(asked: Callable[[], int]) -> None:
        nonlocal frame
        frame = asked

    def on_message(message: Message) -> None:
        place = frame()
        if place == AFTER:
            place += message.flow
            if not message.transport.startswith("http"):
                place += _DATAGRAMS
        text = change(message).as_json()[lead:] if wanted(message) else None
        rows.append((place, text, message.malformed))
        if len(rows) >= _BATCH:
            pipe.send_bytes(marshal.dumps(rows))
            rows.clear()

    try:
        trace.summary = read_messages(
            path, options, on_message, trace.add_session, trace.add_note, position=position
        )
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
