"""What a TLS server reads of a ClientHello before it chooses a version."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from dissectors.link.tls_handshake import HandshakeError, read_client_hello
from sgprobe.links.tls import TLS12, TLS13, KeyLine, TlsSettings, make_context

_HANDSHAKE, _CLIENT_HELLO = b"\x16", b"\x01"
_HEADER, _START = 5, 4
# no client sends a larger one, or in more records; that goes to the library as it is
_MOST, _MOST_RECORDS = 1 << 16, 64
_SIGNATURE_ALGORITHMS = 13  # RFC 8446 §4.2.3
# RFC 8734 §3.1: ecdsa_brainpoolP256r1tls13_sha256
_BRAINPOOL_TLS13 = b"\x08\x1a"


def older_context(settings: TlsSettings, key_line: KeyLine) -> SSL.Context | None:
    """Return a context of TLS 1.2 where clients may need it, None where the first one will do.

    In TLS 1.3 a brainpool certificate has a signature scheme of its own, which few clients know:
    they are served in TLS 1.2, if they may.
    """
    own = settings.identity
    if own is None or not isinstance(own.key.curve, ec.BrainpoolP256R1):
        return None
    if settings.lowest > TLS12 or settings.highest < TLS13:
        return None
    return make_context(replace(settings, highest=TLS12), True, key_line)


def client_hello(data: bytes) -> bytes | None:
    """Return the body of the ClientHello that a client begins with, None until all of it is there.

    What begins otherwise gives no octets: the library has its own word on it.
    """
    message, at = b"", 0
    for _ in range(_MOST_RECORDS):
        if data[at : at + 1] not in (b"", _HANDSHAKE) or len(data) > _MOST:
            break
        end = at + _HEADER + int.from_bytes(data[at + 3 : at + _HEADER], "big")
        if end > len(data):
            return None
        message += data[at + _HEADER : end]
        at = end
        if message[:1] not in (b"", _CLIENT_HELLO):
            break
        size = _START + int.from_bytes(message[1:_START], "big")
        if len(message) >= max(size, _START):
            return message[_START:size]
    return b""


def knows_brainpool_in_tls13(hello: bytes) -> bool:
    """Say whether a client takes a brainpool signature in TLS 1.3."""
    try:
        read = read_client_hello(hello)
    except HandshakeError:
        return True
    offered = read.extensions.get(_SIGNATURE_ALGORITHMS, b"")[2:]
    schemes = {offered[at : at + 2] for at in range(0, len(offered) - 1, 2)}
    return _BRAINPOOL_TLS13 in schemes
