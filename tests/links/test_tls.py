"""TLS sessions: chains, CRLs, stapled OCSP, alerts, key log; OpenSSL's own programs agree."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from free_ports import free_port
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import (
    EIM,
    NOTHING,
    PKI,
    POLL,
    Answers,
    Program,
    client,
    mutual,
    oracle,
    run,
    server,
    until,
    write_pem,
)
from OpenSSL import SSL

from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.ocsp import check_response, issue_response
from sgprobe.crypto.rules import Outcome
from sgprobe.exchange import Request
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tls import (
    MAX_ALERTS,
    TLS12,
    TLS13,
    TlsFailure,
    TlsSession,
    TlsSettings,
    make_context,
    tell_time,
)

NOW = datetime.now(UTC)
# Debian's OpenSSL does not offer brainpool unasked
CURVES = "brainpoolP256r1:P-256"
# RFC 8446 §6.2
BAD_STATUS, REVOKED, EXPIRED = 113, 44, 45


def drop(line: bytes) -> None:
    """Log no key."""


def handshake(one: TlsSettings, other: TlsSettings, host: str = EIM) -> tuple[TlsSession, ...]:
    """Let two sessions talk in memory until neither says more."""
    asking = TlsSession(make_context(one, False, drop), False, host)
    answering = TlsSession(make_context(other, True, drop), True)
    asking.receive(b"")
    for _ in range(10):
        for source, target in ((asking, answering), (answering, asking)):
            data = source.outgoing()
            if data:
                target.receive(data)
    return asking, answering


def staple(state: str = "good", fresh: bool = True) -> bytes:
    pki = PKI["p256"]
    begin = NOW - timedelta(days=1 if fresh else 9)
    return issue_response(pki["eim-tls"].certificate, pki.ci, pki["ci"].key, begin,
                          begin + timedelta(days=7), state=state)  # fmt: skip


def check(der: bytes, chain: tuple[bytes, ...]) -> str:
    try:
        checks = check_response(der, read_certificate(chain[0]), PKI["p256"].ci, NOW)
    except CertificateError as error:
        return str(error)
    return "; ".join(one.rule for one in checks if one.outcome != Outcome.PASSED)


@pytest.mark.parametrize(("years", "well"), [(1, True), (40, False)])
def test_a_chain_has_to_hold_by_the_clock_of_its_side(years: int, well: bool) -> None:
    """The set ends in 2054: a clock that is forty years ahead is beyond it."""
    wants = client(at=lambda: (NOW + timedelta(days=365 * years)).timestamp())
    context = make_context(wants, False, drop)
    tell_time(context, wants)
    asking = TlsSession(context, False, EIM)
    answering = TlsSession(make_context(server(), True, drop), True)
    asking.receive(b"")
    try:
        for _ in range(10):
            answering.receive(asking.outgoing())
            asking.receive(answering.outgoing())
    except TlsFailure:
        assert not well
    assert asking.established is well


@pytest.mark.parametrize("years", [(40, 1), (1, 40), (1, 40, 1)])
def test_each_handshake_of_a_context_looks_at_the_clock(years: tuple[int, ...]) -> None:
    clock = [NOW]
    wants = client(at=lambda: clock[0].timestamp())
    context = make_context(wants, False, drop)
    for ahead in years:
        clock[0] = NOW + timedelta(days=365 * ahead)
        tell_time(context, wants)
        asking = TlsSession(context, False, EIM)
        answering = TlsSession(make_context(server(), True, drop), True)
        asking.receive(b"")
        with suppress(TlsFailure):
            for _ in range(10):
                answering.receive(asking.outgoing())
                asking.receive(answering.outgoing())
        assert asking.established is (ahead == 1)


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_both_sides_learn_of_each_other(version: int) -> None:
    asking, answering = handshake(
        mutual("p256", "dptls", lowest=version, highest=version), mutual("p256", "eim-tls")
    )
    assert asking.established
    assert answering.established
    assert answering.server_name == EIM
    assert asking.version == answering.version == ("TLSv1.2" if version == TLS12 else "TLSv1.3")
    assert asking.cipher == answering.cipher
    leaf = asking.peer_chain[0]
    assert leaf.serial_number == PKI["p256"]["eim-tls"].certificate.serial
    assert answering.peer_chain[0].serial_number == PKI["p256"]["dptls"].certificate.serial


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_a_revoked_certificate_is_refused(curve: str, version: int) -> None:
    crls = {"crls": (PKI[curve].crl("ci").der,), "highest": version}
    good, _ = handshake(client(curve, **crls), server(curve))
    assert good.established
    with pytest.raises(TlsFailure, match="certificate verify failed") as caught:
        handshake(client(curve, **crls), server(curve, "revoked"))
    assert [(a.sent, a.description) for a in caught.value.alerts] == [(True, REVOKED)]
    without, _ = handshake(client(curve), server(curve, "revoked"))
    assert without.established


@pytest.mark.parametrize("name", ["ci-expired", "ci-wrong-signature", "foreign-ci"])
def test_a_crl_that_proves_nothing_refuses_all(name: str) -> None:
    crls = (PKI["p256"].crl(name).der,)
    with pytest.raises(TlsFailure, match="certificate verify failed"):
        handshake(client(crls=crls), server())


FAULTY = {
    "expired": EXPIRED, "not-yet-valid": 42, "unknown-ci": 48, "self-signed": 48,
    "wrong-signature": 51, "wrong-extended-usage": 43, "issuer-without-ca-flag": 48,
    "path-too-long": 48, "unknown-critical-extension": 46,
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_server_certificate_is_refused(fault: str) -> None:
    with pytest.raises(TlsFailure) as caught:
        handshake(client(), server(fault=fault))
    assert [(a.sent, a.description) for a in caught.value.alerts] == [(True, FAULTY[fault])]


@pytest.mark.parametrize("fault", ["wrong-host", "name-only-in-subject", "wildcard-too-wide"])
def test_a_certificate_of_another_name_is_refused(fault: str) -> None:
    async def work() -> None:
        async with HttpsServer(Answers(), server(fault=fault)) as eim:
            ipa = HttpsClient(eim.address, client(), name=EIM)
            with pytest.raises(Unreachable, match="not for eim.example.com"):
                await ipa.ask(POLL)

    run(work())


# --- OCSP ---


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_good_staple_is_taken(version: int) -> None:
    wants = client(require_staple=True, check_staple=check, highest=version)
    asking, _ = handshake(wants, server(staple=staple()))
    assert asking.established


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize(
    ("given_staple", "said"),
    [
        (b"", "stapled no OCSP"),
        (staple("revoked"), "STATUS"),
        (staple("unknown"), "STATUS"),
        (staple(fresh=False), "VALIDITY"),
    ],
)
def test_a_bad_staple_is_refused(given_staple: bytes, said: str, version: int) -> None:
    wants = client(require_staple=True, check_staple=check, highest=version)
    with pytest.raises(TlsFailure, match=said) as caught:
        handshake(wants, server(staple=given_staple))
    assert "invalid status response" not in str(caught.value)
    assert [(a.sent, a.description) for a in caught.value.alerts] == [(True, BAD_STATUS)]


def test_without_a_staple_only_who_requires_one_minds() -> None:
    asking, _ = handshake(client(check_staple=check), server())
    assert asking.established
    with pytest.raises(TlsFailure, match="stapled no OCSP"):
        handshake(client(require_staple=True), server())


# --- words of the library ---


def test_what_the_library_does_not_know_is_named() -> None:
    with pytest.raises(ValueError, match="NO-SUCH-SUITE"):
        make_context(client(ciphers="NO-SUCH-SUITE"), False, drop)
    with pytest.raises(ValueError, match="no-such-group"):
        make_context(client(groups="no-such-group"), False, drop)


@pytest.mark.parametrize("name", ["a" * 70 + ".example.com", "a..b", "\udcff.example.com"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(TlsFailure, match="no DNS name"):
        TlsSession(make_context(client(), False, drop), False, name)

    async def work() -> None:
        ipa = HttpsClient(("127.0.0.1", 1), client(), name=name)
        with pytest.raises(Unreachable, match="no DNS name"):
            await ipa.ask(POLL)

    run(work())


def test_no_common_group_version_or_suite() -> None:
    for one, other, alert in (
        (client(groups="X25519"), server(groups="P-384"), 40),
        (client(highest=TLS12), server(lowest=TLS13), 70),
        (
            client(highest=TLS12, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"),
            server(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"),
            40,
        ),
    ):
        with pytest.raises(TlsFailure) as caught:
            handshake(one, other)
        assert [(a.sent, a.description) for a in caught.value.alerts] == [(True, alert)]


def test_keys_are_logged() -> None:
    lines: list[bytes] = []
    asking = TlsSession(make_context(client(), False, lines.append), False, EIM)
    answering = TlsSession(make_context(server(), True, lines.append), True)
    asking.receive(b"")
    for _ in range(4):
        answering.receive(asking.outgoing())
        asking.receive(answering.outgoing())
    assert {line.split()[0] for line in lines} >= {
        b"CLIENT_HANDSHAKE_TRAFFIC_SECRET", b"SERVER_HANDSHAKE_TRAFFIC_SECRET",
        b"CLIENT_TRAFFIC_SECRET_0", b"SERVER_TRAFFIC_SECRET_0",
    }  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_bytes_end_in_a_failure_or_silence(junk: bytes, is_server: bool, framed: bool) -> None:
    session = TlsSession(make_context(server(), is_server, drop), is_server)
    data = b"\x16\x03\x01" + len(junk).to_bytes(2, "big") + junk if framed else junk
    if not is_server:
        session.receive(b"")
    try:
        assert session.receive(data) == []
    except TlsFailure:
        assert session.over
    session.outgoing()
    session.close()
    assert len(session.alerts) <= MAX_ALERTS


# --- OpenSSL's own programs at the other end ---


@oracle("openssl")
@pytest.mark.parametrize(
    ("curve", "version"), [("p256", "tls1_2"), ("p256", "tls1_3"), ("brainpool", "tls1_2")]
)
def test_openssl_client_polls(curve: str, version: str, tmp_path: Path) -> None:
    chain, key, root = write_pem(tmp_path, curve, "dptls")

    async def work() -> None:
        answers = Answers()
        async with HttpsServer(answers, mutual(curve, "eim-tls", staple=staple())) as eim:
            port = eim.address[1]
            command = ("openssl", "s_client", "-connect", f"127.0.0.1:{port}", f"-{version}",
                       "-servername", EIM, "-cert", chain, "-key", key, "-CAfile", root,
                       "-verify_return_error", "-status", "-quiet", "-ign_eof", "-curves",
                       CURVES)  # fmt: skip
            async with Program(*command) as openssl:
                head = (f"POST {POLL.path} HTTP/1.1\r\nHost: {EIM}\r\nConnection: close\r\n"
                        f"Content-Type: {POLL.media}\r\n"
                        f"Content-Length: {len(POLL.body)}\r\n\r\n")  # fmt: skip
                openssl.say(head.encode() + POLL.body)
                await openssl.until(NOTHING.body)
        assert [one.body for one in answers.asked] == [POLL.body]

    run(work())


@oracle("openssl")
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_openssl_server_is_polled(curve: str, tmp_path: Path) -> None:
    chain, key, root = write_pem(tmp_path, curve, "eim-tls")
    (tmp_path / "answer").write_bytes(b"HTTP/1.0 200 ok\r\nContent-Length: 5\r\n\r\nhello")
    port = free_port()

    async def work() -> None:
        command = ("openssl", "s_server", "-accept", str(port), "-cert", chain, "-key", key,
                   "-cert_chain", chain, "-CAfile", root, "-Verify", "2", "-tls1_2", "-HTTP",
                   "-naccept", "1", "-curves", CURVES)  # fmt: skip
        async with Program(*command, folder=tmp_path) as openssl:
            await openssl.until(b"ACCEPT")
            ipa = HttpsClient(("127.0.0.1", port), mutual(curve, "dptls"), name=EIM)
            # -HTTP answers GET with a file, which holds its own headers
            response = await ipa.ask(Request("/answer", "", b"", method="GET"))
            await ipa.close()
        assert (response.status, response.body) == (200, b"hello")

    run(work())


def test_the_certificate_may_change_between_connections() -> None:
    async def work() -> None:
        async with HttpsServer(Answers(), server()) as eim:
            ipa = HttpsClient(eim.address, client(), name=EIM)
            await ipa.ask(POLL)
            await ipa.close()
            eim.use(server(fault="expired"))
            with pytest.raises(Unreachable, match="certificate has expired|verify failed"):
                await ipa.ask(POLL)
            await until(lambda: any(not a.sent and a.description for a in eim.alerts))
            assert [a.description for a in eim.alerts if not a.sent][-1] == EXPIRED
            assert any("expired" in text for text in eim.failures)

    run(work())


@pytest.mark.parametrize("refuses", [False, True])
def test_a_client_that_is_asked_for_another_handshake(refuses: bool) -> None:
    async def work() -> None:
        async with HttpsServer(Answers(), server(highest=TLS12)) as eim:
            eim.anew = 1
            ipa = HttpsClient(eim.address, client(), name=EIM)
            if refuses:
                assert ipa._context is not None
                ipa._context.set_options(SSL.OP_NO_RENEGOTIATION)
                with pytest.raises(Unreachable, match="handshake failure"):
                    await ipa.ask(POLL)
            # the one handshake is made, or the next connection is left in peace
            for _ in range(2):
                assert (await ipa.ask(POLL)).body == NOTHING.body
            await ipa.close()
            assert eim.anew == 0

    run(work())
