"""DTLS 1.2 on memory BIOs: contexts of both sides, and one association without a socket.

A memory BIO has no datagram borders: what the library writes is cut at record headers and packed
again up to the MTU. The handshake timer is the library's own and reads the wall clock.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from OpenSSL._util import ffi as _ffi
from OpenSSL._util import lib as _lib

from dissectors.asn1.tlv import read_tlv, split, tlv
from sgprobe.links.tape import Address
from sgprobe.links.tls import (
    MAX_ALERTS,
    Alert,
    KeyLine,
    TlsFailure,
    TlsSettings,
    add_identity_and_trust,
    finish,
    peer_chain,
    reason_of,
    server_name,
    set_ciphers,
    set_lists,
)

DTLS12 = 0xFEFD
# a tag of 64 bits is below what the library allows by default: RFC 6655 suites need level 0
CIPHERS = ":".join((
    "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA256", "@SECLEVEL=0",
))  # fmt: skip
_LEVEL = ":@SECLEVEL=0"
HEADER = 13
CHANGE_CIPHER, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
_CHUNK = 65536
# in OpenSSL's SSL_SESSION_ASN1: after structure version, protocol version and suite
_SESSION_ID = 3

# makes or checks the cookie of an address
Cookie = Callable[[Address], bytes]
CookieCheck = Callable[[Address, bytes], bool]
# takes the peer's chain in DER, leaf first; returns what is wrong
ChainCheck = Callable[[tuple[bytes, ...]], str]


def make_context(settings: TlsSettings, server: bool, key_line: KeyLine) -> SSL.Context:
    """Return the DTLS 1.2 context of one side."""
    context = SSL.Context(SSL.DTLS_SERVER_METHOD if server else SSL.DTLS_CLIENT_METHOD)
    context.set_min_proto_version(DTLS12)
    context.set_max_proto_version(DTLS12)
    ciphers = settings.ciphers or CIPHERS
    set_ciphers(context, ciphers if "@SECLEVEL" in ciphers else ciphers + _LEVEL)
    set_lists(context, settings)
    add_identity_and_trust(context, settings, server)
    for option in (SSL.OP_NO_QUERY_MTU, SSL.OP_NO_TICKET):
        assert option is not None
        context.set_options(option)
    finish(context, key_line)
    return context


def ask_for_cookies(context: SSL.Context, make: Cookie, check: CookieCheck) -> None:
    """Have a server's context take a client only after it echoed a cookie. RFC 6347 §4.2.1."""
    assert SSL.OP_COOKIE_EXCHANGE is not None
    context.set_options(SSL.OP_COOKIE_EXCHANGE)
    context.set_cookie_generate_callback(lambda connection: make(_address(connection)))
    context.set_cookie_verify_callback(lambda connection, given: check(_address(connection), given))


def _address(connection: SSL.Connection) -> Address:
    session: DtlsSession = connection.get_app_data()
    return session.address


class DtlsSession:
    """One association; feed datagrams, take datagrams."""

    __slots__ = (
        "_check", "_connection", "_mtu", "address", "alerts", "established", "failure", "over",
    )  # fmt: skip

    def __init__(
        self,
        context: SSL.Context,
        server: bool,
        address: Address,
        mtu: int,
        host: str = "",
        check: ChainCheck | None = None,
    ) -> None:
        self.address = address
        self.established = False
        self.over = False
        self.failure: TlsFailure | None = None
        self.alerts: deque[Alert] = deque(maxlen=MAX_ALERTS)
        self._mtu = mtu
        self._check = check
        self._connection = SSL.Connection(context, None)
        self._connection.set_app_data(self)
        self._connection.set_ciphertext_mtu(mtu)
        if server:
            self._connection.set_accept_state()
        else:
            if host:
                self._connection.set_tlsext_host_name(server_name(host))
            self._connection.set_connect_state()

    def offer(self, session: SSL.Session) -> None:
        """Offer a session of another association, before the handshake begins."""
        self._connection.set_session(session)

    def resumable(self) -> SSL.Session | None:
        """Return the session that the next handshake may offer; None: there is none yet.

        Where the server has given it no id it gets one: that of a session long forgotten.
        """
        session = self._connection.get_session()
        return None if session is None else with_session_id(session)

    @property
    def resumed(self) -> bool:
        """Say whether the server took what was offered."""
        return bool(_lib.SSL_session_reused(self._connection._ssl))

    def listen(self, datagram: bytes) -> bool:
        """Give an association without state a ClientHello; True: its cookie is right.

        After False it has no state still, and may be given the hello of another address.
        """
        self._connection.bio_write(datagram)
        try:
            self._connection.DTLSv1_listen()
        except (SSL.WantReadError, SSL.Error):
            # what the library leaves in its queue would be read as a fault of the next session
            _lib.ERR_clear_error()
            return False
        return True

    def receive(self, datagram: bytes) -> list[bytes]:
        """Take a datagram, b"" to begin; return plaintext. A failure is kept in `failure`."""
        if self.over:
            return []
        if datagram:
            self._connection.bio_write(datagram)
        plain: list[bytes] = []
        try:
            if not self.established:
                self._connection.do_handshake()
                self.established = True
                if self._is_refused():
                    return []
            while True:
                plain.append(self._connection.recv(_CHUNK))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.close()
        except SSL.Error as error:
            self._fail(error)
        return plain

    def _is_refused(self) -> bool:
        """Judge the peer's chain; who is refused gets a close_notify, and no association."""
        if self._check is None:
            return False
        wrong = self._check(tuple(one.public_bytes(Encoding.DER) for one in self.peer_chain))
        if wrong:
            self.close()
            self.established = False
            self.failure = TlsFailure(wrong, tuple(self.alerts))
        return bool(wrong)

    def _fail(self, error: SSL.Error) -> None:
        self.over = True
        self.failure = TlsFailure(reason_of(error), tuple(self.alerts))

    def send(self, data: bytes) -> None:
        """Protect one datagram of plaintext."""
        if self.over or not data:
            return
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
            try:
                self._connection.shutdown()
            except SSL.Error:
                pass  # the other side is gone already: there is nobody to tell
        self.over = True

    def forget(self) -> None:
        """Let go of the library's state; alerts and flags stay."""
        # the session and the library's connection point at each other
        self._connection.set_app_data(None)

    @property
    def cipher(self) -> str:
        """Return the cipher suite that was agreed on."""
        return self._connection.get_cipher_name() or ""

    @property
    def server_name(self) -> str:
        """Return the name that the client asked for. RFC 6066 §3."""
        return bytes(self._connection.get_servername() or b"").decode("latin-1")

    @property
    def peer_chain(self) -> list[x509.Certificate]:
        """Return the certificates that the other side sent, leaf first."""
        return peer_chain(self._connection)


def with_session_id(session: SSL.Session) -> SSL.Session:
    """Return a session that has an id: its own, or one that no server knows."""
    known: Any = session
    size = _lib.i2d_SSL_SESSION(known._session, _ffi.NULL)
    octets = _ffi.new("unsigned char[]", size)
    _lib.i2d_SSL_SESSION(known._session, _ffi.new("unsigned char **", octets))
    whole = bytes(_ffi.buffer(octets, size))
    outer = read_tlv(whole)
    fields = [whole[one.start : one.end] for one in split(whole, outer.body, outer.end)]
    if len(fields[_SESSION_ID]) > 2:
        return session
    fields[_SESSION_ID] = tlv("04", secrets.token_bytes(32))
    whole = tlv("30", *fields)
    octets = _ffi.new("unsigned char[]", whole)
    place = _ffi.new("const unsigned char **", octets)
    read = _lib.d2i_SSL_SESSION(_ffi.NULL, place, len(whole))
    made: Any = SSL.Session.__new__(SSL.Session)
    made._context = known._context
    made._session = _ffi.gc(read, _lib.SSL_SESSION_free)
    return cast(SSL.Session, made)


def _records(data: bytes) -> Iterator[bytes]:
    """Cut what the library wrote at the record headers. RFC 6347 §4.1."""
    at = 0
    while at + HEADER <= len(data):
        end = at + HEADER + int.from_bytes(data[at + 11 : at + 13], "big")
        yield data[at:end]
        at = end
