"""One request as its client sees it: Block1 up, Block2 down, one message at a time (RFC 7959)."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.link.coap import options as opt
from dissectors.link.coap.block import RESERVED_SZX, Assembly, Block, Placed, cut, parse_block
from dissectors.link.coap.codes import (
    CONTINUE,
    FETCH,
    GET,
    REQUEST_ENTITY_INCOMPLETE,
    REQUEST_ENTITY_TOO_LARGE,
)
from dissectors.link.coap.exchange import Failure, Request, RequestKnobs, Response
from dissectors.link.coap.message import CoapMessage
from dissectors.link.coap.options import Options


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange cannot go on."""

    failure: Failure
    text: str


class ClientTransfer:
    """The state of one request: what to send next, and what an answer means.

    `message()` gives options and payload of the message to send; `answer(message)` takes its
    response and returns the whole response, a failure, or None where another message follows.
    """

    def __init__(self, request: Request, knobs: RequestKnobs, limit: int) -> None:
        self.request = request
        self.knobs = knobs
        self._limit = limit
        self._szx = knobs.szx
        self._offset = 0  # of the upload
        self._step = 0  # in the plans
        self._restarts = knobs.restarts
        self._sent: Block | None = None  # the Block1 that waits for its answer
        self._ask: Block | None = None  # the Block2 that goes with the next message
        self._head: CoapMessage | None = None  # the first response of a download
        self._assembly = Assembly(limit)
        self._once: bytes | None = None  # a block that is asked for again

    def message(self) -> tuple[Options, bytes]:
        """Return options and payload of the message to send now."""
        options = self.request.options
        if self._head is not None and self._ask is not None:
            # RFC 7959 §2.7: a download goes on without Block1 and without the body.
            return opt.replace(options, opt.BLOCK2, self._ask.encode()), b""
        block, payload = self._upload()
        body = self.request.body
        self._sent = block
        if block is not None:
            options = opt.replace(options, opt.BLOCK1, block.encode())
            if self.knobs.announce_size and block.num == 0:
                options = opt.replace(options, opt.SIZE1, opt.uint_bytes(len(body)))
        if self.knobs.ask_szx is not None and (block is None or not block.more):
            ask = Block(0, False, self.knobs.ask_szx)
            options = opt.replace(options, opt.BLOCK2, ask.encode())
        return options, payload

    def _upload(self) -> tuple[Block | None, bytes]:
        if self.knobs.uploads is not None:
            planned = self.knobs.uploads[self._step]
            return planned.block, planned.payload
        body = self.request.body
        if len(body) <= 16 << self._szx and self._offset == 0:
            return None, body
        return cut(body, self._offset >> (self._szx + 4), self._szx)

    def answer(self, message: CoapMessage) -> Response | Failed | None:
        """Take the response to the message sent last."""
        if self._head is None:
            sent = self._sent
            if self.knobs.uploads is not None:
                self._step += 1
                if message.code == CONTINUE:
                    if self._step < len(self.knobs.uploads):
                        return None
                    return Failed(Failure.PLAN, "the server answered 2.31 to the last block")
            elif sent is not None:
                carried_on, failed = self._uploaded(sent, message)
                if carried_on:
                    return failed
        return self._downloaded(message)

    def _uploaded(self, sent: Block, message: CoapMessage) -> tuple[bool, Failed | None]:
        """Say whether the upload goes on (or fails) with this answer."""
        value = message.option(opt.BLOCK1)
        echo = None if value is None else parse_block(value)
        if message.code == CONTINUE:
            if not sent.more:
                return True, Failed(Failure.BLOCKS, "2.31 Continue after the last block")
            if echo is not None and echo.num != sent.num:
                return True, Failed(Failure.BLOCKS, f"2.31 for block {echo.num}, not {sent.num}")
            self._offset = sent.offset + sent.size
            self._shrink(echo)
            return True, None
        if message.code == REQUEST_ENTITY_TOO_LARGE and echo is not None and sent.num == 0:
            # RFC 7959 §2.9.3: the server may say which size it would take.
            if echo.szx < self._szx:
                self._shrink(echo)
                self._offset = 0
                return True, None
        elif message.code == REQUEST_ENTITY_INCOMPLETE and self._restarts:
            self._restarts -= 1  # RFC 7959 §2.9.2
            self._offset = 0
            return True, None
        return False, None

    def _shrink(self, echo: Block | None) -> None:
        if echo is not None and echo.szx < self._szx:  # RFC 7959 §2.5
            self._szx = echo.szx

    def _downloaded(self, message: CoapMessage) -> Response | Failed | None:
        if self.knobs.downloads is not None:
            return self._planned_download(message)
        value = message.option(opt.BLOCK2)
        block = None if value is None else parse_block(value)
        head = self._head
        if block is None or (head is not None and message.code >= 0x80):
            if head is not None and message.code < 0x80:
                return Failed(Failure.BLOCKS, f"block {self._ask} asked, none in the response")
            return _whole(message, message.payload)
        if block.szx == RESERVED_SZX:
            return Failed(Failure.BLOCKS, "Block2 with the reserved size exponent 7")
        if head is None:
            self._head = message
        elif message.code != head.code or self._differs(head, message):
            return self._changed()
        if self.knobs.asks_twice and block.num:
            before, self._once = self._once, None
            if before is None:
                self._once = message.payload
                return None
            if before != message.payload:
                return Failed(Failure.BLOCKS, f"block {block} is another when asked for again")
        placed = self._assembly.add(block, message.payload)
        if placed is Placed.LIMIT:
            return Failed(Failure.TOO_LARGE, f"more than {self._limit} bytes")
        if placed is not Placed.NEXT:
            return Failed(Failure.BLOCKS, f"block {block} is {placed}, asked was {self._ask}")
        if self._assembly.complete:
            return _whole(self._head or message, self._assembly.body())
        if not message.payload:
            return Failed(Failure.BLOCKS, f"block {block} is empty and not the last")
        szx = block.szx if self.knobs.ask_szx is None else min(block.szx, self.knobs.ask_szx)
        self._ask = Block(self._assembly.next_offset >> (szx + 4), False, szx)
        return None

    def _differs(self, head: CoapMessage, message: CoapMessage) -> bool:
        return self.knobs.checks_etag and message.option(opt.ETAG) != head.option(opt.ETAG)

    def _changed(self) -> Failed | None:
        # RFC 7959 §2.4: bodies are not mixed. Only a safe method is asked again from the start.
        if self.request.code not in (GET, FETCH) or not self._restarts:
            return Failed(Failure.ETAG, "code or ETag differ from those of the first block")
        self._restarts -= 1
        self._head = None
        self._ask = None
        self._offset = 0
        self._assembly = Assembly(self._limit)
        return None

    def _planned_download(self, message: CoapMessage) -> Response | None:
        asks = self.knobs.downloads or ()
        if self._head is None:
            self._head = message
            self._step = 0
        if self._step < len(asks):
            self._ask = asks[self._step]
            self._step += 1
            return None
        return Response(message.code, message.options, message.payload)


def _whole(head: CoapMessage, body: bytes) -> Response:
    options = opt.without(head.options, opt.BLOCK1, opt.BLOCK2)
    return Response(head.code, options, body)
