"""Sessions that go on: resumption, 0-RTT, HelloRetryRequest, renegotiation, KeyUpdate, padding."""

from __future__ import annotations

import ctypes
import ctypes.util

import pytest
from OpenSSL import SSL
from tls_endpoints import (
    TCP,
    Collector,
    Log,
    Pair,
    context,
    credentials,
    decode,
    keylog,
    records,
)
from tls_forge import Forge

from dissectors.link.keylog import KeyLog
from dissectors.link.tls_early import EarlyData
from dissectors.link.tls_stream import TlsStream
from dissectors.link.tls_teller import Teller
from dissectors.link.tls_tracker import SessionTracker

V12, V13 = SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION


def sent(pair: Pair) -> tuple[bytes, bytes]:
    return b"".join(pair.sent[0]), b"".join(pair.sent[1])


def resumed(
    version: int, tickets: bool, count: int = 3, name: str = "ECDHE-ECDSA-AES128-GCM-SHA256"
) -> tuple[list[Pair], list[Log]]:
    """Make one full and some resumed sessions, each with a key log of its own."""
    logs = [Log() for _ in range(count)]
    active = [logs[0]]
    both = {"version": version, "tickets": tickets, "ciphers": name}
    client = context(server=False, log=None, **both)
    server = context(server=True, log=None, **both)
    server.set_keylog_callback(lambda conn, line: active[0](conn, line))
    pairs = [Pair(client, server)]
    pairs[0].talk()
    for log in logs[1:]:
        active[0] = log
        pair = Pair(client, server, session=pairs[-1].ends[0].get_session())
        pairs.append(pair.talk())
    return pairs, logs


# -- TLS 1.2


@pytest.mark.parametrize(("tickets", "how"), [(False, "session id"), (True, "ticket")])
def test_tls12_resumption_with_its_own_lines(tickets: bool, how: str) -> None:
    pairs, logs = resumed(V12, tickets)
    keys = keylog(b"".join(log.text for log in logs))
    found = []
    for pair in pairs:
        sink = decode(pair.wire, keys)
        assert sink.joined() == sent(pair)
        assert sink.codes == []
        found.append(sink.sessions[0].resumption)
    assert found == ["", how, how]


@pytest.mark.parametrize(("tickets", "how"), [(False, "session id"), (True, "ticket")])
@pytest.mark.parametrize("name", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA384"])
def test_tls12_resumption_with_the_first_line_only(tickets: bool, how: str, name: str) -> None:
    pairs, logs = resumed(V12, tickets, name=name)
    keys = keylog(logs[0].text)
    for pair in pairs:
        sink = decode(pair.wire, keys)
        assert sink.joined() == sent(pair)
        assert sink.codes == []
    assert sink.sessions[0].resumption == how


@pytest.mark.parametrize("tickets", [False, True])
def test_tls12_resumption_without_its_first_session_says_what_is_needed(tickets: bool) -> None:
    pairs, logs = resumed(V12, tickets)
    sink = decode(pairs[1].wire, keylog(logs[0].text))
    assert sink.codes == ["tls-no-keys"]
    assert "the line of the session it resumes" in sink.problems[0][0].text
    random = pairs[1].ends[0].client_random().hex()
    assert sink.sessions[0].needed == (f"CLIENT_RANDOM {random}",)


def test_a_ticket_without_session_id_resumes_too() -> None:
    """RFC 5077 §3.4 lets a client send a ticket and no session ID (own record layer)."""
    full = Forge(0xC02B, dtls=False, ticket=b"", seed=b"full")
    wire = full.handshake()
    ticket = b"T" * 180
    body = bytes(4) + len(ticket).to_bytes(2, "big") + ticket
    wire.insert(-1, (1, full.clear(1, 22, full.message(1, 4, body))))
    keys = keylog(full.keylog)
    assert decode(wire, keys).codes == []
    again = Forge(0xC02B, dtls=False, ticket=ticket, seed=b"again", echo=True, master=full.master)
    wire = again.handshake()
    wire += [(0, again.data(0, b"question")), (1, again.data(1, b"answer"))]
    sink = decode(wire, keys)
    assert sink.joined() == (b"question", b"answer")
    assert sink.sessions[0].resumption == "ticket"


def test_a_ticket_renewed_by_a_resumed_session_is_kept() -> None:
    """The new ticket comes before any record that proves the secret (RFC 5077 §3.3)."""

    def ticket_message(forge: Forge, ticket: bytes) -> bytes:
        body = bytes(4) + len(ticket).to_bytes(2, "big") + ticket
        return forge.clear(1, 22, forge.message(1, 4, body))

    full = Forge(0xC02B, dtls=False, ticket=b"", seed=b"1")
    wires = [full.handshake()]
    wires[0].insert(-1, (1, ticket_message(full, b"first")))
    keys = keylog(full.keylog)
    for seed, old, new in ((b"2", b"first", b"second"), (b"3", b"second", b"third")):
        more = {"ticket": old, "seed": seed, "echo": True, "session_id": seed, "dtls": False}
        forge = Forge(0xC02B, master=full.master, **more)
        wire = forge.handshake()
        side, flight = wire[1]
        hello = records(flight)[0]
        wire[1] = (side, hello + ticket_message(forge, new) + flight[len(hello) :])
        wires.append([*wire, (0, forge.data(0, b"data of " + seed))])
    sinks = [decode(wire, keys) for wire in wires]
    assert [sink.codes for sink in sinks] == [[], [], []]
    assert sinks[2].plain[0] == [b"data of 3"]


def test_wrong_secrets_do_not_spread_to_resumed_sessions() -> None:
    pairs, logs = resumed(V12, False)
    words = logs[0].text.split()
    keys = KeyLog()
    keys.add_text(b"%s %s %s\n" % (words[0], words[1], words[2][::-1]))
    assert decode(pairs[0].wire, keys).codes == ["tls-wrong-keys"]
    assert decode(pairs[1].wire, keys).codes == ["tls-no-keys"]


def renegotiated(log: Log, options: int) -> Pair:
    name = "ECDHE-ECDSA-AES128-GCM-SHA256"
    client = context(server=False, log=None, ciphers=name)
    server = context(server=True, log=log, ciphers=name, options=options)
    pair = Pair(client, server)
    pair.pump()
    pair.send(0, b"before")
    pair.ends[1].renegotiate()
    pair.pump()
    pair.send(0, b"after " * 100)
    pair.send(1, b"answer")
    assert pair.ends[1].total_renegotiations() == 1
    assert len(log.lines) == 2
    return pair


def test_renegotiation_is_decrypted() -> None:
    for options in (0, 1 << 16):  # 1 << 16: no resumption on renegotiation
        log = Log()
        pair = renegotiated(log, options)
        sink = decode(pair.wire, keylog(log.text))
        assert sink.joined() == sent(pair)
        assert sink.codes == []
        assert [info.number for info in sink.sessions] == [1, 2]
        assert sink.sessions[0].client_random != sink.sessions[1].client_random
        assert [info.decryption for info in sink.sessions] == ["complete", "complete"]
        assert sink.sessions[1].resumption == ("" if options else "session id")


def test_renegotiation_without_its_line_is_told() -> None:
    log = Log()
    pair = renegotiated(log, 1 << 16)
    sink = decode(pair.wire, keylog(log.lines[0] + b"\n"))
    assert sink.plain == ([b"before"], [])
    assert sink.codes == ["tls-renegotiation", "tls-no-keys"]
    assert sink.sessions[1].needed == (log.lines[1].decode().rsplit(" ", 1)[0],)
    # without any line the handshake inside is still noticed
    sink = decode(pair.wire, KeyLog())
    assert sink.codes[0] == "tls-no-keys"
    assert "tls-renegotiation" in sink.codes


# -- TLS 1.3


def test_tls13_resumption() -> None:
    pairs, logs = resumed(V13, True)
    keys = keylog(b"".join(log.text for log in logs))
    for pair, how in zip(pairs, ["", "psk", "psk"], strict=True):
        sink = decode(pair.wire, keys)
        assert sink.joined() == sent(pair)
        assert sink.codes == []
        assert sink.sessions[0].resumption == how


def test_hello_retry_request() -> None:
    log = Log()
    client = context(server=False, log=None, version=V13, groups="X25519:P-256")
    server = context(server=True, log=log, version=V13, groups="P-256")
    pair = Pair(client, server).talk()
    hellos = [r for s, c in pair.wire for r in records(c) if r[0] == 22]
    assert [r[5] for r in hellos] == [1, 2, 1, 2]
    for cut in (None, 1, 100):
        sink = decode(pair.wire, keylog(log.text), cut=cut)
        assert sink.joined() == sent(pair)
        assert sink.codes == []
        assert len(sink.sessions) == 1
    assert sink.sessions[0].as_dict()["group"] == "secp256r1"
    for first in (0, 1):
        wire = sorted(pair.wire, key=lambda item, first=first: item[0] != first)
        assert decode(wire, keylog(log.text)).joined() == sent(pair)


def early_pair(
    server: SSL.Context, client: SSL.Context, session: SSL.Session, early: list[bytes]
) -> Pair:
    """A resumed session whose client sends `early` as 0-RTT data."""
    ffi, lib = SSL._ffi, SSL._lib
    pair = Pair(client, server, session=session)
    done = ffi.new("size_t *")
    for part in early:
        assert lib.SSL_write_early_data(pair.ends[0]._ssl, part, len(part), done) == 1
        pair.sent[0].append(part)
    for chunk in pair._drain(0):
        pair.wire.append((0, chunk))
        pair.ends[1].bio_write(chunk)
    room = ffi.new("char[]", 65536)
    while lib.SSL_read_early_data(pair.ends[1]._ssl, room, 65536, done) == 1:
        pass
    lib.ERR_clear_error()
    for chunk in pair._drain(1):
        pair.wire.append((1, chunk))
        pair.ends[0].bio_write(chunk)
    return pair


def early_setup(
    suites: str = "TLS_AES_128_GCM_SHA256", **more: str
) -> tuple[SSL.Context, SSL.Context, Log, SSL.Session]:
    log = Log()
    client = context(server=False, log=log, version=V13, tickets=True, suites13=suites)
    server = context(server=True, log=log, version=V13, tickets=True, suites13=suites, **more)
    for ctx in (client, server):
        SSL._lib.SSL_CTX_set_max_early_data(ctx._context, 16384)
    first = Pair(client, server).talk()
    return client, server, log, first.ends[0].get_session()


@pytest.mark.parametrize("suites", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"])
def test_early_data_comes_first_and_once(suites: str) -> None:
    client, server, log, session = early_setup(suites)
    pair = early_pair(server, client, session, [b"early one", b"early two" * 100]).talk()
    for cut in (None, 1, 333):
        sink = decode(pair.wire, keylog(log.text), cut=cut)
        assert sink.joined() == sent(pair)
        assert sink.codes == []
        assert sink.order[0] == (0, b"early one")
        assert sink.sessions[0].early_data == "accepted"
    sink = decode(pair.wire, keylog(log.without(b"CLIENT_EARLY_TRAFFIC_SECRET")))
    assert sink.joined() == (b"".join(pair.sent[0][2:]), sent(pair)[1])
    assert sink.codes == ["tls-no-keys"]
    assert [line.split()[0] for line in sink.sessions[0].needed] == ["CLIENT_EARLY_TRAFFIC_SECRET"]


def test_early_data_without_the_servers_answer_readable() -> None:
    """EndOfEarlyData says as well as EncryptedExtensions that it was taken."""
    client, server, log, session = early_setup()
    pair = early_pair(server, client, session, [b"early"]).talk()
    text = log.without(b"SERVER_HANDSHAKE_TRAFFIC_SECRET", b"SERVER_TRAFFIC_SECRET_0")
    sink = decode(pair.wire, keylog(text))
    assert sink.joined()[0] == sent(pair)[0]


def test_refused_early_data_is_not_shown_as_sent() -> None:
    client, server, log, session = early_setup()
    SSL._lib.SSL_CTX_set_max_early_data(server._context, 0)
    pair = early_pair(server, client, session, [b"early"])
    pair.pump()
    pair.sent[0].clear()
    pair.send(0, b"early")  # what a client does then
    pair.talk()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.joined() == sent(pair)
    assert sink.codes == ["tls-early-data-rejected"]
    assert sink.sessions[0].early_data == "rejected"


def test_early_data_before_a_hello_retry_request_is_refused() -> None:
    client, server, log, session = early_setup()
    assert SSL._lib.SSL_CTX_set1_curves_list(server._context, b"brainpoolP256r1tls13:P-384")
    assert SSL._lib.SSL_CTX_set1_curves_list(client._context, b"P-256:P-384")
    pair = early_pair(server, client, session, [b"early"])
    pair.pump()
    pair.sent[0].clear()
    pair.talk()
    sink = decode(pair.wire, keylog(log.text))
    assert sink.joined() == sent(pair)
    assert sink.codes == ["tls-early-data-rejected"]

    # the server's part of the handshake closed: the HelloRetryRequest alone says so
    sink = decode(pair.wire, keylog(log.without(b"SERVER_HANDSHAKE_TRAFFIC_SECRET")))
    assert sink.joined()[0] == sent(pair)[0]


def test_early_data_without_an_answer_is_held_and_bounded() -> None:
    sink = Collector()
    early = EarlyData(sink, Teller(sink))
    tracker = SessionTracker(TCP, 1, "tls", KeyLog(), None, (), 0.0)
    tracker.early_data = "offered"
    for _ in range(200):
        early.take(tracker, bytes(16384), (1,), 0.0)
    assert sink.plain[0] == []
    assert "tls-early-data-too-long" in sink.codes
    early.release(tracker)  # the stream is over and nobody refused it
    assert len(sink.joined()[0]) == 1 << 20


# -- what only the C interface of OpenSSL can do: KeyUpdate and record padding


def _libssl() -> ctypes.CDLL:
    name = ctypes.util.find_library("ssl")
    if name is None:
        pytest.skip("no shared libssl to ask for KeyUpdate and padding")
    lib = ctypes.CDLL(name)
    for function in ("TLS_method", "SSL_CTX_new", "SSL_new", "BIO_s_mem", "BIO_new"):
        getattr(lib, function).restype = ctypes.c_void_p
    return lib


class NativePeer:
    """One TLS 1.3 end driven through the C interface."""

    def __init__(self, lib: ctypes.CDLL, server: bool, log: Log, padding: int, folder: str) -> None:
        self.lib = lib
        ctx = ctypes.c_void_p(lib.SSL_CTX_new(ctypes.c_void_p(lib.TLS_method())))
        lib.SSL_CTX_ctrl(ctx, 123, ctypes.c_long(0x0304), None)  # SSL_CTRL_SET_MIN_PROTO_VERSION
        self._callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)(log)
        lib.SSL_CTX_set_keylog_callback(ctx, self._callback)
        if padding:
            assert lib.SSL_CTX_set_block_padding(ctx, ctypes.c_size_t(padding)) == 1
        if server:
            for name, pem, load in zip(
                ("cert", "key"),
                credentials("P-256"),
                (lib.SSL_CTX_use_certificate_file, lib.SSL_CTX_use_PrivateKey_file),
                strict=True,
            ):
                path = f"{folder}/{name}.pem"
                with open(path, "wb") as file:
                    file.write(pem)
                assert load(ctx, path.encode(), 1) == 1
        self.ssl = ctypes.c_void_p(lib.SSL_new(ctx))
        method = ctypes.c_void_p(lib.BIO_s_mem())
        self.inward = ctypes.c_void_p(lib.BIO_new(method))
        self.outward = ctypes.c_void_p(lib.BIO_new(method))
        lib.SSL_set_bio(self.ssl, self.inward, self.outward)
        (lib.SSL_set_accept_state if server else lib.SSL_set_connect_state)(self.ssl)
        self.room = ctypes.create_string_buffer(1 << 16)

    def work(self) -> bytes:
        self.lib.SSL_do_handshake(self.ssl)
        while self.lib.SSL_read(self.ssl, self.room, len(self.room)) > 0:
            pass
        size = self.lib.BIO_read(self.outward, self.room, len(self.room))
        return self.room.raw[:size] if size > 0 else b""

    def take(self, data: bytes) -> None:
        self.lib.BIO_write(self.inward, data, len(data))

    def send(self, data: bytes) -> None:
        assert self.lib.SSL_write(self.ssl, data, len(data)) == len(data)

    def update(self, ask: bool) -> None:
        assert self.lib.SSL_key_update(self.ssl, int(ask)) == 1


def native_session(padding: int, folder: str) -> tuple[list[tuple[int, bytes]], Log, list[bytes]]:
    lib, log = _libssl(), Log()
    ends = [NativePeer(lib, server, log, padding, folder) for server in (False, True)]
    wire: list[tuple[int, bytes]] = []

    def pump() -> None:
        quiet = 0
        while quiet < 2:
            for side in (0, 1):
                data = ends[side].work()
                quiet = 0 if data else quiet + 1
                if data:
                    wire.append((side, data))
                    ends[1 - side].take(data)

    pump()
    sent = [b"", b""]
    for i in range(8):
        for side in (0, 1):
            if i in (2, 5):
                ends[side].update(ask=side == 0)
            part = b"message %d of %d " % (i, side) * (1 + 50 * i)
            ends[side].send(part)
            sent[side] += part
            pump()
    return wire, log, sent


@pytest.mark.oracle("libssl")
def test_key_updates_in_both_directions(tmp_path: object) -> None:
    wire, log, sent_bytes = native_session(0, str(tmp_path))
    sink = decode(wire, keylog(log.text))
    assert list(sink.joined()) == sent_bytes
    assert sink.codes == []


@pytest.mark.oracle("libssl")
def test_padded_records(tmp_path: object) -> None:
    wire, log, sent_bytes = native_session(512, str(tmp_path))
    sizes = {len(r) - 5 - 16 for s, c in wire for r in records(c) if r[0] == 23}
    assert all(size % 512 in (0, 1) for size in sizes)
    sink = decode(wire, keylog(log.text))
    assert list(sink.joined()) == sent_bytes
    assert sink.codes == []


@pytest.mark.oracle("libssl")
def test_a_key_update_lost_in_a_hole_is_followed(tmp_path: object) -> None:
    wire, log, sent_bytes = native_session(0, str(tmp_path))
    items = [(s, r) for s, c in wire for r in records(c)]
    update = next(i for i, (s, r) in enumerate(items) if s == 0 and len(r) == 5 + 16 + 1 + 5)
    sink = Collector()
    stream = TlsStream(TCP, keylog(log.text), sink, sink.sessions.append)
    for i, (side, record) in enumerate(items):
        if i == update:
            stream.gap(0, len(record), (1,), 0.0)
        else:
            stream.data(side, record, (1,), 0.0)
    assert list(sink.joined()) == sent_bytes
