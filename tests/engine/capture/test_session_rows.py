from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows_helpers import CLIENT, EIM, FOLDER, index, of, stored, udp, values
from trace_helpers import one

from dissectors.link.capture import scan_secrets
from dissectors.link.keylog import KeyLog
from dissectors.link.tls_suites import suite_name
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.capture.dtls_flights import Flights
from sgprobe.engine.capture.row import Roles, Rows
from sgprobe.engine.capture.rows import read_rows
from sgprobe.engine.capture.session_fields import is_weak
from sgprobe.events import Verdict
from sgprobe.exchange import Request, Response
from sgprobe.host.serve import identity
from sgprobe.links.https_client import HttpsClient
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TLS12, TlsSettings


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
    assert row.fields["tls.certificate.issuer-key"] == TestPki.load()["p256"].ci_id.hex()
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


def test_another_handshake_inside_a_session(tmp_path: Path) -> None:
    path, pki = tmp_path / "anew.pcapng", TestPki.load()["p256"]

    async def answer(request: Request, caller: object) -> Response:
        return Response(200)

    async def work() -> None:
        own = TlsSettings(identity=identity(pki["eim-tls"]), verify=False, highest=TLS12)
        server = HttpsServer(answer, own)
        server.anew = 1
        await server.start()
        with Tape.at(path) as tape:
            asked = TlsSettings(trust=(pki.ci.der,))
            ipa = HttpsClient(server.address, asked, name="eim.example.com", tape=tape)
            assert (await ipa.ask(Request("/x", "", b""))).status == 200
            await ipa.close()
        await server.stop()

    asyncio.run(work())
    found = of(read_rows(path), "session")
    assert [one.fields["tls.handshake-number"] for one in found] == [1, 2]
    assert all(one.fields["tls.secure-renegotiation"] for one in found)


def test_a_client_that_does_not_know_of_secure_renegotiation() -> None:
    assert set(values(stored("dtls-loss"), "session", "tls.secure-renegotiation")) == {False}
