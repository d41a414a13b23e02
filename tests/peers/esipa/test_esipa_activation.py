"""Activation codes, and policy rules against a RAT."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.peers.esipa.activation import ActivationCode, read_code
from sgprobe.peers.esipa.profile import allows


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1$a.b$ID", ActivationCode("a.b", "ID")),
        ("LPA:1$a.b$ID-7", ActivationCode("a.b", "ID-7")),
        ("1$a.b$", ActivationCode("a.b")),
        ("1$a.b$ID$2.999.10", ActivationCode("a.b", "ID", "2.999.10")),
        ("1$a.b$ID$$1", ActivationCode("a.b", "ID", None, True)),
        ("1$a.b$ID$2.999.10$1", ActivationCode("a.b", "ID", "2.999.10", True)),
        ("1$a.b:8443$ID", ActivationCode("a.b:8443", "ID")),
    ],
)
def test_codes(text, code):
    assert read_code(text) == code
    assert code.text == text.removeprefix("LPA:")


@pytest.mark.parametrize(
    "text",
    ["", "1", "1$a.b", "2$a.b$ID", "1$$", "1$a b$ID", "1$a.b$I D", "1$a.b$ID$x", "1$a.b$ID$$2",
     "1$a.b$ID$$1$", "1$-a.b$ID", "1$a.b/x$ID", "LPA:LPA:1$a.b$ID", "1$a.b$" + "I" * 256],
)  # fmt: skip
def test_what_is_none(text):
    assert read_code(text) is None


@settings(max_examples=200)
@given(st.text(max_size=300))
def test_any_text_is_one_or_none(text):
    code = read_code(text)
    assert code is None or read_code(code.text) == code


def rat(rules: str, owner: str = "eeeeee", **groups: str) -> list:
    return [
        {
            "pprIds": {"value": rules, "length": 3},
            "allowedOperators": [{"mccMnc": owner, **groups}],
            "pprFlags": {"value": "", "length": 0},
        }
    ]


def metadata(rules: str, **owner: str) -> dict:
    told = {"profilePolicyRules": {"value": rules, "length": 3}}
    return {**told, "profileOwner": {"mccMnc": "00f110", **owner}} if owner is not None else told


@pytest.mark.parametrize(
    ("table", "told", "allowed"),
    [
        (None, metadata("40"), True),
        ([], {"iccid": "98"}, True),
        ([], metadata("80"), True),
        ([], metadata("40"), False),
        (rat("60"), metadata("60"), True),
        (rat("20"), metadata("40"), False),
        (rat("20"), metadata("60"), False),
        (rat("20") + rat("40"), metadata("60"), True),
        (rat("60", "00f110"), metadata("40"), True),
        (rat("60", "00f11e"), metadata("40"), True),
        (rat("60", "00f120"), metadata("40"), False),
        (rat("60", gid1="01"), metadata("40"), False),
        (rat("60", gid1="01"), metadata("40", gid1="01"), True),
        (rat("60", gid1=""), metadata("40"), True),
        (rat("60"), {"profilePolicyRules": {"value": "40", "length": 3}}, False),
    ],
)
def test_policy_rules(table, told, allowed):
    assert allows(table, told) == allowed
