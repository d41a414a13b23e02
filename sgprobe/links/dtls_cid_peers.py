"""The server side of DTLS with connection ids: a peer may send from another address."""

from __future__ import annotations

from typing import Any

from sgprobe.links.dtls import DtlsSession
from sgprobe.links.dtls_cid import CidSession, Ids, named
from sgprobe.links.dtls_peers import DtlsPeers, Handshake
from sgprobe.links.tape import Address


class CidPeers(DtlsPeers):
    """All peers of one port, each known by its id where it has one."""

    def __init__(self, *given: Any, follows: bool = True, **told: Any) -> None:
        super().__init__(*given, **told)
        # a fault of servers: ids are agreed on, and not looked at
        self._follows = follows
        Ids(True).extend(self._context)
        self._named: dict[bytes, Address] = {}

    def _new_session(self, address: Address) -> DtlsSession:
        return CidSession(self._context, True, address, self._mtu, check=self._check)

    def receive(
        self, datagram: bytes, address: Address, now: float
    ) -> tuple[list[bytes], list[bytes]]:
        """Take a datagram; return plaintexts and the datagrams to send back."""
        cid = named(datagram)
        if not cid or address in self._peers or address in self._handshakes:
            return super().receive(datagram, address, now)
        known = self._named.get(cid) if self._follows else None
        if known is None or known not in self._peers:
            return [], []
        plain, out = super().receive(datagram, known, now)
        if plain and known in self._peers:
            # RFC 9146 §6: only a record that verifies and is new tells of another address
            peer = self._peers.pop(known)
            peer.session.address = address
            self._peers[address] = peer
            self._named[cid] = address
        return plain, out

    def _go_on(
        self, handshake: Handshake, datagram: bytes, address: Address
    ) -> tuple[list[bytes], list[bytes]]:
        answer = super()._go_on(handshake, datagram, address)
        session = handshake.session
        if session.established and isinstance(session, CidSession) and session.cid:
            self._named[session.cid] = address
        return answer

    def _let_go(self, session: DtlsSession) -> None:
        if isinstance(session, CidSession):
            self._named.pop(session.cid, None)
        super()._let_go(session)
