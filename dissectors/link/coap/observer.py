"""The passive CoAP path: datagrams of one flow in, whole requests and responses out.

An `Observer` is the `DatagramSink` of one UDP or DTLS flow. It tells each application message once
whatever was retransmitted, duplicated or reordered, and can record what every datagram is.
"""

from __future__ import annotations

from typing import Final

from dissectors.finding import Finding, finding
from dissectors.link.coap.codes import ACK, CON, MID_REUSED, RST
from dissectors.link.coap.conversation import Conversation, Sight
from dissectors.link.coap.message import CoapMessage, decode, is_malformed
from dissectors.link.coap.options import Options
from dissectors.link.coap.sightings import Sighting, Sightings
from dissectors.link.coap.transfers import Budget, CoapSink, DatagramRecord, Limits

# The shortest wait that counts as the sender's own; what comes sooner was doubled on the way.
RESEND_GAP: Final = 0.1
# What is kept of the options of an outsized message: enough for any real path and its query.
LARGE_DATAGRAM: Final = 1280
MAX_OPTIONS: Final = 64
MAX_OPTION_BYTES: Final = 1024


class Observer:
    """Reads one captured CoAP flow."""

    __slots__ = ("_budget", "_conversation", "_ended", "_records", "_sightings", "_sink")

    def __init__(
        self,
        sink: CoapSink,
        *,
        records: bool = True,
        limits: Limits | None = None,
        budget: Budget | None = None,
    ) -> None:
        limits = limits or Limits()
        budget = budget or Budget()
        budget.flows += 1
        self._budget = budget
        self._ended = False
        self._sink = sink
        self._records = records
        self._sightings = (Sightings(limits.lifetime, budget), Sightings(limits.lifetime, budget))
        self._conversation = Conversation(sink, self._sightings, limits, budget)

    def datagram(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take one whole datagram."""
        message, findings = decode(data)
        if message is None:
            self._problems(findings, frames)
            if self._records:
                self._sink.record(DatagramRecord(side, frames, time, len(data), None, findings))
            return
        if not message.code and message.type == ACK and not self._records and not findings:
            return  # of use to the records alone
        sighting, reused = self._sightings[side].see(message, data, frames[0], time)
        previous = sighting.last
        sighting.last = time
        if sighting.count == 1:
            if reused:
                text = f"message id {message.mid} with other bytes"
                findings += (finding(MID_REUSED, text, "mid", 2),)
            if len(data) > LARGE_DATAGRAM or len(message.options) > MAX_OPTIONS:
                message = _trimmed(message)
            self._take(Sight(side, message, frames, time, findings, sighting))
        elif sighting.body is not None:
            sighting.body.add_frames(frames)
        if self._records:
            self._record(
                side, message, len(data), frames, time, findings, sighting, time - previous
            )

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Pass on a finding of a lower layer."""
        self._sink.problem(finding, frames)

    def end(self) -> None:
        """Tell what is unfinished and give its room back: the flow or the capture is over."""
        if self._ended:
            return
        self._ended = True
        self._budget.flows -= 1
        self._conversation.end()
        for sightings in self._sightings:
            sightings.clear()

    def _take(self, sight: Sight) -> None:
        conversation = self._conversation
        conversation.tick(sight.time)
        message = sight.message
        code = message.code
        if sight.findings and is_malformed(sight.findings):
            if code and message.type != RST:
                conversation.malformed(sight)
            else:
                self._problems(sight.findings, sight.frames)
        elif 0 < code < 0x20:
            conversation.request(sight)
        elif code:
            conversation.response(sight)
        elif message.type == RST:
            rejected = self._sightings[1 - sight.side].own(message.mid)
            if rejected is not None:
                conversation.reset(rejected, sight.frames)

    def _record(
        self,
        side: int,
        message: CoapMessage,
        size: int,
        frames: tuple[int, ...],
        time: float,
        findings: tuple[Finding, ...],
        sighting: Sighting,
        gap: float,
    ) -> None:
        again = sighting.count > 1
        asked = sighting.pending if message.code >= 0x40 else None
        settled = None
        if message.type >= ACK:
            settled = self._sightings[1 - side].own(message.mid)
        self._sink.record(
            DatagramRecord(
                side,
                frames,
                time,
                size,
                message,
                findings,
                again,
                again and message.type == CON and gap >= RESEND_GAP,
                sighting.count,
                sighting.frame,
                gap if again else None,
                time - sighting.first if again else None,
                None if settled is None else settled.frame,
                None if asked is None else asked.frames[0],
                asked is not None and asked.confirmable and message.type != ACK,
                sighting.transfer,
            )
        )

    def _problems(self, findings: tuple[Finding, ...], frames: tuple[int, ...]) -> None:
        for item in findings:
            self._sink.problem(item, frames)


def _trimmed(message: CoapMessage) -> CoapMessage:
    """Return an outsized message with only the first of its options, which are kept for long."""
    kept: list[tuple[int, bytes]] = []
    left = MAX_OPTION_BYTES
    for number, value in message.options[:MAX_OPTIONS]:
        left -= len(value)
        if left < 0:
            break
        kept.append((number, value))
    options: Options = tuple(kept)
    return CoapMessage(
        message.type, message.code, message.mid, message.token, options, message.payload
    )
