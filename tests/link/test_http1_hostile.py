"""The passive HTTP/1 reader on bytes made to cost time and memory."""

from __future__ import annotations

import pytest
from http_streams import Seen, Sketch, Transcript, clocked, cut, essence, h11_transcript
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.http import HttpLimits
from dissectors.link.http1 import Http1Parser

POST = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
GET = b"GET /g HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def seen(transcript: Transcript, limits: HttpLimits | None = None) -> Seen:
    return Seen.of(Http1Parser, limits).play(transcript)


def test_endless_headers_are_bounded() -> None:
    line = b"X-Endless: " + b"e" * 89 + b"\r\n"
    transcript: Transcript = [(0, b"GET / HTTP/1.1\r\n")] + [(0, line * 10)] * 5_000
    found, spent = clocked(Http1Parser, [*transcript, (0, b"\r\n" + POST), (1, OK)])
    assert spent < 12
    assert "http1-head-limit" in found.codes
    assert [m.body for m in found.messages][-2:] == [b"abc", b"ok"]
    assert all(len(half.buffer) < 100_000 for half in found.parser._halves)


def test_endless_trailers_are_bounded() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    found, spent = clocked(Http1Parser, [(0, head)] + [(0, b"X-T: " + b"t" * 95)] * 5_000)
    assert spent < 12
    assert "http1-head-limit" in found.codes


def test_body_beyond_the_limit_is_counted_not_kept() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"
    limits = HttpLimits(body=1000)
    found = seen([(0, head)] + [(0, b"b" * 10_000)] * 100 + [(0, GET)], limits)
    assert (len(found.messages[0].body), found.messages[0].body_length) == (1000, 1_000_000)
    assert found.codes == ["http-body-limit"]
    assert found.messages[1].target == "/g"


def test_waiting_requests_are_bounded_by_size() -> None:
    limits = HttpLimits(flow=10_000, pipeline=1_000_000)
    post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n\r\n" + b"b" * 3000
    found = seen([(0, post)] * 50, limits)
    assert len(found.messages) == 50
    assert all(len(m.body) == 3000 for m in found.messages)
    assert sum(len(m.body) for m in found.parser._pending.queue) <= limits.flow
    assert "http1-pipeline-limit" in found.codes


def test_endless_pipeline_without_answers_is_bounded() -> None:
    found, spent = clocked(Http1Parser, [(0, GET * 100)] * 300)
    assert len(found.messages) == 30_000
    assert spent < 20
    assert len(found.problems) <= 1_000


def test_announced_gigabytes_cost_nothing() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999999\r\n\r\n"
    chunk = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"
    for data in (head + b"x", chunk):
        found, spent = clocked(Http1Parser, [(0, data)])
        assert [m.body for m in found.messages] == [b"x"]
        assert found.codes[0] == "http-truncated"
        assert spent < 4


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n" * 500_000,
        GET.replace(b"\r\n", b"\n") * 30_000,
        (b"\r\n" + GET.replace(b"g", b"\xe9")) * 20_000,
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\nx\r\n" * 150_000,
        b"HTTP/1.1 " * 100_000,
        b" HTTP/1.1\r\n" * 100_000,
        b"\0GET / HTTP/1.1\r\n" * 60_000,
        b"GET " * 250_000,
        b"\xff" + b"P" * 1_000_000,
    ],
)
def test_a_megabyte_of_malice_takes_linear_time(data: bytes) -> None:
    _, whole = clocked(Http1Parser, [(0, data)])
    _, pieces = clocked(Http1Parser, cut([(0, data[: len(data) // 4])], [3]))
    assert whole < 16
    assert pieces < 16


@settings(max_examples=150, deadline=None)
@given(
    data=st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [POST, GET, OK, b"\r\n", b"\n", b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n",
                 b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b" HTTP/1.1",
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
                 b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
                 b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"]
            ),
        ),
        max_size=12,
    ),
    sides=st.lists(st.integers(0, 1), min_size=12, max_size=12),
    gaps=st.lists(st.integers(0, 40), min_size=12, max_size=12),
)  # fmt: skip
def test_any_bytes_give_messages_or_findings(
    data: list[bytes], sides: list[int], gaps: list[int]
) -> None:
    found = Seen.of(Http1Parser)
    for piece, side, gap in zip(data, sides, gaps):
        found.data(side, piece)
        if gap > 30:
            found.gap(side, gap - 30)
    found.end()
    assert (found.parser._outlet.held, found.parser._outlet.kept) == (0, 0)


@settings(max_examples=100, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6),
    size=st.integers(1, 50),
)
def test_mutated_streams_give_messages_or_findings(edits: list[tuple[int, int]], size: int) -> None:
    transcript = h11_transcript([Sketch(body=b"abc", answer=b"de", chunked=True), Sketch()] * 2)
    raw = [bytearray(data) for _, data in transcript]
    for place, value in edits:
        part = raw[place % len(raw)]
        part[place % len(part)] = value
    mutated = [(side, bytes(data)) for (side, _), data in zip(transcript, raw)]
    whole, pieces = seen(mutated).end(), seen(cut(mutated, [size])).end()
    assert whole.messages or whole.problems
    assert [essence(m) for m in whole.messages] == [essence(m) for m in pieces.messages]
