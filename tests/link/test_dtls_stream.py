"""DTLS 1.2 flows made by OpenSSL, decrypted and compared with what its peers sent."""

from __future__ import annotations

import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from test_tls_stream import key_kind, openssl_suites
from tls_endpoints import Log, Pair, certificate_der, context, decode_dtls, keylog, records
from tls_forge import SUITES, Forge

from dissectors.link.keylog import KeyLog
from dissectors.link.tls_handshake import DTLS12


def dtls_pair(name: str, log: Log, *, mtu: int = 1200, **more: object) -> Pair:
    psk = b"k" * 16 if "PSK" in name else None
    both = {"ciphers": name, "psk": psk, "kind": key_kind(name), "dtls": True, **more}
    client, server = context(server=False, log=None, **both), context(server=True, log=log, **both)
    return Pair(client, server, dtls=True, mtu=mtu)


def sent(pair: Pair) -> tuple[list[bytes], list[bytes]]:
    return pair.sent


@cache
def session() -> tuple[Pair, Log]:
    """One talk with fragments and client certificate, for the tests that only spoil it."""
    log = Log()
    pair = dtls_pair("ECDHE-ECDSA-AES128-CCM8", log, mtu=300, mutual=True)
    pair.one_record = True
    pair.pump()
    for i in range(12):
        pair.send(i % 2, b"message %d" % i)
    pair.close()
    return pair, log


@pytest.mark.parametrize("name", openssl_suites())
def test_every_suite(name: str) -> None:
    log = Log()
    pair = dtls_pair(name, log).talk()
    sink = decode_dtls(pair.wire, keylog(log.text))
    assert sink.plain == sent(pair)
    assert sink.codes == []
    (info,) = sink.sessions
    assert info.version == DTLS12
    assert info.protocol == "dtls"
    assert info.decryption == "complete"


@pytest.mark.parametrize("name", [n for n in openssl_suites() if n.endswith(("SHA", "SHA256"))])
def test_mac_then_encrypt(name: str) -> None:
    if "GCM" in name:
        return
    log = Log()
    pair = dtls_pair(name, log, options=1 << 19 | 1).talk()
    sink = decode_dtls(pair.wire, keylog(log.text))
    assert sink.plain == sent(pair)
    assert not sink.sessions[0].encrypt_then_mac


@pytest.mark.parametrize("curve", ["P-256", "brainpoolP256r1"])
@pytest.mark.parametrize("mtu", [256, 300, 600, 1400])
def test_both_curves_with_fragments_and_both_certificates(curve: str, mtu: int) -> None:
    log = Log()
    name = "ECDHE-ECDSA-AES128-GCM-SHA256"
    pair = dtls_pair(name, log, mtu=mtu, groups=curve, kind=curve, mutual=True).talk(1)
    sink = decode_dtls(pair.wire, keylog(log.text))
    assert sink.plain == sent(pair)
    info = sink.sessions[0].as_dict()
    der = certificate_der(curve).hex()
    assert info["certificates"] == [[der], [der]]
    assert info["group"] == {"P-256": "secp256r1"}.get(curve, curve)
    assert info["serverName"] == "eim.example"


def test_cookie_exchange() -> None:
    log = Log()
    both = {"dtls": True, "ciphers": "ECDHE-ECDSA-AES128-CCM"}
    client = context(server=False, log=None, **both)
    server = context(server=True, log=log, cookie=True, **both)
    pair = Pair(client, server, dtls=True).talk(1)
    assert pair.wire[1][1][13] == 3  # HelloVerifyRequest
    sink = decode_dtls(pair.wire, keylog(log.text))
    assert sink.plain == sent(pair)
    assert sink.codes == []
    assert len(sink.sessions) == 1


@pytest.mark.parametrize("tickets", [False, True])
@pytest.mark.parametrize("first_line_only", [False, True])
def test_resumption(tickets: bool, first_line_only: bool) -> None:
    both = {"dtls": True, "ciphers": "ECDHE-ECDSA-AES128-CCM8", "tickets": tickets}
    log = Log()
    client, server = context(server=False, log=None, **both), context(server=True, log=log, **both)
    first = Pair(client, server, dtls=True).talk(1)
    count = len(log.lines)
    second = Pair(client, server, dtls=True, session=first.ends[0].get_session()).talk(2)
    assert len(log.lines) == count + 1
    keys = keylog(log.lines[0] + b"\n" if first_line_only else log.text)
    for pair in (first, second):
        sink = decode_dtls(pair.wire, keys)
        assert sink.plain == sent(pair)
        assert sink.codes == []
    assert sink.sessions[0].resumption == ("ticket" if tickets else "session id")


def test_renegotiation_opens_the_next_epoch() -> None:
    log = Log()
    pair = dtls_pair("ECDHE-ECDSA-AES128-CCM8", log, options=1 << 16)
    pair.pump()
    pair.send(0, b"before")
    pair.ends[1].renegotiate()
    pair.pump()
    pair.send(0, b"after")
    pair.send(1, b"answer")
    assert pair.ends[1].total_renegotiations() == 1
    sink = decode_dtls(pair.wire, keylog(log.text))
    assert sink.plain == sent(pair)
    assert sink.codes == []
    assert [info.number for info in sink.sessions] == [1, 2]
    sink = decode_dtls(pair.wire, keylog(log.lines[0] + b"\n"))
    assert sink.plain == ([b"before"], [])
    assert sink.codes == ["tls-no-keys"]


# -- without keys


def test_without_keys_says_what_is_needed() -> None:
    pair, _ = session()
    sink = decode_dtls(pair.wire, KeyLog())
    assert sink.plain == ([], [])
    assert sink.codes == ["tls-no-keys"]
    (info,) = sink.sessions
    assert info.needed == (f"CLIENT_RANDOM {pair.ends[0].client_random().hex()}",)
    assert info.decryption == "none"
    assert [str(alert) for alert in info.alerts] == ["encrypted alert"] * 2


@pytest.mark.parametrize("ems", [True, False])
@pytest.mark.parametrize("name", ["PSK-AES128-CCM8", "PSK-AES256-CCM", "PSK-AES128-GCM-SHA256"])
def test_pre_shared_key(name: str, ems: bool) -> None:
    pair = dtls_pair(name, Log(), options=0 if ems else 1, mtu=256, cookie=False).talk(2)
    sink = decode_dtls(pair.wire, KeyLog(), psk=b"k" * 16)
    assert sink.plain == sent(pair)
    (info,) = sink.sessions
    assert info.psk_identity == b"device-1"
    assert info.extended_master_secret == ems
    sink = decode_dtls(pair.wire, KeyLog(), psk=b"other")
    assert sink.codes == ["tls-wrong-keys"]
    assert sink.plain == ([], [])


@pytest.mark.parametrize("cookie", [False, True])
def test_pre_shared_key_survives_disorder_of_the_handshake(cookie: bool) -> None:
    """The extended master secret hashes the messages in order, however they come."""
    both = {"dtls": True, "ciphers": "PSK-AES128-CCM8", "psk": b"k" * 16}
    client = context(server=False, log=None, **both)
    server = context(server=True, log=None, cookie=cookie, **both)
    # a hint puts a ServerKeyExchange between ServerHello and ServerHelloDone
    assert SSL._lib.SSL_CTX_use_psk_identity_hint(server._context, b"hint") == 1
    pair = Pair(client, server, dtls=True, mtu=256, one_record=True)
    pair.talk(1)
    for seed in range(40):
        wire = list(pair.wire)
        random.Random(seed).shuffle(wire)
        sink = decode_dtls(wire, KeyLog(), psk=b"k" * 16)
        assert sorted(sink.plain[0]) == sorted(sent(pair)[0])
        assert sorted(sink.plain[1]) == sorted(sent(pair)[1])


def test_wrong_keys_are_told_from_missing_ones() -> None:
    pair, log = session()
    words = log.lines[0].split()
    sink = decode_dtls(pair.wire, keylog(b"%s %s %s\n" % (words[0], words[1], words[2][::-1])))
    assert sink.codes == ["tls-wrong-keys"]
    assert sink.plain == ([], [])


def test_a_session_that_began_before_the_capture_is_said_so() -> None:
    pair, log = session()
    app = [item for item in pair.wire if item[1][3:5] != b"\0\0"][3:]
    sink = decode_dtls(app, keylog(log.text))
    assert sink.plain == ([], [])
    assert sink.codes == ["tls-no-hello"]
    assert sink.sessions[0].closed == len(app)


def test_dtls13_is_named() -> None:
    sink = decode_dtls([(0, b"\x2f\x01\x02" + bytes(60))], KeyLog())
    assert sink.codes == ["tls-unsupported"]
    assert "DTLS 1.3" in sink.problems[0][0].text


def test_alert_of_a_failed_handshake() -> None:
    client = context(server=False, log=None, dtls=True, ciphers="ECDHE-ECDSA-AES128-CCM8")
    server = context(server=True, log=None, dtls=True, ciphers="ECDHE-ECDSA-AES128-CCM")
    pair = Pair(client, server, dtls=True)
    pair.pump()
    sink = decode_dtls(pair.wire, KeyLog())
    assert sink.codes == ["tls-alert"]
    assert "handshake_failure (fatal)" in sink.problems[0][0].text
    assert sink.sessions[0].decryption == "none needed"


# -- disorder


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 12))
def test_any_order_loses_nothing_and_doubles_nothing(rng: random.Random, spread: int) -> None:
    """Every datagram moves by up to `spread` places, handshake and data alike."""
    pair, log = session()
    keyed = [(i + rng.uniform(0, spread), item) for i, item in enumerate(pair.wire)]
    wire = [item for _, item in sorted(keyed, key=lambda pair: pair[0])]
    sink = decode_dtls(wire, keylog(log.text))
    for side in (0, 1):
        assert sorted(sink.plain[side]) == sorted(sent(pair)[side])
    assert set(sink.codes) <= set()
    assert len(sink.sessions) == 1
    assert [len(chain) for chain in sink.sessions[0].certificates] == [1, 1]


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False))
def test_repeated_datagrams_are_told_and_handed_up_once(rng: random.Random) -> None:
    pair, log = session()
    wire: list[tuple[int, bytes]] = []
    repeated = 0
    for side, datagram in pair.wire:
        count = rng.choice([1, 1, 2, 5])
        wire += [(side, datagram)] * count
        repeated += count > 1 and datagram[3:5] != b"\0\0"
    sink = decode_dtls(wire, keylog(log.text))
    assert sink.plain == sent(pair)
    assert sink.codes == ["dtls-replay"] * repeated


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_lost_data_costs_only_itself(rng: random.Random) -> None:
    pair, log = session()
    wire, kept = [], ([], [])
    parts = [iter(sent(pair)[0]), iter(sent(pair)[1])]
    for side, datagram in pair.wire:
        if datagram[0] == 23:
            part = next(parts[side])
            if rng.random() < 0.4:
                continue
            kept[side].append(part)
        wire.append((side, datagram))
    sink = decode_dtls(wire, keylog(log.text))
    assert sink.plain == kept
    assert sink.codes == []


def test_retransmitted_flights_are_counted_and_change_nothing() -> None:
    """Both ends send their flights again, as after a loss, in other fragments (own layer)."""
    forge = Forge(0xC0AE)
    wire = [(0, forge.clear(0, 22, forge.hello()))]
    answer = forge.answer()
    done = forge.message(1, 14, b"")
    for size in (len(answer), 20, 7):
        for part in forge.fragments(answer, size):
            wire.append((1, forge.clear(1, 22, part)))
        wire.append((1, forge.clear(1, 22, done)))
    exchange = forge.message(0, 16, bytes(66))
    finished = forge.message(0, 20, bytes(12))
    for _ in range(3):
        wire.append((0, forge.clear(0, 22, exchange)))
        wire.append((0, forge.clear(0, 20, b"\x01") + forge.seal(0, 22, finished)))
    wire.append(
        (1, forge.clear(1, 20, b"\x01") + forge.seal(1, 22, forge.message(1, 20, bytes(12))))
    )
    wire += [(0, forge.data(0, b"ping")), (1, forge.data(1, b"pong"))]
    sink = decode_dtls(wire, keylog(forge.keylog))
    assert sink.plain == ([b"ping"], [b"pong"])
    assert sink.codes == []
    assert sink.sessions[0].retransmissions > 4


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_fragments_in_any_size_and_order_with_overlap(rng: random.Random, sizes: list[int]) -> None:
    forge = Forge(0xC02B)
    wire = [(0, forge.clear(0, 22, forge.hello()))]
    parts = [part for size in sizes for part in forge.fragments(answer_of(forge), size)]
    rng.shuffle(parts)
    wire += [(1, forge.clear(1, 22, part)) for part in parts]
    wire += [(0, forge.data(0, b"ping"))]
    sink = decode_dtls(wire, keylog(forge.keylog))
    assert sink.plain[0] == [b"ping"]
    assert "dtls-not-records" not in sink.codes


def answer_of(forge: Forge) -> bytes:
    forge.messages[1] = 0
    return forge.answer()


def test_a_new_handshake_on_the_same_ports_is_another_session() -> None:
    one, two = Forge(0xC0AE, seed=b"one"), Forge(0xC02B, seed=b"two")
    wire = [*one.handshake(), (0, one.data(0, b"first")), *two.handshake(cookie=True)]
    late = (1, one.data(1, b"late answer"))  # of the first session, after the second began
    wire += [(0, two.data(0, b"second")), late, (1, two.data(1, b"answer"))]
    sink = decode_dtls(wire, keylog(one.keylog + two.keylog))
    assert sink.plain == ([b"first", b"second"], [b"late answer", b"answer"])
    assert sink.codes == []
    assert [info.number for info in sink.sessions] == [1, 2]


def test_a_late_server_hello_of_the_session_before_does_not_spoil_the_new_one() -> None:
    one, two = Forge(0xC0AE, seed=b"one"), Forge(0xC02B, seed=b"two")
    first, second = one.handshake(), two.handshake()
    wire = [*first, second[0], first[1], *second[1:], (0, two.data(0, b"second"))]
    sink = decode_dtls(wire, keylog(two.keylog))
    assert sink.plain[0] == [b"second"]


def test_a_flow_whose_first_packet_is_the_servers_is_turned_round() -> None:
    """Side 0 is who was seen first; the client may be side 1."""
    forge = Forge(0xC0AE)
    wire = [*forge.handshake(), (0, forge.data(0, b"ping")), (1, forge.data(1, b"pong"))]
    sink = decode_dtls([(1 - side, data) for side, data in wire], keylog(forge.keylog))
    assert sink.plain == ([b"pong"], [b"ping"])
    assert sink.codes == []


def test_a_turned_flow_may_be_out_of_order_too() -> None:
    """Nothing of the session tells its client before the ClientHello does, and that comes late."""
    for late in (1, 2, 3):
        forge = Forge(0xC0AE)
        wire = forge.handshake()
        hello = wire.pop(0)
        if late == 3:  # a protected record of the client comes first of all
            exchange, change, finished = records(wire[1][1], dtls=True)
            wire[0:2] = [(0, finished), hello, wire[0], (0, exchange + change)]
        else:
            wire.insert(late, hello)
        wire += [(0, forge.data(0, b"ping")), (1, forge.data(1, b"pong"))]
        for turn in (0, 1):
            turned = [(side ^ turn, data) for side, data in wire]
            sink = decode_dtls(turned, keylog(forge.keylog))
            assert sink.plain == (([b"ping"], [b"pong"]), ([b"pong"], [b"ping"]))[turn]
            assert len(sink.sessions) == (2 if late == 3 and turn else 1)


def test_wrong_keys_are_told_of_a_short_session_too() -> None:
    forge = Forge(0xC0AE)
    keys = keylog(forge.keylog.replace(forge.master.hex().encode(), b"ab" * 48))
    sink = decode_dtls(forge.handshake(), keys)
    assert sink.codes == ["tls-wrong-keys"]


def test_very_old_records_are_left_out_and_said_so() -> None:
    forge = Forge(0xC0AE)
    wire = forge.handshake()
    old = (0, forge.data(0, b"old", number=5))
    wire += [(0, forge.data(0, b"new", number=9000)), old]
    sink = decode_dtls(wire, keylog(forge.keylog))
    assert sink.plain[0] == [b"new"]
    assert sink.codes == ["dtls-stale"]


@pytest.mark.parametrize("code", SUITES)
def test_own_record_layer_in_both_mac_orders(code: int) -> None:
    for etm in (False, True) if SUITES[code][0] == "cbc" else (False,):
        forge = Forge(code, etm=etm)
        wire = forge.handshake()
        for i in range(5):
            wire.append((i % 2, forge.data(i % 2, b"part %d" % i * 30)))
        sink = decode_dtls(wire, keylog(forge.keylog))
        assert sink.plain == forge.sent
        assert sink.codes == []


def test_damaged_and_foreign_datagrams_are_named_and_passed_over() -> None:
    pair, log = session()
    wire = list(pair.wire)
    at = next(i for i, (side, d) in enumerate(wire) if d[0] == 23)
    spoiled = wire[at][1][:-1] + bytes([wire[at][1][-1] ^ 1])
    wire[at] = (wire[at][0], spoiled)
    wire.insert(at, (1, b"\x40\x01\x02\x03 CoAP in clear"))
    wire.insert(at, (0, b"\x17\xfe\xfd" + bytes(8) + b"\xff\xff"))
    sink = decode_dtls(wire, keylog(log.text))
    assert sink.codes == ["dtls-not-records", "dtls-not-records", "tls-record-closed"]
    assert sink.plain == (sent(pair)[0][1:], sent(pair)[1])


def test_several_records_in_one_datagram() -> None:
    pair, log = session()
    wire = [(s, d) for s, d in pair.wire]
    joined: list[tuple[int, bytes]] = []
    for side, datagram in wire:
        if joined and joined[-1][0] == side:
            joined[-1] = (side, joined[-1][1] + datagram)
        else:
            joined.append((side, datagram))
    assert max(len(records(d, dtls=True)) for _, d in joined) > 3
    sink = decode_dtls(joined, keylog(log.text))
    assert sink.plain == sent(pair)
    assert sink.codes == []


def test_openssl_still_sends_no_connection_id() -> None:
    """Where it does one day, test_dtls_cid gets a better peer than our own layer."""
    assert not hasattr(SSL._lib, "SSL_CTX_set_connection_id")
