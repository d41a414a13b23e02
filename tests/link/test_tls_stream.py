"""TLS streams made by OpenSSL, decrypted and compared with what its peers sent."""

from __future__ import annotations

import itertools
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from tls_endpoints import (
    TCP,
    Collector,
    Log,
    Pair,
    certificate_der,
    context,
    decode,
    keylog,
    records,
)
from tls_forge import Forge

from dissectors.link import keylog as labels
from dissectors.link.keylog import KeyLog
from dissectors.link.tls_handshake import TLS12, TLS13
from dissectors.link.tls_stream import TlsStream
from dissectors.link.tls_suites import suite, suite_name
from dissectors.link.tls_tracker import MAX_ALERTS

V12, V13 = SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION
SUITES13 = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_CCM_SHA256",
    "TLS_AES_128_CCM_8_SHA256",
]


def openssl_suites() -> list[str]:
    """Return OpenSSL's names of the TLS 1.2 suites that are decrypted here."""
    ctx = SSL.Context(SSL.TLS_METHOD)
    ctx.set_cipher_list(b"ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    left_out = ("TLS_", "ARIA", "CAMELLIA", "NULL", "SEED", "IDEA", "SRP", "DSS")
    names = SSL.Connection(ctx, None).get_cipher_list()
    return [name for name in names if not any(word in name for word in left_out)]


def key_kind(name: str) -> str:
    return "P-256" if "ECDSA" in name else "rsa"


def pair12(name: str, log: Log, **more: object) -> Pair:
    psk = b"k" * 16 if "PSK" in name else None
    both = {"ciphers": name, "psk": psk, "kind": key_kind(name), **more}
    return Pair(context(server=False, log=None, **both), context(server=True, log=log, **both))


def sent(pair: Pair) -> tuple[bytes, bytes]:
    return b"".join(pair.sent[0]), b"".join(pair.sent[1])


@cache
def session(version: int) -> tuple[Pair, Log]:
    """One talk, made once, for the tests that only spoil it."""
    log = Log()
    both = {"version": version, "mutual": True}
    if version == V12:
        both["ciphers"] = "ECDHE-ECDSA-AES128-GCM-SHA256"
    client, server = context(server=False, log=None, **both), context(server=True, log=log, **both)
    return Pair(client, server, alpn=[b"h2", b"http/1.1"]).talk(6), log


# -- every suite and both curves


@pytest.mark.parametrize("name", openssl_suites())
def test_every_suite_of_tls12(name: str) -> None:
    log = Log()
    pair = pair12(name, log).talk()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.joined() == sent(pair)
    assert sink.codes == []
    assert sink.ends == [0, 1]
    (info,) = sink.sessions
    assert info.version == TLS12
    assert info.decryption == "complete"
    assert suite(info.suite or 0) is not None


@pytest.mark.parametrize("name", [n for n in openssl_suites() if "GCM" not in n and "CCM" not in n])
def test_mac_then_encrypt_and_no_extended_master_secret(name: str) -> None:
    log = Log()
    no_etm, no_ems = 1 << 19, 1 << 0  # SSL_OP_NO_ENCRYPT_THEN_MAC, _NO_EXTENDED_MASTER_SECRET
    pair = pair12(name, log, options=no_etm | no_ems).talk()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.joined() == sent(pair)
    assert sink.codes == []
    assert not sink.sessions[0].encrypt_then_mac
    assert not sink.sessions[0].extended_master_secret


def test_encrypt_then_mac_is_the_other_variant_of_cbc() -> None:
    log = Log()
    pair = pair12("ECDHE-ECDSA-AES128-SHA256", log).talk()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.joined() == sent(pair)
    assert sink.sessions[0].encrypt_then_mac
    assert sink.sessions[0].extended_master_secret


@pytest.mark.parametrize("name", SUITES13)
def test_every_suite_of_tls13(name: str) -> None:
    log = Log()
    both = {"version": V13, "suites13": name}
    pair = Pair(context(server=False, log=None, **both), context(server=True, log=log, **both))
    pair.talk()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.joined() == sent(pair)
    assert sink.codes == []
    assert sink.ends == [0, 1]
    (info,) = sink.sessions
    assert (info.version, suite_name(info.suite or 0)) == (TLS13, name)


@pytest.mark.parametrize(
    ("version", "groups", "expected"),
    [
        (V12, "P-256", "secp256r1"),
        (V12, "brainpoolP256r1", "brainpoolP256r1"),
        (V13, "P-256", "secp256r1"),
        (V13, "brainpoolP256r1tls13", "brainpoolP256r1tls13"),
    ],
)
def test_both_curves(version: int, groups: str, expected: str) -> None:
    log = Log()
    kind = "P-256" if version == V13 else groups
    both = {"version": version, "groups": groups, "kind": kind, "mutual": True}
    pair = Pair(context(server=False, log=None, **both), context(server=True, log=log, **both))
    pair.talk()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.joined() == sent(pair)
    info = sink.sessions[0].as_dict()
    assert info["group"] == expected
    der = certificate_der(kind).hex()
    assert info["certificates"] == [[der], [der]]


# -- what is known of a session


@pytest.mark.parametrize("version", [V12, V13])
def test_session_is_described(version: int) -> None:
    pair, log = session(version)
    (info,) = decode(pair.wire, keylog(log.text)).sessions
    assert info.server_name == "eim.example"
    assert info.client is not None
    assert info.server is not None
    assert info.client.alpn == ("h2", "http/1.1")
    assert info.client_random == pair.ends[0].client_random()
    assert info.server.random == pair.ends[1].server_random()
    assert info.client.versions == ((TLS12,) if version == V12 else (TLS13,))
    assert info.suite in info.client.suites
    assert info.first_frame == 1
    assert info.resumption == ""
    assert [len(chain) for chain in info.certificates] == [1, 1]
    assert [str(alert) for alert in info.alerts] == ["close_notify (warning)"] * 2
    assert info.needed == ()


def test_alpn_choice_is_found_where_each_version_puts_it() -> None:
    for version in (V12, V13):
        log = Log()
        client = context(server=False, log=None, version=version)
        server = context(server=True, log=log, version=version)
        server.set_alpn_select_callback(lambda conn, offered: b"h2")
        pair = Pair(client, server, alpn=[b"http/1.1", b"h2"]).talk()
        assert decode(pair.wire, keylog(log.text)).sessions[0].alpn == "h2"


# -- without keys


def test_without_keys_tls12_says_what_is_needed() -> None:
    pair, _ = session(V12)
    sink = decode(pair.wire, KeyLog())
    assert sink.plain == ([], [])
    assert sink.codes == ["tls-no-keys"]
    (info,) = sink.sessions
    line = f"CLIENT_RANDOM {info.client_random.hex()}"
    assert info.needed == (line,)
    assert line in sink.problems[0][0].text
    assert info.decryption == "none"
    assert info.server_name == "eim.example"
    assert [len(chain) for chain in info.certificates] == [1, 1]
    assert [str(alert) for alert in info.alerts] == ["encrypted alert"] * 2
    assert sink.ends == [0, 1]


def test_without_keys_tls13_names_the_four_secrets() -> None:
    pair, _ = session(V13)
    sink = decode(pair.wire, KeyLog())
    assert sink.codes == ["tls-no-keys"]
    (info,) = sink.sessions
    random = info.client_random.hex()
    assert info.needed == (
        f"CLIENT_HANDSHAKE_TRAFFIC_SECRET {random}",
        f"CLIENT_TRAFFIC_SECRET_0 {random}",
        f"SERVER_HANDSHAKE_TRAFFIC_SECRET {random}",
        f"SERVER_TRAFFIC_SECRET_0 {random}",
    )
    assert info.as_dict()["suite"] == "TLS_AES_256_GCM_SHA384"


@pytest.mark.parametrize(
    ("lacking", "readable"),
    [
        ((labels.CLIENT_HANDSHAKE, labels.SERVER_HANDSHAKE), (True, True)),
        ((labels.CLIENT_HANDSHAKE, labels.CLIENT_TRAFFIC), (False, True)),
        ((labels.SERVER_TRAFFIC,), (True, False)),
    ],
)
def test_some_secrets_of_tls13_open_what_they_can(
    lacking: tuple[str, ...], readable: tuple[bool, bool]
) -> None:
    pair, log = session(V13)
    text = log.without(*(label.encode() for label in lacking))
    sink = decode(pair.wire, keylog(text))
    for side in (0, 1):
        assert sink.joined()[side] == (sent(pair)[side] if readable[side] else b"")
    (info,) = sink.sessions
    assert [line.split()[0] for line in info.needed] == sorted(lacking)
    assert info.decryption == "partial"


@pytest.mark.parametrize("version", [V12, V13])
def test_wrong_keys_are_told_from_missing_ones(version: int) -> None:
    pair, log = session(version)
    words = [line.split() for line in log.lines]
    text = b"".join(b"%s %s %s\n" % (a, b, c[::-1]) for a, b, c in words)
    sink = decode(pair.wire, keylog(text))
    assert sink.plain == ([], [])
    assert "tls-wrong-keys" in sink.codes
    assert set(sink.codes) <= {"tls-wrong-keys", "tls-stopped"}
    assert sink.sessions[0].needed != ()
    assert "do not open" in sink.sessions[0].reason


def test_pre_shared_key_opens_plain_psk_suites() -> None:
    for options in (0, 1):  # 1: without the extended master secret
        for name in ("PSK-AES128-CCM8", "PSK-AES256-GCM-SHA384", "PSK-AES128-CBC-SHA256"):
            pair = pair12(name, Log(), options=options).talk()
            sink = decode(pair.wire, KeyLog(), psk=b"k" * 16)
            assert sink.joined() == sent(pair)
            assert sink.sessions[0].psk_identity == b"device-1"
            sink = decode(pair.wire, KeyLog(), psk=b"wrong")
            assert sink.codes == ["tls-wrong-keys"]
            sink = decode(pair.wire, KeyLog())
            assert sink.codes == ["tls-no-keys"]
            assert "device-1" in sink.problems[0][0].text


def test_other_suites_and_versions_are_named() -> None:
    log = Log()
    pair = pair12("ECDHE-ECDSA-CAMELLIA128-SHA256", log).talk()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.codes == ["tls-unsupported"]
    assert "0xC072" in sink.problems[0][0].text
    assert sink.sessions[0].needed == ()
    older = context(server=False, log=None), context(server=True, log=log)
    for ctx in older:
        ctx.set_min_proto_version(SSL.TLS1_VERSION)
        ctx.set_max_proto_version(SSL.TLS1_1_VERSION)
    pair = Pair(*older).talk()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.codes == ["tls-unsupported"]
    assert "TLS 1.1" in sink.problems[0][0].text


# -- alerts


def test_alert_of_a_failed_handshake_is_told() -> None:
    client = context(server=False, log=None, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    server = context(server=True, log=None, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")
    pair = Pair(client, server)
    pair.pump()
    sink = decode(pair.wire, KeyLog())
    assert sink.codes == ["tls-alert"]
    assert "server sent handshake_failure (fatal)" in sink.problems[0][0].text
    (info,) = sink.sessions
    assert info.decryption == "none needed"
    assert info.needed == ()


@pytest.mark.parametrize("version", [V12, V13])
def test_protected_alert_is_opened(version: int) -> None:
    """The server wants a certificate that the client does not have."""
    log = Log()
    client = context(server=False, log=log, version=version)
    server = context(server=True, log=None, version=version, mutual=True)
    pair = Pair(client, server)
    pair.pump()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.codes == ["tls-alert"]
    name = "handshake_failure" if version == V12 else "certificate_required"
    assert f"server sent {name} (fatal)" in sink.problems[0][0].text
    assert sink.sessions[0].alerts[-1].encrypted == (version == V13)


# -- segments


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([V12, V13]), st.lists(st.integers(1, 2000), min_size=1, max_size=30))
def test_any_segmentation_gives_the_same_bytes_and_frames(version: int, sizes: list[int]) -> None:
    pair, log = session(version)
    size_of_next = itertools.cycle(sizes)
    sink = Collector()
    stream = TlsStream(TCP, keylog(log.text), sink, sink.sessions.append)
    frame, at = 0, [0, 0]
    where: list[list[int]] = [[], []]  # frame of each byte
    for side, chunk in pair.wire:
        while chunk:
            size = next(size_of_next)
            part, chunk = chunk[:size], chunk[size:]
            frame += 1
            where[side] += [frame] * len(part)
            stream.data(side, part, (frame,), 0.0)
            at[side] += len(part)
    for side in (0, 1):
        stream.end(side, (), 0.0)
    assert sink.joined() == sent(pair)
    assert sink.codes == []
    # the frames of a message are those that its record's bytes came in, and no others
    expected: dict[int, list[tuple[int, ...]]] = {0: [], 1: []}
    for side in (0, 1):
        start = 0
        for record in records(b"".join(c for s, c in pair.wire if s == side)):
            span = where[side][start : start + len(record)]
            expected[side].append(tuple(dict.fromkeys(span)))
            start += len(record)
    for (side, _), frames in zip(sink.order, sink.frames, strict=True):
        assert frames in expected[side]


def test_sides_may_stand_in_the_file_in_the_wrong_order() -> None:
    """A capture of two interfaces may hold all of one side before the other."""
    for version in (V12, V13):
        pair, log = session(version)
        for first in (0, 1):
            wire = sorted(pair.wire, key=lambda item, first=first: item[0] != first)
            sink = decode(wire, keylog(log.text))
            assert sink.joined() == sent(pair)
            assert sink.codes == []


def test_a_session_that_began_before_the_capture_is_said_so() -> None:
    for version in (V12, V13):
        pair, log = session(version)
        app = [item for item in pair.wire if item[1][0] == 23][-6:]
        sink = decode(app, keylog(log.text))
        assert sink.plain == ([], [])
        assert sink.codes == ["tls-no-hello"]
        assert "starts inside the session" in sink.problems[0][0].text
        assert sink.sessions[0].client_random == b""


def test_one_hello_missing_is_named() -> None:
    pair, log = session(V12)
    sink = decode(pair.wire[1:], keylog(log.text))
    assert sink.codes == ["tls-no-hello"]
    assert "ClientHello of the session was not captured" in sink.problems[0][0].text
    assert sink.sessions[0].as_dict()["version"] == "TLS 1.2"


@pytest.mark.parametrize("version", [V12, V13])
def test_a_flow_whose_first_packet_is_the_servers_is_turned_round(version: int) -> None:
    """Without its SYN a flow may name the server as its opener."""
    pair, log = session(version)
    sink = decode([(1 - side, chunk) for side, chunk in pair.wire], keylog(log.text))
    assert sink.joined() == sent(pair)[::-1]
    assert sink.codes == []
    assert sink.ends == [1, 0]
    assert sink.sessions[0].server_name == "eim.example"


# -- holes


def run_with_hole(version: int, side: int, first: int, last: int) -> tuple[Collector, Pair]:
    """Leave the bytes from `first` to `last` of one side out."""
    pair, log = session(version)
    sink = Collector()
    stream = TlsStream(TCP, keylog(log.text), sink, sink.sessions.append)
    at = [0, 0]
    told = False
    for number, (sender, chunk) in enumerate(pair.wire, 1):
        for i in range(0, len(chunk), 100):
            part = chunk[i : i + 100]
            position = at[sender]
            at[sender] += len(part)
            if sender == side:
                if first <= position < last:
                    continue
                if position >= last and not told:
                    told = True
                    lost = -(-last // 100) * 100 - -(-first // 100) * 100
                    stream.gap(side, max(lost, 1), (number,), 0.0)
            stream.data(sender, part, (number,), 0.0)
    for each in (0, 1):
        stream.end(each, (), 0.0)
    return sink, pair


@pytest.mark.parametrize("version", [V12, V13])
def test_a_hole_costs_the_records_in_it_and_no_more(version: int) -> None:
    pair, _ = session(version)
    stream = b"".join(chunk for side, chunk in pair.wire if side == 1)
    starts, at = [], 0
    for record in records(stream):
        starts.append((at, record))
        at += len(record)
    # the record of the fourth answer, 3 kB long, loses its middle
    at, record = next((a, r) for a, r in starts if 3000 < len(r) < 3200)
    sink = Collector()
    log = session(version)[1]
    decoder = TlsStream(TCP, keylog(log.text), sink, sink.sessions.append)
    position = 0
    for side, chunk in pair.wire:
        if side == 1 and position <= at < position + len(chunk):
            inside = at - position
            decoder.data(1, chunk[: inside + 500], (7,), 0.0)
            decoder.gap(1, 1000, (8,), 0.0)
            decoder.data(1, chunk[inside + 1500 :], (9,), 0.0)
        else:
            decoder.data(side, chunk, (1,), 0.0)
        position += len(chunk) if side == 1 else 0
    for each in (0, 1):
        decoder.end(each, (), 0.0)
    assert sink.joined()[0] == sent(pair)[0]
    assert sink.plain[1] == [part for part in pair.sent[1] if not 3000 < len(part) < 3100]
    assert [side for side, _ in sink.gaps] == [1]
    assert sink.ends == [0, 1]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([V12, V13]), st.sampled_from([0, 1]), st.integers(0, 80), st.integers(1, 60))
def test_after_a_hole_only_whole_genuine_messages_come(
    version: int, side: int, start: int, length: int
) -> None:
    sink, pair = run_with_hole(version, side, start * 100, (start + length) * 100)
    sent_parts = iter(pair.sent[side])
    for part in sink.plain[side]:  # a subsequence, in order, nothing twice
        assert part in sent_parts
    handshake = 2500
    if start * 100 > handshake:
        assert sink.joined()[1 - side] == sent(pair)[1 - side]
        # what begins after the hole is found again
        total = sum(len(c) for s, c in pair.wire if s == side)
        if (start + length) * 100 < total - 8000:
            assert sink.plain[side][-1] == pair.sent[side][-1]


def test_changes_of_keys_lost_in_a_hole_are_found_again() -> None:
    """The hole swallows the client's ChangeCipherSpec and Finished (TLS 1.2)."""
    pair, log = session(V12)
    sink = Collector()
    stream = TlsStream(TCP, keylog(log.text), sink, sink.sessions.append)
    for side, chunk in pair.wire:
        for record in records(chunk):
            if side == 0 and record[0] == 20:
                stream.gap(0, len(record), (2,), 0.0)
            elif side == 0 and record[0] == 22 and record[5] not in (1, 11, 15, 16):
                stream.gap(0, len(record), (3,), 0.0)
            else:
                stream.data(side, record, (1,), 0.0)
    stream.close()
    assert sink.joined() == sent(pair)


def test_a_finished_lost_in_a_hole_does_not_stop_tls13() -> None:
    pair, log = session(V13)
    sink = Collector()
    stream = TlsStream(TCP, keylog(log.text), sink, sink.sessions.append)
    seen = 0
    for side, chunk in pair.wire:
        for record in records(chunk):
            if side == 0 and record[0] == 23:
                seen += 1
                if seen <= 3:  # Certificate, CertificateVerify, Finished
                    stream.gap(0, len(record), (3,), 0.0)
                    continue
            stream.data(side, record, (1,), 0.0)
    stream.close()
    assert sink.joined() == sent(pair)


def test_a_hole_of_many_records_stays_within_the_window() -> None:
    log = Log()
    pair = pair12("ECDHE-ECDSA-AES128-CCM8", log)
    pair.pump()
    for i in range(400):
        pair.send(0, b"message %d" % i)
    sink = Collector()
    stream = TlsStream(TCP, keylog(log.text), sink, sink.sessions.append)
    data = [(s, r) for s, c in pair.wire for r in records(c)]
    dropped = [i for i, (s, r) in enumerate(data) if s == 0 and r[0] == 23][100:380]
    lost = sum(len(data[i][1]) for i in dropped)
    for i, (side, record) in enumerate(data):
        if i == dropped[0]:
            stream.gap(0, lost, (1,), 0.0)
        if i not in set(dropped):
            stream.data(side, record, (1,), 0.0)
    assert sink.plain[0] == pair.sent[0][:100] + pair.sent[0][380:]


@pytest.mark.parametrize("count", [5, 50])
def test_a_hole_too_wide_to_search_ends_the_direction_and_says_so(count: int) -> None:
    forge = Forge(0xC02B, dtls=False)
    sink = Collector()
    stream = TlsStream(TCP, keylog(forge.keylog), sink, sink.sessions.append)
    for side, data in forge.handshake():
        stream.data(side, data, (1,), 0.0)
    lost = [forge.seal(0, 23, b"lost") for _ in range(1500)]
    stream.gap(0, sum(map(len, lost)), (2,), 0.0)
    for i in range(count):
        stream.data(0, forge.seal(0, 23, b"too far"), (3 + i,), 0.0)
    stream.data(1, forge.data(1, b"the other side goes on"), (100,), 0.0)
    stream.close()
    assert sink.plain == ([], [b"the other side goes on"])
    assert sink.codes == ["tls-stopped"]
    assert "behind the hole" in sink.problems[0][0].text
    assert sink.problems[0][1] == (3,)


# -- damage


@pytest.mark.parametrize("version", [V12, V13])
def test_a_damaged_record_is_named_and_the_rest_decoded(version: int) -> None:
    pair, log = session(version)
    wire = []
    count = 0
    for side, chunk in pair.wire:
        if side == 0 and chunk[0] == 23 and len(chunk) > 200:
            count += 1
            if count == 3:
                chunk = chunk[:-1] + bytes([chunk[-1] ^ 1])
        wire.append((side, chunk))
    sink = decode(wire, keylog(log.text))
    assert sink.codes == ["tls-record-closed"]
    expected = list(pair.sent[0])
    del expected[2]
    assert sink.plain[0] == expected
    assert sink.joined()[1] == sent(pair)[1]
    assert [side for side, _ in sink.gaps] == [0]
    assert sink.sessions[0].closed == 1


def test_bytes_that_are_no_records_are_told_once() -> None:
    sink = decode([(0, b"GET / HTTP/1.1\r\nHost: eim\r\n\r\n" * 20)] * 3, KeyLog())
    assert sink.codes == ["tls-not-records"]
    assert sink.sessions == []


def test_a_stream_cut_inside_a_record_is_told() -> None:
    pair, log = session(V12)
    wire = [*pair.wire]
    side, chunk = wire[-3]
    wire = [*wire[:-3], (side, chunk[:-2])]
    sink = decode(wire, keylog(log.text))
    assert sink.codes == ["tls-cut-record"]


def test_what_follows_close_notify_is_ignored() -> None:
    pair, log = session(V13)
    sink = decode([*pair.wire, (0, b"\x17\x03\x03\x00\x20" + bytes(32))], keylog(log.text))
    assert sink.joined() == sent(pair)
    assert sink.codes == []


def test_what_follows_close_notify_in_the_same_segment_is_ignored() -> None:
    forge = Forge(0xC02B, dtls=False)
    wire = forge.handshake()
    last = forge.data(0, b"last") + forge.seal(0, 21, b"\x01\x00") + forge.seal(0, 23, b"late")
    sink = decode([*wire, (0, last)], keylog(forge.keylog))
    assert sink.plain[0] == [b"last"]


def test_a_false_header_behind_a_hole_is_no_damaged_record() -> None:
    forge = Forge(0xC02B, dtls=False)
    sink = Collector()
    stream = TlsStream(TCP, keylog(forge.keylog), sink, sink.sessions.append)
    for side, data in forge.handshake():
        stream.data(side, data, (1,), 0.0)
    lost = forge.seal(0, 23, b"lost" * 20)
    real = forge.data(0, b"found")
    false = b"\x17\x03\x03\x00\x28" + bytes(40)
    stream.gap(0, len(lost) - len(false), (2,), 0.0)
    stream.data(0, false + real, (3,), 0.0)
    stream.close()
    assert sink.plain[0] == [b"found"]
    assert sink.codes == []


def test_a_finished_in_clear_changes_no_keys() -> None:
    pair, log = session(V13)
    wire = list(pair.wire)
    at = next(i for i, (side, _) in enumerate(wire) if side == 1)
    first, *rest = records(wire[at][1])
    forged = b"\x16\x03\x03\x00\x24\x14\x00\x00\x20" + bytes(32)
    wire[at] = (1, first + forged + b"".join(rest))
    sink = decode(wire, keylog(log.text))
    assert sink.joined() == sent(pair)


def test_a_server_of_tls12_answers_an_offer_of_early_data() -> None:
    forge = Forge(0xC02B, dtls=False)
    forge.more_client_items = {42: b"", 43: b"\x04\x03\x04\x03\x03"}
    wire = [*forge.handshake(), (0, forge.data(0, b"question")), (1, forge.data(1, b"answer"))]
    assert decode(wire, keylog(forge.keylog)).plain == ([b"question"], [b"answer"])


def test_who_waits_for_a_hello_in_vain_is_told_at_once() -> None:
    for end in (True, False):
        forge = Forge(0xC02B, dtls=False)
        sink = Collector()
        stream = TlsStream(TCP, KeyLog(), sink, sink.sessions.append)
        stream.data(0, forge.clear(0, 22, forge.hello()), (1,), 0.0)
        stream.data(0, forge.clear(0, 20, b"\x01") + forge.seal(0, 22, b"finished"), (2,), 0.0)
        assert sink.codes == []
        if end:
            stream.end(1, (3,), 0.0)
        else:  # the other side is past its hello
            stream.data(1, forge.seal(1, 23, b"data"), (3,), 0.0)
        assert sink.codes == ["tls-no-hello"]
        assert stream.session.closed == (1 if end else 2)


def test_the_list_of_alerts_is_bounded() -> None:
    forge = Forge(0xC02B, dtls=False)
    wire = forge.handshake() + [(0, forge.seal(0, 21, b"\x01\x5a")) for _ in range(500)]
    sink = decode(wire, keylog(forge.keylog))
    assert len(sink.sessions[0].alerts) == MAX_ALERTS
    assert len(sink.codes) < 100
