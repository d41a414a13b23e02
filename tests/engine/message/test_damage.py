"""Damage of one element: what is around it keeps a right length."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.asn1.versions import parse_spec
from sgprobe.cases.planned import Damage
from sgprobe.engine.message.damage import DamageError, damage_body

_EID = "89049032123451234512345678901235"
_POLL = bytes.fromhex(f"BF4F175A10{_EID}820362F210")


def _damaged(word: str, argument: str = "", at: str = "rPLMN") -> str:
    path = (at,) if at else ()
    made = damage_body(_POLL, "GetEimPackageRequest", parse_spec("SGP.32@1.2"), path,
                       Damage(word, argument), is_json=False)  # fmt: skip
    return made.hex().upper().replace(_EID, "…")


@pytest.mark.parametrize(
    ("at", "word", "argument", "wanted"),
    [
        ("transactionId", "text", "../\"x", '{"transactionId":"../\\"x","smdpAddress":"a.b"}'),
        ("smdpAddress", "beside", '"smdpAddress":[1]',
         '{"transactionId":"00FF","smdpAddress":"a.b","smdpAddress":[1]}'),
        ("transactionId", "grown-to", "6", '{"transactionId":"00FF77","smdpAddress":"a.b"}'),
        ("", "nested", "2", '[[{"transactionId":"00FF","smdpAddress":"a.b"}]]'),
    ],
)  # fmt: skip
def test_damage_of_what_is_written_in_json(at: str, word: str, argument: str, wanted: str) -> None:
    body = b'{"transactionId":"00FF","smdpAddress":"a.b"}'
    made = damage_body(body, "", parse_spec("SGP.22@2.5"), (at,) if at else (),
                       Damage(word, argument), is_json=True)  # fmt: skip
    assert made.decode() == wanted


@pytest.mark.parametrize(
    ("word", "argument", "wanted"),
    [
        ("followed-by", "9F7F0101", "BF4F1B5A10…820362F2109F7F0101"),
        ("twice", "", "BF4F1C5A10…820362F210820362F210"),
        ("repeated", "3", "BF4F215A10…820362F210820362F210820362F210"),
        ("long-length", "", "BF4F185A10…82810362F210"),
        ("wrapped-in", "A2", "BF4F195A10…A205820362F210"),
        ("grown-to", "5", "BF4F195A10…820562F2107F7F"),
        ("nested", "2", "BF4F1B5A10…8207A005A00362F210"),
        ("truncate", "1", "BF4F165A10…820262F2"),
        ("remove", "", "BF4F125A10…"),
    ],
)
def test_damage_of_one_element(word: str, argument: str, wanted: str) -> None:
    """The lengths around the element follow."""
    assert _damaged(word, argument) == wanted


def test_damage_of_the_whole() -> None:
    """Two messages stand in one body; the length of one has an octet too many."""
    assert _damaged("twice", at="") == "BF4F175A10…820362F210" * 2
    assert _damaged("long-length", at="") == "BF4F81175A10…820362F210"


WORDS = {"flip-bit": "9", "replace": "00", "remove": "", "truncate": "2", "append": "00",
         "indefinite-length": "", "followed-by": "00", "twice": "", "long-length": "",
         "repeated": "3", "scramble": "2 x", "wrapped-in": "A2",
         "grown-to": "9", "nested": "3", "swap-order": ""}  # fmt: skip
_SPEC = parse_spec("SGP.32@1.2")
_JSON_PATHS = ((), ("transactionId",), ("authenticateServerResponse",),
               ("authenticateServerResponse", "authenticateResponseError"),
               ("header", "functionRequesterIdentifier"))  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
@given(st.binary(max_size=40) | st.binary(max_size=9).map(lambda one: _POLL[:14] + one))
def test_damage_of_any_octets_ends(word: str, octets: bytes) -> None:
    """Octets, or the one error that says that the element is not there."""
    for path in ((), ("rPLMN",)):
        with suppress(DamageError):
            assert isinstance(
                damage_body(octets, "GetEimPackageRequest", _SPEC, path,
                            Damage(word, WORDS[word]), is_json=False), bytes)  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"[" * 50_000, b'{"header": 5, "transactionId": [1]}',
     b'{"authenticateServerResponse": "not base64!", "header": {"functionRequesterIdentifier": 1}}',
     b'{"authenticateServerResponse": "MAA=", "transactionId": "0G"}'],
    ids=range(7),
)  # fmt: skip
def test_damage_of_any_json_ends(word: str, body: bytes) -> None:
    for path in _JSON_PATHS:
        with suppress(DamageError):
            assert isinstance(
                damage_body(body, "AuthenticateClientRequest", _SPEC, path,
                            Damage(word, WORDS[word]), is_json=True), bytes)  # fmt: skip
