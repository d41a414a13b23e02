"""Block option values, and bodies put together from blocks in any order."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.coap.block import Assembly, Block, Placed, cut, parse_block


@pytest.mark.parametrize(
    ("block", "octets"),
    [
        (Block(0, False, 0), b""),
        (Block(0, True, 6), b"\x0e"),
        (Block(1, False, 2), b"\x12"),
        (Block(16, True, 6), b"\x01\x0e"),
        (Block(0xFFFFF, True, 7), b"\xff\xff\xff"),
    ],
)
def test_block_values(block: Block, octets: bytes) -> None:
    assert block.encode() == octets
    assert parse_block(octets) == block


@settings(max_examples=100, deadline=None)
@given(st.integers(0, (1 << 20) - 1), st.booleans(), st.integers(0, 6))
def test_block_values_agree_with_aiocoap(num: int, more: bool, szx: int) -> None:
    optiontypes = pytest.importorskip("aiocoap.optiontypes", reason="aiocoap is not installed")
    numbers = pytest.importorskip("aiocoap.numbers", reason="aiocoap is not installed")
    theirs = optiontypes.BlockOption(numbers.OptionNumber.BLOCK1, (num, more, szx))
    block = Block(num, more, szx)
    assert block.encode() == theirs.encode()
    assert (block.offset, block.size) == (theirs.value.start, theirs.value.size)


def test_value_of_four_bytes_is_no_block() -> None:
    assert parse_block(b"\0\0\0\1") is None


def blocks(body: bytes, szx: int) -> list[tuple[Block, bytes]]:
    return [cut(body, n, szx) for n in range(max(1, -(-len(body) // (16 << szx))))]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=700), st.integers(0, 6), st.randoms(use_true_random=False))
def test_any_order_with_duplicates_gives_the_body(
    body: bytes, szx: int, rng: random.Random
) -> None:
    offered = blocks(body, szx) + blocks(body, szx)[: rng.randrange(4)]
    rng.shuffle(offered)
    assembly = Assembly(1 << 20, 4096)
    for block, payload in offered:
        assert assembly.add(block, payload) in (Placed.NEXT, Placed.AHEAD, Placed.REPEATED)
        assert assembly.held <= len(body)
    assert assembly.complete
    assert assembly.body() == body
    assert assembly.missing() == ()
    assert assembly.held == len(body)


@settings(max_examples=100, deadline=None)
@given(
    st.binary(min_size=1, max_size=400),
    st.integers(0, 3),
    st.data(),
)
def test_missing_ranges_are_exact(body: bytes, szx: int, data) -> None:
    all_blocks = blocks(body, szx)
    lost = data.draw(st.sets(st.integers(0, len(all_blocks) - 1)))
    assembly = Assembly(1 << 20, 4096)
    for number, (block, payload) in enumerate(all_blocks):
        if number not in lost:
            assembly.add(block, payload)
    end = len(body) if len(all_blocks) - 1 not in lost else len(body) + 1
    absent = set(range(end))
    for number, (block, payload) in enumerate(all_blocks):
        if number not in lost:
            absent -= set(range(block.offset, block.offset + len(payload)))
    told = set()
    for start, stop in assembly.missing():
        told |= set(range(start, end if stop is None else stop))
    assert told == absent
    assert assembly.complete == (not lost)


def test_sizes_may_change_midway() -> None:
    body = bytes(range(256)) * 2
    assembly = Assembly(1 << 20)
    assert assembly.add(*cut(body, 0, 4)) is Placed.NEXT  # 256 bytes
    assert assembly.add(*cut(body, 8, 1)) is Placed.NEXT  # 32 bytes at 256
    assert assembly.add(*cut(body, 18, 0)) is Placed.NEXT  # 16 bytes at 288
    for number in range(19, 32):
        assert assembly.add(*cut(body, number, 0)) is Placed.NEXT
    assert assembly.complete
    assert assembly.body() == body


def test_a_strict_assembly_takes_only_the_next_block() -> None:
    body = bytes(100)
    assembly = Assembly(1 << 20)
    assert assembly.add(*cut(body, 2, 1)) is Placed.AHEAD
    assert assembly.held == 0
    assert assembly.add(*cut(body, 0, 1)) is Placed.NEXT
    assert assembly.add(*cut(body, 0, 1)) is Placed.REPEATED
    assert assembly.add(Block(0, True, 1), b"x" * 32) is Placed.CHANGED
    assert assembly.add(Block(1, True, 1), b"x" * 31) is Placed.ODD_SIZE
    assert assembly.add(Block(1, True, 1), b"x" * 33) is Placed.ODD_SIZE
    assert assembly.add(Block(1, False, 1), b"x" * 33) is Placed.ODD_SIZE
    assert assembly.add(Block(1, True, 7), b"x" * 32) is Placed.RESERVED
    assert assembly.add(Block(3, False, 1), b"xy") is Placed.AHEAD
    assert assembly.end is None
    assert assembly.body() == bytes(32)


def test_a_lenient_assembly_keeps_what_it_can() -> None:
    assembly = Assembly(1 << 20, 16)
    assert assembly.add(Block(0, True, 0), b"short") is Placed.ODD_SIZE
    assert assembly.add(Block(1, False, 0), b"last") is Placed.AHEAD
    assert assembly.missing() == ((5, 16),)
    assert assembly.add(Block(2, True, 0), bytes(16)) is Placed.BEYOND
    assert assembly.add(Block(0, False, 0), b"short") is Placed.BEYOND


def test_a_last_block_before_what_came_is_beyond() -> None:
    assembly = Assembly(1 << 20, 16)
    assembly.add(Block(3, True, 0), bytes(16))
    assert assembly.add(Block(1, False, 0), bytes(4)) is Placed.BEYOND
    assert not assembly.complete


def test_limits_hold_whatever_is_announced() -> None:
    assembly = Assembly(1000, 64)
    assert assembly.add(Block(0xFFFFF, False, 6), bytes(1024)) is Placed.LIMIT
    for number in range(1, 200):
        assembly.add(Block(number * 3, True, 0), bytes(16))
    assert assembly.held <= 1000
    assert assembly.overflowed


def test_many_blocks_are_not_quadratic() -> None:
    body = bytes(1 << 20)
    offered = blocks(body, 0)
    start = time.process_time()
    assembly = Assembly(1 << 24, 1 << 20)
    for block, payload in reversed(offered):
        assembly.add(block, payload)
    assert assembly.complete
    assert time.process_time() - start < 3.0
