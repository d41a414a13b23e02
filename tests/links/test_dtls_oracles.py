"""DTLS with the programs of OpenSSL and GnuTLS at the other end, as client and as server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from free_ports import free_port
from links_kit import (
    EIM,
    NOTHING,
    PKI,
    POLL,
    Answers,
    Program,
    has_datagram_port,
    mutual,
    oracle,
    run,
    until,
    write_pem,
)

from dissectors.link.coap.exchange import RequestKnobs
from dissectors.link.coap.message import CoapMessage, decode, empty, encode
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.flight_fault import FlightFault, Flights, RecordFault
from sgprobe.links.tape import Address

# Debian's OpenSSL does not offer brainpool unasked
CURVES = "brainpoolP256r1:P-256"
PING = encode(empty(0, 0x1234))
OTHER_PING = encode(empty(0, 0x4321))
RESET = encode(empty(3, 0x1234))
ANSWER = CoapMessage(2, 0x44, 0x4321, b"\x01\x02", (), NOTHING.body)
KNOBS = CoapKnobs(request=RequestKnobs(mid=0x4321, token=b"\x01\x02"))


@oracle("openssl")
@pytest.mark.parametrize("mtu", ["256", "1200"])
@pytest.mark.parametrize(
    ("curve", "suite"),
    [
        ("p256", "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0"),
        ("p256", "ECDHE-ECDSA-AES128-SHA256"),
        ("brainpool", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("brainpool", "ECDHE-ECDSA-AES128-CCM"),
    ],
)
def test_openssl_client(curve: str, suite: str, mtu: str, tmp_path: Path) -> None:
    chain, key, root = write_pem(tmp_path, curve, "dptls")

    async def work() -> None:
        async with CoapLink(mutual(curve, "eim-tls"), handler=Answers(), mtu=int(mtu)) as eim:
            command = ("openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{eim.address[1]}",
                       "-servername", EIM, "-cert", chain, "-key", key, "-CAfile", root,
                       "-verify_return_error", "-cipher", suite, "-curves", CURVES, "-mtu", mtu,
                       "-quiet")  # fmt: skip
            async with Program(*command) as openssl:
                # quiet after the last line of what it verified
                await openssl.until(b"verify return:1")
                openssl.say(PING)
                await openssl.until(RESET)
            (session,) = eim.associations.peers.sessions  # type: ignore[union-attr]
            assert session.server_name == EIM
            assert session.cipher == suite.split(":")[0]
            assert session.peer_chain[0].serial_number == PKI[curve]["dptls"].certificate.serial

    run(work())


@oracle("openssl")
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_openssl_server(curve: str, tmp_path: Path) -> None:
    chain, key, root = write_pem(tmp_path, curve, "eim-tls")
    port = free_port()

    async def work() -> None:
        command = ("openssl", "s_server", "-dtls1_2", "-accept", f"127.0.0.1:{port}", "-cert",
                   chain, "-key", key, "-CAfile", root, "-Verify", "2", "-verify_return_error",
                   "-curves", CURVES, "-listen", "-quiet")  # fmt: skip
        async with Program(*command) as openssl:
            await until(lambda: has_datagram_port(port))  # quiet: it does not say so
            async with CoapLink(mutual(curve, "dptls"), knobs=KNOBS, name=EIM) as ipa:
                asked = asyncio.ensure_future(ipa.ask(("127.0.0.1", port), POLL))
                await openssl.until(POLL.body)
                openssl.say(encode(ANSWER))
                assert (await asked).body == NOTHING.body

    run(work())


GNUTLS = "NORMAL:-VERS-ALL:+VERS-DTLS1.2:+AES-128-CCM-8:+AES-128-CCM"


@oracle("gnutls-cli")
@pytest.mark.parametrize("suite", ["AES-128-CCM-8", "AES-128-CCM", "AES-128-GCM", "AES-128-CBC"])
def test_gnutls_client(suite: str, tmp_path: Path) -> None:
    """P-256 alone: GnuTLS takes no brainpool certificates."""
    chain, key, root = write_pem(tmp_path, "p256", "dptls")
    priority = f"NORMAL:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL:+{suite}:+SHA256"

    async def work() -> None:
        seen: list[bytes] = []
        watch = CoapKnobs(watch=lambda sent, data, address: seen.append(data))
        eim_ = CoapLink(mutual("p256", "eim-tls"), handler=Answers(), knobs=watch)
        async with eim_ as eim:
            command = ("gnutls-cli", "-u", "-p", str(eim.address[1]), "127.0.0.1", "--x509cafile",
                       root, "--x509certfile", chain, "--x509keyfile", key, "--sni-hostname", EIM,
                       "--verify-hostname", EIM, "--priority", priority)  # fmt: skip
            async with Program(*command) as gnutls:
                await gnutls.until(b"Handshake was completed")
                (session,) = eim.associations.peers.sessions  # type: ignore[union-attr]
                assert session.server_name == EIM
                # it sends lines: this one is a NON without a code, no message at all
                gnutls.say(b"Pxyz\n")
                await until(lambda: seen)
            assert seen == [b"Pxyz\n"]

    run(work())


def as_sent(echo: bytes) -> bytes:
    """Return a message as it was before the echo put a line end to it."""
    return encode(decode(echo)[0])


@oracle("gnutls-serv")
@pytest.mark.parametrize(
    ("fault", "record"),
    [(None, None), *((one, None) for one in FlightFault), *((None, one) for one in RecordFault)],
)
def test_gnutls_server(
    fault: FlightFault | None, record: RecordFault | None, tmp_path: Path
) -> None:
    """It comes through what a bad way does to a handshake, and drops what it does to records."""
    chain, key, root = write_pem(tmp_path, "p256", "eim-tls")
    port = free_port()

    async def work() -> None:
        echoed: list[bytes] = []

        def watch(sent: bool, data: bytes, address: Address) -> None:
            if not sent:
                echoed.append(data)

        command = ("gnutls-serv", "-u", "-p", str(port), "--echo", "--crlf", "--x509certfile",
                   chain, "--x509keyfile", key, "--x509cafile", root, "--require-client-cert",
                   "--verify-client-cert", "--priority", GNUTLS)  # fmt: skip
        async with Program(*command):
            # what it says comes late through a pipe
            await until(lambda: has_datagram_port(port))
            knobs = CoapKnobs(watch=watch, flights=Flights(fault) if fault is not None else None)
            ipa_ = CoapLink(mutual("p256", "dptls"), name=EIM, knobs=knobs)
            async with ipa_ as ipa:
                address = ("127.0.0.1", port)
                await ipa.associations.reach(address)  # type: ignore[union-attr]
                session = ipa.session(address)
                assert session is not None
                assert session.established
                if record is not None:
                    ipa.send(OTHER_PING, address, record)
                ipa.send(PING, address)
                await until(lambda: PING in map(as_sent, echoed))
            # to the echo of a ping it says RST, which comes back as well
            pings = [one for one in map(as_sent, echoed) if one in (PING, OTHER_PING)]
            assert pings == ([OTHER_PING, PING] if record is RecordFault.TWICE else [PING])

    run(work())
