"""The passive HTTP/2 reader against h2's streams, in any pieces, with losses and hostile bytes."""

from __future__ import annotations

import gzip
from base64 import urlsafe_b64encode

import pytest
from h2.settings import SettingCodes
from http2_bytes import HEAD, Bytes, client, long_connection, server
from http_streams import H2Pair, Seen, Sketch, Transcript, cut
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.http import HttpLimits, Kind
from dissectors.link.http1 import Http1Parser
from dissectors.link.http2 import Http2Parser
from dissectors.link.http2_frame import PREFACE, looks_like_http2

SKETCHES = st.builds(
    Sketch,
    method=st.sampled_from(["POST", "GET", "PUT"]),
    target=st.sampled_from(["/gsma/rsp2/asn1", "/a?b=c"]),
    body=st.binary(max_size=200),
    status=st.sampled_from([200, 204, 404, 500]),
    answer=st.binary(max_size=200),
    trailers=st.sampled_from([(), (("x-check", "1"), ("x-more", "2"))]),
    expect=st.booleans(),
)


def seen(transcript: Transcript, limits: HttpLimits | None = None) -> Seen:
    return Seen.of(Http2Parser, limits).play(transcript)


@settings(max_examples=80, deadline=None)
@given(
    sketches=st.lists(SKETCHES, min_size=1, max_size=5),
    sizes=st.lists(st.integers(1, 90), max_size=6),
    pad=st.sampled_from([None, 0, 7, 255]),
    together=st.booleans(),
)
def test_h2_exchanges_come_back_in_any_pieces(
    sketches: list[Sketch], sizes: list[int], pad: int | None, together: bool
) -> None:
    pair = H2Pair()
    streams: dict[int, Sketch] = {}
    for sketch in sketches:
        number = pair.request(sketch, pad)
        streams[number] = sketch
        if not together:
            pair.flush()
            pair.answer(number, sketch, pad)
            pair.flush()
    pair.flush()
    if together:  # all streams open at once, answered from the last to the first
        for number, sketch in reversed(streams.items()):
            pair.answer(number, sketch, pad)
        pair.flush()
    found = seen(cut(pair.transcript, sizes)).end()
    assert found.codes == []
    requests = {m.stream: m for m in found.messages if m.kind is Kind.REQUEST}
    responses = {m.stream: m for m in found.messages if m.kind is Kind.RESPONSE}
    assert list(requests) == list(streams)
    assert len(found.messages) == 2 * len(streams)
    for number, sketch in streams.items():
        request, response = requests[number], responses[number]
        assert (request.method, request.target, request.body) == (
            sketch.method, sketch.target, sketch.body,
        )  # fmt: skip
        assert (request.authority, request.media_type) == (
            "eim.example", "application/x-gsma-rsp-asn1",
        )  # fmt: skip
        assert request.trailers == (sketch.trailers if sketch.body else ())
        assert (response.status, response.body) == (sketch.status, sketch.answer)
        assert response.trailers == (sketch.trailers if sketch.answer else ())
        assert response.interim == ((103,) if sketch.expect else ())
        assert response.request is request


def test_large_bodies_and_continuation() -> None:
    body = bytes(range(256)) * 1000
    pair = H2Pair()
    fields = [*HEAD, *((f"x-{n}", "v" * 200) for n in range(150))]
    pair.client.send_headers(1, fields)
    pair._body(pair.client, 1, body, (), 20)
    pair.flush()
    pair.answer(1, Sketch(answer=body), 3)
    pair.flush()
    for sizes in ([], [1000], [9, 1, 16_000]):
        found = seen(cut(pair.transcript, sizes)).end()
        assert [m.body for m in found.messages] == [body, body]
        assert len(found.messages[0].headers) == 150
        assert found.codes == []


def test_content_coding_is_opened() -> None:
    body = gzip.compress(b"hello")
    far = server().head(1, [(":status", "200"), ("content-encoding", "gzip")])
    found = seen([(0, client().head(1, HEAD, "END_STREAM").raw),
                  (1, far.body(1, body, "END_STREAM").raw)])  # fmt: skip
    assert (found.messages[1].body, found.messages[1].body_length) == (b"hello", len(body))


def test_frames_are_those_of_the_stream() -> None:
    near = client()
    found = Seen.of(Http2Parser)
    found.data(0, near.raw)  # frame 1
    first = Bytes().head(1, HEAD)
    first.raw, head = b"", first.raw
    found.data(0, head)  # frame 2
    found.data(0, first.head(3, HEAD).raw)  # frame 3
    data = Bytes().body(1, b"abcdef", "END_STREAM").raw
    found.data(0, data[:12])  # frame 4
    found.data(0, data[12:])  # frame 5
    found.data(0, Bytes().body(3, b"", "END_STREAM").raw)  # frame 6
    assert [(m.stream, m.frames, m.time) for m in found.messages] == [
        (1, (2, 4, 5), 5.0), (3, (3, 6), 6.0),
    ]  # fmt: skip


def test_table_size_settings_of_both_ends_are_followed() -> None:
    pair = H2Pair()
    for size in (0, 60_000, 100, 4096):
        pair.server.update_settings({SettingCodes.HEADER_TABLE_SIZE: size})
        pair.flush()
        for n in range(4):
            number = pair.request(Sketch(body=b"b" * (17 * n)))
            pair.flush()
            pair.answer(number, Sketch(answer=b"a"))
            pair.flush()
    found = seen(pair.transcript).end()
    assert len(found.messages) == 32
    assert found.codes == []


def test_pushed_request_and_its_response() -> None:
    far = server()
    block = far.encoder.encode([(":method", "GET"), (":path", "/pushed"), (":scheme", "https"),
                                (":authority", "h")])  # fmt: skip
    far.frame(PushPromiseFrame(1, 2, block, flags=["END_HEADERS"]))
    far.head(1, [(":status", "200")], "END_STREAM")
    far.head(2, [(":status", "200")]).body(2, b"push", "END_STREAM")
    found = seen([(0, client().head(1, HEAD, "END_STREAM").raw), (1, far.raw)]).end()
    told = [(m.kind, m.stream, m.side, m.target, m.body) for m in found.messages]
    assert told == [
        ("request", 1, 0, "/p", b""), ("request", 2, 1, "/pushed", b""),
        ("response", 1, 1, "", b""), ("response", 2, 1, "", b"push"),
    ]  # fmt: skip
    assert found.messages[3].request is found.messages[1]
    assert found.codes == ["http2-pushed"]


def test_upgrade_from_http1() -> None:
    wanted = SettingsFrame(0, settings={1: 0}).serialize_body()
    ask = (
        b"GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: " + urlsafe_b64encode(wanted).rstrip(b"=") + b"\r\n\r\n"
    )
    far = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    back = server().head(1, [(":status", "200")]).body(1, b"one", "END_STREAM")
    near = client().head(3, HEAD, "END_STREAM")
    back_again = back.raw
    back.raw = b""
    back.head(3, [(":status", "404")], "END_STREAM")
    for sizes in ([], [1], [20]):
        transcript = [(0, ask), (1, far + back_again), (0, near.raw), (1, back.raw)]
        found = Seen.of(Http1Parser).play(cut(transcript, sizes)).end()
        told = [(m.version, m.kind, m.stream, m.status, m.body) for m in found.messages]
        assert told == [
            ("1.1", "request", 1, 0, b""), ("1.1", "response", 1, 101, b""),
            ("2", "response", 1, 200, b"one"), ("2", "request", 3, 0, b""),
            ("2", "response", 3, 404, b""),
        ]  # fmt: skip
        assert found.messages[2].request is found.messages[0]
        assert found.codes == []


@pytest.mark.parametrize("sizes", [[], [1], [7]])
def test_prior_knowledge_through_the_http1_reader(sizes: list[int]) -> None:
    transcript = [(0, client().head(1, HEAD, "END_STREAM").raw),
                  (1, server().head(1, [(":status", "204")], "END_STREAM").raw)]  # fmt: skip
    found = Seen.of(Http1Parser).play(cut(transcript, sizes)).end()
    assert [(m.version, m.status) for m in found.messages] == [("2", 0), ("2", 204)]
    assert found.codes == []


def test_reset_and_goaway_are_told() -> None:
    near = client().head(1, HEAD).body(1, b"half")
    far = server().frame(RstStreamFrame(1, error_code=8)).frame(GoAwayFrame(0, 1, error_code=11))
    found = seen([(0, near.raw), (1, far.raw)]).end()
    [message] = found.messages
    assert message.body == b"half"
    assert [(p.code, p.text) for p in message.problems] == [
        ("http2-reset", "the server reset the stream with CANCEL")
    ]
    assert "ENHANCE_YOUR_CALM" in found.problems[0][0].text


def test_early_response_waits_for_its_request() -> None:
    near = client().head(1, HEAD).body(1, b"half")
    far = server().head(1, [(":status", "413")], "END_STREAM")
    found = seen([(0, near.raw), (1, far.raw)])
    assert found.messages == []
    found.data(1, RstStreamFrame(1, error_code=0).serialize())
    assert [(m.kind, m.status) for m in found.messages] == [("request", 0), ("response", 413)]
    assert found.messages[1].request is found.messages[0]


# -- the beginning is missing ----------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[], [1], [13]])
def test_capture_that_starts_inside_a_connection(sizes: list[int]) -> None:
    pair, third = long_connection()
    found = seen(cut(pair.transcript[third:], sizes)).end()
    told = [(m.kind, m.target or str(m.status), m.body) for m in found.messages]
    expected = [
        part
        for n in range(2, 6)
        for part in (
            (Kind.REQUEST, f"/{n}", b"b" * n),
            (Kind.RESPONSE, str(200 + n), bytes([65 + n])),
        )
    ]
    assert sorted(told) == sorted(expected)
    assert set(found.codes) == {"http2-headers-unknown"}
    request = found.messages[0]
    # method and path came as literals or from the static table, the authority from the lost part
    assert "?" in dict(request.headers)
    assert all(m.authority in ("", "eim.example") for m in found.messages)


def test_gap_in_data_keeps_the_place() -> None:
    near = client().head(1, HEAD).raw
    data = Bytes().body(1, b"0123456789" * 10, "END_STREAM", pad=5).raw
    for sizes in ([], [1]):
        found = Seen.of(Http2Parser)
        found.play(cut([(0, near + data[:30])], sizes))
        found.gap(0, 50)
        found.play(cut([(0, data[80:])], sizes))
        [message] = found.messages
        whole = b"0123456789" * 10
        assert message.body == whole[:20] + whole[70:]
        assert message.body_length == 100
        assert found.codes == ["http-gap"]


def test_gap_in_a_header_block_loses_only_headers() -> None:
    near = client().head(1, [*HEAD, ("x-one", "1" * 40)], "END_STREAM")
    first = near.raw
    near.raw = b""
    later = [(":method", "POST"), (":path", "/q"), *HEAD[2:], ("x-one", "1" * 40), ("x-two", "2")]
    second = near.head(3, later, "END_STREAM").raw
    found = Seen.of(Http2Parser)
    found.data(0, first[:-20])
    found.gap(0, 15)
    found.data(0, first[-5:] + second)
    one, three = found.messages
    assert (one.stream, one.method, one.headers) == (1, "", ())
    assert (three.stream, three.method, three.target) == (3, "POST", "/q")
    assert three.header("x-two") == "2"
    assert three.header("?") == "?"
    assert {"http2-hpack", "http2-headers-unknown"} <= set(found.codes)


@pytest.mark.parametrize("sizes", [[], [1], [40]])
def test_gap_over_frames_finds_the_next_ones(sizes: list[int]) -> None:
    near = client()
    for number in range(1, 20, 2):
        near.head(number, [*HEAD, ("x-n", str(number))]).body(number, b"d" * number, "END_STREAM")
    raw = near.raw
    found = Seen.of(Http2Parser)
    found.play(cut([(0, raw[:150])], sizes))
    found.gap(0, 97)
    found.play(cut([(0, raw[247:])], sizes)).end()
    assert [(m.stream, len(m.body)) for m in found.messages] == [
        (1, 1), (3, 3), (5, 5), (15, 15), (17, 17), (19, 19), (7, 0),
    ]  # fmt: skip
    assert {code for code in found.codes if code != "http-no-response"} == {
        "http-gap", "http2-skipped", "http2-headers-unknown", "http-truncated",
    }  # fmt: skip
    assert found.messages[5].method == "POST"


# -- faults ----------------------------------------------------------------------------------------


def headers(block: bytes) -> bytes:
    return HeadersFrame(1, block, flags=["END_HEADERS", "END_STREAM"]).serialize()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x00\x00\x03\x08\x00\x00\x00\x00\x00abc", "http2-frame"),
        (b"\x00\x00\x04\x03\x00\x00\x00\x00\x00abcd", "http2-frame"),
        (b"\x00\x00\x05\x04\x00\x00\x00\x00\x00abcde", "http2-frame"),
        (b"\x00\x00\x01\x00\x00\x00\x00\x00\x00a", "http2-frame"),
        (b"\x00\x00\x06\x04\x00\x00\x00\x00\x09abcdef", "http2-frame"),
        (ContinuationFrame(1, b"").serialize(), "http2-frame"),
        (HeadersFrame(1, b"\x82").serialize(), "http2-hpack"),
        (headers(b"\xff\xff\xff\xff\xff\xff"), "http2-hpack"),
        (headers(b"\xc0"), "http2-hpack"),
        (headers(b"\x82\x84\x87\x00\x01A\x01b"), "http2-malformed"),
        (headers(b"\x82\x84\x87\x00\x0aconnection\x01b"), "http2-malformed"),
        (headers(b"\x82\x84"), "http2-malformed"),
        (headers(b"\x82\x84\x87\x0f\x0d\x019"), "http-length-mismatch"),
        (DataFrame(7, b"late").serialize(), "http2-stream-state"),
    ],
)  # fmt: skip
def test_fault_is_told_and_reading_goes_on(raw: bytes, code: str) -> None:
    after = Bytes().head(9, HEAD, "END_STREAM").raw
    found = seen([(0, client().raw + raw + after)])
    assert found.messages[-1].target == "/p"
    found.end()
    told = set(found.codes) - {"http-no-response", "http-truncated"}
    assert code in told
    assert told <= {code, "http2-frame"}


def test_harmless_frames_are_silent() -> None:
    near = client().frame(PingFrame(0, b"12345678"))
    near.raw += b"\x00\x00\x03\xee\xff\x00\x00\x00\x07abc"
    assert seen([(0, near.head(1, HEAD, "END_STREAM").raw)]).codes == []


def test_a_second_life_of_a_stream_is_told() -> None:
    near = client().head(1, HEAD, "END_STREAM")
    far = server().head(1, [(":status", "200")], "END_STREAM")
    found = seen([(0, near.raw), (1, far.raw), (0, Bytes().body(1, b"late").raw)])
    assert found.codes == ["http2-stream-state"]


def test_broken_padding_is_told() -> None:
    frame = bytearray(Bytes().body(1, b"abc", pad=4).raw)
    frame[9] = 200
    after = Bytes().head(3, HEAD, "END_STREAM").raw
    found = seen([(0, client().raw + bytes(frame) + after)])
    assert found.codes == ["http2-frame"]
    assert found.messages[0].stream == 3


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (PREFACE, True), (PREFACE[:5], True), (client().raw, True), (server().raw, True),
        (Bytes().head(5, HEAD).body(5, b"abc").raw, True), (b"", False), (b"PRI", False),
        (b"POST / HTTP/1.1\r\n", False), (b"\x16\x03\x01\x00\x05abcde", False),
        (b"\x00\x00\x05\x04\x00\x00\x00\x00\x00", False),
    ],
)  # fmt: skip
def test_looks_like_http2(data: bytes, verdict: bool) -> None:
    assert looks_like_http2(data) is verdict
