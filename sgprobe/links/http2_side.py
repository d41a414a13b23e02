"""The server side of HTTP/2: real IPAs negotiate it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError

from sgprobe.exchange import Request, Response
from sgprobe.links.http_side import MAX_BODY

# requests under way on one connection, those that were given up included
_STREAMS = 128
_REFUSED_STREAM, _ENHANCE_YOUR_CALM = 7, 11


@dataclass(slots=True)
class _Stream:
    headers: tuple[tuple[str, str], ...]
    body: bytearray = field(default_factory=bytearray)


class Http2ServerSide:
    """HTTP/2 with as many streams as the client opens, up to a bound."""

    def __init__(self) -> None:
        # headers stay octets: h2 fails on names that are not in the encoding it is given
        self._h2 = H2Connection(config=H2Configuration(client_side=False, header_encoding=None))
        self._h2.initiate_connection()
        self._streams: dict[int, _Stream] = {}
        self._held = 0  # octets of bodies that are not whole yet
        self._asked = 0  # requests handed up and not answered yet
        # answers that wait for the client's window: what is left of the body
        self._waiting: dict[int, bytes] = {}
        self._cut: set[int] = set()  # whose answers never end
        self.broken = False
        self.finished = False

    @property
    def busy(self) -> bool:
        """Say whether answers are still to be sent."""
        return bool(self._waiting)

    def next(self) -> list[tuple[Any, Request]]:
        """Return nothing: no stream waits for another."""
        return []

    def receive(self, data: bytes) -> list[tuple[Any, Request]]:
        """Take bytes; return whole requests with their stream."""
        requests: list[tuple[Any, Request]] = []
        if self.broken or not data:
            return requests
        try:
            events = self._h2.receive_data(data)
        except ProtocolError:
            self.broken = True
            return requests
        for event in events:
            if isinstance(event, RequestReceived) and event.stream_id and event.headers:
                self._begin(event)
            elif isinstance(event, DataReceived) and event.stream_id:
                self._data(event)
            elif isinstance(event, StreamEnded) and event.stream_id in self._streams:
                requests.append((event.stream_id, _request(self._take(event.stream_id))))
                self._asked += 1
            elif isinstance(event, StreamReset) and event.stream_id:
                if event.stream_id in self._streams:
                    self._take(event.stream_id)
                self._waiting.pop(event.stream_id, None)
            elif isinstance(event, WindowUpdated):
                for stream_id in list(self._waiting):
                    self._continue(stream_id)
            elif isinstance(event, ConnectionTerminated):
                self.finished = True
        return requests

    def _begin(self, event: RequestReceived) -> None:
        assert event.stream_id is not None
        if len(self._streams) + self._asked + len(self._waiting) >= _STREAMS:
            self._refuse(event.stream_id, _REFUSED_STREAM)
            return
        headers = tuple((_text(n), _text(v)) for n, v in event.headers or ())
        self._streams[event.stream_id] = _Stream(headers)

    def _take(self, stream_id: int) -> _Stream:
        stream = self._streams.pop(stream_id)
        self._held -= len(stream.body)
        return stream

    def _data(self, event: DataReceived) -> None:
        assert event.stream_id is not None
        stream = self._streams.get(event.stream_id)
        self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        if stream is None:
            return
        stream.body += event.data or b""
        self._held += len(event.data or b"")
        if self._held > MAX_BODY:
            self._take(event.stream_id)
            self._refuse(event.stream_id, _ENHANCE_YOUR_CALM)

    def _refuse(self, stream_id: int, code: int) -> None:
        try:
            self._h2.reset_stream(stream_id, error_code=code)
        except StreamClosedError:
            return  # it reset the stream itself, in the same bytes

    def answer(self, stream: Any, response: Response, cut: int | None = None) -> bytes:
        """Return the bytes of an answer, as far as the client's window goes."""
        self._asked -= 1
        headers = [(":status", str(response.status))]
        if response.body and response.media:
            headers.append(("content-type", response.media))
        if response.status != 204:
            headers.append(("content-length", str(len(response.body))))
        named = {name.lower() for name, _ in response.headers}
        headers = [pair for pair in headers if pair[0] not in named]
        headers += [(name.lower(), value) for name, value in response.headers]
        body = response.body if cut is None else response.body[:cut]
        try:
            self._h2.send_headers(stream, headers, end_stream=not response.body)
        except (ProtocolError, StreamClosedError):
            return self.outgoing()  # the client has given this stream up
        if response.body:
            self._waiting[stream] = body
            if cut is not None:
                self._cut.add(stream)
            self._continue(stream)
        return self.outgoing()

    def _continue(self, stream: int) -> None:
        body = self._waiting.get(stream, b"")
        try:
            while body:
                size = min(self._h2.local_flow_control_window(stream),
                           self._h2.max_outbound_frame_size, len(body))  # fmt: skip
                if size <= 0:
                    self._waiting[stream] = body
                    return
                last = size == len(body) and stream not in self._cut
                self._h2.send_data(stream, body[:size], end_stream=last)
                body = body[size:]
        except (ProtocolError, StreamClosedError):
            pass  # the client has given this stream up: the rest of its answer is not wanted
        self._waiting.pop(stream, None)

    def outgoing(self) -> bytes:
        """Return bytes that wait to be sent."""
        return bytes(self._h2.data_to_send())


def _text(octets: bytes | str) -> str:
    return octets if isinstance(octets, str) else octets.decode("latin-1")


def _request(stream: _Stream) -> Request:
    pseudo = {name: value for name, value in stream.headers if name.startswith(":")}
    headers = tuple(pair for pair in stream.headers if not pair[0].startswith(":"))
    if ":authority" in pseudo:
        headers = (("host", pseudo[":authority"]), *headers)
    media = next((value for name, value in headers if name == "content-type"), "")
    path = pseudo.get(":path", "/").split("?", 1)[0]
    return Request(path, media, bytes(stream.body), headers, pseudo.get(":method", ""))
