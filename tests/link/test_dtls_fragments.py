"""Handshake fragments: any cut, order and overlap gives the message; hostile ones stay bounded."""

from __future__ import annotations

import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link import dtls_fragments
from dissectors.link.dtls_fragments import Fragment, MessageAssembler, split_fragments

MESSAGE = bytes(range(256)) * 2


def piece(start: int, end: int, kind: int = 11, sequence: int = 1) -> Fragment:
    return Fragment(kind, sequence, len(MESSAGE), start, MESSAGE[start:end])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 511), st.integers(0, 200)), max_size=30),
    st.randoms(use_true_random=False),
)
def test_fragments_make_the_message(cuts: list[tuple[int, int]], rng: random.Random) -> None:
    fragments = [piece(a, min(a + n, len(MESSAGE))) for a, n in cuts]
    fragments += [piece(a, min(a + 100, len(MESSAGE))) for a in range(0, 512, 100)]
    rng.shuffle(fragments)
    assembler = MessageAssembler()
    made = [body for f in fragments if (body := assembler.add(0, f)) is not None]
    assert made == [MESSAGE]
    assert assembler.unfinished == 0


def test_a_whole_message_and_its_repetitions() -> None:
    assembler = MessageAssembler()
    assert assembler.add(0, piece(0, 512)) == MESSAGE
    assert assembler.add(0, piece(0, 512)) is None
    assert assembler.add(0, piece(100, 200)) is None
    assert assembler.retransmissions == 2
    assert assembler.add(1, piece(0, 512)) == MESSAGE  # the other side
    assert assembler.add(0, piece(0, 512, kind=2)) == MESSAGE  # a message_seq used twice
    assembler.forget(0, piece(0, 512))
    assert assembler.add(0, piece(0, 512)) == MESSAGE


def test_contradictions_are_put_in_words() -> None:
    assembler = MessageAssembler()
    assert "announces 16777215" in str(assembler.add(0, Fragment(11, 1, (1 << 24) - 1, 0, b"x")))
    assert "reaches beyond" in str(assembler.add(0, Fragment(11, 1, 5, 3, b"xyz")))
    assembler.add(0, Fragment(11, 1, 50, 0, b"xyz"))
    assert "announces 60" in str(assembler.add(0, Fragment(11, 1, 60, 3, b"xyz")))


def test_endless_beginnings_of_messages_are_bounded() -> None:
    assembler = MessageAssembler()
    for sequence in range(5000):
        assembler.add(0, Fragment(11, sequence, 60_000, 0, b"x" * 1000))
    assert assembler.unfinished == dtls_fragments.MAX_OPEN


def test_endless_messages_are_bounded() -> None:
    assembler = MessageAssembler()
    answers = [assembler.add(0, Fragment(11, sequence, 1, 0, b"x")) for sequence in range(5000)]
    assert answers.count(b"x") == dtls_fragments.MAX_MESSAGES
    assert len(assembler._done) == dtls_fragments.MAX_MESSAGES


def test_many_small_overlapping_fragments_cost_little() -> None:
    assembler = MessageAssembler()
    begin = time.process_time()
    for _ in range(20):
        for start in range(0, 60_000, 2):
            assembler.add(0, Fragment(11, 1, 65_000, start, b"x"))
    assert time.process_time() - begin < 20
    assert len(assembler._open[0, 1, 11].parts) == dtls_fragments.MAX_PARTS


def test_split_says_what_is_wrong_with_the_end() -> None:
    head = bytes([11]) + (5).to_bytes(3, "big") + b"\0\1" + bytes(3) + (5).to_bytes(3, "big")
    whole = head + b"hello"
    assert split_fragments(whole * 2) == ([Fragment(11, 1, 5, 0, b"hello")] * 2, "")
    found, wrong = split_fragments(whole + whole[:-1])
    assert (len(found), wrong) == (1, "a fragment says more bytes than its record has")
    found, wrong = split_fragments(whole + b"abc")
    assert (len(found), wrong) == (1, "3 bytes are no handshake header")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_split(data: bytes) -> None:
    assembler = MessageAssembler()
    for fragment in split_fragments(data)[0]:
        assembler.add(0, fragment)
