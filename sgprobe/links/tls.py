"""TLS on memory BIOs: contexts of both sides, and one session without a socket.

pyOpenSSL, not the standard library: it staples OCSP, takes brainpool in TLS 1.3, and shows alerts.
Three setters that pyOpenSSL does not have are called on its own binding, in one place, below.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from OpenSSL._util import lib as _lib

from sgprobe.links.ca_hint import offer_hints

TLS12, TLS13 = 0x0303, 0x0304
# OpenSSL's names of the groups; brainpool has another code point in TLS 1.3 (RFC 8734)
GROUPS = "P-256:brainpoolP256r1:brainpoolP256r1tls13:X25519:P-384"
_SIGNATURES = (
    "ECDSA+SHA256:ecdsa_brainpoolP256r1tls13_sha256:ECDSA+SHA384:ECDSA+SHA512"
    ":RSA+SHA256:RSA-PSS+SHA256"
)
_ALERT, _READ = 0x4000, 0x04
_CHUNK = 65536
# a peer may send warnings without end: the last ones are kept
MAX_ALERTS = 256
# a server that resumes sessions has to name what they are good for
_RESUMED = b"sgprobe"
# forward secrecy alone, the mandatory suite among them. SGP.22 §2.6.6
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM:ECDHE+SHA256:ECDHE+SHA384"

KeyLine = Callable[[bytes], None]
# takes the stapled OCSP answer and the peer's chain in DER, leaf first; returns what is wrong
StapleCheck = Callable[[bytes, tuple[bytes, ...]], str]


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate chain in DER, leaf first, and the key of the leaf."""

    chain: tuple[bytes, ...]
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What one side of a TLS link offers and asks for."""

    identity: Identity | None = None
    trust: tuple[bytes, ...] = ()  # certificates in DER: a root, a sub-CA or the leaf itself
    # server: ask for a client certificate; client: check the server's chain
    verify: bool = True
    # judges the peer's chain in place of the library, DER, leaf first; returns what is wrong
    check_peer: Callable[[tuple[bytes, ...]], str] | None = None
    # says what is wrong with the peer's own certificate, DER, that the library has nothing against
    check_leaf: Callable[[bytes], str] | None = None
    lowest: int = TLS12
    highest: int = TLS13
    ciphers: str = ""
    groups: str = GROUPS
    signatures: str = _SIGNATURES
    alpn: tuple[bytes, ...] = (b"http/1.1",)
    crls: tuple[bytes, ...] = ()  # with any, the leaf must be covered and not revoked
    staple: bytes = b""  # server: the OCSP answer to staple
    sni: bool = True  # client: name the server in the handshake
    # server: what it shows to clients that name a CI by its key id, in TLS 1.2. RFC 6066 §6
    by_hint: tuple[tuple[bytes, Identity], ...] = ()
    hints: tuple[bytes, ...] = ()  # client: the CIs that it names
    # server: let clients resume their sessions; client: do so
    resumes: bool = False
    require_staple: bool = False  # client: refuse a server that staples nothing
    check_staple: StapleCheck | None = None  # client: judges what is stapled
    at: Callable[[], float] | None = None  # epoch seconds at which chains have to hold


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, as this side saw it."""

    sent: bool
    level: int
    description: int


class TlsFailure(Exception):
    """A handshake or a record failed; `reason` is the library's own word."""

    def __init__(self, reason: str, alerts: tuple[Alert, ...] = ()) -> None:
        super().__init__(reason)
        self.alerts = alerts


def make_context(settings: TlsSettings, server: bool, key_line: KeyLine) -> SSL.Context:
    """Return the context of one side; its sessions log their keys through `key_line`."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD if server else SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(settings.lowest)
    context.set_max_proto_version(settings.highest)
    set_ciphers(context, settings.ciphers or CIPHERS)
    set_lists(context, settings)
    add_identity_and_trust(context, settings, server)
    finish(context, key_line)
    # an idle session gives its buffers back
    context.set_mode(_lib.SSL_MODE_RELEASE_BUFFERS)
    if settings.resumes:
        context.set_session_id(_RESUMED)
        context.set_session_cache_mode(SSL.SESS_CACHE_BOTH)
    if server:
        if not settings.resumes:
            context.set_options(SSL.OP_NO_TICKET)
        context.set_alpn_select_callback(
            lambda connection, offered: next(
                (name for name in settings.alpn if name in offered), SSL.NO_OVERLAPPING_PROTOCOLS
            )
        )
        if settings.staple:
            context.set_ocsp_server_callback(lambda connection, data: settings.staple)
    else:
        if settings.hints:
            offer_hints(context, settings.hints)
        if settings.alpn:
            context.set_alpn_protos(list(settings.alpn))
        if settings.require_staple or settings.check_staple is not None:
            context.set_ocsp_client_callback(
                lambda connection, staple, _: _staple_is_good(connection, staple, settings)
            )
    return context


def tell_time(context: SSL.Context, settings: TlsSettings) -> None:
    """Have the next handshake judge validity by the clock of its side, where it has one."""
    if settings.at is not None:
        # X509Store.set_time would have no effect the second time: what is set is not overwritten
        parameters = _lib.SSL_CTX_get0_param(context._context)
        _lib.X509_VERIFY_PARAM_set_time(parameters, int(settings.at()))


def finish(context: SSL.Context, key_line: KeyLine) -> None:
    """Have the sessions of a context log keys, note alerts, and not be resumed."""
    context.set_keylog_callback(lambda connection, line: key_line(line))
    context.set_info_callback(_on_info)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)


def _staple_is_good(connection: Any, staple: bytes, settings: TlsSettings) -> bool:
    session = connection.get_app_data()
    if not staple:
        wrong = "the server stapled no OCSP answer" if settings.require_staple else ""
    elif settings.check_staple is None:
        wrong = ""
    else:
        chain = tuple(one.public_bytes(Encoding.DER) for one in session.peer_chain)
        wrong = settings.check_staple(staple, chain)
    session.staple_fault = wrong
    return not wrong


def add_identity_and_trust(context: SSL.Context, settings: TlsSettings, server: bool) -> None:
    """Give a context its certificate and key, its anchors and its CRLs."""
    if settings.identity is not None:
        chain = [x509.load_der_x509_certificate(one) for one in settings.identity.chain]
        context.use_certificate(chain[0])
        for issuer in chain[1:]:
            context.add_extra_chain_cert(issuer)
        context.use_privatekey(settings.identity.key)
    store = context.get_cert_store()
    assert store is not None
    for anchor in settings.trust:
        store.add_cert(_x509(anchor))
    # an anchor may be a leaf or an intermediate: EimConfigurationData pins either (SGP.32 §2.11)
    flags = crypto.X509StoreFlags.PARTIAL_CHAIN
    if settings.crls:
        flags |= crypto.X509StoreFlags.CRL_CHECK
        for crl in settings.crls:
            store.add_crl(x509.load_der_x509_crl(crl))
    store.set_flags(flags)
    if settings.verify:
        mode = SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if server else 0)
        theirs, check_leaf = settings.check_peer is None, settings.check_leaf

        def judged(conn: Any, cert: crypto.X509, error: int, depth: int, ok: int) -> bool:
            if ok and depth == 0 and check_leaf is not None:
                return not check_leaf(cert.to_cryptography().public_bytes(Encoding.DER))
            return bool(ok) or not theirs

        context.set_verify(mode, judged)


def _x509(der: bytes) -> crypto.X509:
    return crypto.X509.from_cryptography(x509.load_der_x509_certificate(der))


def set_ciphers(context: SSL.Context, ciphers: str) -> None:
    """Set the cipher suites below TLS 1.3, and the security level where they name one."""
    try:
        context.set_cipher_list(ciphers.encode())
    except SSL.Error:
        raise ValueError(f"the TLS library has none of the cipher suites {ciphers}") from None


def set_lists(context: SSL.Context, settings: TlsSettings) -> None:
    """Set groups and signature algorithms, for which pyOpenSSL has no setters."""
    for name, text in (
        ("SSL_CTX_set1_curves_list", settings.groups),
        ("SSL_CTX_set1_sigalgs_list", settings.signatures),
    ):
        setter = getattr(_lib, name)
        if text and not setter(context._context, text.encode()):
            _lib.ERR_clear_error()
            raise ValueError(f"the TLS library does not know all of {text}")


@dataclass(slots=True)
class TlsSession:
    """One session without a socket: feed what came in, take what goes out."""

    context: SSL.Context
    server: bool
    host: str = ""
    established: bool = False
    over: bool = False
    staple_fault: str = ""
    check_peer: Callable[[tuple[bytes, ...]], str] | None = None
    # server: takes what the client begins with, and returns the context to go on with; None: not
    # all of it is there yet
    choose: Callable[[bytes], SSL.Context | None] | None = None
    alerts: deque[Alert] = field(default_factory=lambda: deque(maxlen=MAX_ALERTS))
    _connection: Any = None
    _first: bytes = b""
    _unsent: bytes = b""
    _chain: list[x509.Certificate] | None = None

    def __post_init__(self) -> None:
        self._begin(self.context)

    def _begin(self, context: SSL.Context) -> None:
        self._connection = SSL.Connection(context, None)
        if self.server:
            self._connection.set_accept_state()
        else:
            if self.host:
                self._connection.set_tlsext_host_name(server_name(self.host))
            if self.context._ocsp_helper is not None:
                self._connection.request_ocsp()
            self._connection.set_connect_state()
        self._connection.set_app_data(self)

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes from the network; return plaintext. b"" starts a client's handshake.

        Raises TlsFailure; `outgoing` then still holds the alert to send.
        """
        if self.choose is not None:
            self._first += data
            context = self.choose(self._first)
            if context is None:
                return []
            if context is not self.context:
                self._begin(context)
            data, self._first, self.choose = self._first, b"", None
        if data:
            self._connection.bio_write(data)
        plain: list[bytes] = []
        try:
            if not self.established:
                self._connection.do_handshake()
                self.established = True
                # another handshake may be under way when somebody asks for it
                self._chain = peer_chain(self._connection)
                self._judge()
            while True:
                plain.append(self._connection.recv(_CHUNK))
        except SSL.WantReadError:
            if self._unsent:
                self.send(b"")
        except SSL.ZeroReturnError:
            self.over = True
        except SSL.Error as error:
            self.over = True
            raise TlsFailure(self.staple_fault or reason_of(error), tuple(self.alerts)) from None
        return plain

    def _judge(self) -> None:
        wrong = ""
        if self.check_peer is not None:
            chain = tuple(one.public_bytes(Encoding.DER) for one in self.peer_chain)
            wrong = self.check_peer(chain)
        elif not self.server and self.context.get_verify_mode() != SSL.VERIFY_NONE:
            # the library looks at this in TLS 1.2 alone
            wrong = _usage_fault(self.peer_chain)
        if wrong:
            self.over = True
            raise TlsFailure(wrong, tuple(self.alerts))

    def send(self, data: bytes) -> None:
        """Protect plaintext; `outgoing` has the records.

        While the two sides shake hands anew it waits for the end of that.
        """
        self._unsent += data
        view = memoryview(self._unsent)
        try:
            while view:
                view = view[self._connection.send(bytes(view[:_CHUNK])) :]
        except SSL.WantReadError:
            pass
        self._unsent = bytes(view)

    def ask_anew(self) -> None:
        """Ask a client of TLS 1.2 for another handshake: HelloRequest. RFC 5246 §7.4.1.1."""
        self._connection.renegotiate()
        self._connection.do_handshake()

    def outgoing(self) -> bytes:
        """Return the bytes to send now."""
        out = b""
        try:
            while True:
                out += self._connection.bio_read(_CHUNK)
        except SSL.WantReadError:
            return out

    @property
    def resumable(self) -> SSL.Session | None:
        """Return what a later connection of a client resumes, where the server lets it."""
        found: SSL.Session | None = self._connection.get_session()
        return found

    def resume(self, earlier: SSL.Session) -> None:
        """Have the handshake of a client, not yet begun, offer an earlier session."""
        self._connection.set_session(earlier)

    def close(self) -> None:
        """Say close_notify."""
        if self.established and not self.over:
            try:
                self._connection.shutdown()
            except SSL.Error:
                # the other side is gone already: there is nobody to tell
                self.over = True

    def forget(self) -> None:
        """Let go of the library's state; alerts and flags stay."""
        # the session and the library's connection point at each other
        self._connection.set_app_data(None)

    @property
    def alpn(self) -> bytes:
        """Return the protocol that was agreed on."""
        return bytes(self._connection.get_alpn_proto_negotiated())

    @property
    def version(self) -> str:
        """Return the protocol version, such as TLSv1.3."""
        return str(self._connection.get_protocol_version_name())

    @property
    def cipher(self) -> str:
        """Return the cipher suite that was agreed on."""
        return str(self._connection.get_cipher_name() or "")

    @property
    def server_name(self) -> str:
        """Return the name that the client asked for. RFC 6066 §3."""
        return bytes(self._connection.get_servername() or b"").decode("latin-1")

    @property
    def peer_chain(self) -> list[x509.Certificate]:
        """Return the certificates that the other side sent, leaf first."""
        return peer_chain(self._connection) if self._chain is None else self._chain


def peer_chain(connection: Any) -> list[x509.Certificate]:
    """Return the certificates that the other side of a connection sent, leaf first."""
    chain = [one.to_cryptography() for one in connection.get_peer_cert_chain() or ()]
    peer = connection.get_peer_certificate()
    if peer is None:
        return chain
    leaf = peer.to_cryptography()
    # a server finds the leaf beside the chain, a client in it
    return chain if leaf in chain[:1] else [leaf, *chain]


def server_name(host: str) -> bytes:
    """Return a DNS name as it goes into server_name; raises TlsFailure where it is none."""
    try:
        return host.encode("idna")
    except UnicodeError:
        raise TlsFailure(f"{host[:80]!r} is no DNS name") from None


def _on_info(connection: Any, where: int, code: int) -> None:
    if where & _ALERT:
        session = connection.get_app_data()
        # a session that was let go may still say goodbye
        if session is not None:
            session.alerts.append(Alert(not where & _READ, code >> 8, code & 0xFF))


def reason_of(error: SSL.Error) -> str:
    """Return the library's own word on a failure."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return queue[-1][2] if queue else (str(error) or "the connection ended")


def _usage_fault(chain: list[x509.Certificate]) -> str:
    """Return what is wrong with the key usage of a server's certificate. RFC 8446 §4.4.2.2."""
    try:
        usage = chain[0].extensions.get_extension_for_class(x509.KeyUsage).value
    except (IndexError, x509.ExtensionNotFound):
        return ""
    return "" if usage.digital_signature else "keyUsage of the certificate has no digitalSignature"


def library() -> str:
    """Return the name and the version of the TLS library."""
    return SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()
