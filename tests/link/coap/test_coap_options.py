"""The option registry, typed values and the rules of RFC 7252 §5.4."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.coap import options as opt


def test_numbers_and_names_agree_with_aiocoap() -> None:
    numbers = pytest.importorskip("aiocoap.numbers.optionnumbers", reason="no aiocoap")
    theirs = {int(n): n.name for n in numbers.OptionNumber if n.name is not None}
    compared = 0
    for number, rule in opt.REGISTRY.items():
        if number in theirs:
            compared += 1
            assert rule.name.replace("-", "_").lower() == theirs[number].replace("-", "_").lower()
            option = numbers.OptionNumber(number)
            assert opt.is_critical(number) == option.is_critical()
            assert opt.is_unsafe(number) == option.is_unsafe()
            if not opt.is_unsafe(number):
                assert opt.is_no_cache_key(number) == option.is_nocachekey()
    assert compared > 15


@pytest.mark.parametrize(
    ("number", "octets"), [(0, b""), (1, b"\1"), (42, b"*"), (256, b"\1\0"), (1 << 24, b"\1\0\0\0")]
)
def test_numbers_are_sent_without_leading_zeros(number: int, octets: bytes) -> None:
    assert opt.uint_bytes(number) == octets
    assert opt.uint(b"\0" + octets) == number


def test_path_with_reserved_bytes_is_escaped() -> None:
    options = ((opt.URI_PATH, b"a/b"), (opt.URI_PATH, b"\xff"), (opt.URI_PATH, b"c d"))
    assert opt.uri_path(options) == "/a%2Fb/%FF/c%20d"
    assert opt.path_options("/a%2Fb/%FF/c%20d") == options
    assert opt.path_options("/") == opt.path_options("") == ()
    assert opt.uri_path(()) == "/"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_path_options_undo_uri_path(segments: list[bytes]) -> None:
    options = tuple((opt.URI_PATH, segment) for segment in segments)
    if segments != [b""]:  # "/" reads as no segment, RFC 7252 §6.4
        assert opt.path_options(opt.uri_path(options)) == options


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (((11, b"a"), (12, b"\1")), ()),
        (((65001, b""),), (65001,)),
        (((65000, b""),), ()),
        (((27, b"\0\0\0\1"),), (27,)),  # critical, too long
        (((12, b"\1\2\3"),), ()),  # elective, too long: ignored
        (((3, b"a"), (3, b"b")), (3,)),  # critical, stands twice
        (((4, b"a"), (4, b"b")), ()),
        (((35, b"coap://x"),), ()),
    ],
)
def test_which_options_a_server_refuses(options: opt.Options, refused: tuple[int, ...]) -> None:
    assert opt.refused(options) == refused


def test_describe_reads_like_the_specification() -> None:
    assert opt.describe((11, b"gsma")) == "Uri-Path: gsma"
    assert opt.describe((12, b"\x2a")) == "Content-Format: 42"
    assert opt.describe((4, b"\xab\xcd")) == "ETag: abcd"
    assert opt.describe((5, b"")) == "If-None-Match"
    assert opt.describe((65001, b"\1")) == "option 65001: 01"


def test_transfer_key_ignores_what_differs_between_blocks() -> None:
    path = opt.path_options("/a")
    plain = opt.transfer_key(2, path)
    for option in ((23, b"\x16"), (27, b"\x0e"), (60, b"\1"), (28, b""), (12, b"\x2a"), (4, b"e")):
        assert opt.transfer_key(2, opt.sort((*path, option))) == plain
    assert opt.transfer_key(1, path) != plain
    assert opt.transfer_key(2, opt.path_options("/b")) != plain
    assert opt.transfer_key(2, (*path, (opt.URI_QUERY, b"q"))) != plain
