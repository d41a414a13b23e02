"""What a trigger or a setting is given: words that are known, yes or no, numbers, times."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.durations import parse_duration

Given = Mapping[str, Any]
Act = Callable[[Given], Awaitable[dict[str, Value]]]
_YES = ("yes", "true")
_MOST = 999_999_999
_SHOWN = 40


def only(what: str, given: Given, *known: str) -> None:
    """Raise Unresolved where something is given that is not known."""
    if unknown := set(given) - set(known):
        names = ", ".join(sorted(map(str, unknown)))
        raise Unresolved(f"{what} knows no {names} ({', '.join(sorted(known)) or 'nothing'})")


def said_yes(given: Given, name: str, default: str = "no") -> bool:
    """Say whether yes was given."""
    return str(given.get(name, default)) in _YES


def whole_number(
    given: Given, name: str, default: int = 0, *, least: int = 0, most: int = _MOST
) -> int:
    """Return a number that was given; raises Unresolved where it is none, or beyond its bounds."""
    text = str(given.get(name, default))
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(_MOST))
    if not (digits and least <= int(text) <= most):
        raise Unresolved(f"{name} is {text[:_SHOWN]}, no number from {least} to {most}")
    return int(text)


def seconds_of(given: Given, name: str) -> float | None:
    """Return a time that was given, None where none was; raises Unresolved where it is no time."""
    if name not in given:
        return None
    found = parse_duration(str(given[name]))
    if found is None:
        raise Unresolved(f"{name} is {str(given[name])[:_SHOWN]}, no time such as 2 s")
    return found
