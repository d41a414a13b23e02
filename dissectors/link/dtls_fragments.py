"""Handshake messages of DTLS put together from fragments, in bounded memory."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

MAX_LENGTH = 1 << 16  # of one message
MAX_OPEN = 8  # messages in the making
MAX_PARTS = 256  # fragments of one message
MAX_MESSAGES = 128  # of one handshake, both sides


@dataclass(frozen=True, slots=True)
class Fragment:
    """One handshake fragment (RFC 6347 §4.2.2)."""

    kind: int
    sequence: int
    length: int  # of the whole message
    offset: int
    data: bytes


def split_fragments(data: bytes) -> tuple[list[Fragment], str]:
    """Return the fragments of one record's content, and what is wrong with its end."""
    found: list[Fragment] = []
    at = 0
    while at < len(data):
        if len(data) - at < 12:
            return found, f"{len(data) - at} bytes are no handshake header"
        length = int.from_bytes(data[at + 1 : at + 4], "big")
        offset = int.from_bytes(data[at + 6 : at + 9], "big")
        end = at + 12 + int.from_bytes(data[at + 9 : at + 12], "big")
        if end > len(data):
            return found, "a fragment says more bytes than its record has"
        sequence = data[at + 4] << 8 | data[at + 5]
        found.append(Fragment(data[at], sequence, length, offset, data[at + 12 : end]))
        at = end
    return found, ""


class _Partial:
    """A message in the making: parts that do not overlap, sorted by where they start."""

    __slots__ = ("covered", "length", "parts", "starts")

    def __init__(self, length: int) -> None:
        self.length = length
        self.starts: list[int] = []
        self.parts: list[bytes] = []
        self.covered = 0

    def add(self, start: int, data: bytes) -> bytes | None:
        """Fill what is not yet covered; return the message when it is whole."""
        end = start + len(data)
        at = start
        index = bisect_right(self.starts, at)
        if index:
            at = max(at, self.starts[index - 1] + len(self.parts[index - 1]))
        while at < end:
            border = min(end, self.starts[index]) if index < len(self.starts) else end
            if border > at:
                self.starts.insert(index, at)
                self.parts.insert(index, data[at - start : border - start])
                self.covered += border - at
                index += 1
            if index == len(self.starts):
                break
            at = self.starts[index] + len(self.parts[index])
            index += 1
        return b"".join(self.parts) if self.covered == self.length else None


class MessageAssembler:
    """Puts the messages of one handshake together; what came whole once is not given again."""

    __slots__ = ("_done", "_open", "retransmissions")

    def __init__(self) -> None:
        self._open: dict[tuple[int, int, int], _Partial] = {}
        self._done: set[tuple[int, int, int]] = set()
        self.retransmissions = 0

    def add(self, side: int, fragment: Fragment) -> bytes | str | None:
        """Return the message body that `fragment` completes, or in words why it is left out."""
        # a stateless HelloVerifyRequest may share its message_seq with the ServerHello
        key = (side, fragment.sequence, fragment.kind)
        if key in self._done:
            self.retransmissions += 1
            return None
        length = fragment.length
        if length > MAX_LENGTH:
            return f"a handshake message announces {length} bytes; it is passed over"
        if fragment.offset + len(fragment.data) > length:
            return f"a fragment reaches beyond its message of {length} bytes"
        if len(self._done) >= MAX_MESSAGES:
            return f"more than {MAX_MESSAGES} messages in one handshake"
        if len(fragment.data) == length:
            self._finish(key)
            return fragment.data
        partial = self._open.get(key)
        complaint = None
        if partial is None:
            if len(self._open) >= MAX_OPEN:
                del self._open[next(iter(self._open))]
                complaint = f"more than {MAX_OPEN} unfinished messages; the oldest is dropped"
            partial = self._open[key] = _Partial(length)
        elif partial.length != length:
            return f"a fragment of a message of {partial.length} bytes announces {length}"
        elif len(partial.parts) >= MAX_PARTS:
            return f"a message in more than {MAX_PARTS} fragments"
        body = partial.add(fragment.offset, fragment.data)
        if body is None:
            return complaint
        self._finish(key)
        return body

    def _finish(self, key: tuple[int, int, int]) -> None:
        self._open.pop(key, None)
        self._done.add(key)

    def forget(self, side: int, fragment: Fragment) -> None:
        """Take a message back that proved to be of another handshake."""
        self._done.discard((side, fragment.sequence, fragment.kind))

    @property
    def unfinished(self) -> int:
        """Return how many messages lack fragments."""
        return len(self._open)
