"""Runs stations over card links: readers that answer at once, with no event loop and no socket."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from sgprobe.links.card import CardLink, CardStatus, ReaderGone
from sgprobe.links.card_slot import Reader
from sgprobe.links.clock import Clock, WallClock
from sgprobe.links.tape import Tape
from sgprobe.peers.drive import drive
from sgprobe.peers.effects import Card, CardFailure, LinkFailure, Now
from sgprobe.peers.euicc.card import Card as SimulatedCard
from sgprobe.peers.fpa.effects import Contact, StationProcedure

T = TypeVar("T")


class Device(Protocol):
    """A device in a reader: `apdu` answers a command, `reset` powers it off and on.

    ReaderGone says that it does not answer.
    """

    def apdu(self, command: bytes) -> bytes:
        """Answer one command APDU."""

    def reset(self) -> bytes:
        """Power off and on; return the ATR."""


class CardDevice:
    """A device with a simulated card."""

    def __init__(self, card: SimulatedCard, clock: Clock) -> None:
        self._card = card
        self._clock = clock

    def apdu(self, command: bytes) -> bytes:
        return self._card.apdu(command, self._clock.now())

    def reset(self) -> bytes:
        return self._card.reset()


class ReaderDevice:
    """A device in a reader whose calls wait; `wait` runs them to their end."""

    def __init__(self, reader: Reader, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._reader = reader
        self._wait = wait

    def apdu(self, command: bytes) -> bytes:
        answer: bytes = self._wait(self._reader.transmit(command))
        return answer

    def reset(self) -> bytes:
        self._wait(self._reader.reset())
        return b""


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing; there is no event loop, so it may not wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("a reader of a station must answer at once")


class Slot:
    """One reader of a station, with the link to the device that is in it."""

    def __init__(
        self,
        device: Device,
        *,
        clock: Clock | None = None,
        tape: Tape | None = None,
        block: int = 255,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self._device = device
        self._clock = clock or WallClock()
        self._tape = tape
        self._block = block
        self._after = after
        self._link: CardLink | None = None

    async def _transmit(self, apdu: bytes) -> bytes:
        answer = self._device.apdu(apdu)
        self._after()
        return answer

    def run(self, procedure: StationProcedure[T]) -> T:
        """Run a station's procedure to its end and return what it returns."""
        return drive(procedure, self._outcome)

    def _outcome(self, effect: Card | Contact | Now) -> bytes | float | None:
        try:
            return self._perform(effect)
        except ReaderGone as error:
            self._link = None
            raise LinkFailure(str(error)) from None
        except CardStatus as error:
            raise CardFailure(error.sw) from None

    def _perform(self, effect: Card | Contact | Now) -> bytes | float | None:
        match effect:
            case Now():
                return self._clock.now()
            case Contact():
                self._device.reset()
                self._link = CardLink(self._transmit, tape=self._tape, block=self._block)
                at_once(self._link.open())
                return None
            case Card(command):
                if self._link is None:
                    raise ReaderGone("there is no contact")
                return at_once(self._link.command(command))
