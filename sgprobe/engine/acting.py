"""An IPA under test acts: it is heard while its operator still waits for the end of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.engine.end import Command, Serve
from sgprobe.engine.outcome import Declined
from sgprobe.exchange import Request, Response

# seconds until the next step, where the IPA is silent and its operator has not come back
_BEGUN = 2.0
# a trigger may last as long as the item
LASTING = 3600.0


class Acting:
    """What a product is doing at the request of a case."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[dict[str, Value]]] = set()
        self._spoken = asyncio.Event()
        # what kept the operator from making the product act, where it never spoke
        self.declined: Declined | None = None

    def hearing(self, serve: Serve) -> Serve:
        """Return what serves the product, and notes that it has spoken."""

        async def served(
            role: str, request: Request, answer: Callable[[], Awaitable[Response]]
        ) -> Response:
            self._spoken.set()
            return await serve(role, request, answer)

        return served

    def noting(self, heard: Command) -> Command:
        """Return what hears the card, and notes that the product has asked it."""

        def noted(command: bytes, answer: Callable[[bytes], bytes]) -> bytes:
            self._spoken.set()
            return heard(command, answer)

        return noted

    async def begin(self, action: Coroutine[Any, Any, dict[str, Value]]) -> dict[str, Value]:
        """Set something going, and go on once the product speaks, or nothing more will come."""
        self._spoken.clear()
        acting = asyncio.ensure_future(action)
        spoken = asyncio.ensure_future(self._spoken.wait())
        self._tasks.add(acting)
        await asyncio.wait({acting, spoken}, timeout=_BEGUN, return_when=asyncio.FIRST_COMPLETED)
        spoken.cancel()
        if not acting.done():
            acting.add_done_callback(self._over)
            return {}
        if isinstance(acting.exception(), Declined) and self._spoken.is_set():
            # it did act: what came of that the case judges
            self._over(acting)
            return {}
        self._tasks.discard(acting)
        return acting.result()

    def _over(self, acting: asyncio.Task[dict[str, Value]]) -> None:
        """Note why an action came to nothing, once it is over."""
        self._tasks.discard(acting)
        error = None if acting.cancelled() else acting.exception()
        if error is None:
            return
        self._log(f"{type(error).__name__}: {error}")
        if isinstance(error, Declined) and not self._spoken.is_set():
            self.declined = error

    async def stop(self) -> None:
        """End what still goes on."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
