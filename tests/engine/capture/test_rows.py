from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from rows_helpers import CLIENT, EIM, SERVER, index, of, stored, udp, values
from trace_helpers import Known, one, suite

from dissectors.link.capture import CaptureError
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Block
from dissectors.link.coap.message import CoapMessage, encode, encode_raw
from sgprobe.cases import plan
from sgprobe.cases.load import load_case
from sgprobe.cases.observables import TRACE, UNITS, known, unit_of
from sgprobe.data import data_dir
from sgprobe.engine.capture.row import Roles, Rows
from sgprobe.engine.capture.rows import read_rows
from sgprobe.engine.capture.trace import judge
from sgprobe.events import Verdict
from sgprobe.host.world import ICCID_B, Plan, World
from sgprobe.links.impairment import Plan as Impaired
from sgprobe.links.impairment import both_ways
from sgprobe.links.tape import Tape
from sgprobe.peers.eim.operations import Enable

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
