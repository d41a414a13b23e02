"""Faults that a server link commits on demand, to see what the other side makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sgprobe.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one answer; several may happen to the same."""

    delay: float = 0.0  # seconds before it is sent
    cut: int | None = None  # octets of the body that are sent before the connection breaks
    reset: bool = False  # the connection breaks before anything is sent
    silence: bool = False  # nothing is sent, the connection stays open
    status: int | None = None  # another status
    headers: tuple[tuple[str, str], ...] = ()  # headers that replace or join the right ones


# the requests of one server are counted from 1; None answers as it should
FaultPlan = Callable[[Request, int], Fault | None]


class Broken(Exception):
    """Raised by a handler: the connection breaks in place of an answer, or within its body.

    CoAP has no connection that could break: there the answer does not come.
    """

    def __init__(self, response: Response | None = None, octets: int = 0) -> None:
        super().__init__("the connection breaks")
        self.response = response
        self.octets = octets
