"""What happens to the datagrams of a client's DTLS 1.2 handshake, and to single records after it.

Nothing in the clear is authenticated until Finished: fragments may be cut again, and their records
numbered anew, without the library knowing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sgprobe.links.dtls import CHANGE_CIPHER, DATA, HANDSHAKE, HEADER

# takes the datagrams that are to be sent, returns those that are
Reshape = Callable[[list[bytes]], list[bytes]]

_HEAD = 12  # of a handshake fragment. RFC 6347 §4.2.2
_SERVER_HELLO, _HELLO_VERIFY = 2, 3
_OVERLAP = 5
# beyond all numbers that records of epoch 0 have had
_LATE = 1 << 40


class FlightFault(StrEnum):
    """What becomes of the handshake on its way."""

    EARLY = "early"  # the protected Finished arrives before ChangeCipherSpec
    REVERSED = "reversed"  # each record in a datagram of its own, the last one first
    FRAGMENTS = "fragments"  # what follows the hellos is cut in small overlapping fragments
    LOST = "lost"  # the server's flight with its certificate does not arrive the first time


class RecordFault(StrEnum):
    """What becomes of one record with data."""

    TWICE = "twice"  # the same record is sent again
    DAMAGED = "damaged"  # one bit of it is wrong
    PLAIN = "plain"  # it is sent in epoch 0, with nothing to protect it


@dataclass(slots=True)
class Flights:
    """The handshakes of one client; `silent` says that it sends nothing again by itself."""

    fault: FlightFault
    size: int = 40  # octets of a fragment
    silent: bool = False
    _number: int = 0
    _hellos: int = 0

    def outward(self, datagrams: list[bytes]) -> list[bytes]:
        """Return the datagrams that are sent in place of a flight."""
        records = [one for datagram in datagrams for one in records_of(datagram)]
        if not any(_is_finishing(one) for one in records):
            return datagrams
        match self.fault:
            case FlightFault.REVERSED:
                return records[::-1]
            case FlightFault.EARLY:
                change = [one for one in records if one[0] == CHANGE_CIPHER]
                return [one for one in records if one[0] != CHANGE_CIPHER] + change
            case FlightFault.FRAGMENTS:
                return list(self._fragmented(records))
        return datagrams

    def inward(self, datagram: bytes) -> bool:
        """Say whether a datagram arrives."""
        if self.fault is not FlightFault.LOST:
            return True
        kinds = [one[HEADER] for one in records_of(datagram)
                 if one[0] == HANDSHAKE and one[3:5] == b"\0\0" and len(one) > HEADER]  # fmt: skip
        # the second time fragments may be cut otherwise: the ServerHello begins the flight
        self._hellos += _SERVER_HELLO in kinds
        lost = self._hellos == 1 and kinds not in ([], [_HELLO_VERIFY])
        # who sends its own flight again would have the server answer to that
        self.silent = lost
        return not lost

    def _fragmented(self, records: list[bytes]) -> Iterator[bytes]:
        """Cut the handshake in epoch 0, and number its records anew."""
        for record in records:
            if record[3:5] != b"\0\0":
                yield record
                continue
            for content in _cut(record, self.size):
                yield _record(record[0], max(self._next(), _number_of(record)), content)

    def _next(self) -> int:
        self._number += 1
        return _LATE + self._number


def plain_record(data: bytes) -> bytes:
    """Return data in a record of epoch 0."""
    return _record(DATA, _LATE, data)


def damaged(datagram: bytes) -> bytes:
    """Return a datagram whose last octet has one bit turned: its tag, or a part of it."""
    return datagram[:-1] + bytes([datagram[-1] ^ 1])


def records_of(datagram: bytes) -> list[bytes]:
    """Return the records of a datagram, headers included; what is cut short is left out."""
    found, at = [], 0
    while at + HEADER <= len(datagram):
        end = at + HEADER + int.from_bytes(datagram[at + 11 : at + 13], "big")
        if end > len(datagram):
            break
        found.append(datagram[at:end])
        at = end
    return found


def is_fragment(record: bytes) -> bool:
    """Say whether a record of epoch 0 holds a part of a handshake message. RFC 6347 §4.2.3."""
    body = record[HEADER:]
    whole = record[0] != HANDSHAKE or record[3:5] != b"\0\0" or len(body) < _HEAD
    return not whole and body[1:4] != body[9:12]


def _is_finishing(record: bytes) -> bool:
    """Say whether a record is of the flight that follows the server's. RFC 6347 §4.2.4."""
    return record[0] == CHANGE_CIPHER


def _cut(record: bytes, size: int) -> Iterator[bytes]:
    """Yield the contents of the records that stand in place of one in epoch 0."""
    if record[0] != HANDSHAKE:
        yield record[HEADER:]
        return
    for head, body in _messages(record[HEADER:]):
        first = int.from_bytes(head[6:9], "big")
        for at in range(0, len(body) or 1, max(1, size)):
            begin = max(0, at - _OVERLAP)
            part = body[begin : at + size]
            offset = (first + begin).to_bytes(3, "big")
            yield head[:6] + offset + len(part).to_bytes(3, "big") + part


def _messages(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + _HEAD <= len(content):
        begin, end = at + _HEAD, at + _HEAD + int.from_bytes(content[at + 9 : at + 12], "big")
        yield content[at:begin], content[begin:end]
        at = end


def _number_of(record: bytes) -> int:
    return int.from_bytes(record[5:11], "big")


def _record(kind: int, number: int, content: bytes) -> bytes:
    head = bytes([kind]) + b"\xfe\xfd\0\0" + number.to_bytes(6, "big")
    return head + len(content).to_bytes(2, "big") + content
