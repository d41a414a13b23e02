"""What a body is, by its bytes and by where it went."""

from __future__ import annotations

import pytest
from capture_bodies import golden, json_download, json_packages, wrapped
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_bench import ASN1_PATH, EID, NOTHING, PACKAGE, POLL, body, function, tlv

from dissectors.asn1.versions import parse_spec
from dissectors.spec.functions import ES9, ES11, ESIPA, FUNCTIONS
from dissectors.trace.message import REQUEST, RESPONSE, Recognised
from dissectors.trace.recognise import UNKNOWN, Body, Media, first_tag, recognise

ESIPA_ROWS = [
    (kind, f, row)
    for f in FUNCTIONS
    if f.interface == ESIPA
    for kind, name in ((REQUEST, f.request), (RESPONSE, f.response))
    for row in golden().values()
    if row["type"] == name and row["result"] == "valid" and not row.get("typed")
]


def ask(octets: bytes, path: str = "/", media: Media = Media.OTHER) -> Recognised | None:
    return recognise(Body(REQUEST, path, octets, media))


def told(octets: bytes, name: str = "GetEimPackage", interface: str = ESIPA) -> Recognised:
    asked = function(interface, name)
    found = recognise(Body(RESPONSE, ASN1_PATH, octets, Media.ASN1, asked))
    assert found is not None
    return found


def codes(found: Recognised | None) -> list[str]:
    assert found is not None
    return [problem.code for problem in found.problems]


@pytest.mark.parametrize(("kind", "f", "row"), ESIPA_ROWS, ids=[r[2]["id"] for r in ESIPA_ROWS])
def test_every_golden_message_of_esipa_in_every_version(kind, f, row) -> None:
    """Requests by their bytes alone, answers by their request."""
    octets = bytes.fromhex(row["hex"])
    asked = f if kind == RESPONSE else None
    found = recognise(Body(kind, "/any", octets, Media.OTHER, asked))
    assert found is not None
    assert (found.function, found.kind, found.type) == (f, kind, row["type"])
    assert found.spec == tuple(row["specs"])
    assert found.value == row["value"]
    assert [p.code for p in found.problems] == (["binding.path"] if kind == REQUEST else [])


def test_answers_alone_are_known_by_their_bytes() -> None:
    for name in ("esipa-packages/006", "esipa-download/005", "esipa-packages/049"):
        found = recognise(Body(RESPONSE, "", body(name), Media.OTHER))
        assert found is not None
        assert found.type == golden()[name]["type"]
    assert recognise(Body(RESPONSE, "", b"", Media.OTHER)) is None


def test_the_path_is_right_or_told() -> None:
    assert codes(ask(POLL, ASN1_PATH)) == []
    assert codes(ask(POLL, "/esipa")) == ["binding.path"]
    assert codes(ask(body("es9plus/044"), "/x")) == ["binding.path"]


def test_a_damaged_body_needs_a_witness() -> None:
    cut = POLL[:9]
    assert ask(cut, "/upload") is None
    for found in (ask(cut, ASN1_PATH), ask(cut, "/upload", Media.ASN1)):
        assert found is not None
        assert found.function.name == "GetEimPackage"
        assert "der.truncated" in codes(found)
    assert recognise(Body(RESPONSE, "", cut, Media.OTHER)) is None


def test_what_no_table_knows_is_told_where_it_is_ours() -> None:
    for path, media in ((ASN1_PATH, Media.OTHER), ("/", Media.ASN1)):
        found = recognise(Body(REQUEST, path, b"\x01\x02\x03", media))
        assert found is not None
        assert found.function is UNKNOWN
        assert (found.type, found.value) == (None, None)
        assert "binding.body" in codes(found)
    assert ask(b"\x01\x02\x03", "/") is None
    assert ask(b"<html>", "/index.html") is None


def test_a_message_in_the_wrong_direction_is_named() -> None:
    found = ask(body("es10/149"), ASN1_PATH)  # a command to the card
    assert found is not None
    assert (found.function.name, found.type) == ("GetEID", "GetEuiccDataRequest")
    assert "binding.body" in codes(found)


def test_an_answer_of_another_function_is_a_wrong_tag() -> None:
    assert "asn1.wrong-tag" in codes(told(body("esipa-packages/049")))
    found = told(NOTHING, "HandleNotification")
    assert (found.type, codes(found)) == (None, ["binding.body"])
    assert "has no answer, 6 octets came" in found.problems[0].text


def test_answers_without_a_body() -> None:
    assert codes(told(b"", "HandleNotification")) == []
    assert codes(told(b"")) == ["binding.empty"]
    assert codes(ask(b"", ASN1_PATH)) == ["binding.body"]
    assert codes(ask(b"", "/gsma/rsp2/es9plus/cancelSession")) == ["binding.body"]
    assert ask(b"", "/") is None


def test_the_answer_to_an_unknown_request_is_read_by_its_bytes() -> None:
    found = recognise(Body(RESPONSE, ASN1_PATH, PACKAGE, Media.ASN1, UNKNOWN))
    assert found is not None
    assert found.type == "GetEimPackageResponse"
    found = recognise(Body(RESPONSE, ASN1_PATH, b"oops", Media.OTHER, UNKNOWN))
    assert found is not None
    assert found.function is UNKNOWN


@pytest.mark.parametrize(
    ("name", "kind", "interface", "called"),
    [
        ("es9plus/044", REQUEST, ES9, "InitiateAuthentication"),
        ("es9plus/045", REQUEST, ES9, "AuthenticateClient"),
        ("es9plus/046", REQUEST, ES9, "GetBoundProfilePackage"),
        ("es9plus/047", REQUEST, ES9, "CancelSession"),
        ("es9plus/048", REQUEST, ES9, "HandleNotification"),
        ("es9plus/049", RESPONSE, ES9, "InitiateAuthentication"),
        ("es9plus/050", RESPONSE, ES9, "AuthenticateClient"),
        ("es9plus/052", RESPONSE, ES9, "CancelSession"),
        ("es9plus/053", RESPONSE, ES11, "AuthenticateClient"),
    ],
)
def test_the_wrapper_of_es9_and_es11(name: str, kind: str, interface: str, called: str) -> None:
    asked = function(ES9, called) if kind == RESPONSE else None
    found = recognise(Body(kind, ASN1_PATH, body(name), Media.ASN1, asked))
    assert found is not None
    assert (found.function.interface, found.function.name) == (interface, called)
    assert found.type == golden()[name]["type"]
    assert found.problems == ()


def test_a_damaged_wrapper_still_shows_its_function() -> None:
    whole = wrapped("es9plus/022")
    for octets in (whole[:50], b"\xa2\x80" + whole[5:60], whole[:4] + b"\xff" + whole[4:]):
        found = recognise(
            Body(RESPONSE, ASN1_PATH, octets, Media.ASN1, function(ES9, "GetBoundProfilePackage"))
        )
        assert found is not None
        assert found.function.name == "GetBoundProfilePackage"
        assert any(problem.severity == "error" for problem in found.problems)
    assert ask(b"\xa2\x03\x04\x01\x00", "/") is None


def test_one_version_alone_can_be_asked_for() -> None:
    old = body("esipa-packages/005")
    found = recognise(Body(REQUEST, ASN1_PATH, old, Media.ASN1), parse_spec("SGP.32@1.0.1"))
    assert found is not None
    assert found.spec == ("SGP.32@1.0.1",)
    assert found.value["rPLMN"] == "62f220"


def test_json_by_its_path_whatever_the_media_type() -> None:
    for name, question, answer in json_packages() + json_download(True):
        path = f"/gsma/rsp2/esipa/{name}"
        for media in Media:
            found = recognise(Body(REQUEST, path, question, media))
            assert found is not None
            assert (found.function.interface, found.type) == (ESIPA, name)
            assert found.is_json
            assert codes(found) == []
            if answer:
                told = recognise(Body(RESPONSE, path, answer, media, found.function))
                assert told is not None
                assert (told.function, told.problems) == (found.function, ())


def test_json_by_its_members() -> None:
    for esipa, interface in ((True, ESIPA), (False, ES9)):
        for name, question, _ in json_download(esipa):
            found = ask(question, "/api", Media.JSON)
            assert found is not None
            assert found.type == name
            if name == "initiateAuthentication" and not esipa:
                assert found.function.interface == interface
            assert codes(found)[:1] == ["binding.path"]


def test_der_is_read_as_der_though_it_is_called_json() -> None:
    found = ask(POLL, ASN1_PATH, Media.JSON)
    assert found is not None
    assert (found.type, found.is_json) == ("GetEimPackageRequest", False)


def test_other_json_is_none_of_ours() -> None:
    assert ask(b'{"order": 1}', "/shop/cancelOrder", Media.JSON) is None
    assert ask(b"{", "/", Media.JSON) is None
    assert ask(b'{"a": 1}', "/", Media.OTHER) is None
    assert ask(b'"eidValue"', "/", Media.JSON) is None


def test_spoiled_json_on_our_path_is_told() -> None:
    found = ask(b'{"eidValue": ', "/gsma/rsp2/esipa/getEimPackage", Media.JSON)
    assert found is not None
    assert (found.type, found.value, codes(found)) == ("getEimPackage", None, ["json.syntax"])


def test_the_first_tag() -> None:
    assert first_tag(POLL) == b"\xbf\x4f"
    assert first_tag(tlv("30", b"")) == b"\x30"
    assert first_tag(b"\xbf\x81\x82\x03\x00") == b"\xbf\x81\x82\x03"
    assert first_tag(b"") == first_tag(b"\xbf") == first_tag(b"\xbf" + b"\x80" * 40) == b""


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from([REQUEST, RESPONSE]),
    path=st.sampled_from(["", "/", ASN1_PATH, "/gsma/rsp2/es9plus/cancelSession", "/x/esipa/y"]),
    octets=st.one_of(
        st.binary(max_size=60),
        st.sampled_from([POLL, PACKAGE, body("es9plus/049"), json_packages()[0][1]]).flatmap(
            lambda whole: st.builds(
                lambda at, new: whole[:at] + new + whole[at + len(new) :],
                st.integers(0, len(whole)),
                st.binary(max_size=3),
            )
        ),
    ),
    media=st.sampled_from(list(Media)),
    asked=st.sampled_from([None, UNKNOWN, *FUNCTIONS[:12]]),
)
def test_any_bytes_are_recognised_or_not(kind, path, octets, media, asked) -> None:
    found = recognise(Body(kind, path, octets, media, asked if kind == RESPONSE else None))
    if found is not None:
        assert found.kind == kind
        assert found.value is None or found.type is not None
        assert all(problem.offset >= 0 for problem in found.problems)
    elif asked not in (None, UNKNOWN):
        assert kind == REQUEST  # an answer to a known request is always told


def test_the_eid_of_the_poll() -> None:
    found = ask(POLL, ASN1_PATH)
    assert found is not None
    assert found.value == {"eidValue": EID}
