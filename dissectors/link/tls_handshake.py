"""Handshake messages of TLS 1.2, TLS 1.3 and DTLS 1.2, read as far as their bytes go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

TLS12, TLS13, DTLS12 = 0x0303, 0x0304, 0xFEFD
_VERSION_NAMES = {
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    TLS12: "TLS 1.2",
    TLS13: "TLS 1.3",
    0xFEFF: "DTLS 1.0",
    DTLS12: "DTLS 1.2",
    0xFEFC: "DTLS 1.3",
}
# IANA "TLS Supported Groups": those of the eSIM certificates, and the common ones
_GROUP_NAMES = {
    23: "secp256r1",
    24: "secp384r1",
    25: "secp521r1",
    26: "brainpoolP256r1",
    27: "brainpoolP384r1",
    28: "brainpoolP512r1",
    29: "x25519",
    30: "x448",
    31: "brainpoolP256r1tls13",
    32: "brainpoolP384r1tls13",
    33: "brainpoolP512r1tls13",
    256: "ffdhe2048",
    257: "ffdhe3072",
    4588: "X25519MLKEM768",
}
# RFC 8446 §4.1.3: the random of a ServerHello that asks for another ClientHello
_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


class Message:
    """Handshake message types that are looked at (IANA "TLS HandshakeType").

    Plain numbers: a comparison with a member of an enumeration costs six times as much.
    """

    HELLO_REQUEST: Final = 0
    CLIENT_HELLO: Final = 1
    SERVER_HELLO: Final = 2
    HELLO_VERIFY_REQUEST: Final = 3
    NEW_SESSION_TICKET: Final = 4
    END_OF_EARLY_DATA: Final = 5
    ENCRYPTED_EXTENSIONS: Final = 8
    CERTIFICATE: Final = 11
    SERVER_KEY_EXCHANGE: Final = 12
    SERVER_HELLO_DONE: Final = 14
    CLIENT_KEY_EXCHANGE: Final = 16
    FINISHED: Final = 20
    KEY_UPDATE: Final = 24


class Extension:
    """Hello extensions that are looked at (IANA "TLS ExtensionType Values")."""

    SERVER_NAME: Final = 0
    SUPPORTED_GROUPS: Final = 10
    ALPN: Final = 16
    ENCRYPT_THEN_MAC: Final = 22
    EXTENDED_MASTER_SECRET: Final = 23
    SESSION_TICKET: Final = 35
    PRE_SHARED_KEY: Final = 41
    EARLY_DATA: Final = 42
    SUPPORTED_VERSIONS: Final = 43
    KEY_SHARE: Final = 51
    CONNECTION_ID: Final = 54


class HandshakeError(ValueError):
    """A handshake message whose lengths do not fit; `offset` counts from its body's start."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text)
        self.offset = offset


def message_name(kind: int) -> str:
    """Return the name of a handshake message type that is looked at."""
    return next((name.lower() for name, n in vars(Message).items() if n == kind), f"type {kind}")


def version_name(version: int) -> str:
    """Return the name of a protocol version, or its number."""
    return _VERSION_NAMES.get(version) or f"0x{version:04X}"


def group_name(group: int) -> str:
    """Return the name of a key exchange group, or its number."""
    return _GROUP_NAMES.get(group) or f"0x{group:04X}"


@dataclass(frozen=True, slots=True)
class ClientHello:
    """A ClientHello: what the client offers."""

    version: int
    random: bytes
    session_id: bytes
    cookie: bytes
    suites: tuple[int, ...]
    extensions: dict[int, bytes]
    server_name: str
    alpn: tuple[str, ...]
    versions: tuple[int, ...]
    groups: tuple[int, ...]
    faults: tuple[HandshakeError, ...]  # extensions that could not be read


@dataclass(frozen=True, slots=True)
class ServerHello:
    """A ServerHello: what the server chose."""

    version: int  # the one that counts, from supported_versions where that stands
    random: bytes
    session_id: bytes
    suite: int
    extensions: dict[int, bytes]
    retry: bool  # a HelloRetryRequest
    faults: tuple[HandshakeError, ...]
    compression: int = 0  # the method chosen; 0 is none


def _vector(data: bytes, start: int, width: int) -> tuple[bytes, int]:
    """Return the bytes of a vector with a length of `width` bytes, and the offset behind it."""
    begin = start + width
    end = begin + int.from_bytes(data[start:begin], "big")
    if begin > len(data) or end > len(data):
        at = min(start, len(data))
        raise HandshakeError(f"a length says more than the {len(data)} bytes there are", at)
    return data[begin:end], end


@lru_cache(maxsize=128)  # clients of one make send the same lists again and again
def _uint16s(data: bytes) -> tuple[int, ...]:
    return tuple([data[i] << 8 | data[i + 1] for i in range(0, len(data) - 1, 2)])


def _text(data: bytes) -> str:
    return data.decode("ascii", "backslashreplace")


def _extensions(
    body: bytes, start: int, faults: list[HandshakeError]
) -> tuple[dict[int, bytes], dict[int, int]]:
    """Return the extensions by type, the first of each, and the offsets of their contents."""
    found: dict[int, bytes] = {}
    offsets: dict[int, int] = {}
    if start == len(body):  # RFC 5246 §7.4.1.2: the whole field may be absent
        return found, offsets
    end = start + 2 + int.from_bytes(body[start : start + 2], "big")
    size = len(body)
    if end != size:
        faults.append(HandshakeError("the extensions do not end where the message ends", start))
    at = start + 2
    while at + 4 <= size:
        begin = at + 4
        kind = body[at] << 8 | body[at + 1]
        at = begin + (body[at + 2] << 8 | body[at + 3])
        if kind not in found:
            found[kind] = body[begin:at]
            offsets[kind] = begin
    if at != size:
        faults.append(HandshakeError("an extension ends behind the message", size))
    return found, offsets


@lru_cache(maxsize=128)
def _server_name(data: bytes) -> str:
    names, _ = _vector(data, 0, 2)
    at = 0
    while at < len(names):
        name, behind = _vector(names, at + 1, 2)
        if names[at] == 0:  # RFC 6066 §3: host_name
            return _text(name)
        at = behind
    return ""


@lru_cache(maxsize=128)
def _protocols(data: bytes) -> tuple[str, ...]:
    names, _ = _vector(data, 0, 2)
    found = []
    at = 0
    while at < len(names):
        name, at = _vector(names, at, 1)
        found.append(_text(name))
    return tuple(found)


def read_client_hello(body: bytes, dtls: bool = False) -> ClientHello:
    """Read a ClientHello; broken extensions are listed in it, a broken start raises."""
    if len(body) < 35:
        raise HandshakeError(f"a ClientHello has at least 35 bytes, not {len(body)}", 0)
    session_id, at = _vector(body, 34, 1)
    cookie = b""
    if dtls:
        cookie, at = _vector(body, at, 1)
    suites, at = _vector(body, at, 2)
    _, at = _vector(body, at, 1)  # compression methods
    faults: list[HandshakeError] = []
    extensions, offsets = _extensions(body, at, faults)
    version = body[0] << 8 | body[1]
    name = ""
    alpn: tuple[str, ...] = ()
    versions: tuple[int, ...] = (version,)
    groups: tuple[int, ...] = ()
    kind = 0
    try:
        if (value := extensions.get(kind := Extension.SERVER_NAME)) is not None:
            name = _server_name(value)
        if (value := extensions.get(kind := Extension.ALPN)) is not None:
            alpn = _protocols(value)
        if (value := extensions.get(kind := Extension.SUPPORTED_VERSIONS)) is not None:
            versions = _uint16s(_vector(value, 0, 1)[0])
        if (value := extensions.get(kind := Extension.SUPPORTED_GROUPS)) is not None:
            groups = _uint16s(_vector(value, 0, 2)[0])
    except HandshakeError as fault:
        faults.append(HandshakeError(f"extension {kind}: {fault}", offsets[kind] + fault.offset))
    return ClientHello(
        version,
        body[2:34],
        session_id,
        cookie,
        _uint16s(suites),
        extensions,
        name,
        alpn,
        versions,
        groups,
        tuple(faults),
    )


def read_server_hello(body: bytes) -> ServerHello:
    """Read a ServerHello or HelloRetryRequest."""
    if len(body) < 38:
        raise HandshakeError(f"a ServerHello has at least 38 bytes, not {len(body)}", 0)
    session_id, at = _vector(body, 34, 1)
    if at + 3 > len(body):
        raise HandshakeError("the ServerHello ends before its cipher suite", at)
    faults: list[HandshakeError] = []
    extensions, _ = _extensions(body, at + 3, faults)
    version = body[0] << 8 | body[1]
    chosen = extensions.get(Extension.SUPPORTED_VERSIONS, b"")
    if len(chosen) == 2:
        version = chosen[0] << 8 | chosen[1]
    random = body[2:34]
    suite = body[at] << 8 | body[at + 1]
    return ServerHello(
        version,
        random,
        session_id,
        suite,
        extensions,
        random == _RETRY_RANDOM,
        tuple(faults),
        body[at + 2],
    )


def read_encrypted_extensions(body: bytes) -> dict[int, bytes]:
    """Read the extensions of a TLS 1.3 EncryptedExtensions message by type."""
    faults: list[HandshakeError] = []
    extensions, _ = _extensions(body, 0, faults)
    if faults:
        raise faults[0]
    return extensions


def read_alpn_choice(extensions: dict[int, bytes]) -> str:
    """Return the one protocol that a server chose, or nothing."""
    value = extensions.get(Extension.ALPN)
    names = _protocols(value) if value is not None else ()
    return names[0] if names else ""


def read_certificates(body: bytes, tls13: bool) -> tuple[bytes, ...]:
    """Return the DER certificates of a Certificate message, the peer's own first."""
    at = 0
    if tls13:
        _, at = _vector(body, 0, 1)  # RFC 8446 §4.4.2: certificate_request_context
    _, end = _vector(body, at, 3)
    at += 3
    found = []
    while at < end:
        certificate, at = _vector(body, at, 3)
        found.append(certificate)
        if tls13:
            _, at = _vector(body, at, 2)
    return tuple(found)


def read_ticket(body: bytes) -> bytes:
    """Return the ticket of a TLS 1.2 NewSessionTicket (RFC 5077 §3.3)."""
    return _vector(body, 4, 2)[0]


def read_psk_identity(body: bytes) -> bytes:
    """Return the identity in the ClientKeyExchange of a PSK suite (RFC 4279 §2)."""
    return _vector(body, 0, 2)[0]


def read_named_curve(body: bytes) -> int:
    """Return the group of an ECDHE ServerKeyExchange (RFC 8422 §5.4), or 0."""
    return body[1] << 8 | body[2] if len(body) > 3 and body[0] == 3 else 0


def read_server_point(body: bytes) -> bytes:
    """Return the public key of an ECDHE ServerKeyExchange (RFC 8422 §5.4), or nothing."""
    return body[4 : 4 + body[3]] if len(body) > 4 and body[0] == 3 else b""


class MessageCutter:
    """Cuts handshake messages out of the records of one direction, in bounded memory."""

    __slots__ = ("_buffer", "_skip", "overlong")
    MAX_LENGTH = 1 << 17  # OpenSSL and others take certificate chains up to 100 KiB

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip = 0
        self.overlong = 0  # declared length of a message that is being passed over

    def clear(self) -> None:
        """Forget a message that has begun."""
        self._buffer.clear()
        self._skip = self.overlong = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (type, body) of each message that `data` completes; headers are RFC 8446 §4."""
        if self._skip:
            step = min(self._skip, len(data))
            self._skip -= step
            data = data[step:]
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need():
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        at = 0
        while len(data) - at >= 4:
            length = int.from_bytes(data[at + 1 : at + 4], "big")
            end = at + 4 + length
            if length > self.MAX_LENGTH:
                self.overlong = length
                self._skip = max(0, end - len(data))
                at = min(end, len(data))
                continue
            if end > len(data):
                break
            yield data[at], data[at + 4 : end]
            at = end
        self._buffer += data[at:]

    def _need(self) -> int:
        if len(self._buffer) < 4:
            return 4
        return 4 + int.from_bytes(self._buffer[1:4], "big")
