"""The terms of the request/response layer: requests, responses, knobs and events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dissectors.link.coap import options as opt
from dissectors.link.coap.block import MAX_SZX, Block, cut
from dissectors.link.coap.codes import POST, code_text
from dissectors.link.coap.message import CoapMessage
from dissectors.link.coap.options import Options
from dissectors.link.coap.transmission import Address, Problem


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request, its body in one piece; block options are none of its concern."""

    code: int = POST
    options: Options = ()
    body: bytes = b""
    confirmable: bool = True

    @property
    def path(self) -> str:
        """Return the Uri-Path as one path."""
        return opt.uri_path(self.options)

    @property
    def content_format(self) -> int | None:
        """Return the Content-Format number, or None."""
        return opt.first_uint(self.options, opt.CONTENT_FORMAT)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response, its body in one piece."""

    code: int
    options: Options = ()
    body: bytes = b""

    @property
    def code_text(self) -> str:
        """Return the code as "2.04"."""
        return code_text(self.code)

    @property
    def content_format(self) -> int | None:
        """Return the Content-Format number, or None."""
        return opt.first_uint(self.options, opt.CONTENT_FORMAT)


def make_request(
    path: str,
    body: bytes = b"",
    *,
    code: int = POST,
    host: str | None = None,
    queries: tuple[str, ...] = (),
    content_format: int | None = None,
    accept: int | None = None,
    confirmable: bool = True,
) -> Request:
    """Return a request made of the parts that a URI and a media type name."""
    options = [*opt.path_options(path), *((opt.URI_QUERY, q.encode()) for q in queries)]
    if host is not None:
        options.append((opt.URI_HOST, host.encode()))
    if content_format is not None:
        options.append((opt.CONTENT_FORMAT, opt.uint_bytes(content_format)))
    if accept is not None:
        options.append((opt.ACCEPT, opt.uint_bytes(accept)))
    return Request(code, opt.sort(options), body, confirmable)


def make_response(code: int, body: bytes = b"", *, content_format: int | None = None) -> Response:
    """Return a response with its body and the number of its media type."""
    if content_format is None:
        return Response(code, (), body)
    return Response(code, ((opt.CONTENT_FORMAT, opt.uint_bytes(content_format)),), body)


@dataclass(frozen=True, slots=True)
class Upload:
    """One Block1 message of an upload, as a plan spells it out."""

    block: Block
    payload: bytes


def plan_upload(body: bytes, szx: int = MAX_SZX) -> tuple[Upload, ...]:
    """Return the blocks of an orderly upload; a test drops, doubles, swaps or edits them."""
    count = max(1, -(-len(body) // (16 << szx)))
    return tuple(Upload(*cut(body, num, szx)) for num in range(count))


@dataclass(frozen=True, slots=True)
class RequestKnobs:
    """How one request is sent: the orderly choices, and what a test forces.

    `uploads` are the Block1 messages to send one after the other, whatever negotiation says;
    `downloads` the Block2 options to ask with after the first response. A planned exchange ends
    with its plan, and hands up the last response as it came.
    """

    szx: int = MAX_SZX
    ask_szx: int | None = None  # early negotiation: Block2 in the first request, RFC 7959 §2.4
    announce_size: bool = False  # Size1 in the first block, RFC 7959 §4
    token: bytes | None = None
    token_per_block: bool = True
    mid: int | None = None  # of the first message
    concurrent: bool = False  # beside others that the server cannot tell apart by their options
    restarts: int = 1  # after 4.08 or a changed ETag, where that is safe
    checks_etag: bool = True  # a test forces bodies to be mixed
    checks_token: bool = True  # or an ACK to be believed for its message id alone
    uploads: tuple[Upload, ...] | None = None
    downloads: tuple[Block, ...] | None = None
    # each block of a response but the first is asked for twice, and has to be the same
    asks_twice: bool = False


class Failure(StrEnum):
    """Why a request ended without a response, or a response without an ACK."""

    GAVE_UP = "no ACK after all retransmissions"
    RESET = "the peer sent RST"
    TIMEOUT = "no response in time"
    BLOCKS = "the peer broke the block-wise transfer"
    ETAG = "the representation changed between blocks"
    TOO_LARGE = "the body is larger than the limit"
    OPTION = "the response has a critical option that is not understood"
    PLAN = "the plan of blocks ended without a final response"
    FORGOTTEN = "the session with the peer is over"


@dataclass(frozen=True, slots=True)
class RequestArrived:
    """A whole request came in; `respond(reference, …)` answers it. `message` completed it."""

    reference: int
    request: Request
    address: Address
    time: float
    message: CoapMessage


@dataclass(frozen=True, slots=True)
class ResponseArrived:
    """The whole response to request `handle` came in. `message` completed it."""

    handle: int
    response: Response
    time: float
    message: CoapMessage


@dataclass(frozen=True, slots=True)
class BlockAnswered:
    """One message of a block-wise exchange was answered; a test looks at the details."""

    handle: int
    message: CoapMessage
    time: float


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """Request `handle` ended without a response."""

    handle: int
    failure: Failure
    text: str
    time: float


@dataclass(frozen=True, slots=True)
class ResponseFailed:
    """The separate response to `reference` was not acknowledged."""

    reference: int
    failure: Failure
    time: float


Event = RequestArrived | ResponseArrived | BlockAnswered | RequestFailed | ResponseFailed | Problem
