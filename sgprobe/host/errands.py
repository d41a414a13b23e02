"""What a role does by itself when its time has come, such as a notification tried once more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from sgprobe.exchange import Request, Response
from sgprobe.host.conduct import Conductor
from sgprobe.host.serve import Handler
from sgprobe.peers.effects import Procedure


class Errant(Protocol):
    """A role with errands: the eIM."""

    def errand_at(self) -> float | None:
        """Return when the next errand is due, None where there is none."""

    def errands(self) -> Procedure[int]:
        """Do what is due."""


class Errands:
    """Runs the errands of a role by its clock, for as long as there are any."""

    def __init__(self, role: Errant, conductor: Conductor) -> None:
        self._role = role
        self._conductor = conductor
        self._task: asyncio.Task[None] | None = None

    def serving(self, handler: Handler) -> Handler:
        """Return a handler after each of whose answers is looked at what is left to do."""

        async def handled(request: Request, caller: Any) -> Response:
            async with self.around():
                return await handler(request, caller)

        return handled

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """Look, after something was done, at what is left to do."""
        try:
            yield
        finally:
            self.wake()

    def wake(self) -> None:
        """Wait for the next errand, where there is one and nobody waits."""
        idle = self._task is None or self._task.done()
        if idle and self._role.errand_at() is not None:
            self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        clock = self._conductor.clock
        while (due := self._role.errand_at()) is not None:
            await clock.sleep(due - clock.now())
            await self._conductor.run(self._role.errands())

    async def stop(self) -> None:
        """Leave what is not done to a later run."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
