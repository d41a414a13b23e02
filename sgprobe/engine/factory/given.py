"""What the triggers of a factory are given, and what they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved

Given = Mapping[str, Any]
Act = Callable[[Given], Awaitable[dict[str, Value]]]
_YES = ("yes", "true")


def only(action: str, given: Given, *known: str) -> None:
    """Raise Unresolved where a trigger is given something that it does not know."""
    if unknown := set(given) - set(known):
        names = ", ".join(sorted(map(str, unknown)))
        raise Unresolved(f"{action} knows no {names} ({', '.join(known) or 'nothing'})")


def said_yes(given: Given, name: str) -> bool:
    """Say whether a trigger was given yes."""
    return str(given.get(name, "no")) in _YES
