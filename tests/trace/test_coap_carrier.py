"""CoAP transfers to eSIM messages: codes, formats, methods, blocks, both directions."""

from __future__ import annotations

import pytest
from capture_bodies import long_package
from trace_bench import (
    EID,
    NOTHING,
    PACKAGE,
    POLL,
    RESULT,
    Ask,
    asks,
    body,
    codes,
    noted,
    over_coap,
    poll,
    read_wire,
)

from capture_coap import Manner, datagrams, play  # isort: skip
from capture_wire import Wire  # isort: skip

from dissectors.link.coap import options as opt
from dissectors.link.coap.message import CoapMessage, encode
from dissectors.link.coap.transfers import CoapTransfer

ENDS = (("10.0.0.2", 40000), ("10.0.0.5", 5683))


def test_an_exchange() -> None:
    trace = over_coap(poll())
    request, answer = trace.messages
    assert (request.transport, answer.transport) == ("coap", "coap")
    assert (request.status, answer.status) == (None, "2.04")
    assert (request.octets, answer.octets) == (POLL, PACKAGE)
    assert (request.src, request.dst) == ("10.0.0.2:40000", "10.0.0.5:5683")
    assert (answer.sender, answer.receiver) == ("eim", "ipa")
    assert codes(request) == codes(answer) == []
    assert trace.notes == []


@pytest.mark.parametrize(
    ("manner", "of_request", "of_answer"),
    [
        ({"content": 0x45}, [], []),
        ({"content": 0x43}, [], ["binding.status"]),
        ({"content_format": None}, ["binding.content-format"], ["binding.content-format"]),
        ({"content_format": 10001}, ["binding.content-format"], ["binding.content-format"]),
        ({"content_format": 50}, ["binding.content-format"], ["binding.content-format"]),
        ({"method": 3}, ["binding.method"], []),
        ({"path": "/x"}, ["binding.path"], []),
        ({"confirmable": False}, [], []),
        ({"separate": True}, [], []),
    ],
)
def test_departures(manner: dict, of_request: list[str], of_answer: list[str]) -> None:
    request, answer = over_coap(poll(), **manner).messages
    assert codes(request) == of_request
    assert codes(answer) == of_answer
    assert (request.value, answer.octets) == ({"eidValue": EID}, PACKAGE)
    for problem in (*request.problems, *answer.problems):
        # no number is registered: that alone is worth no warning
        assert (problem.code == "binding.content-format") == (problem.severity == "info")


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (0x80, b"bad body", "8 octets with status 4.00: 'bad body'"),
        (0xA0, b"", ""),
        (0x84, b"\xff\x00", "2 octets with status 4.04"),
    ],
)
def test_errors_carry_a_diagnostic_text(code: int, text: bytes, said: str) -> None:
    answer = over_coap(Ask("x", POLL, text), code=code).messages[1]
    assert (answer.function, answer.type) == ("GetEimPackage", None)
    assert answer.status == f"{code >> 5}.{code & 31:02d}"
    assert "binding.status" in codes(answer)
    texts = [p.text for p in answer.problems if p.code == "binding.not-read"]
    assert texts == ([said] if said else [])


def test_an_empty_answer() -> None:
    assert codes(over_coap(Ask("x", body("esipa-download/063"), b"")).messages[1]) == []
    assert codes(over_coap(Ask("x", POLL, b"")).messages[1]) == ["binding.empty"]


def test_blocks_are_one_message_with_all_its_frames() -> None:
    package = long_package(6)
    exchanges = [Ask("x", RESULT * 1, body("esipa-packages/049")),
                 Ask("x", body("esipa-download/035"), package)]  # fmt: skip
    trace = over_coap(*exchanges, szx=5)
    assert [len(m.octets) for m in trace.messages] == [128, 12, 218, len(package)]
    last = trace.messages[-1]
    assert isinstance(last.carrier, CoapTransfer)
    assert last.carrier.blocks == len(last.frames) == -(-len(package) // 512)


def test_what_is_lost_and_repeated_is_told_once() -> None:
    exchanges = [*asks([("esipa-packages/035", "esipa-packages/050")] * 2), poll()]
    for seed in range(6):
        from coap_net import lossy

        trace = over_coap(*exchanges, fate=lossy(seed, 0.15), szx=4, seed=seed)
        assert [m.type for m in trace.messages] == [
            "ProvideEimPackageResult", "ProvideEimPackageResultResponse",
            "ProvideEimPackageResult", "ProvideEimPackageResultResponse",
            "GetEimPackageRequest", "GetEimPackageResponse",
        ]  # fmt: skip


def test_an_answer_whose_request_is_not_there() -> None:
    wire = Wire()
    seen = datagrams(wire, [poll()], Manner())
    play(wire, [one for one in seen if one[1] == 1], *ENDS)
    (answer,) = read_wire(wire).messages
    assert answer.type == "GetEimPackageResponse"
    assert "coap-request-unseen" in codes(answer)


def test_the_answer_to_traffic_of_others_is_none_of_ours() -> None:
    trace = over_coap(Ask("x", b"on", NOTHING), path="/light")
    assert (trace.messages, trace.notes) == ([], [])


def test_other_traffic_on_the_port_is_told_where_it_is_faulty() -> None:
    wire = Wire()
    wire.datagram(*ENDS, b"\x40")
    assert noted(read_wire(wire)) == ["coap-short"]


def test_a_request_for_a_later_block_is_no_request_without_a_body() -> None:
    options = (*opt.path_options("/gsma/rsp2/asn1"), (opt.BLOCK2, b"\x26"))
    wire = Wire()
    wire.datagram(*ENDS, encode(CoapMessage(0, 2, 1, b"t", opt.sort(options), b"")))
    wire.datagram(
        *ENDS[::-1], encode(CoapMessage(2, 0x44, 1, b"t", ((opt.BLOCK2, b"\x26"),), b"x"))
    )
    request, answer = read_wire(wire).messages
    assert (request.function, codes(request)) == ("unknown", ["binding.begun-before"])
    assert not request.malformed
    assert answer.function == "unknown"
    assert "coap-block-incomplete" in codes(answer)
    empty = opt.path_options("/gsma/rsp2/asn1")
    wire = Wire()
    wire.datagram(*ENDS, encode(CoapMessage(0, 2, 1, b"t", empty, b"")))
    assert codes(read_wire(wire).messages[0]) == ["binding.body"]


def test_requests_that_wait_are_bounded() -> None:
    from dissectors.link.stream import Endpoint, Flow
    from dissectors.trace.coap_carrier import CoapCarrier

    flow = Flow(1, "udp", Endpoint("10.0.0.2", 1), Endpoint("10.0.0.5", 5683))
    seen: list = []
    carrier = CoapCarrier(flow, False, seen.append, lambda *a: None, None, None)
    path = opt.path_options("/gsma/rsp2/asn1")
    for n in range(1000):
        carrier.transfer(CoapTransfer(n, 0, 0, 2, n, b"", path, POLL, (n,), 0.0, 0.0))
    assert len(seen) == 1000
    assert len(carrier._asked) == 256
