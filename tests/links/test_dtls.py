"""DTLS without sockets: handshakes, cookies, bounds, restarts, replay, floods, fragments."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import EIM, PKI, mutual, traced

from sgprobe.links.dtls import DtlsSession, make_context
from sgprobe.links.dtls_peers import Bounds, DtlsPeers, is_hello
from sgprobe.links.tape import Address
from sgprobe.links.tls import TlsSettings

PEER: Address = ("192.0.2.1", 5000)
SUITES = ["ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES128-GCM-SHA256",
          "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA256"]  # fmt: skip


def drop(line: bytes) -> None:
    """Log no key."""


class Side:
    """The server with everything that reached it and left it."""

    def __init__(self, given: TlsSettings | None = None, **changes: object) -> None:
        self.gone: list[DtlsSession] = []
        self.plain: list[bytes] = []
        self.peers = DtlsPeers(
            given or mutual("p256", "eim-tls"), drop, on_gone=self.gone.append, **changes
        )  # type: ignore[arg-type]
        self.now = 0.0

    def take(self, datagram: bytes, address: Address = PEER) -> list[bytes]:
        plain, out = self.peers.receive(datagram, address, self.now)
        self.plain += plain
        return out


class Device:
    """A client of that server; `sent` is what it put on the wire."""

    def __init__(
        self, side: Side, given: TlsSettings | None = None, address: Address = PEER,
        mtu: int = 1200,
    ) -> None:  # fmt: skip
        self.side = side
        self.address = address
        context = make_context(given or mutual("p256", "dptls"), False, drop)
        self.session = DtlsSession(context, False, ("", 0), mtu, EIM)
        self.sent: list[bytes] = []
        self.answers: list[bytes] = []

    def begin(self) -> list[bytes]:
        self.session.receive(b"")
        return self.outgoing()

    def outgoing(self) -> list[bytes]:
        out = self.session.outgoing()
        self.sent += out
        return out

    def pump(self, out: list[bytes], change: Callable[[bytes], bytes] = lambda one: one) -> None:
        for _ in range(60):
            back = [one for sent in out for one in self.side.take(change(sent), self.address)]
            self.answers += back
            for one in back:
                self.session.receive(one)
            out = self.outgoing()
            if not out:
                return

    def connect(self) -> Device:
        self.pump(self.begin())
        return self

    def say(self, data: bytes) -> list[bytes]:
        self.session.send(data)
        return self.outgoing()


# --- the handshake ---


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_mutual_certificates_on_both_curves_with_every_suite(curve: str, suite: str) -> None:
    side = Side(mutual(curve, "eim-tls", ciphers=suite))
    device = Device(side, mutual(curve, "dptls")).connect()
    session = side.peers.session(PEER)
    assert device.session.established
    assert session is not None
    assert session.cipher == device.session.cipher == suite
    assert session.server_name == EIM
    assert session.peer_chain[0].serial_number == PKI[curve]["dptls"].certificate.serial
    assert device.session.peer_chain[0].serial_number == PKI[curve]["eim-tls"].certificate.serial
    device.pump(device.say(b"poll"))
    assert side.plain == [b"poll"]


@pytest.mark.parametrize("mtu", [256, 300, 576, 1200])
def test_handshake_datagrams_keep_to_the_mtu(mtu: int) -> None:
    side = Side(mtu=mtu)
    device = Device(side, mtu=mtu).connect()
    assert device.session.established
    assert max(len(one) for one in device.sent + device.answers) <= mtu


@pytest.mark.parametrize("cookies", [True, False])
def test_a_hello_in_fragments(cookies: bool) -> None:
    # more suites and groups make the hello larger than one datagram of 256 octets
    large = mutual("p256", "dptls", ciphers="ALL:@SECLEVEL=0",
                   groups="P-256:P-384:P-521:X25519:X448:brainpoolP256r1")  # fmt: skip
    side = Side(mtu=256, cookies=cookies)
    device = Device(side, large, mtu=256)
    assert len(device.begin()) > 1
    device = Device(side, large, mtu=256).connect()
    assert device.session.established
    assert side.peers.session(PEER) is not None
    assert side.peers.shaking_hands == 0
    # a fragment that comes again begins nothing
    for one in device.sent:
        side.take(one)
    assert side.peers.shaking_hands == 0
    assert side.peers.peers == 1


@pytest.mark.parametrize(
    ("ours", "alert"),
    [
        (mutual("brainpool", "dptls", trust=(PKI["p256"].ci.der,)), 48),  # a chain to another CI
        (mutual("p256", "dptls", identity=None), 40),  # no certificate
        (mutual("p256", "dptls", ciphers="ECDHE-ECDSA-CHACHA20-POLY1305"), 40),
        (mutual("p256", "dptls", groups="P-521"), 40),
    ],
)
def test_who_is_refused_is_told_why(ours: TlsSettings, alert: int) -> None:
    side = Side()
    device = Device(side, ours).connect()
    assert not device.session.established
    assert device.session.over
    assert [(a.sent, a.description) for a in device.session.alerts] == [(False, alert)]
    (session,) = side.gone
    assert [(a.sent, a.description) for a in session.alerts] == [(True, alert)]
    assert str(session.failure)
    assert side.peers.shaking_hands == side.peers.peers == 0


def test_a_server_of_another_ci_is_refused() -> None:
    side = Side(mutual("p256", "eim-tls"))
    device = Device(side, mutual("p256", "dptls", trust=(PKI["brainpool"].ci.der,))).connect()
    assert "certificate verify failed" in str(device.session.failure)
    assert [(a.sent, a.description) for a in side.gone[0].alerts] == [(False, 48)]


def test_a_revoked_client_is_refused() -> None:
    crls = (PKI["p256"].crl("ci").der,)
    side = Side(mutual("p256", "eim-tls", crls=crls))
    assert Device(side).connect().session.established
    from links_kit import identity_of

    revoked = mutual("p256", "dptls", identity=identity_of(PKI["p256"].get("dptls", "revoked")))
    device = Device(side, revoked, ("192.0.2.9", 1)).connect()
    assert [a.description for a in device.session.alerts] == [44]


# --- strangers ---


def test_who_shows_no_cookie_leaves_no_trace() -> None:
    side = Side()
    hello = Device(side).begin()[0]
    with traced() as held:
        for number in range(3000):
            (answer,) = side.take(hello, (f"198.51.{number >> 8}.{number & 255}", 1024))
            # HelloVerifyRequest, smaller than what asked for it: no help for a flood on others
            assert answer[13] == 3
            assert len(answer) < len(hello)
        assert side.peers.shaking_hands == side.peers.peers == 0
        assert held() < 100_000
    assert Device(side).connect().session.established


def test_a_cookie_is_good_for_its_address_alone() -> None:
    side = Side()
    device = Device(side)
    (answer,) = side.take(device.begin()[0])
    device.session.receive(answer)
    (with_cookie,) = device.outgoing()
    (refused,) = side.take(with_cookie, ("203.0.113.5", 5000))
    assert refused[13] == 3
    assert side.peers.shaking_hands == 0
    assert len(side.take(with_cookie)) >= 1
    assert side.peers.shaking_hands == 1


def test_a_cookie_grows_old() -> None:
    side = Side()
    device = Device(side)
    (answer,) = side.take(device.begin()[0])
    device.session.receive(answer)
    (with_cookie,) = device.outgoing()
    for side.now in (700.0, 1400.0):
        side.take(b"\x17" + bytes(20))
    (refused,) = side.take(with_cookie)
    assert refused[13] == 3


def leave_in_the_middle(side: Side, address: Address) -> None:
    device = Device(side, address=address)
    (answer,) = side.take(device.begin()[0], address)
    device.session.receive(answer)
    side.take(device.outgoing()[0], address)


def test_clients_that_leave_in_the_middle_are_bounded_and_forgotten() -> None:
    side = Side(bounds=Bounds(handshakes=20, patience=30.0))
    old = Device(side, address=("192.0.2.77", 1)).connect()
    for number in range(60):
        leave_in_the_middle(side, ("192.0.2.5", number + 1))
    assert side.peers.shaking_hands == 20
    side.now = 31.0
    side.peers.tick(side.now)
    assert side.peers.shaking_hands == 0
    # who was there is unharmed
    old.pump(old.say(b"still here"))
    assert side.plain == [b"still here"]


def test_flights_that_nobody_answers_are_sent_again_and_given_up() -> None:
    side = Side(bounds=Bounds(patience=8.0))
    leave_in_the_middle(side, PEER)
    import time

    again: list[bytes] = []
    until = time.monotonic() + 30  # the library's timer reads the wall
    while time.monotonic() < until and not again:
        time.sleep(0.05)
        for _, out in side.peers.tick(side.now):
            again += out
    assert again
    side.now = 9.0
    assert side.peers.tick(side.now) == []
    assert side.peers.shaking_hands == 0


def test_the_longest_idle_peer_makes_room() -> None:
    side = Side(bounds=Bounds(peers=3))
    devices = [Device(side, address=("192.0.2.1", number)).connect() for number in range(1, 4)]
    devices[0].pump(devices[0].say(b"busy"))
    Device(side, address=("192.0.2.1", 9)).connect()
    assert side.peers.peers == 3
    assert side.peers.session(("192.0.2.1", 1)) is not None
    assert side.peers.session(("192.0.2.1", 2)) is None


# --- who was there before ---


def test_a_client_that_restarts_from_its_address_is_taken_anew() -> None:
    side = Side()
    old = Device(side).connect()
    old.pump(old.say(b"one"))
    new = Device(side)
    out = new.begin()
    new.pump(out)
    assert new.session.established
    assert [session.failure for session in side.gone] == [None]
    assert side.peers.peers == 1
    new.pump(new.say(b"two"))
    # the old keys are worth nothing now
    old.pump(old.say(b"three"))
    assert side.plain == [b"one", b"two"]


def test_the_old_association_lives_until_the_new_one_stands() -> None:
    """RFC 6347 §4.2.8: a hello alone, even with a cookie, harms nobody."""
    side = Side()
    device = Device(side).connect()
    for hello in [one for one in device.sent if is_hello(one)]:
        side.take(hello)  # replayed
    assert side.peers.shaking_hands == 0
    leave_in_the_middle(side, PEER)
    assert side.peers.shaking_hands == 1
    device.pump(device.say(b"still here"))
    side.now = 61.0
    side.peers.tick(side.now)
    device.pump(device.say(b"and still"))
    assert side.plain == [b"still here", b"and still"]
    assert side.peers.peers == 1


def test_a_client_that_restarts_in_the_middle_of_a_handshake() -> None:
    side = Side()
    leave_in_the_middle(side, PEER)
    device = Device(side).connect()
    assert device.session.established
    assert side.peers.shaking_hands == 0


def test_a_record_that_comes_again_is_not_read_again() -> None:
    side = Side()
    device = Device(side).connect()
    records = [device.say(bytes([number]))[0] for number in range(5)]
    for record in [*records, *records, *reversed(records)]:
        side.take(record)
    assert side.plain == [bytes([number]) for number in range(5)]


def test_records_out_of_order_and_damaged() -> None:
    side = Side()
    device = Device(side).connect()
    records = [device.say(bytes([number]))[0] for number in range(40)]
    damaged = [bytes([*one[:-1], one[-1] ^ 1]) for one in records]
    for record in [*damaged, *reversed(records)]:
        assert side.take(record) == []
    assert side.plain == [bytes([number]) for number in reversed(range(40))]
    assert side.peers.peers == 1


def test_a_flood_of_records_hurts_nobody() -> None:
    side = Side()
    device = Device(side).connect()
    rng = random.Random(1)
    with traced() as held:
        for number in range(5000):
            head = b"\x17\xfe\xfd\x00\x01" + number.to_bytes(6, "big")
            body = rng.randbytes(rng.randrange(60))
            side.take(head + len(body).to_bytes(2, "big") + body)
        assert held() < 100_000
    device.pump(device.say(b"still here"))
    assert side.plain == [b"still here"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=120), max_size=6), st.booleans(), st.integers(0, 5))
def test_any_datagrams_harm_no_association(junk: list[bytes], framed: bool, kind: int) -> None:
    side, device = FUZZED
    for one in junk:
        if framed:
            # records of every type and epoch 0 or 1, with a right or wrong length
            one = bytes([20 + kind % 4, 0xFE, 0xFD, 0, kind & 1]) + one
        side.take(one)
        side.take(one, ("198.51.100.7", 7))
    assert side.peers.peers == 1
    count = len(side.plain)
    device.pump(device.say(b"still here"))
    assert side.plain[count:] == [b"still here"]


def _fuzzed() -> tuple[Side, Device]:
    side = Side()
    return side, Device(side).connect()


FUZZED = _fuzzed()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_to_a_handshake_ends_it_or_not_but_never_the_server(data: st.DataObject) -> None:
    side = Side(bounds=Bounds(handshakes=5))
    device = Device(side)
    counted = 0
    victim = data.draw(st.integers(0, 5))
    place, bit = data.draw(st.integers(0, 2000)), data.draw(st.integers(0, 7))

    def change(one: bytes) -> bytes:
        nonlocal counted
        counted += 1
        if counted - 1 != victim:
            return one
        at = place % len(one)
        return one[:at] + bytes([one[at] ^ 1 << bit]) + one[at + 1 :]

    device.pump(device.begin(), change)
    other = Device(side, address=("192.0.2.2", 2)).connect()
    assert other.session.established


def test_goodbye_is_answered_and_the_peer_forgotten() -> None:
    side = Side()
    device = Device(side).connect()
    device.session.close()
    back = [one for sent in device.outgoing() for one in side.take(sent)]
    assert [one[0] for one in back] == [21]
    assert side.peers.peers == 0
    assert [session.failure for session in side.gone] == [None]
