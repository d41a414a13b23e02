"""Block-wise transfers as their server sees them: bodies coming up, responses going down in blocks.

Bounded: a peer holds a few transfers, all peers together a number of bytes, and what is not
touched for EXCHANGE_LIFETIME is dropped (RFC 7959 §2.5).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import (
    MAX_SZX,
    RESERVED_SZX,
    Assembly,
    Block,
    Placed,
    cut,
    parse_block,
)
from dissectors.link.coap.codes import CON
from dissectors.link.coap.exchange import Request, Response
from dissectors.link.coap.message import CoapMessage
from dissectors.link.coap.options import Options
from dissectors.link.coap.shelf import Key, Shelf
from dissectors.link.coap.transmission import Address

# Critical options that this server can honour; the others are answered by 4.02.
SUPPORTED: Final = frozenset(opt.REGISTRY) - {
    opt.IF_MATCH,
    opt.IF_NONE_MATCH,
    opt.OSCORE,
    opt.Q_BLOCK1,
    opt.EDHOC,
    opt.Q_BLOCK2,
}
MAX_PER_PEER: Final = 8
MAX_UPLOADED: Final = 64 << 20  # half-finished bodies of all peers
MAX_DOWNLOADED: Final = 256 << 20  # responses that peers are fetching


@dataclass(frozen=True, slots=True)
class ServerKnobs:
    """How requests are answered: the orderly limits, and what a test forces."""

    szx: int = MAX_SZX  # the largest block taken and sent
    max_body: int = 1 << 20
    ack_delay: float | None = None  # until the empty ACK of a slow answer; None: half ACK_TIMEOUT
    separate: bool = False  # empty ACK at once, response as a message of its own
    etag: bool = True  # on responses in blocks, RFC 7959 §2.4
    known: frozenset[int] = SUPPORTED  # other critical options get 4.02
    mixes: bool = False  # blocks of all peers go into one body


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back at once, without asking the application."""

    code: int
    options: Options = ()
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Call:
    """A whole request for the application, and what its response will need."""

    request: Request
    key: Key
    block1: Block | None
    szx: int
    wants_size: bool


class _Upload:
    __slots__ = ("assembly", "content_format")

    def __init__(self, limit: int, content_format: bytes | None) -> None:
        self.assembly = Assembly(limit)
        self.content_format = content_format

    @property
    def held(self) -> int:
        return self.assembly.held


class _Download:
    __slots__ = ("etag", "response")

    def __init__(self, response: Response, etag: bytes | None) -> None:
        self.response = response
        self.etag = etag

    @property
    def held(self) -> int:
        return len(self.response.body)


class ServerTransfers:
    """All block-wise transfers that peers have open with one server."""

    def __init__(self, knobs: ServerKnobs, lifetime: float) -> None:
        self.knobs = knobs
        self._uploads: Shelf[_Upload] = Shelf(MAX_PER_PEER, lifetime)
        self._downloads: Shelf[_Download] = Shelf(MAX_PER_PEER, lifetime)

    @property
    def open(self) -> int:
        """Return how many transfers are open."""
        return len(self._uploads) + len(self._downloads)

    def request(self, message: CoapMessage, address: Address, now: float) -> Reply | Call:
        """Take one request message: a block of a body, a question for a block, or all there is."""
        block1, block2 = _block(message, opt.BLOCK1), _block(message, opt.BLOCK2)
        if RESERVED_SZX in (block1.szx if block1 else 0, block2.szx if block2 else 0):
            return Reply(codes.BAD_REQUEST, (), b"size exponent 7 is reserved")
        if any(number in (opt.PROXY_URI, opt.PROXY_SCHEME) for number, _ in message.options):
            return Reply(codes.PROXYING_NOT_SUPPORTED)  # RFC 7252 §5.10.2
        key: Key = (address, *opt.transfer_key(message.code, message.options))
        if block2 is not None and block2.num:
            return self._next_block(key, block2, now)
        body = message.payload
        if block1 is not None:
            whose: Key = (None, *key[1:]) if self.knobs.mixes else key
            taken = self._take_block(whose, block1, message, now)
            if isinstance(taken, Reply):
                return taken
            body = taken
        elif len(body) > self.knobs.max_body:
            return self._too_large(None)
        request = Request(
            message.code,
            opt.without(message.options, opt.BLOCK1, opt.BLOCK2, opt.SIZE1, opt.SIZE2),
            body,
            message.type == CON,
        )
        szx = self.knobs.szx if block2 is None else min(block2.szx, self.knobs.szx)
        return Call(request, key, block1, szx, message.option(opt.SIZE2) is not None)

    def respond(self, call: Call, response: Response, now: float) -> Reply:
        """Return the first message of a response; the rest of a large one waits to be asked for."""
        self._downloads.take(call.key)
        options = response.options
        payload = response.body
        if call.block1 is not None:
            echo = Block(call.block1.num, False, call.block1.szx)
            options = opt.replace(options, opt.BLOCK1, echo.encode())
        if len(payload) > 16 << call.szx:
            etag = hashlib.sha256(payload).digest()[:8] if self.knobs.etag else None
            download = _Download(response, opt.first(response.options, opt.ETAG) or etag)
            self._downloads.put(call.key, download, now)
            while self._downloads.held > MAX_DOWNLOADED:
                self._downloads.drop_oldest()
            block, payload = cut(payload, 0, call.szx)
            options = _download_options(options, block, download)
        if call.wants_size:  # RFC 7959 §4
            options = opt.replace(options, opt.SIZE2, opt.uint_bytes(len(response.body)))
        return Reply(response.code, options, payload)

    def forget(self, address: Address) -> None:
        """Drop all transfers of a peer."""
        self._uploads.forget(address)
        self._downloads.forget(address)

    def expire(self, now: float) -> None:
        """Drop the transfers that nobody touched for EXCHANGE_LIFETIME."""
        self._uploads.expire(now)
        self._downloads.expire(now)

    def next_expiry(self) -> float | None:
        """Return when `expire` next has something to drop, or None."""
        due = (self._uploads.next_expiry(), self._downloads.next_expiry())
        return min((at for at in due if at is not None), default=None)

    # Uploads.

    def _take_block(
        self, key: Key, block: Block, message: CoapMessage, now: float
    ) -> Reply | bytes:
        """Return the whole body once its last block is there, else what to answer."""
        upload = self._uploads.take(key)
        content_format = message.option(opt.CONTENT_FORMAT)
        if block.num == 0:  # RFC 7959 §2.5: block 0 starts again
            announced = message.uint_option(opt.SIZE1)
            if announced is not None and announced > self.knobs.max_body:
                return self._too_large(block)
            upload = _Upload(self.knobs.max_body, content_format)
        if upload is None or upload.content_format != content_format:
            return self._incomplete(block, "no such transfer is open")
        placed = upload.assembly.add(block, message.payload)
        if placed is Placed.LIMIT:
            return self._too_large(block)
        if placed is Placed.ODD_SIZE:
            return Reply(codes.BAD_REQUEST, _echo(block), b"the block has not the size it says")
        if placed is not Placed.NEXT and placed is not Placed.REPEATED:
            text = f"expected the block at byte {upload.assembly.next_offset}"
            return self._incomplete(block, text)
        if upload.assembly.complete:
            return upload.assembly.body()
        if self._uploads.held + upload.held > MAX_UPLOADED:
            return Reply(codes.SERVICE_UNAVAILABLE, _echo(block), b"too many transfers are open")
        self._uploads.put(key, upload, now)
        # RFC 7959 §2.5, figure 8: the answer to block 0 may ask for a smaller size.
        szx = min(block.szx, self.knobs.szx)
        return Reply(codes.CONTINUE, _echo(Block(block.num, True, szx)))

    def _incomplete(self, block: Block, text: str) -> Reply:
        return Reply(codes.REQUEST_ENTITY_INCOMPLETE, _echo(block), text.encode())

    def _too_large(self, block: Block | None) -> Reply:
        size = ((opt.SIZE1, opt.uint_bytes(self.knobs.max_body)),)  # RFC 7959 §2.9.3
        options = opt.sort((*size, *(_echo(block) if block else ())))
        return Reply(codes.REQUEST_ENTITY_TOO_LARGE, options)

    # Downloads.

    def _next_block(self, key: Key, block: Block, now: float) -> Reply:
        download = self._downloads.take(key)
        if download is None:
            text = b"no such transfer is open; ask for block 0"
            return Reply(codes.REQUEST_ENTITY_INCOMPLETE, (), text)
        self._downloads.put(key, download, now)
        szx = min(block.szx, self.knobs.szx)
        # A smaller size than asked for moves the number, not the place (RFC 7959 §2.4).
        found, payload = cut(download.response.body, block.offset >> (szx + 4), szx)
        if not payload:
            return Reply(codes.BAD_REQUEST, (), b"the block lies past the end")
        options = _download_options(download.response.options, found, download)
        return Reply(download.response.code, options, payload)


def _block(message: CoapMessage, number: int) -> Block | None:
    value = message.option(number)
    return None if value is None else parse_block(value)


def _echo(block: Block) -> Options:
    return ((opt.BLOCK1, block.encode()),)


def _download_options(options: Options, block: Block, download: _Download) -> Options:
    if download.etag is not None:
        options = opt.replace(options, opt.ETAG, download.etag)
    return opt.replace(options, opt.BLOCK2, block.encode())
