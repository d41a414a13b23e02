"""Rows of several processes put in order, and lines that wait for their numbers."""

from __future__ import annotations

import io
import marshal
import pickle
from multiprocessing import Pipe

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_captures import FOLDER, index, options, trace

from dissectors.trace.parallel import _END, WorkerDied, _merge, _Result, _Source, rows_of
from dissectors.trace.read import Trace
from dissectors.trace.render import Style, make

# the places of the rows of one process, in pieces as it sent them, and how far it had read then
PIECES = st.lists(st.lists(st.integers(0, 60), max_size=4), max_size=6)


def source(pieces: list[list[int]], name: str) -> _Source:
    """Return what a process sends that read rows at these places, in order."""
    ours, theirs = Pipe(duplex=False)
    places = iter(sorted(place for piece in pieces for place in piece))
    for piece in pieces:
        rows = [(next(places), name, False) for _ in piece]
        reached = rows[-1][0] if rows else 0
        theirs.send_bytes(marshal.dumps((reached, rows)))
    theirs.send_bytes(marshal.dumps((_END - 1, [])))
    theirs.send_bytes(b"R" + pickle.dumps(_Result(Trace())))
    theirs.close()
    return _Source(ours)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=3))
def test_rows_come_in_order_and_all_of_them(processes: list[list[list[int]]]) -> None:
    results: list[_Result] = []
    sources = [source(pieces, str(number)) for number, pieces in enumerate(processes)]
    found = [row for batch in _merge(sources, results) for row in batch]
    expected = sorted(
        (place, str(number))
        for number, pieces in enumerate(processes)
        for piece in pieces
        for place in piece
    )
    assert [(place, name) for place, name, _ in found] == expected
    assert len(results) == len(processes)


def test_a_row_is_told_before_another_process_is_at_its_end() -> None:
    """A process that finds nothing says how far it is, so that the other's rows need not wait."""
    ours, theirs = Pipe(duplex=False)
    theirs.send_bytes(marshal.dumps((100, [])))
    walk = _merge([source([[3], [200]], "a"), _Source(ours)], [])
    assert next(walk) == [(3, "a", False)]
    theirs.close()
    with pytest.raises(WorkerDied, match="--jobs 1"):
        list(walk)


def test_csv_of_several_processes() -> None:
    name = "mixed"
    row, both = index()[name], Trace()
    style = Style(fields=("frames", "type", "eidValue", "src"))
    out = io.StringIO()
    form = make("csv", out, style)
    for message in trace(name).messages:
        form.message(message)
    lines = io.StringIO()
    line_form = make("csv", lines, style)
    walk = rows_of(
        str(FOLDER / row["file"]),
        options(row),
        lambda message: True,
        line_form.line,  # type: ignore[attr-defined]
        3,
        both,
    )
    for batch in walk:
        for _, line, _ in batch:
            lines.write(line_form.numbered(line, 0))  # type: ignore[attr-defined]
    assert lines.getvalue() == out.getvalue()
    assert out.getvalue().count("\n") > 5
