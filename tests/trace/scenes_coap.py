"""Captures of CoAP, in clear and in DTLS: blocks, loss, separate answers, suites, IDs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from capture_bodies import DOWNLOAD, INJECTION, POLLS, SHORT, body, json_packages, long_package
from capture_coap import EIM, IPA, Manner, coap, datagrams, play
from capture_http import Ask, asks, json_asks
from capture_scene import Capture, finished, scene
from capture_secure import contexts, dtls
from capture_wire import Wire, reordered
from coap_net import Fate, lossy
from scenes_tls import FORGED, NO_ETM, OPENSSL
from tls_endpoints import Log
from tls_forge import SUITES, Forge

ENDS = "our CoAP endpoints on a link in memory; bodies of vectors/messages"


def _poll(version: str) -> None:
    title = f"the polling loop in SGP.32 {version} over CoAP"

    @scene(f"coap-esipa-{version}", title, origin=ENDS)
    def make() -> Capture:
        wire = Wire()
        coap(wire, asks(POLLS[version]), Manner(szx=6))
        return finished(wire)


for _version in ("1.0.1", "1.3"):
    _poll(_version)


def _simple(name: str, title: str, exchanges: list[Ask], manner: Manner, *notes: str) -> None:
    @scene(name, title, *notes, origin=ENDS)
    def make() -> Capture:
        wire = Wire()
        coap(wire, exchanges, manner)
        return finished(wire)


_package = Ask("GetBoundProfilePackage", body("esipa-download/035"), long_package(28))
_result = asks([("esipa-packages/035", "esipa-packages/050")])
_simple("coap-blocks", "a download in blocks of 1024 and 64 bytes: Block2 of 30 KB, Block1 of 3 KB",
        [*asks(DOWNLOAD[:2]), _package], Manner())  # fmt: skip
_simple("coap-small-blocks", "Block1 and Block2 of 32 bytes", _result, Manner(szx=1))
_simple("coap-loss-client", "one datagram in five is lost, seen by the client: it sends again",
        [*asks(SHORT), *_result], Manner(fate=lossy(11, 0.2), szx=4))  # fmt: skip
_simple("coap-loss-server", "the same seen by the server: it answers twice",
        [*asks(SHORT), *_result], Manner(fate=lossy(12, 0.2), szx=4, seen_by="server"))  # fmt: skip
_simple("coap-separate", "answers of their own, after an empty ACK", asks(SHORT),
        Manner(separate=True, think=2.5))  # fmt: skip
_simple("coap-non", "requests that ask for no ACK", asks(SHORT), Manner(confirmable=False))
_simple("coap-content", "answers 2.05 Content instead of 2.04", asks(SHORT), Manner(content=0x45))
_simple("coap-no-format", "no Content-Format", asks(SHORT), Manner(content_format=None))
_simple("coap-other-format", "an unusual Content-Format, an unusual path", asks(SHORT),
        Manner(content_format=10001, path="/esipa"))  # fmt: skip
_simple("coap-put", "PUT instead of POST", asks(SHORT[:1]), Manner(method=3))


@scene("coap-json", "the JSON binding in CoAP, Content-Format 50", origin=ENDS)
def json() -> Capture:
    wire = Wire()
    rows = json_asks(json_packages()[:2], "/gsma/rsp2/esipa/", "ESipa")
    for ask in rows:
        coap(wire, [ask], Manner(path=ask.path, content_format=50, seed=len(wire.frames)))
        wire.now += 10**9
    return finished(wire)


@scene("coap-errors", "4.00, 4.04, 4.13 and 5.03 with a diagnostic text", origin=ENDS)
def errors() -> Capture:
    wire = Wire()
    rows = ((0x80, b"bad body"), (0x84, b""), (0x8D, b"too large"), (0xA3, b"\xff\xfe\x00"))
    for number, (code, text) in enumerate(rows):
        ask = Ask("GetEimPackage", body("esipa-packages/001"), text)
        coap(wire, [ask], Manner(code=code, seed=number), ("10.0.0.2", 40000 + number))
        wire.now += 10**9
    return finished(wire)


@scene("coap-injection", "the eIM asks, the IPA answers", origin=ENDS)
def injection() -> Capture:
    wire = Wire()
    coap(wire, asks(INJECTION), Manner(), ("10.0.0.5", 40000), ("10.0.0.2", 5683))
    return finished(wire)


@scene("coap-other-port", "CoAP on another port, beside a flow that only looks like it",
       origin=ENDS)  # fmt: skip
def other_port() -> Capture:
    wire = Wire()
    for number in range(5):
        datagram = bytes([0x50, 1, 0, number]) + b"\xb1a"
        wire.datagram(("10.0.0.3", 7777), ("10.0.0.4", 8888), datagram)
        wire.datagram(("10.0.0.4", 8888), ("10.0.0.3", 7777), b"\x7f\xff" + bytes(9))
    coap(wire, asks(SHORT), Manner(), ("10.0.0.2", 40000), ("10.0.0.5", 61616))
    return finished(wire)


@scene("coap-ipv6", "CoAP over IPv6", origin=ENDS)
def ipv6() -> Capture:
    wire = Wire()
    coap(wire, asks(SHORT), Manner(), ("2001:db8::2", 40000), ("2001:db8::5", 5683))
    return finished(wire)


@scene("coap-disorder", "datagrams stored in another order than they were sent", origin=ENDS)
def disorder() -> Capture:
    wire = Wire(step=1_000_000)
    coap(wire, [*asks(SHORT), *_result], Manner(szx=3))
    return finished(wire, reordered(0.15, 2))


@scene("coap-lost-blocks", "blocks of an answer are not in the capture: decoded as far as it goes",
       origin=ENDS)  # fmt: skip
def lost_blocks() -> Capture:
    wire = Wire()
    asked = asks([("esipa-packages/001", "esipa-packages/016")])
    seen = datagrams(wire, asked, Manner(szx=4))
    wire.sent[1] = replace(wire.sent[1], lost=True)
    answers = [one for one in seen if one[1] == 1]
    play(wire, [one for one in seen if one is not answers[2]], IPA, EIM)
    return finished(wire)


@scene("coap-begins-inside", "the capture begins between the blocks of an answer", origin=ENDS)
def begins_inside() -> Capture:
    wire = Wire()
    first = asks([("esipa-packages/001", "esipa-packages/016")])
    seen = datagrams(wire, [*first, *asks(SHORT)], Manner(szx=4))
    wire.sent[:2] = [replace(one, lost=True) for one in wire.sent[:2]]
    play(wire, seen[5:], IPA, EIM)
    return finished(wire)


# --- DTLS ---

DTLS = {
    "aes128-ccm8": ("ECDHE-ECDSA-AES128-CCM8", 0),
    "aes128-ccm": ("ECDHE-ECDSA-AES128-CCM", 0),
    "aes128-gcm": ("ECDHE-ECDSA-AES128-GCM-SHA256", 0),
    "aes256-gcm": ("ECDHE-ECDSA-AES256-GCM-SHA384", 0),
    "aes128-cbc": ("ECDHE-ECDSA-AES128-SHA256", 0),
    "aes128-cbc-mac-first": ("ECDHE-ECDSA-AES128-SHA256", NO_ETM),
    "aes256-cbc": ("ECDHE-ECDSA-AES256-SHA384", 0),
    "aes256-cbc-mac-first": ("ECDHE-ECDSA-AES256-SHA384", NO_ETM),
    "chacha20": ("ECDHE-ECDSA-CHACHA20-POLY1305", 0),
}
PSK = bytes.fromhex("000102030405060708090a0b0c0d0e0f")


def _dtls(exchanges: list[Ask], log: Log, manner: Manner | None = None, **options: Any) -> Wire:
    wire = Wire()
    manner = manner or Manner()
    seen = datagrams(wire, exchanges, manner)
    more = {name: options.pop(name) for name in ("mtu", "one_record") if name in options}
    dtls(wire, contexts(log, dtls=True, **options), seen, **more)
    return wire


def _suite(name: str, ciphers: str, options: int) -> None:
    title = f"CoAP in DTLS 1.2 with {ciphers}" + (", MAC before encryption" if options else "")

    @scene(f"dtls-{name}", title, origin=OPENSSL)
    def make() -> Capture:
        log = Log()
        wire = _dtls(asks(SHORT), log, ciphers=ciphers, options=options)
        return finished(wire, keys=log.text)


for _name, (_ciphers, _options) in DTLS.items():
    _suite(_name, _ciphers, _options)


@scene("dtls-brainpool", "CoAP in DTLS 1.2 on brainpoolP256r1", origin=OPENSSL)
def brainpool() -> Capture:
    log = Log()
    wire = _dtls(
        asks(POLLS["1.2"]), log, curve="brainpool", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"
    )
    return finished(wire, keys=log.text, inside=True)


@scene("dtls-psk", "CoAP in DTLS 1.2 with a pre-shared key and AES_128_CCM_8; the key is given by "
       "--psk", origin=OPENSSL)  # fmt: skip
def psk() -> Capture:
    wire = _dtls(asks(SHORT), Log(), certificate=False, ciphers="PSK-AES128-CCM8", psk=PSK)
    return finished(wire, psk=PSK.hex())


@scene("dtls-fragments", "handshake messages in fragments, each record in a datagram, blocks of "
       "128 bytes", origin=OPENSSL)  # fmt: skip
def fragments() -> Capture:
    log = Log()
    both = {"ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256", "cookie": False}
    wire = _dtls(asks(SHORT), log, Manner(szx=3), mtu=256, one_record=True, **both)
    return finished(wire, keys=log.text, inside=True)


@scene("dtls-repeated-flights", "each flight of the handshake is sent twice", origin=FORGED)
def repeated_flights() -> Capture:
    forge = Forge(0xC0AE, seed=b"flights")
    wire = Wire()
    seen = datagrams(wire, asks(SHORT), Manner())
    ends = (IPA, ("10.0.0.5", 5684))
    for side, flight in forge.handshake(cookie=True):
        for _ in range(2):
            wire.datagram(ends[side], ends[1 - side], flight)
    play(wire, seen, *ends, change=forge.data)
    return finished(wire, keys=forge.keylog)


def _loss_in_dtls(fate: Fate, seen_by: str) -> Capture:
    forge = Forge(0xC0AE, seed=b"loss" + seen_by.encode())
    wire = Wire()
    seen = datagrams(wire, [*asks(SHORT), *_result], Manner(fate=fate, szx=4, seen_by=seen_by))
    ends = (IPA, ("10.0.0.5", 5684))
    for side, flight in forge.handshake():
        wire.datagram(ends[side], ends[1 - side], flight)
    play(wire, seen, *ends, change=forge.data)
    return finished(wire, keys=forge.keylog)


@scene("dtls-loss", "one datagram in five is lost, in DTLS: CoAP sends again in new records",
       origin=FORGED)  # fmt: skip
def loss() -> Capture:
    return _loss_in_dtls(lossy(21, 0.2), "client")


@scene("dtls-disorder", "records reordered and doubled on the way: each is handed up once",
       origin=FORGED)  # fmt: skip
def disordered_records() -> Capture:
    forge = Forge(0xC02B, seed=b"disorder")
    wire = Wire()
    seen = datagrams(wire, [*asks(SHORT), *_result], Manner(szx=4))
    ends = (IPA, ("10.0.0.5", 5684))
    for side, flight in forge.handshake():
        wire.datagram(ends[side], ends[1 - side], flight)
    begun = len(wire.frames)
    play(wire, seen, *ends, change=forge.data)
    wire.frames[begun:] = [one for f in wire.frames[begun:] for one in (f, f)]
    return finished(wire, reordered(0.1, 2), keys=forge.keylog)


@scene("dtls-resumed", "DTLS 1.2 resumed by session id; the key log has the first session alone",
       origin=FORGED)  # fmt: skip
def resumed() -> Capture:
    wire = Wire()
    name = bytes(range(32))
    first = Forge(0xC0AE, seed=b"d1", session_id=name)
    second = Forge(0xC0AE, seed=b"d2", session_id=name, master=first.master, echo=True)
    for number, forge in enumerate((first, second)):
        seen = datagrams(wire, asks(SHORT), Manner(seed=number))
        ends = (("10.0.0.2", 50000 + number), ("10.0.0.5", 5684))
        for side, flight in forge.handshake(session_id=name):
            wire.datagram(ends[side], ends[1 - side], flight)
        play(wire, seen, *ends, change=forge.data)
    return finished(wire, keys=first.keylog)


def _with_cid(code: int, etm: bool) -> None:
    cipher = SUITES[code][0] + str(8 * SUITES[code][1]) + ("-mac-last" if etm else "")

    @scene(f"dtls-cid-{cipher}-{code:04x}", f"connection IDs with {cipher} (suite {code:04X})",
           origin=FORGED)  # fmt: skip
    def make() -> Capture:
        forge = Forge(code, etm=etm, cids=(b"eim-7", b"ipa"), seed=b"cid%d" % code)
        wire = Wire()
        seen = datagrams(wire, asks(SHORT), Manner())
        ends = (IPA, ("10.0.0.5", 5684))
        for side, flight in forge.handshake(cookie=True):
            wire.datagram(ends[side], ends[1 - side], flight)
        play(wire, seen, *ends, change=forge.data)
        return finished(wire, keys=forge.keylog)


for _code in (0xC0AE, 0xC0AC, 0xC02B, 0xC02C, 0xCCA9, 0xC023):
    _with_cid(_code, False)
_with_cid(0xC024, True)


@scene("dtls-cid-moved", "the IPA goes on from another address: its connection ID tells who it is",
       origin=FORGED)  # fmt: skip
def moved() -> Capture:
    forge = Forge(0xC0AE, cids=(b"eim-7", b""), seed=b"moved")
    wire = Wire()
    seen = datagrams(wire, [*asks(SHORT), *asks(SHORT)], Manner())
    server = ("10.0.0.5", 5684)
    for side, flight in forge.handshake():
        ends = (IPA, server)
        wire.datagram(ends[side], ends[1 - side], flight)
    half = len(seen) // 2
    play(wire, seen[:half], IPA, server, change=forge.data)
    later = [(at - seen[half][0] + 1, side, data) for at, side, data in seen[half:]]
    play(wire, later, ("10.9.9.9", 61000), server, change=forge.data)
    return finished(wire, keys=forge.keylog)


@scene("dtls-no-keys", "DTLS without a key: what is needed is told", origin=FORGED)
def no_keys() -> Capture:
    capture = _loss_in_dtls(lossy(22, 0.0), "client")
    return Capture(capture.data, [], "pcap")
