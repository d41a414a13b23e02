from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_rows import octets, valid_of

from dissectors.layers import es2, es9, es11, es12, esipa
from dissectors.layers.base import LayerError
from dissectors.layers.generate import message_classes
from dissectors.layers.json_message import JsonMessage
from dissectors.spec.functions import ES2, ES9, ES11, ES12, ESIPA, FUNCTIONS, IFPP

CLASSES = [
    made
    for interface in (ESIPA, ES9, ES11, ES12, ES2, *IFPP)
    for made in message_classes(interface).values()
    if issubclass(made, JsonMessage)
]
INFO1 = valid_of("EUICCInfo1")[0]
ASK = {
    "euiccChallenge": "AAECAwQFBgcICQoLDA0ODw==",
    "smdpAddress": "smdp.example.com",
    "euiccInfo1": base64.b64encode(octets(INFO1)).decode(),
}
HEADER = {"functionExecutionStatus": {"status": "Executed-Success"}}


def text(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def test_a_request_is_dissected_and_built() -> None:
    raw = text(ASK)
    packet = es9.Es9InitiateAuthenticationRequestJson(raw)
    assert packet.problems == ()
    assert packet.euiccChallenge == bytes(range(16)).hex()
    assert packet.euiccInfo1 == INFO1["value"]
    made = es9.Es9InitiateAuthenticationRequestJson(
        euiccChallenge=bytes(range(16)), smdpAddress=ASK["smdpAddress"], euiccInfo1=INFO1["value"]
    )
    assert bytes(made) == bytes(packet) == raw
    assert made == packet
    assert eval(packet.command(), vars(es9)) == packet


def test_a_response_has_header_and_signature_in_their_tlvs() -> None:
    signed = valid_of("InitiateAuthenticationResponse")[0]["value"]["initiateAuthenticationOk"]
    made = es9.Es9InitiateAuthenticationResponseJson(
        header=HEADER, transactionId=signed["transactionId"],
        serverSigned1=signed["serverSigned1"], serverSignature1="11" * 64,
        euiccCiPKIdToBeUsed="22" * 20, serverCertificate=signed["serverCertificate"],
    )  # fmt: skip
    said = json.loads(bytes(made))
    assert base64.b64decode(said["serverSignature1"]).hex() == "5f3740" + "11" * 64
    assert base64.b64decode(said["euiccCiPKIdToBeUsed"]).hex() == "0414" + "22" * 20
    again = es9.Es9InitiateAuthenticationResponseJson(bytes(made))
    assert again.serverSigned1 == signed["serverSigned1"]
    assert again.problems == ()
    assert "functionExecutionStatus" in again.show(dump=True)


def test_every_function_of_a_json_binding_has_two_classes() -> None:
    functions = [f for f in FUNCTIONS if f.json is not None]
    assert len(CLASSES) == 2 * len(functions)
    assert len({made.__name__ for made in CLASSES}) == len(CLASSES)
    assert es11.Es11AuthenticateClientResponseJson.members["eventEntries"]
    packages = esipa.EsipaGetEimPackageResponseJson.members
    assert {"header", "euiccPackageRequest", "ipaEuiccDataRequest"} <= packages.keys()
    assert "euiccPackageSigned" not in packages
    assert es12.Es12RegisterEventRequestJson.members == {"header": "header"}
    assert es2.Es2DownloadOrderRequestJson.__doc__.startswith("ES2+ DownloadOrder, request")
    assert {"eidValue", "eimPackageResult"} <= set(
        esipa.EsipaProvideEimPackageResultRequestJson.members
    )


def test_members_that_no_table_names() -> None:
    raw = text({"header": {}, "eid": "8904", "nested": {"a": [1, None]}})
    packet = es12.Es12RegisterEventRequestJson(raw)
    assert packet.others == {"eid": "8904", "nested": {"a": [1, None]}}
    assert bytes(packet) == raw
    packet.header = {"functionCallIdentifier": "1"}
    changed = json.loads(bytes(packet))
    assert changed == {"header": {"functionCallIdentifier": "1"}, **packet.others}


def test_bytes_stay_until_a_member_changes() -> None:
    raw = json.dumps(ASK, indent=2).encode()
    packet = es9.Es9InitiateAuthenticationRequestJson(raw)
    assert bytes(packet) == raw
    packet.smdpAddress = "other.example.com"
    assert json.loads(bytes(packet)) == {**ASK, "smdpAddress": "other.example.com"}


def test_text_that_is_no_hex_goes_as_it_is() -> None:
    made = es9.Es9InitiateAuthenticationRequestJson(euiccChallenge="not base64!")
    assert bytes(made) == b'{"euiccChallenge":"not base64!"}'
    again = es9.Es9InitiateAuthenticationRequestJson(bytes(made))
    assert [one.code for one in again.problems] == ["json.member"]
    assert again.euiccChallenge == "not base64!"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a"', "json.syntax"),
        (b"[1, 2]", "json.syntax"),
        (b'"text"', "json.syntax"),
        (b"\xff\xfe", "json.syntax"),
        (b"\xbf\x4f\x00", "json.syntax"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "json.too-deep"),
        (b'{"euiccInfo1":"vyAA"}', "asn1.missing"),
    ],
)
def test_broken_bodies_are_kept_and_told(raw: bytes, code: str) -> None:
    packet = es9.Es9InitiateAuthenticationRequestJson(raw)
    assert bytes(packet) == bytes(packet.copy()) == raw
    assert code in packet.show(dump=True)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"euiccInfo1": {"svn": 5}}, "euiccInfo1: "),
        ({"euiccChallenge": [1]}, "euiccChallenge: expected octets"),
        ({"others": {"x": {1, 2}}}, "not JSON serializable"),
        ({"euiccInfo1": {}, "spec": "SGP.1"}, "no such spec version"),
    ],
)
def test_what_cannot_be_built_is_told(fields: dict[str, Any], told: str) -> None:
    packet = es9.Es9InitiateAuthenticationRequestJson(**fields)
    packet.show(dump=True)
    with pytest.raises(LayerError, match=told):
        bytes(packet)


@given(
    st.sampled_from(CLASSES),
    st.binary(min_size=1, max_size=80) | st.text(min_size=1).map(str.encode),
)
def test_any_bytes_are_dissected_and_kept(made: type[JsonMessage], data: bytes) -> None:
    packet = made(data)
    assert bytes(packet) == data
    packet.show(dump=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below),
    max_leaves=10,
)


@settings(max_examples=150)
@given(st.sampled_from(CLASSES), st.data())
def test_any_json_is_dissected_and_built(made: type[JsonMessage], data: st.DataObject) -> None:
    names = st.sampled_from([*made.members, "x"])
    value = data.draw(st.dictionaries(names, JSON, max_size=4))
    raw = json.dumps(value).encode()
    packet = made(raw)
    assert bytes(packet) == raw
    packet.show(dump=True)
    fields = {made.members.get(name, "others"): member for name, member in value.items()}
    try:
        built = made(**fields)
        bytes(built)
    except LayerError:
        return
