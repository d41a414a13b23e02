"""Actions as commands: inputs as JSON on stdin, outputs as a JSON object on stdout."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from sgprobe.fileerror import safe
from sgprobe.product.actions import Value
from sgprobe.product.faults import Failed, Missing
from sgprobe.product.templates import text_of
from sgprobe.product.ways import Command

MAX_OUTPUT = 1 << 20
# what a shell says of a command that is not there; and the contract of interop runners
UNSUPPORTED = 127
_TAIL = 300


async def run(
    way: Command, folder: Path, verb: str, action: str, given: Mapping[str, Value]
) -> dict[str, Value]:
    """Run the program in the folder of the product file and return its outputs.

    The program has VERB and ACTION as SGPROBE_VERB and SGPROBE_ACTION; a code of 127 means that
    it cannot do this, any other than 0 that it failed.
    """
    arguments = [text for one in way.arguments if (text := text_of(one, given)) is not None]
    if "/" in arguments[0]:
        # as seen from the file, not from where the bench was started
        arguments[0] = str((folder / arguments[0]).resolve())
    told = json.dumps({"verb": verb, "action": action, "given": dict(given)}).encode()
    environment = {**os.environ, "SGPROBE_VERB": verb, "SGPROBE_ACTION": action}
    name = Path(arguments[0]).name
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Missing(f"{way.source}: {name} cannot be run: {reason}", "install it") from None
    try:
        output, errors = await _talk(process, told)
    finally:
        # whoever gave up, timeout or Ctrl-C: nothing stays behind
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode == UNSUPPORTED:
        raise Missing(f"{way.source}: {name} cannot {verb} ({action})", "")
    if process.returncode:
        raise Failed(f"{name}: exit code {process.returncode}: {_tail(errors)}".rstrip(": "))
    return _outputs(output, name)


async def _talk(process: asyncio.subprocess.Process, told: bytes) -> tuple[bytes, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(told)
        await process.stdin.drain()
    process.stdin.close()
    output, errors = await asyncio.gather(_read(process.stdout), _read(process.stderr))
    await process.wait()
    return output, errors


async def _read(stream: asyncio.StreamReader) -> bytes:
    """Return what a program writes; what is too much is read and forgotten, so that it ends."""
    kept = bytearray()
    while data := await stream.read(65536):
        if len(kept) <= MAX_OUTPUT:
            kept += data
    return bytes(kept[: MAX_OUTPUT + 1])


def _tail(octets: bytes) -> str:
    return safe(" ".join(octets.decode("utf-8", "replace").split())[-_TAIL:])


def _outputs(octets: bytes, name: str) -> dict[str, Value]:
    if len(octets) > MAX_OUTPUT:
        raise Failed(f"{name}: more than {MAX_OUTPUT} octets of output")
    if not octets.strip():
        return {}
    try:
        value = json.loads(octets.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Failed(f"{name}: its output is no JSON object: {_tail(octets)}")
    return value
