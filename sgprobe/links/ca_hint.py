"""trusted_ca_keys: a client says in TLS 1.2 whose certificates it can verify. RFC 6066 §6."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from OpenSSL._util import ffi as _ffi
from OpenSSL._util import lib as _lib

from dissectors.link.tls_handshake import HandshakeError, read_client_hello

_EXTENSION, _KEY_SHA1_HASH = 3, 1
# the other ways to name an authority have a length of their own
_ID = 20
_ADD = "int(SSL *, unsigned int, unsigned char **, size_t *, int *, void *)"


def offer_hints(context: SSL.Context, key_ids: tuple[bytes, ...]) -> None:
    """Have clients of a context name CIs by the SHA-1 of their keys."""
    entries = b"".join(bytes([_KEY_SHA1_HASH]) + one for one in key_ids)
    octets = len(entries).to_bytes(2, "big") + entries
    held = _ffi.new("unsigned char[]", octets)

    def add(ssl: Any, kind: int, out: Any, size: Any, alert: Any, argument: Any) -> int:
        out[0], size[0] = held, len(octets)
        return 1

    callback = _ffi.callback(_ADD, add)
    null = _ffi.NULL
    known: Any = context
    if not _lib.SSL_CTX_add_client_custom_ext(
        known._context, _EXTENSION, callback, null, null, null, null
    ):
        raise ValueError("the TLS library sends no trusted_ca_keys")
    # both have to live as long as the context
    known._hints = callback, held


def hinted(hello: bytes) -> list[bytes]:
    """Return the key ids that a ClientHello names, in its order; none where it is not well made."""
    try:
        listed = read_client_hello(hello).extensions.get(_EXTENSION, b"")
    except HandshakeError:
        return []
    found, at, end = [], 2, 2 + int.from_bytes(listed[:2], "big")
    if end != len(listed):
        return []
    while at + 1 + _ID <= end and listed[at] == _KEY_SHA1_HASH:
        found.append(listed[at + 1 : at + 1 + _ID])
        at += 1 + _ID
    return found
