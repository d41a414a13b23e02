"""Pieces that wait: any order and overlap gives the first copy of each byte."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.held import MASK, Held, Piece


def piece(at, data, base=0):
    return Piece((base + at) & MASK, data, (1,), 0.0)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.binary(min_size=1, max_size=30)), max_size=40),
    st.integers(0, MASK),
)
def test_the_first_copy_of_each_byte_is_kept(parts, base):
    held, model = Held(), {}
    for at, data in parts:
        fresh = [at + n for n in range(len(data)) if at + n not in model]
        clash = any(model.get(at + n, byte) != byte for n, byte in enumerate(data))
        for n, byte in enumerate(data):
            model.setdefault(at + n, byte)
        assert held.add(piece(at, data, base), base) == (len(fresh), clash)
        assert held.size == len(model)
    kept, end = {}, -1
    for each in held.pieces:
        at = (each.seq - base) & MASK
        assert at >= end
        end = at + len(each.data)
        kept.update({at + n: byte for n, byte in enumerate(each.data)})
    assert kept == model


def test_covering_many_pieces_joins_them():
    held = Held()
    for at in range(0, 400, 2):
        held.add(piece(at, b"x"), 0)
    assert held.add(piece(0, b"x" * 400), 0) == (200, False)
    assert len(held.pieces) == 1
    assert held.pieces[0].data == b"x" * 400


def test_a_join_names_all_frames_once():
    held = Held()
    for at in range(0, 40, 2):
        held.add(Piece(at, b"x", (at + 10,), 0.0), 0)
    held.add(Piece(0, b"x" * 40, (5,), 1.0), 0)
    assert held.pieces[0].frames == (5, *range(10, 50, 2))


def test_taking_pieces_frees_their_bytes():
    held = Held()
    for at in (0, 10, 20):
        held.add(piece(at, b"abc"), 0)
    held.take(2)
    assert held.size == 3
    assert [each.seq for each in held.pieces] == [20]
