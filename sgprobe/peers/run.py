"""Runs procedures of roles in memory: no sockets, a clock that jumps, a card that is an object.

Tests and benchmarks stand on it; the host runs the same procedures over real links.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from sgprobe.peers.drive import drive
from sgprobe.peers.effects import (
    Card,
    CardFailure,
    Effect,
    LinkFailure,
    Now,
    Post,
    Procedure,
    Refresh,
    Request,
    Response,
    Say,
    Wait,
)
from sgprobe.peers.euicc.euicc import Euicc

T = TypeVar("T")
# what answers at an address
Handler: TypeAlias = Callable[[Request], Procedure[Response]]


class Timed(Protocol):
    """A role that answers at once, given the time."""

    def answer(self, request: Request, now: float) -> Response:
        """Answer one request."""


def timed(role: Timed) -> Handler:
    """Return what answers for a role that needs nothing but the time (SM-DP+, SM-DS)."""

    def handler(request: Request) -> Procedure[Response]:
        now = yield Now()
        return role.answer(request, now)

    return handler


class Slot(Protocol):
    """Where a card is in: commands, and the reset after a REFRESH."""

    def command(self, command: bytes, now: float) -> bytes:
        """Return the answer to a command; CardFailure has the status word of a refusal."""

    def refresh(self, now: float) -> None:
        """Do what the card's REFRESH asks for."""


class EuiccSlot:
    """An eUICC in memory, spoken to by command TLVs."""

    def __init__(self, euicc: Euicc) -> None:
        self.euicc = euicc

    def command(self, command: bytes, now: float) -> bytes:
        return self.euicc.command(command, now)

    def refresh(self, now: float) -> None:
        if self.euicc.refresh_pending:
            self.euicc.refresh_done(True, now)
        self.euicc.reset()


class Clock:
    """A clock that moves only when somebody waits."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now


class Driver:
    """Runs procedures: posts go to handlers by address, card commands to the slot."""

    def __init__(
        self,
        handlers: Mapping[str, Handler] | None = None,
        slot: Slot | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.handlers: dict[str, Handler] = dict(handlers or {})
        self.slot = slot
        self.clock = clock or Clock()
        self.said: list[Say] = []

    def run(self, procedure: Procedure[T]) -> T:
        """Run a procedure to its end and return what it returns."""
        return drive(procedure, self._perform)

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case Post(address, request):
                return self._post(address, request)
            case Card(command):
                if self.slot is None:
                    raise CardFailure(0x6F00)
                return self.slot.command(command, self.clock.now)
            case Refresh():
                if self.slot is not None:
                    self.slot.refresh(self.clock.now)
            case Wait(seconds):
                self.clock.now += seconds
            case Now():
                return self.clock.now
            case Say():
                self.said.append(effect)
        return None

    def _post(self, address: str, request: Request) -> Response:
        handler = self.handlers.get(address)
        if handler is None:
            raise LinkFailure(f"nobody answers at {address}")
        return self.run(handler(request))
