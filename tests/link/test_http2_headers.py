"""Header blocks against the hpack package, whole and with blocks missing."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.http2_headers import HeaderReader, HpackError

FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["x-a", "x-b", ":path", "content-type", "x-long-name-for-huffman"]),
        st.sampled_from(["", "1", "/", "application/json", "v" * 300])
        | st.text("az09", max_size=9),
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(blocks=st.lists(st.tuples(FIELDS, st.booleans(), st.integers(0, 5000)), max_size=8))
def test_header_blocks_of_the_hpack_package_come_back(
    blocks: list[tuple[list[tuple[str, str]], bool, int]],
) -> None:
    encoder = hpack.Encoder()
    reader = HeaderReader(10**6, 1000, whole=True)
    for fields, huffman, size in blocks:
        if size < 4096:
            encoder.header_table_size = size
        decoded = reader.read(encoder.encode(fields, huffman=huffman))
        assert list(decoded.fields) == fields
        assert (decoded.unknown, decoded.cut) == (0, False)


@settings(max_examples=100, deadline=None)
@given(
    blocks=st.lists(FIELDS, min_size=3, max_size=8),
    first=st.integers(0, 4),
    missed=st.integers(1, 4),
)
def test_fields_after_missed_blocks_are_right_or_unknown(
    blocks: list[list[tuple[str, str]]], first: int, missed: int
) -> None:
    encoder = hpack.Encoder()
    encoded = [encoder.encode(fields) for fields in blocks]
    reader = HeaderReader(10**6, 1000, whole=first > 0)
    for block in encoded[:first]:
        reader.read(block)
    reader.forget()
    for fields, block in list(zip(blocks, encoded))[first + missed :]:
        decoded = reader.read(block)
        assert len(decoded.fields) == len(fields)
        for (name, value), (true_name, true_value) in zip(decoded.fields, fields):
            assert name in (true_name, "?")
            assert value in (true_value, "?")


@settings(max_examples=200, deadline=None)
@given(block=st.binary(max_size=80))
def test_random_blocks_decode_like_the_hpack_package(block: bytes) -> None:
    try:
        theirs = [(n.decode("latin-1"), v.decode("latin-1"))
                  for n, v in hpack.Decoder().decode(block, raw=True)]  # fmt: skip
    except hpack.HPACKError:
        theirs = None
    try:
        ours = list(HeaderReader(10**6, 1000, whole=True).read(block).fields)
    except HpackError:
        ours = None
    assert ours == theirs


def test_an_integer_beyond_32_bits_is_refused() -> None:
    reader = HeaderReader(10**6, 1000, whole=True)
    with pytest.raises(HpackError, match="32 bits"):
        reader.read(b"\x3f" + b"\x80" * 5 + b"\x00")
    assert not reader.whole
