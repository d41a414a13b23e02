"""A passive HTTP/1 reader: both directions of one connection to paired messages (RFC 9112)."""

from __future__ import annotations

import re

from dissectors.finding import Finding, finding
from dissectors.link import http_codes as codes
from dissectors.link.http import HttpLimits, HttpMessage, Kind, OnMessage, OnProblem
from dissectors.link.http1_chunked import ChunkedBody
from dissectors.link.http1_half import Half, State
from dissectors.link.http1_head import CHUNKED, TO_CLOSE, ParsedHead, parse_head, plausible_start
from dissectors.link.http1_pending import PendingRequests
from dissectors.link.http1_resync import TAIL, find_start
from dissectors.link.http2 import Http2Parser
from dissectors.link.http2_frame import PREFACE
from dissectors.link.http_draft import Draft, Outlet, extend_trail

_LIMITS = HttpLimits()
# a quarter of the time that a call of the class takes, and there is one per message
_new = tuple.__new__
_SPECIAL = frozenset({"HEAD", "CONNECT"})
_HEAD_END = re.compile(rb"\n\r?\n")
_EMPTY = re.compile(rb"[\r\n]+")


def looks_like_http1(data: bytes) -> bool:
    """Tell whether a stream that begins with `data` may be HTTP/1 (HTTP/2's preface is not)."""
    if not data or (len(data) > 3 and PREFACE.startswith(data[: len(PREFACE)])):
        return False
    return plausible_start(data)


class Http1Parser:
    """Takes the bytes of both directions and hands up whole messages, a response with its request.

    A `StreamSink`. After a switch to HTTP/2 (prior knowledge or Upgrade) it passes the bytes on to
    an `Http2Parser`; after any other switch it only says so.
    """

    def __init__(
        self, on_message: OnMessage, on_problem: OnProblem, limits: HttpLimits = _LIMITS
    ) -> None:
        self._outlet = Outlet(on_message, on_problem, limits)
        self._halves = (Half(0), Half(1))
        self._pending = PendingRequests(self._outlet)
        self._requests = 0
        self._interim: tuple[int, ...] = ()
        self._http2: Http2Parser | None = None
        self._ended = 0

    # -- StreamSink ------------------------------------------------------------------------------

    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take the next bytes of `side`."""
        half = self._halves[side]
        if half.state is State.HEAD and not half.buffer and not half.notes:
            taken = self._whole_messages(half, data, frames, time)
            if taken == len(data):
                return
            if taken:
                data = data[taken:]
        if half.state is State.OPAQUE:
            return
        if half.state is State.HTTP2 and self._http2 is not None:
            self._http2.data(side, data, frames, time)
            return
        half.buffer += data
        half.fresh = len(data)
        extend_trail(half.draft.trail if half.draft else half.trail, frames)
        while half.buffer and self._step(half, frames, time):
            pass

    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None:
        """Learn that `missing` bytes of `side` were never captured."""
        half = self._halves[side]
        if half.state is State.OPAQUE:
            return
        if half.state is State.HTTP2 and self._http2 is not None:
            self._http2.gap(side, missing, frames, time)
            return
        draft = half.draft
        if draft is not None and half.state is State.TO_CLOSE:
            draft.hole(missing)
            return
        if draft is not None and half.state is State.COUNTED and 0 < missing <= half.left:
            draft.hole(missing)
            half.left -= missing
            if not half.left:
                self._finish(half, frames, time)
            return
        if draft is not None and half.chunks is not None and half.chunks.skip(missing):
            draft.hole(missing)
            return
        self._pending.unsure = True
        text = f"{missing} bytes are missing before this message"
        if draft is not None:
            draft.lost(finding(codes.GAP, f"{missing} bytes are missing, the end among them"))
            self._finish(half, frames, time)
        elif half.buffer and half.state is State.HEAD:
            text += f", with {len(half.buffer)} bytes of a head before them"
        half.notes = [*half.notes[:8], finding(codes.GAP, text)]
        half.skipped += len(half.buffer) if half.state is State.LOST else 0
        half.buffer.clear()
        half.lose()

    def end(self, side: int, frames: tuple[int, ...], time: float) -> None:
        """Learn that `side` sends no more."""
        half = self._halves[side]
        if half.state is State.HTTP2 and self._http2 is not None:
            self._http2.end(side, frames, time)
        elif half.draft is not None:
            if half.state is not State.TO_CLOSE:
                left = f"{half.left} bytes" if half.state is State.COUNTED else "its last chunk"
                half.draft.lost(finding(codes.TRUNCATED, f"{left} before the end of the body"))
            self._finish(half, frames, time)
        elif half.buffer.strip() or half.skipped:
            if half.state is State.LOST:
                size = half.skipped + len(half.buffer)
                note = finding(codes.SKIPPED, f"{size} bytes start no message")
            else:
                note = finding(codes.TRUNCATED, f"{len(half.buffer)} bytes of a head without end")
            self._outlet.problem(note, tuple(half.trail) or frames)
        for note in half.notes:
            self._outlet.problem(note, frames)
        half.notes = []
        half.buffer.clear()
        half.skipped = 0
        self._ended |= 1 << side
        if self._ended == 3:
            self._pending.give_up()

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Pass on a finding of a lower layer."""
        self._outlet.problem(finding, frames)

    # -- whole messages in one piece -------------------------------------------------------------

    def _whole_messages(self, half: Half, data: bytes, frames: tuple[int, ...], time: float) -> int:
        """Hand up the plain messages that `data` holds whole; return the bytes they took."""
        position, size = 0, len(data)
        pending, outlet, side = self._pending, self._outlet, half.side
        queue, hand_up, limits = pending.queue, outlet.message, outlet.limits
        while position < size:
            end = data.find(b"\r\n\r\n", position)
            if end < 0:
                break
            parsed = parse_head(data[position:end])
            if parsed is None or not parsed.plain:
                break
            body = end + 4
            length = parsed.length
            stop = body + length
            head = parsed.head
            if stop > size or length > limits.body:
                break
            if head.kind is not half.kind:
                if half.kind is not None:
                    break
                half.kind = head.kind
            if head.kind is Kind.REQUEST:
                if len(queue) >= limits.pipeline or outlet.kept + length > limits.flow:
                    break
                self._requests += 1
                message = _new(HttpMessage, (
                    head, side, self._requests, data[body:stop], length, frames, time,
                    None, parsed.problems, (), (),
                ))  # fmt: skip
                queue.append(message)
                outlet.kept += length
            else:
                if not queue or pending.unsure or self._interim:
                    break
                request = queue[0]
                if request.head.method in _SPECIAL:
                    break
                del queue[0]
                outlet.kept -= len(request.body)
                message = _new(HttpMessage, (
                    head, side, request.stream, data[body:stop], length, frames, time,
                    request, parsed.problems, (), (),
                ))  # fmt: skip
            position = stop
            hand_up(message)
        return position

    # -- piece by piece --------------------------------------------------------------------------

    def _step(self, half: Half, frames: tuple[int, ...], time: float) -> bool:
        """Take one part of the grammar from the buffer; False when more bytes are needed."""
        state = half.state
        if state is State.HEAD:
            return self._head(half, frames, time)
        if state is State.LOST:
            return self._search(half, frames)
        draft = half.draft
        if draft is None:  # OPAQUE or HTTP2 since the last step
            self._leave(half, frames, time)
            return False
        if state is State.TO_CLOSE:
            draft.add(half.buffer)
            half.buffer.clear()
            return False
        if state is State.COUNTED:
            piece = half.buffer[: half.left]
            draft.add(piece)
            del half.buffer[: len(piece)]
            half.left -= len(piece)
            if half.left:
                return False
            self._finish(half, frames, time)
            return True
        assert half.chunks is not None
        done = half.chunks.take(half.buffer, draft)
        if half.chunks.broken:
            self._finish(half, frames, time)
            self._pending.unsure = True
            half.lose()
            return True
        if done:
            self._finish(half, frames, time)
        return done

    def _leave(self, half: Half, frames: tuple[int, ...], time: float) -> None:
        rest = bytes(half.buffer)
        half.buffer.clear()
        if half.state is State.HTTP2 and self._http2 is not None:
            self._http2.data(half.side, rest, frames, time)

    def _head(self, half: Half, frames: tuple[int, ...], time: float) -> bool:
        buffer = half.buffer
        if half.scanned == 0 and buffer[0] in b"\r\n":
            # RFC 9112 §2.2: empty lines before a start line are passed over
            empty = _EMPTY.match(buffer)
            del buffer[: empty.end() if empty else 0]
            half.restart(frames)
            return True
        if PREFACE.startswith(bytes(buffer[: len(PREFACE)])) and len(buffer) > 3:
            return self._preface(half, frames, time)
        if half.scanned < 64 and not plausible_start(buffer):
            half.lose()
            return True
        limit = self._outlet.limits.head
        end = _HEAD_END.search(buffer, half.scanned, limit + 4)
        if end is None:
            if len(buffer) > limit:
                text = f"no end of the header section within {limit} bytes; the message is lost"
                self._outlet.problem(finding(codes.HEAD_LIMIT, text), tuple(half.trail))
                self._pending.unsure = True
                del buffer[:limit]
                half.lose()
                return True
            half.scanned = max(len(buffer) - 2, 0)
            return False
        parsed = parse_head(bytes(buffer[: end.start()]).removesuffix(b"\r"))
        if parsed is None:
            half.skipped += 1
            del buffer[:1]
            half.lose()
            return True
        del buffer[: end.end()]
        half.scanned = 0
        self._begin(half, parsed, frames, time)
        return True

    def _preface(self, half: Half, frames: tuple[int, ...], time: float) -> bool:
        if len(half.buffer) < len(PREFACE):
            return False
        if self._http2 is None:
            self._http2 = self._to_http2(None)
            other = self._halves[1 - half.side]
            if other.draft is None and other.state in (State.HEAD, State.LOST):
                other.state = State.HTTP2
                self._leave(other, frames, time)
        half.state = State.HTTP2
        return True

    def _search(self, half: Half, frames: tuple[int, ...]) -> bool:
        buffer = half.buffer
        start, half.scanned = find_start(buffer, half.scanned)
        if start is None:
            surplus = len(buffer) - TAIL
            if surplus > TAIL:
                del buffer[:surplus]
                half.skipped += surplus
                half.scanned -= surplus
            half.trail = list(frames[-1:])  # a start line may go on in the next bytes
            return False
        skipped = half.skipped + start
        del buffer[:start]
        half.state = State.HEAD
        half.scanned = half.skipped = 0
        if len(buffer) <= half.fresh:
            half.restart(frames)
        if skipped:
            text = f"{skipped} bytes before this message start no message"
            half.notes = [*half.notes[:8], finding(codes.SKIPPED, text)]
        return True

    # -- messages --------------------------------------------------------------------------------

    def _begin(self, half: Half, parsed: ParsedHead, frames: tuple[int, ...], time: float) -> None:
        """Start the message of a head, find its request, and choose how its body ends."""
        head = parsed.head
        draft = Draft(head, half.side, 0, self._outlet)
        draft.problems_of((*half.notes, *parsed.problems))
        draft.trail, half.trail, half.notes = half.trail, [], []
        half.draft = draft
        if half.kind is not None and half.kind is not head.kind:
            text = f"a {head.kind} after a {half.kind} on the same side"
            draft.problem(finding(codes.ROLE_SWAP, text))
        half.kind = head.kind
        length = parsed.length
        if head.kind is Kind.REQUEST:
            self._requests += 1
            draft.stream = self._requests
        elif 100 <= head.status < 200 and head.status != 101:
            half.draft = None
            half.notes = draft.problems
            self._interim = (*self._interim[-15:], head.status)
            half.restart(frames)
            return
        else:
            method = self._match(draft)
            draft.interim, self._interim = self._interim, ()
            if method == "HEAD" or (method == "CONNECT" and head.status < 300):
                length = 0  # RFC 9112 §6.3
        if length == CHUNKED:
            half.state = State.CHUNKED
            half.chunks = ChunkedBody(self._outlet.limits.head)
        elif length == TO_CLOSE:
            half.state = State.TO_CLOSE
        elif length:
            half.state = State.COUNTED
            half.left = length
        else:
            self._finish(half, frames, time)

    def _match(self, draft: Draft) -> str:
        """Find the request of a response that begins; return its method."""
        request = self._pending.take(draft.trail[0] if draft.trail else 0)
        if request is not None:
            draft.request = request
            draft.stream = request.stream
            return request.method
        asking = self._halves[1 - draft.side].draft
        if asking is not None and asking.head.kind is Kind.REQUEST and not asking.answered:
            asking.answered = True
            draft.stream = asking.stream
            return asking.head.method
        draft.problem(finding(codes.NO_REQUEST, "no request was seen that this answers"))
        return ""

    def _finish(self, half: Half, frames: tuple[int, ...], time: float) -> None:
        """Hand up the message of `half` and look for the next one."""
        draft = half.draft
        assert draft is not None
        half.draft = half.chunks = None
        half.state = State.HEAD
        half.left = half.scanned = 0
        half.restart(frames)
        message = draft.finish(time)
        if message.kind is Kind.REQUEST:
            self._outlet.message(message)
            self._requested(draft, message)
            return
        asking = self._halves[1 - half.side].draft
        if (
            message.request is None
            and asking is not None
            and asking.answered
            and asking.stream == message.stream
        ):
            asking.waiting = message
            return
        self._outlet.message(message)
        if message.status == 101 or (
            message.request is not None
            and message.request.method == "CONNECT"
            and 200 <= message.status < 300
        ):
            self._switch(half, message, frames, time)

    def _requested(self, draft: Draft, message: HttpMessage) -> None:
        """Pass on an answer that overtook its request, or wait for the answer."""
        if draft.waiting is not None:
            self._outlet.message(draft.waiting._replace(request=message))
        elif draft.answered:
            answering = self._halves[1 - draft.side].draft
            if answering is not None and answering.stream == message.stream:
                answering.request = message
        else:
            self._pending.add(message)

    def _switch(
        self, half: Half, message: HttpMessage, frames: tuple[int, ...], time: float
    ) -> None:
        """Leave HTTP/1 after 101 or an accepted CONNECT."""
        protocol = (message.header("upgrade") or "").strip().lower()
        if message.status == 101 and protocol == "h2c":
            if self._http2 is None:
                self._http2 = self._to_http2(message.request)
            state = State.HTTP2
        else:
            state = State.OPAQUE
            text = f"what follows ({protocol[:40] or 'a tunnel'}) is not decoded"
            self._outlet.problem(finding(codes.SWITCHED, text), message.frames)
        for one in self._halves:
            if one.draft is None and one.state is not State.HTTP2:
                one.state = state
                if one is not half:
                    self._leave(one, frames, time)

    def _to_http2(self, request: HttpMessage | None) -> Http2Parser:
        outlet = self._outlet
        return Http2Parser(outlet.message, outlet.on_problem, outlet.limits, upgraded=request)
