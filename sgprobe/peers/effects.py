"""What a role asks of the world while it works: posts, card commands, waiting.

A role's procedure is a generator. It yields an effect and is sent the outcome; it never touches a
socket or a clock. The host runs it over real links, a test over plain functions, a scenario clock
jumps over its waits.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from sgprobe.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class Post:
    """Send a request to `address` (a URL's scheme and authority); the outcome is a Response."""

    address: str
    request: Request


@dataclass(frozen=True, slots=True)
class Card:
    """Send one command TLV to the eUICC by STORE DATA; the outcome is the response TLV."""

    command: bytes


@dataclass(frozen=True, slots=True)
class Refresh:
    """The eUICC asked for REFRESH: reset the card, re-attach with the profile now enabled."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let `seconds` pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """Ask for the time; the outcome is epoch seconds."""


@dataclass(frozen=True, slots=True)
class Say:
    """Tell a person or a log what happens; carries no secrets."""

    text: str
    details: dict[str, Any] = field(default_factory=dict)


class LinkFailure(Exception):
    """Thrown into a procedure: the other side cannot be reached, or went away."""


class CardFailure(Exception):
    """Thrown into a procedure: the card answered a status word instead of data."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"status word {sw:04X}")
        self.sw = sw


Effect: TypeAlias = Post | Card | Refresh | Wait | Now | Say
T = TypeVar("T")
# the sent value depends on the effect: Response, bytes, float or None
Procedure: TypeAlias = Generator[Effect, Any, T]

__all__ = ["Card", "CardFailure", "Effect", "LinkFailure", "Now", "Post", "Procedure", "Refresh",
           "Request", "Response", "Say", "Wait"]  # fmt: skip
