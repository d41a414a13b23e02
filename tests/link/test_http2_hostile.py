"""The passive HTTP/2 reader on bytes made to cost time and memory."""

from __future__ import annotations

import hpack
import pytest
from http2_bytes import HEAD, client, long_connection, server
from http_streams import Seen, Transcript, clocked, cut, essence
from hyperframe.frame import ContinuationFrame, HeadersFrame, RstStreamFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.http import HttpLimits
from dissectors.link.http2 import Http2Parser
from dissectors.link.http2_frame import PREFACE


def seen(transcript: Transcript, limits: HttpLimits | None = None) -> Seen:
    return Seen.of(Http2Parser, limits).play(transcript)


def test_header_list_bomb_is_bounded() -> None:
    encoder = hpack.Encoder()
    block = encoder.encode([*HEAD, ("x-bomb", "b" * 3900)]) + b"\xbe" * 30_000
    raw = b""
    for number in range(1, 40, 2):
        frame = HeadersFrame(number, block if number == 1 else b"\xbe" * 16_000)
        frame.flags.add("END_HEADERS")
        raw += frame.serialize()
    found, spent = clocked(Http2Parser, [(0, client().raw + raw)])
    assert spent < 16
    assert "http2-hpack-limit" in found.codes
    assert max(sum(len(v) for _, v in m.headers) for m in found.messages) < 300_000
    assert found.messages[0].target == "/p"


def test_long_integers_do_not_hang() -> None:
    for lead in (b"\xff", b"\x7f", b"\x3f", b"\x00\x7f"):
        frame = HeadersFrame(1, lead + b"\xff" * 16_000, flags=["END_HEADERS"]).serialize()
        found, spent = clocked(Http2Parser, [(0, client().raw + frame * 60)])
        assert spent < 8
        assert "http2-hpack" in found.codes


def test_continuation_flood_is_bounded() -> None:
    flood = ContinuationFrame(1, b"\x00" * 1000).serialize() * 5_000
    empty = ContinuationFrame(1, b"").serialize() * 50_000
    start = client().frame(HeadersFrame(1, b"\x82")).raw
    for kind in (flood, empty):
        found, spent = clocked(Http2Parser, [(0, start + kind)])
        assert spent < 16
        assert len(found.problems) <= 1_001
        assert all(here.block is None for here in found.parser._sides)


def test_stream_floods_are_bounded() -> None:
    near = client()
    block, again = near.encoder.encode(HEAD), near.encoder.encode(HEAD)
    opening = b"".join(
        HeadersFrame(number, block if number == 1 else again, flags=["END_HEADERS"]).serialize()
        for number in range(1, 20_001, 2)
    )
    found, spent = clocked(Http2Parser, [(0, near.raw + opening)])
    assert spent < 20
    assert len(found.messages) == 10_000
    assert {m.target for m in found.messages} == {"/p"}
    assert "http2-stream-limit" in found.codes
    resets = b"".join(RstStreamFrame(n, error_code=8).serialize() for n in range(1, 20_001, 2))
    assert clocked(Http2Parser, [(0, near.raw + opening + resets)])[1] < 20


def test_kept_bodies_are_bounded() -> None:
    limits = HttpLimits(flow=20_000)
    near = client()
    for number in range(1, 101, 2):
        near.head(number, HEAD).body(number, b"x" * 3000, "END_STREAM")
    found = seen([(0, near.raw)], limits)
    assert [len(m.body) for m in found.messages] == [3000] * 50
    assert found.parser._outlet.kept <= limits.flow
    open_bodies = client()
    for number in range(1, 101, 2):
        open_bodies.head(number, HEAD).body(number, b"x" * 3000)
    found = seen([(0, open_bodies.raw)], limits)
    assert found.parser._outlet.held <= limits.flow
    assert "http-body-limit" in found.end().codes


def test_announced_frames_cost_nothing() -> None:
    head = b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"
    found, spent = clocked(Http2Parser, [(0, client().raw + head + b"x" * 100)])
    assert spent < 4
    assert "http2-frame-size" in found.codes


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 400_000,
        b"\x00\x00\x04\x00\x00\x00" * 60_000,
        b"\x00\x40\x00\x00\x00\x00\x00\x00\x01" * 40_000,
        b"\xff" * 1_000_000,
        PREFACE + b"\x00\x00\x00\x09\x00\x00\x00\x00\x01" * 50_000,
        PREFACE + b"\x00\x00\x01\x00\x00\x00\x00\x00\x01x" * 40_000,
        PREFACE + b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff" * 40_000,
    ],
)
def test_malice_takes_linear_time(data: bytes) -> None:
    _, whole = clocked(Http2Parser, [(0, data)])
    _, pieces = clocked(Http2Parser, cut([(0, data[: len(data) // 4])], [5]))
    assert whole < 16
    assert pieces < 16


@settings(max_examples=150, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=5),
    gaps=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 60)), max_size=3),
    size=st.integers(1, 80),
    skip=st.integers(0, 6),
)
def test_mutated_streams_give_messages_or_findings(
    edits: list[tuple[int, int]], gaps: list[tuple[int, int]], size: int, skip: int
) -> None:
    pair, _ = long_connection()
    raw = [bytearray(data) for _, data in pair.transcript]
    for place, value in edits:
        part = raw[place % len(raw)]
        part[place % len(part)] = value
    mutated = [(side, bytes(data)) for (side, _), data in zip(pair.transcript, raw)][skip:]
    if not gaps:
        whole, pieces = seen(mutated).end(), seen(cut(mutated, [size])).end()
        # until a side is lost and found again the messages do not depend on the pieces
        if "http2-skipped" not in whole.codes + pieces.codes:
            assert [essence(m) for m in whole.messages] == [essence(m) for m in pieces.messages]
    found = Seen.of(Http2Parser)
    lost = dict(gaps)
    for turn, (side, data) in enumerate(mutated):
        missing = lost.get(turn, 0)
        found.data(side, data[: len(data) - missing] if missing else data)
        if missing:
            found.gap(side, min(missing, len(data)))
    found.end()
    assert found.messages or found.problems
    assert (found.parser._outlet.held, found.parser._outlet.kept) == (0, 0)


@settings(max_examples=200, deadline=None)
@given(data=st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=60)), max_size=8))
def test_random_bytes_give_messages_or_findings(data: list[tuple[int, bytes]]) -> None:
    found = seen([(0, client().raw), (1, server().raw)])
    found.play(data).end()
    assert (found.parser._outlet.held, found.parser._outlet.kept) == (0, 0)
