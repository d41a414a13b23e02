"""The chunked transfer coding, read piece by piece (RFC 9112 §7.1)."""

from __future__ import annotations

import re

from dissectors.finding import Finding, finding
from dissectors.link import http_codes as codes
from dissectors.link.http1_head import careful_fields
from dissectors.link.http_draft import Draft

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\n]*)?\r?\n")
_TRAILER_END = re.compile(rb"\n\r?\n")
_LINE = 8192


class ChunkedBody:
    """Takes chunks from a buffer into a draft until the last one and its trailers are there."""

    __slots__ = ("_bare", "_left", "_limit", "_part", "_scanned", "broken")

    def __init__(self, trailer_limit: int) -> None:
        self._limit = trailer_limit
        self._part = "size"  # then "data", "end", and after the last chunk "trailers"
        self._left = 0
        self._scanned = 0
        self._bare = False
        self.broken = False

    def take(self, buffer: bytearray, draft: Draft) -> bool:
        """Consume what `buffer` has; True when the body is whole, or `broken` is set."""
        position = 0
        while not self.broken:
            if self._part == "data":
                piece = buffer[position : position + self._left]
                draft.add(piece)
                position += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._part = "end"
            if self._part == "end":
                if buffer.startswith(b"\r\n", position):
                    position += 2
                elif buffer.startswith(b"\n", position):
                    position += 1
                    self._note_bare(draft)
                elif len(buffer) - position >= 2 or not b"\r".startswith(buffer[position:]):
                    self._break(draft, "a chunk is not followed by CR LF")
                    break
                else:
                    break
                self._part = "size"
            if self._part == "size":
                position, whole = self._size(buffer, position, draft)
                if not whole:
                    break
            if self._part == "trailers":
                position, whole = self._trailers(buffer, position, draft)
                del buffer[:position]
                return whole
        del buffer[:position]
        return self.broken

    def skip(self, missing: int) -> bool:
        """Pass over `missing` bytes inside the data of a chunk; False when they hide more."""
        if self._part != "data" or not 0 < missing <= self._left:
            return False
        self._left -= missing
        if not self._left:
            self._part = "end"
        return True

    def _size(self, buffer: bytearray, position: int, draft: Draft) -> tuple[int, bool]:
        end = buffer.find(b"\n", position, position + _LINE)
        if end < 0:
            if len(buffer) - position >= _LINE:
                text = f"no end of a chunk-size line within {_LINE} bytes"
                draft.lost(finding(codes.CHUNK_LIMIT, text, "body", draft.length))
                self.broken = True
            return position, False
        line = _SIZE.fullmatch(buffer, position, end + 1)
        if line is None:
            shown = bytes(buffer[position : min(end, position + 24)])
            self._break(draft, f"{shown.decode('latin-1')!r} is no chunk size")
            return position, False
        if buffer[end - 1] != 13:
            self._note_bare(draft)
        self._left = int(line[1], 16)
        self._part = "data" if self._left else "trailers"
        return end + 1, True

    def _trailers(self, buffer: bytearray, position: int, draft: Draft) -> tuple[int, bool]:
        if buffer.startswith(b"\r\n", position):
            return position + 2, True
        if buffer.startswith(b"\n", position):
            self._note_bare(draft)
            return position + 1, True
        end = _TRAILER_END.search(buffer, max(position, self._scanned), position + self._limit)
        if end is None:
            if len(buffer) - position >= self._limit:
                text = f"no end of the trailer section within {self._limit} bytes"
                draft.problem(finding(codes.HEAD_LIMIT, text, "trailers"))
                self.broken = True
            self._scanned = max(len(buffer) - position - 2, 0)
            return position, False
        problems: list[Finding] = []
        block = bytes(buffer[position : end.start()])
        draft.trailers = careful_fields(block, 0, problems)
        draft.problems_of(problems)
        return end.end(), True

    def _note_bare(self, draft: Draft) -> None:
        if not self._bare:
            self._bare = True
            draft.problem(finding(codes.BARE_LF, "chunk lines end without CR", "body"))

    def _break(self, draft: Draft, text: str) -> None:
        self.broken = True
        draft.lost(finding(codes.CHUNK, f"{text}; the body ends here", "body", draft.length))
