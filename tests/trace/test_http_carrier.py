"""HTTP messages to eSIM messages: departures from the binding, errors, halves, memory."""

from __future__ import annotations

import gzip

import pytest
from capture_bodies import failed, json_packages
from capture_http import JSON, answer_bytes, request_bytes
from trace_bench import (
    EID,
    NOTHING,
    PACKAGE,
    POLL,
    RESULT,
    Ask,
    body,
    codes,
    noted,
    over_http,
    poll,
    said,
)

from dissectors.link.http import HttpHead, HttpMessage, Kind
from dissectors.link.stream import Endpoint, Flow
from dissectors.trace.http_carrier import HttpCarrier, HttpHeads
from dissectors.trace.message import Message

FLOW = Flow(7, "tcp", Endpoint("10.0.0.2", 4000), Endpoint("10.0.0.5", 80))
FIELDS = (
    ("content-type", "application/x-gsma-rsp-asn1"),
    ("x-admin-protocol", "gsma/rsp/v2.1.0"),
)


def test_an_exchange() -> None:
    trace = over_http(poll())
    request, answer = trace.messages
    assert (request.src, request.dst) == ("10.0.0.2:49152", "10.0.0.5:80")
    assert (answer.src, answer.dst) == (request.dst, request.src)
    assert (request.sender, request.receiver) == ("ipa", "eim")
    assert (answer.sender, answer.receiver) == ("eim", "ipa")
    assert (request.transport, request.interface) == ("http", "ESipa")
    assert (request.kind, answer.kind) == ("request", "response")
    assert (request.type, answer.type) == ("GetEimPackageRequest", "GetEimPackageResponse")
    assert (request.status, answer.status) == (None, 200)
    assert (request.octets, answer.octets) == (POLL, PACKAGE)
    assert request.flow == answer.flow == 1
    assert (request.n, answer.n) == (1, 2)
    assert request.frames == (4,)
    assert answer.frames == (6,)
    assert codes(request) == codes(answer) == []
    assert trace.notes == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"path": "/esipa"}, ["binding.path"]),
        ({"path": "http://eim.example.com/gsma/rsp2/asn1?x=1"}, []),
        ({"media": "application/octet-stream"}, ["binding.media-type"]),
        ({"media": ""}, ["binding.media-type"]),
        ({"media": "APPLICATION/X-GSMA-RSP-ASN1; v=1"}, []),
        ({"media": JSON}, ["binding.media-type"]),
        ({"method": "PUT"}, ["binding.method"]),
        ({"admin": ""}, ["binding.admin-protocol"]),
        ({"admin": "gsma/rsp/v1.3.0"}, ["binding.admin-protocol"]),
        ({"admin": "GSMA/RSP/v2.5.0"}, []),
    ],
)
def test_departures_of_a_request(change: dict, expected: list[str]) -> None:
    request = over_http(poll(**change)).messages[0]
    assert codes(request) == expected
    assert request.value == {"eidValue": EID}


def test_the_port_says_nothing() -> None:
    assert len(over_http(poll(), server=("10.0.0.5", 50123)).messages) == 2


@pytest.mark.parametrize(
    ("status", "answer", "media", "expected", "words"),
    [
        (400, b"Unsupported  X-Admin\r\nProtocol", "text/plain", ["binding.status",
         "binding.not-read"], "30 octets with status 400: 'Unsupported X-Admin Protocol'"),
        (500, b"\xff\xfe\x00\x01", "application/octet-stream", ["binding.status",
         "binding.not-read"], "4 octets with status 500"),
        (502, b"a" * 500, "text/html", ["binding.status", "binding.not-read"],
         "500 octets with status 502: '" + "a" * 79 + "…'"),
        (500, "é".encode() * 300, "text/html", ["binding.status", "binding.not-read"],
         "600 octets with status 500: '" + "é" * 79 + "…'"),
        (500, b"a\x1b[31mb", "text/plain", ["binding.status", "binding.not-read"],
         "7 octets with status 500"),
        (404, b"", "", ["binding.status"], ""),
        (204, b"", "", ["binding.empty"], ""),
        (200, b"", "", ["binding.empty"], ""),
    ],
)  # fmt: skip
def test_answers_with_an_error(status, answer, media, expected, words) -> None:
    ask = poll()
    line = f"HTTP/1.1 {status} X\r\nX-Admin-Protocol: gsma/rsp/v2.1.0\r\n"
    line += f"Content-Type: {media}\r\n" if media else ""
    head = f"{line}Content-Length: {len(answer)}\r\n\r\n".encode()
    trace = said((0, request_bytes(ask)), (1, head + answer))
    told = trace.messages[1]
    assert (told.function, told.type, told.value) == ("GetEimPackage", None, None)
    assert (told.status, told.octets) == (status, answer)
    assert [code for code in codes(told) if not code.startswith("http")] == expected
    assert words in [p.text for p in told.problems] or not words


def test_an_error_that_carries_a_message_is_decoded() -> None:
    ask = Ask("GetEimPackage", POLL, NOTHING, status=500)
    told = over_http(ask).messages[1]
    assert told.value == {"eimPackageError": "noEimPackageAvailable"}
    assert codes(told) == ["binding.status"]
    name, question, _ = json_packages()[0]
    refusal = failed("8.8.1", "3.8")
    ask = Ask("x", question, refusal, path=f"/gsma/rsp2/esipa/{name}", media=JSON, status=503)
    told = over_http(ask).messages[1]
    assert told.value["header"]["functionExecutionStatus"]["status"] == "Failed"


def test_the_other_binding_is_told() -> None:
    name, question, answer = json_packages()[0]
    ask = Ask("x", question, answer, path=f"/gsma/rsp2/esipa/{name}",
              media="application/x-gsma-rsp-asn1")  # fmt: skip
    for message in over_http(ask).messages:
        assert codes(message) == ["binding.media-type"]
        assert message.problems[0].text.startswith("the body is JSON")
    request = over_http(poll(media=JSON)).messages[0]
    assert request.problems[0].text.startswith("the body is ASN.1")


def test_a_function_without_answer() -> None:
    ask = Ask("HandleNotification", body("esipa-download/063"), b"")
    for status in (200, 204):
        ask.status = status
        told = over_http(ask).messages[1]
        assert (told.type, told.octets, codes(told)) == (None, b"", [])
    assert codes(over_http(Ask("x", ask.request, NOTHING)).messages[1]) == ["binding.body"]


def test_traffic_of_others_is_passed_over() -> None:
    trace = over_http(
        Ask("x", b"a=1", b"<html>", path="/form", media="application/x-www-form-urlencoded"),
        poll(),
        Ask("x", b"", b"ok", path="/health", method="GET"),
    )
    assert [message.function for message in trace.messages] == ["GetEimPackage"] * 2
    assert trace.notes == []


def test_a_get_on_our_path_is_told_with_its_answer() -> None:
    trace = over_http(Ask("x", b"", b"no", method="GET", status=404, answer_media="text/plain"))
    request, answer = trace.messages
    assert (request.function, codes(request)) == ("unknown", ["binding.method", "binding.body"])
    assert (answer.function, answer.status) == ("unknown", 404)


def test_halves_alone() -> None:
    ask = poll()
    alone = said((1, answer_bytes(ask))).messages
    assert [m.type for m in alone] == ["GetEimPackageResponse"]
    assert "http-no-request" in codes(alone[0])
    trace = said((0, request_bytes(ask)))
    assert [m.type for m in trace.messages] == ["GetEimPackageRequest"]
    assert noted(trace) == ["http-no-response"]
    # an answer by itself that only looks like one of ours is nothing
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    assert said((1, head + b"\xbf\x4f\x10\x01")).messages == []


def test_gzip_and_chunks_are_undone_before_bytes_are_shown() -> None:
    told = over_http(poll(gzipped=True, chunked=True)).messages
    assert [m.octets for m in told] == [POLL, PACKAGE]
    bomb = gzip.compress(bytes(30 << 20))
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    start = b"POST /gsma/rsp2/asn1 HTTP/1.1\r\nHost: a\r\n"
    trace = said((0, start + head + bomb))
    assert len(trace.messages) == 1
    assert len(trace.messages[0].octets) < 16 << 20
    assert any("body" in code for code in codes(trace.messages[0]))


def _message(head: HttpHead, side: int, octets: bytes, request: HttpMessage | None = None):
    return HttpMessage(head, side, 1, octets, len(octets), (1,), 0.0, request)


def test_requests_that_wait_are_bounded() -> None:
    seen: list[Message] = []
    carrier = HttpCarrier(FLOW, False, seen.append, None)
    ask = HttpHead(Kind.REQUEST, "1.1", "POST", "/gsma/rsp2/asn1", headers=FIELDS)
    tell = HttpHead(Kind.RESPONSE, "1.1", status=200, headers=FIELDS)
    asked = [_message(ask, 0, RESULT) for _ in range(1000)]
    for request in asked:
        carrier.message(request)
    assert len(carrier._asked) == 256
    for request in asked:
        carrier.message(_message(tell, 1, body("esipa-packages/049"), request))
    # the oldest were forgotten: their answers have no request of ours
    assert len(seen) == 1256
    assert carrier._asked == {}


def test_heads_are_worked_out_once_and_bounded() -> None:
    heads = HttpHeads()
    head = HttpHead(Kind.REQUEST, "1.1", "POST", "/", headers=FIELDS)
    assert heads.get(head) is heads.get(head)
    for n in range(10_000):
        heads.get(HttpHead(Kind.REQUEST, "1.1", "POST", f"/{n}"))
    assert len(heads._known) <= 4096
    # a head that is gone must not lend its identity to another
    for n in range(100):
        assert heads.get(HttpHead(Kind.REQUEST, "1.1", "POST", f"/{n}")).path == f"/{n}"


def test_an_endless_path_is_cut_in_the_finding() -> None:
    request = over_http(poll(path="/" + "p" * 5000)).messages[0]
    assert len(request.problems[0].text) < 200
