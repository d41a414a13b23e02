"""A passive HTTP/2 reader: both directions of one connection to paired messages (RFC 9113)."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode

from dissectors.finding import Finding, finding
from dissectors.link import http_codes as codes
from dissectors.link.http import Fields, HttpLimits, HttpMessage, OnMessage, OnProblem
from dissectors.link.http2_frame import (
    HEADER,
    PREFACE,
    Flag,
    FrameType,
    error_name,
    fault,
    find_frames,
)
from dissectors.link.http2_headers import HpackError
from dissectors.link.http2_side import DataRest, OpenBlock, Side, Start
from dissectors.link.http2_streams import Streams
from dissectors.link.http_draft import Outlet, extend_trail

_LIMITS = HttpLimits()
_HEADER_TABLE_SIZE, _MAX_FRAME_SIZE = 1, 5  # RFC 9113 §6.5.2
_WITH_BLOCK = frozenset({FrameType.HEADERS, FrameType.PUSH_PROMISE, FrameType.CONTINUATION})


class Http2Parser:
    """Takes the bytes of both directions and hands up whole messages, a response with its request.

    A `StreamSink`. Each direction may begin with its preface or in the middle of a connection; what
    the header compression refers to from before the capture or from a gap is named `?`.
    """

    def __init__(
        self,
        on_message: OnMessage,
        on_problem: OnProblem,
        limits: HttpLimits = _LIMITS,
        upgraded: HttpMessage | None = None,
    ) -> None:
        self._outlet = Outlet(on_message, on_problem, limits)
        self._sides = (Side(0, limits), Side(1, limits))
        self._streams = Streams(self._outlet)
        self._ended = 0
        if upgraded is not None:
            self._streams.from_start = True
            self._streams.upgraded(upgraded)
            settings = upgraded.header("http2-settings") or ""
            try:
                payload = urlsafe_b64decode(settings + "=" * (-len(settings) % 4))
            except (binascii.Error, ValueError):
                payload = b""
            self._settings(self._sides[upgraded.side], payload)

    # -- StreamSink ------------------------------------------------------------------------------

    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take the next bytes of `side`."""
        here = self._sides[side]
        here.take(data, frames)
        while here.buffer and self._step(here, frames, time):
            pass

    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None:
        """Learn that `missing` bytes of `side` were never captured."""
        here = self._sides[side]
        if here.start is Start.FRAMES and missing > 0:
            rest = here.rest
            if rest is not None and missing <= rest.left:
                rest.left -= missing
                self._streams.data_gap(side, rest.stream, missing, frames, time)
                self._data(here, frames, time)
                return
            if missing <= here.skip:
                here.skip -= missing
                return
            buffer = here.buffer
            if rest is None and not here.skip and len(buffer) >= HEADER:
                left = HEADER + int.from_bytes(buffer[:3], "big") - len(buffer)
                if missing <= left:
                    self._pass_over(here, f"{missing} bytes of it are missing", frames, time)
                    here.skip = left - missing
                    buffer.clear()
                    return
        text = f"{missing} bytes are missing; header fields after them may stay unknown"
        self._outlet.problem(finding(codes.GAP, text), frames)
        self._streams.gap(side, missing)
        here.skipped += len(here.buffer)
        here.buffer.clear()
        here.lose()

    def end(self, side: int, frames: tuple[int, ...], time: float) -> None:
        """Learn that `side` sends no more."""
        here = self._sides[side]
        if here.start is Start.LOST and self._search(here, frames, ended=True):
            while here.buffer and self._step(here, frames, time):
                pass
        left = here.skipped + len(here.buffer)
        if left or here.block is not None or here.skip:
            text = f"{left} bytes of a frame or header block without its end"
            self._outlet.problem(finding(codes.TRUNCATED, text), here.frames or frames)
        here.clear()
        self._ended |= 1 << side
        self._streams.end(side, self._ended == 3, time)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Pass on a finding of a lower layer."""
        self._outlet.problem(finding, frames)

    # -- bytes to frames -------------------------------------------------------------------------

    def _step(self, here: Side, frames: tuple[int, ...], time: float) -> bool:
        """Take one part from the buffer; False when more bytes are needed."""
        buffer = here.buffer
        if here.start is Start.PREFACE:
            return self._preface(here)
        if here.start is Start.LOST:
            return self._search(here, frames, ended=False)
        if here.skip:
            size = min(here.skip, len(buffer))
            del buffer[:size]
            here.skip -= size
            here.restart(frames)
            return True
        if here.rest is not None:
            self._data(here, frames, time)
            return True
        if len(buffer) < HEADER:
            return False
        length = int.from_bytes(buffer[:3], "big")
        kind = buffer[3]
        if kind == FrameType.DATA and here.block is None:
            return self._data_frame(here, length, frames, time)
        if kind > FrameType.CONTINUATION:  # RFC 9113 §5.5
            del buffer[:HEADER]
            here.skip = length
            return True
        if length > self._outlet.limits.head:
            self._pass_over(here, f"{length} bytes, passed over", frames, time)
            del buffer[:HEADER]
            here.skip = length
            return True
        if len(buffer) < HEADER + length:
            return False
        stream = int.from_bytes(buffer[5:9], "big") & 0x7FFFFFFF
        payload = bytes(buffer[HEADER : HEADER + length])
        flags = buffer[4]
        del buffer[: HEADER + length]
        self._frame(here, kind, flags, stream, payload, time)
        here.restart(frames)
        return True

    def _preface(self, here: Side) -> bool:
        buffer = here.buffer
        if PREFACE.startswith(bytes(buffer[: len(PREFACE)])):
            if len(buffer) < len(PREFACE):
                return False
            del buffer[: len(PREFACE)]
            here.start = Start.FRAMES
            self._streams.from_start = True
            return True
        if len(buffer) < HEADER:
            return False
        # RFC 9113 §3.4: the server begins with SETTINGS, which is no acknowledgement
        if buffer[3] == FrameType.SETTINGS and not any(buffer[4:9]):
            here.start = Start.FRAMES
        else:
            here.lose()
        return True

    def _search(self, here: Side, frames: tuple[int, ...], ended: bool) -> bool:
        start, here.scanned = find_frames(here.buffer, here.scanned, ended)
        drop = here.scanned if start is None else start
        del here.buffer[:drop]
        here.skipped += drop
        here.scanned = 0
        if len(here.buffer) <= here.fresh:
            here.restart(frames)
        if start is None:
            return False
        here.start = Start.FRAMES
        if here.skipped:
            text = f"{here.skipped} bytes before this start no frame"
            self._outlet.problem(finding(codes.RESYNC, text), here.frames)
        here.skipped = 0
        return True

    # -- DATA ------------------------------------------------------------------------------------

    def _data_frame(self, here: Side, length: int, frames: tuple[int, ...], time: float) -> bool:
        buffer = here.buffer
        flags = buffer[4]
        stream = int.from_bytes(buffer[5:9], "big") & 0x7FFFFFFF
        pad, padded = 0, bool(flags & Flag.PADDED)
        if padded and length:
            if len(buffer) == HEADER:
                return False
            pad = buffer[HEADER]
        del buffer[:HEADER]
        if not stream or (padded and pad >= length):
            wrong = "on stream 0" if not stream else "padding longer than the frame"
            self._fault(here, FrameType.DATA, stream, wrong)
            here.skip = length
            return True
        if padded:
            del buffer[:1]
            length -= 1
        self._size(here, length)
        here.rest = DataRest(stream, bool(flags & Flag.END_STREAM), length - pad, pad)
        self._data(here, frames, time)
        return True

    def _data(self, here: Side, frames: tuple[int, ...], time: float) -> None:
        """Give what has come of a DATA frame to its stream."""
        rest = here.rest
        assert rest is not None
        if rest.left:
            piece = here.buffer[: rest.left]
            del here.buffer[: len(piece)]
            rest.left -= len(piece)
            self._streams.data(here.side, rest.stream, piece, here.frames, time)
        if not rest.left:
            here.rest = None
            here.skip = rest.pad
            if rest.ends:
                self._streams.data_end(here.side, rest.stream, here.frames, time)
        here.restart(frames)

    # -- other frames ----------------------------------------------------------------------------

    def _frame(
        self, here: Side, kind: int, flags: int, stream: int, payload: bytes, time: float
    ) -> None:
        self._size(here, len(payload))
        wrong = fault(kind, len(payload), stream)
        if here.block is not None:
            if kind == FrameType.CONTINUATION and stream == here.block.stream:
                self._continue(here, flags, payload, time)
                return
            self._block_lost(here, f"broken off by {FrameType(kind).name}", time)
        elif kind == FrameType.CONTINUATION:
            wrong = "without a header block before it"
        if wrong:
            self._fault(here, kind, stream, wrong)
        elif kind in (FrameType.HEADERS, FrameType.PUSH_PROMISE):
            self._headers(here, kind, flags, stream, payload, time)
        elif kind == FrameType.SETTINGS and not flags & Flag.ACK:
            self._settings(here, payload)
        elif kind == FrameType.RST_STREAM:
            name = error_name(int.from_bytes(payload, "big"))
            why = finding(codes.RESET, f"the {_END[here.side]} reset the stream with {name}")
            self._streams.reset(stream, why, here.frames, time)
        elif kind == FrameType.GOAWAY:
            last = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
            name = error_name(int.from_bytes(payload[4:8], "big"))
            text = f"the {_END[here.side]} says {name}; stream {last} was its last"
            self._outlet.problem(finding(codes.GOAWAY, text), here.frames)

    def _settings(self, here: Side, payload: bytes) -> None:
        other = self._sides[1 - here.side]
        for at in range(0, len(payload) - 5, 6):
            name = int.from_bytes(payload[at : at + 2], "big")
            value = int.from_bytes(payload[at + 2 : at + 6], "big")
            if name == _HEADER_TABLE_SIZE:
                other.reader.allow(value)
            elif name == _MAX_FRAME_SIZE:
                other.largest_frame = max(other.largest_frame, value)

    def _size(self, here: Side, length: int) -> None:
        if length > here.largest_frame:
            text = f"{length} bytes where {here.largest_frame} are allowed"
            self._outlet.problem(finding(codes.FRAME_SIZE, text), here.frames)

    def _fault(self, here: Side, kind: int, stream: int, text: str) -> None:
        text = f"{FrameType(kind).name} on stream {stream}: {text}"
        self._outlet.problem(finding(codes.FRAME, text), here.frames)
        if kind in _WITH_BLOCK:
            here.reader.forget()

    def _pass_over(self, here: Side, why: str, frames: tuple[int, ...], time: float) -> None:
        """Give up the frame whose header is buffered; a head in it stays unknown."""
        kind, flags = here.buffer[3], here.buffer[4]
        stream = int.from_bytes(here.buffer[5:9], "big") & 0x7FFFFFFF
        if kind > FrameType.CONTINUATION:
            return
        self._fault(here, kind, stream, why)
        if here.block is not None:
            self._block_lost(here, why, time)
        elif kind == FrameType.HEADERS and stream:
            ends = bool(flags & Flag.END_STREAM)
            here.block = OpenBlock(stream, 0, ends, bytearray(), list(here.trail))
            self._block_lost(here, why, time)

    # -- header blocks ---------------------------------------------------------------------------

    def _headers(
        self, here: Side, kind: int, flags: int, stream: int, payload: bytes, time: float
    ) -> None:
        start, end = 0, len(payload)
        if flags & Flag.PADDED:
            start, end = 1, end - (payload[0] if payload else 1)
        if kind == FrameType.HEADERS and flags & Flag.PRIORITY:
            start += 5
        promised = 0
        if kind == FrameType.PUSH_PROMISE:
            promised = int.from_bytes(payload[start : start + 4], "big") & 0x7FFFFFFF
            start += 4
        if start > end:
            self._fault(here, kind, stream, "padding or fields longer than the frame")
            return
        ends = kind == FrameType.HEADERS and bool(flags & Flag.END_STREAM)
        here.block = OpenBlock(stream, promised, ends, bytearray(), [])
        if kind == FrameType.PUSH_PROMISE and not promised:
            self._block_lost(here, "it promises stream 0", time)
            return
        self._continue(here, flags, payload[start:end], time)

    def _continue(self, here: Side, flags: int, piece: bytes, time: float) -> None:
        block = here.block
        assert block is not None
        extend_trail(block.trail, here.frames)
        limit = self._outlet.limits.head
        if len(block.data) + len(piece) > limit:
            self._block_lost(here, f"it is longer than {limit} bytes", time)
            return
        block.data += piece
        if not flags & Flag.END_HEADERS:
            return
        try:
            decoded = here.reader.read(bytes(block.data))
        except HpackError as error:
            self._block_lost(here, str(error), time)
            return
        problems: list[Finding] = []
        if decoded.unknown:
            text = f"{decoded.unknown} of {len(decoded.fields)} fields refer to lost blocks"
            problems.append(finding(codes.HEADERS_UNKNOWN, text, "header"))
        if decoded.cut:
            text = f"only the first {len(decoded.fields)} fields are kept"
            problems.append(finding(codes.HPACK_LIMIT, text, "header"))
        self._block_done(here, decoded.fields, problems, time)

    def _block_lost(self, here: Side, why: str, time: float) -> None:
        here.reader.forget()
        problem = finding(codes.HPACK, f"the header block is lost: {why}", "header")
        self._block_done(here, None, [problem], time)

    def _block_done(
        self, here: Side, fields: Fields | None, problems: list[Finding], time: float
    ) -> None:
        block, here.block = here.block, None
        assert block is not None
        frames = tuple(block.trail)
        if block.promised:
            self._streams.promise(here.side, block.promised, fields, problems, frames, time)
        else:
            self._streams.headers(
                here.side, block.stream, fields, block.ends, problems, frames, time
            )


_END = ("client", "server")
