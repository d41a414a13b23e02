"""The pcapng capture file: sections of blocks, with several interfaces and secrets inside."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Final

from dissectors.link.codes import (
    CAPTURE_CORRUPT,
    CAPTURE_LIMIT,
    CAPTURE_STOPPED,
    CAPTURE_TRUNCATED,
    INTERFACE_UNKNOWN,
)
from dissectors.link.container import (
    CHUNK,
    GUESSES_PER_FAULT,
    MAX_GUESSES,
    MAX_PACKET,
    NO_LINKTYPE,
    Batch,
    Interface,
    Record,
)
from dissectors.link.limits import Limits
from dissectors.link.notes import Notes
from dissectors.link.pcapng_blocks import (
    COMMENT,
    ENHANCED_PACKET,
    INTERFACE,
    OLD_PACKET,
    ORDERS,
    SECRETS,
    SECTION,
    SIMPLE_PACKET,
    options,
    read_interface,
    read_secrets,
    text,
)
from dissectors.link.source import CaptureError, Source

MAGIC: Final = b"\x0a\x0d\x0d\x0a"

_MAX_BLOCK: Final = 16 << 20
_MAX_INTERFACES: Final = 65_536
# The shortest block, and the shortest one with a packet and its times.
_BLOCK: Final = 12
_PACKET: Final = 32
_LEAST: Final = {
    SECTION: 28,
    INTERFACE: 20,
    OLD_PACKET: 32,
    SIMPLE_PACKET: 16,
    ENHANCED_PACKET: 32,
    SECRETS: 20,
}
_NOWHERE: Final = Interface(NO_LINKTYPE)
# Where options begin, for the kinds whose comments are read.
_OPTIONS_AT: Final = {SECTION: 24, INTERFACE: 16}

_Secrets = Callable[[int, bytes], None]
_Comments = Callable[[str, tuple[int, ...]], None]


class PcapngFile:
    """Reads a pcapng capture chunk by chunk."""

    def __init__(
        self,
        source: Source,
        notes: Notes,
        limits: Limits,
        secrets: _Secrets,
        comments: _Comments | None = None,
    ) -> None:
        """Check the first section header; raise CaptureError if it is none."""
        head = source.peek(_BLOCK)
        if head[8:12] not in ORDERS:
            raise CaptureError(f"{source.name}: a pcapng file with a damaged section header")
        self.interfaces: list[Interface] = []
        self._source = source
        self._notes = notes
        self._secrets = secrets
        self._comments = comments
        self._secrets_left = limits.secrets_bytes
        self._known: list[Interface] = []
        self._frames = 0
        self._guesses = 0
        self._time = 0.0
        self._fault = ""
        self._wanted = 0
        self._set_order(ORDERS[head[8:12]])

    def _set_order(self, order: str) -> None:
        self._order = order
        self._unpack = struct.Struct(order + "7I").unpack_from
        self._pair = struct.Struct(order + "II").unpack_from
        self._last = struct.Struct(order + "I").unpack_from

    def batches(self) -> Iterator[Batch]:
        """Yield the packets: a batch for each run of packet blocks of one link type."""
        buffer, position = self._source.read(CHUNK), 0
        while True:
            records: list[Record] = []
            index_before, linktype, ticks, offset = -1, NO_LINKTYPE, 1, 0
            unpack, last, size = self._unpack, self._last, len(buffer)
            self._fault = ""
            while position + _PACKET <= size:
                kind, length, index, high, low, captured, original = unpack(buffer, position)
                if kind != ENHANCED_PACKET:
                    break
                end = position + length
                if end > size:
                    break
                if captured + _PACKET > length or last(buffer, end - 4)[0] != length:
                    self._fault = f"a packet block of {length} bytes contradicts itself"
                    break
                if index != index_before:
                    index_before, interface = index, self._interface(index, len(records))
                    ticks, offset = interface.ticks, interface.offset
                    if interface.linktype != linktype:
                        if records:
                            yield self._batch(buffer, linktype, records)
                            records = []
                        linktype = interface.linktype
                start = position + 28
                records.append(((high << 32 | low) / ticks + offset, start, captured, original))
                if self._comments and length > captured + _PACKET + 4:
                    self._tell(buffer, start + (captured + 3 & ~3), end, len(records))
                position = end
            if records:
                yield self._batch(buffer, linktype, records)
            if not self._fault and position + _BLOCK <= size:
                end, packet = self._block(buffer, position)
                if packet:
                    yield packet
                if end:
                    position = end
                    continue
            buffer, enough = buffer[position:], False
            if not self._fault:
                buffer, enough = self._read_more(buffer)
            if buffer and not enough:
                buffer = self._resynchronise(buffer)
            if not buffer:
                return
            position = 0

    def _batch(self, buffer: bytes, linktype: int, records: list[Record]) -> Batch:
        self._frames += len(records)
        self._time = records[-1][0]
        return Batch(buffer, linktype, records)

    def _interface(self, index: int, pending: int) -> Interface:
        if index < len(self._known):
            return self._known[index]
        frame = self._frames + pending + 1
        self._notes.add(
            INTERFACE_UNKNOWN,
            f"frame {frame} is of interface {index}, which no block before it describes",
            (frame,),
        )
        return _NOWHERE

    def _tell(self, buffer: bytes, start: int, end: int, pending: int = 0) -> None:
        if self._comments:
            frames = (self._frames + pending,) if pending else ()
            for code, value in options(buffer, start, end - 4, self._order):
                if code == COMMENT:
                    self._comments(text(value), frames)

    def _block(self, buffer: bytes, position: int) -> tuple[int, Batch | None]:
        """Take the block at `position`: where it ends (0 if it is not all there), its packet."""
        head = buffer[position : position + _BLOCK]
        if head[:4] == MAGIC:
            if head[8:] not in ORDERS:
                self._fault = "a section header has no byte order"
                return 0, None
            self._set_order(ORDERS[head[8:]])
        kind, length = self._pair(head)
        self._wanted = length
        most = self._secrets_left + 64 if kind == SECRETS else _MAX_BLOCK
        if length > most or length < _LEAST.get(kind, _BLOCK):
            self._fault = f"a block of type {kind} announces {length} bytes"
            self._wanted = 0
            return 0, None
        end = position + length
        if end > len(buffer):
            return 0, None
        if self._last(buffer, end - 4)[0] != length:
            self._fault = f"a block of type {kind} announces {length} bytes, and does not end there"
            return 0, None
        if kind == SECTION:
            self._known = []
        elif kind == INTERFACE:
            self._describe(read_interface(buffer, position, end, self._order))
        elif kind == SECRETS:
            self._secrets_left -= length
            self._secrets(*read_secrets(buffer, position, end, self._order))
        if kind in _OPTIONS_AT:
            self._tell(buffer, position + _OPTIONS_AT[kind], end)
        if kind in (SIMPLE_PACKET, OLD_PACKET):
            return end, self._old_packet(buffer, position, end, kind)
        return end, None

    def _describe(self, interface: Interface) -> None:
        if len(self.interfaces) < _MAX_INTERFACES:
            self._known.append(interface)
            self.interfaces.append(interface)
        else:
            self._notes.add(CAPTURE_LIMIT, f"more than {_MAX_INTERFACES} interfaces are described")

    def _old_packet(self, buffer: bytes, position: int, end: int, kind: int) -> Batch:
        if kind == SIMPLE_PACKET:
            interface, start = self._interface(0, 0), position + 12
            (original,) = self._last(buffer, position + 8)
            captured = min(original, interface.snaplen or original)
            time = self._time  # the block has none
        else:
            index, _ = struct.unpack_from(self._order + "HH", buffer, position + 8)
            interface, start = self._interface(index, 0), position + 28
            high, low, captured, original = struct.unpack_from(
                self._order + "4I", buffer, position + 12
            )
            time = (high << 32 | low) / interface.ticks + interface.offset
        captured = min(captured, end - 4 - start)
        return self._batch(buffer, interface.linktype, [(time, start, captured, original)])

    def _read_more(self, rest: bytes) -> tuple[bytes, bool]:
        """Return `rest` and what follows it, and if that is the whole block at least."""
        wanted = self._wanted if len(rest) >= _BLOCK else _BLOCK
        self._wanted = 0
        parts, have = [rest], len(rest)
        while more := self._source.read(CHUNK):
            parts.append(more)
            have += len(more)
            if have >= wanted:
                return b"".join(parts), True
        return b"".join(parts), False

    def _resynchronise(self, rest: bytes) -> bytes:
        """Report the block at the start of `rest`; return what begins with the next sane one."""
        self._guesses += GUESSES_PER_FAULT + (self._wanted >> 14)
        self._wanted = 0
        found = self._find(rest[1:])
        after = f"after frame {self._frames}"
        frames = (self._frames + 1,)
        if not found and not self._fault and self._guesses <= MAX_GUESSES:
            text = f"the file ends inside a block {after}: {len(rest)} bytes left"
            self._notes.add(CAPTURE_TRUNCATED, text, frames)
            return b""
        self._notes.add(
            CAPTURE_CORRUPT,
            f"{self._fault or 'a block announces more bytes than the file has'}, {after}",
            frames,
        )
        if not found:
            text = f"no block is found {after}; reading stops there"
            self._notes.add(CAPTURE_STOPPED, text)
        return found

    def _find(self, buffer: bytes) -> bytes:
        """Drop bytes up to the next section header or packet block that is consistent."""
        wanted = re.compile(
            re.escape(struct.pack(self._order + "I", ENHANCED_PACKET)) + b"|" + MAGIC
        )
        while self._guesses <= MAX_GUESSES:
            found = wanted.search(buffer)
            while found and self._guesses <= MAX_GUESSES:
                place = found.start()
                if len(buffer) - place < 2 * MAX_PACKET and (more := self._source.read(CHUNK)):
                    buffer = buffer[place:] + more
                    place = 0
                if self._sane(buffer, place):
                    return buffer[place:]
                self._guesses += 1
                found = wanted.search(buffer, place + 1)
            more = self._source.read(CHUNK)
            if not more:
                break
            buffer = buffer[-3:] + more
        return b""

    def _sane(self, buffer: bytes, place: int) -> bool:
        if place + _PACKET > len(buffer):
            return False
        order = self._order
        if buffer[place : place + 4] == MAGIC:
            found = ORDERS.get(buffer[place + 8 : place + 12])
            if not found:
                return False
            order, captured = found, -4
        else:
            (captured,) = struct.unpack_from(order + "I", buffer, place + 20)
        (length,) = struct.unpack_from(order + "I", buffer, place + 4)
        end = place + length
        return (
            captured + _PACKET <= length
            and end <= len(buffer)
            and struct.unpack_from(order + "I", buffer, end - 4) == (length,)
        )
