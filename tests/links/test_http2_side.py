"""The server side of HTTP/2 against h2's client, and against frames that no client sends."""

from __future__ import annotations

import struct

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import LARGE

from sgprobe.exchange import Response
from sgprobe.links import http2_side
from sgprobe.links.http2_side import Http2ServerSide
from sgprobe.links.http_side import make_server_side

HEADERS = [(":method", "POST"), (":scheme", "https"), (":authority", "eim.example.com"),
           (":path", "/gsma/rsp2/asn1?x"), ("content-type", "text/plain")]  # fmt: skip
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


class Client:
    def __init__(self) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.side = Http2ServerSide()
        self.events: list[object] = []
        self.requests: list[tuple[int, object]] = []

    def turn(self) -> None:
        for _ in range(200):
            data = self.h2.data_to_send()
            if data:
                self.requests += self.side.receive(data)
            back = self.side.outgoing()
            if back:
                self.hear(back)
            if not data and not back:
                return

    def hear(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self.events.append(event)
            if isinstance(event, DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def post(self, body: bytes = b"", headers: list[tuple[str, str]] = HEADERS) -> int:
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, headers, end_stream=not body)
        while body:
            size = min(self.h2.local_flow_control_window(stream), 16_384, len(body))
            if size:
                self.h2.send_data(stream, body[:size], end_stream=size == len(body))
                body = body[size:]
            else:
                self.turn()
        self.turn()
        return stream


def test_requests_and_answers() -> None:
    client = Client()
    first, second = client.post(LARGE), client.post()
    assert [stream for stream, _ in client.requests] == [first, second]
    request = client.requests[0][1]
    assert (request.path, request.media, request.body) == ("/gsma/rsp2/asn1", "text/plain", LARGE)
    assert request.header("Host") == "eim.example.com"
    client.hear(client.side.answer(second, Response(204, headers=(("X-Admin-Protocol", "v"),))))
    client.hear(client.side.answer(first, Response(200, "text/plain", b"x" * 200_000)))
    client.turn()
    assert not client.side.busy
    assert sum(isinstance(event, StreamEnded) for event in client.events) == 2
    body = sum(len(event.data) for event in client.events if isinstance(event, DataReceived))
    assert body == 200_000


def test_a_window_that_stays_shut_keeps_the_answer_waiting() -> None:
    client = Client()
    stream = client.post()
    events = client.h2.receive_data(client.side.answer(stream, Response(200, "", b"x" * 200_000)))
    assert any(isinstance(event, ResponseReceived) for event in events)
    assert client.side.busy
    client.h2.reset_stream(stream)
    client.turn()
    assert not client.side.busy


def test_a_cut_answer_does_not_end() -> None:
    client = Client()
    stream = client.post()
    events = client.h2.receive_data(client.side.answer(stream, Response(200, "", b"abcdef"), 3))
    assert [event.data for event in events if isinstance(event, DataReceived)] == [b"abc"]
    assert not any(isinstance(event, StreamEnded) for event in events)


def test_streams_that_are_opened_and_reset_count_until_they_are_answered() -> None:
    """CVE-2023-44487: each reset would free its place, the work behind it would not."""
    client = Client()
    handed_up = 0
    for _ in range(1000):
        stream = client.post()
        if len(client.requests) == handed_up:
            break
        client.h2.reset_stream(stream)
        client.turn()
        handed_up = len(client.requests)
    assert handed_up == http2_side._STREAMS
    assert any(isinstance(event, StreamReset) and event.error_code == 7 for event in client.events)
    for stream, _ in client.requests:
        client.side.answer(stream, Response(200, "", b"x"))
    client.post()
    assert len(client.requests) == handed_up + 1


def test_bodies_of_all_streams_together_are_bounded() -> None:
    client = Client()
    streams = []
    for _ in range(10):
        stream = client.h2.get_next_available_stream_id()
        client.h2.send_headers(stream, HEADERS)
        streams.append(stream)
    client.turn()
    reset: set[int] = set()
    for _ in range(400):
        for stream in streams:
            if stream not in reset and client.h2.local_flow_control_window(stream) >= 16_000:
                client.h2.send_data(stream, bytes(16_000))
        client.turn()
        reset |= {e.stream_id for e in client.events if isinstance(e, StreamReset)}
    assert reset
    assert client.side._held <= http2_side.MAX_BODY


def test_names_that_are_no_utf8() -> None:
    side = make_server_side(b"h2", b"")
    # literal headers without indexing: RFC 7541 §6.2.2
    block = b"\x83\x86\x84\x41\x01x" + b"\x00\x03x-\xff\x02\xfe\xff"
    data = PREFACE + frame(4, 0, 0, b"") + frame(1, 5, 1, block)
    requests = side.receive(data)
    assert side.broken or [request.path for _, request in requests] == ["/"]
    assert side.outgoing()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 12), st.integers(0, 255), st.integers(0, 5), st.binary(max_size=40)
        ),
        max_size=8,
    ),
    st.binary(max_size=30),
)
def test_any_frames_end_in_requests_or_a_broken_connection(
    frames: list[tuple[int, int, int, bytes]], tail: bytes
) -> None:
    side = Http2ServerSide()
    data = PREFACE + frame(4, 0, 0, b"") + b"".join(frame(*one) for one in frames) + tail
    for at in range(0, len(data), 17):
        for stream, _ in side.receive(data[at : at + 17]):
            side.answer(stream, Response(200, "text/plain", b"answer"))
    side.outgoing()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 600), max_size=6))
def test_orderly_traffic_with_bits_turned(junk: bytes, places: list[int]) -> None:
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(1, HEADERS)
    client.send_data(1, junk or b"x", end_stream=True)
    data = bytearray(client.data_to_send())
    for place in places:
        data[place % len(data)] ^= 1 << place % 8
    side = Http2ServerSide()
    for stream, _ in side.receive(bytes(data)):
        side.answer(stream, Response(200, "text/plain", b"answer"))
    side.outgoing()
