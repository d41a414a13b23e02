"""Reads results folders: the stream and the shards of a parallel run, as far as they go."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sgprobe import events as e
from sgprobe.report.run import CUT_OFF, LOST, Item, Run
from sgprobe.report.text import many, plain

# events of an item lie where they lie until a report asks for them; their heads say whose they are
_HEAD = re.compile(rb'\{"event":"([a-z]+\.?[a-z]*)","item":("(?:[^"\\]|\\.)*+")')
_DEFERRED = (b"step.started", b"step.ended", b"message", b"note")
_MOST_PROBLEMS = 20
# a stream of this many bytes may be held in memory, where it takes some ten times as much
_SMALL = 16 << 20


class NoResults(Exception):
    """A folder holds no stream of events."""


@dataclass(slots=True)
class _Found:
    """An item in the making: where its events lie, as stretches of files."""

    started: e.ItemStarted
    ended: e.ItemEnded | None = None
    spans: list[tuple[Path, int, int]] = field(default_factory=list)

    def add(self, path: Path, start: int, end: int) -> None:
        if self.spans and self.spans[-1][0] == path and self.spans[-1][2] == start:
            self.spans[-1] = (path, self.spans[-1][1], end)
        else:
            self.spans.append((path, start, end))


@dataclass(slots=True)
class _Stream:
    """What one file held."""

    path: Path
    head: e.RunStarted | None = None
    end: e.RunEnded | None = None
    cases: dict[str, e.CaseText] = field(default_factory=dict)
    items: dict[str, _Found] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def streams(folder: Path) -> list[Path]:
    """Return the files of a results folder that hold events, the main one first."""
    main = folder / e.STREAM
    shards = sorted(folder.glob(e.SHARD.format(worker="*")))
    return ([main] if main.is_file() else []) + shards


def read_run(*folders: Path) -> Run:
    """Return the run of a results folder; those of several are put together."""
    read: list[_Stream] = []
    for folder in folders:
        paths = [folder] if folder.is_file() else streams(folder)
        if not paths:
            raise NoResults(f"{plain(str(folder))}: no {e.STREAM} here")
        read += [_read(path) for path in paths]
    return _merge(read)


def _read(path: Path) -> _Stream:
    stream = _Stream(path)
    ids: dict[bytes, str] = {}
    at = 0
    broken: list[int] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            start, at = at, at + len(line)
            item = _owner(line, ids)
            if item is None:
                event = e.from_line(line.decode("utf-8", "replace"))
                if event is None:
                    if line.strip():
                        broken.append(number)
                    continue
                item = _keep(stream, event)
            if item in stream.items:
                stream.items[item].add(path, start, at)
    if broken:
        which = ", ".join(map(str, broken[:5])) + (", …" if len(broken) > 5 else "")
        lines = many(len(broken), "line")
        stream.problems.append(f"{path.name}: {lines} could not be read (line {which})")
    return stream


def _owner(line: bytes, ids: dict[bytes, str]) -> str | None:
    """Return the item of an event that can wait; None where it has to be read now."""
    head = _HEAD.match(line)
    if head is None or head[1] not in _DEFERRED or not line.endswith(b"}\n"):
        return None
    known = ids.get(head[2])
    if known is None:
        try:
            known = ids[head[2]] = str(json.loads(head[2]))
        except ValueError:
            return None
    return known


def _keep(stream: _Stream, event: e.Event) -> str:
    """Take an event into what is known of the stream; returns the item that it belongs to."""
    match event:
        case e.RunStarted():
            stream.head = event
        case e.RunEnded():
            stream.end = event
        case e.CaseText():
            stream.cases[event.case] = event
        case e.ItemStarted():
            # one that is run again counts by its last run
            stream.items.pop(event.item, None)
            stream.items[event.item] = _Found(event)
            return event.item
        case e.ItemEnded():
            if event.item in stream.items:
                stream.items[event.item].ended = event
            return event.item
        case _:
            return event.item
    return ""


def _merge(read: list[_Stream]) -> Run:
    heads = [stream.head for stream in read if stream.head is not None]
    problems = [problem for stream in read for problem in stream.problems]
    if not heads:
        problems.append("the stream does not say what was run: its first line is missing")
    # the controller of a parallel run has no name of a worker
    head = next((one for one in heads if not one.worker), heads[0] if heads else _unknown())
    cases: dict[str, e.CaseText] = {}
    found: dict[str, tuple[_Found, _Stream]] = {}
    for stream in read:
        cases.update(stream.cases)
        for ident, item in stream.items.items():
            kept = found.get(ident)
            if kept is None or _rank(item) > _rank(kept[0]):
                found[ident] = (item, stream)
    wanted = tuple(dict.fromkeys(ident for one in heads for ident in one.items))
    end = _end(read)
    not_run = tuple(ident for ident in wanted if ident not in found)
    if end is None:
        missing = f", {many(len(not_run), 'item')} did not run" if not_run else ""
        problems.append(f"the run was cut off: its end is missing{missing}")
    elif not_run:
        problems.append(f"{many(len(not_run), 'item')} of the run did not run")
    place = {ident: index for index, ident in enumerate(wanted)}
    order = sorted(found, key=lambda ident: place.get(ident, len(place)))
    size = sum(stop - start for one, _ in found.values() for _, start, stop in one.spans)
    cut = CUT_OFF if end is None else LOST
    items = [_item(*found[ident], cut, size <= _SMALL) for ident in order]
    head = dataclasses.replace(head, items=wanted or tuple(order))
    return Run(head, end, items, cases, not_run, tuple(problems[:_MOST_PROBLEMS]))


def _rank(item: _Found) -> tuple[bool, float]:
    return item.ended is not None, item.started.at


def _end(read: list[_Stream]) -> e.RunEnded | None:
    """Return the end of all: of each main stream; of workers alone, when each of them ended."""
    folders: dict[Path, list[_Stream]] = {}
    for stream in read:
        folders.setdefault(stream.path.parent, []).append(stream)
    ends: list[e.RunEnded] = []
    for group in folders.values():
        mains = [one for one in group if one.head is not None and not one.head.worker]
        for stream in mains or group:
            if stream.end is None:
                return None
            ends.append(stream.end)
    if len(ends) <= 1:
        return ends[0] if ends else None
    counts: dict[str, int] = {}
    for end in ends:
        for word, count in end.counts.items():
            counts[word] = counts.get(word, 0) + count
    return e.RunEnded(
        max(end.at for end in ends),
        sum(end.seconds for end in ends),
        max(end.exit for end in ends),
        counts,
    )


def _unknown() -> e.RunStarted:
    return e.RunStarted(run="", at=0.0, sgprobe="", seed=0)


def _item(found: _Found, stream: _Stream, cut: str, keep: bool) -> Item:
    return Item(
        found.started,
        found.ended,
        _reader(tuple(found.spans)),
        cut,
        str(stream.path.parent),
        keep,
    )


def _reader(spans: Iterable[tuple[Path, int, int]]) -> Callable[[], Iterator[e.Event]]:
    def read() -> Iterator[e.Event]:
        for path, start, end in spans:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(end - start)
            yield from e.read(data.decode("utf-8", "replace").split("\n"))

    return read
