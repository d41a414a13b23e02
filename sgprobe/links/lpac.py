"""lpac's stdio interface: one JSON object a line, in which lpac asks for a card.

`{"type":"apdu","payload":{"func":"transmit","param":"80E2..."}}` is a question,
`{"type":"apdu","payload":{"ecode":0,"data":"...9000"}}` its answer; `connect`, `disconnect`,
`logic_channel_open` (an AID; the answer's code is the channel) and `logic_channel_close` are the
others. What lpac itself has to say comes as type "lpa" and "progress".
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sgprobe.links.card import ReaderGone
from sgprobe.links.card_slot import ByAid, ServedCard, on_channel

# an object with the largest answer that a card gives
_LINE = 1 << 20
_FAILED = -1

# answers `{"type":"http"}`: URL, headers and body in, status and body out
Fetch = Callable[[str, Sequence[str], bytes], Awaitable[tuple[int, bytes]]]


class StdioFault(Exception):
    """The program at the other end does not speak as lpac does."""


@dataclass(frozen=True, slots=True)
class StdioCard:
    """Answers what lpac asks of a card."""

    card: ServedCard

    def answer(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payload that answers a payload of type "apdu"."""
        try:
            param = bytes.fromhex(str(payload.get("param") or ""))
        except ValueError:
            return {"ecode": _FAILED}
        match payload.get("func"):
            case "connect":
                self.card.reset()
                return {"ecode": 0}
            case "disconnect":
                return {"ecode": 0}
            case "logic_channel_open":
                channel = self.card.open(param)
                return {"ecode": _FAILED if channel is None else channel}
            case "logic_channel_close" if param:
                return {"ecode": 0 if self.card.close(param[0]) else _FAILED}
            case "transmit" if param:
                return {"ecode": 0, "data": self.card.answer(param).hex().upper()}
        return {"ecode": _FAILED}


def read_line(line: bytes) -> tuple[str, dict[str, Any]]:
    """Return type and payload of a line; raises StdioFault."""
    try:
        told = json.loads(line)
        kind, payload = told["type"], told["payload"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StdioFault(f"{line[:60]!r} is no object with type and payload") from None
    if not isinstance(kind, str) or not isinstance(payload, dict):
        raise StdioFault(f"{line[:60]!r} has a type or a payload of another kind")
    return kind, payload


def write_line(kind: str, payload: Mapping[str, Any]) -> bytes:
    """Return an object as a line."""
    return json.dumps({"type": kind, "payload": payload}).encode() + b"\n"


async def serve_stdio(
    card: ServedCard,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    fetch: Fetch | None = None,
) -> list[dict[str, Any]]:
    """Answer until the other end closes; return what it said of itself, in order."""
    said: list[dict[str, Any]] = []
    answers = StdioCard(card)
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            raise StdioFault(f"a line of more than {_LINE} octets") from None
        if not line:
            return said
        if not line.strip():
            continue
        kind, payload = read_line(line)
        if kind == "apdu":
            writer.write(write_line("apdu", answers.answer(payload)))
        elif kind == "http":
            writer.write(write_line("http", await _fetched(payload, fetch)))
        else:
            said.append({"type": kind, "payload": payload})
            continue
        # who asks and does not wait for the answer has ended, or is about to
        with suppress(ConnectionError):
            await writer.drain()


async def stdio_streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return our own stdin and stdout, for a program that has us as its driver."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, sys.stdout
    )
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


async def _fetched(payload: Mapping[str, Any], fetch: Fetch | None) -> dict[str, Any]:
    if fetch is None:
        return {"rcode": 503, "rx": ""}
    headers = [str(one) for one in payload.get("headers") or ()]
    try:
        body = bytes.fromhex(str(payload.get("tx") or ""))
    except ValueError:
        raise StdioFault("an HTTP body that is no hex") from None
    status, answer = await fetch(str(payload.get("url")), headers, body)
    return {"rcode": status, "rx": answer.hex()}


async def run_lpac(
    card: ServedCard,
    command: Sequence[str],
    fetch: Fetch | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Run lpac with a card of ours in its reader; return what it said."""
    ours = {"LPAC_APDU": "stdio"} | ({"LPAC_HTTP": "stdio"} if fetch is not None else {})
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **ours, **(environment or {})},
            limit=_LINE,
        )
    except OSError as error:
        raise StdioFault(f"{command[0]} cannot be run: {error.strerror or error}") from None
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        return await serve_stdio(card, process.stdout, process.stdin, fetch)
    finally:
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Let a program end by itself, or end it."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(2.0):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


class StdioReader:
    """Reads the card of a program that answers as a driver of lpac's stdio interface does."""

    def __init__(self, command: Sequence[str], timeout: float = 30.0) -> None:
        self._command = command
        self._timeout = timeout
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._channels = ByAid(self._open, self._close_channel, self._send)

    async def transmit(self, apdu: bytes) -> bytes:
        """Send one command and return the response; raises ReaderGone."""
        async with self._turn:
            await self._connected()
            return await self._channels.transmit(apdu)

    async def reset(self) -> None:
        """Disconnect and connect: a driver resets its card by that, or does not."""
        async with self._turn:
            await self._connected()
            self._channels.forget()
            await self._ask("disconnect", None)
            await self._ask("connect", None)

    async def close(self) -> None:
        """Let go of the card, and end the program."""
        async with self._turn:
            process, self._process = self._process, None
            if process is not None:
                await _ended(process)

    async def _connected(self) -> None:
        if self._process is not None:
            return
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LINE,
            )
        except OSError as error:
            text = f"{self._command[0]} cannot be run: {error.strerror or error}"
            raise ReaderGone(text) from None
        await self._ask("connect", None)

    async def _ask(self, function: str, param: bytes | None) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ReaderGone("the program was ended")
        given = None if param is None else param.hex().upper()
        try:
            process.stdin.write(write_line("apdu", {"func": function, "param": given}))
            async with asyncio.timeout(self._timeout):
                await process.stdin.drain()
                line = await process.stdout.readline()
            if not line:
                raise ReaderGone(f"{self._command[0]} ended")
            kind, payload = read_line(line)
        except TimeoutError:
            # an answer that came now would be taken for that of the next question
            self._process = None
            process.kill()
            await process.wait()
            text = f"{self._command[0]} did not answer {function} within {self._timeout:g} s"
            raise ReaderGone(text) from None
        except (ConnectionError, ValueError, StdioFault) as error:
            raise ReaderGone(f"{self._command[0]}: {error}") from None
        if kind != "apdu" or not isinstance(payload.get("ecode"), int):
            raise ReaderGone(f"{self._command[0]} answered {line[:60]!r} to {function}")
        return payload

    async def _open(self, aid: bytes) -> int | None:
        code: int = (await self._ask("logic_channel_open", aid))["ecode"]
        return code if 0 < code < 20 else None

    async def _close_channel(self, channel: int) -> None:
        await self._ask("logic_channel_close", bytes([channel]))

    async def _send(self, channel: int | None, apdu: bytes) -> bytes:
        command = apdu if channel is None else on_channel(apdu, channel)
        payload = await self._ask("transmit", command)
        try:
            response = bytes.fromhex(str(payload.get("data") or ""))
        except ValueError:
            response = b""
        if payload["ecode"] or len(response) < 2:
            raise ReaderGone(f"the driver could not send (code {payload['ecode']})")
        return response
