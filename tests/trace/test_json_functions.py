"""Which function a JSON body is of, and what is no JSON."""

from __future__ import annotations

import json

import pytest
from capture_bodies import json_download, json_packages
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.spec.functions import ES2, ES9, ES11, ES12, ESIPA, FUNCTIONS
from dissectors.spec.json_members import MEMBERS
from dissectors.trace.json_functions import (
    by_path,
    function_of,
    kind_of,
    looks_like_json,
    parse,
    with_events,
)
from dissectors.trace.message import REQUEST, RESPONSE


def named(kind: str, path: str, members: dict) -> tuple[str, str] | None:
    found = function_of(kind, path, members)
    return None if found is None else (found.interface, found.name)


def test_every_path_of_a_binding_is_known() -> None:
    assert by_path()["/gsma/rsp2/es9plus/cancelSession"].interface == ES9
    assert by_path()["/gsma/rsp2/esipa/getEimPackage"].interface == ESIPA
    assert by_path()["/gsma/rsp2/es12/deleteEvent"].interface == ES12
    assert by_path()["/gsma/rsp2/es2plus/confirmOrder"].interface == ES2
    for path, function in by_path().items():
        assert function_of(REQUEST, path, {}) is function


@pytest.mark.parametrize(
    ("path", "members", "expected"),
    [
        ("/x/ES9Plus/InitiateAuthentication/", {"a": 1}, (ES9, "InitiateAuthentication")),
        ("/rsp3/esipa/getEimPackage", {"a": 1}, (ESIPA, "GetEimPackage")),
        ("/gsma/rsp2/es11/authenticateClient", {"a": 1}, (ES11, "AuthenticateClient")),
        ("/v1/es12/registerEvent", {"eid": "1"}, (ES12, "RegisterEvent")),
        ("/orders/downloadOrder", {"header": {}}, (ES2, "DownloadOrder")),
        ("/orders/downloadOrder", {"eid": "1"}, None),
        ("/services2/cancelOrder", {"order": 1}, None),
        ("/es2plus/none", {"a": 1}, None),
        ("/", {"euiccChallenge": ""}, (ES9, "InitiateAuthentication")),
        ("/", {"euiccChallenge": "", "eimTransactionId": ""}, (ESIPA, "InitiateAuthentication")),
        ("/esipa", {"authenticateServerResponse": ""}, (ESIPA, "AuthenticateClient")),
        ("/", {"eidValue": ""}, (ESIPA, "GetEimPackage")),
        ("/", {"eidValue": "", "eimPackageResult": ""}, (ESIPA, "ProvideEimPackageResult")),
        ("/", {"euiccPackageRequest": ""}, (ESIPA, "TransferEimPackage")),
        ("/", {"transactionId": ""}, None),
        ("/", {}, None),
    ],
)
def test_requests(path: str, members: dict, expected: tuple[str, str] | None) -> None:
    assert named(REQUEST, path, members) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"serverSigned1": "", "euiccCiPKIdToBeUsed": ""}, (ES9, "InitiateAuthentication")),
        ({"serverSigned1": "", "ctxParams1": ""}, (ESIPA, "InitiateAuthentication")),
        ({"boundProfilePackage": ""}, (ES9, "GetBoundProfilePackage")),
        ({"eventEntries": []}, (ES9, "AuthenticateClient")),
        ({"euiccPackageRequest": ""}, (ESIPA, "GetEimPackage")),
        ({"eimPackageError": 1}, (ESIPA, "GetEimPackage")),
        ({"eimAcknowledgements": ""}, (ESIPA, "ProvideEimPackageResult")),
        ({"euiccPackageResult": ""}, (ESIPA, "TransferEimPackage")),
        ({"header": {}}, None),
    ],
)
def test_answers_without_their_request(members: dict, expected: tuple[str, str] | None) -> None:
    assert named(RESPONSE, "", members) == expected


def test_events_tell_es11() -> None:
    es9 = by_path()["/gsma/rsp2/es9plus/authenticateClient"]
    assert with_events(es9, {"eventEntries": []}).interface == ES11
    assert with_events(es9, {}) is es9
    assert with_events(es9, None) is es9
    esipa = by_path()["/gsma/rsp2/esipa/authenticateClient"]
    assert with_events(esipa, {"eventEntries": []}) is esipa


def test_who_asks_and_who_answers() -> None:
    for rows in (json_packages(), json_download(True), json_download(False)):
        for _, question, answer in rows:
            assert kind_of(json.loads(question)) == REQUEST
            if answer:
                assert kind_of(json.loads(answer)) == RESPONSE
    assert kind_of({"boundProfilePackage": ""}) == RESPONSE
    assert kind_of({"header": {"functionRequesterIdentifier": "1"}}) == REQUEST
    assert kind_of({}) == REQUEST


@pytest.mark.parametrize(
    ("octets", "code", "offset"),
    [
        (b"{", "json.syntax", 1),
        (b'{"a": NaN}', "json.syntax", 0),
        (b'{"a": -Infinity}', "json.syntax", 0),
        (b'{"a": 1} x', "json.syntax", 9),
        (b'{"a": ' + b"9" * 5000 + b"}", "json.syntax", 0),
        (b'{"\xff": 1}', "json.syntax", 2),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "json.too-deep", 0),
        (b'{"a":' * 50_000, "json.too-deep", 0),
        (b"[" * 50_000, "json.too-deep", 0),
    ],
)
def test_what_is_no_json(octets: bytes, code: str, offset: int) -> None:
    parsed = parse(octets)
    assert parsed.value is None
    assert parsed.problem is not None
    assert (parsed.problem.code, parsed.problem.offset) == (code, offset)
    assert parsed.members == {}


def test_what_is_json() -> None:
    assert parse(b'\xef\xbb\xbf{"a": [1, null]}').members == {"a": [1, None]}
    assert parse(b"[1]").value == [1]
    assert parse(b"[1]").members == {}
    deep = b'{"a":' * 64 + b"1" + b"}" * 64
    assert parse(deep).problem is None
    wide = json.dumps({"a": [{}] * 500}).encode()
    assert parse(wide).problem is None


@pytest.mark.parametrize(
    ("octets", "expected"),
    [(b"{", True), (b" \r\n\t{", True), (b"\xef\xbb\xbf{}", True), (b"[", False), (b"", False),
     (b"\xbf\x4f", False), (b" " * 80 + b"{", False)],
)  # fmt: skip
def test_how_json_begins(octets: bytes, expected: bool) -> None:
    assert looks_like_json(octets) is expected


def test_tables_name_members_and_functions_that_are_there() -> None:
    from dissectors.spec.json_members import ESIPA_MARKS, REQUEST_MARKS, RESPONSE_MARKS

    functions = {f.json for f in FUNCTIONS}
    assert {name for _, name in REQUEST_MARKS + RESPONSE_MARKS} <= functions
    plain = {"eidValue", "eimTransactionId", "eimPackageError", "ePRAndNotifications",
             "eventEntries"}  # fmt: skip
    marks = {mark for mark, _ in REQUEST_MARKS + RESPONSE_MARKS} | ESIPA_MARKS
    assert marks - set(MEMBERS) == plain


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80).map(lambda tail: b"{" + tail))
def test_any_text_is_json_or_not(octets: bytes) -> None:
    parsed = parse(octets)
    assert (parsed.problem is None) == (parsed.value is not None)
