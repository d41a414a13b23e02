"""Who asks a server: where it is, and what it has shown in its handshake."""

from __future__ import annotations

from typing import Protocol

from cryptography import x509

from sgprobe.links.tape import Address


class Secured(Protocol):
    """A TLS or DTLS session."""

    @property
    def peer_chain(self) -> list[x509.Certificate]:
        """The certificates that the other side has sent, leaf first."""


class Caller:
    """What a handler may know of the connection that a request came on."""

    __slots__ = ("address", "session")

    def __init__(self, address: Address, session: Secured | None) -> None:
        self.address = address
        self.session = session
