from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgprobe import ics

TABLE = [
    ("A", {"A": True}, True, ()),
    ("A", {"A": False}, False, ()),
    ("A", {}, None, ("A",)),
    ("not A", {}, None, ("A",)),
    ("A and B", {"A": False}, False, ()),
    ("A and B", {"A": True}, None, ("B",)),
    ("A or B", {"A": True}, True, ()),
    ("A or B", {"A": False}, None, ("B",)),
    ("A and not B or C == 2", {"A": True, "B": True, "C": "2"}, True, ()),
    ("C in [1, 2]", {"C": "3"}, False, ()),
    ("C != 2", {"C": "3"}, True, ()),
    ("(A or B) and C", {"A": True, "B": False, "C": True}, True, ()),
    ("A == yes", {"A": True}, True, ()),
]


@pytest.mark.parametrize(("text", "answers", "value", "unanswered"), TABLE)
def test_three_values(
    text: str, answers: dict[str, ics.Answer], value: bool | None, unanswered: tuple[str, ...]
) -> None:
    found = ics.evaluate(ics.parse(text), answers)
    assert (found.value, found.unanswered) == (value, unanswered)


def test_and_binds_closer_than_or() -> None:
    # `A or B and C` with A true, C false: (A or B) and C would be false
    found = ics.evaluate(ics.parse("A or B and C"), {"A": True, "B": True, "C": False})
    assert found.value is True


def _has_place(error: ics.ExpressionError) -> None:
    assert 0 <= error.start < error.end


@given(st.text(alphabet="AB ()andortin=[],!x1", max_size=60))
def test_any_text_is_read_or_told(text: str) -> None:
    try:
        ics.evaluate(ics.parse(text), {})
    except ics.ExpressionError as error:
        _has_place(error)


@pytest.mark.parametrize("text", ["(" * 500 + "A", "not " * 400 + "A", "A or " * 5000])
def test_depth_and_length_are_bounded(text: str) -> None:
    with pytest.raises(ics.ExpressionError):
        ics.parse(text)


@given(st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=3))
def test_unknown_never_decides_alone(values: list[bool | None]) -> None:
    """What is certain with an unknown answer stays so whatever the answer is."""
    answers = {n: v for n, v in zip("ABC", values, strict=True) if v is not None}
    expression = ics.parse("A and not B or C")
    found = ics.evaluate(expression, answers)
    if found.value is not None:
        for filling in (True, False):
            whole = {n: answers.get(n, filling) for n in "ABC"}
            assert ics.evaluate(expression, whole).value is found.value
