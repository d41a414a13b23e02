"""A server on brainpool and clients that cannot verify brainpool in TLS 1.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from links_kit import (
    EIM,
    NOTHING,
    POLL,
    Answers,
    Program,
    client,
    oracle,
    run,
    server,
    write_pem,
)

from sgprobe.links.hello import client_hello, knows_brainpool_in_tls13, older_context
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tls import TLS12, TLS13, TlsSession, TlsSettings, make_context

OLD_SIGNATURES = "ECDSA+SHA256:ECDSA+SHA384:RSA+SHA256:RSA-PSS+SHA256"


def drop(line: bytes) -> None:
    """Log no key."""


def first(settings: TlsSettings) -> bytes:
    session = TlsSession(make_context(settings, False, drop), False, EIM)
    session.receive(b"")
    return session.outgoing()


def versions(own: TlsSettings, theirs: TlsSettings) -> str:
    async def work() -> str:
        async with HttpsServer(Answers(), own) as eim:
            ipa = HttpsClient(eim.address, theirs, name=EIM)
            assert (await ipa.ask(POLL)).body == NOTHING.body
            (connection,) = ipa._kept
            assert connection.session is not None
            version = connection.session.version
            await ipa.close()
            return version

    return run(work())


def test_who_cannot_is_served_in_tls_12() -> None:
    assert (
        versions(server("brainpool"), client("brainpool", signatures=OLD_SIGNATURES)) == "TLSv1.2"
    )


def test_who_can_is_served_in_tls_13() -> None:
    assert versions(server("brainpool"), client("brainpool")) == "TLSv1.3"
    assert versions(server(), client(signatures=OLD_SIGNATURES)) == "TLSv1.3"
    assert versions(server("brainpool"), client("brainpool", highest=TLS12)) == "TLSv1.2"


@pytest.mark.parametrize("changes", [{"lowest": TLS13}, {"highest": TLS12}])
def test_a_server_that_may_not_choose(changes: dict[str, int]) -> None:
    own = server("brainpool", **changes)
    assert older_context(own, drop) is None
    theirs = client("brainpool", signatures=OLD_SIGNATURES)
    if "highest" in changes:
        assert versions(own, theirs) == "TLSv1.2"
    else:
        with pytest.raises(Unreachable):
            versions(own, theirs)
    assert older_context(server(), drop) is None
    assert older_context(server("brainpool"), drop) is not None


@oracle("openssl")
def test_s_client_of_the_system(tmp_path) -> None:
    _, _, root = write_pem(tmp_path, "brainpool", "eim-tls")

    async def work() -> bytes:
        async with HttpsServer(Answers(), server("brainpool")) as eim:
            host, port = eim.address
            command = ("openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", root,
                       "-groups", "brainpoolP256r1:P-256", "-verify_return_error")  # fmt: skip
            async with Program(*command) as program:
                said = await program.until(b"Verify return code", 10)
                program.end()
                return said

    said = run(work())
    assert b"Verify return code: 0 (ok)" in said
    # an OpenSSL before 3.2 has no brainpool in TLS 1.3
    assert b"New, TLSv1." in said


# --- the first octets ---


def test_a_hello_in_any_pieces() -> None:
    whole = first(client("brainpool"))
    body = client_hello(whole)
    assert body is not None
    assert knows_brainpool_in_tls13(body)
    assert not knows_brainpool_in_tls13(
        client_hello(first(client("brainpool", signatures=OLD_SIGNATURES))) or b""
    )
    for end in range(len(whole)):
        assert client_hello(whole[:end]) is None
    # over records of a few octets each
    message = whole[5:]
    pieces = b"".join(
        whole[:3] + len(part).to_bytes(2, "big") + part
        for part in (message[at : at + 9] for at in range(0, len(message), 9))
    )
    assert client_hello(pieces) == body
    assert client_hello(pieces[:-1]) is None


def test_what_is_no_hello_goes_to_the_library() -> None:
    for junk in (b"GET / HTTP/1.1\r\n", b"\x15\3\3\0\2\1\0", b"\x16\3\1\0\4\2\0\0\0",
                 b"\x16\3\1\xff\xff" + bytes(1 << 16)):  # fmt: skip
        assert client_hello(junk) == b""
    assert knows_brainpool_in_tls13(b"")


@given(st.binary(max_size=300))
def test_any_octets(data: bytes) -> None:
    for begin in (b"", b"\x16\3\1", b"\x16\3\1\0\x30\1\0\0\x2c"):
        body = client_hello(begin + data)
        if body is not None:
            knows_brainpool_in_tls13(body)


def test_many_small_records_are_not_put_together() -> None:
    """Each octet that comes has it looked at from the beginning."""
    pieces = b"\x16\3\1\0\1\1" * 65
    assert client_hello(pieces[:-60]) is None
    assert client_hello(pieces) == b""
