"""Record openers: one cipher object that opens the protected records of one direction.

`head` is what a record authenticates before its length: for TLS 1.2 and DTLS 1.2 the sequence
number, type and version (RFC 5246 §6.2.3.3), with a connection ID the longer form of RFC 9146 §5;
for TLS 1.3 the whole record header (RFC 8446 §5.2). An opener returns None for what is not genuine.
This module alone imports the cipher library, and is imported when the first key is made.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from dissectors.link.tls_records import Buffer
from dissectors.link.tls_suites import Suite

_Decrypt = Callable[[Buffer, Buffer, Buffer], bytes]


class Opener(Protocol):
    """Opens the records of one direction under one key."""

    def open(self, seq: int, head: bytes, body: Buffer) -> bytes | None:
        """Return the plain bytes of a record, or None when it does not authenticate."""


def _aead(suite: Suite, key: bytes) -> _Decrypt:
    if suite.kind == "gcm":
        return AESGCM(key).decrypt
    if suite.kind == "ccm":
        return AESCCM(key, tag_length=suite.tag_length).decrypt
    return ChaCha20Poly1305(key).decrypt


class ExplicitNonce:
    """Opens AES-GCM and AES-CCM records of version 1.2 (RFC 5288 §3, RFC 6655 §3)."""

    __slots__ = ("_decrypt", "_overhead", "_salt")

    def __init__(self, suite: Suite, key: bytes, salt: bytes) -> None:
        self._decrypt = _aead(suite, key)
        self._salt = salt
        self._overhead = 8 + suite.tag_length

    def open(self, seq: int, head: bytes, body: Buffer) -> bytes | None:
        """Open a record whose nonce is the salt and its own first 8 bytes."""
        length = len(body) - self._overhead
        if length < 0:
            return None
        try:
            return self._decrypt(self._salt + body[:8], body[8:], head + length.to_bytes(2, "big"))
        except InvalidTag:
            return None


class CountedNonce:
    """Opens ChaCha20-Poly1305 records of version 1.2 (RFC 7905 §2)."""

    __slots__ = ("_decrypt", "_iv", "_overhead")

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._decrypt = _aead(suite, key)
        self._iv = int.from_bytes(iv, "big")
        self._overhead = suite.tag_length

    def open(self, seq: int, head: bytes, body: Buffer) -> bytes | None:
        """Open a record whose nonce is the fixed IV XOR its 64-bit sequence number."""
        length = len(body) - self._overhead
        if length < 0:
            return None
        try:
            return self._decrypt(
                (self._iv ^ seq).to_bytes(12, "big"), body, head + length.to_bytes(2, "big")
            )
        except InvalidTag:
            return None


class Tls13:
    """Opens TLS 1.3 records (RFC 8446 §5.2); `head` is the whole record header."""

    __slots__ = ("_decrypt", "_iv", "_least")

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._decrypt = _aead(suite, key)
        self._iv = int.from_bytes(iv, "big")
        self._least = suite.tag_length + 1

    def open(self, seq: int, head: bytes, body: Buffer) -> bytes | None:
        """Open a record into its inner plaintext: content, type and padding."""
        if len(body) < self._least:
            return None
        try:
            return self._decrypt((self._iv ^ seq).to_bytes(12, "big"), body, head)
        except InvalidTag:
            return None


class _Cbc:
    """AES-CBC with one decryptor for all records of a direction."""

    __slots__ = ("_hash", "_mac_key", "_mac_length", "_update")

    def __init__(self, suite: Suite, key: bytes, mac_key: bytes) -> None:
        self._hash = suite.mac
        self._mac_key = mac_key
        self._mac_length = len(mac_key)
        # A CBC block depends on the block before it alone: with the explicit IV fed as a first
        # block, whose own output is thrown away, one decryptor serves every record.
        self._update = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor().update

    def _blocks(self, body: Buffer) -> tuple[bytes, int] | None:
        """Return the decrypted blocks and how many of their bytes are not padding."""
        if len(body) < 32 or len(body) % 16:
            return None
        plain = self._update(body)[16:]
        pad = plain[-1]
        kept = len(plain) - pad - 1
        if kept < 0 or plain.count(pad, kept) != pad + 1:
            return None
        return plain, kept

    def _genuine(self, message: bytes, mac: Buffer) -> bool:
        return hmac.compare_digest(hmac.digest(self._mac_key, message, self._hash), mac)


class MacThenEncrypt(_Cbc):
    """Opens AES-CBC records whose MAC is inside the encryption (RFC 5246 §6.2.3.2)."""

    __slots__ = ()

    def open(self, seq: int, head: bytes, body: Buffer) -> bytes | None:
        """Decrypt, take off padding and MAC, and check the MAC."""
        blocks = self._blocks(body)
        if blocks is None:
            return None
        plain, kept = blocks
        length = kept - self._mac_length
        if length < 0:
            return None
        content = plain[:length]
        genuine = self._genuine(head + length.to_bytes(2, "big") + content, plain[length:kept])
        return content if genuine else None


class EncryptThenMac(_Cbc):
    """Opens AES-CBC records whose MAC is over the encrypted bytes (RFC 7366 §3)."""

    __slots__ = ()

    def open(self, seq: int, head: bytes, body: Buffer) -> bytes | None:
        """Check the MAC, decrypt and take off the padding."""
        length = len(body) - self._mac_length
        if length < 32:
            return None
        sealed = body[:length]
        message = b"".join((head, length.to_bytes(2, "big"), sealed))
        if not self._genuine(message, body[length:]):
            return None
        blocks = self._blocks(sealed)
        return None if blocks is None else blocks[0][: blocks[1]]
