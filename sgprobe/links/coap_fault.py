"""Faults of a CoAP endpoint that no setting of it commits: messages changed on their way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Block, parse_block
from dissectors.link.coap.codes import (
    ACK,
    CHANGED,
    CONTINUE,
    INTERNAL_SERVER_ERROR,
    REQUEST_ENTITY_INCOMPLETE,
    RST,
)
from dissectors.link.coap.message import CoapMessage, empty

Rewrite = Callable[[CoapMessage], CoapMessage | bytes]
# an elective option that nobody knows
_ELECTIVE, _PADDING = 65000, 1000
_RESPONSES = range(0x40, 0xC0)
_CLIENT_ERRORS = range(0x80, 0xA0)


class CoapFault(StrEnum):
    """What an endpoint does wrong."""

    TOKEN = "token"  # responses have another token
    RESET = "reset"  # the first response is a RST in its place
    ETAG = "etag"  # each block of a response has an ETag of its own
    INCOMPLETE = "incomplete"  # the first block of a request that is taken is called missing
    CONTINUE = "continue"  # 2.31 is told as 2.04
    ERRORS = "errors"  # what the client did wrong is told as 5.00
    PONG = "pong"  # an empty message is acknowledged
    BLOCKS = "blocks"  # blocks are told as larger than was asked
    PADDING = "padding"  # each message carries 1 kB that nobody needs


def rewriter(fault: CoapFault | str) -> Rewrite:
    """Return what commits a fault in each message that has the place for it."""
    kind = CoapFault(fault)
    count = 0

    def rewrite(message: CoapMessage) -> CoapMessage | bytes:
        nonlocal count
        changed = _changed(kind, message, count)
        if changed is None:
            return message
        count += 1
        return changed

    return rewrite


def _changed(kind: CoapFault, message: CoapMessage, count: int) -> CoapMessage | None:
    """Return what goes out instead; None where a message is none of the fault's."""
    response = message.code in _RESPONSES
    match kind:
        case CoapFault.TOKEN if response:
            token = bytes(octet ^ 0xFF for octet in message.token) or b"\xff"
            return replace(message, token=token)
        case CoapFault.RESET if response and not count:
            return empty(RST, message.mid)
        case CoapFault.ETAG if response and message.option(opt.BLOCK2) is not None:
            etag = bytes((count & 0xFF, 0xE7))
            return replace(message, options=opt.replace(message.options, opt.ETAG, etag))
        case CoapFault.INCOMPLETE if message.code == CONTINUE and not count:
            return replace(message, code=REQUEST_ENTITY_INCOMPLETE)
        case CoapFault.CONTINUE if message.code == CONTINUE:
            return replace(message, code=CHANGED)
        case CoapFault.ERRORS if message.code in _CLIENT_ERRORS:
            return replace(message, code=INTERNAL_SERVER_ERROR)
        case CoapFault.PONG if message.type == RST:
            return replace(message, type=ACK)
        case CoapFault.BLOCKS if response:
            return _larger(message)
        case CoapFault.PADDING if message.code:
            options = opt.replace(message.options, _ELECTIVE, bytes(_PADDING))
            return replace(message, options=options)
    return None


def _larger(message: CoapMessage) -> CoapMessage | None:
    value = message.option(opt.BLOCK2)
    block = parse_block(value) if value is not None else None
    if block is None:
        return None
    told = Block(block.num, block.more, 6)
    return replace(message, options=opt.replace(message.options, opt.BLOCK2, told.encode()))
