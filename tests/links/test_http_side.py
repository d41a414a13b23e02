"""HTTP/1.1 of both sides without sockets: any bytes, in any pieces."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import NOTHING, POLL

from sgprobe.exchange import Request, Response
from sgprobe.links.http_side import HttpClientSide, HttpServerSide

HEADERS = b"Host: x\r\nContent-Type: text/plain\r\n"
PIECES = st.sampled_from([
    b"POST /gsma/rsp2/asn1 HTTP/1.1\r\n", b"GET / HTTP/1.0\r\n", HEADERS, b"\r\n", b"\n",
    b"Content-Length: 3\r\n", b"Content-Length: 99999999999999999999\r\n", b"abc",
    b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"Connection: close\r\n",
    b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"CONNECT x:1 HTTP/1.1\r\n", b"\xff\xfe",
    b": \r\n", b"HTTP/1.1 200 ok\r\n", b"HTTP/1.1 101 x\r\n", b"HTTP/1.1 204 \r\n",
])  # fmt: skip
TALK = st.lists(PIECES | st.binary(max_size=8), max_size=14).map(b"".join)


def test_a_request_arrives_as_it_was_sent_however_it_is_cut() -> None:
    for size in (1, 7, 10_000):
        server, client = HttpServerSide(), HttpClientSide("eim.example.com")
        data = client.ask(POLL)
        got = [
            one for at in range(0, len(data), size) for one in server.receive(data[at : at + size])
        ]
        ((stream, request),) = got
        assert (request.path, request.media, request.body) == (POLL.path, POLL.media, POLL.body)
        assert request.header("X-Admin-Protocol") == "gsma/rsp/v2.1.0"
        back = server.answer(stream, NOTHING)
        answers = [client.receive(back[at : at + size]) for at in range(0, len(back), size)]
        assert answers[-1] is not None
        assert answers[-1].body == NOTHING.body
        assert client.reusable


def test_headers_that_a_request_names_replace_ours() -> None:
    client = HttpClientSide("eim.example.com")
    data = client.ask(Request("", "", b"", (("Host", "other"), ("Content-Length", "0"))))
    assert data.startswith(b"POST / HTTP/1.1")
    assert data.lower().count(b"host:") == data.lower().count(b"content-length:") == 1
    assert b"other" in data


def test_a_request_in_chunks_has_no_length() -> None:
    request = Request("/gsma/rsp2/asn1", "", b"abc", (("Transfer-Encoding", "chunked"),))
    data = HttpClientSide("x").ask(request)
    assert b"content-length" not in data.lower()
    assert data.endswith(b"3\r\nabc\r\n0\r\n\r\n")
    ((_, got),) = HttpServerSide().receive(data)
    assert got.body == b"abc"


@pytest.mark.parametrize(("told", "broken"), [("3", False), ("2", True), ("4", False)])
def test_a_request_may_announce_another_length_than_it_has(told: str, broken: bool) -> None:
    client, server = HttpClientSide("x"), HttpServerSide()
    data = client.ask(Request("/a", "text/plain", b"abc", (("Content-Length", told),)))
    assert data.lower().count(b"content-length: " + told.encode()) == 1
    assert data.endswith(b"\r\n\r\nabc")
    got = server.receive(data)
    assert [one.body for _, one in got] == ([] if told == "4" else [b"abc"[: int(told)]])
    if got:
        client.receive(server.answer(got[0][0], NOTHING))
        # where the next request begins, the server could not know
        assert client.reusable is not broken


def test_the_query_is_no_part_of_the_path() -> None:
    server = HttpServerSide()
    ((_, request),) = server.receive(b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n")
    assert request.path == "/a"
    assert request.method == "GET"


@settings(max_examples=400, deadline=None)
@given(TALK, st.integers(1, 40), st.sampled_from([200, 204, 304, 404, 503]), st.binary(max_size=4))
def test_any_bytes_to_a_server(data: bytes, size: int, status: int, body: bytes) -> None:
    server = HttpServerSide()
    said = b""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    for piece in [*pieces, b""]:
        asked = server.receive(piece)
        for _ in range(50):
            if not asked:
                break
            assert len(asked) == 1
            said += server.outgoing()
            said += server.answer(asked[0][0], Response(status, "text/plain", body))
            asked = server.next()
        said += server.outgoing()
    assert not said or said.startswith(b"HTTP/1.1 ")


@settings(max_examples=400, deadline=None)
@given(TALK, st.integers(1, 40))
def test_any_bytes_to_a_client(data: bytes, size: int) -> None:
    client = HttpClientSide("x")
    client.ask(POLL)
    try:
        for at in range(0, len(data), size):
            if client.receive(data[at : at + size]) is not None:
                return
        client.receive(b"")
    except h11.RemoteProtocolError:
        assert not client.reusable
