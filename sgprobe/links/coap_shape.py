"""How one CoAP request is shaped: what a test asks for beside path, media type and body."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Block, cut
from dissectors.link.coap.exchange import Request as CoapRequest
from dissectors.link.coap.exchange import RequestKnobs, Upload
from dissectors.link.coap.options import Options
from sgprobe.exchange import Request
from sgprobe.links.associations import Leaving
from sgprobe.links.flight_fault import RecordFault
from sgprobe.links.https_client import Unreachable


class Which(StrEnum):
    """Which client of a server asks; each has a socket of its own."""

    USUAL = "usual"
    OTHER = "other"  # a second one, in the same words
    INSECURE = "insecure"  # one that speaks no DTLS


class Unanswered(Unreachable):
    """A datagram of a test's own went out, to which no answer belongs."""


# in an order of blocks: all that follow the last one named
REST = -1


@dataclass(frozen=True, slots=True)
class Shape:
    """What is told of one request; what is None is left to the link.

    `uploads` are numbers of blocks in the order in which they are sent, `downloads` those that are
    asked for after the first response. `datagram` goes out as it is, in place of the request.
    """

    upload_szx: int | None = None
    # of all blocks but the first, whose numbers count in this size
    later_szx: int | None = None
    download_szx: int | None = None
    token: bytes | None = None
    one_token: bool = False
    message_id: int | None = None
    confirmable: bool | None = None
    # without a Content-Format, or with this one
    content_format: int | None = None
    no_content_format: bool = False
    options: Options = ()
    uploads: tuple[int, ...] = ()
    downloads: tuple[int, ...] = ()
    # blocks of the response but the first are asked for twice
    twice: bool = False
    datagram: bytes = b""
    # how often the first message goes out at once, each time in a record of its own
    copies: int = 1
    # DTLS: how the client leaves the association that it has, what becomes of the first record,
    # and whether all comes from another port from now on
    leaving: Leaving | None = None
    record: RecordFault | None = None
    moved: bool = False
    client: Which = Which.USUAL

    @property
    def is_stray(self) -> bool:
        """Say whether no server has to answer."""
        unprotected = self.record is RecordFault.PLAIN or self.client is Which.INSECURE
        return self.moved or unprotected

    def apply(self, asked: CoapRequest) -> CoapRequest:
        """Return a request with the options and the type that are told."""
        options = asked.options
        if self.no_content_format:
            options = opt.without(options, opt.CONTENT_FORMAT)
        elif self.content_format is not None:
            number = opt.uint_bytes(self.content_format)
            options = opt.replace(options, opt.CONTENT_FORMAT, number)
        options = opt.sort((*options, *self.options))
        confirmable = asked.confirmable if self.confirmable is None else self.confirmable
        return replace(asked, options=options, confirmable=confirmable)

    def knobs(self, body: bytes, szx: int) -> RequestKnobs:
        """Return how the request is sent, where a link would use blocks of an exponent."""
        size = szx if self.upload_szx is None else self.upload_szx
        step = szx if self.download_szx is None else self.download_szx
        uploads = tuple(Upload(*cut(body, num, size)) for num in self._numbers(body, size))
        if self.later_szx is not None:
            uploads = self._shrunk(body, size, self.later_szx)
        return RequestKnobs(
            szx=size,
            ask_szx=self.download_szx,
            token=self.token,
            token_per_block=not self.one_token,
            mid=self.message_id,
            uploads=uploads or None,
            downloads=tuple(Block(num, False, step) for num in self.downloads) or None,
            asks_twice=self.twice,
            # an answer may never come: what follows does not wait for it
            concurrent=self.is_stray,
        )

    @staticmethod
    def _shrunk(body: bytes, first: int, later: int) -> tuple[Upload, ...]:
        """Return one block of a size, and smaller ones from where it ends. RFC 7959 §2.5."""
        begin, end = (16 << first) // (16 << later), -(-len(body) // (16 << later))
        rest = (Upload(*cut(body, num, later)) for num in range(begin, end))
        return (Upload(*cut(body, 0, first)), *rest)

    def _numbers(self, body: bytes, szx: int) -> list[int]:
        last = max(0, -(-len(body) // (16 << szx)) - 1)
        made: list[int] = []
        for num in self.uploads:
            if num == REST:
                made += range((made[-1] if made else -1) + 1, last + 1)
            else:
                made.append(num)
        return made


@dataclass(frozen=True, slots=True)
class ShapedRequest(Request):
    """A request of which a test says how CoAP carries it."""

    shape: Shape = field(default_factory=Shape)
