"""Bare TLS connections to a server: a handshake, with or without a fault, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sgprobe.cases.match import Unresolved
from sgprobe.engine.end import offering
from sgprobe.host.directory import Directory
from sgprobe.links.handshake_fault import (
    Spoil,
    hello_alone,
    in_records,
    offering_compression,
    spoiler,
)
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.tls import TlsSettings

MOST = 500
# how long servers get to answer a client that has left, in real time
_LEAVING = 0.3


class Connecting:
    """Makes connections, and holds those that clients have left open."""

    def __init__(self) -> None:
        self._left: list[asyncio.Task[str]] = []

    async def connect(self, directory: Directory, url: str, told: Mapping[str, Any]) -> str:
        """Make connections as a step says; return what became of them."""
        copies = int(told.get("copies", 1))
        if not 1 <= copies <= MOST:
            raise Unresolved(f"a step makes 1 to {MOST} connections, not {copies}")
        if "leave" in told:
            client = _client(directory, url, told)
            tasks = [asyncio.ensure_future(_greeted(client, stay=True)) for _ in range(copies)]
            self._left += tasks
            with directory.clock.hold():
                # nobody's patience ends meanwhile
                await asyncio.wait(tasks, timeout=_LEAVING)
            return f"{sum(not one.done() for one in tasks)} of {copies} left open"
        # a fault counts the flights of one connection
        clients = [_client(directory, url, told) for _ in range(copies)]
        outcomes = await asyncio.gather(*(_greeted(one) for one in clients))
        return "; ".join(dict.fromkeys(outcomes))

    async def close(self) -> None:
        """Close what was left open."""
        for task in self._left:
            task.cancel()
        await asyncio.gather(*self._left, return_exceptions=True)
        self._left.clear()


async def _greeted(client: HttpsClient, *, stay: bool = False) -> str:
    try:
        await client.greet(stay=stay)
    except Unreachable as error:
        return str(error)
    return "the handshake is done"


def _client(directory: Directory, url: str, told: Mapping[str, Any]) -> HttpsClient:
    try:
        return directory.bare(url, partial(_offering, told), _spoil(told))
    except Unreachable as error:
        raise Unresolved(str(error)) from None


def _offering(told: Mapping[str, Any], settings: TlsSettings) -> TlsSettings:
    made = offering(settings, dict(told))
    if "trusts" not in told:
        return made
    try:
        named = bytes.fromhex(str(told["trusts"]))
    except ValueError:
        raise Unresolved(f"trusts: {str(told['trusts'])[:40]} is no hex") from None
    # what the server shows is looked at, whoever has issued it
    return replace(made, hints=(named,), verify=False)


def _spoil(told: Mapping[str, Any]) -> Spoil | None:
    """Return what the client does to its own flights."""
    if "leave" in told:
        return hello_alone
    if "compression" in told:
        return offering_compression
    if "record" in told:
        return in_records(int(told["record"]))
    if "fault" not in told:
        return None
    try:
        return spoiler(str(told["fault"]))
    except ValueError:
        raise Unresolved(f"{told['fault']} is no fault of a handshake") from None
