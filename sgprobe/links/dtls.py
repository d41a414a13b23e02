"""DTLS 1.2 on memory BIOs: contexts, one session without a socket, and a listener with cookies.

A memory BIO has no datagram borders: what the library writes is cut at record headers and packed
again up to the MTU. The handshake timer is the library's own and reads the wall clock.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from cryptography import x509
from OpenSSL import SSL

from sgprobe.links.tape import Address
from sgprobe.links.tls import (
    Alert,
    KeyLine,
    TlsFailure,
    TlsSettings,
    add_identity_and_trust,
    reason_of,
    set_lists,
    watch_alerts,
)

DTLS12 = 0xFEFD
# a tag of 64 bits is below what the library allows by default: RFC 6655 suites need level 0
CIPHERS = ":".join((
    "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA256", "@SECLEVEL=0",
))  # fmt: skip
_HEADER = 13
_CHUNK = 65536


def make_context(settings: TlsSettings, server: bool, key_line: KeyLine) -> SSL.Context:
    """Return the DTLS 1.2 context of one side."""
    context = SSL.Context(SSL.DTLS_SERVER_METHOD if server else SSL.DTLS_CLIENT_METHOD)
    context.set_min_proto_version(DTLS12)
    context.set_max_proto_version(DTLS12)
    context.set_cipher_list((settings.ciphers or CIPHERS).encode())
    set_lists(context, settings)
    add_identity_and_trust(context, settings, server)
    for option in (SSL.OP_NO_QUERY_MTU, SSL.OP_NO_TICKET):
        assert option is not None
        context.set_options(option)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_keylog_callback(lambda connection, line: key_line(line))
    watch_alerts(context)
    if server:
        secret = secrets.token_bytes(32)
        assert SSL.OP_COOKIE_EXCHANGE is not None
        context.set_options(SSL.OP_COOKIE_EXCHANGE)

        def cookie(connection: Any) -> bytes:
            address = repr(connection.get_app_data().address).encode()
            return hmac.new(secret, address, hashlib.sha256).digest()

        context.set_cookie_generate_callback(cookie)
        context.set_cookie_verify_callback(lambda connection, given: hmac.compare_digest(
            given, cookie(connection)))  # fmt: skip
    return context


class DtlsSession:
    """One association; feed datagrams, take datagrams."""

    def __init__(
        self, context: SSL.Context, server: bool, address: Address, mtu: int, host: str = ""
    ) -> None:
        self.address = address
        self.established = False
        self.over = False
        self.failure: TlsFailure | None = None
        self.alerts: list[Alert] = []
        self._mtu = mtu
        self._connection = SSL.Connection(context, None)
        self._connection.set_app_data(self)
        self._connection.set_ciphertext_mtu(mtu)
        if server:
            self._connection.set_accept_state()
        else:
            if host:
                self._connection.set_tlsext_host_name(host.encode("idna"))
            self._connection.set_connect_state()

    def listen(self, datagram: bytes) -> bool:
        """Give an association without state its first datagram; True: the cookie is right."""
        self._connection.bio_write(datagram)
        try:
            self._connection.DTLSv1_listen()
        except (SSL.WantReadError, SSL.Error):
            return False
        return True

    def receive(self, datagram: bytes) -> list[bytes]:
        """Take a datagram, b"" to begin; return plaintext. A failure is kept in `failure`."""
        if datagram:
            self._connection.bio_write(datagram)
        plain: list[bytes] = []
        try:
            if not self.established:
                self._connection.do_handshake()
                self.established = True
            while True:
                plain.append(self._connection.recv(_CHUNK))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.over = True
        except SSL.Error as error:
            self._fail(error)
        return plain

    def _fail(self, error: SSL.Error) -> None:
        self.over = True
        self.failure = TlsFailure(reason_of(error), tuple(self.alerts))

    def send(self, data: bytes) -> None:
        """Protect one datagram of plaintext."""
        try:
            self._connection.send(data)
        except SSL.Error as error:
            self._fail(error)

    def outgoing(self) -> list[bytes]:
        """Return the datagrams to send now."""
        out = b""
        try:
            while True:
                out += self._connection.bio_read(_CHUNK)
        except SSL.WantReadError:
            pass
        datagrams: list[bytes] = []
        packed = b""
        for record in _records(out):
            if packed and len(packed) + len(record) > self._mtu:
                datagrams.append(packed)
                packed = b""
            packed += record
        return [*datagrams, packed] if packed else datagrams

    def timeout(self) -> float | None:
        """Return the seconds until a flight of the handshake is due again."""
        return None if self.established or self.over else self._connection.DTLSv1_get_timeout()

    def on_timeout(self) -> None:
        """Send the last flight again."""
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._fail(error)

    def close(self) -> None:
        """Say close_notify."""
        if self.established and not self.over:
            self.over = True
            try:
                self._connection.shutdown()
            except SSL.Error:
                return  # the other side is gone already: there is nobody to tell

    @property
    def cipher(self) -> str:
        """Return the cipher suite that was agreed on."""
        return self._connection.get_cipher_name() or ""

    @property
    def peer_chain(self) -> list[x509.Certificate]:
        """Return the certificates that the other side sent, leaf first."""
        leaf = self._connection.get_peer_certificate()
        chain = [one.to_cryptography() for one in self._connection.get_peer_cert_chain() or []]
        if leaf is not None and (not chain or chain[0] != leaf.to_cryptography()):
            chain.insert(0, leaf.to_cryptography())
        return chain


def _records(data: bytes) -> Iterator[bytes]:
    """Cut what the library wrote at the record headers. RFC 6347 §4.1."""
    at = 0
    while at + _HEADER <= len(data):
        end = at + _HEADER + int.from_bytes(data[at + 11 : at + 13], "big")
        yield data[at:end]
        at = end


class DtlsPeers:
    """The server side of one UDP port: a listener without state, and a session per address."""

    def __init__(
        self,
        settings: TlsSettings,
        key_line: KeyLine,
        *,
        mtu: int = 1200,
        most: int = 20_000,
        on_gone: Callable[[DtlsSession], None] = lambda session: None,
    ) -> None:
        self._context = make_context(settings, True, key_line)
        self._mtu = mtu
        self._most = most
        self._on_gone = on_gone
        self.sessions: dict[Address, DtlsSession] = {}
        self.pending: set[Address] = set()  # whose handshake is under way

    def receive(self, datagram: bytes, address: Address) -> tuple[list[bytes], list[bytes]]:
        """Take a datagram; return plaintexts and the datagrams to send back."""
        session = self.sessions.get(address)
        if session is None or (session.established and _is_hello(datagram)):
            # a client that lost its state begins anew from the same address (RFC 6347 §4.2.8):
            # only a right cookie replaces the old association
            fresh = DtlsSession(self._context, True, address, self._mtu)
            if not fresh.listen(datagram):
                return [], fresh.outgoing()
            if session is not None:
                self._on_gone(session)
            elif len(self.sessions) >= self._most:
                self.drop(next(iter(self.sessions)))
            self.sessions[address] = session = fresh
            self.pending.add(address)
            datagram = b""
        plain = session.receive(datagram)
        out = session.outgoing()
        if session.established:
            self.pending.discard(address)
        if session.over:
            self.drop(address)
        return plain, out

    def drop(self, address: Address) -> None:
        """Forget an address."""
        self.pending.discard(address)
        session = self.sessions.pop(address, None)
        if session is not None:
            self._on_gone(session)


def _is_hello(datagram: bytes) -> bool:
    """Say whether a datagram is a ClientHello in the clear: epoch 0, handshake, type 1."""
    return len(datagram) > _HEADER and datagram[0] == 22 and datagram[3:5] == b"\0\0" and (
        datagram[_HEADER] == 1
    )  # fmt: skip
