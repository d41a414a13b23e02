"""What a station asks of its reader beside commands: contact with the next device."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sgprobe.peers.effects import Card, Now

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Contact:
    """Power the device in the reader off and on and select its ISD-R; the outcome is nothing.

    LinkFailure says that no device answers, CardFailure that it has no ISD-R.
    """


StationEffect: TypeAlias = Card | Contact | Now
# the sent value depends on the effect
StationProcedure: TypeAlias = Generator[StationEffect, Any, T]
