"""What an operator does with the process of a served role: its clock, a restart, a look inside."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from sgprobe.exchange import Request, Response
from sgprobe.host.json_answers import read_object, told
from sgprobe.host.moved_clock import MovedClock
from sgprobe.host.serve import Handler
from sgprobe.peers.store import Store

CLOCK, RESTART, STORE = "/operator/clock", "/operator/restart", "/operator/store"
# from 1970 to 2200
_LATEST = 7_258_118_400


class Upkeep:
    """Answers at three paths of the operator interface, and leaves all others to a handler.

    `POST /operator/clock` takes `{"advance": SECONDS}` or `{"set": EPOCH}`, `POST
    /operator/restart` begins anew with what is stored, `POST /operator/store` takes
    `{"octets": HEX}` and says whether they stand in a record.
    """

    def __init__(self, clock: MovedClock, store: Store, restart: Callable[[], None]) -> None:
        self._clock = clock
        self._store = store
        self._acts = {CLOCK: self._move, RESTART: lambda body: _restarted(restart),
                      STORE: self._search}  # fmt: skip

    def before(self, handler: Handler) -> Handler:
        """Return a handler that answers here first."""

        async def handled(request: Request, caller: Any) -> Response:
            act = self._acts.get(request.path)
            if act is None:
                return await handler(request, caller)
            if request.method != "POST":
                return told(405, {"error": "the method is POST"})
            try:
                return told(200, act(read_object(request.body)))
            except ValueError as error:
                return told(400, {"error": str(error)})

        return handled

    def _move(self, body: dict[str, Any]) -> dict[str, Any]:
        advance, to = body.get("advance"), body.get("set")
        given = advance if to is None else to
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise ValueError("expected a number as advance or set")
        now = float(given) + (self._clock.now() if to is None else 0.0)
        if not 0 <= now <= _LATEST:
            raise ValueError("expected a time between 1970 and 2200")
        self._clock.set(now)
        return {"now": now}

    def _search(self, body: dict[str, Any]) -> dict[str, Any]:
        given = body.get("octets")
        wanted = bytes.fromhex(given) if isinstance(given, str) else b""
        if not wanted:
            raise ValueError("expected octets in hex")
        for key in self._store.keys(""):
            if any(wanted in octets for octets in _octets(self._store.get(key))):
                return {"found": True, "where": key}
        return {"found": False}


def _restarted(restart: Callable[[], None]) -> dict[str, Any]:
    restart()
    return {}


def _octets(record: Any) -> Iterator[bytes]:
    """Walk what the texts of a record stand for: themselves, hex, base64."""
    if isinstance(record, dict):
        for key, value in record.items():
            yield from _octets(key)
            yield from _octets(value)
    elif isinstance(record, list):
        for value in record:
            yield from _octets(value)
    elif isinstance(record, str):
        yield record.encode()
        try:
            yield bytes.fromhex(record)
        except ValueError:
            pass  # no hex
        try:
            yield base64.b64decode(record, validate=True)
        except (binascii.Error, ValueError):
            pass  # no base64
