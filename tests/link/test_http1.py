"""The passive HTTP/1 reader against h11's streams, in any pieces, with losses and departures."""

from __future__ import annotations

import pytest
from http_streams import Seen, Sketch, Transcript, cut, essence, h11_transcript
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.http import HttpExchange, Kind, exchanges
from dissectors.link.http1 import Http1Parser, looks_like_http1
from dissectors.link.http1_head import parse_head
from dissectors.link.http1_resync import find_start

SKETCHES = st.builds(
    Sketch,
    method=st.sampled_from(["POST", "GET", "HEAD", "PUT"]),
    target=st.sampled_from(["/gsma/rsp2/asn1", "/a?b=c", "*"]),
    body=st.binary(max_size=40),
    status=st.sampled_from([200, 204, 304, 404, 500]),
    answer=st.binary(max_size=40),
    chunked=st.booleans(),
    trailers=st.sampled_from([(), (("X-Check", "1"), ("x-more", "2"))]),
    expect=st.booleans(),
)
POST = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
GET = b"GET /g HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def seen(transcript: Transcript) -> Seen:
    return Seen.of(Http1Parser).play(transcript)


def expected(sketches: list[Sketch]) -> list[tuple[str, bytes, tuple[tuple[str, str], ...]]]:
    messages = []
    for sketch in sketches:
        trailers = tuple((name.lower(), value) for name, value in sketch.trailers)
        own = trailers if sketch.chunked else ()
        bodiless = sketch.method == "HEAD" or sketch.status in (204, 304)
        messages.append((f"{sketch.method} {sketch.target}", sketch.body, own))
        messages.append(
            (str(sketch.status), b"" if bodiless else sketch.answer, () if bodiless else own)
        )
    return messages


@settings(max_examples=120, deadline=None)
@given(
    sketches=st.lists(SKETCHES, min_size=1, max_size=4),
    sizes=st.lists(st.integers(1, 60), max_size=6),
    pipelined=st.booleans(),
)
def test_h11_exchanges_come_back_in_any_pieces(
    sketches: list[Sketch], sizes: list[int], pipelined: bool
) -> None:
    transcript = h11_transcript(sketches, pipelined)
    found = seen(cut(transcript, sizes)).end()
    order = found.messages
    if pipelined:  # requests come first; pair them for the comparison
        order = [m for pair in exchanges(order) for m in (pair.request, pair.response) if m]
    told = [
        (f"{m.method} {m.target}" if m.kind is Kind.REQUEST else str(m.status), m.body, m.trailers)
        for m in order
    ]
    assert told == expected(sketches)
    assert found.codes == []
    for sketch, response in zip(sketches, order[1::2]):
        assert response.request is order[order.index(response) - 1] or pipelined
        assert response.request is not None
        assert response.request.body == sketch.body
        assert response.interim == ((100,) if sketch.expect else ())


def test_one_piece_and_single_bytes_give_the_same_messages() -> None:
    sketches = [Sketch(body=b"x" * 30, answer=b"y" * 9, chunked=bool(n & 1)) for n in range(6)]
    transcript = h11_transcript(sketches)
    whole, single = seen(transcript).end(), seen(cut(transcript, [1])).end()
    assert [essence(m) for m in whole.messages] == [essence(m) for m in single.messages]
    assert len(whole.messages) == 12


def test_frames_and_times_are_those_of_the_bytes() -> None:
    found = Seen.of(Http1Parser)
    found.data(0, POST + POST[:10])  # frame 1
    found.data(0, POST[10:-1])  # frame 2
    found.data(0, POST[-1:] + b"\r\n")  # frame 3
    found.data(0, POST)  # frame 4
    found.data(0, POST[:5])  # frame 5
    found.data(0, POST[5:] + POST[:5])  # frame 6
    found.data(0, POST[5:])  # frame 7
    assert [m.frames for m in found.messages] == [(1,), (1, 2, 3), (4,), (5, 6), (6, 7)]
    assert [m.time for m in found.messages] == [1.0, 3.0, 4.0, 6.0, 7.0]
    assert [m.stream for m in found.messages] == [1, 2, 3, 4, 5]


def test_head_is_read_as_written() -> None:
    found = seen([(0, b"POST http://a.example:81/x/y?z#f HTTP/1.1\r\nHOST: b\r\n"
                      b"Content-TYPE:  Application/JSON;charset=UTF-8 \t\r\n\r\n")])  # fmt: skip
    [message] = found.messages
    assert (message.path, message.authority, message.version) == ("/x/y", "a.example:81", "1.1")
    assert message.headers[1] == ("content-type", "Application/JSON;charset=UTF-8")
    assert message.media_type == "application/json"
    assert message.header("host") == "b"


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_chunk_extensions_and_upper_case_sizes(piece: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
    body = b'1A ; name="v;w"\r\n' + b"z" * 26 + b"\r\n00000\r\nX-T: 1\r\n\r\n"
    found = seen(cut([(0, head + body + GET)], [piece]))
    assert [m.body for m in found.messages] == [b"z" * 26, b""]
    assert found.messages[0].trailers == (("x-t", "1"),)
    assert found.codes == []


def test_response_until_close_ends_with_the_stream() -> None:
    found = seen(cut([(0, GET), (1, b"HTTP/1.0 200\r\n\r\nall of it")], [4]))
    assert len(found.messages) == 1
    found.end(1)
    assert found.messages[1].body == b"all of it"
    assert found.messages[1].problems == ()


def test_capture_that_starts_in_a_body() -> None:
    tail = b'"member": 1}'
    found = seen(cut([(0, tail + POST), (1, OK)], [5])).end()
    assert [m.body for m in found.messages] == [b"abc", b"ok"]
    assert found.codes == ["http1-skipped"]
    assert found.messages[1].request is found.messages[0]


def test_capture_that_starts_with_a_response() -> None:
    found = seen([(1, OK), (0, POST), (1, OK)]).end()
    assert [m.kind for m in found.messages] == ["response", "request", "response"]
    assert [m.request for m in found.messages] == [None, None, found.messages[1]]
    assert found.codes == ["http-no-request"]


def test_sides_may_be_swapped() -> None:
    found = seen([(1, POST), (0, OK)]).end()
    assert [(m.kind, m.side) for m in found.messages] == [("request", 1), ("response", 0)]
    assert found.codes == []


def test_early_response_waits_for_its_request() -> None:
    found = seen([(0, POST[:-1]), (1, OK)])
    assert found.messages == []
    found.data(0, POST[-1:])
    found.end()
    assert [m.kind for m in found.messages] == ["request", "response"]
    assert found.messages[1].request is found.messages[0]
    assert found.codes == []


def test_early_response_of_a_request_that_never_ends() -> None:
    found = seen([(0, POST[:-1]), (1, OK)]).end()
    assert [m.kind for m in found.messages] == ["request", "response"]
    assert found.codes == ["http-truncated"]


def test_exchanges_pair_messages() -> None:
    found = seen([(0, POST + GET), (1, OK), (1, OK + OK)])
    first, second, *answers = found.messages
    assert exchanges(found.messages) == [
        HttpExchange(first, answers[0]), HttpExchange(second, answers[1]),
        HttpExchange(None, answers[2]),
    ]  # fmt: skip


# -- losses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 9, 1000])
def test_gap_inside_a_counted_body_keeps_the_place(piece: int) -> None:
    head = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n" + b"a" * 20
    found = Seen.of(Http1Parser)
    found.play(cut([(0, head)], [piece]))
    found.gap(0, 50)
    found.play(cut([(0, b"b" * 30 + GET)], [piece]))
    found.play([(1, OK + OK)]).end()
    assert [m.body for m in found.messages[:2]] == [b"a" * 20 + b"b" * 30, b""]
    assert found.messages[0].body_length == 100
    assert found.codes == ["http-gap"]
    assert [m.request for m in found.messages[2:]] == found.messages[:2]


def test_gap_inside_a_chunk_keeps_the_place() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = Seen.of(Http1Parser)
    found.data(0, head + b"10\r\nabcd")
    found.gap(0, 12)
    found.data(0, b"\r\n2\r\nef\r\n0\r\n\r\n" + GET)
    assert [m.body for m in found.messages] == [b"abcdef", b""]
    assert found.codes == ["http-gap"]


@pytest.mark.parametrize("lost", ["request", "response", "tail", "middle"])
def test_pairs_are_right_again_after_a_gap(lost: str) -> None:
    found = Seen.of(Http1Parser)
    number = lambda n: b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % n  # noqa: E731
    answer = lambda n: b"HTTP/1.1 20%d OK\r\nContent-Length: 4\r\n\r\nbody" % n  # noqa: E731
    found.play([(0, number(1)), (1, answer(1))])
    if lost == "request":
        found.gap(0, 30)
        found.data(1, answer(2))
    elif lost == "response":
        found.data(0, number(2))
        found.gap(1, 40)
    elif lost == "tail":
        found.play([(0, number(2)), (1, answer(2)[:-2])])
        found.gap(1, 30)
    else:  # the end of one response and the beginning of the next message
        found.play([(0, number(2)), (1, answer(2)[:20])])
        found.gap(1, 300)
    found.play([(0, number(3)), (1, answer(3))])
    found.play([(0, number(4) + number(5)), (1, answer(4) + answer(5))])
    found.end()
    pairs = {
        m.status: m.request.target if m.request else None
        for m in found.messages
        if m.kind is Kind.RESPONSE
    }
    assert {status: pairs[status] for status in (201, 203, 204, 205)} == {
        201: "/1", 203: "/3", 204: "/4", 205: "/5",
    }  # fmt: skip
    assert "http-gap" in found.codes


def test_resync_finds_a_request_behind_body_bytes() -> None:
    found = Seen.of(Http1Parser)
    found.gap(0, 10)
    found.play(cut([(0, b'..."GET"HTTP/1.1 xPOST /q HTTP/1.1\r\nHost: h\r\n\r\n')], [3])).end()
    assert [(m.method, m.target) for m in found.messages] == [("POST", "/q")]
    assert set(found.codes) == {"http-gap", "http1-skipped", "http-no-response"}
    assert find_start(bytearray(b"zz HTTP/1.1 200 OK\r\n"), 0)[0] == 3


# -- departures from the specification -------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code", "body"),
    [
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
         "http1-length-conflict", b"abc"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc",
         "http1-length-repeated", b"abc"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\n", "http1-length-invalid", b""),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"3\r\nabc\r\n0\r\n\r\n", "http1-length-and-chunked", b"abc"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
         "http1-transfer-coding", b""),
        (b"POST / HTTP/1.1\r\nHost: h\r\nX-Long: a\r\n  b\r\nContent-Length: 3\r\n\r\nabc",
         "http1-obs-fold", b"abc"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc",
         "http1-header-space", b"abc"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nno field\r\nContent-Length: 3\r\n\r\nabc",
         "http1-header-line", b"abc"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\nContent-Length: 3\r\n\r\nabc",
         "http1-header-value", b"abc"),
        (b"POST / HTTP/1.1\nHost: h\nContent-Length: 3\n\nabc", "http1-bare-lf", b"abc"),
        (b"POST / HTTP/1.1\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "http1-bare-lf", b"abc"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "http1-no-host", b"abc"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc",
         "http1-no-host", b"abc"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("piece", [1, 4, 1000])
def test_departure_is_told_and_the_next_message_read(
    raw: bytes, code: str, body: bytes, piece: int
) -> None:
    found = seen(cut([(0, raw + GET)], [piece]))
    assert [(m.body, m.target) for m in found.messages] == [(body, "/"), (b"", "/g")]
    assert found.codes == [code]


def test_folded_value_is_joined() -> None:
    [message] = seen([(0, b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\t b\r\n\r\n")]).messages
    assert message.header("x") == "a b"


@pytest.mark.parametrize("piece", [1, 1000])
def test_broken_chunk_ends_the_body_and_reading_goes_on(piece: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = seen(cut([(0, head + b"3\r\nabc\r\nzz\r\n" + GET)], [piece])).end()
    assert [m.body for m in found.messages] == [b"abc", b""]
    assert found.codes[:2] == ["http1-chunk", "http1-skipped"]


def test_status_without_body_that_announces_one() -> None:
    found = seen(
        [(0, GET), (1, b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"), (0, GET), (1, OK)]
    )
    assert [m.status for m in found.messages] == [0, 204, 0, 200]
    assert found.codes == ["http-body-unexpected"]


def test_unanswered_request_is_told_at_the_end() -> None:
    found = seen([(0, GET)])
    assert found.codes == []
    assert found.end().codes == ["http-no-response"]
    assert found.problems[0][1] == (1,)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (POST[:-1], "http-truncated"),
        (POST[:30], "http-truncated"),
        (b"\x16\x03\x01", "http1-skipped"),
    ],
)
def test_cut_stream_is_told(data: bytes, code: str) -> None:
    assert code in seen([(0, data)]).end().codes


def test_switch_to_another_protocol_is_told() -> None:
    up = b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    found = seen([(0, up), (1, b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\n\x81\x01"),
                  (0, b"\x81\x05GET / HTTP/1.1\r\n\r\n")]).end()  # fmt: skip
    assert [m.status for m in found.messages] == [0, 101]
    assert found.codes == ["http1-switched"]


def test_connect_opens_a_tunnel() -> None:
    found = seen([(0, b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
                  (1, b"HTTP/1.1 200 OK\r\n\r\n\x16\x03"), (0, b"\x16\x03\x01")]).end()  # fmt: skip
    assert [m.status for m in found.messages] == [0, 200]
    assert found.codes == ["http1-switched"]
    assert found.messages[0].authority == "h:443"


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (GET, True), (OK, True), (b"PO", True), (b"POST /", True), (b"HTTP/1.", True),
        (b"PRI * HTTP/2.0\r\n", False), (b"", False), (b"\x16\x03\x01\x02\x00", False),
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", False), (b"x" * 200, False),
    ],
)  # fmt: skip
def test_looks_like_http1(data: bytes, verdict: bool) -> None:
    assert looks_like_http1(data) is verdict


def test_head_cache_does_not_mix_heads() -> None:
    first = parse_head(b"GET /a HTTP/1.1\r\nHost: h")
    second = parse_head(b"GET /b HTTP/1.1\r\nHost: h")
    assert first is not None
    assert second is not None
    assert (first.head.target, second.head.target) == ("/a", "/b")
    assert parse_head(b"nonsense\r\nHost: h") is None
