"""The filter language: what fits, what is refused and where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_bench import NOTHING, Ask, over_http, poll

from dissectors.trace.filter import FilterError, compile_filter, names_in
from dissectors.trace.message import Message

MESSAGES = over_http(poll(path="/x"), Ask("x", poll().request, NOTHING)).messages


def fits(text: str) -> list[int]:
    test = compile_filter(text)
    return [message.n for message in MESSAGES if test(message)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("type == GetEimPackageRequest", [1, 3]),
        ("type == getEimPackagerequest", [1, 3]),
        ("type != GetEimPackageRequest", [2, 4]),
        ("kind == response and counterValue > 4", [2]),
        ("counterValue >= 5", [2]),
        ("counterValue == 5", [2]),
        ("counterValue == 5.0", [2]),
        ("counterValue > 5", []),
        ("counterValue < x", [2]),  # no number: compared as text
        ("counterValue", [2]),
        ("not counterValue", [1, 3, 4]),
        ("counterValue != 5", [1, 3, 4]),
        ("eimPackageError == noEimPackageAvailable", [4]),
        ("status == 200", [2, 4]),
        ("status", [2, 4]),
        ("n > 2", [3, 4]),
        ("n == 1 or n == 4", [1, 4]),
        ("not (n == 1 or n == 4)", [2, 3]),
        ("not n == 1 and not n == 4", [2, 3]),
        ("n == 1 or n == 2 and kind == request", [1]),
        ("(n == 1 or n == 2) and kind == request", [1]),
        ("src contains 10.0.0.2", [1, 3]),
        ("src contains '10.0.0.5:80'", [2, 4]),
        ('dst == "10.0.0.5:80"', [1, 3]),
        ("problem == binding.path", [1]),
        ("problem", [1]),
        ("spec == SGP.32@1.2", [1, 2, 3, 4]),
        ("interface == ESipa", [1, 2, 3, 4]),
        ("flow == 1", [1, 2, 3, 4]),
        ("sender == eim", [2, 4]),
        ("psmoList.enable.iccid", [2]),
        ("psmoList[0].enable", [2]),
        ("psmoList[1].enable", []),
        ("value.eidValue == 89049032123451234512345678901235", [1, 2, 3]),
        ("euiccPackageSigned.eimId contains eim", [2]),
        ("time > 1.5", [1, 2, 3, 4]),
        ("type == and", []),
        ("  kind==request  ", [1, 3]),
    ],
)
def test_what_fits(text: str, found: list[int]) -> None:
    assert fits(text) == found


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("", 0, "a name"),
        ("   ", 0, "a name"),
        ("type ==", 7, "a value"),
        ("type == )", 8, "a value"),
        ("== 5", 0, "a name"),
        ("and", 0, "a name"),
        ("type == a b", 10, "and, or, or the end"),
        ("(type == a", 10, ")"),
        ("a..b == 1", 0, "a name"),
        ("not", 3, "a name"),
        ("a and", 5, "a name"),
        ("type = x", 5, None),
        ("type == 'x", 8, None),
    ],
)
def test_what_is_refused_and_where(text: str, column: int, expected: str | None) -> None:
    with pytest.raises(FilterError) as error:
        compile_filter(text)
    first, *_, mark = str(error.value).split("\n")
    if expected is not None:
        assert first == f"expected {expected}"
    if text.strip():
        assert mark.index("^") == 4 + column


def test_nesting_is_bounded() -> None:
    with pytest.raises(FilterError, match="nested too deep"):
        compile_filter("(" * 5000 + "a" + ")" * 5000)
    with pytest.raises(FilterError, match="nested too deep"):
        compile_filter("not " * 5000 + "a")
    assert compile_filter(" or ".join(["n == 1"] * 2000))(MESSAGES[0])


def test_the_names_of_an_expression() -> None:
    assert names_in("n > 2 and (type == n or not value.n)") == {"n", "type", "value.n"}


def test_lists_are_searched() -> None:
    message = Message((1,), 0.0, "", "", "http", "x", "x", "request", None, (), None,
                      {"acks": [4, [7]], "flag": True, "nothing": None}, b"")  # fmt: skip
    for text, expected in (
        ("acks == 4", True),
        ("acks > 6", True),
        ("acks == 9", False),
        ("acks != 9", True),
        ("acks contains 7", True),
        ("flag == true", True),
        ("flag == false", False),
        ("nothing", True),
        ("nothing == 0", False),
    ):
        assert compile_filter(text)(message) is expected, text


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(
                ["and", "or", "not", "(", ")", "==", "<", "contains", "n", "a.b", "'x y'", "5", "["]
            ),
            max_size=12,
        ).map(" ".join),
    )
)
def test_any_text_is_a_test_or_an_error(text: str) -> None:
    try:
        test = compile_filter(text)
    except FilterError:
        return
    for message in MESSAGES:
        assert test(message) in (True, False)
