"""Paths into values, as filters and columns write them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.trace.paths import find, find_names, flat, parse_path


@dataclass
class Found:
    """A member of the name, which is not looked into."""

    value: object


VALUE = {
    "eidValue": "1",
    "list": [{"enable": {"iccid": "a"}}, {"disable": {"iccid": "b"}}, {"enable": {"iccid": "c"}}],
    "acks": [4, 5],
    "deep": {"list": [[{"x": 1}], [{"x": 2}, {"x": 3}]], "eidValue": None},
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("eidValue", ["1", None]),
        ("value.eidValue", ["1", None]),
        ("deep.eidValue", [None]),
        ("iccid", ["a", "b", "c"]),
        ("enable.iccid", ["a", "c"]),
        ("list.enable.iccid", ["a", "c"]),
        ("list[2].enable.iccid", ["c"]),
        ("list[0]", [{"enable": {"iccid": "a"}}, [{"x": 1}]]),
        ("acks", [[4, 5]]),
        ("acks[1]", [5]),
        ("deep.list.x", [1, 2, 3]),
        ("deep.list[1].x", [2, 3]),
        ("deep.list[1][0].x", [2]),
        ("[0].x", [1, 2]),
        ("none", []),
        ("eidValue.x", []),
    ],
)
def test_what_a_path_finds(text: str, found: list) -> None:
    assert find(VALUE, parse_path(text)) == found


@pytest.mark.parametrize("text", ["", "a..b", "a.", ".", "a[", "a[x]", "a]", "value."])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|dot"):
        parse_path(text)


def test_a_member_of_the_name_value_itself() -> None:
    assert find({"value": {"value": 3}}, parse_path("value")) == [{"value": 3}]


def test_scalars_have_no_members() -> None:
    for value in (None, 5, "x", [], {}):
        assert find(value, ("a",)) == []
        assert find(value, ("a", "b")) == []


def test_the_search_is_bounded() -> None:
    value: object = 1
    for _ in range(5000):
        value = {"a": [value]}
    assert len(find(value, ("b",))) == 0
    assert find({"a": [{"b": n} for n in range(300_000)]}, ("b",)) != []


def test_lists_are_laid_flat() -> None:
    assert flat([1, [2, [3, []]], "x"]) == [1, 2, 3, "x"]


@given(
    st.recursive(
        st.integers(),
        lambda kids: st.one_of(
            st.lists(kids, max_size=3), st.dictionaries(st.sampled_from("abc"), kids, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_both_ways_of_searching_agree(value: object) -> None:
    """A lone name has a way of its own, for it is asked for most."""
    for name in "abc":
        slow = find({"r": value}, ("r", name))
        assert set(map(repr, slow)) <= set(map(repr, find(value, (name,))))
        assert (find(value, (name,)) == []) == (find([value], (name,)) == [])


@given(
    st.recursive(
        st.integers(),
        lambda kids: st.one_of(
            st.lists(kids, max_size=3), st.dictionaries(st.sampled_from("abc"), kids, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_several_names_are_found_as_each_of_them(value: object) -> None:
    together = find_names(value, frozenset("abz"))
    for name in "abz":
        slow: list[object] = []
        pending = [value]
        while pending:
            one = pending.pop(0)
            if isinstance(one, dict):
                below = []
                for key, inner in one.items():
                    below.append(Found(inner) if key == name else inner)
                pending = below + pending
            elif isinstance(one, list):
                pending = list(one) + pending
            elif isinstance(one, Found):
                slow.append(one.value)
        assert together.get(name, []) == slow == find(value, (name,))
