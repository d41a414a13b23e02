"""APDUs to whole commands and responses, each logical channel for itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dissectors.finding import Code, Finding, finding
from dissectors.link import apdu_codes as codes
from dissectors.link.apdu import ISDR_AID, ApduError, CommandApdu, Ins, ResponseApdu
from dissectors.link.apdu_bpp import HEADERS, BppJoiner
from dissectors.link.apdu_chain import LONGEST, StoreDataChain, first_tag, tlv_fault
from dissectors.link.apdu_message import CardKind, CardMessage

_FETCHES = 4096  # GET RESPONSE commands of one response
_PROBLEMS = 32


@dataclass(slots=True)
class _Open:
    """A command whose blocks or whose response are not whole yet."""

    kind: CardKind
    last: CommandApdu
    time: float
    frames: list[int] = field(default_factory=list)
    response_frames: list[int] = field(default_factory=list)
    response: bytearray = field(default_factory=bytearray)
    problems: list[Finding] = field(default_factory=list)
    chain: StoreDataChain | None = None
    sw: int = 0
    fetches: int = 0
    announced: bool = False  # 61XX: GET RESPONSE is due

    def problem(self, code: Code, text: str, path: str = "", offset: int = 0) -> None:
        if len(self.problems) < _PROBLEMS:
            self.problems.append(finding(code, text, path, offset))


@dataclass(frozen=True, slots=True)
class _Retry:
    """A command that was answered 6CXX and is to be sent again with another Le."""

    command: CommandApdu
    sw: int
    frames: tuple[int, ...]
    time: float


@dataclass(slots=True)
class _Channel:
    """What is known of one logical channel."""

    number: int
    closed: bool = False
    application: bytes | None = None  # the AID selected last; None unknown
    command: _Open | None = None
    retry: _Retry | None = None
    joiner: BppJoiner = field(default_factory=BppJoiner)


class CardTracker:
    """Takes the exchanges with one card in their order and hands up whole messages.

    It serves captures and a live connection alike; every message goes to `on_message`, what
    belongs to none to `on_problem`.
    """

    def __init__(
        self,
        on_message: Callable[[CardMessage], None],
        on_problem: Callable[[Finding, tuple[int, ...]], None],
    ) -> None:
        self._on_message = on_message
        self._on_problem = on_problem
        self._channels: dict[int, _Channel] = {}
        self._announcing: _Channel | None = None  # the channel that answered 61XX last

    def exchange(
        self, command: bytes, response: bytes, frames: tuple[int, ...], time: float
    ) -> None:
        """Take one command APDU and its response APDU."""
        try:
            asked = CommandApdu.parse(command)
            answered = ResponseApdu.parse(response)
        except ApduError as error:
            self._on_problem(finding(codes.MALFORMED, str(error)), frames)
            return
        channel = self._channel(asked.channel)
        if asked.ins == Ins.GET_RESPONSE:
            self._fetched(channel, asked, answered, frames, time)
            return
        self._announcing = None
        start = time
        if channel.retry is not None:
            before, channel.retry = channel.retry, None
            if replace(before.command, le=None) == replace(asked, le=None):
                frames, start = (*before.frames[-8:], *frames), before.time
            else:
                self._refused(channel, before)
        if answered.right_le is not None:
            channel.retry = _Retry(asked, answered.sw, frames, start)
            return
        self._asked(channel, asked, answered, frames, start, time)

    def selected(self, channel: int, aid: bytes) -> None:
        """Learn from outside the APDUs that an application was selected on a channel."""
        here = self._channel(channel)
        here.application, here.closed = aid, False

    def reset(self, frames: tuple[int, ...], time: float) -> None:
        """Learn that the card was reset: its channels are closed."""
        for channel in list(self._channels.values()):
            self._settle(channel, time, codes.RESET, "the card was reset before its last block")
        known = set(self._channels) - {0}
        self._channels = {0: _Channel(0, application=b"")}
        for number in known:
            self._channels[number] = _Channel(number, closed=True, application=b"")

    def finish(self, time: float) -> None:
        """Hand up what is under way; nothing more comes."""
        for channel in list(self._channels.values()):
            text = "the capture ends before its last block"
            self._settle(channel, time, codes.CHAIN_BROKEN, text)

    # -- commands --------------------------------------------------------------------------------

    def _channel(self, number: int) -> _Channel:
        channel = self._channels.get(number)
        if channel is None:
            channel = self._channels[number] = _Channel(number)
        return channel

    def _asked(
        self, channel: _Channel, asked: CommandApdu, answered: ResponseApdu,
        frames: tuple[int, ...], start: float, time: float,
    ) -> None:  # fmt: skip
        kind = _kind(asked)
        command = channel.command
        if command is not None:
            goes_on = (
                kind is CardKind.STORE_DATA
                and command.chain is not None
                and command.chain.takes(asked)
            )
            if not goes_on:
                text = "another command follows a block that is not the last"
                self._break_off(channel, time, codes.CHAIN_BROKEN, text)
                command = None
        if command is None:
            command = channel.command = _Open(kind, asked, start)
            if channel.closed:
                command.problem(codes.NOT_OPEN, f"channel {channel.number} was closed before")
            if kind is CardKind.STORE_DATA:
                command.chain = StoreDataChain()
        command.last = asked
        command.frames += frames
        command.sw = answered.sw
        if command.chain is not None:
            for problem in command.chain.add(asked):
                command.problems += [problem] if len(command.problems) < _PROBLEMS else []
        self._answered(channel, command, answered, frames, time)

    def _answered(
        self, channel: _Channel, command: _Open, answered: ResponseApdu,
        frames: tuple[int, ...], time: float,
    ) -> None:  # fmt: skip
        """Take response data and the status word, and finish the command if that was all."""
        if len(command.response) + len(answered.data) <= LONGEST:
            command.response += answered.data
        else:
            command.problem(codes.LIMIT, f"a response of more than {LONGEST} bytes")
        chain = command.chain
        if chain is not None and not chain.whole:
            command.frames += frames  # those of a GET RESPONSE in the midst as well
            if answered.sw == 0x9000 and not answered.data:
                return
            text = f"block {(chain.next - 1) & 0xFF:02X} answered {answered.sw:04X}"
            if answered.data:
                text += f" with {len(answered.data)} bytes"
            command.problem(codes.CHAIN_STATUS, text)
            if answered.ok:
                return
        command.response_frames += frames
        command.announced = answered.more is not None
        if command.announced and command.fetches < _FETCHES:
            self._announcing = channel
            return
        if command.announced:
            command.problem(codes.LIMIT, f"more than {_FETCHES} GET RESPONSE commands")
        self._done(channel, time)

    def _fetched(
        self, channel: _Channel, asked: CommandApdu, answered: ResponseApdu,
        frames: tuple[int, ...], time: float,
    ) -> None:  # fmt: skip
        """Take a GET RESPONSE."""
        command = channel.command
        if command is None or not command.announced:
            other = self._announcing
            if other is None or other.command is None or not other.command.announced:
                text = f"GET RESPONSE on channel {channel.number}, {answered.sw:04X}"
                self._on_problem(finding(codes.RESPONSE_STRAY, text), frames)
                return
            text = f"GET RESPONSE on channel {channel.number} for channel {other.number}"
            channel, command = other, other.command
            command.problem(codes.OTHER_CHANNEL, text)
        command.fetches += 1
        if answered.right_le is not None and command.fetches < _FETCHES:
            command.response_frames += frames
            return
        command.sw = answered.sw
        self._answered(channel, command, answered, frames, time)

    def _refused(self, channel: _Channel, retry: _Retry) -> None:
        """Hand up a command that was answered 6CXX and not sent again."""
        answered = ResponseApdu(b"", retry.sw)
        self._asked(channel, retry.command, answered, retry.frames, retry.time, retry.time)

    def _break_off(self, channel: _Channel, time: float, code: Code, text: str) -> None:
        """Finish a command whose end is missing."""
        command = channel.command
        if command is None:
            return
        if command.announced:
            command.problem(codes.RESPONSE_CUT, f"{command.sw:04X}, but no GET RESPONSE follows")
        else:
            command.problem(code, text)
        self._done(channel, time)

    def _settle(self, channel: _Channel, time: float, code: Code, text: str) -> None:
        """Hand up all that is under way on a channel."""
        retry, channel.retry = channel.retry, None
        if retry is not None:
            self._refused(channel, retry)
        self._break_off(channel, time, code, text)
        for message in channel.joiner.flush():
            self._on_message(message)

    # -- whole messages --------------------------------------------------------------------------

    def _done(self, channel: _Channel, time: float) -> None:
        command = channel.command
        assert command is not None
        channel.command = None
        if self._announcing is channel:
            self._announcing = None
        data = command.last.data if command.chain is None else bytes(command.chain.data)
        if command.kind is CardKind.STORE_DATA:
            self._check(channel, command, data)
        answered = ResponseApdu(bytes(command.response), command.sw)
        done = answered.ok or answered.more is not None
        if not done and command.kind is not CardKind.OTHER:
            command.problem(codes.STATUS, _status_text(command.sw), "SW")
        if command.kind is CardKind.SELECT and done:
            channel.application, channel.closed = data, False
        elif command.kind is CardKind.MANAGE_CHANNEL and answered.ok:
            self._managed(channel, command, answered.data)
        application = channel.application
        message = CardMessage(
            channel.number,
            command.kind,
            bytes(command.last)[:4],
            data,
            answered.data,
            command.sw,
            tuple(dict.fromkeys(command.frames)),
            tuple(dict.fromkeys(command.response_frames)),
            command.time,
            time,
            None if application is None else application == ISDR_AID,
            tuple(command.problems),
        )
        if command.kind is CardKind.STORE_DATA:
            for whole in channel.joiner.take(message):
                self._on_message(whole)
        else:
            self._on_message(message)

    def _check(self, channel: _Channel, command: _Open, data: bytes) -> None:
        if channel.application is not None and channel.application != ISDR_AID:
            aid = channel.application.hex().upper()
            text = f"{aid or 'nothing'} is selected on channel {channel.number}, not the ISD-R"
            command.problem(codes.NOT_SELECTED, text)
        whole = command.chain is not None and command.chain.whole
        fault = tlv_fault(data) if whole and first_tag(data) not in HEADERS else ""
        if fault:
            command.problem(codes.COMMAND_TLV, fault, "command")
        # an answer that was not fetched to its end has its own finding
        fault = tlv_fault(bytes(command.response)) if command.response else ""
        if fault and not command.announced:
            command.problem(codes.RESPONSE_TLV, fault, "response")

    def _managed(self, channel: _Channel, command: _Open, answer: bytes) -> None:
        """Note that a logical channel was opened or closed. ETSI TS 102 221 §11.1.17."""
        p1, p2 = command.last.p1, command.last.p2
        number = p2 or (channel.number if p1 == 0x80 else (answer[:1] or b"\0")[0])
        if p1 not in (0x00, 0x80) or (p1 == 0x00 and not number):
            return
        before = self._channels.get(number)
        if before is not None:
            text = "its channel is opened or closed before its last block"
            self._settle(before, command.time, codes.CHAIN_BROKEN, text)
        self._channels[number] = _Channel(number, closed=p1 == 0x80, application=b"")


def _kind(asked: CommandApdu) -> CardKind:
    """Tell what a command does; class bytes by ETSI TS 102 221 §10.1.1."""
    if asked.secured:
        return CardKind.OTHER
    if asked.cla & 0x80:
        if asked.ins == Ins.STORE_DATA:
            return CardKind.STORE_DATA
        if asked.ins == Ins.TERMINAL_CAPABILITY:
            return CardKind.TERMINAL_CAPABILITY
    elif asked.ins == Ins.SELECT and asked.p1 == 0x04:
        return CardKind.SELECT
    elif asked.ins == Ins.MANAGE_CHANNEL:
        return CardKind.MANAGE_CHANNEL
    return CardKind.OTHER


# ISO 7816-4 §5.6, ETSI TS 102 221 §10.2.1
_STATUS = {
    0x6700: "wrong length",
    0x6881: "logical channel not supported or not open",
    0x6982: "security status not satisfied",
    0x6985: "conditions of use not satisfied",
    0x6A80: "incorrect data",
    0x6A81: "function not supported",
    0x6A82: "application or file not found",
    0x6A84: "not enough memory",
    0x6A86: "incorrect P1 P2",
    0x6A88: "referenced data not found",
    0x6D00: "instruction not supported",
    0x6E00: "class not supported",
    0x6F00: "no precise diagnosis",
}


def _status_text(sw: int) -> str:
    meaning = _STATUS.get(sw) or ("wrong Le" if sw >> 8 == 0x6C else "")
    return f"{sw:04X} {meaning}".rstrip()
