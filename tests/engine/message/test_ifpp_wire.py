"""Messages of the IFPP binding over HTTP: paths, files of deliveries, classes of refusals."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1 import codec
from dissectors.asn1.model import Sequence
from dissectors.asn1.versions import parse_spec
from dissectors.spec.functions import Function
from dissectors.spec.ifpp_paths import ROUTES
from sgprobe.cases.messages import find
from sgprobe.cases.planned import Damage
from sgprobe.engine.message import ifpp_wire, wire
from sgprobe.engine.message.damage import DamageError, damage_body
from sgprobe.exchange import Request, Response

SPEC = parse_spec("IFPP@0")
IFPP = codec.load("IFPP@0")
# functions that a device maker does not ask for
_BY_OTHERS = ("orderProfiles", "showOrder", "withdrawProfiles", "deliverEuiccData",
              "handOverEuiccData")  # fmt: skip
BATCH = {
    "batchId": "B1",
    "eumCertificates": ["30", "31"],
    "euiccInfo2List": ["bf2200"],
    "items": [],
}


def function(name: str, sender: str = "dm") -> Function:
    found = find(sender, "smdpf", name, SPEC)
    assert found is not None
    return found.function


def test_every_function_has_a_message_with_the_members_of_its_path() -> None:
    for _, path, name in ROUTES:
        ends = [(one, to) for one in ("msp", "eum", "dm") for to in ("smdpf", "dm")]
        message = next(found for one, to in ends if (found := find(one, to, name, SPEC)))
        assert message.json
        type_ = message.type(SPEC)
        assert type_ is not None
        shape = IFPP.schema.shape(type_)
        assert isinstance(shape, Sequence)
        members = {field.name for field in shape.fields}
        assert set(ifpp_wire.path_members(message.function)) <= members, path


def test_members_of_the_path_do_not_stand_in_the_body() -> None:
    withdraw = function("withdrawProfiles", "msp")
    members = {"orderId": "O1", "all": True}
    body = ifpp_wire.encode(withdraw, members)
    asked = ifpp_wire.request(withdraw, body, members, is_json=True)
    assert (asked.method, asked.path) == ("POST", "/ifpp/v0/es2f/orders/O1/withdraw")
    assert json.loads(asked.body) == {"all": True}


def test_what_is_asked_for_by_get_is_read_from_its_path() -> None:
    fetch = function("fetchDelivery")
    members = {"deliveryId": "D1", "file": "shards/0000.bin"}
    asked = ifpp_wire.request(fetch, ifpp_wire.encode(fetch, members), members, is_json=True)
    assert (asked.method, asked.media, asked.body) == ("GET", "", b"")
    read = ifpp_wire.read_request(asked)
    assert read is not None
    assert (read.function, read.value, read.is_json) == (fetch, members, True)


def test_an_answer_to_get_has_all_its_members() -> None:
    show = function("showOrder", "msp")
    members = {"orderId": "O1", "states": {"BOUND": 1}}
    assert json.loads(ifpp_wire.encode(show, members, asks=False)) == members


def test_der_in_members_goes_out_in_base64_and_comes_back_open() -> None:
    deliver = find("eum", "smdpf", "deliverEuiccData", SPEC)
    assert deliver is not None
    body = wire.encode(deliver, SPEC, {"batch": BATCH})
    assert isinstance(json.loads(body)["batch"], str)
    asked = wire.request(deliver, body, "2.5.0", {"batch": BATCH})
    read = wire.read_request(Request(asked.path, asked.media, body), None)
    assert read is not None
    assert read.value["batch"]["eumCertificates"] == ["30", "31"]


def test_a_refusal_names_its_class() -> None:
    code = {"subjectCode": "9.41.1", "reasonCode": "3.8"}
    body = json.dumps({"refusals": [{"eid": "1", **code}]}).encode()
    read = ifpp_wire.read_response(Response(200, "application/json", body), function("showJob"), "")
    assert read.value["refusals"][0]["class"] == "key-used"
    assert ifpp_wire.class_of("1.2", "9.9") == "other"


@pytest.mark.parametrize("count", [1, 2])
def test_an_index_is_a_list_of_lines_even_where_it_has_one(count: int) -> None:
    path = "/ifpp/v0/esbpp/deliveries/D1/shards/0000.idx"
    answer = Response(200, "application/octet-stream", b'{"n":1,"eid":"8"}\n' * count)
    read = ifpp_wire.read_response(answer, function("fetchDelivery"), path)
    assert read.value == {"lines": [{"n": 1, "eid": "8"}] * count}


@pytest.mark.parametrize("file", ["manifest.sig", "shards/0000.idx", "shards/0000.bin", "a.pem"])
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\x48\x03", b"{}", b"1", b"null\n" * 3])
def test_a_file_that_is_none_is_no_traceback(file: str, body: bytes) -> None:
    path = f"/ifpp/v0/esbpp/deliveries/D1/{file}"
    for status in (200, 206, 404):
        ifpp_wire.read_response(Response(status, "", body), function("fetchDelivery"), path)


def test_a_refusal_in_place_of_a_file_is_read_as_one() -> None:
    body = b'{"header":{"functionExecutionStatus":{"status":"Failed"}}}'
    path = "/ifpp/v0/esbpp/deliveries/D1/shards/0000.idx"
    read = ifpp_wire.read_response(Response(200, "", body), function("fetchDelivery"), path)
    assert read.value["header"]["functionExecutionStatus"]["status"] == "Failed"


# --- damage inside ---


def damaged(path: tuple[str | int, ...], damage: Damage) -> dict[str, Any]:
    deliver = find("eum", "smdpf", "deliverEuiccData", SPEC)
    assert deliver is not None
    value = {"batch": BATCH, "euiccData": [BATCH, BATCH], "entries": [{"eid": "1"}, {"eid": "2"}]}
    body = wire.encode(deliver, SPEC, value)
    made = damage_body(body, "", SPEC, path, damage, is_json=True)
    found: dict[str, Any] = json.loads(made)
    return found


def opened(text: object) -> dict[str, Any]:
    found: dict[str, Any] = IFPP.decode("EuiccDataBatch", base64.b64decode(str(text))).value
    return found


def test_a_bit_is_flipped_inside_der_inside_base64() -> None:
    made = damaged(("batch", "eumCertificates", 1), Damage("flip-bit", "-1"))
    assert opened(made["batch"])["eumCertificates"] == ["30", "30"]


def test_a_bit_is_flipped_in_one_of_several_batches() -> None:
    made = damaged(("euiccData", 1, "eumCertificates", 0), Damage("flip-bit", "7"))
    first, second = made["euiccData"]
    assert opened(first)["eumCertificates"] == ["30", "31"]
    assert opened(second)["eumCertificates"] == ["31", "31"]


def test_an_element_of_a_list_is_taken_out_or_doubled() -> None:
    assert damaged(("entries", 0), Damage("remove"))["entries"] == [{"eid": "2"}]
    assert damaged(("entries", 0), Damage("twice"))["entries"] == [
        {"eid": "1"}, {"eid": "1"}, {"eid": "2"},
    ]  # fmt: skip
    with pytest.raises(DamageError, match="no entries"):
        damaged(("entries", 2, "eid"), Damage("remove"))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([name for _, _, name in ROUTES if name not in _BY_OTHERS]),
    st.sampled_from(["manifest.json", "manifest.sig", "shards/0000.idx", "shards/0000.bin"]),
    st.binary(max_size=60) | st.from_regex(rb"[\[{\"a:1,}\]\n]{0,60}", fullmatch=True),
)
def test_any_octets_are_read_or_told(name: str, file: str, body: bytes) -> None:
    path = f"/ifpp/v0/esbpp/deliveries/D1/{file}"
    found = ifpp_wire.read_response(Response(200, "", body), function(name), path)
    assert found.function.json == name
    ifpp_wire.read_request(Request("/ifpp/v0/esbpp/reports", "", body))
