"""Servers of DTLS that get something wrong which the library gets right."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any

from sgprobe.links.dtls import ALERT, CHANGE_CIPHER, DATA, HANDSHAKE, HEADER
from sgprobe.links.dtls_peers import DtlsPeers, is_hello
from sgprobe.links.flight_fault import is_fragment, records_of
from sgprobe.links.tape import Address

_Answer = tuple[list[bytes], list[bytes]]
# a fatal unexpected_message in epoch 0, with a number that no flight comes to. RFC 6347 §4.1
_REFUSAL = bytes([ALERT]) + b"\xfe\xfd\0\0" + (1 << 41).to_bytes(6, "big") + b"\0\2\2\x0a"
_EARLIER = 64
# where a ClientHello has the length of its session id: after version and random. RFC 6347 §4.2.2
_SESSION_ID = HEADER + 12 + 2 + 32


class PeersFault(StrEnum):
    """What a server gets wrong."""

    DISORDER = "disorder"  # it ends a handshake whose records come in another order
    FRAGMENTS = "fragments"  # it ends a handshake with fragments
    LOSS = "loss"  # it ends a handshake in place of sending a flight again
    REPLAY = "replay"  # it takes a record as often as it comes
    DAMAGE = "damage"  # it ends an association for a record that does not verify
    PLAIN = "plain"  # it takes data that nothing protects
    MOVED = "moved"  # it follows its latest peer to whatever address data come from
    ADDRESS = "address"  # it knows a peer by its address alone, whatever id it has given it
    RETURN = "return"  # it refuses who has ended an association
    OPEN = "open"  # it answers who speaks no DTLS as well
    RESUMPTION = "resumption"  # it refuses who offers a session


class FaultyDtlsPeers(DtlsPeers):
    """The peers of a port that has one fault."""

    def __init__(self, fault: PeersFault, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._fault = fault
        self._earlier: deque[tuple[bytes, list[bytes]]] = deque(maxlen=_EARLIER)
        self._step: dict[Address, int] = {}
        self._left: set[Address] = set()

    @classmethod
    def of(cls, fault: PeersFault) -> Callable[..., DtlsPeers]:
        """Return what makes the peers of a port with a fault."""
        return partial(cls, fault)

    def receive(self, datagram: bytes, address: Address, now: float) -> _Answer:
        """Take a datagram; return plaintexts and the datagrams to send back."""
        if self._is_refused(datagram, address):
            self._end_handshake(address)
            return [], [_REFUSAL]
        records = records_of(datagram)
        protected = bool(records) and records[0][0] == DATA and records[0][3:5] != b"\0\0"
        plain_data = bool(records) and records[0][0] == DATA and not protected
        if self._fault is PeersFault.PLAIN and plain_data and address in self._peers:
            return [records[0][HEADER:]], []
        if self._fault is PeersFault.MOVED and protected and address not in self._peers:
            self._follow(address)
        if self._fault is PeersFault.REPLAY:
            for one, plain in self._earlier:
                if one == datagram:
                    return plain, []
        stood = address in self._peers
        plain, out = super().receive(datagram, address, now)
        if protected:
            self._earlier.append((datagram, plain))
        if self._fault is PeersFault.DAMAGE and protected and stood and not (plain or out):
            peer = self._peers[address].session
            peer.close()
            out = peer.outgoing()
            self.drop(address)
        if stood and address not in self._peers:
            self._left.add(address)
        return plain, out

    def tick(self, now: float) -> list[tuple[Address, list[bytes]]]:
        """Send flights again that were not answered, or end their handshakes."""
        if self._fault is not PeersFault.LOSS:
            return super().tick(now)
        late = [address for address, one in self._handshakes.items()
                if one.session.timeout() == 0.0]  # fmt: skip
        for address in late:
            self._end_handshake(address)
        return [(address, [_REFUSAL]) for address in late]

    def _is_refused(self, datagram: bytes, address: Address) -> bool:
        hello = is_hello(datagram)
        match self._fault:
            case PeersFault.FRAGMENTS:
                return any(is_fragment(one) for one in records_of(datagram))
            case PeersFault.RESUMPTION:
                return hello and bool(datagram[_SESSION_ID : _SESSION_ID + 1].strip(b"\0"))
            case PeersFault.RETURN:
                return hello and address in self._left
            case PeersFault.DISORDER:
                return not hello and address in self._handshakes and self._leaps(datagram, address)
        return False

    def _leaps(self, datagram: bytes, address: Address) -> bool:
        """Say whether a record comes before the one that it follows."""
        for record in records_of(datagram):
            place = 1 if record[0] == CHANGE_CIPHER else 0 if record[3:5] == b"\0\0" else 2
            if record[0] not in (CHANGE_CIPHER, HANDSHAKE):
                continue
            if place > self._step.get(address, -1) + 1:
                return True
            self._step[address] = max(place, self._step.get(address, -1))
        return False

    def _follow(self, address: Address) -> None:
        if self._peers:
            _, peer = self._peers.popitem()
            peer.session.address = address
            self._peers[address] = peer
