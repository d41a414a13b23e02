"""Modems on serial ports: one of ours on a pty, and the card in one of others. POSIX alone."""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from pathlib import Path

from sgprobe.links.at_commands import MAX_LINE, Modem, read_answer
from sgprobe.links.card import ReaderGone
from sgprobe.links.card_slot import ByAid, ServedCard

_CHUNK = 4096
_SPEEDS = {9600: termios.B9600, 115_200: termios.B115200}
_MOST_LINES = 256  # of chatter before the answer


class PtyModem:
    """A modem with a card of ours, on a pseudo terminal that any program can open."""

    def __init__(self, card: ServedCard, link: Path | None = None) -> None:
        self._modem = Modem(card)
        self._link = link
        self._master = self._slave = -1
        self._unsent = bytearray()
        self.path = ""

    async def start(self) -> None:
        """Open the terminal; `path` is its name, and `link` leads there."""
        self._master, self._slave = os.openpty()
        # the slave stays open here too, or the last program to leave would hang the line up
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.path)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def stop(self) -> None:
        """Close the terminal."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)

    async def __aenter__(self) -> PtyModem:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _readable(self) -> None:
        try:
            data = os.read(self._master, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        self._unsent += self._modem.receive(data)
        self._send()

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._unsent:
                sent = os.write(self._master, self._unsent)
                del self._unsent[:sent]
        except (BlockingIOError, InterruptedError):
            # nobody reads: nothing more is read either, so this does not grow
            loop.remove_reader(self._master)
            loop.add_writer(self._master, self._writable)

    def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_writer(self._master)
        loop.add_reader(self._master, self._readable)
        self._send()


class AtReader:
    """Reads the card in a modem, by +CSIM or, with `by_aid`, by +CCHO and +CGLA."""

    def __init__(
        self, path: str, *, by_aid: bool = False, speed: int = 115_200, timeout: float = 30.0
    ) -> None:
        self._path = path
        self._speed = speed
        self._timeout = timeout
        self._file = -1
        self._held = bytearray()
        self._readable = asyncio.Event()
        self._turn = asyncio.Lock()
        self._channels = ByAid(self._open, self._close, self._send) if by_aid else None

    async def transmit(self, apdu: bytes) -> bytes:
        """Send one command and return the response; raises ReaderGone."""
        async with self._turn:
            await self._connected()
            if self._channels is not None:
                return await self._channels.transmit(apdu)
            return await self._send(None, apdu)

    async def reset(self) -> None:
        """Have the modem reset the card: minimum functionality, then full. TS 27.007 §8.2."""
        async with self._turn:
            await self._connected()
            if self._channels is not None:
                self._channels.forget()
            for value in (0, 1):
                await self._ask(f"AT+CFUN={value}")

    async def close(self) -> None:
        """Let go of the port."""
        if self._file >= 0:
            asyncio.get_running_loop().remove_reader(self._file)
            os.close(self._file)
            self._file = -1

    # --- commands ---

    async def _send(self, session: int | None, apdu: bytes) -> bytes:
        text = apdu.hex().upper()
        name, first = ("+CSIM", "") if session is None else ("+CGLA", f"{session},")
        for line in await self._ask(f'AT{name}={first}{len(text)},"{text}"'):
            response = read_answer(line, name)
            if response is not None and len(response) >= 2:
                return response
        raise ReaderGone(f"{self._path}: the modem answered {name} without a response")

    async def _open(self, aid: bytes) -> int | None:
        try:
            lines = await self._ask(f'AT+CCHO="{aid.hex().upper()}"')
        except ModemRefused:
            return None
        for line in lines:
            number = line.removeprefix("+CCHO:").strip()
            if number.isascii() and number.isdigit() and len(number) < 6:
                return int(number)
        return None

    async def _close(self, session: int) -> None:
        await self._ask(f"AT+CCHC={session}")

    async def _ask(self, command: str) -> list[str]:
        """Send a command; return the lines before OK."""
        self._held.clear()
        os.write(self._file, command.encode("ascii") + b"\r")
        lines: list[str] = []
        try:
            async with asyncio.timeout(self._timeout):
                while len(lines) < _MOST_LINES:
                    line = await self._line()
                    if line == "OK":
                        return lines
                    if line == "ERROR" or line.startswith("+CME ERROR"):
                        raise ModemRefused(f"{self._path}: {line} to {command[:24]}")
                    if line and line != command:
                        lines.append(line)
        except TimeoutError:
            text = f"{self._path}: no answer to {command[:24]} within {self._timeout:g} s"
            raise ReaderGone(text) from None
        raise ReaderGone(f"{self._path}: more than {_MOST_LINES} lines for an answer")

    async def _line(self) -> str:
        while b"\n" not in self._held:
            if len(self._held) > MAX_LINE:
                raise ReaderGone(f"{self._path}: a line of more than {MAX_LINE} octets")
            self._readable.clear()
            await self._readable.wait()
            try:
                data = os.read(self._file, _CHUNK)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError:
                data = b""
            if not data:
                raise ReaderGone(f"{self._path}: the port is gone")
            self._held += data
        line, _, rest = bytes(self._held).partition(b"\n")
        self._held = bytearray(rest)
        return line.decode("latin-1").strip()

    async def _connected(self) -> None:
        if self._file >= 0:
            return
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(self._file)
            speed = _SPEEDS.get(self._speed)
            if speed is not None:
                attributes = termios.tcgetattr(self._file)
                attributes[4] = attributes[5] = speed
                termios.tcsetattr(self._file, termios.TCSANOW, attributes)
        except (OSError, termios.error) as error:
            await self.close()
            raise ReaderGone(f"{self._path} cannot be opened as a serial port: {error}") from None
        asyncio.get_running_loop().add_reader(self._file, self._readable.set)
        try:
            await self._ask("ATE0")
        except ModemRefused:
            return  # it keeps its echo, which is read over


class ModemRefused(ReaderGone):
    """The modem answered an error."""
