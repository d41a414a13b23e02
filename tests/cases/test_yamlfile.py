from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgprobe.fileerror import FileError, Problem, lines_of, render
from sgprobe.yamlfile import MAX_DEPTH, read
from sgprobe.yamlnode import Mapping, Scalar, Source


def test_scalars_stay_text() -> None:
    node = read("a: 01020304\nb: 12:30:00\nc: no\nd: 5.10\ne: ~\n", "f")
    assert isinstance(node, Mapping)
    texts = [value.text for _, value in node.entries if isinstance(value, Scalar)]
    assert texts == ["01020304", "12:30:00", "no", "5.10", "~"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: 'a' stands twice: here and in line 1"),
        ("a: !x 1", "f:1:4: a tag '!x'"),
        ("", "the file is empty"),
        ("a: b: c", "f:1:5: not YAML"),
        ("--- a\n--- b\n", "f:2:1: a second document"),
        ("? [1]\n: 2", "a key is text"),
        ("[" * 5000, f"nested more than {MAX_DEPTH} deep"),
        ("a: &x [*x]", "no finished anchor 'x'"),
        ("a: \x00", "f:1:4: not YAML"),
        (b"a: \xff", "f:1:4: not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str | bytes, told: str) -> None:
    with pytest.raises(FileError) as caught:
        read(text, "f")
    assert told in str(caught.value)


def test_aliases_do_not_multiply() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    start = time.monotonic()
    with pytest.raises(FileError, match="more than 50000 values"):
        read(bomb, "f")
    assert time.monotonic() - start < 20


def _one_problem(error: FileError, text: str) -> None:
    (problem,) = error.problems
    assert render(problem, lambda file: [text])


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_anything_gives_nodes_or_one_error(text: str | bytes) -> None:
    try:
        read(text, "f")
    except FileError as error:
        _one_problem(error, str(text))


def test_the_caret_stands_under_wide_characters_too() -> None:
    shown = render(Problem(Source("f", 1, 5, 1, 6), "wrong"), lambda file: ["日本: x"])
    line, carets = shown.splitlines()[1:]
    assert carets.index("^") == line.index("x") + 2


def test_control_characters_never_reach_the_terminal() -> None:
    shown = render(Problem(Source("f", 1, 1, 1, 2), "bad \x1b[31m"), lambda file: ["\x1b]0;x\x07"])
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_a_file_without_end_is_not_read_to_show_a_line(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.write(b"evidence: 0\n")
        file.truncate(1 << 30)
    assert sum(map(len, lines_of(str(path)))) < 1 << 23
