"""What the datagrams of a DTLS handshake hold, and which fragments of it were sent again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dissectors.link.dtls_records import HEADER
from dissectors.link.tls_handshake import message_name

_HANDSHAKE = 22
_FRAGMENT_HEAD = 12


@dataclass(slots=True)
class Flights:
    """The fragments that went over each flow in the clear, with the time they were last sent."""

    _last: dict[tuple[int, int, bytes], float] = field(default_factory=dict)

    def fields(self, flow: int, side: int, data: bytes, time: float) -> dict[str, Any]:
        """Return the fields of a datagram; none where it is not of a handshake in the clear."""
        names: list[str] = []
        again: list[float] = []
        for fragment in _fragments(data):
            name = message_name(fragment[0])
            if name not in names:
                names.append(name)
            before = self._last.get((flow, side, fragment))
            if before is not None:
                again.append(time - before)
            self._last[flow, side, fragment] = time
        if not names:
            return {}
        found: dict[str, Any] = {
            "dtls.handshake": tuple(names),
            "dtls.retransmission": bool(again),
        }
        if again:
            found["dtls.back-off"] = min(again)
        return found


def _fragments(data: bytes) -> Iterator[bytes]:
    """Yield the handshake fragments of a datagram in epoch 0 (RFC 6347 §4.1, §4.2.2)."""
    at = 0
    while len(data) - at >= HEADER:
        begin, end = at + HEADER, at + HEADER + int.from_bytes(data[at + 11 : at + 13], "big")
        if end > len(data) or data[at + 1] != 0xFE:
            return
        if data[at] == _HANDSHAKE and data[at + 3 : at + 5] == b"\0\0":
            yield from _of_record(data[begin:end])
        at = end


def _of_record(body: bytes) -> Iterator[bytes]:
    at = 0
    while len(body) - at >= _FRAGMENT_HEAD:
        end = at + _FRAGMENT_HEAD + int.from_bytes(body[at + 9 : at + 12], "big")
        if end > len(body):
            return
        yield body[at:end]
        at = end
