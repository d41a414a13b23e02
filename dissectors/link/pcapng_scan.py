"""A walk over the block headers of a pcapng file that stops at nothing but secrets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from dissectors.link.container import CHUNK
from dissectors.link.pcapng_blocks import ORDERS, SECRETS, SECTION, read_secrets
from dissectors.link.source import Source

_HEADER: Final = 12
_SECRETS_HEADER: Final = 20


def walk_secrets(source: Source, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield kind and data of the secrets blocks, up to `most` bytes; end at a corrupt block."""
    order = "<"
    pair = struct.Struct(order + "II").unpack_from
    buffer, position = source.read(CHUNK), 0
    while True:
        last = len(buffer) - _HEADER
        need = _HEADER
        while position <= last:
            kind, length = pair(buffer, position)
            if kind in (SECTION, SECRETS):
                if kind == SECTION:
                    order = ORDERS.get(buffer[position + 8 : position + 12], "")
                    if not order:
                        return
                    pair = struct.Struct(order + "II").unpack_from
                    _, length = pair(buffer, position)
                elif _SECRETS_HEADER <= length <= most + _SECRETS_HEADER:
                    if position + length > len(buffer):
                        need = length
                        break
                    most -= length
                    yield read_secrets(buffer, position, position + length, order)
            if length < _HEADER:
                return
            position += length
        parts = [buffer[position:]]
        need -= len(parts[0])
        position = max(position - len(buffer), 0)
        while need > 0:
            more = source.read(CHUNK)
            if not more:
                return
            if position >= len(more):
                position -= len(more)
                continue
            parts.append(more[position:])
            need -= len(parts[-1])
            position = 0
        buffer = b"".join(parts)
