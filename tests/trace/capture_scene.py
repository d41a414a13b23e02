"""What a stored capture is: its file, its keys, what was sent in it, and where it comes from."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from capture_files import pcap, pcapng
from capture_wire import Disorder, Sent, Wire

BY_HAND = "frames by the maker of this folder; bodies of vectors/messages"


@dataclass
class Capture:
    """A capture in the making."""

    data: bytes
    sent: list[Sent]
    suffix: str = "pcap"
    keys: bytes = b""  # a key log beside it
    psk: str = ""


@dataclass(frozen=True)
class Scene:
    """One entry of the folder; `fixed` says that making it again gives the same bytes."""

    name: str
    title: str
    make: Callable[[], Capture]
    fixed: bool = True
    origin: str = BY_HAND
    notes: tuple[str, ...] = field(default=())


SCENES: dict[str, Scene] = {}
Maker = Callable[[], Capture]


def scene(
    name: str, title: str, *notes: str, fixed: bool | None = None, origin: str = BY_HAND
) -> Callable[[Maker], Maker]:
    """Enter a maker into the folder; what is made by hand alone is the same each time."""

    def enter(make: Maker) -> Maker:
        assert name not in SCENES, name
        SCENES[name] = Scene(name, title, make, _fixed(fixed, origin), origin, notes)
        return make

    return enter


def _fixed(asked: bool | None, origin: str) -> bool:
    return origin == BY_HAND if asked is None else asked


def finished(
    wire: Wire, *changes: Disorder, keys: bytes = b"", inside: bool = False, psk: str = ""
) -> Capture:
    """Return what a wire collected as a pcap; with keys inside, as a pcapng."""
    frames = wire.frames
    rng = random.Random(zlib.crc32(repr([len(f.data) for f in frames]).encode()))
    for change in changes:
        frames = change(frames, rng)
    if inside:
        data = pcapng(frames, [wire.linktype], keys=keys)
        return Capture(data, wire.sent, "pcapng", b"", psk)
    return Capture(pcap(frames, wire.linktype), wire.sent, "pcap", keys, psk)
