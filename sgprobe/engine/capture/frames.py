"""Which frames of its capture carried the messages of an item: read from the capture itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dissectors.link.capture import CaptureError
from dissectors.trace.message import Message
from dissectors.trace.read import Options, read_messages
from sgprobe.engine.heard import Heard


def frames_of(capture: Path, heard: Iterable[Heard]) -> dict[str, list[int]]:
    """Return the frames by the number of the message; what is not in the capture is left out."""
    read: list[Message] = []
    try:
        read_messages(capture, Options(), read.append, lambda session: None, lambda *note: None)
    except (CaptureError, OSError):
        return {}
    found: dict[str, list[int]] = {}
    for one in heard:
        # a message that is there several times was heard in the order of the capture
        same = next((m for m in read if m.kind == one.kind and m.octets == one.octets), None)
        if same is not None:
            read.remove(same)
            found[str(one.n)] = list(same.frames)
    return found
