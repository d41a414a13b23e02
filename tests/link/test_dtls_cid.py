"""DTLS 1.2 connection IDs (RFC 9146), in records of the tests' own layer: no library sends them."""

from __future__ import annotations

import pytest
from tls_endpoints import UDP, Collector, decode_dtls, keylog
from tls_forge import SUITES, Forge

from dissectors.link.dtls_registry import MAX_REGISTERED, CidRegistry
from dissectors.link.dtls_stream import DtlsFlow
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Endpoint, Flow

MOVED = Flow(2, "udp", Endpoint("10.9.9.9", 40404), UDP.server)
VARIANTS = [(code, False) for code in SUITES] + [
    (code, True) for code, spec in SUITES.items() if spec[0] == "cbc"
]


class Bench:
    """Several flows that share a key log and a registry."""

    def __init__(self, keys: KeyLog) -> None:
        self.keys = keys
        self.registry = CidRegistry()
        self.sinks: dict[Flow, Collector] = {}
        self.flows: dict[Flow, DtlsFlow] = {}
        self.frame = 0

    def take(self, flow: Flow, side: int, data: bytes) -> None:
        if flow not in self.flows:
            sink = self.sinks[flow] = Collector()
            self.flows[flow] = DtlsFlow(flow, self.keys, sink, self.registry, sink.sessions.append)
        self.frame += 1
        self.flows[flow].datagram(side, data, (self.frame,), self.frame / 1000)

    def close(self) -> None:
        for flow in self.flows.values():
            flow.close()


@pytest.mark.parametrize(("code", "etm"), VARIANTS)
@pytest.mark.parametrize(
    "cids", [(b"\x64", b""), (b"server-1", b"dev"), (b"", b"c" * 20), (b"s" * 255, b"c")]
)
def test_every_kind_of_suite(code: int, etm: bool, cids: tuple[bytes, bytes]) -> None:
    forge = Forge(code, etm=etm, cids=cids)
    wire = forge.handshake(cookie=True)
    for i in range(6):
        wire.append((i % 2, forge.data(i % 2, b"part %d " % i * 20, padding=i * 3)))
    sink = decode_dtls(wire, keylog(forge.keylog))
    assert sink.plain == forge.sent
    assert sink.codes == []
    (info,) = sink.sessions
    assert info.connection_ids == cids
    assert info.decryption == "complete"
    for side in (0, 1):
        assert (wire[-2 + side][1][0] == 25) == bool(cids[side])


def test_content_that_ends_in_zeros_keeps_them() -> None:
    forge = Forge(0xC0AE, cids=(b"id", b""))
    wire = [*forge.handshake(), (0, forge.data(0, b"zeros" + bytes(9), padding=5))]
    assert decode_dtls(wire, keylog(forge.keylog)).plain[0] == [b"zeros" + bytes(9)]


def test_alerts_inside_are_read() -> None:
    forge = Forge(0xC0AE, cids=(b"id", b""))
    wire = [*forge.handshake(), (0, forge.seal(0, 21, b"\x01\x00"))]
    sink = decode_dtls(wire, keylog(forge.keylog))
    assert [str(alert) for alert in sink.sessions[0].alerts] == ["close_notify (warning)"]


def test_empty_inner_record_is_a_fault() -> None:
    forge = Forge(0xC0AE, cids=(b"id", b""))
    wire = [*forge.handshake(), (0, forge.seal(0, 0, b"", padding=3))]
    assert decode_dtls(wire, keylog(forge.keylog)).codes == ["tls-bad-inner-type"]


def test_a_record_without_the_agreed_id_is_told() -> None:
    forge = Forge(0xC0AE, cids=(b"id", b""))
    wire = [*forge.handshake(), (0, forge.data(0, b"plain form", cid=False))]
    sink = decode_dtls(wire, keylog(forge.keylog))
    assert sink.plain[0] == [b"plain form"]
    assert sink.codes == ["tls-unexpected-record"]


def test_several_records_with_ids_in_one_datagram() -> None:
    forge = Forge(0xC0AE, cids=(b"id", b""))
    joined = forge.data(0, b"one") + forge.data(0, b"two") + forge.data(0, b"three")
    sink = decode_dtls([*forge.handshake(), (0, joined)], keylog(forge.keylog))
    assert sink.plain[0] == [b"one", b"two", b"three"]


def test_without_keys() -> None:
    forge = Forge(0xC0AE, cids=(b"id", b""))
    sink = decode_dtls([*forge.handshake(), (0, forge.data(0, b"x"))], KeyLog())
    assert sink.codes == ["tls-no-keys"]
    assert sink.sessions[0].closed == 3


def test_repeated_records_are_told_and_handed_up_once() -> None:
    forge = Forge(0xC0AE, cids=(b"id", b""))
    record = forge.data(0, b"once")
    sink = decode_dtls([*forge.handshake(), *[(0, record)] * 5], keylog(forge.keylog))
    assert sink.plain[0] == [b"once"]
    assert sink.codes == ["dtls-replay"]


# -- a peer that changes its address


def test_a_peer_that_moves_stays_in_its_session() -> None:
    forge = Forge(0xC0AE, cids=(b"server-1", b""))
    bench = Bench(keylog(forge.keylog))
    for side, data in forge.handshake():
        bench.take(UDP, side, data)
    bench.take(UDP, 0, forge.data(0, b"from home"))
    moved = forge.data(0, b"from elsewhere")
    bench.take(MOVED, 0, moved)
    # the server sends no ID: its records are found because the flow has joined
    bench.take(MOVED, 1, forge.data(1, b"to elsewhere"))
    bench.take(UDP, 0, forge.data(0, b"home again"))
    bench.take(UDP, 0, moved)  # a repetition on another flow is one
    bench.close()
    home = bench.sinks[UDP]
    assert home.plain == ([b"from home", b"from elsewhere", b"home again"], [b"to elsewhere"])
    assert bench.sinks[MOVED].plain == ([], [])
    assert home.codes == ["dtls-peer-moved", "dtls-replay"]
    assert "10.9.9.9:40404" in home.problems[0][0].text
    assert home.sessions[0].moved_to == (MOVED,)
    assert bench.sinks[MOVED].sessions == []


def test_a_moved_flow_may_have_its_sides_the_other_way_round() -> None:
    """On the new flow the server was seen first."""
    forge = Forge(0xC02B, cids=(b"server-1", b"client-1"))
    turned = Flow(3, "udp", UDP.server, MOVED.client)
    bench = Bench(keylog(forge.keylog))
    for side, data in forge.handshake():
        bench.take(UDP, side, data)
    bench.take(turned, 1, forge.data(0, b"request"))
    bench.take(turned, 0, forge.data(1, b"answer"))
    assert bench.sinks[UDP].plain == ([b"request"], [b"answer"])


def test_a_forged_record_with_a_known_id_joins_nothing() -> None:
    forge = Forge(0xC0AE, cids=(b"server-1", b""))
    bench = Bench(keylog(forge.keylog))
    for side, data in forge.handshake():
        bench.take(UDP, side, data)
    bad = bytearray(forge.data(0, b"forged"))
    bad[-1] ^= 1
    bench.take(MOVED, 0, bytes(bad))
    assert bench.sinks[UDP].codes == ["tls-record-closed"]
    bench.take(MOVED, 1, forge.data(1, b"not joined"))
    assert bench.sinks[UDP].plain == ([], [])


def test_a_known_id_under_an_unknown_epoch_stays_closed() -> None:
    forge = Forge(0xC0AE, cids=(b"server-1", b""))
    wire = [*forge.handshake(), (0, forge.seal(0, 23, b"x", epoch=2))]
    sink = decode_dtls(wire, keylog(forge.keylog))
    assert sink.plain == ([], [])
    assert sink.codes == ["tls-record-closed"]


def test_an_unknown_id_is_told() -> None:
    forge = Forge(0xC0AE, cids=(b"server-1", b""))
    sink = decode_dtls([(0, forge.data(0, b"x"))], keylog(forge.keylog))
    assert sink.codes == ["dtls-unknown-cid"]
    assert sink.sessions == []


def test_ids_of_different_length_and_receiver_are_kept_apart() -> None:
    """Two servers give out the same ID, and one ID begins like another."""
    other = Flow(4, "udp", Endpoint("10.0.0.3", 50000), Endpoint("10.0.0.99", 5684))
    forges = {
        UDP: Forge(0xC0AE, cids=(b"aa", b""), seed=b"1"),
        other: Forge(0xC0AE, cids=(b"aa", b""), seed=b"2"),
        Flow(5, "udp", Endpoint("10.0.0.4", 1), UDP.server): Forge(
            0xC0AE, cids=(b"aab", b""), seed=b"3"
        ),
    }
    keys = KeyLog()
    bench = Bench(keys)
    for flow, forge in forges.items():
        keys.add_text(forge.keylog)
        for side, data in forge.handshake():
            bench.take(flow, side, data)
    for number, (flow, forge) in enumerate(forges.items()):
        new = Flow(10 + number, "udp", Endpoint("10.7.7.7", 7), flow.server)
        bench.take(new, 0, forge.data(0, b"moved %d" % number))
        assert bench.sinks[flow].plain[0] == [b"moved %d" % number]


def test_the_registry_is_bounded() -> None:
    registry = CidRegistry()
    session: object = object()
    for i in range(MAX_REGISTERED + 500):
        registry.add(UDP.server, i.to_bytes(3 + i % 3, "big"), session, 0)  # type: ignore[arg-type]
    assert len(registry) == MAX_REGISTERED
    assert registry.find(UDP.server, (0).to_bytes(3, "big") + b"rest", 0) == []
    last = MAX_REGISTERED + 499
    assert registry.find(UDP.server, last.to_bytes(3 + last % 3, "big") + b"rest", 0) == [
        (session, 0)
    ]
