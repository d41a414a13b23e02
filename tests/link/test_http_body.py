"""Content codings of HTTP bodies, whole, broken and hostile."""

from __future__ import annotations

import gzip
import time
import zlib

import pytest
from http_streams import Seen, Transcript, cut

from dissectors.link.http import HttpLimits
from dissectors.link.http1 import Http1Parser

GET = b"GET /g HTTP/1.1\r\nHost: h\r\n\r\n"


def seen(transcript: Transcript, limits: HttpLimits | None = None) -> Seen:
    return Seen.of(Http1Parser, limits).play(transcript)


def zipped(data: bytes) -> bytes:
    """Compress as at any other time: the names of tests must not depend on when they are read."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize("piece", [1, 5, 10_000])
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", zipped(b"hello")),
        ("x-gzip", zipped(b"hel") + zipped(b"lo")),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")[2:-4]),
        ("gzip, deflate", zlib.compress(zipped(b"hello"))),
        ("identity", b"hello"),
    ],
)
def test_content_codings_are_opened(coding: str, body: bytes, piece: int) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    found = seen(cut([(0, GET), (1, head.encode() + body)], [piece]))
    response = found.messages[1]
    assert (response.body, response.body_length, response.problems) == (b"hello", len(body), ())


@pytest.mark.parametrize(
    ("coding", "body", "code"),
    [
        ("gzip", zipped(b"hello")[:-9], "http-coding-broken"),
        ("gzip", b"hello", "http-coding-broken"),
        ("gzip", zipped(b"hello") + b"tail", "http-coding-broken"),
        ("br", b"hello", "http-coding-unknown"),
        ("gzip,gzip,gzip,gzip", b"hello", "http-coding-unknown"),
    ],
)
def test_broken_codings_are_told(coding: str, body: bytes, code: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    found = seen([(0, GET), (1, head.encode() + body)])
    assert [problem.code for problem in found.messages[1].problems] == [code]


def test_compression_bomb_is_bounded_and_told() -> None:
    bomb = gzip.compress(bytes(300_000_000), 9)  # 300 kB
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    response = seen([(0, GET), (1, head + bomb)], HttpLimits(ratio=100)).messages[1]
    assert [problem.code for problem in response.problems] == ["http-coding-bomb"]
    assert len(response.body) == len(bomb) * 100


def test_a_million_empty_gzip_members_cost_little() -> None:
    body = gzip.compress(b"") * 200_000
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    start = time.process_time()
    response = seen([(0, GET), (1, head + body)]).messages[1]
    assert [problem.code for problem in response.problems] == ["http-coding-broken"]
    assert time.process_time() - start < 2
