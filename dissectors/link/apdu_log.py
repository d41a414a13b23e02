"""Text logs of APDUs, read line by line; the line number stands where a capture has its frame.

Read are, with an optional time stamp and other words in front, hex with or without blanks:

- arrows: `=> 80E29100...` and `<= ...9000`; also `->` `<-`, `>>` `<<`
- pySim's trace: `-> 80e2910006 bf3e035c015a` and `<- 9000: bf3e12...`
- names: `APDU: 80 E2 ...` and `SW: 9000`, `SW: 9000, RESP: bf3e...`, or `DATA: bf3e...` before the
  `SW:` line; likewise `C-APDU:` `R-APDU:`, `TX:` `RX:`, `Command:` `Response:`, `cmd:` `rsp:`
- lpac: `[DEBUG] [APDU] [TX] CLA: 80, INS: E2, ...` and `[RX] SW1: 90, SW2: 00, Data: ...`, and the
  JSON lines of its stdio driver, `{"type":"apdu","payload":{"func":"transmit","param":"80E2..."}}`
- modem commands: `AT+CSIM=22,"80E2..."` and `+CSIM: 4,"9000"`
- JSON lines: `{"cmd":"80E2...","rsp":"...9000"}`, with an optional `time` in epoch seconds
- bare hex: command and response on two lines, or on one line apart by `|`, `,`, `;`, an arrow
  or a tab
- `ATR: 3B...` and `RESET`: the card was reset

Empty lines and lines that begin with `#` or `//` are passed over; every other line is a finding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from dissectors.finding import Code, Finding, finding
from dissectors.link import apdu_codes as codes
from dissectors.link.apdu_message import CardKind, CardMessage
from dissectors.link.apdu_tracker import CardTracker

_LONGEST = 256 * 1024  # bytes of a line
_FINDINGS = 200

_HEX = r"([0-9A-Fa-f](?:[0-9A-Fa-f :]*[0-9A-Fa-f])?)"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ISO = re.compile(
    r"^\W{0,2}(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?)"
)
_EPOCH = re.compile(r"^\W{0,2}(\d{9,11}(?:\.\d{1,9})?)(?=[\]\s)])")
_LPAC_COMMAND = re.compile(
    r"\[APDU\] \[TX\] CLA: ([0-9A-F]{2}), INS: ([0-9A-F]{2}), P1: ([0-9A-F]{2}), "
    r"P2: ([0-9A-F]{2}), Lc: ([0-9A-F]{2}), Data: ?([0-9A-Fa-f]*)"
)
_LPAC_RESPONSE = re.compile(
    r"\[APDU\] \[RX\] SW1: ([0-9A-F]{2}), SW2: ([0-9A-F]{2}), Data: ?([0-9A-Fa-f]*)"
)
_MODEM = re.compile(r"(AT)?\+CSIM\s?[:=]\s?\d+\s?,\s?\"?([0-9A-Fa-f]+)\"?", re.IGNORECASE)
_STATUS = re.compile(
    r"\bSW\s?[:=]\s?([0-9A-Fa-f]{4})(?:[\s,;]{1,3}(?:RESP|DATA)\s?[:=]?\s?" + _HEX + r"?)?\s?$",
    re.IGNORECASE,
)
_PYSIM_RESPONSE = re.compile(r"<-\s?([0-9A-Fa-f]{4}):\s?" + _HEX + r"?\s?$")
_DATA = re.compile(r"\bDATA\s?[:=]\s?" + _HEX + r"\s?$", re.IGNORECASE)
_COMMAND = re.compile(
    r"(?:=>|->|>>|\b(?:C-?APDU|APDU(?: REQ(?:UEST)?)?|TX|COMMAND|CMD)\s?[:=])\s?['\"]?"
    + _HEX
    + r"['\"]?\s?$",
    re.IGNORECASE,
)
_RESPONSE = re.compile(
    r"(?:<=|<-|<<|\b(?:R-?APDU|APDU RESP(?:ONSE)?|RX|RESPONSE|RESP|RSP)\s?[:=])\s?['\"]?"
    + _HEX
    + r"['\"]?\s?$",
    re.IGNORECASE,
)
_RESET = re.compile(r"\bATR\s?[:=]\s?3[BF]\s?" + _HEX + r"\s?$|\bRESET\W*$", re.IGNORECASE)
_PAIR = re.compile(_HEX + r"\s?(?:[|,;\t]|[=-]>)\s?" + _HEX)
_BARE = re.compile(_HEX)


def _bytes(text: str | None) -> bytes | None:
    """Return the bytes of hex digits with blanks and colons; None for half a byte."""
    digits = (text or "").replace(" ", "").replace(":", "")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return None


class ApduLog:
    """Takes a log piece by piece and hands up whole card messages."""

    def __init__(
        self,
        on_message: Callable[[CardMessage], None],
        on_problem: Callable[[Finding, tuple[int, ...]], None],
    ) -> None:
        self._tracker = CardTracker(on_message, on_problem)
        self._on_problem = on_problem
        self._rest = bytearray()
        self._number = 0
        self._time = 0.0
        self._told = 0
        self._command: tuple[bytes, int] | None = None  # waits for its response
        self._data = b""  # response data before a line with the status word
        self._asked = ""  # function of the last request of a stdio driver
        self._aid = b""

    @property
    def lines(self) -> int:
        """Return how many lines were read."""
        return self._number

    def data(self, data: bytes) -> None:
        """Take the next bytes of the log."""
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        if len(self._rest) <= _LONGEST:
            self._rest += rest
        for line in lines:
            self._line(line)

    def end(self) -> None:
        """Learn that the log is over."""
        if self._rest:
            self._line(bytes(self._rest))
            self._rest.clear()
        self._unanswered()
        if self._told > _FINDINGS:
            text = f"{self._told - _FINDINGS} further lines are not listed"
            self._on_problem(finding(codes.LOG_LINE, text), (self._number,))
        self._tracker.finish(self._time)

    def _line(self, raw: bytes) -> None:
        self._number += 1
        if len(raw) > _LONGEST:
            self._bad(f"a line of more than {_LONGEST} bytes")
            return
        text = _COLOUR.sub("", raw.decode("utf-8", "replace")).strip()
        if not text or text.startswith(("#", "//")):
            return
        if text.startswith("{"):
            self._json(text)
            return
        text = self._stamp(text)
        if not self._named(text) and not self._plain(text):
            self._bad(f"{text[:60]!r} is in no format that is read")

    # -- formats ---------------------------------------------------------------------------------

    def _stamp(self, text: str) -> str:
        """Take a time stamp off the front of a line."""
        found = _ISO.match(text)
        if found is not None:
            stamp = found[1].replace(",", ".")
            try:
                when = datetime.fromisoformat(stamp)
            except ValueError:
                return text
            self._time = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        else:
            found = _EPOCH.match(text)
            if found is None:
                return text
            self._time = float(found[1])
        return text[found.end() :].lstrip(" \t])-:,")

    def _named(self, text: str) -> bool:
        """Read a line that says what it holds."""
        found = _LPAC_COMMAND.search(text)
        if found is not None:
            self._asks(_bytes("".join(found.groups())))
            return True
        found = _LPAC_RESPONSE.search(text)
        if found is not None:
            self._answers(_bytes(found[3] + found[1] + found[2]))
            return True
        found = _MODEM.search(text)
        if found is not None:
            (self._asks if found[1] else self._answers)(_bytes(found[2]))
            return True
        found = _PAIR.fullmatch(text)
        if found is not None:
            self._asks(_bytes(found[1]))
            self._answers(_bytes(found[2]))
            return True
        found = _STATUS.search(text) or _PYSIM_RESPONSE.search(text)
        if found is not None:
            before, self._data = self._data, b""
            data = _bytes(found[2])
            self._answers(None if data is None else before + data + bytes.fromhex(found[1]))
            return True
        return self._marked(text)

    def _marked(self, text: str) -> bool:
        found = _DATA.search(text)
        if found is not None and self._command is not None:
            self._data = _bytes(found[1]) or b""
            return True
        found = _RESET.search(text)
        if found is not None:
            self._unanswered()
            self._tracker.reset((self._number,), self._time)
            return True
        found = _RESPONSE.search(text)
        if found is not None:
            self._answers(_bytes(found[1]))
            return True
        found = _COMMAND.search(text)
        if found is not None:
            self._asks(_bytes(found[1]))
        return found is not None

    def _plain(self, text: str) -> bool:
        """Read a line of bare hex."""
        if _BARE.fullmatch(text) is None or len(text) < 4:
            return False
        (self._asks if self._command is None else self._answers)(_bytes(text))
        return True

    def _json(self, text: str) -> None:
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            self._bad("the line begins like JSON but is none")
            return
        if record.get("type") in ("apdu", "lpa", "progress", "http"):
            payload = record.get("payload")
            if record["type"] == "apdu" and isinstance(payload, dict):
                self._stdio(payload)
            return
        stamp = record.get("time")
        if isinstance(stamp, int | float) and abs(stamp) < 1e11:
            self._time = float(stamp)
        command = _text(record, "cmd", "command")
        response = _text(record, "rsp", "response")
        if command is None and response is None:
            self._bad("a JSON line with neither cmd nor rsp")
            return
        if command is not None:
            self._asks(_bytes(command))
        if response is not None:
            self._answers(_bytes(response))

    def _stdio(self, payload: dict[str, object]) -> None:
        """Read a line of lpac's stdio driver."""
        function = payload.get("func")
        if isinstance(function, str):
            self._asked = function
            parameter = _bytes(_text(payload, "param"))
            if function == "transmit":
                self._asks(parameter)
            else:
                self._aid = parameter or b""
            return
        answered, self._asked = self._asked, ""
        result = payload.get("ecode")
        if answered == "transmit":
            if result == 0:
                self._answers(_bytes(_text(payload, "data")))
            else:
                self._bad(f"the driver failed with {result!r}")
                self._command = None
        elif answered == "logic_channel_open" and isinstance(result, int) and 0 < result < 20:
            self._tracker.selected(result, self._aid)
        elif answered == "connect" and result == 0:
            self._tracker.reset((self._number,), self._time)

    # -- exchanges -------------------------------------------------------------------------------

    def _asks(self, command: bytes | None) -> None:
        self._unanswered()
        self._data = b""
        if not command:
            self._bad("half a byte, or none, where a command is due")
            return
        self._command = command, self._number

    def _answers(self, response: bytes | None) -> None:
        asked, self._command = self._command, None
        if response is None:
            self._bad("half a byte in a response")
        elif asked is None:
            self._bad("a response without a command before it", codes.LOG_ORDER)
        else:
            frames = tuple(dict.fromkeys((asked[1], self._number)))
            self._tracker.exchange(asked[0], response, frames, self._time)

    def _unanswered(self) -> None:
        if self._command is not None:
            line, self._command = self._command[1], None
            self._bad("a command without a response after it", codes.LOG_ORDER, line)

    def _bad(self, text: str, code: Code = codes.LOG_LINE, line: int = 0) -> None:
        self._told += 1
        if self._told <= _FINDINGS:
            self._on_problem(finding(code, text), (line or self._number,))


def _text(record: dict[str, object], *names: str) -> str | None:
    """Return the first of several members that is text."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str):
            return value
    return None


def looks_like_apdu_log(head: bytes) -> bool:
    """Tell whether a file that begins with `head` is a log that can be read."""
    if b"\0" in head:
        return False
    whole_lines = head[: head.rfind(b"\n") + 1]
    return any(_is_log(part) for part in (head, whole_lines))


def _is_log(head: bytes) -> bool:
    seen: list[CardMessage] = []
    bad: list[Finding] = []
    log = ApduLog(seen.append, lambda problem, _: bad.append(problem))
    log.data(head)
    log.end()
    esim = any(message.kind is not CardKind.OTHER for message in seen)
    return esim or (bool(seen) and not bad)
