"""What a capture or an APDU log shows: card commands, messages, talks between ends, canaries."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dissectors.finding import Finding
from dissectors.link import codes
from dissectors.link.apdu_log import ApduLog
from dissectors.link.apdu_message import CardMessage
from dissectors.link.capture import CaptureError, CaptureSummary, read_capture
from dissectors.link.gsmtap import UDP_PORT, GsmtapSink
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import DatagramFlow, Endpoint, Flow, StreamSink
from dissectors.link.tls_session import SessionInfo
from dissectors.trace.assembly import Assembly
from dissectors.trace.card_carrier import CardCarrier
from dissectors.trace.message import Message
from dissectors.trace.read import add_secrets, is_apdu_log

# of each kind: what a boot or a load has is some hundreds, and each takes kilobytes here
_MOST = 50_000
_MOST_BYTES = 1 << 30
_PIECE = 1 << 20
_CANARY = re.compile(rb"canary (\d{1,9})", re.ASCII)
# what spoils a capture that is to show that nothing was there
_SPOILS = frozenset(
    code.name
    for code in (
        codes.CAPTURE_TRUNCATED, codes.CAPTURE_CORRUPT, codes.CAPTURE_STOPPED, codes.CAPTURE_LIMIT,
        codes.GZIP_CORRUPT, codes.GZIP_BOMB, codes.LINK_TYPE, codes.FRAME_MALFORMED,
        codes.PACKET_CUT, codes.FRAGMENT_INCOMPLETE, codes.FLOW_EVICTED,
    )
)  # fmt: skip


class SightError(Exception):
    """The file cannot be read as a capture or an APDU log."""


@dataclass(slots=True)
class Talk:
    """One flow: when it began, and when the other end answered for the first time."""

    flow: Flow
    begun: float
    answered: float | None = None

    @property
    def peer(self) -> Endpoint:
        """The end that was called."""
        return self.flow.server


@dataclass(slots=True)
class Sight:
    """All that is seen, in the order of the capture."""

    cards: list[CardMessage] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    sessions: list[SessionInfo] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    # time and number of each
    canaries: list[tuple[float, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    frames: int = 0
    first: float = 0.0
    last: float = 0.0
    gaps: int = 0
    overfull: bool = False

    def add_card(self, card: CardMessage) -> None:
        """Keep a card command."""
        if len(self.cards) < _MOST:
            self.cards.append(card)
        else:
            self.overfull = True

    def add_message(self, message: Message) -> None:
        """Keep a message."""
        if len(self.messages) < _MOST:
            self.messages.append(message)
        else:
            self.overfull = True

    def add_note(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Keep what says that the capture is not whole."""
        if finding.code in _SPOILS and len(self.notes) < 20:
            self.notes.append(f"{finding.code}: {finding.text}")


class _Watch(Assembly):
    """Opens flows like every reader of captures, and notes who talks."""

    def __init__(self, sight: Sight, canary: int) -> None:
        super().__init__(KeyLog(), sight.add_message, sight.sessions.append, sight.add_note)
        self.sight = sight
        self.canary = canary

    def talk(self, flow: Flow) -> Callable[[int, float], None]:
        """Return what notes the payload of a flow."""
        talk: Talk | None = None

        def heard(side: int, time: float) -> None:
            nonlocal talk
            if talk is None:
                if len(self.sight.talks) >= _MOST:
                    self.sight.overfull = True
                    return
                talk = Talk(flow, time)
                self.sight.talks.append(talk)
            if side == 1 and talk.answered is None:
                talk.answered = time

        return heard

    def stream(self, flow: Flow) -> StreamSink | None:
        below = super().stream(flow)
        return None if below is None else _Stream(below, self.talk(flow))

    def datagrams(self, flow: Flow) -> DatagramFlow | None:
        if UDP_PORT in (flow.client.port, flow.server.port) or flow.transport == "gsmtap":
            return _Cards(self, flow)
        if self.canary and flow.server.port == self.canary:
            return _Canaries(self.sight)
        below = super().datagrams(flow)
        return None if below is None else _Datagrams(below, self.talk(flow))


class _Stream:
    """Passes a stream on."""

    def __init__(self, below: StreamSink, heard: Callable[[int, float], None]) -> None:
        self._below = below
        self._heard = heard

    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        self._heard(side, time)
        self._below.data(side, data, frames, time)

    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None:
        self._below.gap(side, missing, frames, time)

    def end(self, side: int, frames: tuple[int, ...], time: float) -> None:
        self._below.end(side, frames, time)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        self._below.problem(finding, frames)


class _Datagrams:
    """Passes datagrams on."""

    def __init__(self, below: DatagramFlow, heard: Callable[[int, float], None]) -> None:
        self._below = below
        self._heard = heard

    def datagram(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        self._heard(side, time)
        self._below.datagram(side, data, frames, time)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        self._below.problem(finding, frames)

    def close(self) -> None:
        self._below.close()


class _Canaries:
    """Takes canaries: datagrams with `canary` and a number."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight

    def datagram(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        found = _CANARY.fullmatch(data)
        if found and len(self._sight.canaries) < _MOST:
            self._sight.canaries.append((time, int(found[1])))

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        self._sight.add_note(finding, frames)

    def close(self) -> None:
        pass


class _Cards:
    """Takes what a SIM tracer sends, commands of every kind."""

    def __init__(self, watch: _Watch, flow: Flow) -> None:
        self._sight = watch.sight
        self._carrier = CardCarrier(flow.number, ("device", "card"), watch.on_message, None)
        self._sink = GsmtapSink(self._take, watch.note)
        self._last = 0.0

    def _take(self, card: CardMessage) -> None:
        self._sight.add_card(card)
        self._carrier.message(card)

    def datagram(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        self._last = time
        self._sink.datagram(side, data, frames, time)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        self._sight.add_note(finding, frames)

    def close(self) -> None:
        self._sink.finish(self._last)


def see(path: Path, canary: int = 0) -> Sight:
    """Return what a capture or a log of APDUs shows; SightError says why it shows nothing."""
    sight = Sight()
    watch = _Watch(sight, canary)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SightError(f"{path.name}: more than {_MOST_BYTES >> 20} MB")
        if is_apdu_log(path):
            _read_log(path, sight, watch)
            return sight
        watch.scanned = add_secrets(path, watch.keys, watch.note)
        summary = read_capture(str(path), watch)
    except OSError as error:
        raise SightError(f"{path.name}: {error.strerror or error}") from None
    except CaptureError as error:
        raise SightError(str(error).replace(str(path), path.name)) from None
    _take(sight, summary)
    return sight


def _take(sight: Sight, summary: CaptureSummary) -> None:
    sight.frames, sight.gaps = summary.frames, summary.gaps
    sight.first, sight.last = summary.first or 0.0, summary.last or 0.0


def _read_log(path: Path, sight: Sight, watch: _Watch) -> None:
    carrier = CardCarrier(1, ("device", "card"), sight.add_message, None)

    def take(card: CardMessage) -> None:
        sight.add_card(card)
        carrier.message(card)

    log = ApduLog(take, watch.note)
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            log.data(data)
    log.end()
    sight.frames = log.lines
