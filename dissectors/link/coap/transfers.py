"""What a captured CoAP flow says: whole requests and responses, and one record per datagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from dissectors.finding import Finding
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Block, parse_block
from dissectors.link.coap.codes import TYPE_NAMES, code_text
from dissectors.link.coap.message import CoapMessage
from dissectors.link.coap.options import Options

LEAST_SHARE: Final = 8
Missing = tuple[tuple[int, int | None], ...]


class RequestRef(NamedTuple):
    """The request that a response answers, less its body; `frames` are of its first datagram."""

    number: int
    code: int
    options: Options
    frames: tuple[int, ...]
    time: float

    @property
    def path(self) -> str:
        """Return the Uri-Path as one path."""
        return opt.uri_path(self.options)


class CoapTransfer(NamedTuple):
    """One application message, put together from all its blocks.

    `number` counts the transfers of a flow from 1, in the order in which they started. `type`,
    `mid`, `token` and `options` are those of its first datagram, `frames` all datagrams that
    carried its bytes. Where not all of it came, `complete` is false, `missing` names the byte
    ranges (open where no end was seen), and `body` ends at the first hole.
    """

    number: int
    side: int
    type: int
    code: int
    mid: int
    token: bytes
    options: Options
    body: bytes
    frames: tuple[int, ...]
    started: float
    time: float
    request: RequestRef | None = None
    complete: bool = True
    missing: Missing = ()
    blocks: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def is_request(self) -> bool:
        """Say whether this is a request."""
        return self.code < 0x20

    @property
    def code_text(self) -> str:
        """Return the code as "0.02" or "2.04"."""
        return code_text(self.code)

    @property
    def type_name(self) -> str:
        """Return CON, NON or ACK."""
        return TYPE_NAMES[self.type]

    @property
    def path(self) -> str:
        """Return the Uri-Path of the request, of a response that of the request it answers."""
        if self.is_request or self.request is None:
            return opt.uri_path(self.options)
        return self.request.path

    @property
    def queries(self) -> tuple[str, ...]:
        """Return the Uri-Query arguments."""
        return opt.uri_queries(self.options)

    @property
    def content_format(self) -> int | None:
        """Return the Content-Format number, or None."""
        return opt.first_uint(self.options, opt.CONTENT_FORMAT)


@dataclass(frozen=True, slots=True)
class DatagramRecord:
    """What one datagram is in its flow: the derived fields that renderers and assertions use.

    `duplicate`: its bytes came before under the same message id. `retransmission`: a duplicate that
    its sender made, a CON no sooner than `RESEND_GAP` after the previous one. `back_off` and
    `since_first` are seconds since the previous and the first transmission. `acknowledges` is the
    first frame of the message that this ACK or RST settles, `answers` that of the request that this
    response answers, `transfer` the number of the `CoapTransfer` that it serves.
    """

    side: int
    frames: tuple[int, ...]
    time: float
    size: int
    message: CoapMessage | None
    findings: tuple[Finding, ...] = ()
    duplicate: bool = False
    retransmission: bool = False
    transmission: int = 1
    first_frame: int | None = None
    back_off: float | None = None
    since_first: float | None = None
    acknowledges: int | None = None
    answers: int | None = None
    separate: bool = False
    transfer: int | None = None

    @property
    def block1(self) -> Block | None:
        """Return the Block1 option."""
        return self._block(opt.BLOCK1)

    @property
    def block2(self) -> Block | None:
        """Return the Block2 option."""
        return self._block(opt.BLOCK2)

    def _block(self, number: int) -> Block | None:
        value = self.message.option(number) if self.message else None
        return None if value is None else parse_block(value)


class CoapSink(Protocol):
    """Takes what an observer finds in one flow."""

    def transfer(self, transfer: CoapTransfer) -> None:
        """Take one application message, in order of completion."""

    def record(self, record: DatagramRecord) -> None:
        """Take what one datagram is; called only where records are asked for."""

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Take a finding that belongs to no application message."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one observer keeps of what is not finished."""

    max_body: int = 8 << 20
    max_ahead: int = 4096  # blocks past a hole, per body
    max_transfers: int = 64  # bodies in the making, per direction
    max_tokens: int = 4096  # requests, per direction
    lifetime: float = 247.0  # EXCHANGE_LIFETIME, RFC 7252 §4.8.2


class Budget:
    """What all observers of a capture keep together; over it each of them keeps its share.

    An observer that is let go without its `end` keeps its part of the budget.
    """

    __slots__ = ("entries", "flows", "held", "max_entries", "max_held")

    def __init__(self, max_entries: int = 150_000, max_held: int = 64 << 20) -> None:
        self.max_entries = max_entries
        self.max_held = max_held
        self.entries = 0
        self.held = 0
        self.flows = 0

    @property
    def share(self) -> int:
        """Return how many message ids, and how many tokens, a direction keeps at least."""
        return max(LEAST_SHARE, self.max_entries // (4 * max(self.flows, 1)))
