"""One message as JSON: members in order, text that is safe on a terminal and valid UTF-8."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_captures import index, trace
from trace_bench import over_http, poll

from dissectors.finding import Finding, Severity
from dissectors.trace.message import Message, to_json

ORDER = ["n", "frames", "time", "src", "dst", "transport", "interface", "function", "kind", "type",
         "spec", "status", "value", "bytes", "problems"]  # fmt: skip


def make(value: object = None, *problems: Finding) -> Message:
    return Message((3, 1), 12.5, "[2001:db8::1]:1", "b:2", "coap", "ESipa", "F", "request", None,
                   ("SGP.32@1.2",), "2.04", value, b"\xbf\x4f", problems, 7)  # fmt: skip


def test_members_and_their_order() -> None:
    problem = Finding("a.b", Severity.WARNING, "x.y", 4, "text")
    found = make({"a": [1, None, True]}, problem).as_dict()
    assert list(found) == ORDER
    assert found == {
        "n": 7, "frames": [3, 1], "time": 12.5, "src": "[2001:db8::1]:1", "dst": "b:2",
        "transport": "coap", "interface": "ESipa", "function": "F", "kind": "request",
        "type": None, "spec": ["SGP.32@1.2"], "status": "2.04", "value": {"a": [1, None, True]},
        "bytes": "bf4f",
        "problems": [{"code": "a.b", "severity": "warning", "path": "x.y", "offset": 4,
                      "text": "text"}],
    }  # fmt: skip
    assert json.loads(make({"a": [1, None, True]}, problem).as_json()) == found


def test_only_an_error_makes_a_message_malformed() -> None:
    for severity, expected in zip(Severity, (True, False, False), strict=True):
        assert make(None, Finding("x", severity, "", 0, "")).malformed is expected
    assert not make().malformed


UNSAFE = "\x00\x07\x1b\x7f\x80\x9b\x9f\xad\u200e\u2028\u202e\u2066\ufeff\ud800\udfff"


@pytest.mark.parametrize("char", list(UNSAFE))
def test_what_a_terminal_obeys_is_escaped(char: str) -> None:
    text = make({f"k{char}": [f"v{char}", char * 3]}).as_json()
    assert char not in text
    assert text.encode("utf-8")
    assert json.loads(text)["value"] == {f"k{char}": [f"v{char}", char * 3]}


def test_letters_stay_letters() -> None:
    assert "Zoë 日本 😀" in make("Zoë 日本 😀").as_json()


@given(st.recursive(st.one_of(st.text(), st.integers(), st.none(), st.booleans()),
                    lambda kids: st.one_of(st.lists(kids, max_size=3),
                                           st.dictionaries(st.text(), kids, max_size=3)),
                    max_leaves=8))  # fmt: skip
def test_any_value_is_one_line_of_valid_json(value: object) -> None:
    text = make(value).as_json()
    assert len(text.splitlines()) == 1
    assert json.loads(text.encode("utf-8"))["value"] == value
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in text)
    assert to_json(value) == text[text.index('"value":') + 8 : text.rindex(',"bytes"')]


def test_messages_of_a_capture() -> None:
    for message in over_http(poll()).messages:
        assert json.loads(message.as_json()) == json.loads(json.dumps(message.as_dict()))


@pytest.mark.parametrize("name", sorted(index()))
def test_a_line_is_its_dictionary_for_every_capture(name: str) -> None:
    for message in trace(name).messages:
        assert message.as_json() == to_json(message.as_dict())


# what stands in a member may come from a hostile peer: a name, a path, a number without end
TEXT = st.text(st.characters() | st.sampled_from(UNSAFE + '"\\/'), max_size=8)
VALUES = st.recursive(st.one_of(TEXT, st.integers(), st.integers(10**300, 10**400), st.none(),
                                st.booleans(), st.floats()),
                      lambda kids: st.one_of(st.lists(kids, max_size=3),
                                             st.dictionaries(TEXT, kids, max_size=3)),
                      max_leaves=8)  # fmt: skip
PROBLEMS = st.lists(st.builds(Finding, TEXT, st.sampled_from(Severity), TEXT, st.integers(), TEXT),
                    max_size=3)  # fmt: skip


@given(st.builds(
    Message, st.lists(st.integers(1), max_size=3).map(tuple), st.floats(0, 2e19), TEXT, TEXT, TEXT,
    TEXT, TEXT, TEXT, st.none() | TEXT, st.lists(TEXT, max_size=3).map(tuple),
    st.none() | st.integers() | TEXT, VALUES, st.binary(max_size=8), PROBLEMS.map(tuple),
    st.integers(0),
))  # fmt: skip
def test_a_line_is_its_dictionary_whatever_stands_in_it(message: Message) -> None:
    assert message.as_json() == to_json(message.as_dict())
