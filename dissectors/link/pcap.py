"""The classic capture file: one link type, a 16-byte header before each packet."""

from __future__ import annotations

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

    def batches(self) -> Iterator[Batch]:
        """Yield the packets, one batch for each chunk read."""
        unpack, most, ticks = self._unpack, self._most, self._ticks
        linktype = self.interfaces[0].linktype
        seconds = 0
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
                seconds = stamp
                records.append(((stamp * ticks + fraction) / ticks, start, captured, original))
                position = end
            self._frames += len(records)
            yield Batch(buffer, linktype, records)
            if corrupt:
                self._corrupt(corrupt)
                rest = self._resynchronise(buffer[position + 1 :], seconds)
                if rest is None:
                    return
                buffer = rest
                continue
            more = self._source.read(CHUNK)
            if not more:
                self._finish(size - position)
                return
            buffer = buffer[position:] + more

    def _corrupt(self, captured: int) -> None:
        self._guesses += GUESSES_PER_FAULT
        self._notes.add(
            CAPTURE_CORRUPT,
            f"the record of frame {self._frames + 1} announces {captured} bytes, "
            f"more than the {self._most} a packet can have",
            (self._frames + 1,),
        )

    def _finish(self, left: int) -> None:
        if left:
            self._notes.add(
                CAPTURE_TRUNCATED,
                f"the file ends inside the record of frame {self._frames + 1}: {left} bytes left",
                (self._frames + 1,),
            )

    def _resynchronise(self, buffer: bytes, seconds: int) -> bytes | None:
        """Drop bytes up to the next place where two sane records follow each other."""
        # Records near in time share the upper half of their seconds; without a good record
        # before there is nothing to look for.
        order: str = self._order
        whole = struct.pack(order + "I", seconds)
        mark, shift = (whole[2:], 2) if order == "<" else (whole[:2], 0)
        reach = _RECORD + self._most + _RECORD
        while seconds:
            at = buffer.find(mark)
            while at >= 0:
                place = at - shift
                if len(buffer) - place < reach and (more := self._source.read(CHUNK)):
                    buffer = buffer[max(place, 0) :] + more
                    at = buffer.find(mark)
                    continue
                if place >= 0 and self._sane(buffer, place, mark, shift):
                    return buffer[place:]
                self._guesses += 1
                if self._guesses > MAX_GUESSES:
                    break
                at = buffer.find(mark, at + 1)
            if self._guesses > MAX_GUESSES:
                break
            more = self._source.read(CHUNK)
            if not more:
                break
            buffer = buffer[-3:] + more
        self._notes.add(
            CAPTURE_STOPPED, f"no packet is found after frame {self._frames}; reading stops there"
        )
        return None

    def _sane(self, buffer: bytes, place: int, mark: bytes, shift: int) -> bool:
        for _ in range(2):
            if place == len(buffer):
                return True
            if place + _RECORD > len(buffer):
                return False
            _, fraction, captured, original = self._unpack(buffer, place)
            if (
                buffer[place + shift : place + shift + 2] != mark
                or fraction >= self._ticks
                or captured > self._most
                or original < captured
            ):
                return False
            place += _RECORD + captured
        return place <= len(buffer)
