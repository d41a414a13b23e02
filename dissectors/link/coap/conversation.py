"""Requests and responses of a captured flow: tokens matched, blocks put together, each told once.

The passive half of RFC 7252 §5 and RFC 7959: it takes the messages of both directions, less their
duplicates, and hands up whole requests and responses in order of completion.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import replace
from typing import Final, NamedTuple

from dissectors.finding import Finding, finding
from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import RESERVED_SZX, Block, parse_block
from dissectors.link.coap.codes import ACK, CONTINUE, EMPTY
from dissectors.link.coap.message import CoapMessage
from dissectors.link.coap.ongoing import Bodies, Body, Frames, Pending, TransferKey
from dissectors.link.coap.options import BLOCK1, BLOCK2, Options
from dissectors.link.coap.sightings import Sighting, Sightings
from dissectors.link.coap.transfers import Budget, CoapSink, CoapTransfer, Limits, RequestRef

Findings = tuple[Finding, ...]

# An answer captured before its question is held this long, and so many of them.
HOLD_SECONDS: Final = 1.0
MAX_HELD: Final = 32


class Sight(NamedTuple):
    """One message as it came: which way, in which frames, when, and what was wrong with it."""

    side: int
    message: CoapMessage
    frames: Frames
    time: float
    findings: Findings
    sighting: Sighting


class _Asker:
    """What one side has asked the other."""

    __slots__ = ("downloads", "let_go", "tokens", "uploads")

    def __init__(self, limits: Limits, budget: Budget) -> None:
        self.tokens: OrderedDict[bytes, Pending] = OrderedDict()
        self.uploads = Bodies(limits, budget)
        self.downloads = Bodies(limits, budget)
        self.let_go = 0


class Conversation:
    """The exchanges of one flow, both ways."""

    __slots__ = ("_askers", "_budget", "_held", "_limits", "_serial", "_sightings", "_sink")

    def __init__(
        self,
        sink: CoapSink,
        sightings: tuple[Sightings, Sightings],
        limits: Limits,
        budget: Budget,
    ) -> None:
        self._sink = sink
        self._sightings = sightings
        self._limits = limits
        self._budget = budget
        self._serial = 0
        self._askers: list[_Asker | None] = [None, None]
        self._held: deque[Sight] = deque()

    def request(self, sight: Sight) -> None:
        """Take a request message that is no duplicate."""
        message = sight.message
        side = sight.side
        asker = self._asker(side)
        pending = Pending(message, sight.frames)
        sight.sighting.pending = pending
        self._register(asker, pending)
        block1, block2 = blocks_of(message.options)
        if block2 is not None and block2.num:
            pending.key = opt.transfer_key(message.code, message.options)
            pending.goes_on = replace(message, payload=b"")
            body = asker.downloads.get(pending.key)
            if body is not None:
                sight.sighting.transfer = body.number
            if block1 is not None:
                text = f"Block1 {block1} beside Block2 {block2}"
                self._sink.problem(finding(codes.BLOCK1_KEPT, text), sight.frames)
            self._problems(sight)
        elif block1 is not None and (block1.more or block1.num):
            self._upload(asker, pending, block1, sight)
        else:
            pending.ref = self._tell(sight, None, reserved_block(block1, block2))
        if self._held:
            self._release(1 - side, message.mid)

    def response(self, sight: Sight) -> None:
        """Take a response message that is no duplicate."""
        message = sight.message
        asked_by = 1 - sight.side
        if message.type == ACK:
            sighting = self._sightings[asked_by].own(message.mid)
            if sighting is None or sighting.pending is None:
                self._held.append(sight)
                if len(self._held) > MAX_HELD:
                    self._orphan(self._held.popleft())
                return
            pending: Pending | None = sighting.pending
        else:
            pending = self._asker(asked_by).tokens.get(message.token)
        self._answer(pending, sight)

    def malformed(self, sight: Sight) -> None:
        """Take a message that breaks the format: told as far as it goes, it joins nothing."""
        self._tell(sight, None, (), complete=False)

    def reset(self, sighting: Sighting, frames: Frames) -> None:
        """Learn that a receiver rejected a message."""
        if sighting.code == EMPTY:  # the answer to a ping
            return
        if sighting.pending is not None and sighting.code < 0x20:
            sighting.pending.answered = 0
        text = f"the message of frame {sighting.frame} ({codes.code_text(sighting.code)}) was reset"
        self._sink.problem(finding(codes.REQUEST_RESET, text), frames)

    def tick(self, time: float) -> None:
        """Let go of answers that waited too long for their question."""
        while self._held and time - self._held[0].time > HOLD_SECONDS:
            self._orphan(self._held.popleft())

    def end(self) -> None:
        """Tell what is unfinished: no more datagrams come."""
        while self._held:
            self._orphan(self._held.popleft())
        left: list[tuple[Body, Bodies]] = []
        for asker in self._askers:
            if asker is not None:
                left += [(body, asker.uploads) for body in asker.uploads]
                left += [(body, asker.downloads) for body in asker.downloads]
        for body, bodies in sorted(left, key=lambda entry: entry[0].number):
            self._close(bodies, body)
        for asker in self._askers:
            if asker is not None:
                for pending in asker.tokens.values():
                    self._drop(pending)
                asker.tokens.clear()
                if asker.let_go:
                    text = f"{asker.let_go} requests without answer were let go"
                    self._sink.problem(finding(codes.TOO_MANY, text), ())
        self._askers = [None, None]

    # Requests.

    def _asker(self, side: int) -> _Asker:
        asker = self._askers[side]
        if asker is None:
            asker = self._askers[side] = _Asker(self._limits, self._budget)
        return asker

    def _register(self, asker: _Asker, pending: Pending) -> None:
        tokens = asker.tokens
        old = tokens.pop(pending.token, None)
        if old is not None:
            self._drop(old)
        tokens[pending.token] = pending
        self._budget.entries += pending.cost
        full = self._budget.entries > self._budget.max_entries
        most = self._limits.max_tokens
        if full:
            most = min(most, self._budget.share)
        while len(tokens) > most:
            oldest = tokens.popitem(last=False)[1]
            if oldest.answered is None:
                asker.let_go += 1
            self._budget.entries -= oldest.cost

    def _drop(self, pending: Pending) -> None:
        self._budget.entries -= pending.cost
        if pending.answered is None and not pending.more:
            ref = pending.upload.ref if pending.upload else pending.ref
            if ref is None or opt.first(ref.options, opt.NO_RESPONSE) is None:
                text = f"token {pending.token.hex() or '(none)'}, message id {pending.mid}"
                self._sink.problem(finding(codes.UNANSWERED, text), pending.frames)

    def _upload(self, asker: _Asker, pending: Pending, block: Block, sight: Sight) -> None:
        message = sight.message
        uploads = asker.uploads
        key = opt.transfer_key(message.code, message.options)
        body = uploads.get(key)
        if body is not None and block.num == 0 and body.assembly.next_offset:
            text = f"block 0 comes again in frame {sight.frames[0]}"
            body.note(finding(codes.BLOCK_RESTARTED, text))
            self._close(uploads, body)
            body = None
        if body is None:
            done = uploads.repeated(key, block, message)
            if done is not None:
                text = f"last block {block} of a request that was whole"
                self._sink.problem(finding(codes.BLOCK_REPEATED, text), sight.frames)
                pending.ref = done.ref
                sight.sighting.transfer = done.number
                return
            body = self._open(uploads, key, sight, None)
        pending.upload = body
        pending.more = block.more
        sight.sighting.transfer = body.number
        sight.sighting.body = body
        body.note(*sight.findings)
        body.time = sight.time
        uploads.add(body, block, message, sight.frames)
        if body.assembly.complete or (not block.more and body.assembly.overflowed):
            self._close(uploads, body)
        self._expire(uploads, sight.time)

    # Responses.

    def _answer(self, pending: Pending | None, sight: Sight) -> None:
        message = sight.message
        asker = self._asker(1 - sight.side)
        extra: list[Finding] = []
        ref: RequestRef | None = None
        if pending is None:
            extra.append(finding(codes.REQUEST_UNSEEN, "the request was not captured"))
        else:
            sight.sighting.pending = pending
            if pending.token != message.token:
                text = f"token {message.token.hex()}, the request has {pending.token.hex()}"
                extra.append(finding(codes.TOKEN_DIFFERS, text, "token", 4))
            digest = hash((message.code, message.options, message.payload))
            if pending.answered is not None and message.option(opt.OBSERVE) is None:
                if pending.answered == digest:
                    text = f"again to the request of frame {pending.frames[0]}"
                    self._sink.problem(finding(codes.RESPONSE_AGAIN, text), sight.frames)
                    return
                text = f"another answer to the request of frame {pending.frames[0]}"
                extra.append(finding(codes.RESPONSE_OTHER, text))
            pending.answered = digest
            if pending.upload is not None and self._carries_on(asker, pending, sight):
                return
            ref = pending.ref
        block1, block2 = blocks_of(message.options)
        if block2 is not None and (block2.more or block2.num):
            self._download(asker, pending, ref, block2, sight, extra)
            return
        if pending is not None and pending.key is not None:
            ref = self._cut_short(asker, pending, sight)
        self._tell(sight, ref, (*extra, *reserved_block(block1, block2)))

    def _carries_on(self, asker: _Asker, pending: Pending, sight: Sight) -> bool:
        """Say whether this answers one block of an upload, and not its request."""
        message = sight.message
        body = pending.upload
        assert body is not None
        if message.code == CONTINUE or (
            # RFC 7959 §2.3: a block may also be answered for itself
            pending.more and 0x40 <= message.code < 0x60 and message.option(BLOCK1) is not None
        ):
            sight.sighting.transfer = body.number
            body.note(*sight.findings)
            return True
        if not body.done:  # answered before its last block
            self._close(asker.uploads, body)
        pending.ref = body.ref
        return False

    def _download(
        self,
        asker: _Asker,
        pending: Pending | None,
        ref: RequestRef | None,
        block: Block,
        sight: Sight,
        extra: list[Finding],
    ) -> None:
        message = sight.message
        downloads = asker.downloads
        goes_on = pending is not None and pending.key is not None
        if pending is not None and pending.key is not None:
            key = pending.key
        elif ref is not None:
            key = opt.transfer_key(ref.code, ref.options)
        else:  # nothing but the responses was captured
            key = (EMPTY, tuple(o for o in message.options if o[0] in _OF_BODY))
        body = downloads.get(key)
        if body is not None:
            other = not goes_on and ref is not None and body.request is not ref
            changed = body.etag != message.option(opt.ETAG) or body.head.code != message.code
            if other or changed:
                if not other:
                    text = f"code or ETag differ in frame {sight.frames[0]}"
                    body.note(finding(codes.ETAG_CHANGED, text))
                    ref = body.request
                self._close(downloads, body)
                body = None
        elif goes_on:
            done = downloads.repeated(key, block, message)
            if done is not None:
                text = f"last block {block} of a response that was whole"
                self._sink.problem(finding(codes.BLOCK_REPEATED, text), sight.frames)
                sight.sighting.transfer = done.number
                return
        if body is None:
            if pending is not None and ref is None:
                ref = self._tell_question(pending, sight)
            body = self._open(downloads, key, sight, ref)
        sight.sighting.transfer = body.number
        sight.sighting.body = body
        body.note(*sight.findings, *extra)
        body.time = sight.time
        downloads.add(body, block, message, sight.frames)
        if body.assembly.complete or (not block.more and body.assembly.overflowed):
            self._close(downloads, body)
        self._expire(downloads, sight.time)

    def _cut_short(self, asker: _Asker, pending: Pending, sight: Sight) -> RequestRef | None:
        """Return the request of a download that this answer ends before its last block."""
        assert pending.key is not None
        body = asker.downloads.get(pending.key)
        if body is None:
            return self._tell_question(pending, sight)
        self._close(asker.downloads, body)
        return body.request

    def _tell_question(self, pending: Pending, sight: Sight) -> RequestRef | None:
        """Tell a request for a later block that goes on with no download we know of."""
        message = pending.goes_on
        if message is None:
            return None
        pending.goes_on = None
        asked = sight._replace(
            side=1 - sight.side, message=message, frames=pending.frames, findings=()
        )
        pending.ref = self._tell(asked, None, ())
        return pending.ref

    # Answers that were captured before their question.

    def _release(self, side: int, mid: int) -> None:
        for sight in tuple(self._held):
            if sight.side == side and sight.message.mid == mid:
                self._held.remove(sight)
                self.response(sight)

    def _orphan(self, sight: Sight) -> None:
        pending = self._asker(1 - sight.side).tokens.get(sight.message.token)
        if pending is not None and pending.mid != sight.message.mid:
            pending = None  # it answers an earlier request under the same token
        self._answer(pending, sight)

    # Telling.

    def _tell(
        self, sight: Sight, request: RequestRef | None, extra: Findings, complete: bool = True
    ) -> RequestRef:
        """Hand up a message of one datagram."""
        self._serial += 1
        number = self._serial
        message = sight.message
        options = message.options
        sight.sighting.transfer = number
        self._sink.transfer(
            CoapTransfer(
                number,
                sight.side,
                message.type,
                message.code,
                message.mid,
                message.token,
                options,
                message.payload,
                sight.frames,
                sight.time,
                sight.time,
                request,
                complete,
                (),
                0,
                sight.findings + extra if extra else sight.findings,
            )
        )
        return RequestRef(number, message.code, options, sight.frames, sight.time)

    def _open(
        self, bodies: Bodies, key: TransferKey, sight: Sight, request: RequestRef | None
    ) -> Body:
        self._serial += 1
        body = Body(key, self._serial, sight.side, sight.message, sight.time, request)
        bodies.open(body)
        return body

    def _close(self, bodies: Bodies, body: Body) -> None:
        self._sink.transfer(bodies.close(body))

    def _expire(self, bodies: Bodies, time: float) -> None:
        for body in bodies.overdue(time):
            self._close(bodies, body)

    def _problems(self, sight: Sight) -> None:
        for item in sight.findings:
            self._sink.problem(item, sight.frames)


_OF_BODY: Final = frozenset((opt.ETAG, opt.CONTENT_FORMAT))


def blocks_of(options: Options) -> tuple[Block | None, Block | None]:
    """Return the Block1 and Block2 options."""
    block1 = block2 = None
    if options and options[-1][0] >= BLOCK2:
        for number, value in options:
            if number == BLOCK1:
                block1 = parse_block(value)
            elif number == BLOCK2:
                block2 = parse_block(value)
    return block1, block2


def reserved_block(*blocks: Block | None) -> Findings:
    """Return a finding for each block option with the reserved size exponent."""
    if not any(blocks):
        return ()
    return tuple(
        finding(codes.BLOCK_SZX, f"block {block} has size exponent 7")
        for block in blocks
        if block is not None and block.szx == RESERVED_SZX
    )
