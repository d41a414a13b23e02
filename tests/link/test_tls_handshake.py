"""Handshake messages read from bytes built by hand: whole, broken, and cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_forge import client_hello, server_hello, vector

from dissectors.link.tls_handshake import (
    HandshakeError,
    MessageCutter,
    group_name,
    message_name,
    read_alpn_choice,
    read_certificates,
    read_client_hello,
    read_encrypted_extensions,
    read_named_curve,
    read_psk_identity,
    read_server_hello,
    read_ticket,
    version_name,
)

RANDOM = bytes(range(32))
ITEMS = {
    0: vector(b"\x00" + vector(b"eim.example", 2), 2),
    10: vector(b"\x00\x17\x00\x1a", 2),
    16: vector(vector(b"h2", 1) + vector(b"http/1.1", 1), 2),
    35: b"ticket",
    43: vector(b"\x03\x04\x03\x03", 1),
}


def test_client_hello() -> None:
    body = client_hello(
        RANDOM, [0x1301, 0xC02B], ITEMS, version=0x0303, session_id=b"id", cookie=None
    )
    hello = read_client_hello(body)
    assert hello.random == RANDOM
    assert hello.session_id == b"id"
    assert hello.suites == (0x1301, 0xC02B)
    assert hello.server_name == "eim.example"
    assert hello.alpn == ("h2", "http/1.1")
    assert hello.versions == (0x0304, 0x0303)
    assert hello.groups == (23, 26)
    assert hello.extensions[35] == b"ticket"
    assert hello.faults == ()


def test_client_hello_of_dtls_has_a_cookie() -> None:
    hello = read_client_hello(client_hello(RANDOM, [0xC0AE], {}, cookie=b"cookie"), dtls=True)
    assert hello.cookie == b"cookie"
    assert hello.suites == (0xC0AE,)
    assert hello.versions == (0xFEFD,)


def test_client_hello_without_extensions() -> None:
    body = client_hello(RANDOM, [0x003C], {}, version=0x0303, cookie=None)[:-2]
    hello = read_client_hello(body)
    assert hello.extensions == {}
    assert hello.faults == ()


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ({0: b"\x00\x09abc"}, "extension 0: a length says more"),
        ({0: vector(b"\x00\x00\x09abc", 2)}, "extension 0"),
        ({16: b"\x00\x03\x09h2"}, "extension 16"),
        ({43: b"\x09\x03\x04"}, "extension 43"),
        ({10: b"\xff\xff\x00\x17"}, "extension 10"),
    ],
)
def test_a_broken_extension_is_named_with_its_place_and_the_rest_read(
    items: dict[int, bytes], words: str
) -> None:
    body = client_hello(RANDOM, [0xC02B], {35: b"t", **items}, version=0x0303, cookie=None)
    hello = read_client_hello(body)
    assert hello.suites == (0xC02B,)
    assert hello.extensions[35] == b"t"
    (fault,) = hello.faults
    assert words in str(fault)
    (content,) = items.values()
    assert body.index(content) <= fault.offset < len(body)


def test_extensions_that_do_not_fill_the_message() -> None:
    body = client_hello(RANDOM, [0xC02B], ITEMS, version=0x0303, cookie=None)
    assert "do not end where the message ends" in str(read_client_hello(body + b"xx").faults[0])
    cut = read_client_hello(body[:-3])
    assert cut.server_name == "eim.example"
    assert len(cut.faults) >= 1


def test_a_repeated_extension_keeps_its_first_value() -> None:
    body = server_hello(RANDOM, 0x1301, {}, version=0x0303)[:-2]
    body += vector(b"\x00\x2b\x00\x02\x03\x04" + b"\x00\x2b\x00\x02\x03\x03", 2)
    assert read_server_hello(body).version == 0x0304


@pytest.mark.parametrize("size", [0, 1, 34, 35, 36, 40])
def test_a_client_hello_cut_in_its_fixed_part_is_an_error(size: int) -> None:
    body = client_hello(RANDOM, [0xC02B], {}, version=0x0303, session_id=bytes(8), cookie=None)
    with pytest.raises(HandshakeError):
        read_client_hello(body[:size])


def test_server_hello() -> None:
    items = {43: b"\x03\x04", 16: vector(vector(b"h2", 1), 2)}
    hello = read_server_hello(server_hello(RANDOM, 0x1302, items, version=0x0303))
    assert (hello.version, hello.suite, hello.retry) == (0x0304, 0x1302, False)
    assert read_alpn_choice(hello.extensions) == "h2"
    retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    assert read_server_hello(server_hello(retry, 0x1302, items)).retry
    with pytest.raises(HandshakeError, match="before its cipher suite"):
        read_server_hello(server_hello(RANDOM, 1, {}, session_id=bytes(32))[:68])


def test_certificates_of_both_versions() -> None:
    chain = (b"one", b"second")
    older = vector(b"".join(vector(c, 3) for c in chain), 3)
    newer = b"\x00" + vector(b"".join(vector(c, 3) + b"\x00\x00" for c in chain), 3)
    assert read_certificates(older, tls13=False) == chain
    assert read_certificates(newer, tls13=True) == chain
    assert read_certificates(b"\x00\x00\x00", tls13=False) == ()
    with pytest.raises(HandshakeError):
        read_certificates(older[:-1], tls13=False)


def test_small_messages() -> None:
    assert read_ticket(bytes(4) + vector(b"ticket", 2)) == b"ticket"
    assert read_psk_identity(vector(b"device", 2)) == b"device"
    assert read_named_curve(b"\x03\x00\x1a" + bytes(66)) == 26
    assert read_named_curve(b"\x01") == 0
    extensions = vector(b"\x00\x10" + vector(vector(vector(b"h2", 1), 2), 2), 2)
    assert read_alpn_choice(read_encrypted_extensions(extensions)) == "h2"
    with pytest.raises(HandshakeError):
        read_encrypted_extensions(extensions[:-1])


def test_names() -> None:
    assert version_name(0x0303) == "TLS 1.2"
    assert version_name(0x1234) == "0x1234"
    assert group_name(26) == "brainpoolP256r1"
    assert group_name(0x1111) == "0x1111"
    assert message_name(11) == "certificate"
    assert message_name(99) == "type 99"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=8),
    st.lists(st.integers(1, 100), min_size=1, max_size=10),
)
def test_messages_are_cut_out_of_any_records(
    messages: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    wire = b"".join(bytes([kind]) + vector(body, 3) for kind, body in messages)
    cutter, got, at, i = MessageCutter(), [], 0, 0
    while at < len(wire):
        size = sizes[i % len(sizes)]
        got += cutter.feed(wire[at : at + size])
        at, i = at + size, i + 1
    assert got == messages


def test_an_overlong_message_is_passed_over_and_told() -> None:
    cutter = MessageCutter()
    size = MessageCutter.MAX_LENGTH + 1
    assert list(cutter.feed(b"\x0b" + size.to_bytes(3, "big") + bytes(100))) == []
    assert cutter.overlong == size
    rest = bytes(size - 100) + b"\x14\x00\x00\x01x"
    got = [
        message for at in range(0, len(rest), 999) for message in cutter.feed(rest[at : at + 999])
    ]
    assert got == [(20, b"x")]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (
        read_client_hello,
        read_server_hello,
        read_encrypted_extensions,
        read_ticket,
        read_psk_identity,
        read_named_curve,
        lambda data: read_client_hello(data, dtls=True),
        lambda data: read_certificates(data, tls13=False),
        lambda data: read_certificates(data, tls13=True),
    ):
        offset = 0
        try:
            read(body)
        except HandshakeError as error:
            offset = error.offset
        assert 0 <= offset <= len(body)
