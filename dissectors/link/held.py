"""Pieces of a byte sequence that wait for what comes before them; the first copy wins."""

from __future__ import annotations

from typing import Final

MASK: Final = 0xFFFFFFFF
HALF: Final = 0x80000000

# A segment that covers more pieces than this joins them: covering them again then costs little.
_JOIN: Final = 8


class Piece:
    """Bytes at a sequence number, with the frames they came in."""

    __slots__ = ("ack", "at", "data", "frames", "mark", "seq", "time")

    def __init__(
        self,
        seq: int,
        data: bytes,
        frames: tuple[int, ...],
        time: float,
        *,
        ack: int = -1,
        mark: int = -1,
        at: int = 0,
    ) -> None:
        """Keep `data`; `ack`, `mark` and `at` are the TCP layer's and say what it waits for."""
        self.seq = seq
        self.data = data
        self.frames = frames
        self.time = time
        self.ack = ack
        self.mark = mark
        self.at = at

    def part(self, start: int, end: int) -> Piece:
        """Return the bytes `start` to `end` of the piece as one of their own."""
        return Piece(
            (self.seq + start) & MASK,
            self.data[start:end],
            self.frames,
            self.time,
            ack=self.ack,
            mark=self.mark,
            at=self.at,
        )


class Held:
    """Pieces in order, none overlapping another."""

    __slots__ = ("pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.size = 0

    def add(self, piece: Piece, base: int) -> tuple[int, bool]:
        """Put in what is new of `piece`; return its number of new bytes, and if the rest differs.

        `base` is a sequence number no piece lies before; numbers may wrap at 32 bits.
        """
        pieces = self.pieces
        start = (piece.seq - base) & MASK
        end = start + len(piece.data)
        if not pieces or ((pieces[-1].seq - base) & MASK) + len(pieces[-1].data) <= start:
            pieces.append(piece)
            self.size += len(piece.data)
            return len(piece.data), False
        first = self._place(start, base)
        last = first
        place = start
        differs = False
        merged: list[Piece] = []
        while last < len(pieces):
            old = pieces[last]
            left = (old.seq - base) & MASK
            if left >= end:
                break
            right = left + len(old.data)
            if place < left:
                merged.append(piece.part(place - start, left - start))
            low, high = max(left, start), min(right, end)
            if old.data[low - left : high - left] != piece.data[low - start : high - start]:
                differs = True
            merged.append(old)
            place = right
            last += 1
        if place < end:
            merged.append(piece.part(place - start, len(piece.data)))
        if last - first > _JOIN:
            merged = [_join(merged)]
        added = sum(len(p.data) for p in merged) - sum(len(p.data) for p in pieces[first:last])
        pieces[first:last] = merged
        self.size += added
        return added, differs

    def take(self, count: int) -> None:
        """Drop the first `count` pieces."""
        self.size -= sum(len(piece.data) for piece in self.pieces[:count])
        del self.pieces[:count]

    def _place(self, start: int, base: int) -> int:
        """Return the index of the first piece that ends after `start`."""
        low, high = 0, len(self.pieces)
        while low < high:
            middle = (low + high) // 2
            piece = self.pieces[middle]
            if ((piece.seq - base) & MASK) + len(piece.data) <= start:
                low = middle + 1
            else:
                high = middle
        return low


def _join(pieces: list[Piece]) -> Piece:
    """Join pieces that follow one another without a hole."""
    first = pieces[0]
    return Piece(
        first.seq,
        b"".join(piece.data for piece in pieces),
        tuple(sorted({frame for piece in pieces for frame in piece.frames})),
        pieces[-1].time,
        ack=first.ack,
        mark=first.mark,
        at=min(piece.at for piece in pieces),
    )
