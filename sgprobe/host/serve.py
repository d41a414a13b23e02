"""Puts a role behind a listener: what it answers at once, and what it must ask others for first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sgprobe.crypto.pki import Credential
from sgprobe.exchange import Request, Response
from sgprobe.host.conduct import Conductor
from sgprobe.links.clock import Clock
from sgprobe.links.tls import Identity
from sgprobe.peers.effects import Procedure

# whoever asks (a TLS session, a UDP address) is not part of any answer of these roles
Handler = Callable[[Request, Any], Awaitable[Response]]


class Prompt(Protocol):
    """A role that answers at once: SM-DP+, SM-DS."""

    def answer(self, request: Request, now: float) -> Response:
        """Answer one request."""


class Thoughtful(Protocol):
    """A role that may ask others before it answers: the eIM, an IPA that serves injection."""

    def answer(self, request: Request) -> Procedure[Response]:
        """Answer one request."""


def prompt(role: Prompt, clock: Clock) -> Handler:
    """Return what serves a role that needs nothing but the time."""

    async def handler(request: Request, caller: Any) -> Response:
        return role.answer(request, clock.now())

    return handler


def thoughtful(role: Thoughtful, conductor: Conductor) -> Handler:
    """Return what serves a role whose answers are procedures."""

    async def handler(request: Request, caller: Any) -> Response:
        return await conductor.run(role.answer(request))

    return handler


def identity(credential: Credential) -> Identity:
    """Return a credential of the test PKI as a TLS link takes it."""
    return Identity(tuple(one.der for one in credential.path), credential.key)
