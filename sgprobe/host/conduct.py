"""Runs a role's procedure over real links: each effect goes where the outcome comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sgprobe.exchange import Response
from sgprobe.host.directory import Directory
from sgprobe.links.card import CardLink, CardStatus
from sgprobe.links.clock import Clock
from sgprobe.links.https_client import Unreachable
from sgprobe.peers.drive import drive_async
from sgprobe.peers.effects import (
    Card,
    CardFailure,
    Effect,
    LinkFailure,
    Now,
    Post,
    Procedure,
    Refresh,
    Say,
    Wait,
)

T = TypeVar("T")


class Conductor:
    """Knows the links of one role: the network by name, a card, a clock, and who listens."""

    def __init__(
        self,
        directory: Directory,
        clock: Clock,
        card: CardLink | None = None,
        say: Callable[[Say], None] = lambda said: None,
    ) -> None:
        self.directory = directory
        self.clock = clock
        self.card = card
        self._say = say

    async def run(self, procedure: Procedure[T]) -> T:
        """Run a procedure to its end and return what it returns."""
        return await drive_async(procedure, self._outcome)

    async def _outcome(self, effect: Effect) -> Any:
        try:
            return await self._perform(effect)
        except Unreachable as error:
            raise LinkFailure(str(error)) from None
        except CardStatus as error:
            raise CardFailure(error.sw) from None

    async def _perform(self, effect: Any) -> Any:
        match effect:
            case Post(address, request):
                return await self._post(address, request)
            case Card(command):
                return await self._card().command(command)
            case Refresh():
                await self._card().refresh()
            case Wait(seconds):
                await self.clock.sleep(seconds)
            case Now():
                return self.clock.now()
            case Say():
                self._say(effect)
            case _:
                raise AssertionError(f"unknown effect {effect!r}")
        return None

    async def _post(self, address: str, request: Any) -> Response:
        return await self.directory.client(address).ask(request)

    def _card(self) -> CardLink:
        if self.card is None:
            raise CardStatus(0x6F00, "there is no card")
        return self.card
