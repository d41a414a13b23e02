"""Reads one large capture in several processes, each its share of the flows, as one run of lines.

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
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from operator import itemgetter
from typing import Any

from dissectors.link.capture import AFTER, CaptureError, CaptureSummary, Shard
from dissectors.trace.message import Message
from dissectors.trace.read import Options, Trace, read_messages

_BATCH = 256
# rows wait for others no longer than this
_PATIENCE = 0.25
# under this size a second process costs more than it saves
WORTH_IT = 8 << 20
# at the end of a capture TCP connections are closed first, then flows of datagrams
_DATAGRAMS = 1 << 40
_END = 1 << 62
_RESULT = b"R"

# place in the order, line less its number (None: not wanted), malformed
Row = tuple[int, str | None, bool]
_place = itemgetter(0)


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
    line: Callable[[Message], str],
    jobs: int,
    trace: Trace,
) -> Iterator[list[Row]]:
    """Walk the rows of a capture, some at a time; `line` makes the text of a message less its
    number, in another process.

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
            share.progress = None  # one process shows how far it is
        process = context.Process(
            target=_work, args=(path, share, wanted, line, theirs), daemon=True
        )
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    results: list[_Result] = []
    try:
        yield from _merge([_Source(pipe) for pipe in pipes], results)
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


class _Source:
    """What came from one process: rows in order, and the place before which no more will come."""

    __slots__ = ("_pipe", "reached", "rows")

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.rows: list[Row] = []
        self.reached = 0

    def receive(self, results: list[_Result]) -> None:
        """Wait for more."""
        try:
            data = self._pipe.recv_bytes()
        except EOFError:
            raise WorkerDied("a reading process ended early; try --jobs 1") from None
        if data[:1] == _RESULT:
            results.append(pickle.loads(data[1:]))
            self.reached = _END
        else:
            self.reached, rows = marshal.loads(data)
            self.rows += rows


def _merge(sources: list[_Source], results: list[_Result]) -> Iterator[list[Row]]:
    """Put the rows of all sources in order: as many at once as nothing can come before."""
    reached = 0
    while reached < _END:
        min(sources, key=lambda source: source.reached).receive(results)
        reached = min([source.reached for source in sources])
        ready: list[Row] = []
        for source in sources:
            stop = bisect_left(source.rows, (reached,))
            ready += source.rows[:stop]
            del source.rows[:stop]
        if ready:
            ready.sort(key=_place)
            yield ready


def _work(
    path: str,
    options: Options,
    wanted: Callable[[Message], bool],
    line: Callable[[Message], str],
    pipe: Connection,
) -> None:
    trace = Trace()
    result = _Result(trace)
    rows: list[Any] = []
    told = time.monotonic()
    frame: Callable[[], int] = int
    progress = options.progress

    def position(asked: Callable[[], int]) -> None:
        nonlocal frame
        frame = asked

    def send(reached: int) -> None:
        nonlocal told
        pipe.send_bytes(marshal.dumps((reached, rows)))
        rows.clear()
        told = time.monotonic()

    def tick(done: int, size: int | None) -> None:
        if progress is not None:
            progress(done, size)
        if time.monotonic() - told > _PATIENCE:
            send(frame() + 1)

    def on_message(message: Message) -> None:
        place = frame()
        if place == AFTER:
            place += message.flow
            if not message.transport.startswith("http"):
                place += _DATAGRAMS
        rows.append((place, line(message) if wanted(message) else None, message.malformed))
        if len(rows) >= _BATCH:
            send(place)

    options.progress = tick
    try:
        trace.summary = read_messages(
            path, options, on_message, trace.add_session, trace.add_note, position=position
        )
    except CaptureError as error:
        result.error = str(error)
    except BrokenPipeError:
        os._exit(0)  # the reader has gone; there is nobody to tell
    try:
        send(_END - 1)
        pipe.send_bytes(_RESULT + pickle.dumps(result))
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
