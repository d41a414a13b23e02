"""Runs a procedure to its end: `perform` brings the outcome of each effect.

A LinkFailure or CardFailure that `perform` raises is thrown into the procedure, which may handle
it; any other exception ends the run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from sgprobe.peers.effects import CardFailure, LinkFailure

E = TypeVar("E")
T = TypeVar("T")
_THROWN = (LinkFailure, CardFailure)


def drive(procedure: Generator[E, Any, T], perform: Callable[[E], Any]) -> T:
    """Run a procedure and return what it returns."""
    outcome: Any = None
    failure: Exception | None = None
    while True:
        try:
            effect = procedure.send(outcome) if failure is None else procedure.throw(failure)
        except StopIteration as stop:
            result: T = stop.value
            return result
        outcome, failure = None, None
        try:
            outcome = perform(effect)
        except _THROWN as error:
            failure = error


async def drive_async(procedure: Generator[E, Any, T], perform: Callable[[E], Awaitable[Any]]) -> T:
    """Run a procedure whose effects take time, and return what it returns."""
    outcome: Any = None
    failure: Exception | None = None
    while True:
        try:
            effect = procedure.send(outcome) if failure is None else procedure.throw(failure)
        except StopIteration as stop:
            result: T = stop.value
            return result
        outcome, failure = None, None
        try:
            outcome = await perform(effect)
        except _THROWN as error:
            failure = error
