"""Connection ids in DTLS 1.2: a server knows its client wherever it sends from. RFC 9146.

The library has none. Its handshake carries the extension for us; a record with an id is made of
one of its records, and made into one again, with the keys of the session. Servers send plainly:
a client has one socket, and needs no id.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from OpenSSL import SSL
from OpenSSL._util import ffi as _ffi
from OpenSSL._util import lib as _lib

from dissectors.link.dtls_records import cid_head, plain_head
from dissectors.link.tls_keys import prf
from sgprobe.links.dtls import HEADER, ChainCheck, DtlsSession
from sgprobe.links.flight_fault import records_of
from sgprobe.links.tape import Address

EXTENSION, CID_RECORD = 54, 25  # RFC 9146 §3, §4
# the only suite whose records are remade here
SUITE = "ECDHE-ECDSA-AES128-GCM-SHA256"
LENGTH = 8  # octets of an id that a server gives out
_NUMBER, _KEY, _SALT, _TAG = slice(3, 11), 16, 4, 16
_EXPLICIT = 8  # octets of the nonce that stand in a record. RFC 5288 §3
_ADD = "int(SSL *, unsigned int, unsigned char **, size_t *, int *, void *)"
_PARSE = "int(SSL *, unsigned int, unsigned char *, size_t, int *, void *)"


@dataclass(slots=True, eq=False)
class Ids:
    """The ids of one context's connections, by the library's address of each."""

    server: bool
    given: dict[int, bytes] = field(default_factory=dict)
    _held: list[Any] = field(default_factory=list)
    # what the library reads while it writes a hello
    _octets: Any = None

    def extend(self, context: SSL.Context) -> None:
        """Have the handshakes of a context agree on ids."""
        add, parse = _ffi.callback(_ADD, self._add), _ffi.callback(_PARSE, self._parse)
        self._held += [add, parse]
        known: Any = context
        # it lives as long as the context
        known._connection_ids = self
        null = _ffi.NULL
        extend = (
            _lib.SSL_CTX_add_server_custom_ext
            if self.server
            else (_lib.SSL_CTX_add_client_custom_ext)
        )
        if not extend(known._context, EXTENSION, add, null, null, parse, null):
            raise ValueError("the TLS library agrees on no connection ids")

    def of(self, connection: Any) -> bytes:
        """Return the id of the server of a connection, b"" where none was agreed on."""
        return self.given.get(_place(connection._ssl), b"")

    def _add(self, ssl: Any, kind: int, out: Any, size: Any, alert: Any, argument: Any) -> int:
        own = b""
        if self.server:
            own = self.given.setdefault(_place(ssl), secrets.token_bytes(LENGTH))
        octets = bytes([len(own)]) + own
        self._octets = _ffi.new("unsigned char[]", octets)
        out[0], size[0] = self._octets, len(octets)
        return 1

    def _parse(self, ssl: Any, kind: int, data: Any, size: int, alert: Any, argument: Any) -> int:
        octets = bytes(_ffi.buffer(data, size)) if size else b""
        if not octets or octets[0] != size - 1:
            return 0
        if not self.server and octets[0]:
            self.given[_place(ssl)] = octets[1:]
        return 1


def _place(ssl: Any) -> int:
    return int(_ffi.cast("uintptr_t", ssl))


class CidSession(DtlsSession):
    """An association whose client's records carry the id of the server, if one was agreed on."""

    __slots__ = ("_cipher", "_ids", "_salt", "_server", "cid")

    def __init__(
        self,
        context: SSL.Context,
        server: bool,
        address: Address,
        mtu: int,
        host: str = "",
        check: ChainCheck | None = None,
    ) -> None:
        super().__init__(context, server, address, mtu, host, check)
        known: Any = context
        self._ids: Ids = known._connection_ids
        self._server = server
        self._cipher: AESGCM | None = None
        self._salt = b""
        self.cid = b""

    def receive(self, datagram: bytes) -> list[bytes]:
        """Take a datagram, b"" to begin; return plaintext."""
        if not self._server or not self._agreed():
            return super().receive(datagram)
        plain: list[bytes] = []
        for record in _cut(datagram, len(self.cid)):
            remade = self._opened(record) if record[0] == CID_RECORD else record
            plain += super().receive(remade) if remade else []
        return plain

    def outgoing(self) -> list[bytes]:
        """Return the datagrams to send now."""
        datagrams = super().outgoing()
        if self._server or not self._agreed():
            return datagrams
        return [b"".join(map(self._sealed, records_of(one))) for one in datagrams]

    def forget(self) -> None:
        """Let go of the library's state, and of the id."""
        self._ids.given.pop(_place(self._connection._ssl), None)
        super().forget()

    def _agreed(self) -> bytes:
        self.cid = self.cid or self._ids.of(self._connection)
        return self.cid

    def _keys(self) -> AESGCM | None:
        """Return what protects the client's records, None before there is a master secret."""
        if self._cipher is not None:
            return self._cipher
        one = self._connection
        master, ours, theirs = one.master_key(), one.server_random(), one.client_random()
        if master and ours and theirs and self.cipher in ("", SUITE):
            seed = ours + theirs
            block = prf(master, b"key expansion", seed, 2 * (_KEY + _SALT), "sha256")
            self._cipher, self._salt = AESGCM(block[:_KEY]), block[2 * _KEY : 2 * _KEY + _SALT]
        return self._cipher

    def _sealed(self, record: bytes) -> bytes:
        """Return a record of the library with the id of the server, where it is protected."""
        cipher = self._keys()
        if record[3:5] == b"\0\0" or cipher is None:
            return record
        explicit, sealed = record[HEADER : HEADER + _EXPLICIT], record[HEADER + _EXPLICIT :]
        nonce = self._salt + explicit
        size = (len(sealed) - _TAG).to_bytes(2, "big")
        # content, its type, and no padding. RFC 9146 §4
        inner = cipher.decrypt(nonce, sealed, plain_head(record, 0) + size) + record[:1]
        head = bytes([CID_RECORD]) + record[1:11]
        bound = cid_head(head, 0, self.cid) + len(inner).to_bytes(2, "big")
        body = explicit + cipher.encrypt(nonce, inner, bound)
        return head + self.cid + len(body).to_bytes(2, "big") + body

    def _opened(self, record: bytes) -> bytes:
        """Return a record with an id as the library knows it, b"" where it does not verify."""
        cipher, begin = self._keys(), HEADER + len(self.cid)
        if cipher is None or len(record) < begin + _EXPLICIT + _TAG:
            return b""
        if record[11 : 11 + len(self.cid)] != self.cid:
            return b""
        explicit, sealed = record[begin : begin + _EXPLICIT], record[begin + _EXPLICIT :]
        nonce = self._salt + explicit
        bound = cid_head(record, 0, self.cid) + (len(sealed) - _TAG).to_bytes(2, "big")
        try:
            inner = cipher.decrypt(nonce, sealed, bound).rstrip(b"\0")
        except InvalidTag:
            return b""
        if not inner:
            return b""
        head = inner[-1:] + record[1:11]
        content = inner[:-1]
        plain = plain_head(head, 0) + len(content).to_bytes(2, "big")
        body = explicit + cipher.encrypt(nonce, content, plain)
        return head + len(body).to_bytes(2, "big") + body


def named(datagram: bytes) -> bytes:
    """Return the id in the first record of a datagram, b"" where it has none of ours."""
    is_ours = datagram[:1] == bytes([CID_RECORD]) and len(datagram) > HEADER + LENGTH
    return datagram[11 : 11 + LENGTH] if is_ours else b""


def _cut(datagram: bytes, length: int) -> list[bytes]:
    """Return the records of a datagram, of which some have an id of a length."""
    found, at = [], 0
    while at + HEADER <= len(datagram):
        size = at + 11 + (length if datagram[at] == CID_RECORD else 0)
        end = size + 2 + int.from_bytes(datagram[size : size + 2], "big")
        if end > len(datagram):
            break
        found.append(datagram[at:end])
        at = end
    return found
