"""A TLS 1.2 and DTLS 1.2 record layer of the tests' own, for what OpenSSL does not send.

Written from RFC 5246, 5288, 6347, 6655, 7366, 7905 and 9146; it shares no code with the product,
so that an error would have to be made twice.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

# suite: cipher, key bytes, MAC hash, PRF hash
SUITES = {
    0xC0AE: ("ccm8", 16, "", "sha256"),
    0xC0AF: ("ccm8", 32, "", "sha256"),
    0xC0AC: ("ccm", 16, "", "sha256"),
    0xC02B: ("gcm", 16, "", "sha256"),
    0xC02C: ("gcm", 32, "", "sha384"),
    0xCCA9: ("chacha", 32, "", "sha256"),
    0xC009: ("cbc", 16, "sha1", "sha256"),
    0xC023: ("cbc", 16, "sha256", "sha256"),
    0xC024: ("cbc", 32, "sha384", "sha384"),
    0xC0A8: ("ccm8", 16, "", "sha256"),
}


def p_hash(secret: bytes, seed: bytes, size: int, name: str) -> bytes:
    """RFC 5246 §5, written as the formula stands there: A(i) recomputed for every block."""

    def a(i: int) -> bytes:
        return seed if i == 0 else hmac.new(secret, a(i - 1), name).digest()

    blocks = (size + hashlib.new(name).digest_size - 1) // hashlib.new(name).digest_size
    out = [hmac.new(secret, a(i) + seed, name).digest() for i in range(1, blocks + 1)]
    return b"".join(out)[:size]


def vector(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data


def extensions(items: dict[int, bytes]) -> bytes:
    return vector(b"".join(struct.pack("!H", k) + vector(v, 2) for k, v in items.items()), 2)


def client_hello(
    random: bytes,
    suites: list[int],
    items: dict[int, bytes],
    *,
    version: int = 0xFEFD,
    session_id: bytes = b"",
    cookie: bytes | None = b"",
) -> bytes:
    body = struct.pack("!H", version) + random + vector(session_id, 1)
    if cookie is not None:
        body += vector(cookie, 1)
    body += vector(b"".join(struct.pack("!H", s) for s in suites), 2) + b"\x01\x00"
    return body + extensions(items)


def server_hello(
    random: bytes,
    suite: int,
    items: dict[int, bytes],
    *,
    version: int = 0xFEFD,
    session_id: bytes = b"",
) -> bytes:
    body = struct.pack("!H", version) + random + vector(session_id, 1)
    return body + struct.pack("!HB", suite, 0) + extensions(items)


class Forge:
    """Both ends of one session whose secrets the test chooses."""

    def __init__(
        self,
        suite: int,
        *,
        dtls: bool = True,
        etm: bool = False,
        cids: tuple[bytes, bytes] | None = None,
        seed: bytes = b"0",
        session_id: bytes = b"",
        ticket: bytes | None = None,
        echo: bool = False,
        master: bytes | None = None,
        ems: bool = False,
    ) -> None:
        self.suite, self.dtls, self.etm, self.cids = suite, dtls, etm, cids
        self.client_random = hashlib.sha256(b"client" + seed).digest()
        self.server_random = hashlib.sha256(b"server" + seed).digest()
        self.master = master or hashlib.sha384(b"master" + seed).digest()
        self.session_id, self.ticket, self.echo, self.ems = session_id, ticket, echo, ems
        self.wrong_padding = 0
        self.more_client_items: dict[int, bytes] = {}
        self.numbers: dict[tuple[int, int], int] = {}
        self.messages = [0, 0]
        self.sent: tuple[list[bytes], list[bytes]] = ([], [])
        cipher, key, mac, prf = SUITES[suite]
        mac_size = hashlib.new(mac).digest_size if mac else 0
        iv = {"cbc": 0, "chacha": 12}.get(cipher, 4)
        material = p_hash(
            self.master,
            b"key expansion" + self.server_random + self.client_random,
            2 * (mac_size + key + iv),
            prf,
        )
        cuts = [mac_size, mac_size, key, key, iv, iv]
        pieces = []
        for size in cuts:
            pieces.append(material[:size])
            material = material[size:]
        self.mac_keys, self.keys, self.ivs = pieces[0:2], pieces[2:4], pieces[4:6]

    @property
    def keylog(self) -> bytes:
        return b"CLIENT_RANDOM %s %s\n" % (
            self.client_random.hex().encode(),
            self.master.hex().encode(),
        )

    # -- clear records

    def next_number(self, side: int, epoch: int) -> int:
        number = self.numbers.get((side, epoch), 0)
        self.numbers[side, epoch] = number + 1
        return number

    def clear(self, side: int, kind: int, content: bytes, version: int = 0) -> bytes:
        number = self.next_number(side, 0)
        if not self.dtls:
            return struct.pack("!BH", kind, version or 0x0303) + vector(content, 2)
        head = struct.pack("!BHQ", kind, version or 0xFEFD, number)
        return head + vector(content, 2)

    def message(self, side: int, kind: int, body: bytes) -> bytes:
        """A handshake message with its header, in one fragment."""
        head = bytes([kind]) + len(body).to_bytes(3, "big")
        if self.dtls:
            sequence = self.messages[side]
            self.messages[side] += 1
            head += struct.pack("!H", sequence) + bytes(3) + len(body).to_bytes(3, "big")
        return head + body

    def fragments(self, message: bytes, size: int) -> list[bytes]:
        """Cut a whole DTLS handshake message into fragments of `size` bytes."""
        head, body = message[:12], message[12:]
        out = []
        for at in range(0, len(body), size):
            part = body[at : at + size]
            out.append(head[:6] + at.to_bytes(3, "big") + len(part).to_bytes(3, "big") + part)
        return out

    def client_items(self) -> dict[int, bytes]:
        items = {0: vector(b"\x00" + vector(b"eim.example", 2), 2), 10: vector(b"\x00\x17", 2)}
        if self.etm:
            items[22] = b""
        if self.ems:
            items[23] = b""
        if self.ticket is not None:
            items[35] = self.ticket
        if self.cids is not None:
            items[54] = vector(self.cids[1], 1)  # what the server's records shall carry
        return {**items, **self.more_client_items}

    def server_items(self) -> dict[int, bytes]:
        items = {}
        if self.etm:
            items[22] = b""
        if self.ems:
            items[23] = b""
        if self.cids is not None:
            items[54] = vector(self.cids[0], 1)
        return items

    def hello(self, cookie: bytes = b"") -> bytes:
        body = client_hello(
            self.client_random,
            [self.suite],
            self.client_items(),
            version=0xFEFD if self.dtls else 0x0303,
            session_id=self.session_id,
            cookie=cookie if self.dtls else None,
        )
        return self.message(0, 1, body)

    def answer(self, session_id: bytes = b"") -> bytes:
        body = server_hello(
            self.server_random,
            self.suite,
            self.server_items(),
            version=0xFEFD if self.dtls else 0x0303,
            session_id=self.session_id if self.echo else session_id,
        )
        return self.message(1, 2, body)

    def handshake(
        self, *, cookie: bool = False, session_id: bytes = b""
    ) -> list[tuple[int, bytes]]:
        """The wire of a handshake: (side, datagram or segment)."""
        wire = [(0, self.clear(0, 22, self.hello()))]
        if cookie:
            verify = self.message(1, 3, b"\xfe\xff" + vector(b"cookie", 1))
            wire += [(1, self.clear(1, 22, verify)), (0, self.clear(0, 22, self.hello(b"cookie")))]
        flight = self.clear(1, 22, self.answer(session_id))
        if self.echo:
            flight += self.clear(1, 20, b"\x01") + self.seal(1, 22, self.message(1, 20, bytes(12)))
            wire.append((1, flight))
            last = self.clear(0, 20, b"\x01") + self.seal(0, 22, self.message(0, 20, bytes(12)))
            wire.append((0, last))
            return wire
        flight += self.clear(1, 22, self.message(1, 14, b""))
        wire.append((1, flight))
        exchange = vector(b"device-7", 2) if self.suite == 0xC0A8 else vector(bytes(65), 1)
        last = self.clear(0, 22, self.message(0, 16, exchange))
        last += self.clear(0, 20, b"\x01") + self.seal(0, 22, self.message(0, 20, bytes(12)))
        wire.append((0, last))
        flight = self.clear(1, 20, b"\x01") + self.seal(1, 22, self.message(1, 20, bytes(12)))
        wire.append((1, flight))
        return wire

    # -- protected records

    def data(self, side: int, content: bytes, **options: int) -> bytes:
        self.sent[side].append(content)
        return self.seal(side, 23, content, **options)

    def seal(
        self,
        side: int,
        kind: int,
        content: bytes,
        *,
        epoch: int = 1,
        number: int = -1,
        padding: int = 0,
        cid: bool = True,
    ) -> bytes:
        if number < 0:
            number = self.next_number(side, epoch)
        sequence = struct.pack("!Q", (epoch << 48 if self.dtls else 0) | number)
        version = b"\xfe\xfd" if self.dtls else b"\x03\x03"
        name = self.cids[side] if self.cids is not None and cid else b""
        if name:
            content = content + bytes([kind]) + bytes(padding)
            kind = 25
            start = b"\xff" * 8 + bytes([25, len(name), 25]) + version + sequence + name
        else:
            start = sequence + bytes([kind]) + version
        body = self._protect(side, start, sequence, content)
        head = bytes([kind]) + version + (sequence if self.dtls else b"") + name
        return head + vector(body, 2)

    def _protect(self, side: int, start: bytes, sequence: bytes, content: bytes) -> bytes:
        cipher, _, mac, _ = SUITES[self.suite]
        key, iv = self.keys[side], self.ivs[side]
        start_and_length = start + struct.pack("!H", len(content))
        if cipher == "cbc":
            return self._protect_cbc(side, start, content, mac)
        if cipher == "chacha":
            nonce = bytes(x ^ y for x, y in zip(iv, bytes(4) + sequence, strict=True))
            return ChaCha20Poly1305(key).encrypt(nonce, content, start_and_length)
        if cipher == "gcm":
            seal = AESGCM(key).encrypt
        else:
            seal = AESCCM(key, tag_length=8 if cipher == "ccm8" else 16).encrypt
        explicit = hashlib.sha256(sequence).digest()[:8]  # any nonce will do, not only a counter
        return explicit + seal(iv + explicit, content, start_and_length)

    def _protect_cbc(self, side: int, start: bytes, content: bytes, mac: str) -> bytes:
        vector_in = hashlib.sha256(start).digest()[:16]

        def tag(data: bytes) -> bytes:
            length = struct.pack("!H", len(data))
            return hmac.new(self.mac_keys[side], start + length + data, mac).digest()

        inside = content if self.etm else content + tag(content)
        pad = 15 - len(inside) % 16 + 16  # more than is needed, as RFC 5246 §6.2.3.2 allows
        blocks = inside + bytes([pad ^ self.wrong_padding]) * pad + bytes([pad])
        encryptor = Cipher(algorithms.AES(self.keys[side]), modes.CBC(vector_in)).encryptor()
        sealed = vector_in + encryptor.update(blocks) + encryptor.finalize()
        return sealed + tag(sealed) if self.etm else sealed
