"""Actions of a person: a prompt at the terminal, Enter when it is done, `n` when it is not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from sgprobe.fileerror import safe
from sgprobe.product.actions import Value
from sgprobe.product.faults import Failed, Missing
from sgprobe.product.ways import Prompt

# shows a line and returns what the person types; None where nobody is there
Tell: TypeAlias = Callable[[str], Awaitable[str | None]]
_LONGEST = 4096
_NO = ("n", "no")


async def run(
    way: Prompt, verb: str, action: str, given: Mapping[str, Value], tell: Tell
) -> dict[str, Value]:
    """Ask a person to act, then for each output."""
    inputs = "".join(f"\n  {name}: {_shown(value)}" for name, value in given.items())
    done = await tell(f"{verb} ({action}): {way.text}{inputs}\nEnter when done, n if not: ")
    if done is None:
        raise Missing(
            f"{way.source}: {verb} ({action}) needs a person at a terminal",
            "run in a terminal, or give it a way of its own",
        )
    if done.strip().lower() in _NO:
        raise Failed(f"{verb} ({action}): the person at the terminal could not do it")
    outputs: dict[str, Value] = {}
    for name, question in way.ask:
        answer = await tell(f"{question}: ")
        if not answer or not answer.strip():
            raise Failed(f"{verb} ({action}): the person gave no '{name}'")
        outputs[name] = answer.strip()
    return outputs


def _shown(value: Value) -> str:
    return safe(str(value))[:_LONGEST]


async def terminal(text: str) -> str | None:
    """Show text on the terminal and return the line that is typed; None where there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    print(f"\a{text}", end="", file=sys.stderr, flush=True)
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def typed() -> None:
        if not line.done():
            line.set_result(sys.stdin.readline(_LONGEST))

    # a reader, not a thread: a thread that waits for a person outlives the time limit
    loop.add_reader(sys.stdin.fileno(), typed)
    try:
        return await line or None
    finally:
        loop.remove_reader(sys.stdin.fileno())
