"""Messages as bytes: both bindings there and back, and whatever a product may send."""

from __future__ import annotations

import base64
import json

import pytest
from compose_helpers import EID, SPEC, message
from hypothesis import given
from hypothesis import strategies as st

from dissectors.asn1.versions import parse_spec
from dissectors.asn1.writer import EncodeError
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH, JSON_MEDIA
from sgprobe.engine.message import wire
from sgprobe.exchange import Request, Response

POLL = message("ipa", "eim", "GetEimPackageRequest")
IAU = message("ipa", "smdp", "initiateAuthentication")
BPP = message("ipa", "smdp", "GetBoundProfilePackageRequest")
MEDIA = st.sampled_from([ASN1_MEDIA, JSON_MEDIA, JSON_MEDIA + ";charset=UTF-8", "text/html", ""])
PATHS = st.sampled_from([ASN1_PATH, "/gsma/rsp2/es9plus/initiateAuthentication", "/", "", "/é"])


def test_a_poll_there_and_back() -> None:
    body = wire.encode(POLL, SPEC, {"eidValue": EID})
    assert body.hex() == "bf4f125a10" + EID
    asked = wire.request(POLL, body, "2.5.0")
    assert (asked.path, asked.media) == (ASN1_PATH, ASN1_MEDIA)
    found = wire.read_request(asked, SPEC)
    assert found is not None
    assert (found.type, found.value) == ("GetEimPackageRequest", {"eidValue": EID})


@pytest.mark.parametrize(("role", "interface"), [("smdp", "ES9+"), ("smds", "ES11")])
def test_an_sm_ds_is_asked_with_the_paths_of_es9(role: str, interface: str) -> None:
    asked = Request("/gsma/rsp2/es9plus/initiateAuthentication", JSON_MEDIA, b"{}")
    found = wire.at_server(role, wire.read_request(asked, None))
    assert found is not None
    assert (found.function.interface, found.function.name) == (interface, "InitiateAuthentication")


def test_servers_have_a_wrapper_that_readers_do_not_see() -> None:
    """SGP.22 §6.6: A2 around the message."""
    body = wire.encode(BPP, SPEC, {"transactionId": "01", "prepareDownloadResponse": {
        "downloadResponseError": {"transactionId": "01", "downloadErrorCode": 1}}})  # fmt: skip
    assert body[0] == 0xA2
    found = wire.read_request(wire.request(BPP, body, "2.5.0"), None)
    assert found is not None
    assert found.type == "GetBoundProfilePackageRequest"
    assert found.value["transactionId"] == "01"
    bare = wire.bare(body, BPP.function, is_json=False)
    assert body.endswith(bare)
    assert bare.hex().startswith("bf3a")


def test_json_has_base64_where_der_is_due_and_capitals_where_hex_is() -> None:
    members = {"transactionId": "0a0b", "smdpAddress": "smdp.test", "euiccChallenge": "00" * 16}
    made = json.loads(wire.encode(IAU, SPEC, members))
    assert made["transactionId"] == "0A0B"
    assert made["smdpAddress"] == "smdp.test"
    assert base64.b64decode(made["euiccChallenge"]) == bytes(16)
    asked = wire.request(IAU, b"{}", "2.5.0")
    assert asked.path.endswith("/es9plus/initiateAuthentication")
    assert asked.media == "application/json;charset=UTF-8"


def test_what_is_no_hex_cannot_be_encoded() -> None:
    with pytest.raises(EncodeError, match="euiccChallenge"):
        wire.encode(IAU, SPEC, {"euiccChallenge": "no hex"})


def test_servers_are_of_sgp_22() -> None:
    assert wire.version_of(SPEC, IAU.function, is_json=True) == parse_spec(SPEC.imports)
    assert wire.version_of(SPEC, POLL.function, is_json=False) == SPEC


@pytest.mark.parametrize("octets", [b"", b"\xa2", b"\xa2\x80", b"\xa2\x02\x00", b"\x30\x00"])
def test_a_wrapper_that_is_none_is_left(octets: bytes) -> None:
    assert wire.bare(octets, BPP.function, is_json=False) == octets


@given(PATHS, MEDIA, st.binary(max_size=200))
def test_any_request_is_read(path: str, media: str, body: bytes) -> None:
    for spec in (SPEC, None):
        found = wire.read_request(Request(path, media, body), spec)
        if found is not None and found.value is None:
            assert found.problems


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside,
                                                                  max_size=3),
    max_leaves=8,
)  # fmt: skip
NAMES = st.sampled_from(["header", "transactionId", "euiccChallenge", "serverCertificate",
                         "authenticateServerResponse", "smdpAddress", "x"])  # fmt: skip


@given(st.dictionaries(NAMES, JUNK, max_size=4))
def test_any_json_is_read(members: dict[str, object]) -> None:
    body = json.dumps(members).encode()
    asked = Request("/gsma/rsp2/es9plus/initiateAuthentication", JSON_MEDIA, body)
    assert wire.read_request(asked, SPEC) is not None
    wire.read_response(Response(200, JSON_MEDIA, body), IAU.function, asked.path, SPEC)
    for name in members:
        octets = wire.member_octets(body, name)
        assert octets is None or isinstance(members[name], str)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"header":' * 50_000, b"\xa2\x80" * 20_000])
def test_deep_bodies_are_read(body: bytes) -> None:
    for media in (JSON_MEDIA, ASN1_MEDIA):
        found = wire.read_response(Response(200, media, body), IAU.function, "", SPEC)
        assert found is None or found.value is None or found.problems
        assert wire.member_octets(body, "header") is None


def test_a_message_of_another_version_is_heard() -> None:
    """A product may send what the version of the run does not have."""
    asked = Request(ASN1_PATH, ASN1_MEDIA, bytes.fromhex("bf4e00"))
    found = wire.read_request(asked, parse_spec("SGP.22@2.5"))
    assert found is not None
    assert found.type == "TransferEimPackageRequest"
