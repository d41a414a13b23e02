"""Values to send: what a template names goes over what the role would say."""

from __future__ import annotations

from typing import Any

import pytest
from compose_helpers import EID, SPEC, fields, message, names

from sgprobe.cases import templates as t
from sgprobe.cases.match import Unresolved
from sgprobe.engine.message.fill import ABSENT, PLACEHOLDER, Filler, Signing
from sgprobe.yamlnode import Source

HERE = Source("test.yaml", 1, 1, 1, 1)
PACKAGE = message("ipa", "euicc", "EuiccPackageRequest")
RESPONSE = message("eim", "ipa", "GetEimPackageResponse", SPEC)


def matcher(word: str, **more: Any) -> t.Matcher:
    return t.Matcher(word, f"<{word}>", HERE, **more)


def literal(value: Any) -> t.Literal:
    return t.Literal(value, str(value), HERE)


def fill(template: t.Template, base: Any = ABSENT) -> Any:
    return Filler(names()).fill(template, base)


def test_members_go_over_the_default() -> None:
    template = fields("euiccPackageSigned: {counterValue: 9, eimId: $eim.id}", PACKAGE)
    base = {"euiccPackageSigned": {"eidValue": EID, "counterValue": 1}, "eimSignature": "00"}
    made = fill(template, base)
    assert made["euiccPackageSigned"] == {
        "eidValue": EID, "counterValue": 9, "eimId": "eim.test",
    }  # fmt: skip
    assert made["eimSignature"] == "00"
    assert base["euiccPackageSigned"] == {"eidValue": EID, "counterValue": 1}


def test_of_a_choice_one_alternative_is_left() -> None:
    assert fill(fields("eimPackageError: eidNotFound", RESPONSE), {"euiccPackageRequest": {}}) == {
        "eimPackageError": "eidNotFound"
    }


def test_a_literal_is_not_shared() -> None:
    template = literal({"a": [1]})
    fill(template)["a"].append(2)
    assert fill(template) == {"a": [1]}


def test_lists_take_the_place_of_the_default() -> None:
    template = t.Elements((literal(7), matcher("absent"), literal(9)), HERE)
    assert fill(template, [1, 2, 3, 4]) == [7, 9]


def test_an_element_by_its_index() -> None:
    template = t.AtIndexes(((1, literal(7)),), HERE)
    assert fill(template, [1, 2, 3]) == [1, 7, 3]
    with pytest.raises(Unresolved, match="before the one named is missing"):
        fill(template)


@pytest.mark.parametrize(
    ("template", "base", "wanted"),
    [
        (matcher("absent"), 5, ABSENT),
        (matcher("present"), ABSENT, None),
        (matcher("present"), 5, 5),
        (matcher("empty"), ABSENT, ""),
        (matcher("empty"), [1], []),
        (matcher("empty"), {"a": 1}, {}),
        (matcher("equals", parts=(literal(3),)), 5, 3),
        (matcher("absent-or", inner=literal(3)), 5, 3),
        (matcher("built", parts=(t.Ref("euicc", HERE),)), 5, 5),
    ],
    ids=range(9),
)
def test_matchers_that_make_values(template: t.Template, base: Any, wanted: Any) -> None:
    made = fill(template, base)
    assert made is ABSENT if wanted is ABSENT else made == wanted


def test_octets_are_drawn() -> None:
    assert len(bytes.fromhex(fill(matcher("bytes", low=16, high=16)))) == 16


def test_a_signature_is_left_for_later() -> None:
    filler = Filler(names())
    template = fields("eimSignature: <signature by $keys.eim over euiccPackageSigned>", PACKAGE)
    assert filler.fill(template, {}) == {"eimSignature": PLACEHOLDER}
    assert filler.signings == [Signing("eimSignature", "keys.eim", ("euiccPackageSigned",))]


@pytest.mark.parametrize("word", ["any", "greater", "matches", "not", "seen"])
def test_a_matcher_that_makes_nothing(word: str) -> None:
    with pytest.raises(Unresolved, match="makes no value"):
        fill(matcher(word))


def test_nothing_is_built_of_nothing() -> None:
    with pytest.raises(Unresolved, match="nothing to build it from"):
        fill(matcher("built", parts=(t.Ref("euicc", HERE),)))
