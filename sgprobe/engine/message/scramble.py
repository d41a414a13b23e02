"""Random damage of octets, drawn from a seed: the same seed does the same damage."""

from __future__ import annotations

import random

# octets at which parsers stumble: ends of ranges, long and indefinite lengths, high tags
_EDGES = (0x00, 0x01, 0x1F, 0x30, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xBF, 0xFF)
_LONGEST = 8


def scrambled(octets: bytes, count: int, seed: str) -> bytes:
    """Return octets with so many random changes; they are never what they were."""
    source = random.Random(seed)
    made = bytearray(octets)
    for _ in range(max(1, count)):
        _change(made, source)
    if bytes(made) == octets:
        # two changes may undo one another
        made = bytearray(octets or b"\0")
        made[0] ^= 0x01
    return bytes(made)


def _change(made: bytearray, source: random.Random) -> None:
    """Do one change; at the end of nothing there is only something to insert."""
    at = source.randrange(len(made) + 1)
    end = min(len(made), at + source.randint(1, _LONGEST))
    kind = source.randrange(6) if at < len(made) else 5
    if kind == 0:
        made[at] ^= 1 << source.randrange(8)
    elif kind == 1:
        made[at] = source.choice(_EDGES)
    elif kind == 2:
        del made[at:end]
    elif kind == 3:
        made[at:at] = made[at:end]
    elif kind == 4:
        del made[at:]
    else:
        made[at:at] = source.randbytes(end - at or 1)
