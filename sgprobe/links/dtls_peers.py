"""The server side of DTLS on one UDP port: a listener without state, a session per address.

Three bounds keep strangers from hurting peers: nothing is kept for who has not echoed a cookie,
a handshake has only so much time, and handshakes and associations are counted apart.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sgprobe.links.dtls import (
    CHANGE_CIPHER,
    HANDSHAKE,
    HEADER,
    DtlsSession,
    ask_for_cookies,
    make_context,
)
from sgprobe.links.tape import Address
from sgprobe.links.tls import KeyLine, TlsSettings

# a new key for cookies; the last one is good until the next
_ROTATION = 600.0
# no ClientHello is larger, but a datagram of junk may be
_MOST_HELLO = 8192
# RFC 6347 §4.2.2: record header, handshake header, version
_SEQUENCE, _OFFSET, _RANDOM = slice(17, 19), slice(19, 22), slice(HEADER + 14, HEADER + 46)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much strangers and peers may take."""

    peers: int = 20_000
    handshakes: int = 10_000
    patience: float = 60.0  # seconds for a handshake


@dataclass(slots=True)
class Handshake:
    """One that is under way."""

    session: DtlsSession
    random: bytes  # of the ClientHello: tells a repetition from a new beginning
    until: float


@dataclass(slots=True)
class _Peer:
    session: DtlsSession
    random: bytes


class DtlsPeers:
    """All peers of one port; `now` is any clock that runs evenly."""

    def __init__(
        self,
        settings: TlsSettings,
        key_line: KeyLine,
        *,
        mtu: int = 1200,
        bounds: Bounds | None = None,
        cookies: bool = True,
        on_gone: Callable[[DtlsSession], None] = lambda session: None,
    ) -> None:
        self._context = make_context(settings, True, key_line)
        self._check = settings.check_peer
        self._cookies = cookies
        if cookies:
            ask_for_cookies(self._context, self._cookie, self._is_cookie)
        self._mtu = mtu
        self._bounds = bounds or Bounds()
        self._on_gone = on_gone
        self._keys = (secrets.token_bytes(32), secrets.token_bytes(32))
        self._rotate_at = 0.0
        self._listener: DtlsSession | None = None
        self._peers: OrderedDict[Address, _Peer] = OrderedDict()  # the longest idle first
        self._handshakes: OrderedDict[Address, Handshake] = OrderedDict()  # the oldest first

    def _new_session(self, address: Address) -> DtlsSession:
        return DtlsSession(self._context, True, address, self._mtu, check=self._check)

    # --- cookies ---

    def _cookie(self, address: Address, which: int = 0) -> bytes:
        return hmac.new(self._keys[which], repr(address).encode(), hashlib.sha256).digest()

    def _is_cookie(self, address: Address, given: bytes) -> bool:
        return any(hmac.compare_digest(given, self._cookie(address, which)) for which in (0, 1))

    def _rotate(self, now: float) -> None:
        if now >= self._rotate_at:
            self._keys = (secrets.token_bytes(32), self._keys[0])
            self._rotate_at = now + _ROTATION

    # --- datagrams ---

    def wants(self, datagram: bytes, address: Address) -> bool:
        """Say whether a datagram is for us, where we have called that address ourselves."""
        if address in self._peers or is_hello(datagram):
            return True
        return address in self._handshakes and _is_of_handshake(datagram)

    def receive(
        self, datagram: bytes, address: Address, now: float
    ) -> tuple[list[bytes], list[bytes]]:
        """Take a datagram; return plaintexts and the datagrams to send back."""
        if len(datagram) <= HEADER:
            return [], []
        self._rotate(now)
        handshake, peer = self._handshakes.get(address), self._peers.get(address)
        if is_hello(datagram):
            random = datagram[_RANDOM]
            if peer is not None and random == peer.random:
                return [], []  # a late copy of the hello that began this association
            known = handshake is not None and random == handshake.random
            # the first hello asks for a cookie, how often ever it comes
            if not known or (self._cookies and datagram[_SEQUENCE] == b"\0\0"):
                return self._hello(datagram, address, random, now)
        if handshake is not None and (peer is None or _is_of_handshake(datagram)):
            return self._go_on(handshake, datagram, address)
        if peer is None:
            return [], []
        self._peers.move_to_end(address)
        plain = peer.session.receive(datagram)
        out = peer.session.outgoing()
        if peer.session.over:
            self.drop(address)
        return plain, out

    def _hello(
        self, datagram: bytes, address: Address, random: bytes, now: float
    ) -> tuple[list[bytes], list[bytes]]:
        """Answer a ClientHello: with a cookie, or with a handshake where it has one.

        An association that is there goes on until the new one stands. RFC 6347 §4.2.8.
        """
        if len(datagram) > _MOST_HELLO:
            return [], []
        session = self._listener or self._new_session(address)
        if self._cookies:
            self._listener = session
            session.address = address
            if not session.listen(datagram):
                return [], session.outgoing()
            self._listener, datagram = None, b""
        self._end_handshake(address)
        if len(self._handshakes) >= self._bounds.handshakes:
            self._end_handshake(next(iter(self._handshakes)))
        handshake = Handshake(session, random, now + self._bounds.patience)
        self._handshakes[address] = handshake
        return self._go_on(handshake, datagram, address)

    def _go_on(
        self, handshake: Handshake, datagram: bytes, address: Address
    ) -> tuple[list[bytes], list[bytes]]:
        session = handshake.session
        plain = session.receive(datagram)
        out = session.outgoing()
        if session.established:
            del self._handshakes[address]
            self.drop(address)
            if len(self._peers) >= self._bounds.peers:
                self.drop(next(iter(self._peers)))
            self._peers[address] = _Peer(session, handshake.random)
        if session.over:
            self._end_handshake(address)
            self.drop(address)
        return plain, out

    # --- time ---

    @property
    def shaking_hands(self) -> int:
        """Return how many handshakes are under way."""
        return len(self._handshakes)

    def tick(self, now: float) -> list[tuple[Address, list[bytes]]]:
        """Send flights again that were not answered, and give up on who takes too long."""
        out = []
        for address, handshake in list(self._handshakes.items()):
            session = handshake.session
            if now >= handshake.until:
                self._end_handshake(address)
            elif session.timeout() == 0.0:
                session.on_timeout()
                out.append((address, session.outgoing()))
                if session.over:
                    self._end_handshake(address)
        return out

    # --- who is there ---

    @property
    def peers(self) -> int:
        """Return how many associations stand."""
        return len(self._peers)

    @property
    def sessions(self) -> list[DtlsSession]:
        """Return the associations that stand."""
        return [peer.session for peer in self._peers.values()]

    def session(self, address: Address) -> DtlsSession | None:
        """Return the association with an address."""
        peer = self._peers.get(address)
        return None if peer is None else peer.session

    def drop(self, address: Address) -> None:
        """Forget the association with an address."""
        peer = self._peers.pop(address, None)
        if peer is not None:
            self._let_go(peer.session)

    def _end_handshake(self, address: Address) -> None:
        handshake = self._handshakes.pop(address, None)
        if handshake is not None:
            self._let_go(handshake.session)

    def _let_go(self, session: DtlsSession) -> None:
        self._on_gone(session)
        session.forget()


def is_hello(datagram: bytes) -> bool:
    """Say whether a datagram begins a ClientHello: epoch 0, handshake, type 1, offset 0."""
    return (
        len(datagram) > HEADER
        and datagram[0] == HANDSHAKE
        and datagram[3:5] == b"\0\0"
        and datagram[HEADER] == 1
        and datagram[_OFFSET] == b"\0\0\0"
    )


def _is_of_handshake(datagram: bytes) -> bool:
    return datagram[0] in (CHANGE_CIPHER, HANDSHAKE) or datagram[3:5] == b"\0\0"
