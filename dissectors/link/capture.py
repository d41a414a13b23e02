"""From a capture file to ordered flow bytes: open, read, reassemble, hand up."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import BinaryIO, Final

from dissectors.link.container import Batch, Container, Interface
from dissectors.link.flows import WHOLE, Opener, Shard
from dissectors.link.frames import AFTER, Frames
from dissectors.link.limits import DEFAULT_LIMITS, Limits
from dissectors.link.linktype import SUPPORTED
from dissectors.link.notes import Notes
from dissectors.link.pcap import MAGICS, PcapFile
from dissectors.link.pcapng import MAGIC, PcapngFile
from dissectors.link.pcapng_scan import walk_secrets
from dissectors.link.source import ACCEPTED, CaptureError, Source, open_source

__all__ = [
    "AFTER",
    "WHOLE",
    "CaptureError",
    "CaptureSummary",
    "Limits",
    "Opener",
    "Shard",
    "read_capture",
    "scan_secrets",
    "walk_capture",
]

# What else people hand in, by its first bytes.
_KNOWN: Final = (
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"BZh", "bzip2 data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"snoop\x00\x00\x00", "a snoop capture"),
    (b"\x34\xcd\xb2\xa1", "a modified pcap file (editcap -F pcap converts it)"),
)

Progress = Callable[[int, int | None], None]
Comments = Callable[[str, tuple[int, ...]], None]


@dataclass(frozen=True, slots=True)
class CaptureSummary:
    """What a capture held."""

    frames: int
    bytes: int  # captured
    first: float | None  # epoch seconds of the first and the last frame
    last: float | None
    interfaces: tuple[Interface, ...]
    flows: int  # opened, of this shard
    gaps: int
    findings: int


def read_capture(
    source: str | os.PathLike[str] | BinaryIO,
    opener: Opener,
    *,
    progress: Progress | None = None,
    comments: Comments | None = None,
    position: Callable[[Callable[[], int]], None] | None = None,
    shard: Shard = WHOLE,
    limits: Limits = DEFAULT_LIMITS,
) -> CaptureSummary:
    """Read a capture (path, `-`, or binary file) and push its flows into the sinks of `opener`.

    `progress` learns bytes read and the file's size (None if unknown); `comments` takes comments
    with their frame; `position` takes a function that tells the frame that is being read. `shard`
    takes one of several disjoint parts of the flows: a flow has the number of the frame that began
    it, in every shard, and only shard 0 notes what belongs to no flow. Raises CaptureError if the
    input is no capture.
    """
    walk = walk_capture(
        source,
        opener,
        progress=progress,
        comments=comments,
        position=position,
        shard=shard,
        limits=limits,
    )
    while True:
        try:
            next(walk)
        except StopIteration as end:
            summary: CaptureSummary = end.value
            return summary


def walk_capture(
    source: str | os.PathLike[str] | BinaryIO,
    opener: Opener,
    *,
    progress: Progress | None = None,
    comments: Comments | None = None,
    position: Callable[[Callable[[], int]], None] | None = None,
    shard: Shard = WHOLE,
    limits: Limits = DEFAULT_LIMITS,
) -> Generator[Batch, None, CaptureSummary]:
    """Do the same step by step: yield each batch of frames after the flows have taken it."""
    notes = Notes(opener.note, quiet=shard.index > 0)
    opened = open_source(source)
    try:
        container = _container(opened, notes, limits, opener.secrets, comments)
        frames = Frames(opener, notes, limits, shard)
        if position is not None:
            position(lambda: frames.frame)
        for batch in container.batches():
            frames.take(batch)
            if progress is not None:
                progress(opened.consumed, opened.size)
            yield batch
        if opened.fault is not None:
            notes.add(*opened.fault, (frames.count + 1,))
        frames.close()
    finally:
        opened.close()
    if frames.count and not frames.supported:
        raise CaptureError(_no_link_type(opened.name, container.interfaces))
    notes.close()
    return CaptureSummary(
        frames.count,
        frames.bytes,
        frames.first,
        frames.last,
        tuple(container.interfaces),
        frames.tcp.opened + frames.udp.opened,
        frames.tcp.gaps,
        notes.total,
    )


def scan_secrets(
    source: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS
) -> list[tuple[int, bytes]]:
    """Return kind and data of every secrets block, ahead of `read_capture`.

    A secrets block may stand after the packets that need it. Only block headers are walked; a
    gzip file is decompressed once more for it. Standard input and pipes have nothing to scan
    ahead: the list is empty.
    """
    if source == "-":
        return []
    opened = open_source(source)
    try:
        if opened.size is None or opened.peek(4)[:4] != MAGIC:
            return []
        return list(walk_secrets(opened, limits.secrets_bytes))
    finally:
        opened.close()


def _container(
    source: Source,
    notes: Notes,
    limits: Limits,
    secrets: Callable[[int, bytes], None],
    comments: Comments | None,
) -> Container:
    head = source.peek(8)
    if head[:4] in MAGICS:
        file = PcapFile(source, notes)
        if file.interfaces[0].linktype not in SUPPORTED:
            raise CaptureError(_no_link_type(source.name, file.interfaces))
        return file
    if head[:4] == MAGIC:
        return PcapngFile(source, notes, limits, secrets, comments)
    if source.fault is not None:
        raise CaptureError(f"{source.name}: {source.fault[1]}; {ACCEPTED}")
    if not head:
        raise CaptureError(f"{source.name} is empty; {ACCEPTED}")
    what = next((name for magic, name in _KNOWN if head.startswith(magic)), "")
    what = what or f"not a capture: it begins with {head.hex(' ')}"
    raise CaptureError(f"{source.name} is {what}; {ACCEPTED}")


def _no_link_type(name: str, interfaces: list[Interface]) -> str:
    found = ", ".join(str(number) for number in sorted({each.linktype for each in interfaces}))
    known = ", ".join(map(str, sorted(SUPPORTED)))
    return f"{name}: no packet can be read: link type {found or 'not given'}; known are {known}"
