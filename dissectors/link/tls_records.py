"""TLS records: their headers, and cutting them out of a byte stream that may have holes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

Buffer = bytes | memoryview
HEADER = 5
# RFC 5246 §6.2.3 allows 2^14 + 2048 protected bytes, RFC 8446 §5.2 less
MAX_BODY = (1 << 14) + 2048
# the shortest protected record: CCM_8 in TLS 1.3 around a lone content type
_LEAST_PROTECTED = HEADER + 9
_HEADER_START = re.compile(rb"[\x14-\x17]\x03[\x01-\x04]")


class ContentType:
    """What a record carries (IANA "TLS ContentType")."""

    CHANGE_CIPHER_SPEC: Final = 20
    ALERT: Final = 21
    HANDSHAKE: Final = 22
    APPLICATION_DATA: Final = 23
    HEARTBEAT: Final = 24
    TLS12_CID: Final = 25


def looks_like_tls(first_bytes: bytes) -> bool:
    """Tell whether a stream that begins so carries TLS records; 3 bytes suffice, 6 are better."""
    if len(first_bytes) < 3 or not 20 <= first_bytes[0] <= 23:
        return False
    if first_bytes[1] != 3 or first_bytes[2] > 4:
        return False
    if len(first_bytes) < HEADER:
        return True
    length = first_bytes[3] << 8 | first_bytes[4]
    if first_bytes[0] == ContentType.CHANGE_CIPHER_SPEC:
        return length == 1
    return 1 <= length <= MAX_BODY


def looks_like_dtls(datagram: bytes) -> bool:
    """Tell whether a datagram begins with a DTLS 1.0 or 1.2 record."""
    if len(datagram) < 13 or not 20 <= datagram[0] <= 25:
        return False
    if datagram[1] != 0xFE or datagram[2] not in (0xFF, 0xFD):
        return False
    if datagram[0] == ContentType.TLS12_CID:  # the length stands behind an ID of unknown length
        return len(datagram) > 13 + 8
    length = datagram[11] << 8 | datagram[12]
    return 1 <= length <= len(datagram) - 13


class RecordCutter:
    """Cuts one direction of a stream into records, and finds the next one after a hole."""

    __slots__ = (
        "_chunks",
        "_frames",
        "_have",
        "_need",
        "_refused",
        "_skip",
        "aligned",
        "hunting",
        "unsure",
    )

    def __init__(self) -> None:
        self.aligned = True  # the next byte begins a record
        self._chunks: list[bytes] = []
        self._frames: list[int] = []
        self._have = 0
        self._need = HEADER
        self._skip = 0  # bytes left of a record whose other bytes were lost
        self._refused = False
        self.hunting = False  # where the next record starts is not known
        self.unsure = False  # the record just yielded was found by hunting

    @property
    def pending(self) -> int:
        """Return how many bytes of an unfinished record are held."""
        return self._have

    def refuse(self) -> None:
        """Say of the record just yielded that it is none: hunting goes on inside it."""
        self._refused = True

    def hold(self, data: bytes, frames: tuple[int, ...]) -> bool:
        """Keep bytes inside a record whose end is not yet in sight; tell whether they were."""
        if not self._chunks or self._have + len(data) >= self._need:
            return False
        self._chunks.append(data)
        self._frames += frames
        self._have += len(data)
        return True

    def feed(
        self, data: bytes, frames: tuple[int, ...]
    ) -> Iterator[tuple[bytes, memoryview, tuple[int, ...]]]:
        """Yield (header, body, frames) of each record that `data` completes."""
        if self._skip:
            step = min(self._skip, len(data))
            self._skip -= step
            data = data[step:]
        self.aligned = False
        border = 0  # bytes from earlier calls
        first = frames
        if self._chunks:
            if self.hold(data, frames):
                return
            self._chunks.append(data)
            self._frames += frames
            border = self._have
            data = b"".join(self._chunks)
            first = tuple(dict.fromkeys(self._frames))
            self._chunks.clear()
            self._frames.clear()
            self._have = 0
        view = memoryview(data)
        size = len(data)
        at = 0
        while size - at >= HEADER:
            if self.hunting:
                at = self._hunt(data, at)
                if size - at < HEADER:
                    break
            length = data[at + 3] << 8 | data[at + 4]
            if length > MAX_BODY or data[at + 1] != 3 or not 20 <= data[at] <= 24:
                self.hunting = True
                continue
            begin = at + HEADER
            end = begin + length
            if end > size:
                self._need = end - at
                self._keep(data[at:], first if at < border else frames)
                return
            self.unsure = self.hunting
            self.hunting = False
            yield data[at:begin], view[begin:end], first if at < border else frames
            if self._refused:
                self._refused = False
                self.hunting = True
                at += 1
            else:
                at = end
        self._need = HEADER
        if at < size:
            self._keep(data[at:], first if at < border else frames)
        else:
            self.aligned = not self.hunting and not self._skip

    def flush(self) -> Iterator[tuple[bytes, memoryview, tuple[int, ...]]]:
        """Yield what a false beginning at the end of the stream has kept back."""
        while self.hunting and self._have > HEADER:
            data = b"".join(self._chunks)[1:]
            frames = tuple(dict.fromkeys(self._frames))
            self._chunks.clear()
            self._frames.clear()
            self._have = 0
            yield from self.feed(data, frames)

    def _keep(self, rest: bytes, frames: tuple[int, ...]) -> None:
        self._chunks.append(rest)
        self._frames += frames
        self._have = len(rest)

    @staticmethod
    def _hunt(data: bytes, at: int) -> int:
        """Return where the next likely record starts, or where to go on with more bytes."""
        size = len(data)
        while (match := _HEADER_START.search(data, at)) is not None:
            at = match.start()
            if size - at < HEADER:
                return at
            length = data[at + 3] << 8 | data[at + 4]
            end = at + HEADER + length
            # what follows a record is a record: as much of its header as is there must fit
            behind = data[end : end + 3]
            if 1 <= length <= MAX_BODY and _HEADER_START.match(
                behind + b"\x17\x03\x03"[len(behind) :]
            ):
                return at
            at += 1
        return max(at, size - 2)  # a header may begin in the last two bytes

    def lose(self, missing: int) -> tuple[int, int]:
        """Pass over `missing` bytes; return the least and most records that are lost by it."""
        have, need = self._have, self._need
        self.aligned = False
        self._chunks.clear()
        self._frames.clear()
        self._have = 0
        self._need = HEADER
        if self.hunting:
            return 0, (have + missing) // _LEAST_PROTECTED + 1
        whole = 0
        if self._skip:  # inside a record that counts as lost already
            over = missing - self._skip
            self._skip = max(0, -over)
        elif have >= HEADER:
            whole = 1
            over = have + missing - need
            self._skip = max(0, -over)
        else:
            over = have + missing
        if over <= 0:
            return whole, whole
        self.hunting = True
        least = whole - (-over // (MAX_BODY + HEADER))
        return least, whole + over // _LEAST_PROTECTED + 1
