"""How a test shapes one CoAP request, and the faults of an endpoint."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Block
from dissectors.link.coap.exchange import make_request
from dissectors.link.coap.message import CoapMessage
from sgprobe.links.coap_fault import CoapFault, rewriter
from sgprobe.links.coap_shape import REST, Shape

BODY = bytes(range(200))


def test_an_order_of_blocks_is_sent_as_it_stands() -> None:
    knobs = Shape(upload_szx=2, uploads=(0, 1, 1, REST)).knobs(BODY, 6)
    assert knobs.uploads is not None
    assert [one.block for one in knobs.uploads] == [
        Block(0, True, 2), Block(1, True, 2), Block(1, True, 2), Block(2, True, 2),
        Block(3, False, 2),
    ]  # fmt: skip
    assert b"".join(one.payload for one in knobs.uploads[2:]) == BODY[64:]


@pytest.mark.parametrize("size", [1, 64, 65, 200])
def test_blocks_after_the_first_may_be_smaller(size: int) -> None:
    knobs = Shape(upload_szx=2, later_szx=0).knobs(BODY[:size], 6)
    assert knobs.uploads is not None
    assert b"".join(one.payload for one in knobs.uploads) == BODY[:size]
    numbers = [(one.block.num, one.block.szx) for one in knobs.uploads if one.block is not None]
    assert numbers == [(0, 2), *((number, 0) for number in range(4, -(-size // 16)))]


def test_what_is_not_told_is_left_to_the_link() -> None:
    asked = make_request("/x", BODY, content_format=42)
    assert Shape().apply(asked) == asked
    knobs = Shape().knobs(BODY, 5)
    assert (knobs.szx, knobs.ask_szx, knobs.uploads, knobs.downloads) == (5, None, None, None)


def test_options_and_formats_are_put_in_and_left_out() -> None:
    asked = make_request("/x", BODY, content_format=42)
    assert Shape(content_format=0).apply(asked).content_format == 0
    assert Shape(no_content_format=True).apply(asked).content_format is None
    made = Shape(options=((65001, b"\x01"),), confirmable=False).apply(asked)
    assert made.options[-1] == (65001, b"\x01")
    assert not made.confirmable


CONTINUE = CoapMessage(codes.ACK, codes.CONTINUE, 7, b"t", ((opt.BLOCK1, b"\x08"),), b"")
ANSWER = CoapMessage(codes.ACK, codes.CHANGED, 7, b"t", ((opt.BLOCK2, b"\x0a"),), bytes(64))


@pytest.mark.parametrize(
    ("fault", "message", "field", "value"),
    [
        (CoapFault.TOKEN, ANSWER, "token", b"\x8b"),
        (CoapFault.RESET, ANSWER, "type", codes.RST),
        (CoapFault.INCOMPLETE, CONTINUE, "code", codes.REQUEST_ENTITY_INCOMPLETE),
        (CoapFault.CONTINUE, CONTINUE, "code", codes.CHANGED),
        (CoapFault.BLOCKS, ANSWER, "options", ((opt.BLOCK2, b"\x0e"),)),
    ],
)
def test_a_fault_changes_what_it_names(
    fault: CoapFault, message: CoapMessage, field: str, value: object
) -> None:
    changed = rewriter(fault)(message)
    assert getattr(changed, field) == value


def test_a_reset_and_a_missing_block_come_once() -> None:
    for fault, message in ((CoapFault.RESET, ANSWER), (CoapFault.INCOMPLETE, CONTINUE)):
        rewrite = rewriter(fault)
        assert rewrite(message) != message
        assert rewrite(message) == message


@settings(max_examples=60)
@given(
    fault=st.sampled_from(list(CoapFault)),
    code=st.integers(0, 255),
    kind=st.integers(0, 3),
    block=st.binary(max_size=4),
)
def test_no_message_breaks_a_fault(fault: CoapFault, code: int, kind: int, block: bytes) -> None:
    message = CoapMessage(kind, code, 1, b"", ((opt.BLOCK2, block),), b"")
    assert isinstance(rewriter(fault)(message), CoapMessage)
