"""Departures below the ASN.1: segments that are too long, signatures that are wrapped twice."""

from __future__ import annotations

import pytest
from capture_bodies import tlv
from capture_http import Ask
from hypothesis import given
from hypothesis import strategies as st
from stored_captures import index, trace
from trace_bench import over_http

from dissectors.trace.sealed import departures


def package(size: int, tag: str = "86", around: str = "A3") -> bytes:
    """Return a package with one segment of so many octets in all."""
    head = 3 if size <= 0xFF + 3 else 4
    segment = tlv(tag, bytes(size - head))
    assert len(segment) == size
    return tlv(
        "BF36", tlv("BF23", b"\x82\x01\x01"), tlv("A0", tlv("87", b"12")), tlv(around, segment)
    )


@pytest.mark.parametrize(("tag", "around"), [("86", "A3"), ("88", "A1"), ("87", "A2")])
def test_a_segment_has_at_most_1020_octets(tag: str, around: str) -> None:
    assert departures(package(1020, tag, around)) == ()
    data = b"\xbf\x3a\x82\x10\x00" + package(1021, tag, around)
    (found,) = departures(data)
    assert found.code == "bpp.segment-size"
    assert found.text.startswith("a segment of 1021 octets")
    assert data[found.offset] == int(tag, 16)


def test_many_long_segments_are_told_a_few_times() -> None:
    parts = [tlv("86", bytes(1030))] * 50
    assert len(departures(tlv("BF36", tlv("A3", *parts)))) == 8


def test_a_signature_in_its_own_tag() -> None:
    good, bad = tlv("5F37", bytes(64)), tlv("5F37", tlv("5F37", bytes(64)))
    assert departures(tlv("BF4F", good)) == ()
    (found,) = departures(tlv("BF4F", bad))
    assert (found.code, found.offset) == ("signature.twice-wrapped", 3)


def test_it_is_told_with_the_message() -> None:
    body = tlv("BF50", tlv("5A", bytes(16)), tlv("BF51", tlv("5F37", tlv("5F37", bytes(64)))))
    message = over_http(Ask("ProvideEimPackageResult", body)).messages[0]
    assert "signature.twice-wrapped" in {problem.code for problem in message.problems}


def test_our_own_captures_have_neither() -> None:
    for name in index():
        for message in trace(name).messages:
            codes = {problem.code for problem in message.problems}
            assert not codes & {"bpp.segment-size", "signature.twice-wrapped"}, name


@given(st.binary(max_size=40), st.binary(max_size=2))
def test_any_bytes_are_looked_through(octets: bytes, more: bytes) -> None:
    departures(b"\xbf\x36" + octets)
    departures(octets + b"\xbf\x36" + more)
