"""What a captured flow has under way: bodies in the making and requests that wait for an answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from dissectors.finding import Code, Finding, finding
from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Assembly, Block, Placed
from dissectors.link.coap.message import CoapMessage
from dissectors.link.coap.options import Options
from dissectors.link.coap.transfers import Budget, CoapTransfer, Limits, RequestRef

Frames = tuple[int, ...]
TransferKey = tuple[int, Options]

MAX_FINDINGS: Final = 16  # per body
MAX_RANGES: Final = 8  # in the text of a finding
MAX_FRAMES: Final = 100_000  # per body
MAX_DONE: Final = 16  # bodies remembered after their end

_CODES: Final[dict[Placed, Code]] = {
    Placed.AHEAD: codes.BLOCK_ORDER,
    Placed.REPEATED: codes.BLOCK_REPEATED,
    Placed.CHANGED: codes.BLOCK_CHANGED,
    Placed.ODD_SIZE: codes.BLOCK_SIZE,
    Placed.BEYOND: codes.BLOCK_BEYOND,
    Placed.RESERVED: codes.BLOCK_SZX,
    Placed.LIMIT: codes.BLOCK_LIMIT,
}


class Body:
    """A body in the making: its first message, its blocks so far, and what it answers."""

    __slots__ = (
        "assembly",
        "blocks",
        "done",
        "etag",
        "findings",
        "frames",
        "head",
        "key",
        "last",
        "number",
        "ref",
        "request",
        "side",
        "started",
        "time",
    )

    def __init__(
        self,
        key: TransferKey,
        number: int,
        side: int,
        head: CoapMessage,
        time: float,
        request: RequestRef | None,
    ) -> None:
        self.key = key
        self.number = number
        self.side = side
        self.head = replace(head, payload=b"")
        self.started = time
        self.time = time
        self.request = request  # what a response answers
        self.ref: RequestRef | None = None  # a request itself, once it is told
        self.etag = head.option(opt.ETAG)
        self.assembly = Assembly(0)
        self.blocks = 0
        self.last = (0, 0)  # offset and hash of the newest block
        self.frames: list[int] = []
        self.findings: list[Finding] = []
        self.done = False

    def note(self, *found: Finding) -> None:
        """Keep findings, up to a bound."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings += found

    def add_frames(self, frames: Frames) -> None:
        """Keep the frames of a datagram that carried bytes of the body, up to a bound."""
        if not self.done and len(self.frames) < MAX_FRAMES:
            self.frames += frames

    def whole(self) -> CoapTransfer:
        """Return the message as far as it came."""
        assembly = self.assembly
        missing = assembly.missing()
        length = assembly.next_offset
        if missing:
            named = [f"{a} to {'the end' if b is None else b}" for a, b in missing[:MAX_RANGES]]
            named += ["..."] if len(missing) > MAX_RANGES else []
            text = f"missing: bytes {', '.join(named)}"
            self.findings.append(finding(codes.BLOCK_INCOMPLETE, text))
        else:
            number = opt.SIZE1 if self.head.code < 0x20 else opt.SIZE2
            announced = self.head.uint_option(number)
            if announced and announced != length:
                text = f"{opt.option_name(number)} announced {announced} bytes, {length} came"
                self.findings.append(finding(codes.SIZE_DIFFERS, text))
        head = self.head
        return CoapTransfer(
            self.number,
            self.side,
            head.type,
            head.code,
            head.mid,
            head.token,
            head.options,
            assembly.body(),
            tuple(self.frames),
            self.started,
            self.time,
            self.request,
            not missing,
            missing,
            self.blocks,
            tuple(self.findings),
        )


# what most flows have: they share it, for an ordered map of its own costs each of them microseconds
_NONE: Final[OrderedDict[TransferKey, Body]] = OrderedDict()


class Bodies:
    """The bodies that one side has in the making, the longest untouched first."""

    __slots__ = ("_budget", "_done", "_limits", "_open")

    def __init__(self, limits: Limits, budget: Budget) -> None:
        self._limits = limits
        self._budget = budget
        self._open = self._done = _NONE

    def __iter__(self) -> Iterator[Body]:
        return iter(tuple(self._open.values()))

    def get(self, key: TransferKey) -> Body | None:
        """Return the body under way, or None."""
        return self._open.get(key)

    def open(self, body: Body) -> None:
        """Start a body."""
        over = self._budget.held > self._budget.max_held
        limit = 0 if over else self._limits.max_body
        body.assembly = Assembly(limit, self._limits.max_ahead)
        if self._open is _NONE:
            self._open, self._done = OrderedDict(), OrderedDict()
        self._open[body.key] = body

    def add(self, body: Body, block: Block, message: CoapMessage, frames: Frames) -> None:
        """Put one block into its body, and note what is odd about it."""
        assembly = body.assembly
        before = assembly.held
        placed = assembly.add(block, message.payload)
        self._budget.held += assembly.held - before
        if self._budget.held > self._budget.max_held:
            assembly.limit = 0
        body.last = (block.offset, hash(message.payload))
        body.blocks += 1
        body.add_frames(frames)
        if placed is not Placed.NEXT:
            text = f"block {block} of {len(message.payload)} bytes is {placed}, "
            text += f"{assembly.next_offset} bytes were there (frame {frames[0]})"
            body.note(finding(_CODES[placed], text))
        self._open.move_to_end(body.key)

    def close(self, body: Body) -> CoapTransfer:
        """End a body and return its message; its last block is remembered for a while."""
        told = body.whole()
        self._budget.held -= body.assembly.held
        body.assembly = Assembly(0)
        body.frames = []
        body.done = True
        del self._open[body.key]
        if told.is_request:
            frames = told.frames[:1]
            body.ref = RequestRef(told.number, told.code, told.options, frames, told.time)
        if told.complete:
            self._done[body.key] = body
            self._done.move_to_end(body.key)
            if len(self._done) > MAX_DONE:
                self._done.popitem(last=False)
        return told

    def repeated(self, key: TransferKey, block: Block, message: CoapMessage) -> Body | None:
        """Return the finished body whose last block this is once more, or None."""
        body = self._done.get(key)
        if body is None or body.last != (block.offset, hash(message.payload)):
            return None
        return body if body.etag == message.option(opt.ETAG) else None

    def overdue(self, time: float) -> list[Body]:
        """Return the bodies that waited too long, or of which there are too many."""
        surplus = len(self._open) - self._limits.max_transfers
        due = []
        for body in self._open.values():
            if surplus <= 0 and time - body.time <= self._limits.lifetime:
                break
            if surplus > 0:
                body.note(finding(codes.TOO_MANY, f"{len(self._open)} bodies in the making"))
            surplus -= 1
            due.append(body)
        return due


class Pending:
    """One request message, and what its response will mean."""

    __slots__ = (
        "answered",
        "confirmable",
        "cost",
        "frames",
        "goes_on",
        "key",
        "mid",
        "more",
        "ref",
        "token",
        "upload",
    )

    def __init__(self, message: CoapMessage, frames: Frames) -> None:
        self.mid = message.mid
        self.token = message.token
        self.confirmable = message.type == codes.CON
        self.frames = frames
        self.cost = 1 + (len(message.options) >> 3)
        self.answered: int | None = None  # hash of the answer
        self.ref: RequestRef | None = None
        self.upload: Body | None = None  # the body of which the message is a block
        self.more = False  # further blocks follow
        self.key: TransferKey | None = None  # of the download that the message goes on with
        self.goes_on: CoapMessage | None = None  # that message, should there be no such download
