"""The DTLS associations of one UDP port, those that we began and those of peers."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from functools import partial

from cryptography import x509
from OpenSSL import SSL

from sgprobe.links.dtls import DtlsSession, make_context
from sgprobe.links.dtls_cid import SUITE, CidSession, Ids
from sgprobe.links.dtls_cid_peers import CidPeers
from sgprobe.links.dtls_peers import Bounds, DtlsPeers
from sgprobe.links.dtls_peers_fault import FaultyDtlsPeers, PeersFault
from sgprobe.links.flight_fault import Flights, RecordFault, damaged, plain_record
from sgprobe.links.handshake_fault import Spoil
from sgprobe.links.https_client import Unreachable, name_matches
from sgprobe.links.tape import Address
from sgprobe.links.tls import MAX_ALERTS, Alert, KeyLine, TlsSettings, tell_time
from sgprobe.links.udp_port import UdpPort

# RFC 6347 §4.2.4.1: a timer may have grown to a minute
_A_MINUTE_AND_MORE = 70.0
# how often handshakes under way are looked after; their own timers count in seconds
_TICK = 0.1


class Leaving(StrEnum):
    """How a client comes to a new association where it has one."""

    NEW = "new"  # it has forgotten the old one, and says nothing
    CLOSED = "closed"  # it has ended the old one with close_notify
    RESUMED = "resumed"  # it has ended the old one, and offers its session


class _Call:
    """An association that we begin, and who waits for it."""

    def __init__(self, session: DtlsSession, until: float) -> None:
        self.session = session
        self.until = until
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Associations:
    """Carries plaintext over a port; `receive` gets it, `gone` learns of the end of a peer."""

    def __init__(
        self,
        port: UdpPort,
        settings: TlsSettings,
        receive: Callable[[bytes, Address], None],
        gone: Callable[[Address, str], None],
        *,
        name: str,
        mtu: int,
        key_line: KeyLine,
        listen: bool,
        bounds: Bounds,
        cookies: bool = True,
        spoil: Spoil | None = None,
        flights: Flights | None = None,
        fault: PeersFault | None = None,
        connection_ids: bool = False,
    ) -> None:
        self._port = port
        self._spoil = spoil
        self._flights = flights
        self._receive = receive
        self._gone = gone
        self._settings = settings
        self._name = name.split(":")[0]
        self._mtu = mtu
        self._bounds = bounds
        if connection_ids:
            asking = replace(settings, ciphers=SUITE)
            self._context = make_context(asking, False, key_line)
            Ids(False).extend(self._context)
        else:
            self._context = make_context(settings, False, key_line)
        self._session = CidSession if connection_ids else DtlsSession
        self._calls: dict[Address, _Call] = {}
        self.peers: DtlsPeers | None = None
        if listen:
            kind: Callable[..., DtlsPeers] = CidPeers if connection_ids else DtlsPeers
            if fault is PeersFault.ADDRESS:
                kind = partial(CidPeers, follows=False)
            elif fault is not None:
                kind = FaultyDtlsPeers.of(fault)
            self.peers = kind(settings, key_line, mtu=mtu, bounds=bounds, cookies=cookies,
                              on_gone=self._let_go)  # fmt: skip
        self._timer: asyncio.TimerHandle | None = None
        self._offered: SSL.Session | None = None
        self.alerts: deque[Alert] = deque(maxlen=MAX_ALERTS)
        self.failures: deque[str] = deque(maxlen=MAX_ALERTS)

    def _judge(self, chain: tuple[bytes, ...]) -> str:
        """Say what is wrong with the server that we called."""
        leaf = x509.load_der_x509_certificate(chain[0])
        if self._settings.verify and self._name and not name_matches(leaf, self._name):
            return f"the server's certificate is not for {self._name}"
        check = self._settings.check_peer
        return check(chain) if check is not None else ""

    # --- datagrams ---

    def take(self, data: bytes, address: Address) -> None:
        """Take a datagram from the port."""
        call, peers = self._calls.get(address), self.peers
        if call is not None and not (peers is not None and peers.wants(data, address)):
            self._take_call(call, data, address)
        elif peers is not None:
            plain, out = peers.receive(data, address, self._now())
            self._put(out, address)
            if call is not None and peers.session(address) is not None:
                self.drop(address, "the peer began anew")
            for part in plain:
                self._receive(part, address)
        self._arm()

    def _take_call(self, call: _Call, data: bytes, address: Address) -> None:
        session = call.session
        if self._flights is not None and not self._flights.inward(data):
            return
        plain = session.receive(data)
        self._put(session.outgoing(), address)
        if session.established and not call.ready.done():
            call.ready.set_result(None)
        for part in plain:
            self._receive(part, address)
        if session.over:
            self.drop(address)

    def send(self, data: bytes, address: Address, fault: RecordFault | None = None) -> None:
        """Protect and send a datagram; without an association it is lost."""
        session = self.session(address)
        if session is None or not session.established:
            return
        if fault is RecordFault.PLAIN:
            self._port.send([plain_record(data)], address)
            return
        session.send(data)
        datagrams = session.outgoing()
        if fault is RecordFault.TWICE:
            datagrams += datagrams
        elif fault is RecordFault.DAMAGED:
            datagrams = [damaged(one) for one in datagrams]
        self._put(datagrams, address)

    def _put(self, datagrams: list[bytes], address: Address) -> None:
        """Send a flight, with the fault that it is to have."""
        if self._spoil is not None and datagrams:
            flight, sizes = self._spoil(b"".join(datagrams)), [len(one) for one in datagrams]
            ends = list(itertools.accumulate(sizes))
            datagrams = [flight[end - size : end] for end, size in zip(ends, sizes)]
        if self._flights is not None:
            datagrams = self._flights.outward(datagrams)
        self._port.send(datagrams, address)

    def session(self, address: Address) -> DtlsSession | None:
        """Return the association with an address, whoever began it."""
        call = self._calls.get(address)
        if call is not None:
            return call.session
        return self.peers.session(address) if self.peers is not None else None

    # --- beginning and end ---

    async def reach(self, address: Address) -> None:
        """Have an association with an address; raises Unreachable."""
        session = self.session(address)
        if session is not None and session.established:
            return
        call = self._calls.get(address)
        if call is None:
            tell_time(self._context, self._settings)
            named = self._name if self._settings.sni else ""
            session = self._session(self._context, False, address, self._mtu, named, self._judge)
            if self._offered is not None:
                session.offer(self._offered)
                self._offered = None
            patience = self._bounds.patience
            if self._flights is not None:
                patience = max(patience, _A_MINUTE_AND_MORE)
            call = _Call(session, self._now() + patience)
            self._calls[address] = call
            session.receive(b"")
            self._put(session.outgoing(), address)
            self._arm()
        # who gives up waiting does not end it for others
        await asyncio.shield(call.ready)
        # a server that refuses what we showed may say goodbye as soon as it has shaken hands
        if self._calls.get(address) is not call:
            raise Unreachable("DTLS: the peer ended the session at once")

    def leave(self, address: Address, leaving: Leaving) -> None:
        """End an association that we began, as a test wants it; the next one is a new one."""
        call = self._calls.get(address)
        if call is None or not call.session.established:
            return
        if leaving is Leaving.RESUMED:
            self._offered = call.session.resumable()
        if leaving is Leaving.NEW:
            call.session.over = True
        self.drop(address, "it was left")

    def drop(self, address: Address, why: str = "") -> None:
        """End the association with an address."""
        call = self._calls.pop(address, None)
        if call is None:
            if self.peers is not None:
                self.peers.drop(address)
            return
        session = call.session
        session.close()
        self._put(session.outgoing(), address)
        failure = why or (str(session.failure) if session.failure is not None else "")
        if not call.ready.done():
            text = f"DTLS: {failure or 'the peer closed during the handshake'}"
            call.ready.set_exception(Unreachable(text))
            # who waits may have given up
            call.ready.exception()
        self._let_go(session, failure)
        session.forget()

    def _let_go(self, session: DtlsSession, why: str = "") -> None:
        self.alerts += session.alerts
        if session.failure is not None:
            self.failures.append(str(session.failure))
        if session.established:
            text = why or (str(session.failure) if session.failure is not None else "it was closed")
            self._gone(session.address, f"the DTLS session ended: {text}")

    def refused(self, address: Address) -> None:
        """Learn that nobody listens there; an association that stands is not shaken by that."""
        call = self._calls.get(address)
        if call is not None and not call.session.established:
            self.drop(address, "nobody listens there")

    def close(self) -> None:
        """End all associations, saying goodbye."""
        for address in list(self._calls):
            self.drop(address, "the link was closed")
        if self.peers is not None:
            for session in self.peers.sessions:
                session.close()
                self._put(session.outgoing(), session.address)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- time: the library's handshake timer reads the wall ---

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _arm(self) -> None:
        if self._timer is None and self._under_way():
            self._timer = asyncio.get_running_loop().call_later(_TICK, self._tick)

    def _under_way(self) -> bool:
        if self.peers is not None and self.peers.shaking_hands:
            return True
        return any(not call.session.established for call in self._calls.values())

    def _tick(self) -> None:
        self._timer = None
        now = self._now()
        for address, call in list(self._calls.items()):
            session = call.session
            if session.established:
                continue
            if now >= call.until:
                self.drop(address, f"no answer within {self._bounds.patience:g} s")
            elif self._flights is not None and self._flights.silent:
                continue
            elif session.timeout() == 0.0:
                session.on_timeout()
                self._put(session.outgoing(), address)
                if session.over:
                    self.drop(address)
        if self.peers is not None:
            for address, out in self.peers.tick(now):
                self._put(out, address)
        self._arm()
