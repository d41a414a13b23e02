"""TLS and DTLS sessions for captures, between OpenSSL's ends, with the certificates of our PKI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capture_bodies import VECTORS
from capture_http import Send
from capture_wire import Address, Talk, Wire
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from tls_endpoints import Log, Pair, context

EIM_NAME = "eim.example.com"
V12, V13 = SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION
CURVES = {"p256": "P-256", "brainpool": "brainpoolP256r1"}


def contexts(
    log: Log | None,
    *,
    curve: str = "p256",
    party: str = "eim-tls",
    certificate: bool = True,
    **options: Any,
) -> tuple[SSL.Context, SSL.Context]:
    """Return the contexts of client and server; the server has a certificate of the PKI."""
    options.setdefault("groups", CURVES[curve])
    client = context(server=False, log=None, **options)
    server = context(server=True, log=log, **options)
    if certificate:
        folder = VECTORS / "pki" / curve
        own = (folder / f"{party}.cert.pem").read_bytes()
        server.use_certificate(x509.load_pem_x509_certificate(own))
        key = (folder / f"{party}.key.pem").read_bytes()
        server.use_privatekey(serialization.load_pem_private_key(key, None))
    return client, server


class Secured:
    """A TLS session on a TCP connection; `send` is what HTTP speaks through."""

    def __init__(self, talk: Talk, pair: Pair) -> None:
        self.talk = talk
        self.pair = pair
        self._done = 0
        pair.pump()
        assert not pair.errors, pair.errors
        self.flush()

    def flush(self) -> None:
        for side, chunk in self.pair.wire[self._done :]:
            self.talk.data(side, chunk)
        self._done = len(self.pair.wire)

    def send(self, side: int, data: bytes) -> None:
        """Send application bytes of a side, and put the records on the wire."""
        for at in range(0, len(data), 16_000):
            self.pair.send(side, data[at : at + 16_000])
        assert not self.pair.errors, self.pair.errors
        self.flush()

    def close(self) -> None:
        self.pair.close()
        self.flush()
        self.talk.close()


def tls(
    wire: Wire,
    contexts_: tuple[SSL.Context, SSL.Context],
    client: Address = ("10.0.0.2", 49152),
    server: Address = ("10.0.0.5", 443),
    **more: Any,
) -> Secured:
    """Open a TLS session over a new TCP connection."""
    pair = Pair(*contexts_, name=EIM_NAME, **more)
    return Secured(wire.connect(client, server), pair)


def dtls(
    wire: Wire,
    contexts_: tuple[SSL.Context, SSL.Context],
    seen: Sequence[tuple[float, int, bytes]],
    client: Address = ("10.0.0.2", 49152),
    server: Address = ("10.0.0.5", 5684),
    **more: Any,
) -> Pair:
    """Open a DTLS session and carry the datagrams of CoAP in it."""
    pair = Pair(*contexts_, dtls=True, name=EIM_NAME, **more)
    ends = (client, server)

    def flush(done: int) -> int:
        for side, chunk in pair.wire[done:]:
            wire.datagram(ends[side], ends[1 - side], chunk)
        return len(pair.wire)

    pair.pump()
    assert not pair.errors, pair.errors
    done = flush(0)
    start = wire.now
    for at, side, data in seen:
        wire.now = max(wire.now, start + int(at * 1e9))
        pair.send(side, data)
        done = flush(done)
    pair.close()
    flush(done)
    return pair


def over(secured: Secured) -> Send:
    """Return what an HTTP exchange writes through."""
    return secured.send
