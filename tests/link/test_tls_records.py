"""Cutting streams into records: any segmentation, holes, rubbish; what looks like TLS or DTLS."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.tls_records import MAX_BODY, RecordCutter, looks_like_dtls, looks_like_tls


def record(size: int, kind: int = 23) -> bytes:
    return bytes([kind, 3, 3]) + size.to_bytes(2, "big") + os.urandom(size)


def cut(cutter: RecordCutter, data: bytes) -> list[bytes]:
    return [head + bytes(body) for head, body, _ in cutter.feed(data, (1,))]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=8),
    st.lists(st.integers(1, 1500), min_size=1, max_size=20),
)
def test_any_segmentation(sizes: list[int], steps: list[int]) -> None:
    sent = [record(size) for size in sizes]
    stream = b"".join(sent)
    cutter = RecordCutter()
    got, at, i = [], 0, 0
    while at < len(stream):
        step = steps[i % len(steps)]
        got += cut(cutter, stream[at : at + step])
        at, i = at + step, i + 1
    assert got == sent
    assert cutter.pending == 0


def test_frames_are_those_of_the_records_bytes() -> None:
    cutter = RecordCutter()
    a, b = record(100), record(50)
    assert list(cutter.feed(a[:3], (1,))) == []
    assert list(cutter.feed(a[3:60], (2, 3))) == []
    got = list(cutter.feed(a[60:] + b + a[:10], (4,)))
    assert [frames for _, _, frames in got] == [(1, 2, 3, 4), (4,)]
    assert [frames for _, _, frames in cutter.feed(a[10:], (5,))] == [(4, 5)]


@pytest.mark.parametrize(
    ("start", "missing", "lost"),
    [(205, 50, (1, 1)), (205, 95, (1, 1)), (250, 55, (2, 2)), (105, 200, (2, 9)), (200, 1, (1, 1))],
)
def test_hole_inside_known_records(start: int, missing: int, lost: tuple[int, int]) -> None:
    """Records of 100 bytes: a hole within one costs that one and no search."""
    sent = [record(95) for _ in range(5)]
    stream = b"".join(sent)
    cutter = RecordCutter()
    got = cut(cutter, stream[:start])
    assert cutter.lose(missing) == lost
    assert cutter.hunting == (start % 100 == 0 or start % 100 + missing > 100)
    got += cut(cutter, stream[start + missing :])
    gone = range(start // 100, (start + missing - 1) // 100 + 1)
    assert got == [r for i, r in enumerate(sent) if i not in gone]


def test_two_holes_in_one_record() -> None:
    sent = [record(1000), record(20)]
    stream = b"".join(sent)
    cutter = RecordCutter()
    assert cut(cutter, stream[:100]) == []
    assert cutter.lose(100) == (1, 1)
    assert cut(cutter, stream[200:300]) == []
    assert cutter.lose(100) == (0, 0)
    assert cut(cutter, stream[400:]) == [sent[1]]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 400))
def test_the_next_record_is_found_behind_rubbish(rubbish: bytes, size: int) -> None:
    sent = [record(size), record(30), record(40)]
    cutter = RecordCutter()
    cutter.lose(100)
    got = cut(cutter, rubbish + b"".join(sent))
    got += [head + bytes(body) for head, body, _ in cutter.flush()]
    assert got[-2:] == sent[-2:]


def test_a_refused_record_is_searched_on_inside() -> None:
    inner = [record(10), record(20)]
    outer = bytes([23, 3, 3]) + len(b"".join(inner)).to_bytes(2, "big") + b"".join(inner)
    cutter = RecordCutter()
    cutter.lose(1)
    got = []
    for head, body, _ in cutter.feed(outer, (1,)):
        whole = head + bytes(body)
        if whole == outer:
            assert cutter.unsure
            cutter.refuse()
        else:
            got.append(whole)
    assert got == inner


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=300), st.integers(1, 70_000)), max_size=20))
def test_any_bytes_and_holes_stay_bounded(steps: list[bytes | int]) -> None:
    cutter = RecordCutter()
    for step in steps:
        if isinstance(step, int):
            least, most = cutter.lose(step)
            assert 0 <= least <= most
        else:
            for head, body, _ in cutter.feed(step, (1,)):
                assert len(head) == 5
                assert len(body) <= MAX_BODY
        assert cutter.pending <= MAX_BODY + 5


def test_a_stream_of_false_beginnings_is_searched_in_linear_time() -> None:
    data = b"\x17\x03\x03\x40\x00" * 200_000
    cutter = RecordCutter()
    cutter.lose(1)
    for at in range(0, len(data), 1400):
        for _ in cutter.feed(data[at : at + 1400], (1,)):
            pass


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01", True),
        (b"\x16\x03\x03", True),
        (b"\x17\x03\x03\x40\x18", True),
        (b"\x14\x03\x03\x00\x01\x01", True),
        (b"\x16\x03", False),
        (b"", False),
        (b"\x16\x03\x03\x00\x00\x01", False),
        (b"\x14\x03\x03\x00\x02\x01", False),
        (b"\x17\x03\x03\xff\xff\x00", False),
        (b"\x18\x03\x03\x00\x10\x00", False),
        (b"\x16\x02\x03\x00\x10\x00", False),
        (b"GET / HTTP/1.1", False),
        (b"PRI * HTTP/2.0", False),
    ],
)
def test_looks_like_tls(first: bytes, expected: bool) -> None:
    assert looks_like_tls(first) is expected


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [
        (b"\x16\xfe\xff" + bytes(8) + b"\x00\x05hello", True),
        (b"\x17\xfe\xfd" + bytes(8) + b"\x00\x05hello", True),
        (b"\x19\xfe\xfd" + bytes(30), True),
        (b"\x16\xfe\xff" + bytes(8) + b"\x00\x06hello", False),
        (b"\x16\x03\x03" + bytes(8) + b"\x00\x05hello", False),
        (b"\x17\xfe\xfd" + bytes(8), False),
        (b"\x40\x01\x00\x00" + bytes(20), False),
        (b"", False),
    ],
)
def test_looks_like_dtls(datagram: bytes, expected: bool) -> None:
    assert looks_like_dtls(datagram) is expected
