"""The classic capture file: one link type, a 16-byte header before each packet."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from dissectors.link.codes import CAPTURE_CORRUPT, CAPTURE_STOPPED, CAPTURE_TRUNCATED
from dissectors.link.container import (
    CHUNK,
    GUESSES_PER_FAULT,
    MAX_GUESSES,
    MAX_PACKET,
    Batch,
    Interface,
    Record,
)
from dissectors.link.notes import Notes
from dissectors.link.source import CaptureError, Source

# The magic number as it lies in the file: byte order and ticks a second.
MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
_HEADER: Final = 24
_RECORD: Final = 16
_STAMPS: Final = 8


class PcapFile:
    """Reads a classic capture chunk by chunk."""

    def __init__(self, source: Source, notes: Notes) -> None:
        """Read the file header; raise CaptureError if it is cut short."""
        head = source.peek(_HEADER)
        if len(head) < _HEADER:
            raise CaptureError(f"{source.name}: a pcap file that ends inside its file header")
        source.read(_HEADER)
        self._order, self._ticks = MAGICS[head[:4]]
        snaplen, linktype = struct.unpack_from(self._order + "II", head, 16)
        # The upper half holds the length of the frame check sequence, if any.
        self.interfaces = [Interface(linktype & 0xFFFF, snaplen=snaplen, ticks=self._ticks)]
        # Some tools write a snap length of 0 or one below what they then store.
        self._most = min(max(snaplen, MAX_PACKET), 16 * MAX_PACKET)
        self._source = source
        self._notes = notes
        self._unpack = struct.Struct(self._order + "IIII").unpack_from
        self._frames = 0
        self._guesses = 0
        # Seconds of the first record and of the last ones: what a record looks like.
        self._stamps: list[int] = []

    def batches(self) -> Iterator[Batch]:
        """Yield the packets, one batch for each chunk read."""
        unpack, most, ticks = self._unpack, self._most, self._ticks
        linktype = self.interfaces[0].linktype
        buffer = self._source.read(CHUNK)
        while buffer:
            position, size = 0, len(buffer)
            last = size - _RECORD
            records: list[Record] = []
            corrupt = 0
            while position <= last:
                stamp, fraction, captured, original = unpack(buffer, position)
                if captured > most:
                    corrupt = captured
                    break
                start = position + _RECORD
                end = start + captured
                if end > size:
                    break
                records.append(((stamp * ticks + fraction) / ticks, start, captured, original))
                position = end
            self._frames += len(records)
            self._stamps = [*self._stamps[:1], *(int(record[0]) for record in records[-_STAMPS:])]
            yield Batch(buffer, linktype, records)
            rest = buffer[position:]
            more = b"" if corrupt else self._source.read(CHUNK)
            if more:
                buffer = rest + more
            elif not rest:
                return
            else:
                buffer = self._resynchronise(rest, corrupt)

    def _resynchronise(self, rest: bytes, corrupt: int) -> bytes:
        """Report the record at the start of `rest`; return what begins with the next sane one."""
        self._guesses += GUESSES_PER_FAULT
        if not self._stamps and len(rest) >= _RECORD:
            # it is the first: what is wrong in it is likelier its length than its time
            self._stamps = [int(self._unpack(rest, 0)[0])]
        found = self._find(rest[1:])
        frame = self._frames + 1
        if not found and not corrupt and self._guesses <= MAX_GUESSES:
            text = f"the file ends inside the record of frame {frame}: {len(rest)} bytes left"
            self._notes.add(CAPTURE_TRUNCATED, text, (frame,))
            return b""
        text = "more bytes than the file has"
        if corrupt:
            text = f"{corrupt} bytes, more than the {self._most} a packet can have"
        self._notes.add(CAPTURE_CORRUPT, f"the record of frame {frame} announces {text}", (frame,))
        if not found:
            text = f"no packet is found after frame {self._frames}; reading stops there"
            self._notes.add(CAPTURE_STOPPED, text)
        return found

    def _find(self, buffer: bytes) -> bytes:
        """Drop bytes up to the next place where two sane records follow each other."""
        # Records near in time share the upper half of their seconds.
        shift = 2 if self._order == "<" else 0
        whole = [struct.pack(self._order + "I", stamp) for stamp in self._stamps]
        marks = {stamp[shift : shift + 2] for stamp in whole}
        pattern = re.compile(b"|".join(map(re.escape, sorted(marks))))
        reach = _RECORD + self._most + _RECORD
        while marks and self._guesses <= MAX_GUESSES:
            found = pattern.search(buffer, shift)
            while found and self._guesses <= MAX_GUESSES:
                place = found.start() - shift
                if len(buffer) - place < reach and (more := self._source.read(CHUNK)):
                    buffer = buffer[place:] + more
                    place = 0
                if self._sane(buffer, place, marks, shift):
                    return buffer[place:]
                self._guesses += 1
                found = pattern.search(buffer, place + shift + 1)
            more = self._source.read(CHUNK)
            if not more:
                break
            buffer = buffer[-3:] + more
        return b""

    def _sane(self, buffer: bytes, place: int, marks: set[bytes], shift: int) -> bool:
        for _ in range(2):
            if place == len(buffer):
                return True
            if place + _RECORD > len(buffer):
                return False
            _, fraction, captured, original = self._unpack(buffer, place)
            if (
                buffer[place + shift : place + shift + 2] not in marks
                or fraction >= self._ticks
                or captured > self._most
                or original < captured
            ):
                return False
            place += _RECORD + captured
        return place <= len(buffer)
