"""Key schedules: from a master secret or a traffic secret to the openers of records."""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import new as new_hash
from typing import TYPE_CHECKING

from dissectors.link.tls_suites import Suite

if TYPE_CHECKING:
    from dissectors.link.tls_openers import Opener

MASTER_LENGTH = 48
_MAC_LENGTH = {"": 0, "sha1": 20, "sha256": 32, "sha384": 48}


def prf(secret: bytes, label: bytes, seed: bytes, length: int, hash_name: str) -> bytes:
    """Return `length` bytes of the TLS 1.2 pseudorandom function (RFC 5246 §5)."""
    seed = label + seed
    link = seed
    out = b""
    while len(out) < length:
        link = hmac.digest(secret, link, hash_name)
        out += hmac.digest(secret, link + seed, hash_name)
    return out[:length]


def psk_master(
    psk: bytes, suite: Suite, randoms: bytes, transcript: bytes, extended: bool
) -> bytes:
    """Return the master secret of a plain PSK session.

    `randoms` is client random and server random; `transcript` the handshake messages up to and
    with ClientKeyExchange, needed when the `extended` master secret was agreed.
    """
    length = len(psk).to_bytes(2, "big")
    premaster = length + bytes(len(psk)) + length + psk  # RFC 4279 §2
    if extended:  # RFC 7627 §4
        seed = new_hash(suite.hash, transcript).digest()
        return prf(premaster, b"extended master secret", seed, MASTER_LENGTH, suite.hash)
    return prf(premaster, b"master secret", randoms, MASTER_LENGTH, suite.hash)


def openers_12(
    suite: Suite, master: bytes, client_random: bytes, server_random: bytes, etm: bool
) -> tuple[Opener, Opener]:
    """Return the openers of the client's and the server's records (RFC 5246 §6.3)."""
    from dissectors.link import tls_openers  # a cleartext decode does not pay for the ciphers

    mac = _MAC_LENGTH[suite.mac]
    key = suite.key_length
    iv = {"gcm": 4, "ccm": 4, "chacha": 12, "cbc": 0}[suite.kind]
    block = prf(
        master, b"key expansion", server_random + client_random, 2 * (mac + key + iv), suite.hash
    )
    keys = block[2 * mac :]
    ivs = keys[2 * key :]
    if suite.kind == "cbc":
        cbc = tls_openers.EncryptThenMac if etm else tls_openers.MacThenEncrypt
        macs = block[: 2 * mac]
        return cbc(suite, keys[:key], macs[:mac]), cbc(suite, keys[key:], macs[mac:])
    nonce = tls_openers.CountedNonce if suite.kind == "chacha" else tls_openers.ExplicitNonce
    return nonce(suite, keys[:key], ivs[:iv]), nonce(suite, keys[key : 2 * key], ivs[iv:])


@lru_cache(maxsize=32)
def _expand_info(label: bytes, length: int) -> bytes:
    # RFC 8446 §7.1 HkdfLabel with an empty context, then the counter of the first HKDF block
    return length.to_bytes(2, "big") + bytes((6 + len(label),)) + b"tls13 " + label + b"\x00\x01"


def expand_label(secret: bytes, label: bytes, length: int, hash_name: str) -> bytes:
    """Return HKDF-Expand-Label with an empty context, for lengths up to one hash."""
    return hmac.digest(secret, _expand_info(label, length), hash_name)[:length]


def next_secret(suite: Suite, secret: bytes) -> bytes:
    """Return the traffic secret after a KeyUpdate (RFC 8446 §7.2)."""
    return expand_label(secret, b"traffic upd", len(secret), suite.hash)


def opener_13(suite: Suite, secret: bytes) -> Opener:
    """Return the opener of the records under one traffic secret (RFC 8446 §7.3)."""
    from dissectors.link import tls_openers

    key = expand_label(secret, b"key", suite.key_length, suite.hash)
    return tls_openers.Tls13(suite, key, expand_label(secret, b"iv", 12, suite.hash))
