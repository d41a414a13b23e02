"""Which layers stand above a UDP flow; flows that only look like CoAP stay silent."""

from __future__ import annotations

import random

import pytest
from capture_bodies import SHORT
from capture_cards import CARD, apdus, gsmtap
from capture_coap import Manner, coap
from capture_http import asks
from capture_wire import Wire
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_bench import noted, poll, read_wire

from dissectors.finding import Finding, Severity
from dissectors.link.coap.message import CoapMessage, encode
from dissectors.link.coap.observer import Observer
from dissectors.link.dtls_stream import DtlsFlow
from dissectors.link.gsmtap import GsmtapSink
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Endpoint, Flow
from dissectors.trace.assembly import Assembly
from dissectors.trace.datagrams import Datagrams

HELLO = bytes.fromhex("16fefd0000000000000000000c") + bytes(12)
PING = bytes.fromhex("40000001")


def assembly(notes: list | None = None) -> Assembly:
    notes = [] if notes is None else notes
    return Assembly(KeyLog(), lambda m: None, lambda s: None, lambda f, frames: notes.append(f))


def flow(port: int, own: int = 40000) -> Flow:
    return Flow(1, "udp", Endpoint("10.0.0.2", own), Endpoint("10.0.0.5", port))


@pytest.mark.parametrize(
    ("port", "first", "kind"),
    [
        (5683, PING, Observer),
        (5683, b"\xff", Observer),
        (5684, HELLO, DtlsFlow),
        (5683, HELLO, DtlsFlow),
        (9999, HELLO, DtlsFlow),
        (9999, PING, Observer),
        (9999, b"\x40\x01", type(None)),
        (9999, bytes.fromhex("40e10001"), type(None)),
        (5684, b"\xff", type(None)),
        (4729, b"\x02\x04\x04\x00" + bytes(12), GsmtapSink),
        (4729, b"\x03", type(None)),
    ],
)
def test_the_first_datagram_chooses(port: int, first: bytes, kind: type) -> None:
    datagrams = Datagrams(assembly(), flow(port))
    datagrams.datagram(0, first, (1,), 0.0)
    assert isinstance(datagrams._sink, kind)


def test_others_are_given_up_after_some_datagrams() -> None:
    datagrams = Datagrams(assembly(), flow(9999))
    for n in range(3):
        datagrams.datagram(0, b"\xff", (n,), 0.0)
    datagrams.datagram(0, PING, (4,), 0.0)
    assert isinstance(datagrams._sink, Observer)
    datagrams = Datagrams(assembly(), flow(9999))
    for n in range(4):
        datagrams.datagram(0, b"\xff", (n,), 0.0)
    datagrams.datagram(0, PING, (5,), 0.0)
    assert datagrams._sink is None


def _odd(port: int) -> Wire:
    """CoAP that is faulty and never ours: a request without answer, a reset, broken options."""
    wire = Wire()
    ends = (("10.0.0.3", 7000), ("10.0.0.4", port))
    wire.datagram(*ends, encode(CoapMessage(0, 1, 7, b"t", ((11, b"light"),), b"")))
    wire.datagram(*ends, b"\x4f\x01\x00\x01")
    wire.datagram(*ends[::-1], b"\x70\x00\x00\x07")
    for n in range(40):
        wire.datagram(*ends, b"\x4f\x01\x00" + bytes([n]))
    return wire


def test_what_only_looks_like_coap_is_silent_on_a_port_of_others() -> None:
    assert noted(read_wire(_odd(5683)))
    trace = read_wire(_odd(6000))
    assert (trace.messages, trace.notes, trace.errors) == ([], [], 0)


def test_a_message_of_ours_makes_the_flow_speak() -> None:
    wire = _odd(6000)
    coap(wire, [poll()], Manner(), ("10.0.0.3", 7000), ("10.0.0.4", 6000))
    trace = read_wire(wire)
    assert len(trace.messages) == 2
    assert 0 < len(trace.notes) <= 18  # what it had to say before is bounded
    late = Wire()
    coap(late, [poll()], Manner(), ("10.0.0.3", 7000), ("10.0.0.4", 6000))
    late.datagram(("10.0.0.3", 7000), ("10.0.0.4", 6000), b"\x40")
    assert noted(read_wire(late)) == ["coap-short"]


def test_messages_on_other_ports_are_found() -> None:
    for port in (5683, 61616, 1234):
        wire = Wire()
        coap(wire, asks(SHORT), Manner(), ("10.0.0.2", 40000), ("10.0.0.5", port))
        assert len(read_wire(wire).messages) == 4


def test_the_end_is_passed_on_once_to_all_layers() -> None:
    for port, first in ((5683, PING), (5684, HELLO), (4729, b"\x02\x04\x04\x00" + bytes(12))):
        home = assembly()
        datagrams = Datagrams(home, flow(port))
        datagrams.datagram(0, first, (1,), 0.0)
        datagrams.close()
        datagrams.close()
        assert home.coap_budget.flows == 0


def test_many_flows_leave_nothing_behind() -> None:
    wire = Wire()
    home: list[Assembly] = []
    from dissectors.link.capture import Limits, read_capture

    for n in range(600):
        ends = (("10.0.0.2", 1024 + n), ("10.0.0.5", 5683))
        wire.datagram(*ends, encode(CoapMessage(0, 2, n, b"t", (), b"x")))
    home = assembly()
    import io

    from capture_files import pcap

    summary = read_capture(io.BytesIO(pcap(wire.frames, 1)), home, limits=Limits(flows=50))
    assert summary.flows == 600
    budget = home.coap_budget
    assert (budget.flows, budget.entries, budget.held) == (0, 0, 0)


def test_problems_of_a_flow_of_others_are_not_told() -> None:
    problem = Finding("packet-cut", Severity.WARNING, "", 0, "cut")
    for port, expected in ((9999, 0), (5683, 1)):
        notes: list[Finding] = []
        datagrams = Datagrams(assembly(notes), flow(port))
        datagrams.problem(problem, (1,))
        assert len(notes) == expected


def test_cards_beside_coap() -> None:
    wire = Wire()
    exchanges = apdus(wire, CARD[:2])
    gsmtap(wire, exchanges)
    coap(wire, [poll()], Manner())
    trace = read_wire(wire)
    assert [m.transport for m in trace.messages] == ["apdu"] * 4 + ["coap"] * 2


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([5683, 5684, 4729, 7777]),
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.one_of(st.binary(max_size=60), st.sampled_from([HELLO, PING, b"\x02\x04\x04\x00"])),
        ),
        max_size=8,
    ),
    st.booleans(),
)
def test_any_datagrams(port: int, pieces: list[tuple[int, bytes]], secure: bool) -> None:
    datagrams = Datagrams(assembly(), flow(port), secure)
    for n, (side, data) in enumerate(pieces, 1):
        datagrams.datagram(side, data, (n,), n * random.Random(n).random())
    datagrams.close()
