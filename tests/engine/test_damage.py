"""Damage of one element: what is around it keeps a right length."""

from __future__ import annotations

import pytest

from dissectors.asn1.versions import parse_spec
from sgprobe.cases.planned import Damage
from sgprobe.engine.damage import damage_body

_EID = "89049032123451234512345678901235"
_POLL = bytes.fromhex(f"BF4F175A10{_EID}820362F210")


def _damaged(word: str, argument: str = "", at: str = "rPLMN") -> str:
    path = (at,) if at else ()
    made = damage_body(_POLL, "GetEimPackageRequest", parse_spec("SGP.32@1.2"), path,
                       Damage(word, argument), is_json=False)  # fmt: skip
    return made.hex().upper().replace(_EID, "…")


@pytest.mark.parametrize(
    ("word", "argument", "wanted"),
    [
        ("followed-by", "9F7F0101", "BF4F1B5A10…820362F2109F7F0101"),
        ("twice", "", "BF4F1C5A10…820362F210820362F210"),
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
