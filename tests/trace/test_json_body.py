"""Members of JSON bodies: DER inside is opened, the rest stays, faults are told with their path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from capture_bodies import b64, body, golden, json_download, parts, tlv
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_bench import function

from dissectors.asn1.versions import parse_spec
from dissectors.spec.functions import ES9, ES12, ESIPA
from dissectors.spec.json_members import MEMBERS
from dissectors.trace.json_body import JsonBody, read_json
from dissectors.trace.json_functions import Parsed, parse
from dissectors.trace.message import REQUEST, RESPONSE

GET = function(ESIPA, "GetEimPackage")
PACKAGE = parts(body("esipa-packages/006"), 0)[0][2]


def read(value: Any, kind: str = REQUEST, asked=GET, spec: str | None = None) -> JsonBody:
    return read_json(asked, kind, Parsed(value), parse_spec(spec) if spec else None)


def problems(found: JsonBody) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in found.problems]


def test_a_member_becomes_the_value_of_its_type() -> None:
    found = read({"euiccPackageRequest": b64(PACKAGE), "header": {"x": 1}}, RESPONSE)
    whole = golden()["esipa-packages/006"]["value"]
    assert found.value == {"euiccPackageRequest": whole["euiccPackageRequest"], "header": {"x": 1}}
    assert found.specs == ("SGP.32@1.0.1", "SGP.32@1.1", "SGP.32@1.2", "SGP.32@1.3")
    assert found.problems == ()


def test_whole_downloads_have_no_problem() -> None:
    for esipa, interface in ((True, ESIPA), (False, ES9)):
        for name, question, answer in json_download(esipa):
            asked = function(interface, name[0].upper() + name[1:])
            for kind, octets in ((REQUEST, question), (RESPONSE, answer)):
                if octets:
                    found = read_json(asked, kind, parse(octets), None)
                    assert found.problems == (), (name, kind)
                    members = json.loads(octets)
                    for member in members:
                        opened = MEMBERS.get(member)
                        same = found.value[member] == members[member]
                        assert same == (opened is None), member


def test_versions_are_those_that_all_members_fit() -> None:
    new = parts(body("esipa-packages/017"), 0)[0][2]  # of v1.3 alone
    both = {"euiccPackageRequest": b64(PACKAGE), "x": {"euiccPackageRequest": b64(new)}}
    assert read(both, RESPONSE).specs == ("SGP.32@1.3",)
    assert read({"eidValue": "1"}).specs == ()
    # a certificate says nothing of the version
    certificate = parts(body("es9plus/002"), 0, 0)[4][2]
    assert read({"serverCertificate": b64(certificate)}).specs == ()


@pytest.mark.parametrize(
    ("member", "text", "code", "value"),
    [
        ("euiccPackageRequest", "###", "json.member", "###"),
        ("euiccPackageRequest", "AAA", "json.member", "AAA"),
        ("serverSignature1", b64(b"\x5f\x37\x40"), "json.member", "5f3740"),
        ("serverSignature1", b64(tlv("5F37", b"x") + b"y"), "json.member", "5f37017879"),
        ("serverSignature1", b64(tlv("04", b"x")), "json.member", "040178"),
        ("hashCc", b64(b"\xff"), "json.member", "ff"),
    ],
)
def test_what_does_not_open_stays_as_it_came(member, text, code, value) -> None:
    found = read({"a": {member: text}})
    assert found.value == {"a": {member: value}}
    assert problems(found) == [(code, f"a.{member}")]


def test_what_opens_without_its_tag_is_the_octets() -> None:
    assert read({"euiccChallenge": b64(bytes(16))}).value == {"euiccChallenge": "00" * 16}
    assert read({"serverSignature1": b64(tlv("5F37", b"\1\2"))}).value == {
        "serverSignature1": "0102"
    }


def test_findings_of_a_member_have_its_path() -> None:
    found = read({"x": {"euiccPackageRequest": b64(PACKAGE[:-1])}})
    assert ("der.truncated", "x.euiccPackageRequest") in problems(found)
    assert any(path.startswith("x.euiccPackageRequest.") for _, path in problems(found))
    assert found.value["x"]["euiccPackageRequest"]["euiccPackageSigned"]["counterValue"] == 5


def test_a_member_of_another_json_type_stays() -> None:
    value = {"euiccPackageRequest": 5, "euiccInfo1": [b64(PACKAGE)], "eidValue": None}
    found = read(value)
    assert (found.value, found.problems) == (value, ())


def test_a_type_that_a_version_has_not() -> None:
    found = read({"eimAcknowledgements": b64(tlv("BF53"))}, spec="SGP.22@2.5")
    assert problems(found) == [("json.member", "eimAcknowledgements")]
    assert "is not known in this version" in found.problems[0].text


def test_an_answer_has_a_header() -> None:
    assert problems(read({}, RESPONSE)) == [("json.header", "")]
    assert problems(read({"header": {}}, RESPONSE)) == []
    assert problems(read({}, REQUEST)) == []
    # no ASN.1 answer is known for ES12: nothing is asked of it
    assert problems(read({}, RESPONSE, function(ES12, "DeleteEvent"))) == []


def test_a_body_that_is_no_object() -> None:
    for value, name in (([1], "list"), ("x", "str"), (5, "int"), (None, "NoneType")):
        found = read(value)
        assert found.value == value
        assert [p.text for p in found.problems] == [f"a body is an object, not {name}"]


def test_nesting_and_findings_are_bounded() -> None:
    value: Any = {"euiccPackageRequest": "#"}
    for _ in range(30):
        value = {"a": value}
    assert problems(read(value)) == []  # beyond what is followed it stays plain JSON
    many = {f"m{n}": {"euiccPackageRequest": "#"} for n in range(1000)}
    assert len(read(many).problems) == 200
    long = read({"x" * 10_000: {"hashCc": "#"}})
    assert len(long.problems[0].path) < 200


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*MEMBERS, "header", "a"]),
        st.one_of(
            st.binary(max_size=40).map(b64),
            st.just(b64(PACKAGE)),
            st.text(max_size=12),
            st.integers(),
            st.lists(st.none(), max_size=2),
        ),
        max_size=6,
    ),
    st.sampled_from([REQUEST, RESPONSE]),
)
def test_any_members_are_read(value: dict, kind: str) -> None:
    found = read(value, kind)
    assert set(found.value) == set(value)
    json.dumps(found.value)


def test_an_iot_euicc_behind_es9() -> None:
    """What it signed is of SGP.32 and goes to the SM-DP+ as it is; nothing in it is unknown."""
    asked = function(ES9, "AuthenticateClient")
    iot = body("es10/090")
    found = read({"authenticateServerResponse": b64(iot)}, REQUEST, asked)
    assert found.problems == ()
    assert found.specs
    assert {spec.split("@")[0] for spec in found.specs} == {"SGP.32"}
    # who asks for a version of SGP.22 sees what it does not know
    old = read({"authenticateServerResponse": b64(iot)}, REQUEST, asked, "SGP.22@2.5")
    assert {code for code, _ in problems(old)} == {"asn1.unknown-extension"}
