"""Faults in handshakes: what a client or server makes of each, over TLS 1.2 and DTLS 1.2."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import (
    EIM,
    NOTHING,
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

from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.handshake_fault import (
    HandshakeFault,
    hello_alone,
    in_records,
    key_reuser,
    mender,
    offering_compression,
    spoiler,
)
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tls import TLS12, TLS13

# RFC 5246 §7.2.2; where more than one answer is right, all that are
ILLEGAL, DECODE, DECRYPT, VERSION, BAD_MAC, UNEXPECTED = 47, 50, 51, 70, 20, 10
EXPECTED = {
    HandshakeFault.SUITE: {ILLEGAL},
    HandshakeFault.VERSION: {VERSION, ILLEGAL},
    HandshakeFault.COMPRESSION: {ILLEGAL},
    HandshakeFault.SIGNATURE: {DECRYPT},
    # the signature covers the point: either may be seen first
    HandshakeFault.POINT: {ILLEGAL, DECRYPT, DECODE},
    HandshakeFault.FINISHED: {BAD_MAC, DECRYPT},
}


@pytest.mark.parametrize("fault", HandshakeFault)
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_a_client_refuses_a_faulty_server(curve: str, fault: HandshakeFault) -> None:
    async def work() -> list[int]:
        spoil = spoiler(fault)
        groups = "P-256:brainpoolP256r1"
        async with HttpsServer(
            Answers(), server(curve, highest=TLS12, groups=groups), spoil=spoil
        ) as eim:
            ipa = HttpsClient(eim.address, client(curve), name=EIM)
            with pytest.raises(Unreachable, match="TLS"):
                await ipa.ask(POLL)
            await until(lambda: any(not alert.sent for alert in eim.alerts))
            return [alert.description for alert in eim.alerts if not alert.sent]

    (seen,) = run(work())
    assert seen in EXPECTED[fault]


def test_a_server_refuses_a_client_with_a_bad_finished() -> None:
    """PKI-SRV-TLS-007."""

    async def work() -> list[int]:
        async with HttpsServer(Answers(), server(highest=TLS12)) as eim:
            ipa = HttpsClient(eim.address, client(), name=EIM,
                              spoil=spoiler(HandshakeFault.FINISHED))  # fmt: skip
            with pytest.raises(Unreachable, match="TLS"):
                await ipa.ask(POLL)
            ipa.spoil = None
            assert (await ipa.ask(POLL)).body == NOTHING.body
            await ipa.close()
            return [alert.description for alert in eim.alerts if alert.sent]

    assert run(work())[0] in EXPECTED[HandshakeFault.FINISHED]


def test_a_server_that_overlooks_a_bad_finished() -> None:
    async def work() -> bytes:
        async with HttpsServer(Answers(), server(highest=TLS12)) as eim:
            eim.mend = mender(HandshakeFault.FINISHED)
            ipa = HttpsClient(eim.address, client(), name=EIM,
                              spoil=spoiler(HandshakeFault.FINISHED))  # fmt: skip
            try:
                return (await ipa.ask(POLL)).body
            finally:
                await ipa.close()

    assert run(work()) == NOTHING.body


def test_a_handshake_in_records_of_one_octet_is_done() -> None:
    async def work() -> None:
        async with HttpsServer(Answers(), server(highest=TLS12)) as eim:
            await HttpsClient(eim.address, client(), name=EIM, spoil=in_records(1)).greet()

    run(work())
    hello = b"\x16\x03\x01\x00\x03abc"
    assert in_records(2)(hello) == b"\x16\x03\x01\x00\x02ab\x16\x03\x01\x00\x01c"
    changed = b"\x14\x03\x03\x00\x01\x01\x16\x03\x03\x00\x03abc"
    assert in_records(1)(changed) == changed


def test_compression_is_offered_and_not_taken() -> None:
    seen: list[bytes] = []

    def spoil(flight: bytes) -> bytes:
        made = offering_compression(flight)
        seen.append(made)
        assert len(made) in (len(flight), len(flight) + 1)
        return made

    async def work() -> None:
        async with HttpsServer(Answers(), server(highest=TLS12)) as eim:
            with pytest.raises(Unreachable, match="TLS"):
                # the server has read another hello than the client's library has made
                await HttpsClient(eim.address, client(), name=EIM, spoil=spoil).greet()

    run(work())
    assert b"\x02\x01\x00" in seen[0]
    assert len(seen) > 1, "the server went on"


def test_after_its_hello_a_client_that_leaves_says_nothing() -> None:
    hello, key = b"\x16\x03\x01\x00\x02\x01x", b"\x16\x03\x03\x00\x02\x10x"
    assert [hello_alone(one) for one in (hello, key, b"")] == [hello, b"", b""]


def test_a_key_that_is_used_again_is_seen_and_refused() -> None:
    seen: list[bytes] = []
    reuse = key_reuser()

    def spoil(flight: bytes) -> bytes:
        made = reuse(flight)
        at = made.find(b"\x41\x04")  # 65 octets, an uncompressed point
        if at >= 0:
            seen.append(made[at : at + 66])
        return made

    async def work() -> None:
        async with HttpsServer(Answers(), server(highest=TLS12, groups="P-256"),
                               spoil=spoil) as eim:  # fmt: skip
            await HttpsClient(eim.address, client(), name=EIM).greet()
            with pytest.raises(Unreachable, match="TLS"):
                await HttpsClient(eim.address, client(), name=EIM).greet()

    run(work())
    assert len(seen) == 2
    assert seen[0] == seen[1]


@pytest.mark.parametrize("mtu", [256, 1200])
@pytest.mark.parametrize("fault", [one for one in HandshakeFault if one != "finished"])
def test_a_dtls_client_refuses_a_faulty_server(fault: HandshakeFault, mtu: int) -> None:
    async def work() -> list[int]:
        knobs = CoapKnobs(spoil=spoiler(fault))
        plain = mutual("p256", "eim-tls", groups="P-256")
        async with (
            CoapLink(plain, handler=Answers(), knobs=knobs, mtu=mtu) as eim,
            CoapLink(mutual("p256", "dptls"), mtu=mtu) as ipa,
        ):
            with pytest.raises(Unreachable, match="DTLS"):
                await ipa.ask(eim.address, POLL)
            return [alert.description for alert in ipa.alerts if alert.sent]

    (seen,) = run(work())
    assert seen in EXPECTED[fault]


def test_a_damaged_record_of_dtls_is_dropped_and_sent_again() -> None:
    """RFC 6347 §4.1.2.7: a Finished that does not decrypt is no Finished."""

    async def work() -> None:
        first = [spoiler(HandshakeFault.FINISHED)]

        def once(flight: bytes) -> bytes:
            changed = first[0](flight) if first else flight
            if changed != flight:
                first.clear()
            return changed

        async with (
            CoapLink(mutual("p256", "eim-tls"), handler=Answers()) as eim,
            CoapLink(mutual("p256", "dptls"), knobs=CoapKnobs(spoil=once)) as ipa,
        ):
            assert (await ipa.ask(eim.address, POLL)).body == NOTHING.body
            assert not first

    run(work())


def test_what_is_protected_stays_as_it_is() -> None:
    async def work() -> None:
        for fault in (HandshakeFault.SUITE, HandshakeFault.SIGNATURE, HandshakeFault.POINT):
            spoil = spoiler(fault)
            async with HttpsServer(Answers(), server(), spoil=spoil) as eim:
                ipa = HttpsClient(eim.address, client(lowest=TLS13), name=EIM)
                if fault is HandshakeFault.SUITE:  # TLS 1.3 shows its ServerHello as well
                    with pytest.raises(Unreachable, match="TLS"):
                        await ipa.ask(POLL)
                else:
                    assert (await ipa.ask(POLL)).body == NOTHING.body
                await ipa.close()

    run(work())


@oracle("openssl")
@pytest.mark.parametrize(
    ("fault", "said"),
    [("suite", b"wrong cipher|unknown cipher"), ("signature", b"bad signature"),
     ("point", b"bad ecpoint|bad signature|point"), ("finished", b"bad record mac")],
)  # fmt: skip
def test_openssl_says_the_same(fault: str, said: bytes, tmp_path: Path) -> None:
    _, _, root = write_pem(tmp_path, "p256", "eim-tls")

    async def work() -> bytes:
        spoil = spoiler(fault)
        async with HttpsServer(Answers(), server(groups="P-256"), spoil=spoil) as eim:
            command = ("openssl", "s_client", "-connect", f"127.0.0.1:{eim.address[1]}",
                       "-tls1_2", "-servername", EIM, "-CAfile", root)  # fmt: skip
            async with Program(*command) as openssl:
                return await openssl.rest()

    import re

    assert re.search(said, run(work()))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(HandshakeFault)), st.binary(max_size=120), st.booleans(),
       st.lists(st.integers(0, 255), max_size=4))  # fmt: skip
def test_any_flight_keeps_its_length(
    fault: HandshakeFault, junk: bytes, datagram: bool, kinds: list[int]
) -> None:
    flight = b""
    for kind in [22, *kinds]:
        head = bytes([kind]) + (b"\xfe\xfd" + bytes(8) if datagram else b"\x03\x03")
        flight += head + len(junk).to_bytes(2, "big") + junk
    assert len(spoiler(fault)(flight)) == len(flight)
    assert len(spoiler(fault)(junk)) == len(junk)
