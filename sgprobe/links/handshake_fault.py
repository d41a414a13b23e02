"""Faults in TLS 1.2 and DTLS 1.2 handshakes that the library would not commit itself.

A flight is changed on its way out, octet for octet, while it is still in the clear: what comes
after ChangeCipherSpec can be damaged, but not made wrong and well protected.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

# takes what a session wants to send now, whole records; returns what is sent
Spoil = Callable[[bytes], bytes]

_CHANGE_CIPHER, _HANDSHAKE = 20, 22
_CLIENT_HELLO, _SERVER_HELLO, _KEY_EXCHANGE = 1, 2, 12
# RFC 3749
_DEFLATE = 1
# an X25519 key has no point that is wrong
_X25519 = 0x001D


class HandshakeFault(StrEnum):
    """What is wrong in the handshake."""

    SUITE = "suite"  # server: a cipher suite that nobody offers
    VERSION = "version"  # server: TLS 1.1, DTLS 1.0
    SIGNATURE = "signature"  # server: one bit of the key exchange's signature
    COMPRESSION = "compression"  # server: DEFLATE, where a client has not offered it
    POINT = "point"  # server: a key share that is not on its curve
    FINISHED = "finished"  # either side: one bit of the protected Finished


def spoiler(fault: HandshakeFault | str) -> Spoil:
    """Return what commits a fault in each flight that has the place for it."""
    kind = HandshakeFault(fault)

    def spoil(flight: bytes) -> bytes:
        data = bytearray(flight)
        if kind is HandshakeFault.FINISHED:
            _damage_finished(data)
            return bytes(data)
        for message, places in _messages(data):
            body = bytes(data[place] for place in places)
            if message == _SERVER_HELLO and len(body) > 37:
                _in_hello(kind, data, body, places)
            elif message == _KEY_EXCHANGE and len(body) > 8:
                _in_key_exchange(kind, data, body, places)
        return bytes(data)

    return spoil


def key_reuser() -> Spoil:
    """Return what offers the key share of the first handshake in all that follow.

    The library signs the share that it has made: clients refuse, and who looks on sees it twice.
    """
    first: list[bytes] = []

    def spoil(flight: bytes) -> bytes:
        data = bytearray(flight)
        for message, places in _messages(data):
            if message == _KEY_EXCHANGE and len(places) > 8:
                point = places[4 : 4 + data[places[3]]]
                if not first:
                    first.append(bytes(data[place] for place in point))
                for place, octet in zip(point, first[0], strict=False):
                    data[place] = octet
        return bytes(data)

    return spoil


def in_records(size: int) -> Spoil:
    """Return what puts so many octets of a handshake into one record, while it is in the clear."""
    changed: list[bool] = []

    def spoil(flight: bytes) -> bytes:
        made = bytearray()
        for kind, begin, end, _ in _records(flight):
            head, content = flight[begin - 5 : begin - 2], flight[begin:end]
            if kind == _CHANGE_CIPHER:
                changed.append(True)
            whole = kind != _HANDSHAKE or bool(changed)
            step = len(content) if whole else max(1, size)
            for at in range(0, len(content), step or 1):
                part = content[at : at + step]
                made += head + len(part).to_bytes(2, "big") + part
        return bytes(made)

    return spoil


def offering_compression(flight: bytes) -> bytes:
    """Put DEFLATE before the null method in a ClientHello of TLS. RFC 5246 §7.4.1.2.

    The library does not know of it: the handshake ends at Finished, long after the choice is made.
    """
    if hello_alone(flight) != flight or not flight:
        return flight
    body = bytearray(flight[5:])
    # type and length, version, random, then session id and suites with their lengths
    at = 4 + 2 + 32
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    methods = bytes([_DEFLATE]) + body[at + 1 : at + 1 + body[at]]
    body[at : at + 1 + body[at]] = bytes([len(methods)]) + methods
    body[1:4] = (len(body) - 4).to_bytes(3, "big")
    return flight[:3] + len(body).to_bytes(2, "big") + bytes(body)


def hello_alone(flight: bytes) -> bytes:
    """Let a ClientHello go, and nothing that comes after it."""
    records = _records(flight)
    is_hello = bool(records) and flight[records[0][1]] == _CLIENT_HELLO
    return flight if is_hello and records[0][0] == _HANDSHAKE else b""


def mender(fault: HandshakeFault | str) -> Spoil:
    """Return what takes a fault out of the flights that a client gets: a client that overlooks it.

    The suite is put back as ECDHE_ECDSA with AES-128-GCM, which the client has to offer alone.
    """
    kind = HandshakeFault(fault)
    if kind in (HandshakeFault.SIGNATURE, HandshakeFault.POINT, HandshakeFault.FINISHED):
        # one bit was turned, and is turned back
        return spoiler(kind)

    def mend(flight: bytes) -> bytes:
        data = bytearray(flight)
        for message, places in _messages(data):
            body = bytes(data[place] for place in places)
            if message != _SERVER_HELLO or len(body) <= 37:
                continue
            if kind is HandshakeFault.VERSION:
                data[places[1]] = 0x03 if body[0] == 0x03 else 0xFD
                continue
            suite = 35 + body[34]
            if kind is HandshakeFault.COMPRESSION:
                data[places[suite + 2]] = 0
            else:
                data[places[suite]], data[places[suite + 1]] = 0xC0, 0x2B
        return bytes(data)

    return mend


def _in_hello(kind: HandshakeFault, data: bytearray, body: bytes, places: list[int]) -> None:
    """ServerHello: version, random, session id, suite. RFC 5246 §7.4.1.3."""
    suite = 35 + body[34]
    if kind is HandshakeFault.SUITE and suite + 1 < len(body):
        # TLS_NULL_WITH_NULL_NULL, which must not be negotiated
        data[places[suite]] = data[places[suite + 1]] = 0
    elif kind is HandshakeFault.COMPRESSION and suite + 2 < len(body):
        data[places[suite + 2]] = _DEFLATE
    elif kind is HandshakeFault.VERSION:
        data[places[1]] = 0x02 if body[0] == 0x03 else 0xFF


def _in_key_exchange(kind: HandshakeFault, data: bytearray, body: bytes, places: list[int]) -> None:
    """ServerKeyExchange: curve type, curve, point, signature. RFC 8422 §5.4."""
    if kind is HandshakeFault.SIGNATURE:
        data[places[-1]] ^= 1
    elif kind is HandshakeFault.POINT and int.from_bytes(body[1:3], "big") != _X25519:
        data[places[min(3 + body[3], len(places) - 1)]] ^= 1


def _records(data: bytes | bytearray) -> list[tuple[int, int, int, bool]]:
    """Return type, begin and end of the content of each record, and whether it is DTLS."""
    found = []
    at = 0
    while at + 5 <= len(data):
        datagram = data[at + 1] == 0xFE
        head = 13 if datagram else 5
        end = at + head + int.from_bytes(data[at + head - 2 : at + head], "big")
        if end > len(data):
            break
        found.append((data[at], at + head, end, datagram))
        at = end
    return found


def _messages(data: bytearray) -> list[tuple[int, list[int]]]:
    """Return the handshake messages in the clear, each with the places of its body's octets."""
    stream: list[int] = []
    whole: dict[int, tuple[int, dict[int, int]]] = {}  # DTLS: by sequence, offsets to places
    found: list[tuple[int, list[int]]] = []
    for kind, begin, end, datagram in _records(data):
        if kind == _CHANGE_CIPHER:
            break
        if kind != _HANDSHAKE:
            continue
        if not datagram:
            stream += range(begin, end)
            continue
        while begin + 12 <= end:
            sequence = int.from_bytes(data[begin + 4 : begin + 6], "big")
            offset = int.from_bytes(data[begin + 6 : begin + 9], "big")
            size = int.from_bytes(data[begin + 9 : begin + 12], "big")
            _, places = whole.setdefault(sequence, (data[begin], {}))
            stop = min(begin + 12 + size, end)
            places.update({offset + n: p for n, p in enumerate(range(begin + 12, stop))})
            begin = stop
    for message, places in whole.values():
        if sorted(places) == list(range(len(places))):
            found.append((message, [places[n] for n in range(len(places))]))
    at = 0
    while at + 4 <= len(stream):
        size = int.from_bytes(bytes(data[place] for place in stream[at + 1 : at + 4]), "big")
        found.append((data[stream[at]], stream[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def _damage_finished(data: bytearray) -> None:
    changed = False
    for kind, _, end, _ in _records(data):
        if kind == _CHANGE_CIPHER:
            changed = True
        elif changed and kind == _HANDSHAKE:
            data[end - 1] ^= 1
