"""The streams of an HTTP/2 connection, fed by its frames (RFC 9113 §5, §8)."""

from __future__ import annotations

from dissectors.finding import Finding, finding
from dissectors.link import http_codes as codes
from dissectors.link.http import Fields, HttpMessage, Kind
from dissectors.link.http2_stream import Stream, build_head, unknown_head
from dissectors.link.http_draft import Draft, Outlet


class Streams:
    """Opens, fills and closes streams, and keeps their number and size in bounds."""

    __slots__ = ("_highest", "_open", "_outlet", "from_start")

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._open: dict[int, Stream] = {}
        self._highest = [0, 0]  # promised and asked streams seen so far
        self.from_start = False  # the connection was seen from its beginning

    def upgraded(self, request: HttpMessage) -> None:
        """Open stream 1 for the answer to an HTTP/1 request (RFC 7540 §3.2)."""
        stream = self._new(1)
        stream.keep(request)
        stream.over[0] = True

    def headers(
        self, side: int, number: int, fields: Fields | None, ends: bool, problems: list[Finding],
        frames: tuple[int, ...], time: float,
    ) -> None:  # fmt: skip
        """Take a header list of `side`: a head, an interim response, or trailers.

        `fields` is None when the block was lost.
        """
        stream = self._stream(side, number, "HEADERS", frames, time)
        if stream is None:
            return
        draft = stream.drafts[side]
        if draft is not None:
            draft.trailers = fields or ()
            if not ends:
                text = "trailers without END_STREAM"
                draft.problem(finding(codes.STREAM_STATE, text, "trailers"))
        elif fields is None:
            draft = stream.begin(unknown_head(side), side)
        else:
            head = build_head(fields, side, problems)
            if 100 <= head.status < 200 and not ends:
                stream.interim = (*stream.interim[-15:], head.status)
                return
            draft = stream.begin(head, side)
        draft.touch(frames)
        draft.problems_of(problems)
        if ends:
            self._end_side(stream, side, time)

    def promise(
        self, side: int, number: int, fields: Fields | None, problems: list[Finding],
        frames: tuple[int, ...], time: float,
    ) -> None:  # fmt: skip
        """Take a request that the server promises on stream `number`."""
        if number in self._open or not number or number & 1:
            text = f"PUSH_PROMISE of stream {number}"
            self._outlet.problem(finding(codes.STREAM_STATE, text), frames)
            return
        stream = self._new(number)
        head = unknown_head(0) if fields is None else build_head(fields, 0, problems)
        draft = stream.begin(head, side)
        draft.touch(frames)
        draft.problems_of(problems)
        draft.problem(finding(codes.PUSHED, "the server promised this request itself"))
        stream.over[1 - side] = True
        stream.finish(side, time)
        self._bound(frames, time)

    def data(
        self, side: int, number: int, piece: bytearray, frames: tuple[int, ...], time: float
    ) -> None:
        """Take body bytes of `side`."""
        draft = self._filling(side, number, frames, time)
        if draft is not None:
            draft.touch(frames)
            draft.add(piece)

    def data_gap(
        self, side: int, number: int, missing: int, frames: tuple[int, ...], time: float
    ) -> None:
        """Learn that body bytes of `side` were not captured."""
        draft = self._filling(side, number, frames, time)
        if draft is not None:
            draft.hole(missing)

    def data_end(self, side: int, number: int, frames: tuple[int, ...], time: float) -> None:
        """Learn that the body of `side` is whole."""
        draft = self._filling(side, number, frames, time)
        if draft is not None:
            draft.touch(frames)
            self._end_side(self._open[number], side, time)

    def reset(self, number: int, why: Finding, frames: tuple[int, ...], time: float) -> None:
        """Close a stream before its end."""
        stream = self._open.pop(number, None)
        if stream is None:
            return
        for draft in stream.drafts:
            if draft is not None:
                draft.touch(frames)
        stream.abandon(why, frames, time)

    def gap(self, side: int, missing: int) -> None:
        """Learn that bytes of `side` were lost that may belong to any stream."""
        self.from_start = False
        for stream in self._open.values():
            draft = stream.drafts[side]
            if draft is not None:
                text = f"{missing} bytes of the connection are missing, some may be its own"
                draft.lost(finding(codes.GAP, text))

    def end(self, side: int, both: bool, time: float) -> None:
        """Learn that `side`, or the whole connection, is over."""
        for stream in list(self._open.values()):
            draft = stream.drafts[side]
            if draft is not None:
                draft.lost(finding(codes.TRUNCATED, "the connection ends before END_STREAM"))
                stream.finish(side, time)
            if both:
                text = f"stream {stream.number} was not answered"
                stream.abandon(finding(codes.NO_RESPONSE, text), (), time)
        if both:
            self._open.clear()

    def _filling(
        self, side: int, number: int, frames: tuple[int, ...], time: float
    ) -> Draft | None:
        """Return the message that DATA of `side` belongs to."""
        stream = self._stream(side, number, "DATA", frames, time)
        if stream is None:
            return None
        draft = stream.drafts[side]
        if draft is None:
            draft = stream.begin(unknown_head(side), side)
            text = "DATA without a head before it"
            code = codes.STREAM_STATE if self.from_start else codes.HEADERS_UNKNOWN
            draft.problem(finding(code, text, "header"))
        return draft

    def _stream(
        self, side: int, number: int, what: str, frames: tuple[int, ...], time: float
    ) -> Stream | None:
        stream = self._open.get(number)
        if stream is None:
            if not self.from_start or number > self._highest[number & 1]:
                stream = self._new(number)
                self._bound(frames, time)
                return stream
        elif not stream.over[side]:
            return stream
        text = f"{what} on stream {number}, which is closed"
        self._outlet.problem(finding(codes.STREAM_STATE, text), frames)
        return None

    def _new(self, number: int) -> Stream:
        stream = self._open[number] = Stream(number, self._outlet)
        parity = number & 1
        self._highest[parity] = max(self._highest[parity], number)
        return stream

    def _end_side(self, stream: Stream, side: int, time: float) -> None:
        draft = stream.drafts[side]
        frames = tuple(draft.trail[-1:]) if draft is not None else ()
        answer = draft is not None and draft.head.kind is Kind.RESPONSE
        stream.over[side] = True
        stream.finish(side, time)
        if all(stream.over) or (answer and stream.drafts[1 - side] is None):
            stream.close()
            self._open.pop(stream.number, None)
        self._bound(frames, time)

    def _bound(self, frames: tuple[int, ...], time: float) -> None:
        limits = self._outlet.limits
        while self._open and (len(self._open) > limits.streams or self._outlet.kept > limits.flow):
            number = next(iter(self._open))
            text = f"{len(self._open)} streams are open; stream {number} is let go"
            self._open.pop(number).abandon(finding(codes.STREAM_LIMIT, text), frames, time)
