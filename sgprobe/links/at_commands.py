"""The card commands of a modem, as text: what a modem answers, without a port. 3GPP TS 27.007.

+CSIM carries any APDU (§8.17); +CCHO, +CGLA and +CCHC open a channel by AID, use and close it
(§8.45, §8.43, §8.46). A session's APDUs come on whatever channel: the modem puts in its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sgprobe.links.card_slot import ServedCard, on_channel

# the longest line: an extended APDU in hex
MAX_LINE = 2 * 65_544 + 64
_QUOTED = re.compile(r'"([0-9A-Fa-f]*)"|([0-9A-Fa-f]*)\Z')
# §9.2: numbers of +CME ERROR
_NOT_ALLOWED, _INVALID, _NO_RESOURCES = 3, 50, 23
_OK = "OK"


@dataclass(slots=True)
class Modem:
    """The modem's side; feed bytes from the port, send back what it returns."""

    card: ServedCard
    echo: bool = True
    numbers: bool = False  # errors as numbers, +CMEE=1
    sessions: set[int] = field(default_factory=set)
    _held: bytearray = field(default_factory=bytearray)

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the terminal; return what the modem says."""
        out = bytearray()
        for octet in data:
            if octet not in b"\r\n":
                if len(self._held) <= MAX_LINE:
                    self._held.append(octet)
                continue
            line, self._held = bytes(self._held), bytearray()
            if line.strip():
                out += self._line(line)
        return bytes(out)

    def _line(self, line: bytes) -> bytes:
        said = line + b"\r" if self.echo else b""
        if len(line) > MAX_LINE:
            answers = [self._error(_INVALID)]
        else:
            answers = self._command(line.decode("latin-1").strip())
        return said + b"".join(b"\r\n" + one.encode("ascii") + b"\r\n" for one in answers)

    def _error(self, number: int) -> str:
        return f"+CME ERROR: {number}" if self.numbers else "ERROR"

    def _command(self, line: str) -> list[str]:
        if line[:2].upper() != "AT":
            return [self._error(_INVALID)]
        name, sign, rest = line[2:].partition("=")
        name = name.strip().upper()
        match name, sign:
            case "" | "Z", "":
                return [_OK]
            case "E0" | "E1", "":
                self.echo = name == "E1"
                return [_OK]
            case "I" | "+CGMI" | "+CGMM" | "+GMI" | "+GMM", "":
                return ["sgprobe", _OK]
            case "+CPIN?", "":
                return ["+CPIN: READY", _OK]
            case "+CMEE" | "+CFUN" | "+CSIM" | "+CCHO" | "+CCHC" | "+CGLA", "=":
                if rest.strip() == "?":
                    return [_OK]
                return self._card_command(name, rest.strip())
        return [self._error(_INVALID)]

    def _card_command(self, name: str, rest: str) -> list[str]:
        parts = [part.strip() for part in rest.split(",")]
        match name, parts:
            case "+CMEE", [value]:
                self.numbers = value != "0"
                return [_OK]
            case "+CFUN", [_, *_]:
                self.sessions.clear()
                self.card.reset()
                return [_OK]
            case "+CSIM", [length, text]:
                apdu = _octets(text, length)
                if apdu is not None:
                    return self._answered("+CSIM", apdu)
            case "+CCHO", [text]:
                aid = _octets(text)
                if aid is not None:
                    return self._open(aid)
            case "+CCHC", [session]:
                return self._close(_number(session))
            case "+CGLA", [session, length, text]:
                apdu, number = _octets(text, length), _number(session)
                if apdu is not None and number in self.sessions:
                    return self._answered("+CGLA", on_channel(apdu, number))
        return [self._error(_INVALID)]

    def _answered(self, name: str, apdu: bytes) -> list[str]:
        response = self.card.answer(apdu).hex().upper()
        return [f'{name}: {len(response)},"{response}"', _OK]

    def _open(self, aid: bytes) -> list[str]:
        channel = self.card.open(aid)
        if channel is None:
            return [self._error(_NO_RESOURCES)]
        self.sessions.add(channel)
        return [f"+CCHO: {channel}", _OK]

    def _close(self, session: int) -> list[str]:
        if session not in self.sessions:
            return [self._error(_NOT_ALLOWED)]
        self.sessions.remove(session)
        self.card.close(session)
        return [_OK]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1


def _octets(text: str, length: str | None = None) -> bytes | None:
    """Return quoted or bare hex; None where it is none, or has not the length it says."""
    found = _QUOTED.fullmatch(text)
    if found is None:
        return None
    digits = found.group(1) or found.group(2) or ""
    if (
        len(digits) % 2
        or len(digits) < 8
        or (length is not None and _number(length) != len(digits))
    ):
        return None
    return bytes.fromhex(digits)


def read_answer(line: str, name: str) -> bytes | None:
    """Return the octets of a line such as `+CSIM: 4,"9000"`; None where it is another line."""
    if not line.startswith(name + ":"):
        return None
    _, _, text = line.partition(",")
    found = _QUOTED.fullmatch(text.strip())
    digits = (found.group(1) or found.group(2) or "") if found is not None else ""
    return bytes.fromhex(digits) if digits and len(digits) % 2 == 0 else None
