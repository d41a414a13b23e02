"""Exact octets of elements, whatever came: any octets give octets or nothing, in bounded time."""

from __future__ import annotations

import base64
import json
import time

import pytest
from compose_helpers import SPEC
from hypothesis import given
from hypothesis import strategies as st

from sgprobe.engine.message.elements import Body, beside, parent

POLL = bytes.fromhex("bf4f175a1089049032123451234512345678901235820362f210")
RESPONSE = bytes.fromhex("bf3807a1058001050201")


def json_body(**members: bytes) -> bytes:
    return json.dumps({name: base64.b64encode(one).decode() for name, one in members.items()}
                      ).encode()  # fmt: skip


def test_an_element_is_a_whole_tlv() -> None:
    body = Body(POLL, "GetEimPackageRequest", SPEC, False)
    assert body.at("rPLMN") == bytes.fromhex("820362f210")
    assert body.named("eidValue") == POLL[3:21]
    assert body.at("notifyStateChange") is None
    assert body.named("nobody") is None


def test_a_member_of_json_and_what_is_inside() -> None:
    octets = bytes.fromhex("bf3809a10780020102020105")
    body = Body(json_body(authenticateServerResponse=octets), None, SPEC, True)
    assert body.at("authenticateServerResponse") == octets
    path = "authenticateServerResponse.authenticateResponseError.authenticateErrorCode"
    assert body.at(path) == bytes.fromhex("020105")
    assert body.named("authenticateErrorCode") == bytes.fromhex("020105")
    assert body.at("somethingElse.inside") is None


@pytest.mark.parametrize(
    "octets",
    [b"", b"[]", b"1", b"{}", b'{"authenticateServerResponse": 5}', b"[" * 100_000,
     b'{"a":' * 100_000, b'{"authenticateServerResponse": "\xff"}', b"\xff\xfe", b"null"],
    ids=range(10),
)  # fmt: skip
def test_json_that_is_none(octets: bytes) -> None:
    """Deep nesting too: a reader must not run out of stack."""
    body = Body(octets, None, SPEC, True)
    assert body.at("authenticateServerResponse") is None
    assert body.named("authenticateErrorCode") is None


def test_many_members_are_read_once() -> None:
    """The time grows with the body, not with its square."""
    members = {f"member{number}": "AAAA" for number in range(20_000)}
    body = Body(json.dumps(members).encode(), None, SPEC, True)
    begun = time.process_time()
    assert body.named("authenticateErrorCode") is None
    assert time.process_time() - begun < 5


@given(st.binary(max_size=200) | st.binary(max_size=40).map(lambda one: POLL[:12] + one))
def test_any_octets(octets: bytes) -> None:
    for is_json in (False, True):
        body = Body(octets, "GetEimPackageRequest", SPEC, is_json)
        for found in (body.at("eidValue"), body.named("rPLMN")):
            assert found is None or found in octets or is_json


def test_an_unknown_type_has_no_elements() -> None:
    assert Body(POLL, "NoSuchType", SPEC, False).at("eidValue") is None
    assert Body(POLL, None, SPEC, False).named("eidValue") is None


def test_paths() -> None:
    assert parent("a.b[0].c") == "a.b[0]"
    assert parent("a") == ""
    assert beside("a.b[0].c", "d") == "a.b[0].d"
    assert beside("a", "d") == "d"
