"""Captures of HTTPS: suites, curves, resumption, key updates, HTTP/2, keys missing."""

from __future__ import annotations

import tempfile
from typing import Any

from capture_bodies import POLLS, SHORT, json_download
from capture_http import Ask, answer_bytes, asks, http1, http2, json_asks, request_bytes
from capture_scene import Capture, finished, scene
from capture_secure import V12, V13, Secured, contexts, tls
from capture_wire import Wire, reordered, repeated
from OpenSSL import SSL
from test_tls_resumption import NativePeer, _libssl
from tls_endpoints import Log
from tls_forge import Forge

OPENSSL = "sessions of OpenSSL; " + "frames and bodies as elsewhere"
FORGED = "a record layer of the tests' own (tests/link/tls_forge.py), for it is not random"
NO_ETM = 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC

TLS12 = {
    "aes128-gcm": ("ECDHE-ECDSA-AES128-GCM-SHA256", 0),
    "aes256-gcm": ("ECDHE-ECDSA-AES256-GCM-SHA384", 0),
    "aes128-ccm": ("ECDHE-ECDSA-AES128-CCM", 0),
    "aes128-ccm8": ("ECDHE-ECDSA-AES128-CCM8", 0),
    "aes256-ccm": ("ECDHE-ECDSA-AES256-CCM", 0),
    "aes128-cbc": ("ECDHE-ECDSA-AES128-SHA256", 0),
    "aes128-cbc-mac-first": ("ECDHE-ECDSA-AES128-SHA256", NO_ETM),
    "aes256-cbc": ("ECDHE-ECDSA-AES256-SHA384", 0),
    "aes256-cbc-mac-first": ("ECDHE-ECDSA-AES256-SHA384", NO_ETM),
    "aes128-cbc-sha1": ("ECDHE-ECDSA-AES128-SHA", 0),
    "chacha20": ("ECDHE-ECDSA-CHACHA20-POLY1305", 0),
}
TLS13 = {
    "aes128-gcm": "TLS_AES_128_GCM_SHA256",
    "aes256-gcm": "TLS_AES_256_GCM_SHA384",
    "aes128-ccm": "TLS_AES_128_CCM_SHA256",
    "aes128-ccm8": "TLS_AES_128_CCM_8_SHA256",
    "chacha20": "TLS_CHACHA20_POLY1305_SHA256",
}


def _session(exchanges: list[Ask], log: Log, **options: Any) -> Wire:
    wire = Wire()
    secured = tls(wire, contexts(log, **options))
    http1(wire, secured.send, exchanges)
    secured.close()
    return wire


def _tls12(name: str, ciphers: str, options: int) -> None:
    title = f"TLS 1.2 with {ciphers}" + (", MAC before encryption" if options else "")

    @scene(f"tls12-{name}", title, origin=OPENSSL)
    def make() -> Capture:
        log = Log()
        wire = _session(asks(SHORT), log, version=V12, ciphers=ciphers, options=options)
        return finished(wire, keys=log.text)


def _tls13(name: str, suite: str) -> None:
    @scene(f"tls13-{name}", f"TLS 1.3 with {suite}", origin=OPENSSL)
    def make() -> Capture:
        log = Log()
        wire = _session(asks(SHORT), log, version=V13, suites13=suite)
        return finished(wire, keys=log.text)


for _name, (_ciphers, _options) in TLS12.items():
    _tls12(_name, _ciphers, _options)
for _name, _suite in TLS13.items():
    _tls13(_name, _suite)


@scene("tls12-brainpool", "TLS 1.2 with a certificate and a key exchange on brainpoolP256r1",
       origin=OPENSSL)  # fmt: skip
def brainpool12() -> Capture:
    log = Log()
    wire = _session(asks(SHORT), log, version=V12, curve="brainpool")
    return finished(wire, keys=log.text, inside=True)


@scene("tls13-brainpool", "TLS 1.3 with the key exchange brainpoolP256r1tls13",
       "no library at hand signs the handshake of TLS 1.3 with a brainpool key: P-256 signs",
       origin=OPENSSL)  # fmt: skip
def brainpool13() -> Capture:
    log = Log()
    wire = _session(asks(SHORT), log, version=V13, groups="brainpoolP256r1tls13")
    return finished(wire, keys=log.text, inside=True)


@scene("tls12-mutual", "TLS 1.2, the client has a certificate too", origin=OPENSSL)
def mutual() -> Capture:
    log = Log()
    wire = _session(asks(POLLS["1.2"]), log, version=V12, mutual=True)
    return finished(wire, keys=log.text, inside=True)


def _resumed(version: int, tickets: bool) -> Capture:
    log = Log()
    both = contexts(log, version=version, tickets=tickets)
    wire = Wire()
    session: SSL.Session | None = None
    for number in range(3):
        secured = tls(wire, both, client=("10.0.0.2", 50000 + number), session=session)
        http1(wire, secured.send, asks(SHORT[number % 2 : number % 2 + 1]))
        session = secured.pair.ends[0].get_session()
        secured.close()
    return finished(wire, keys=log.text, inside=True)


@scene("tls12-resumed-id", "TLS 1.2 resumed twice by session id", origin=OPENSSL)
def resumed_id() -> Capture:
    return _resumed(V12, False)


@scene("tls12-resumed-ticket", "TLS 1.2 resumed twice by ticket", origin=OPENSSL)
def resumed_ticket() -> Capture:
    return _resumed(V12, True)


@scene("tls13-resumed", "TLS 1.3 resumed twice by PSK", origin=OPENSSL)
def resumed_psk() -> Capture:
    return _resumed(V13, True)


@scene("tls12-resumed-first-key", "resumed by session id; the key log has the first session alone",
       fixed=True, origin=FORGED)  # fmt: skip
def resumed_first_key() -> Capture:
    wire = Wire()
    first = Forge(0xC02B, dtls=False, seed=b"r1", session_id=bytes(range(32)))
    second = Forge(0xC02B, dtls=False, seed=b"r2", session_id=bytes(range(32)),
                   master=first.master, echo=True)  # fmt: skip
    for number, forge in enumerate((first, second)):
        talk = wire.connect(("10.0.0.2", 50000 + number), ("10.0.0.5", 443))
        for side, data in forge.handshake(session_id=bytes(range(32))):
            talk.data(side, data)
        http1(
            wire, lambda side, data, f=forge, t=talk: t.data(side, f.data(side, data)), asks(SHORT)
        )
        talk.close()
    return finished(wire, keys=first.keylog)


@scene("tls13-key-update", "TLS 1.3: both ends change their keys between messages",
       origin="sessions of the system's OpenSSL by its C interface")  # fmt: skip
def key_update() -> Capture:
    library, log = _libssl(), Log()
    wire = Wire()
    talk = wire.connect(("10.0.0.2", 49152), ("10.0.0.5", 443))
    with tempfile.TemporaryDirectory() as folder:
        ends = [NativePeer(library, server, log, 0, folder) for server in (False, True)]

        def pump() -> None:
            quiet = 0
            while quiet < 2:
                for side in (0, 1):
                    data = ends[side].work()
                    quiet = 0 if data else quiet + 1
                    if data:
                        talk.data(side, data)
                        ends[1 - side].take(data)

        pump()
        for number, ask in enumerate(asks(POLLS["1.1"][:4])):
            for side, kind, octets in ((0, "request", ask.request), (1, "response", ask.answer)):
                if number in (1, 3):
                    ends[side].update(ask=side == 0)
                wire.say(kind, ask.interface, ask.function, octets)
                ends[side].send(request_bytes(ask) if side == 0 else answer_bytes(ask))
                pump()
        talk.close()
    return finished(wire, keys=log.text, inside=True)


@scene("tls13-http2", "HTTP/2 in TLS 1.3, agreed by ALPN", origin=OPENSSL)
def http2_in_tls() -> Capture:
    log = Log()
    both = contexts(log, version=V13)
    both[1].set_alpn_select_callback(lambda connection, offered: b"h2")
    wire = Wire()
    secured = tls(wire, both, alpn=[b"h2", b"http/1.1"])
    http2(wire, secured.send, asks(POLLS["1.3"][:4]), at_once=True)
    secured.close()
    return finished(wire, keys=log.text, inside=True)


@scene("tls13-es9-json", "ES9+ in JSON over TLS 1.3", origin=OPENSSL)
def es9() -> Capture:
    rows = json_asks(json_download(False), "/gsma/rsp2/es9plus/", "ES9+")
    log = Log()
    return finished(_session(rows, log, version=V13), keys=log.text, inside=True)


def _disordered(version: int) -> Capture:
    log = Log()
    wire = Wire()
    both = contexts(log, version=version)
    for number in range(2):
        secured = tls(wire, both, client=("10.0.0.2", 50000 + number))
        secured.talk.mss = 300
        http1(wire, secured.send, asks(POLLS["1.2"][:4]))
        secured.close()
    return finished(wire, reordered(0.2, 4), repeated(0.15, 6), keys=log.text, inside=True)


@scene("tls12-disorder", "TLS 1.2 in segments of 300 bytes, reordered and sent again, the "
       "handshake too", origin=OPENSSL)  # fmt: skip
def disorder12() -> Capture:
    return _disordered(V12)


@scene("tls13-disorder", "the same in TLS 1.3", origin=OPENSSL)
def disorder13() -> Capture:
    return _disordered(V13)


@scene(
    "tls13-no-keys",
    "TLS 1.3 without a key: what is needed is told",
    "nothing of it can be decoded: the messages count as lost",
    origin=OPENSSL,
)
def no_keys() -> Capture:
    wire = _session(asks(SHORT), Log(), version=V13)
    wire.sent.clear()
    return finished(wire)


@scene("tls12-one-key", "two sessions, a key log of the second alone", origin=OPENSSL)
def one_key() -> Capture:
    wire = Wire()
    first, second = Log(), Log()
    sessions: list[Secured] = []
    for number, log in enumerate((first, second)):
        both = contexts(log, version=V12)
        secured = tls(wire, both, client=("10.0.0.2", 50000 + number))
        http1(wire, secured.send, asks(SHORT[number : number + 1]))
        if number == 0:
            wire.sent.clear()
        secured.close()
        sessions.append(secured)
    return finished(wire, keys=second.text)
