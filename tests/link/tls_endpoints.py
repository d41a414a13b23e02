"""Real TLS and DTLS peers on memory BIOs (OpenSSL), their wire bytes, and sinks that collect."""

from __future__ import annotations

import datetime
import hashlib
import struct
import tempfile
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from dissectors.finding import Finding
from dissectors.link.dtls_registry import CidRegistry
from dissectors.link.dtls_stream import DtlsFlow
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Endpoint, Flow
from dissectors.link.tls_session import SessionInfo
from dissectors.link.tls_stream import TlsStream

TCP = Flow(1, "tcp", Endpoint("10.0.0.2", 50000), Endpoint("10.0.0.1", 443))
UDP = Flow(1, "udp", Endpoint("10.0.0.2", 50000), Endpoint("10.0.0.1", 5684))
# RFC 7919 ffdhe2048
DH_PARAMETERS = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
CURVES = {"P-256": ec.SECP256R1(), "brainpoolP256r1": ec.BrainpoolP256R1(), "rsa": None}


@cache
def credentials(kind: str) -> tuple[bytes, bytes]:
    """Make a self-signed certificate; return (certificate PEM, key PEM)."""
    curve = CURVES[kind]
    key = rsa.generate_private_key(65537, 2048) if curve is None else ec.generate_private_key(curve)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"peer {kind}")])
    start = datetime.datetime(2026, 1, 1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return certificate.public_bytes(pem), key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate_der(kind: str) -> bytes:
    certificate = x509.load_pem_x509_certificate(credentials(kind)[0])
    return certificate.public_bytes(serialization.Encoding.DER)


class Log:
    """A key log that OpenSSL writes, one line a call."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def __call__(self, connection: object, line: bytes) -> None:
        if line not in self.lines:
            self.lines.append(line)

    @property
    def text(self) -> bytes:
        return b"".join(line + b"\n" for line in self.lines)

    def without(self, *labels: bytes) -> bytes:
        return b"".join(line + b"\n" for line in self.lines if line.split()[0] not in labels)


def context(
    *,
    server: bool,
    log: Log | None,
    dtls: bool = False,
    version: int = SSL.TLS1_2_VERSION,
    ciphers: str = "ALL:COMPLEMENTOFALL",
    suites13: str = "",
    groups: str = "P-256:brainpoolP256r1",
    kind: str = "P-256",
    options: int = 0,
    mutual: bool = False,
    tickets: bool = False,
    psk: bytes | None = None,
    cookie: bool = False,
) -> SSL.Context:
    ctx = SSL.Context(SSL.DTLS_METHOD if dtls else SSL.TLS_METHOD)
    ctx.set_min_proto_version(0xFEFD if dtls else version)
    ctx.set_max_proto_version(0xFEFD if dtls else version)
    ctx.set_cipher_list(f"{ciphers}:@SECLEVEL=0".encode())
    if suites13:
        ctx.set_tls13_ciphersuites(suites13.encode())
    assert SSL._lib.SSL_CTX_set1_curves_list(ctx._context, groups.encode()), groups
    ctx.set_options(options | (SSL.OP_NO_QUERY_MTU if dtls else 0))
    if not tickets:
        ctx.set_options(SSL.OP_NO_TICKET)
    ctx.set_session_cache_mode(SSL.SESS_CACHE_BOTH)
    ctx.set_session_id(b"test")
    if server or mutual:
        certificate, key = credentials(kind)
        ctx.use_certificate(x509.load_pem_x509_certificate(certificate))
        ctx.use_privatekey(serialization.load_pem_private_key(key, None))
    if server and ("DHE-" in ciphers or "ADH" in ciphers):
        with tempfile.NamedTemporaryFile() as file:
            file.write(DH_PARAMETERS)
            file.flush()
            ctx.load_tmp_dh(file.name)
    if mutual:
        flags = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
        ctx.set_verify(flags, lambda *ignored: True)
    if log is not None:
        ctx.set_keylog_callback(log)
    if psk is not None:
        _use_psk(ctx, psk, server)
    if cookie:
        ctx.set_options(SSL.OP_COOKIE_EXCHANGE)
        ctx.set_cookie_generate_callback(lambda conn: hashlib.sha256(b"cookie").digest())
        ctx.set_cookie_verify_callback(lambda conn, got: got == hashlib.sha256(b"cookie").digest())
    return ctx


_alive: list[object] = []  # cffi callbacks must outlive their contexts


def _use_psk(ctx: SSL.Context, psk: bytes, server: bool) -> None:
    ffi, lib = SSL._ffi, SSL._lib

    if server:

        @ffi.callback("unsigned int(SSL *, const char *, unsigned char *, unsigned int)")
        def find(ssl: object, identity: object, out: object, size: int) -> int:
            ffi.memmove(out, psk, len(psk))
            return len(psk)

        lib.SSL_CTX_set_psk_server_callback(ctx._context, find)
        _alive.append(find)
    else:

        @ffi.callback(
            "unsigned int(SSL *, const char *, char *, unsigned int, unsigned char *, unsigned int)"
        )
        def give(ssl: object, hint: object, name: object, room: int, out: object, size: int) -> int:
            ffi.memmove(name, b"device-1\0", 9)
            ffi.memmove(out, psk, len(psk))
            return len(psk)

        lib.SSL_CTX_set_psk_client_callback(ctx._context, give)
        _alive.append(give)


def records(data: bytes, dtls: bool = False) -> list[bytes]:
    """Split wire bytes into records, headers included."""
    header, out, at = (13 if dtls else 5), [], 0
    while at < len(data):
        length = struct.unpack_from("!H", data, at + header - 2)[0]
        out.append(data[at : at + header + length])
        at += header + length
    assert at == len(data)
    return out


class Pair:
    """A client and a server joined by memory BIOs; `wire` keeps what went over: (side, bytes).

    For DTLS each item of `wire` is one datagram.
    """

    def __init__(
        self,
        client: SSL.Context,
        server: SSL.Context,
        *,
        dtls: bool = False,
        name: str = "eim.example",
        alpn: list[bytes] | None = None,
        session: SSL.Session | None = None,
        mtu: int = 1200,
        one_record: bool = False,
    ) -> None:
        self.ends = (SSL.Connection(client, None), SSL.Connection(server, None))
        self.ends[0].set_connect_state()
        self.ends[1].set_accept_state()
        self.ends[0].set_tlsext_host_name(name.encode())
        if alpn:
            self.ends[0].set_alpn_protos(alpn)
        if session is not None:
            self.ends[0].set_session(session)
        self.dtls = dtls
        self.mtu = mtu
        self.one_record = one_record
        if dtls:
            for end in self.ends:
                end.set_ciphertext_mtu(mtu)
        self.wire: list[tuple[int, bytes]] = []
        self.sent: tuple[list[bytes], list[bytes]] = ([], [])
        self.errors: list[object] = []

    def _drain(self, side: int) -> list[bytes]:
        out = b""
        while True:
            try:
                out += self.ends[side].bio_read(1 << 16)
            except SSL.WantReadError:
                break
        if not out:
            return []
        if not self.dtls:
            return [out]
        grams: list[bytes] = []
        for record in records(out, dtls=True):
            if grams and not self.one_record and len(grams[-1]) + len(record) <= self.mtu:
                grams[-1] += record
            else:
                grams.append(record)
        return grams

    def pump(self) -> None:
        """Let both ends work until nothing moves."""
        moved = True
        while moved:
            moved = False
            for side in (0, 1):
                end = self.ends[side]
                try:
                    end.do_handshake()
                except SSL.WantReadError:
                    pass
                except SSL.Error as error:
                    self.errors.append(error)
                try:
                    while True:
                        end.recv(1 << 16)
                except (SSL.WantReadError, SSL.ZeroReturnError):
                    pass
                except SSL.Error as error:
                    self.errors.append(error)
                for chunk in self._drain(side):
                    moved = True
                    self.wire.append((side, chunk))
                    try:
                        self.ends[1 - side].bio_write(chunk)
                    except SSL.Error as error:
                        self.errors.append(error)
                    if self.dtls:
                        self._step(1 - side)
                if len(self.errors) > 8:
                    return

    def _step(self, side: int) -> None:
        """A datagram BIO loses its borders: take each datagram before the next is written."""
        for work in (self.ends[side].do_handshake, lambda: self.ends[side].recv(1 << 16)):
            try:
                work()
            except (SSL.WantReadError, SSL.ZeroReturnError):
                pass
            except SSL.Error as error:
                self.errors.append(error)

    def send(self, side: int, data: bytes) -> None:
        """Send application bytes and move them."""
        self.ends[side].send(data)
        self.sent[side].append(data)
        self.pump()

    def close(self) -> None:
        for end in self.ends:
            try:
                end.shutdown()
            except SSL.Error:
                pass
        self.pump()

    def talk(self, count: int = 3) -> Pair:
        """Shake hands, exchange some messages and say goodbye."""
        self.pump()
        assert not self.errors, self.errors
        for i in range(count):
            self.send(0, f"request {i} ".encode() + bytes(range(200)))
            self.send(1, f"response {i} ".encode() + b"\xab" * (1000 * i))
        self.close()
        return self


class Collector:
    """A StreamSink and DatagramSink that keeps everything."""

    def __init__(self) -> None:
        self.plain: tuple[list[bytes], list[bytes]] = ([], [])
        self.order: list[tuple[int, bytes]] = []
        self.frames: list[tuple[int, ...]] = []
        self.gaps: list[tuple[int, int]] = []
        self.ends: list[int] = []
        self.problems: list[tuple[Finding, tuple[int, ...]]] = []
        self.sessions: list[SessionInfo] = []

    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        assert type(data) is bytes
        assert side not in self.ends
        self.plain[side].append(data)
        self.order.append((side, data))
        self.frames.append(frames)

    datagram = data

    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None:
        self.gaps.append((side, missing))

    def end(self, side: int, frames: tuple[int, ...], time: float) -> None:
        self.ends.append(side)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        self.problems.append((finding, frames))

    @property
    def codes(self) -> list[str]:
        return [found.code for found, _ in self.problems]

    def joined(self) -> tuple[bytes, bytes]:
        return b"".join(self.plain[0]), b"".join(self.plain[1])


def keylog(text: bytes) -> KeyLog:
    keys = KeyLog()
    assert keys.add_text(text) == []
    return keys


def decode(
    wire: list[tuple[int, bytes]],
    keys: KeyLog,
    *,
    cut: int | None = None,
    psk: bytes | None = None,
    flow: Flow = TCP,
) -> Collector:
    """Run wire bytes through a TlsStream, in segments of at most `cut` bytes."""
    sink = Collector()
    stream = TlsStream(flow, keys, sink, sink.sessions.append, psk)
    frame = 0
    for side, chunk in wire:
        step = cut or len(chunk)
        for at in range(0, len(chunk), step):
            frame += 1
            stream.data(side, chunk[at : at + step], (frame,), frame / 10)
    for side in (0, 1):
        stream.end(side, (), frame / 10)
    return sink


def decode_dtls(
    wire: list[tuple[int, bytes]],
    keys: KeyLog,
    *,
    psk: bytes | None = None,
    flow: Flow = UDP,
    registry: CidRegistry | None = None,
) -> Collector:
    """Run datagrams through a DtlsFlow."""
    sink = Collector()
    stream = DtlsFlow(flow, keys, sink, registry or CidRegistry(), sink.sessions.append, psk)
    for frame, (side, datagram) in enumerate(wire, 1):
        stream.datagram(side, datagram, (frame,), frame / 1000)
    stream.close()
    return sink
