"""Byte streams of HTTP connections, made by h11 and h2 in memory, and a collector of results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import h2.config
import h2.connection
import h2.events
import h11

from dissectors.finding import Finding
from dissectors.link.http import HttpLimits, HttpMessage

Transcript = list[tuple[int, bytes]]


class Parser(Protocol):
    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None: ...
    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None: ...
    def end(self, side: int, frames: tuple[int, ...], time: float) -> None: ...


@dataclass
class Seen:
    """What a parser handed up."""

    messages: list[HttpMessage] = field(default_factory=list)
    problems: list[tuple[Finding, tuple[int, ...]]] = field(default_factory=list)
    parser: Any = None
    frame: int = 0

    @classmethod
    def of(cls, make: Callable[..., Parser], limits: HttpLimits | None = None) -> Seen:
        seen = cls()
        on_problem = lambda finding, frames: seen.problems.append((finding, frames))  # noqa: E731
        extra = () if limits is None else (limits,)
        seen.parser = make(seen.messages.append, on_problem, *extra)
        return seen

    def data(self, side: int, data: bytes) -> None:
        self.frame += 1
        self.parser.data(side, data, (self.frame,), float(self.frame))

    def gap(self, side: int, missing: int) -> None:
        self.parser.gap(side, missing, (self.frame,), float(self.frame))

    def end(self, *sides: int) -> Seen:
        for side in sides or (0, 1):
            self.parser.end(side, (self.frame,), float(self.frame))
        return self

    def play(self, transcript: Iterable[tuple[int, bytes]]) -> Seen:
        for side, data in transcript:
            self.data(side, data)
        return self

    @property
    def codes(self) -> list[str]:
        """Every finding, of messages first."""
        own = [problem.code for message in self.messages for problem in message.problems]
        return own + [problem.code for problem, _ in self.problems]


def essence(message: HttpMessage) -> tuple[Any, ...]:
    """What a message is, whatever pieces it came in."""
    asked = message.request
    return (
        message.head, message.side, message.stream, message.body, message.body_length,
        message.trailers, message.interim, [problem.code for problem in message.problems],
        None if asked is None else (asked.stream, asked.method, asked.target),
    )  # fmt: skip


def cut(transcript: Transcript, sizes: list[int]) -> Transcript:
    """Cut a transcript into pieces of the given sizes, over and over."""
    if not sizes:
        return transcript
    pieces: Transcript = []
    turn = 0
    for side, data in transcript:
        at = 0
        while at < len(data):
            size = max(1, sizes[turn % len(sizes)])
            turn += 1
            pieces.append((side, data[at : at + size]))
            at += size
    return pieces


@dataclass(frozen=True)
class Sketch:
    """One exchange to be put on the wire."""

    method: str = "POST"
    target: str = "/gsma/rsp2/asn1"
    body: bytes = b""
    status: int = 200
    answer: bytes = b""
    chunked: bool = False
    trailers: tuple[tuple[str, str], ...] = ()
    expect: bool = False


def clocked(make: Callable[..., Parser], transcript: Transcript) -> tuple[Seen, float]:
    """Play a transcript to its end and return the seconds it took."""
    start = time.process_time()
    found = Seen.of(make).play(transcript).end()
    return found, time.process_time() - start


def h11_transcript(sketches: list[Sketch], pipelined: bool = False) -> Transcript:
    """Let an h11 client and server hold the exchanges on one connection."""
    questions: Transcript = []
    answers: Transcript = []
    client = h11.Connection(h11.CLIENT)
    server = h11.Connection(h11.SERVER)
    for sketch in sketches:
        head = [("Host", "eim.example"), ("Content-Type", "application/x-gsma-rsp-asn1")]
        if sketch.expect:
            head.append(("Expect", "100-continue"))
        sent = _framed(client, h11.Request(
            method=sketch.method, target=sketch.target,
            headers=head + _framing(sketch, sketch.body),
        ), sketch, sketch.body)  # fmt: skip
        questions.append((0, sent))
        server.receive_data(sent)
        while not isinstance(server.next_event(), h11.EndOfMessage):
            pass
        early = b""
        if sketch.expect:
            early = server.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
        bodiless = sketch.method == "HEAD" or sketch.status in (204, 304)
        answer = b"" if bodiless else sketch.answer
        framing = [] if sketch.status in (204, 304) else _framing(sketch, sketch.answer)
        back = early + _framed(server, h11.Response(
            status_code=sketch.status, headers=[("Server", "x"), *framing], reason=b"As told",
        ), sketch, answer)  # fmt: skip
        answers.append((1, back))
        client.receive_data(back)
        while not isinstance(client.next_event(), h11.EndOfMessage):
            pass
        client.start_next_cycle()
        server.start_next_cycle()
    if pipelined:
        return [(0, b"".join(data for _, data in questions)), *answers]
    return [piece for pair in zip(questions, answers) for piece in pair]


def _framing(sketch: Sketch, body: bytes) -> list[tuple[str, str]]:
    if sketch.chunked:
        return [("Transfer-Encoding", "chunked")]
    return [("Content-Length", str(len(body)))]


def _framed(side: h11.Connection, head: Any, sketch: Sketch, body: bytes) -> bytes:
    out = side.send(head) or b""
    half = len(body) // 2
    for piece in (body[:half], body[half:]):
        if piece:
            out += side.send(h11.Data(data=piece)) or b""
    answer = isinstance(head, h11.Response)
    bodiless = answer and (sketch.method == "HEAD" or sketch.status in (204, 304))
    trailers = sketch.trailers if sketch.chunked and not bodiless else ()
    return out + (side.send(h11.EndOfMessage(headers=list(trailers))) or b"")


class H2Pair:
    """An h2 client and server in memory, with the transcript of what they said."""

    def __init__(self, **settings: int) -> None:
        config = h2.config.H2Configuration
        self.client = h2.connection.H2Connection(config(client_side=True, header_encoding="utf-8"))
        self.server = h2.connection.H2Connection(config(client_side=False, header_encoding="utf-8"))
        self.transcript: Transcript = []
        self.client.initiate_connection()
        self.server.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Carry what both have to say, until both are silent."""
        while True:
            out = self.client.data_to_send()
            back = self.server.data_to_send()
            if out:
                self.transcript.append((0, out))
                self.server.receive_data(out)
            if back:
                self.transcript.append((1, back))
                self.client.receive_data(back)
            if not out and not back:
                return

    def request(self, sketch: Sketch, pad: int | None = None) -> int:
        """Send the request of `sketch` and return its stream."""
        stream = self.client.get_next_available_stream_id()
        head = [
            (":method", sketch.method), (":path", sketch.target), (":scheme", "https"),
            (":authority", "eim.example"), ("content-type", "application/x-gsma-rsp-asn1"),
            ("x-sketch", "q" * (len(sketch.body) % 97)),
        ]  # fmt: skip
        self.client.send_headers(stream, head, end_stream=not sketch.body)
        if sketch.body:
            self._body(self.client, stream, sketch.body, sketch.trailers, pad)
        return stream

    def answer(self, stream: int, sketch: Sketch, pad: int | None = None) -> None:
        """Send the response of `sketch`."""
        if sketch.expect:
            self.server.send_headers(stream, [(":status", "103")])
        head = [(":status", str(sketch.status)), ("server", "x")]
        self.server.send_headers(stream, head, end_stream=not sketch.answer)
        if sketch.answer:
            self._body(self.server, stream, sketch.answer, sketch.trailers, pad)

    def _body(
        self, side: Any, stream: int, body: bytes, trailers: tuple[tuple[str, str], ...],
        pad: int | None,
    ) -> None:  # fmt: skip
        at = 0
        while at < len(body):
            overhead = 0 if pad is None else pad + 1
            room = min(side.local_flow_control_window(stream), side.max_outbound_frame_size)
            if room <= overhead:
                # the other end opens its window again
                self.flush()
                other = self.server if side is self.client else self.client
                other.increment_flow_control_window(2**20)
                other.increment_flow_control_window(2**20, stream)
                self.flush()
                continue
            piece = body[at : at + room - overhead]
            at += len(piece)
            last = at == len(body) and not trailers
            side.send_data(stream, piece, end_stream=last, pad_length=pad)
        if trailers:
            side.send_headers(stream, list(trailers), end_stream=True)
