"""Puts a role behind a listener: what it answers at once, and what it must ask others for first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sgprobe.crypto.pki import Credential
from sgprobe.exchange import Request, Response
from sgprobe.host.conduct import Conductor
from sgprobe.host.ownership import with_client
from sgprobe.links.clock import Clock
from sgprobe.links.fault import FaultPlan
from sgprobe.links.tape import Address
from sgprobe.links.tls import Identity
from sgprobe.peers.effects import Procedure

# whoever asks is a TLS session or a UDP address
Handler = Callable[[Request, Any], Awaitable[Response]]


class CannotListen(Exception):
    """The place of a listener is somebody else's, or there is no such place here."""


class Listener(Protocol):
    """Whatever begins to listen."""

    async def start(self) -> None:
        """Begin to listen."""


async def listen(server: Listener, place: Address) -> None:
    """Have a server begin to listen; raises CannotListen with the place and the cause."""
    try:
        await server.start()
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno else str(error)
        raise CannotListen(f"cannot listen at {place[0]}:{place[1]}: {cause}") from error


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
        return await conductor.run(role.answer(with_client(request, caller)))

    return handler


def faulty(handler: Handler, faults: FaultPlan, clock: Clock) -> Handler:
    """Return what commits faults where CoAP is spoken: late, with another code, or not at all.

    CoAP has no connection that could break: an answer that is cut, reset or silent does not come.
    """
    number = 0

    async def handled(request: Request, caller: Any) -> Response:
        nonlocal number
        number += 1
        fault = faults(request, number)
        if fault is None:
            return await handler(request, caller)
        if fault.reset:
            await asyncio.get_running_loop().create_future()
        response = await handler(request, caller)
        if fault.delay:
            await clock.sleep(fault.delay)
        if fault.silence or fault.cut is not None:
            await asyncio.get_running_loop().create_future()
        status = response.status if fault.status is None else fault.status
        return Response(status, response.media, response.body, response.headers)

    return handled


def url(scheme: str, address: Address) -> str:
    """Return the URL of a listener."""
    host, port = address
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def identity(credential: Credential) -> Identity:
    """Return a credential of the test PKI as a TLS link takes it."""
    return Identity(tuple(one.der for one in credential.path), credential.key)
