"""Actions of a person: a prompt at the terminal, Enter when it is done, `n` when it is not."""

from __future__ import annotations

import asyncio
import os
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
_UNATTENDED = ("CI", "PYTEST_XDIST_WORKER")


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
    # pytest takes the standard streams away, the terminal itself it does not
    try:
        tty = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    try:
        return await _typed(tty, text) if _is_ours(tty) else None
    finally:
        os.close(tty)


def _is_ours(tty: int) -> bool:
    """Say whether a person sees what is asked: no CI, no worker of many, not in the background."""
    if any(os.environ.get(name) for name in _UNATTENDED):
        return False
    try:
        return os.tcgetpgrp(tty) == os.getpgrp()
    except OSError:
        return False


async def _typed(tty: int, text: str) -> str | None:
    os.write(tty, f"\a{text}".encode())
    line: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def typed() -> None:
        if not line.done():
            line.set_result(os.read(tty, _LONGEST))

    # a reader, not a thread: a thread that waits for a person outlives the time limit
    loop = asyncio.get_running_loop()
    loop.add_reader(tty, typed)
    try:
        return (await line).decode("utf-8", "replace") or None
    finally:
        loop.remove_reader(tty)
