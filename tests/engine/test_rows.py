from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import UDP
from scapy.utils import rdpcap
from trace_helpers import Known, one, suite

from dissectors.link.capture import CaptureError, scan_secrets
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Block
from dissectors.link.coap.message import CoapMessage, encode, encode_raw
from dissectors.link.keylog import KeyLog
from dissectors.link.tls_suites import suite_name
from sgprobe.cases import plan
from sgprobe.cases.load import load_case
from sgprobe.cases.observables import TRACE, UNITS, known, unit_of
from sgprobe.data import data_dir
from sgprobe.engine.dtls_flights import Flights
from sgprobe.engine.row import Roles, Row, Rows
from sgprobe.engine.rows import read_rows
from sgprobe.engine.session_fields import is_weak
from sgprobe.engine.trace import judge
from sgprobe.events import Verdict
from sgprobe.host.world import ICCID_B, Plan, World
from sgprobe.links.impairment import Plan as Impaired
from sgprobe.links.impairment import both_ways
from sgprobe.links.tape import Tape
from sgprobe.peers.eim.operations import Enable

FOLDER = data_dir("vectors") / "captures"
CLIENT, SERVER = ("127.0.0.1", 40001), ("127.0.0.1", 5683)
EIM = Roles(servers={"127.0.0.1:5683": "eim", "127.0.0.1:8443": "eim"})


@cache
def index() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads((FOLDER / "index.json").read_text())}


@cache
def stored(name: str) -> Rows:
    """Return the rows of a stored capture; its server on a port of ours is an eIM."""
    row = index()[name]
    keys = KeyLog()
    if "keylog" in row:
        keys.add_text((FOLDER / row["keylog"]).read_bytes())
    psk = bytes.fromhex(row.get("psk", "")) or None
    return read_rows(FOLDER / row["file"], keys=keys, psk=psk)


def of(rows: Rows, unit: str) -> list[Row]:
    return [row for row in rows.rows if row.unit == unit]


def values(rows: Rows, unit: str, name: str) -> list[Any]:
    return [value for row in of(rows, unit) for value in row.values(name)]


# --- what the sender says it sent ---


@pytest.mark.parametrize(
    "name",
    ["coap-loss-client", "coap-blocks", "dtls-loss", "tls12-mutual", "tls13-es9-json", "card-iot",
     "http2-streams"],
)  # fmt: skip
def test_messages_are_those_that_were_sent(name: str) -> None:
    sent = [
        (one["interface"], one["function"], one["kind"], one["size"])
        for one in index()[name]["sent"]
    ]
    found = [
        tuple(row.fields[key] for key in ("interface", "function", "kind", "size"))
        for row in of(stored(name), "message")
    ]
    assert Counter(found) == Counter(sent)


# --- CoAP datagrams: what scapy sees, and the definition of a retransmission ---


def udp(name: str) -> Iterator[tuple[int, float, tuple[str, int], bytes]]:
    for frame, packet in enumerate(rdpcap(str(FOLDER / index()[name]["file"])), 1):
        if UDP in packet:
            source = packet[UDP].underlayer.src
            data = bytes(packet[UDP].payload)[: packet[UDP].len - 8]
            yield frame, float(packet.time), (source, packet[UDP].sport), data


@pytest.mark.parametrize("name", ["coap-loss-client", "coap-loss-server", "coap-disorder"])
def test_retransmissions_and_their_times(name: str) -> None:
    sent: dict[tuple[Any, bytes], float] = {}
    expected = []
    for frame, time, source, data in udp(name):
        before = sent.get((source, data))
        again = before is not None and data[0] >> 4 == 4 and time - before >= 0.1
        back_off = None if before is None else pytest.approx(time - before, abs=1e-5)
        expected.append((frame, len(data), again, back_off))
        sent[source, data] = time
    found = [
        (row.frames[0], row.fields["datagram.size"], row.fields["coap.retransmission"],
         row.fields.get("coap.back-off"))
        for row in of(stored(name), "datagram")
    ]  # fmt: skip
    assert found == expected
    assert any(again for _, _, again, _ in expected) or name == "coap-disorder"


def test_a_message_knows_how_often_it_was_sent_again() -> None:
    rows = stored("coap-loss-client")
    again = sum(values(rows, "message", "coap.retransmissions"))
    assert again == sum(values(rows, "datagram", "coap.retransmission")) > 0


def test_the_round_trip_is_from_whole_request_to_whole_answer() -> None:
    rows = stored("coap-loss-client")
    messages = of(rows, "message")
    assert [row.fields["kind"] for row in messages] == ["request", "response"] * 3
    for request, response in zip(messages[::2], messages[1::2], strict=True):
        assert response.fields["esipa.round-trip"] == response.time - request.time > 0
        assert "esipa.round-trip" not in request.fields


def written(tmp_path: Path, *messages: tuple[int, bytes]) -> Rows:
    """Write datagrams with a tape, a second apart, and read the rows."""
    path = tmp_path / "made.pcapng"
    clock = iter(range(1, 1000))
    with path.open("wb") as file, Tape(file, now=lambda: float(next(clock))) as tape:
        for side, data in messages:
            ends = (CLIENT, SERVER) if side == 0 else (SERVER, CLIENT)
            tape.datagram(*ends, data)
    return read_rows(path, EIM)


def test_options_have_names_and_numbers(tmp_path: Path) -> None:
    options = (
        (opt.URI_HOST, b"eim.example"),
        (opt.ETAG, b"\x01\x02"),
        (opt.OBSERVE, b"\x05"),
        *opt.path_options("/gsma/rsp2/asn1"),
        (opt.CONTENT_FORMAT, b"*"),
        (opt.URI_QUERY, b"a=1"),
        (opt.URI_QUERY, b"b=2"),
        (opt.BLOCK2, Block(3, False, 2).encode()),
        (opt.BLOCK1, Block(1, True, 4).encode()),
        (opt.SIZE2, b"\x10\x00"),
        (opt.SIZE1, b"\x0c\x00"),
        (65000, b"\xff\x00"),
    )
    message = CoapMessage(0, 2, 77, b"\xab\xcd", opt.sort(options), bytes(256))
    (row,) = of(written(tmp_path, (0, encode(message))), "datagram")
    expected = {
        "from": "ipa",
        "to": "eim",
        "transport": "coap",
        "coap.type": "CON",
        "coap.code": "0.02",
        "coap.code-class": 0,
        "coap.token": "abcd",
        "coap.message-id": 77,
        "coap.host": "eim.example",
        "coap.etag": "0102",
        "coap.observe": 5,
        "coap.path": "/gsma/rsp2/asn1",
        "coap.query": ("a=1", "b=2"),
        "coap.content-format": 42,
        "coap.block1.num": 1,
        "coap.block1.size": 256,
        "coap.block1.more": True,
        "coap.block2.num": 3,
        "coap.block2.size": 64,
        "coap.block2.more": False,
        "coap.size1": 3072,
        "coap.size2": 4096,
        "coap.payload-size": 256,
        "coap.option.65000": ("ff00",),
        "coap.option.11": ("gsma", "rsp2", "asn1"),
    }
    assert {name: row.fields[name] for name in expected} == expected
    assert row.fields["datagram.size"] == row.fields["coap.size"] == len(encode(message))


def test_a_datagram_that_breaks_the_format_is_a_row(tmp_path: Path) -> None:
    good = encode(CoapMessage(0, 2, 1, b"t", opt.path_options("/a")))
    bad = encode_raw(CoapMessage(0, 2, 2, bytes(8)), token_length=9)
    rows = written(tmp_path, (0, good), (0, bad), (1, b"\x00"))
    assert len(of(rows, "datagram")) == 3
    assert "coap-token-length" in values(rows, "datagram", "coap.problem")
    assert "coap-short" in values(rows, "datagram", "coap.problem")


def test_an_answer_of_its_own_is_separate() -> None:
    rows = stored("coap-separate")
    told = values(rows, "datagram", "coap.separate")
    assert True in told
    assert True not in values(stored("coap-loss-client"), "datagram", "coap.separate")


# --- TLS and DTLS ---


@pytest.mark.parametrize(
    ("name", "version", "cipher"),
    [
        ("tls12-aes128-gcm", "1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        ("tls12-mutual", "1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        ("tls13-aes128-gcm", "1.3", "TLS_AES_128_GCM_SHA256"),
        ("tls13-chacha20", "1.3", "TLS_CHACHA20_POLY1305_SHA256"),
        ("dtls-aes128-ccm8", "dtls", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
    ],
)
def test_version_and_cipher_stand_in_sessions_and_messages(
    name: str, version: str, cipher: str
) -> None:
    rows = stored(name)
    key = "dtls.version" if version == "dtls" else "tls.version"
    wanted = {"1.2"} if version == "dtls" else {version}
    for unit in ("session", "message"):
        assert set(values(rows, unit, key)) == wanted
        assert set(values(rows, unit, "tls.cipher")) == {cipher}
        assert len(values(rows, unit, key)) == len(of(rows, unit)) > 0
    other = "tls.version" if version == "dtls" else "dtls.version"
    assert not values(rows, "session", other)


def test_what_a_session_shows() -> None:
    (row,) = of(stored("tls12-mutual"), "session")
    assert row.fields["tls.client-certificate"] is True
    assert row.fields["tls.sni"] == "eim.example.com"
    assert row.fields["tls.group"] == "secp256r1"
    assert "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" in row.fields["tls.offered-ciphers"]
    assert "ecdsa_secp256r1_sha256" in row.fields["tls.signature-schemes"]
    assert row.fields["tls.certificate.names"] == ["eim.example.com"]
    assert row.fields["tls.certificate.registered-ids"] == ["2.999.20"]
    assert row.fields["tls.certificate.key-usage"] == ["digitalSignature"]
    assert row.fields["tls.certificate.extended-key-usage"] == ["clientAuth", "serverAuth"]
    # a point of P-256 that is not compressed
    assert len(bytes.fromhex(row.fields["tls.server-key"])) == 65
    assert row.fields["tls.compression"] == 0
    sizes = Counter[str]()
    for message in of(stored("tls12-mutual"), "message"):
        sizes[message.fields["kind"]] += message.fields["size"]
    assert row.fields["tls.client-octets"] > sizes["request"]
    assert row.fields["tls.server-octets"] > sizes["response"]


def test_keys_of_two_handshakes_differ_and_one_that_is_used_again_is_found() -> None:
    rows = stored("tls13-resumed")
    assert values(rows, "session", "tls.resumed") == ["no", "psk", "psk"]
    rule = "- never: {tls.server-key: <seen before>}"
    assert one(rule, rows).verdict is Verdict.PASS
    twice = Rows((*rows.rows, of(rows, "session")[0]))
    assert one(rule, twice).verdict is Verdict.FAIL


def test_without_keys_nothing_is_said_of_the_data() -> None:
    rows = stored("tls13-no-keys")
    (row,) = of(rows, "session")
    assert row.fields["tls.version"] == "1.3"
    assert "tls.client-octets" not in row.fields
    assert rows.sealed == (row.frames[0],)
    assert one("- every: {tls.version: 1.3}", rows).verdict is Verdict.PASS
    # messages may be inside: what was not seen passes nothing
    mixed = Rows((*stored("tls13-aes128-gcm").rows, *rows.rows), sealed=rows.sealed)
    told = one("- never: {type: X}", mixed)
    assert told.verdict is Verdict.INCONCLUSIVE
    assert "stayed closed" in told.text


def hello(version: int, suites: tuple[int, ...]) -> bytes:
    body = version.to_bytes(2, "big") + bytes(33)
    body += (2 * len(suites)).to_bytes(2, "big") + b"".join(s.to_bytes(2, "big") for s in suites)
    body += b"\x01\x00"
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16" + version.to_bytes(2, "big") + len(message).to_bytes(2, "big") + message


def test_an_alert_is_from_who_sent_it(tmp_path: Path) -> None:
    path = tmp_path / "alert.pcapng"
    with Tape.at(path) as tape:
        wire = tape.connection(CLIENT, ("127.0.0.1", 8443))
        wire.data(0, hello(0x0300, (0x0005, 0x000A, 0xC007, 0xC02B, 0x0034)))
        wire.data(1, bytes.fromhex("15 03 00 00 02 02 46"))
        wire.end(1)
        wire.end(0)
    rows = read_rows(path, EIM)
    rule = "- {where: {from: eim}, some: {tls.alert: protocol_version, tls.alert-level: fatal}}"
    assert one(rule, rows).verdict is Verdict.PASS
    assert one(rule.replace("from: eim", "from: ipa"), rows).verdict is Verdict.FAIL
    (row,) = of(rows, "session")
    weak = [suite_name(number) for number in (0x0005, 0x000A, 0xC007, 0x0034)]
    assert row.fields["tls.weak-ciphers"] == weak
    assert row.fields["tls.client-octets"] == row.fields["tls.server-octets"] == 0
    # SSL 3.0 is lower than any TLS
    assert "tls.version" not in row.fields
    assert row.fields["tls.offered-versions"] == ["0 (SSL 3.0)"]


@pytest.mark.parametrize(
    ("suite_", "weak"),
    [(0xC02B, False), (0xC02C, False), (0x1301, False), (0xC023, False), (0xC0AE, False),
     (0xCCA9, False), (0x00FF, False), (0x5600, False), (0x2A2A, False), (0x009E, False),
     (0x0000, True), (0x0001, True), (0x0005, True), (0x000A, True), (0x002F, True),
     (0x009C, True), (0x003C, True), (0xC006, True), (0xC007, True), (0xC008, True),
     (0x00A6, True), (0xC018, True), (0x0062, True), (0x0064, True)],
)  # fmt: skip
def test_weak_suites(suite_: int, weak: bool) -> None:
    assert is_weak(suite_) is weak


def test_flights_of_dtls() -> None:
    rows = stored("dtls-repeated-flights")
    flights = [row for row in of(rows, "datagram") if "dtls.handshake" in row.fields]
    names = [
        (row.values("dtls.handshake")[0], row.fields["dtls.retransmission"]) for row in flights
    ]
    assert names[:4] == [
        ("client_hello", False), ("client_hello", True),
        ("hello_verify_request", False), ("hello_verify_request", True),
    ]  # fmt: skip
    assert all(
        row.fields["dtls.back-off"] > 0 for row in flights if row.fields["dtls.retransmission"]
    )
    assert values(rows, "session", "dtls.cookie") == [True]
    assert values(stored("dtls-loss"), "session", "dtls.cookie") == [False]
    # amplification: what answers a hello without cookie is no larger
    small = "- {where: {dtls.handshake: hello_verify_request}, every: {datagram.size: 34}}"
    assert one(small, rows).checks == 2


def test_datagrams_inside_dtls_have_both_sizes() -> None:
    wire = {frame: len(data) for frame, _, _, data in udp("dtls-loss")}
    found = [row for row in of(stored("dtls-loss"), "datagram") if "coap.size" in row.fields]
    assert found
    for row in found:
        assert row.fields["datagram.size"] == wire[row.frames[0]] > row.fields["coap.size"]
        assert row.fields["transport"] == "coaps"


def taped(
    name: str, path: Path, client: tuple[str, int], server: tuple[str, int], roles: Roles
) -> Rows:
    """Write the datagrams of a stored capture again, between other addresses."""
    row = index()[name]
    sent = list(udp(name))
    keys = KeyLog()
    for _, block in scan_secrets(FOLDER / row["file"]):
        keys.add_text(block)
    if "keylog" in row:
        keys.add_text((FOLDER / row["keylog"]).read_bytes())
    asked = {source for _, _, source, data in sent if data[:1] == b"\x16" and data[13] == 1}
    clock = iter([time for _, time, _, _ in sent])
    with path.open("wb") as file, Tape(file, now=lambda: next(clock)) as tape:
        for _, _, source, data in sent:
            ends = (client, server) if source in asked else (server, client)
            tape.datagram(*ends, data)
    return read_rows(path, roles, keys=keys)


def test_the_client_of_a_session_is_who_said_hello_first(tmp_path: Path) -> None:
    """Of two ports that nobody knows, the lower one seems to be the server's."""
    client, server = ("127.0.0.1", 33000), ("127.0.0.1", 40000)
    roles = Roles(servers={"127.0.0.1:40000": "eim"})
    rows = taped("dtls-brainpool", tmp_path / "turned.pcapng", client, server, roles)
    (row,) = of(rows, "session")
    (before,) = of(stored("dtls-brainpool"), "session")
    assert (row.fields["from"], row.fields["to"]) == ("ipa", "eim")
    for name in ("tls.client-octets", "tls.server-octets"):
        assert row.fields[name] == before.fields[name] > 0
    assert values(rows, "alert", "from") == ["ipa", "eim"]
    assert set(values(rows, "message", "from")) == {"ipa", "eim"}


def test_two_sessions_of_one_flow_have_their_own_data(tmp_path: Path) -> None:
    ends = ("127.0.0.1", 40001), ("127.0.0.1", 5684)
    rows = taped("dtls-resumed", tmp_path / "one.pcapng", *ends, EIM)
    first, second = of(rows, "session")
    for at, row in ((range(second.frames[0]), first), (range(second.frames[0], 1000), second)):
        sizes = [
            one.fields["coap.size"]
            for one in of(rows, "datagram")
            if "coap.size" in one.fields and one.frames[0] in at
        ]
        assert row.fields["tls.client-octets"] + row.fields["tls.server-octets"] == sum(sizes) > 0


def test_a_session_that_moved_goes_on() -> None:
    rows = stored("dtls-cid-moved")
    assert values(rows, "session", "dtls.connection-id") == [True]
    assert set(values(rows, "message", "dtls.version")) == {"1.2"}
    assert len(values(rows, "message", "dtls.version")) == 8


@given(st.binary(max_size=200))
def test_any_bytes_are_no_flight_or_one(data: bytes) -> None:
    Flights().fields(1, 0, b"\x16\xfe\xfd" + bytes(8) + data, 1.0)


# --- HTTP and cards ---


def test_http_rows_are_all_messages_of_a_connection() -> None:
    rows = stored("http-others")
    ours, all_ = of(rows, "message"), of(rows, "http")
    assert len(all_) > len(ours) > 0
    assert {row.fields["http.version"] for row in all_} == {"1.1"}
    requests = [row for row in all_ if "http.method" in row.fields]
    assert all(row.fields["http.path"].startswith("/") for row in requests)
    answers = [row for row in all_ if "http.status" in row.fields]
    assert len(requests) + len(answers) == len(all_)
    assert all(row.frames for row in all_)


def test_headers_by_their_names() -> None:
    rows = stored("http-esipa-1.2")
    found = values(rows, "message", "http.header.x-admin-protocol")
    assert found
    assert all(text.startswith("gsma/rsp/v2.") for text in found)
    assert one(
        "- {where: {kind: response}, every: {http.status: '<one of 200, 204>'}}", rows
    ).verdict is (Verdict.PASS)


def test_a_round_trip_is_one_of_esipa() -> None:
    assert not values(stored("tls13-es9-json"), "message", "esipa.round-trip")
    assert len(values(stored("http-esipa-1.2"), "message", "esipa.round-trip")) == 6


def test_departures_are_named() -> None:
    assert "binding.path" in values(stored("http-departures"), "message", "problem")


def test_apdus_are_those_on_the_wire() -> None:
    name = "card-iot"
    wire = [data[16:] for _, _, _, data in udp(name)]
    rows = of(stored(name), "apdu")
    assert [row.fields["apdu.ins"] for row in rows] == [f"{apdu[1]:02X}" for apdu in wire]
    assert [row.fields["apdu.sw"] for row in rows] == [apdu[-2:].hex().upper() for apdu in wire]
    assert {row.fields["apdu.channel"] for row in rows} == {0, 5}
    assert all((row.fields["from"], row.fields["to"]) == ("ipa", "euicc") for row in rows)
    messages = of(stored(name), "message")
    assert {row.fields["apdu.sw"] for row in messages if row.fields["kind"] == "response"} == {
        "9000"
    }
    assert {row.fields["apdu.ins"] for row in messages} == {"E2"}
    opened = "- {where: {apdu.ins: 70, apdu.p1: 00}, count: 1}"
    assert one(opened, stored(name)).verdict is Verdict.PASS


# --- roles ---


def test_roles_by_address_and_by_exclusion() -> None:
    roles = Roles(
        servers={"a:1": "eim", "a:2": "smdp", "[::1]:3": "ipa", "a:4": "smdp"},
        clients={"smdp": "eim", "a:4": "ipa", "c:9": "fpa"},
    )
    assert roles.ends("c:5", "a:1") == ("ipa", "eim")
    assert roles.ends("a:1", "c:5") == ("eim", "ipa")
    assert roles.ends("c:5", "a:2") == ("eim", "smdp")
    assert roles.ends("c:5", "a:4") == ("ipa", "smdp")
    assert roles.ends("c:9", "a:2") == ("fpa", "smdp")
    assert roles.ends("[::1]:7", "[::1]:3") == ("eim", "ipa")
    assert roles.ends("c:5", "d:5") == ("", "")


def test_a_file_that_is_no_capture_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(CaptureError):
        read_rows(path)


# --- a whole run of the bench: its own tape ---


async def lived(tape: Path, binding: str) -> Roles:
    async with World(Plan(seed=3, binding=binding, tape=tape)) as world:
        if binding == "coaps":
            impaired = Impaired(loss=0.2, spare_handshake=True)
            world.impair("eim", both_ways(impaired, 3))
        world.eim.order(world.euicc.eid, Enable(ICCID_B), now=world.clock.now())
        for _ in range(3):
            await world.device.run(world.ipa.poll())
        roles = {"eim.example.com": "eim"}
        return Roles(
            servers={
                urlsplit(url).netloc: roles[name]
                for name, url in world.addresses.items()
                if name in roles
            }
        )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    made = {}
    for binding in ("https", "coaps"):
        path = tmp_path_factory.mktemp("tapes") / f"{binding}.pcapng"
        roles = asyncio.run(lived(path, binding))
        made[binding] = read_rows(path, roles)
    return made


POLL = """
- in-order:
    - {from: ipa, to: eim, type: GetEimPackageRequest}
    - {from: eim, to: ipa, type: GetEimPackageResponse}
    - {from: ipa, to: euicc, type: EuiccPackageRequest}
    - {from: euicc, to: ipa, type: EuiccPackageResult, apdu.sw: <starts with 91>}
    - {from: ipa, to: eim, type: ProvideEimPackageResult}
"""


@pytest.mark.parametrize("binding", ["https", "coaps"])
def test_a_poll_on_our_own_tape(runs: dict[str, Rows], binding: str) -> None:
    rows = runs[binding]
    assert (rows.left_out, rows.sealed) == (0, ())
    assert one(POLL, rows).verdict is Verdict.PASS
    way = f"- {{where: {{interface: ESipa}}, every: {{transport: {binding}}}}}"
    assert one(way, rows).checks >= 4
    counter = "- {where: {type: GetEimPackageResponse}, never: {value.counterValue: <seen before>}}"
    assert one(counter, rows).verdict is Verdict.PASS
    secure = "dtls.version: 1.2" if binding == "coaps" else "tls.version: 1.3"
    assert one(f"- {{where: {{to: eim}}, every: {{{secure}}}}}", rows).verdict is Verdict.PASS
    trip = "- {where: {interface: ESipa, kind: response}, every: {esipa.round-trip: <0 s..60 s>}}"
    assert one(trip, rows).verdict is Verdict.PASS
    assert set(values(rows, "session", "from")) == {"ipa"}


def test_the_rules_of_a_case_over_a_bad_link(runs: dict[str, Rows]) -> None:
    (path,) = data_dir("suites").rglob("COAP-IPA-BLK-001.case.yaml")
    rules = plan.plans(load_case(path), suite())[0].compiled.trace
    told = judge(rules, runs["coaps"], Known({}), "ipa")
    assert [one.skipped for one in told] == [True, False, False]
    assert [one.verdict for one in told[1:]] == [Verdict.PASS, Verdict.PASS]
    assert told[1].checks > 0
    # the same over a lossless way: no retransmission, no check
    quiet = judge(rules, stored("dtls-aes128-ccm8"), Known({}), "ipa")
    assert quiet[1].checks == 0


# --- the table ---


def everywhere(runs: dict[str, Rows], tmp_path: Path) -> set[str]:
    names = ["coap-loss-client", "coap-separate", "dtls-repeated-flights", "tls12-mutual",
             "tls13-http2", "card-iot", "http-departures", "coap-blocks"]  # fmt: skip
    found = {name for one in names for row in stored(one).rows for name in row.fields}
    found |= {name for rows in runs.values() for row in rows.rows for name in row.fields}
    options = opt.sort(
        [(opt.URI_HOST, b"h"), (opt.OBSERVE, b""), (opt.URI_QUERY, b"q"), (opt.ETAG, b"e"),
         (opt.SIZE1, b"\1"), (opt.SIZE2, b"\1"), (opt.BLOCK2, b"\x12"), (opt.OBSERVE, b"")]
    )  # fmt: skip
    made = written(tmp_path, (0, encode(CoapMessage(0, 1, 1, b"", options))))
    return found | {name for row in made.rows for name in row.fields}


def test_every_name_of_the_table_is_filled_and_no_other(
    runs: dict[str, Rows], tmp_path: Path
) -> None:
    found = everywhere(runs, tmp_path)
    assert {name for name in found if not known(name, TRACE)} == set()
    missing = {
        name
        for name in TRACE
        if not any(one == name or (name[-1] == "." and one.startswith(name)) for one in found)
    }
    assert missing == {"value."}  # it is read from the message itself


def test_every_name_belongs_to_one_unit() -> None:
    anywhere = {"from", "to", "transport"}
    for name in TRACE:
        whole = f"{name}x" if name[-1] == "." else name
        starts = [one for _, _, names in UNITS for one in names]
        assert name in anywhere or any(whole.startswith(one) for one in starts), name
        assert unit_of((whole,)) in {unit for unit, _, _ in UNITS}
    assert unit_of(("from", "coap.code")) == "datagram"
    assert unit_of(("coap.code", "type")) == "message"
    assert unit_of(("tls.sni", "tls.alert")) == "alert"
