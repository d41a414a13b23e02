"""The HTTP interfaces of in-factory provisioning: paths, members with DER, and what is not ours."""

from __future__ import annotations

import base64
import json

import pytest
from capture_bodies import body
from capture_http import JSON, Ask, http1
from capture_wire import EIM, IPA, Wire
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_bench import codes, read_wire

from dissectors.spec.ifpp_paths import BASE, DER_MEMBERS, function_at
from dissectors.trace.ifpp_json import Reader, closed

REPORT, BATCH = body("ifpp/028"), body("ifpp/026")


def traced(*asks: Ask):
    wire = Wire()
    talk = wire.connect(IPA, EIM)
    http1(wire, talk.data, list(asks))
    return read_wire(wire).messages


def ask(path: str, request: bytes, method: str = "POST", media: str = JSON, **more) -> Ask:
    return Ask("x", request, b'{"header":{}}', "x", path, media, method=method, admin="", **more)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "es2f/orders", "OrderProfiles"),
        ("GET", "es2f/orders/O-1", "ShowOrder"),
        ("POST", "es2f/orders/O-1/withdraw", "WithdrawProfiles"),
        ("POST", "esed1/batches", "DeliverEuiccData"),
        ("POST", "esed2/batches", "HandOverEuiccData"),
        ("POST", "esbpp/requests", "RequestPackages"),
        ("GET", "esbpp/jobs/J.1", "ShowJob"),
        ("GET", "esbpp/deliveries/D/shards/0000.bin", "FetchDelivery"),
        ("POST", "esbpp/reports", "ReportLoading"),
        ("GET", "esbpp/reports/D/gaps", "ShowGaps"),
        ("POST", "esbpp/removals", "ReportRemovals"),
    ],
)
def test_method_and_path_make_the_function(method: str, path: str, name: str) -> None:
    function = function_at(method, BASE + path)
    assert function is not None
    assert function.name == name
    other = "GET" if method == "POST" else "POST"
    assert function_at(other, BASE + path) is None
    assert function_at(method, BASE + path + "/x/y/z" * 200) is None
    asked, answer = traced(ask(BASE + path, b'{"header":{}}' if method == "POST" else b"", method))
    assert (asked.function, answer.function) == (name, name)
    assert codes(asked) == codes(answer) == []


def test_a_report_is_der_or_json() -> None:
    media = "application/octet-stream"
    member = json.dumps({"report": base64.b64encode(REPORT).decode()}).encode()
    raw, wrapped = traced(
        ask(BASE + "esbpp/reports", REPORT, media=media), ask(BASE + "esbpp/reports", member)
    )[::2]
    assert (raw.type, wrapped.type) == ("ProfileLoadingReport", "reportLoading")
    assert raw.value == wrapped.value["report"]
    assert raw.spec == wrapped.spec == ("IFPP@0",)


def test_a_shop_that_has_reports_is_none_of_ours() -> None:
    assert traced(ask("/shop/reports", b'{"a":1}'), ask("/shop/reports", b"\x00\x01")) == []
    told = b'{"header":{},"orderId":"O-1"}'
    assert [m.function for m in traced(ask("/mno/reports", told))] == ["TellOperator"] * 2
    assert traced(ask(BASE + "nothing", told)) == []


def test_what_is_wrong_with_a_member_is_told_with_its_place() -> None:
    whole = base64.b64encode(BATCH).decode()
    cut = base64.b64encode(BATCH[:-1]).decode()
    value = {"header": {}, "euiccData": [whole, cut, "%"]}
    (message, _) = traced(ask(BASE + "esbpp/requests", json.dumps(value).encode()))
    assert message.value["euiccData"][0]["batchId"] == "B-1"
    assert message.value["euiccData"][2] == "%"
    assert {one.path.partition(".")[0] for one in message.problems} == {
        "euiccData[1]", "euiccData[2]",
    }  # fmt: skip


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*DER_MEMBERS, "a"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(_JSON, st.binary(max_size=30))
def test_any_json_is_opened_without_a_fault(value: object, octets: bytes) -> None:
    text = base64.b64encode(octets).decode()
    reader = Reader()
    reader.opened({"header": value, "batch": text, "evidence": [text], "report": {"batch": text}})
    assert reader.found


def test_what_was_opened_closes_again() -> None:
    value = {"batch": base64.b64encode(BATCH).decode(), "list": [{"report": "///"}], "a": None}
    assert closed(Reader().opened(value)) == value


def test_deep_json_is_left_as_it_is() -> None:
    deep: object = {"batch": "AAAA"}
    for _ in range(60):
        deep = [deep]
    assert Reader().opened(deep) is not None
