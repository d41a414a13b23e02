"""Hostile TLS and DTLS: any bytes give findings, never an exception, in bounded memory and time."""

from __future__ import annotations

import random
import time
import tracemalloc
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from test_dtls_stream import session as dtls_session
from test_tls_resumption import early_pair, early_setup
from test_tls_stream import session as tls_session
from tls_endpoints import (
    TCP,
    UDP,
    Collector,
    Log,
    Pair,
    decode,
    decode_dtls,
    keylog,
    records,
)
from tls_forge import SUITES, Forge, client_hello, extensions, server_hello

from dissectors.link import tls_teller
from dissectors.link.dtls_registry import CidRegistry
from dissectors.link.dtls_stream import DtlsFlow
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Endpoint, Flow
from dissectors.link.tls_stream import TlsStream

VERSIONS = [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION]
SIDE = st.integers(0, 1)
RECORDISH = st.builds(
    lambda kind, body: bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body,
    st.integers(20, 24),
    st.one_of(
        st.binary(max_size=80),
        st.builds(  # handshake messages with lengths of their own
            lambda kind, length, body: bytes([kind]) + length.to_bytes(3, "big") + body,
            st.sampled_from([0, 1, 2, 4, 5, 8, 11, 12, 14, 16, 20, 24]),
            st.integers(0, (1 << 24) - 1),
            st.binary(max_size=80),
        ),
    ),
)
DATAGRAMISH = st.builds(
    lambda kind, number, body: (
        bytes([kind, 0xFE, 0xFD]) + number.to_bytes(8, "big") + len(body).to_bytes(2, "big") + body
    ),
    st.integers(20, 25),
    st.one_of(st.integers(0, 20), st.integers(1 << 48, (1 << 48) + 20), st.integers(0, 2**64 - 1)),
    st.binary(max_size=80),
)


def run_stream(steps: list[tuple[int, bytes | int]], keys: KeyLog, psk: bytes | None) -> Collector:
    sink = Collector()
    stream = TlsStream(TCP, keys, sink, sink.sessions.append, psk)
    for frame, (side, step) in enumerate(steps, 1):
        if isinstance(step, int):
            stream.gap(side, step, (frame,), frame / 10)
        else:
            stream.data(side, step, (frame,), frame / 10)
    for side in (0, 1):
        stream.end(side, (), 0.0)
    stream.close()
    for info in sink.sessions:
        assert info.as_dict()
    assert len(set(sink.ends)) == len(sink.ends) == 2
    return sink


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(SIDE, st.one_of(st.binary(max_size=200), RECORDISH, st.integers(1, 5000))),
        max_size=12,
    ),
    st.sampled_from([None, b"psk"]),
)
def test_any_bytes_in_a_stream(steps: list[tuple[int, bytes | int]], psk: bytes | None) -> None:
    run_stream(steps, KeyLog(), psk)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(SIDE, st.one_of(st.binary(max_size=200), DATAGRAMISH)), max_size=12),
    st.sampled_from([None, b"psk"]),
)
def test_any_datagrams(wire: list[tuple[int, bytes]], psk: bytes | None) -> None:
    sink = decode_dtls(wire, KeyLog(), psk=psk)
    for info in sink.sessions:
        assert info.as_dict()


def spoil(rng: random.Random, wire: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Flip, cut, repeat, swap and drop."""
    out = []
    for side, chunk in wire:
        what = rng.randrange(12)
        if what == 0:
            continue
        if what == 1 and chunk:
            at = rng.randrange(len(chunk))
            chunk = chunk[:at] + bytes([chunk[at] ^ 1 << rng.randrange(8)]) + chunk[at + 1 :]
        elif what == 2:
            chunk = chunk[: rng.randrange(len(chunk) + 1)]
        elif what == 3:
            out.append((side, chunk))
        elif what == 4:
            side = 1 - side
        elif what == 5:
            chunk += rng.randbytes(rng.randrange(40))
        out.append((side, chunk))
    if out and rng.random() < 0.5:
        i, j = rng.randrange(len(out)), rng.randrange(len(out))
        out[i], out[j] = out[j], out[i]
    return out


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(VERSIONS), st.randoms(use_true_random=False))
def test_spoiled_sessions_give_only_genuine_bytes(version: int, rng: random.Random) -> None:
    pair, log = tls_session(version)
    sink = run_stream(spoil(rng, pair.wire), keylog(log.text), None)
    for side in (0, 1):
        assert set(sink.plain[side]) <= set(pair.sent[side]) | set(pair.sent[1 - side])
        assert len(set(sink.plain[side])) == len(sink.plain[side])


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_spoiled_flows_give_only_genuine_datagrams(rng: random.Random) -> None:
    pair, log = dtls_session()
    sink = decode_dtls(spoil(rng, pair.wire), keylog(log.text))
    for side in (0, 1):
        assert set(sink.plain[side]) <= set(pair.sent[side]) | set(pair.sent[1 - side])
        assert len(set(sink.plain[side])) == len(sink.plain[side])


@cache
def early_session() -> tuple[Pair, Log]:
    client, server, log, ticket = early_setup()
    return early_pair(server, client, ticket, [b"early"]).talk(), log


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_spoiled_sessions_with_early_data(rng: random.Random) -> None:
    pair, log = early_session()
    sink = run_stream(spoil(rng, pair.wire), keylog(log.text), None)
    for side in (0, 1):
        assert set(sink.plain[side]) <= set(pair.sent[side]) | set(pair.sent[1 - side])
        assert len(set(sink.plain[side])) == len(sink.plain[side])


def test_a_repeated_server_hello_opens_no_record_twice() -> None:
    """Its repetition must not append the keys of the client's way once more."""
    pair, log = early_session()
    wire = []
    for side, chunk in pair.wire:
        parts = records(chunk)
        if side == 1 and parts[0][0] == 22:
            parts.insert(0, parts[0])
        if side == 0 and parts[0][0] == 23 and b"request" not in chunk:
            parts = [part + part for part in parts]
        wire.append((side, b"".join(parts)))
    sink = run_stream(wire, keylog(log.text), None)
    assert sink.plain[0] == pair.sent[0]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(SUITES)), st.booleans(), st.randoms(use_true_random=False))
def test_spoiled_flows_with_connection_ids_or_a_pre_shared_key(
    code: int, ids: bool, rng: random.Random
) -> None:
    forge = Forge(code, cids=(b"abc", b"d") if ids else None, etm=True, ems=code == 0xC0A8)
    wire = forge.handshake(cookie=True)
    for i in range(6):
        wire.append((i % 2, forge.data(i % 2, b"part %d" % i * 9)))
    keys = keylog(forge.keylog) if rng.random() < 0.8 else KeyLog()
    sink = decode_dtls(spoil(rng, wire), keys, psk=rng.choice([None, b"k"]))
    for side in (0, 1):
        assert set(sink.plain[side]) <= set(forge.sent[0]) | set(forge.sent[1])
        assert len(set(sink.plain[side])) == len(sink.plain[side])


def test_messages_of_the_server_count_from_the_server_alone() -> None:
    for dtls in (False, True):
        forge = Forge(0xC0A8, ems=True, dtls=dtls)
        flight = [
            forge.hello(),
            forge.answer(),
            forge.message(0, 14, b""),
            forge.message(0, 16, b""),
        ]
        wire = [(0, forge.clear(0, 22, message)) for message in flight]
        wire.append((0, forge.clear(0, 20, b"\x01") + forge.seal(0, 23, b"x")))
        sink = (decode_dtls if dtls else decode)(wire, KeyLog(), psk=b"k")
        assert sink.sessions[0].server is None
        assert sink.codes == ["tls-no-hello"]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120), st.binary(max_size=120), st.sampled_from([b"", b"k"]))
def test_hostile_hello_bodies(client: bytes, server: bytes, psk: bytes) -> None:
    for dtls in (False, True):
        forge = Forge(0xC02B, dtls=dtls)
        hellos = [
            (
                0,
                forge.clear(
                    0, 22, forge.message(0, 1, client_hello(bytes(32), [1], {})[:35] + client)
                ),
            ),
            (
                1,
                forge.clear(
                    1, 22, forge.message(1, 2, server_hello(bytes(32), 1, {})[:35] + server)
                ),
            ),
            (0, forge.clear(0, 20, b"\x01") + forge.seal(0, 22, b"finished")),
        ]
        sink = (decode_dtls if dtls else decode)(hellos, KeyLog(), psk=psk or None)
        for info in sink.sessions:
            assert info.as_dict()


# -- bounded memory and time


def peak(work: object) -> int:
    tracemalloc.start()
    try:
        work()  # type: ignore[operator]
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_endless_handshake_message_is_passed_over() -> None:
    """16 MB announced, and sent, in one handshake message."""
    stream = TlsStream(TCP, KeyLog(), sink := Collector(), sink.sessions.append)
    first = b"\x0b\xff\xff\xff"

    def work() -> None:
        body = first
        for _ in range(1024):
            body += bytes(16384 - len(body))
            stream.data(0, b"\x16\x03\x03\x40\x00" + body, (1,), 0.0)
            body = b""
        stream.data(0, b"\x16\x03\x03\x00\x03" + bytes(3), (1,), 0.0)

    assert peak(work) < 1 << 20
    assert sink.codes == ["tls-handshake-too-long"]
    hello = client_hello(bytes(32), [0xC02B], {}, version=0x0303, cookie=None)
    forge = Forge(0xC02B, dtls=False)
    stream.data(0, forge.clear(0, 22, forge.message(0, 1, hello)), (2,), 0.0)
    assert stream.session.client is not None
    assert stream.session.client.suites == (0xC02B,)


def test_what_is_kept_for_a_pre_shared_key_is_bounded() -> None:
    stream = TlsStream(TCP, KeyLog(), sink := Collector(), sink.sessions.append, b"psk")
    message = b"\x0c\x00\x3f\x00" + bytes(0x3F00)

    def work() -> None:
        for _ in range(500):
            stream.data(1, b"\x16\x03\x03\x3f\x04" + message, (1,), 0.0)

    assert peak(work) < 1 << 20


def test_handshake_messages_in_one_byte_records_take_linear_time() -> None:
    stream = TlsStream(TCP, KeyLog(), sink := Collector(), sink.sessions.append)
    message = b"\x0b\x01\x00\x00" + bytes(65536)
    wire = b"".join(b"\x16\x03\x03\x00\x01" + bytes([b]) for b in message)
    begin = time.process_time()
    stream.data(1, wire, (1,), 0.0)
    assert time.process_time() - begin < 3


def test_a_stream_in_one_byte_segments_takes_linear_time() -> None:
    pair, log = tls_session(VERSIONS[1])
    wire = [(s, c) for s, c in pair.wire]
    begin = time.process_time()
    decode(wire, keylog(log.text), cut=1)
    assert time.process_time() - begin < 3


def test_endless_hellos_on_one_stream_and_flow() -> None:
    count = 2000
    done = [0]

    def report(info: object) -> None:
        done[0] += 1

    stream = TlsStream(TCP, KeyLog(), Collector(), report)
    flow = DtlsFlow(UDP, KeyLog(), Collector(), CidRegistry(), report)

    def work() -> None:
        for i in range(count):
            forge = Forge(0xC02B, dtls=False, seed=i.to_bytes(4, "big"))
            stream.data(0, forge.clear(0, 22, forge.hello()), (i,), 0.0)
            forge = Forge(0xC02B, seed=i.to_bytes(4, "big"))
            flow.datagram(0, forge.clear(0, 22, forge.hello()), (i,), 0.0)

    assert peak(work) < 2 << 20
    stream.close()
    flow.close()
    assert done[0] == 2 * count


def test_records_held_for_a_hello_that_never_comes_are_bounded() -> None:
    forge = Forge(0xC02B, dtls=False)
    stream = TlsStream(TCP, KeyLog(), sink := Collector(), sink.sessions.append)
    flow = DtlsFlow(UDP, KeyLog(), other := Collector(), CidRegistry(), other.sessions.append)
    datagrams = Forge(0xC02B)

    def work() -> None:
        stream.data(0, forge.clear(0, 22, forge.hello()), (1,), 0.0)
        flow.datagram(0, datagrams.clear(0, 22, datagrams.hello()), (1,), 0.0)
        for i in range(3000):
            stream.data(0, forge.seal(0, 23, bytes(1000)), (i,), 0.0)
            flow.datagram(0, datagrams.seal(0, 23, bytes(1000)), (i,), 0.0)

    assert peak(work) < 1 << 20
    assert sink.codes == other.codes == ["tls-no-hello"]
    assert "ServerHello of the session was not captured" in sink.problems[0][0].text


def test_dtls_fragments_without_end_are_bounded() -> None:
    flow = DtlsFlow(UDP, KeyLog(), Collector(), CidRegistry(), lambda info: None)

    def work() -> None:
        for i in range(4000):
            head = bytes([11]) + (65_000).to_bytes(3, "big") + (i % 65536).to_bytes(2, "big")
            fragment = head + bytes(3) + (1000).to_bytes(3, "big") + bytes(1000)
            record = b"\x16\xfe\xfd" + i.to_bytes(8, "big") + len(fragment).to_bytes(2, "big")
            flow.datagram(1, record + fragment, (i,), 0.0)

    assert peak(work) < 1 << 20


def test_a_flow_full_of_faults_gives_a_bounded_list() -> None:
    sink = decode_dtls([(0, b"\x00rubbish")] * 5000, KeyLog())
    assert len(sink.codes) == tls_teller.LISTED_PER_CODE + 1
    assert "not listed" in sink.problems[-1][0].text


def test_a_search_for_sequence_numbers_has_a_budget() -> None:
    """Hole after hole, each followed by records that open under no number."""
    pair, log = tls_session(VERSIONS[0])
    stream = TlsStream(TCP, keylog(log.text), Collector(), lambda info: None)
    for side, chunk in pair.wire[:8]:
        stream.data(side, chunk, (1,), 0.0)
    junk = b"\x17\x03\x03\x00\x40" + bytes(64)
    begin = time.process_time()
    for i in range(2000):
        stream.gap(0, 1 << 20, (i,), 0.0)
        stream.data(0, junk * 3, (i,), 0.0)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("dtls", [False, True])
def test_many_sessions_leave_nothing_behind(dtls: bool) -> None:
    """Flows come and go; what stays is the bounded memory for resumptions and moves."""
    keys = KeyLog()
    registry = CidRegistry()

    def work(first: int, count: int) -> None:
        for i in range(first, first + count):
            seed = i.to_bytes(4, "big")
            forge = Forge(0xC0AE, dtls=dtls, seed=seed)
            sink = Collector()
            end = Endpoint("10.1.1.1", i % 65536)
            if dtls:
                flow = DtlsFlow(Flow(i, "udp", end, end), keys, sink, registry, lambda info: None)
                for side, data in forge.handshake():
                    flow.datagram(side, data, (i,), 0.0)
                flow.close()
            else:
                stream = TlsStream(Flow(i, "tcp", end, end), keys, sink, lambda info: None)
                for side, data in forge.handshake():
                    stream.data(side, data, (i,), 0.0)
                stream.close()

    work(0, 50)
    assert peak(lambda: work(100, 300)) < 1 << 20


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.integers(0, 60), st.binary(max_size=40), max_size=6))
def test_any_extension_contents(items: dict[int, bytes]) -> None:
    forge = Forge(0xC02B, dtls=False)
    body = client_hello(bytes(32), [0xC02B], items, version=0x0303, cookie=None)
    answer = server_hello(bytes(32), 0xC02B, items, version=0x0303)
    wire = [
        (0, forge.clear(0, 22, forge.message(0, 1, body))),
        (1, forge.clear(1, 22, forge.message(1, 2, answer))),
        (1, forge.clear(1, 22, forge.message(1, 8, extensions(items)))),
        (1, forge.clear(1, 20, b"\x01")),
        (1, forge.seal(1, 22, b"x")),
    ]
    for info in decode(wire, KeyLog()).sessions:
        assert info.as_dict()
