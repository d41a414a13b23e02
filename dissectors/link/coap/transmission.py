"""The terms of the message layer: parameters, knobs, messages on their way, and its events."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Mapping
from dataclasses import dataclass, field

from dissectors.finding import Finding
from dissectors.link.coap.message import CoapMessage
from dissectors.link.coap.timers import Timer

Address = Hashable


@dataclass(frozen=True, slots=True)
class Transmission:
    """The transmission parameters of RFC 7252 §4.8, and the times derived from them."""

    ack_timeout: float = 2.0
    ack_random_factor: float = 1.5
    max_retransmit: int = 4
    nstart: int = 1
    max_latency: float = 100.0

    @property
    def max_transmit_span(self) -> float:
        """Return the longest time from the first to the last transmission of a message."""
        return self.ack_timeout * ((1 << self.max_retransmit) - 1) * self.ack_random_factor

    @property
    def exchange_lifetime(self) -> float:
        """Return how long the id of a CON may still come back."""
        return self.max_transmit_span + 2 * self.max_latency + self.ack_timeout

    @property
    def non_lifetime(self) -> float:
        """Return how long the id of a NON may still come back."""
        return self.max_transmit_span + self.max_latency


@dataclass(frozen=True, slots=True)
class MessageKnobs:
    """What a test may have the message layer do otherwise than RFC 7252 says.

    Ordinals count from 1 over all peers: `skip_acks` names replies (ACK or RST, the repeated ones
    too) that are not sent, `copies` how often a datagram goes out (0 drops it, 2 doubles it).
    `rewrite` sees every message before it is encoded and may return another, or raw bytes.
    """

    first_mid: int | None = None
    fixed_mid: int | None = None
    skip_acks: Container[int] = ()
    copies: Mapping[int, int] = field(default_factory=dict)
    deduplicate: bool = True
    reject_malformed: bool = True
    rewrite: Callable[[CoapMessage], CoapMessage | bytes] | None = None


@dataclass(frozen=True, slots=True)
class Datagram:
    """Bytes to put on the wire, and where to."""

    data: bytes
    address: Address


class Outgoing:
    """A CON or NON on its way: its peer, how often it was sent, and who asked for it."""

    __slots__ = (
        "address",
        "context",
        "data",
        "message",
        "mid",
        "timeout",
        "timer",
        "transmissions",
    )

    def __init__(
        self, message: CoapMessage, address: Address, mid: int | None, context: object
    ) -> None:
        self.message = message
        self.address = address
        self.mid = mid
        self.context = context
        self.data = b""
        self.transmissions = 0
        self.timeout = 0.0
        self.timer: Timer | None = None


class Seen:
    """A message id that came in: until when it counts, its bytes' hash, and the reply it got."""

    __slots__ = ("digest", "expires", "reply")

    def __init__(self, expires: float, digest: int) -> None:
        self.expires = expires
        self.digest = digest
        self.reply: bytes | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request or response that came in for the first time; `acknowledges` if it rides an ACK."""

    message: CoapMessage
    address: Address
    time: float
    seen: Seen | None = None
    acknowledges: Outgoing | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An empty ACK came for a message of ours."""

    outgoing: Outgoing
    time: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A RST came for a message of ours."""

    outgoing: Outgoing
    time: float


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A CON of ours stayed without answer through all its retransmissions."""

    outgoing: Outgoing
    time: float


@dataclass(frozen=True, slots=True)
class Problem:
    """A datagram with something wrong in it came from a peer."""

    finding: Finding
    address: Address
    time: float


MessageEvent = Incoming | Acknowledged | Refused | GaveUp | Problem
