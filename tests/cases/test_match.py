from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.asn1 import codec
from dissectors.asn1.model import Schema
from sgprobe.cases.errors import Problems
from sgprobe.cases.fields import Context, compile_fields
from sgprobe.cases.match import Judgement, Match, Unresolved, leaves, match
from sgprobe.cases.references import BUILT_IN, Scope
from sgprobe.cases.templates import Matcher
from sgprobe.yamlfile import read
from sgprobe.yamlnode import Mapping

SCHEMA = codec.load("SGP.32@1.2").schema
EID = "89049032123451234512345678901235"
VALUES = {"eid": EID, "iccid.b": "98940000000000000013", "eim.last-counter": 41, "eim.id": "eim"}


class Known:
    """A resolver that judges one signature as wrong."""

    def value(self, name: str) -> object:
        if name not in VALUES:
            raise Unresolved(f"${name} has no value yet")
        return VALUES[name]

    def point(self, axis: str) -> str:
        raise Unresolved(axis)

    def judge(self, matcher: Matcher, value: object, path: str) -> Judgement:
        return Judgement(value == "00" * 64, "does not verify", "verifies under keys.eim-nist")


def compare(
    type_: str, text: str, value: object, exact: bool = False, schema: Schema = SCHEMA
) -> Match:
    problems = Problems()
    node = read(text, "t.yaml")
    assert isinstance(node, Mapping)
    context = Context(schema, Scope(BUILT_IN), problems)
    template = compile_fields(node, schema.types[type_], context, exact)
    assert template is not None, problems.all
    return match(template, value, Known())


SIGNED = {
    "eimId": "eim",
    "eidValue": EID,
    "counterValue": 42,
    "euiccPackage": {"psmoList": [{"enable": {"iccid": "98940000000000000013"}}]},
}
REQUEST = """
euiccPackageSigned:
  eidValue: $eid
  counterValue: <integer greater than $eim.last-counter>
  eimTransactionId: <absent or 1..16 bytes>
  euiccPackage.psmoList:
    - enable.iccid: $iccid.b
eimSignature: <signature by $keys.eim>
"""


def test_what_is_named_matches_and_the_rest_is_free() -> None:
    found = compare(
        "EuiccPackageRequest", REQUEST, {"euiccPackageSigned": SIGNED, "eimSignature": "00" * 64}
    )
    assert found.good
    assert found.unnamed == 1  # eimId
    assert found.named == 5


def test_all_differences_are_found_at_once_with_hints() -> None:
    signed = {
        **SIGNED,
        "counterValue": 41,
        "eimTransactionId": "00" * 17,
        "euiccPackage": {"psmoList": [{"enable": {"iccid": "89490000000000000031"}}]},
    }
    found = compare(
        "EuiccPackageRequest", REQUEST, {"euiccPackageSigned": signed, "eimSignature": "11" * 64}
    )
    told = {one.path: one for one in found.differences}
    assert set(told) == {
        "euiccPackageSigned.counterValue",
        "euiccPackageSigned.eimTransactionId",
        "euiccPackageSigned.euiccPackage.psmoList[0].enable.iccid",
        "eimSignature",
    }
    assert told["euiccPackageSigned.counterValue"].hint == "the same number again"
    assert "nibbles" in told["euiccPackageSigned.euiccPackage.psmoList[0].enable.iccid"].hint
    assert told["eimSignature"].actual == "does not verify"
    assert told["eimSignature"].hint == "verifies under keys.eim-nist"
    assert told["eimSignature"].line == 8


@pytest.mark.parametrize(
    ("text", "value", "good"),
    [
        ("euiccResult: [{disableResult: ok}]", [{"disableResult": "ok"}], True),
        ("euiccResult: [{disableResult: 0}]", [{"disableResult": "ok"}], True),
        ("euiccResult: [{disableResult: ok}]", [{"disableResult": "catBusy"}], False),
        ("euiccResult: [{disableResult: ok}]", [], False),
        (
            "euiccResult: [{disableResult: ok}]",
            [{"disableResult": "ok"}, {"deleteResult": "ok"}],
            False,
        ),
        (
            "euiccResult: <contains rollbackResult ok>",
            [{"enableResult": "ok"}, {"rollbackResult": "ok"}],
            True,
        ),
        ("euiccResult: <contains rollbackResult ok>", [{"enableResult": "ok"}], False),
        ("euiccResult: <list of 2>", [{"enableResult": "ok"}] * 2, True),
        ("euiccResult: <list of 2>", [{"enableResult": "ok"}], False),
        ("euiccResult: <not empty>", [{"enableResult": "ok"}], True),
        ("euiccResult: <not empty>", [], False),
        (
            "euiccResult[1].enableResult: ok",
            [{"enableResult": "catBusy"}, {"enableResult": "ok"}],
            True,
        ),
        ("euiccResult[1].enableResult: ok", [{"enableResult": "ok"}], False),
        (
            "euiccResult[0].disableResult: <one of ok, catBusy>",
            [{"disableResult": "catBusy"}],
            True,
        ),
        ("euiccResult[0].disableResult: <one of ok, catBusy>", [{"disableResult": 9}], False),
    ],
)
def test_lists(text: str, value: object, good: bool) -> None:
    assert compare("EuiccPackageResultDataSigned", text, {"euiccResult": value}).good is good


@pytest.mark.parametrize(
    ("text", "value", "good"),
    [
        ("eimId: <absent>", {}, True),
        ("eimId: <absent>", {"eimId": "x"}, False),
        ("eimId: <present>", {"eimId": "x"}, True),
        ("eimId: <present>", {}, False),
        ("eimId: <any>", {}, False),
        ("eimId: <empty>", {"eimId": ""}, True),
        ("eimId: <starts with eim>", {"eimId": "eim.test"}, True),
        ("eimId: <starts with eim>", {"eimId": "im"}, False),
        ("eimId: '<matches [a-z]+>'", {"eimId": "abc"}, True),
        ("eimId: '<matches [a-z]+>'", {"eimId": "abc1"}, False),
        ("eimId: <contains im>", {"eimId": "eim"}, True),
        ("eimId: <equals $eim.id>", {"eimId": "eim"}, True),
        ("eimId: <equals $eim.id>", {"eimId": "mie"}, False),
        ("eimId: <lower than 1.10>", {"eimId": "1.9"}, True),
        ("eimId: <lower than 1.10>", {"eimId": "1.10"}, False),
        ('eimId: {literal: "<x"}', {"eimId": "<x"}, True),
        ("eimTransactionId: 0A1B", {"eimTransactionId": "0a1b"}, True),
        ("eimTransactionId: 0A 1B", {"eimTransactionId": "0a1b"}, True),
        ("eimTransactionId: <2 bytes>", {"eimTransactionId": "0a1b"}, True),
        ("eimTransactionId: <3..4 bytes>", {"eimTransactionId": "0a1b"}, False),
    ],
)
def test_scalars(text: str, value: object, good: bool) -> None:
    assert compare("EuiccPackageResultDataSigned", text, value).good is good


@pytest.mark.parametrize(
    ("value", "good"),
    [([], True), (["00", "0000"], True), (["00", "000000"], False), ("00", False)],
)
def test_each_element_of_a_list(value: object, good: bool) -> None:
    schema = codec.load("SGP.22@2.5").schema
    text = "sequenceOf88: <each 1..2 bytes>"
    found = compare("BoundProfilePackage", text, {"sequenceOf88": value}, schema=schema)
    assert found.good is good


@pytest.mark.parametrize(
    ("text", "octets"), [("usimSupport, 8", "4080"), ("8", "0080"), ("contactlessSupport", "80")]
)
def test_bits_by_name_and_by_number(text: str, octets: str) -> None:
    schema = codec.load("SGP.22@2.5").schema
    found = compare(
        "EUICCInfo2",
        f"uiccCapability: {text}",
        {"uiccCapability": {"value": octets, "length": 9 if "8" in text else 1}},
        schema=schema,
    )
    assert found.good, found


@pytest.mark.parametrize("value", [None, "x", 7, {}, []])
@pytest.mark.parametrize("text", ["euiccResult[1].enableResult: ok", "euiccResult: [<any>]"])
def test_another_form_than_a_list_is_a_difference(text: str, value: object) -> None:
    assert not compare("EuiccPackageResultDataSigned", text, {"euiccResult": value}).good


def test_another_alternative_is_one_difference_that_names_both() -> None:
    found = compare(
        "EuiccPackageResult",
        "euiccPackageResultSigned.euiccSignEPR: <any>",
        {"euiccPackageErrorUnsigned": {}},
    )
    (one,) = found.differences
    assert one.expected == "euiccPackageResultSigned"
    assert "euiccPackageErrorUnsigned" in one.actual


def test_exactly_permits_nothing_else() -> None:
    assert not compare(
        "EuiccPackageResultDataSigned", "eimId: x", {"eimId": "x", "seqNumber": 1}, exact=True
    ).good


def test_named_numbers_are_printed_with_their_number() -> None:
    found = compare(
        "EuiccPackageErrorDataSigned",
        "euiccPackageErrorCode: replayError",
        {"euiccPackageErrorCode": "invalidEid"},
    )
    (one,) = found.differences
    assert (one.expected, one.actual) == ("replayError(4)", "invalidEid(3)")


def test_what_cannot_be_judged_is_no_failure_of_the_product() -> None:
    found = compare(
        "EuiccPackageResultDataSigned", "counterValue: $eim.association-token", {"counterValue": 1}
    )
    assert not found.good
    assert found.root.unsure


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "euiccPackageSigned",
                    "eimSignature",
                    "counterValue",
                    "euiccPackage",
                    "psmoList",
                    "enable",
                    "iccid",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_any_value_gives_a_tree(value: object) -> None:
    found = compare("EuiccPackageRequest", REQUEST, value)
    assert found.good is (not found.differences)
    assert list(leaves(found.root))


ACKNOWLEDGED = "ProvideEimPackageResultResponse"
RESULT = "EuiccPackageResultDataSigned"


@pytest.mark.parametrize(
    ("type_", "text", "value", "expected", "actual"),
    [
        (ACKNOWLEDGED, "eimAcknowledgements: <contains $eim.last-counter>",
         {"eimAcknowledgements": [7]},
         "contains 41 ($eim.last-counter)", "a list of 1: 7"),
        (ACKNOWLEDGED, "eimAcknowledgements: <contains $eim.last-counter>",
         {"eimAcknowledgements": list(range(100, 112))}, "contains 41 ($eim.last-counter)",
         "a list of 12: 100, 101, 102, 103, 104, 105, 106, 107, … 4 more"),
        (ACKNOWLEDGED, "eimAcknowledgements: <contains 5>", {"eimAcknowledgements": []},
         "contains 5", "a list of 0"),
        (RESULT, "euiccResult: <contains rollbackResult ok>",
         {"euiccResult": [{"enableResult": "ok"}, {"getRATResult": []}]},
         "contains rollbackResult ok", "a list of 2: enableResult ok, {getRATResult}"),
        (RESULT, "eimId: <equals $eim.id>", {"eimId": "other"}, "equals eim ($eim.id)", "other"),
        (RESULT, "eimId: <contains $eid>", {"eimId": "x" * 100}, f"contains {EID} ($eid)",
         "x" * 71 + "…"),
    ],
)  # fmt: skip
def test_a_failure_shows_the_values_looked_for_and_found(
    type_: str, text: str, value: object, expected: str, actual: str
) -> None:
    (one,) = compare(type_, text, value).differences
    assert (one.expected, one.actual) == (expected, actual)


def test_bits_are_shown_by_their_names() -> None:
    found = compare("EUICCInfo2", "forbiddenProfilePolicyRules: ppr1, ppr2",
                    {"forbiddenProfilePolicyRules": {"value": "c880", "length": 9}})  # fmt: skip
    (one,) = found.differences
    assert one.expected == "ppr1, ppr2"
    assert one.actual == "pprUpdateControl, ppr1, bit 4, bit 8"
    none = compare("EUICCInfo2", "forbiddenProfilePolicyRules: ppr1",
                   {"forbiddenProfilePolicyRules": {"value": "", "length": 0}})  # fmt: skip
    assert none.differences[0].actual == "no bit"
    many = {"value": "ff" * 5000, "length": 40000}
    long = compare("EUICCInfo2", "forbiddenProfilePolicyRules: ppr1",
                   {"forbiddenProfilePolicyRules": many})  # fmt: skip
    assert len(long.differences[0].actual) < 100


def test_a_list_is_shown_in_bounded_length() -> None:
    found = compare(RESULT, "euiccResult: <contains rollbackResult ok>",
                    {"euiccResult": [{"x" * 5000: "y" * 5000}] * 5000})  # fmt: skip
    assert len(found.differences[0].actual) < 300


def test_a_value_that_is_not_known_yet_stays_a_name() -> None:
    found = compare(RESULT, "counterValue: <integer greater than $eim.association-token>", {})
    assert found.differences[0].expected == "integer greater than $eim.association-token"


@pytest.mark.parametrize(
    ("states", "good"),
    [(["enabled", "enabled"], True), (["enabled", "disabled"], False), ([], True)],
)
def test_a_member_of_each_element_has_a_value(states: list[str], good: bool) -> None:
    value = {"profileInfoListOk": [{"profileState": one} for one in states]}
    text = "profileInfoListOk: <each profileState enabled>"
    assert compare("ProfileInfoListResponse", text, value).good is good
