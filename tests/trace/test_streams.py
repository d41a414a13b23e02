"""Which layers stand above a TCP connection, and when that is found out."""

from __future__ import annotations

import pytest
from capture_bodies import SHORT
from capture_http import answer_bytes, asks, request_bytes
from capture_wire import EIM, IPA, Wire, lost
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_bench import noted, poll, read_wire, said

from dissectors.finding import Finding, Severity
from dissectors.link.http1 import Http1Parser
from dissectors.link.http2 import Http2Parser
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Endpoint, Flow
from dissectors.link.tls_stream import TlsStream
from dissectors.trace.assembly import Assembly
from dissectors.trace.streams import Stream

FLOW = Flow(1, "tcp", Endpoint("10.0.0.2", 4000), Endpoint("10.0.0.5", 80))
ASK, TELL = request_bytes(poll()), answer_bytes(poll())


def assembly(**seen: list) -> Assembly:
    return Assembly(
        KeyLog(),
        seen.setdefault("messages", []).append,
        lambda session: None,
        lambda finding, frames: seen.setdefault("notes", []).append(finding),
    )


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"POST /gsma/rsp2/asn1 HTTP/1.1\r\n", Http1Parser),
        (b"\r\n\r\nPOST / HTTP/1.1\r\n", Http1Parser),
        (b"post http://a/ HTTP/1.1\r\n", Http1Parser),
        (b"OPTIONS * HTTP/1.1\r\n", Http1Parser),
        (b"CONNECT eim:443 HTTP/1.1\r\n", Http1Parser),
        (b"HTTP/1.0 200 OK\r\n", Http1Parser),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Http2Parser),
        (bytes.fromhex("0000000400000000") + b"\0", Http2Parser),
        (bytes.fromhex("160301002001"), TlsStream),
        (bytes.fromhex("170303002000"), TlsStream),
        (b"EHLO mail.example.com\r\n", type(None)),
        (b"220 ready\r\n", type(None)),
        (b"SSH-2.0-OpenSSH\r\n", type(None)),
        (bytes(40), type(None)),
    ],
)
def test_the_first_bytes_choose(first: bytes, kind: type) -> None:
    stream = Stream(assembly(), FLOW)
    stream.data(0, first, (1,), 0.0)
    assert isinstance(stream._sink, kind)


def test_one_byte_at_a_time() -> None:
    segments = [(0, ASK[n : n + 1]) for n in range(len(ASK))]
    segments += [(1, TELL[n : n + 1]) for n in range(len(TELL))]
    assert len(said(*segments).messages) == 2


def test_tls_inside_tls_is_not_looked_for() -> None:
    stream = Stream(assembly(), FLOW, secure=True)
    stream.data(0, bytes.fromhex("1603010020") + bytes(80), (1,), 0.0)
    assert stream._sink is None


def test_a_capture_that_begins_inside_a_message_is_read_from_the_next() -> None:
    inside = bytes(range(128, 228)) * 3
    for start in (inside, b"word " * 30, b"x" * 30):
        trace = said((1, start), (0, ASK), (1, TELL))
        assert [m.kind for m in trace.messages] == ["request", "response"]


def test_both_sides_are_looked_at() -> None:
    trace = said((0, bytes(200)), (1, TELL), (0, ASK), (1, TELL))
    assert [m.type for m in trace.messages][-2:] == [
        "GetEimPackageRequest",
        "GetEimPackageResponse",
    ]


def test_a_stream_of_others_is_given_up() -> None:
    stream = Stream(assembly(), FLOW)
    for n in range(2000):
        stream.data(n % 2, bytes(100), (n,), 0.0)
    assert stream._tries == 0
    assert stream._held == []
    stream.data(0, ASK, (1,), 0.0)
    assert stream._sink is None
    stream.gap(0, 5, (1,), 0.0)
    stream.end(0, (1,), 0.0)


def test_what_is_held_is_bounded() -> None:
    stream = Stream(assembly(), FLOW)
    for n in range(5000):
        stream.data(n % 2, b"\0", (n,), 0.0)
    assert sum(len(one[1]) for one in stream._held) <= 128


def test_a_gap_before_anything_is_known() -> None:
    wire = Wire()
    talk = wire.connect(IPA, EIM, mss=40)
    for ask in asks(SHORT):
        talk.data(0, request_bytes(ask))
        talk.data(1, answer_bytes(ask))
    trace = read_wire(wire, lost(0))
    assert [m.type for m in trace.messages][-2:] == [
        "ProvideEimPackageResult",
        "ProvideEimPackageResultResponse",
    ]


def test_problems_reach_the_reader_or_the_home() -> None:
    notes: list[Finding] = []
    home = assembly(notes=notes)
    stream = Stream(home, FLOW)
    problem = Finding("tcp-late", Severity.WARNING, "", 0, "late")
    stream.problem(problem, (3,))
    assert notes == [problem]
    stream.data(0, ASK, (1,), 0.0)
    stream.problem(problem, (4,))
    assert notes == [problem, problem]


def test_mail_is_no_http() -> None:
    trace = said((1, b"220 mail\r\n"), (0, b"EHLO a\r\n"), (1, b"250 ok\r\n" * 40), port=25)
    assert (trace.messages, noted(trace)) == ([], [])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.one_of(
                st.binary(min_size=1, max_size=90),
                st.sampled_from([ASK, TELL, ASK[:40], TELL[20:], b"\x16\x03\x01\x00\x05hello"]),
            ),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_any_bytes_any_way(pieces: list[tuple[int, bytes]], secure: bool) -> None:
    stream = Stream(assembly(), FLOW, secure)
    for n, (side, data) in enumerate(pieces, 1):
        if len(data) % 13 == 0:
            stream.gap(side, 7, (n,), float(n))
        stream.data(side, data, (n,), float(n))
    for side in (0, 1):
        stream.end(side, (99,), 99.0)
